"""The keys that a JSON schema of the platform's allows, and what each may be."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.surface.entry import Entries, Entry, Part

_WORDS = ("description", "examples", "title", "default", "$comment", "properties", "required", "items", "minItems")


def schema(file: Path, name: str) -> Entries:
    """Yield the keys of a schema by their paths, and their values; nothing where the release has no such schema."""
    if file.is_file():
        whole = json.loads(file.read_text(encoding="utf-8"))
        yield name, Entry(Part.NAME)
        yield from _keys(whole, whole.get("$defs", {}), name, name)


def _keys(group: dict[str, Any], models: dict[str, Any], name: str, of: str) -> Entries:
    for key, said in group.get("properties", {}).items():
        path = f"{name}.{key}"
        default = json.dumps(said["default"]) if said.get("default") is not None else ""
        yield path, Entry(Part.KEY, default, of, needed=key in group.get("required", ()))
        for alternative in _alternatives(said, models):
            inner = alternative.get("properties", {})
            # Of several groups each has a constant that says which it is.
            kinds = _allowed(inner["format"]) if "format" in inner and "oneOf" in said else [""]
            for kind in kinds:
                below = f"{path}.{kind}" if kind else path
                if kind:
                    yield below, Entry(Part.VALUE, of=path)
                yield from _keys(alternative, models, below, below)
            for value in [] if inner else _allowed(alternative):
                yield f"{path} = {value}", Entry(Part.VALUE, of=path)


def _alternatives(said: dict[str, Any], models: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a value may be: references looked up, of a list its items, without null, which is to leave it out."""
    if "$ref" in said:
        yield from _alternatives(models[said["$ref"].rpartition("/")[2]], models)
    elif branches := said.get("anyOf", said.get("oneOf")):
        for branch in branches:
            if branch != {"type": "null"}:
                yield from _alternatives(branch, models)
    elif "items" in said:
        yield from _alternatives(said["items"], models)
    else:
        yield said


def _allowed(said: dict[str, Any]) -> list[str]:
    """Return the values of an alternative, or one sentence of its type and limits."""
    if "enum" in said:
        return [str(value) for value in said["enum"]]
    if "const" in said:
        return [str(said["const"])]
    kinds = said.get("type", [])
    limits = [f"{key} {said[key]}" for key in sorted(said) if key not in ("type", *_WORDS)]
    return [" ".join([kind, *limits]) for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "object"]
