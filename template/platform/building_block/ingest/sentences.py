# platform-owned: changed by `copier update` only; see platform/README.md
"""Pydantic's errors as sentences of the house."""

from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from yaml.nodes import MappingNode

from building_block.ingest.schema import ingest_schema
from building_block.messages import Code, Problem
from building_block.yaml_nodes import place

Location = tuple[str | int, ...]


def problems(error: ValidationError, file: str, node: MappingNode) -> list[Problem]:
    """Return one problem for each error, in the file's order; ``node`` is the file's root."""
    found = []
    for details in error.errors(include_url=False):
        code, loc, what, write = _sentence(details)
        line, path = place(node, loc)
        found.append((line, Problem(code, f"{file}:{line}", what, write, path)))
    return [problem for _, problem in sorted(found, key=lambda pair: pair[0])]


def _sentence(error: ErrorDetails) -> tuple[Code, Location, str, str]:
    loc, context = error["loc"], error.get("ctx", {})
    value, key = error["input"], str(loc[-1]) if loc else ""
    shown = f"`{value}`" if isinstance(value, str | int | float) else "an empty value" if value is None else "this"
    match error["type"]:
        case "house":
            return context["code"], loc + context["at"], context["what"], context["write"]
        case "extra_forbidden":
            known = list(_schema_at(loc[:-1]).get("properties", {}))
            near = get_close_matches(key, known, 1)
            write = f"write `{near[0]}`" if near else f"write one of {', '.join(known)}"
            return Code.INGEST_KEY, loc, f"unknown key `{key}`", write
        case "missing":
            return Code.INGEST_KEY, loc, f"key `{key}` is missing", _example(loc)
        case "union_tag_not_found":
            if typo := get_close_matches("format", list(value), 1):
                return Code.INGEST_KEY, (*loc, typo[0]), f"unknown key `{typo[0]}`", "write `format`"
            choices = ", ".join(_schema_at(loc).get("discriminator", {}).get("mapping", {}))
            return Code.INGEST_KEY, (*loc, "format"), "key `format` is missing", f"write one of {choices}"
        case "union_tag_invalid":
            what = f"`{context['tag']}` is not a choice"
            return Code.INGEST_VALUE, (*loc, "format"), what, f"write one of {context['expected_tags']}"
        case "literal_error":
            return Code.INGEST_VALUE, loc, f"{shown} is not a choice", f"write {context['expected']}"
        case "string_type":
            what = f"{shown} is not text" if value is not None else f"`{key}` has no value"
            return (
                Code.INGEST_VALUE,
                loc,
                what,
                'write text, in "quotes" if YAML would read it as a number, date or yes/no',
            )
        case "list_type":
            return Code.INGEST_VALUE, loc, f"{shown} is not a list", "write items that begin with `- `"
        case "model_type" | "model_attributes_type":
            return Code.INGEST_VALUE, loc, f"{shown} is not a group of keys", f"write keys below `{key}:`"
        case "string_too_short" | "too_short":
            return Code.INGEST_VALUE, loc, f"`{key}` is empty", _example(loc)
        case _:
            return Code.INGEST_VALUE, loc, f"{shown} is not valid", _example(loc)


def _example(loc: Location) -> str:
    key, schema = loc[-1], _schema_at(loc)
    if examples := schema.get("examples"):
        return f"write `{key}: {examples[0]}`"
    inner = _schema_at(loc[:-1]).get("properties", {}).get(key, {})
    return f"write `{key}` with {inner.get('description', 'a value')}"


@cache
def _schema() -> dict[str, Any]:
    return ingest_schema()


def _schema_at(loc: Location) -> dict[str, Any]:
    """Return the part of the JSON schema that describes a pydantic location, {} where there is none."""
    schema = _schema()
    for part in loc:
        if isinstance(part, int):
            schema = schema.get("items", {})
        elif choices := schema.get("discriminator", {}).get("mapping"):
            schema = {"$ref": choices.get(part, "")}
        else:
            schema = schema.get("properties", {}).get(part, {})
        schema = next(iter(schema.get("anyOf", [])), {}) | {k: v for k, v in schema.items() if k != "anyOf"}
        if reference := schema.get("$ref"):
            schema = _schema()["$defs"].get(reference.rpartition("/")[2], {})
    return schema
