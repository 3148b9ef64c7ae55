# platform-owned: changed by `copier update` only; see platform/README.md
"""One file of the Open Data Contract Standard: parsed, and held against the standard's own JSON schema."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema import Draft201909Validator, ValidationError
from open_data_contract_standard.model import OpenDataContractStandard
from pydantic import ValidationError as ModelError
from yaml.nodes import MappingNode

from building_block.messages import Code, Problem, ProblemError
from building_block.yaml_nodes import Kind, parse, place

Location = tuple[str | int, ...]

_CONTRACT = Kind(
    name="a contract",
    begins="write `apiVersion: v3.2.0`, `kind: DataContract`, `id: …`, `version: 1.0.0` and `schema: …`",
    syntax=Code.CONTRACT_YAML,
    key=Code.CONTRACT_SCHEMA,
    dates=False,  # the standard writes a day as text
)
_TYPES = {
    "string": "text",
    "object": "a group of keys",
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "nothing",
}


@dataclass(frozen=True)
class ContractFile:
    """A file that keeps the standard, and where in it everything stands."""

    file: str
    """Path relative to the project's root."""
    digest: str
    node: MappingNode
    content: OpenDataContractStandard

    def problem(self, code: Code, loc: Location, what: str, write: str) -> Problem:
        """Return a problem at the line of a key path, or at that of what of the path exists."""
        line, path = place(self.node, loc)
        return Problem(code, f"{self.file}:{line}", what, write, path)


def read(path: Path, file: str) -> ContractFile:
    """Return the contract in ``path``; ``file`` names it in messages.

    Raises:
        ProblemError: it is not YAML or does not keep the standard; the error carries every problem.
    """
    return of_text(path.read_bytes(), file)


def of_text(text: bytes, file: str) -> ContractFile:
    """Return the contract in ``text``, as ``read`` does."""
    values, node = parse(text, file, _CONTRACT)
    found = [_problem(error, file, node) for error in _telling(_validator().iter_errors(values))]
    ProblemError.raise_any(sorted(dict.fromkeys(found), key=lambda problem: int(problem.where.rpartition(":")[2])))
    try:
        content = OpenDataContractStandard.model_validate(values)
    except ModelError as error:
        raise ProblemError(*(_of_model(details, file, node) for details in error.errors())) from None
    return ContractFile(file, hashlib.sha256(text).hexdigest()[:12], node, content)


@cache
def _validator() -> Draft201909Validator:
    # Not by its json_schema(), which opens the file in a way that Python has deprecated.
    text = resources.files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    return Draft201909Validator(json.loads(text))


def _telling(errors: Iterator[ValidationError]) -> list[ValidationError]:
    """Return the errors that tell what is wrong: of alternatives the nearest one, and no mere consequence.

    A part that fails its own schema counts as unevaluated as well, which makes every key of it look unknown.
    """
    found = [_nearest(error) for error in errors]
    wrong = [tuple(error.absolute_path) for error in found if error.validator != "unevaluatedProperties"]
    return [
        error
        for error in found
        if error.validator != "unevaluatedProperties"
        or not any(path[: len(error.absolute_path)] == tuple(error.absolute_path) for path in wrong)
    ]


def _nearest(error: ValidationError) -> ValidationError:
    while error.context and error.validator in ("anyOf", "allOf", "if"):
        error = max(error.context, key=lambda inner: (len(inner.absolute_path), inner.validator != "type"))
    return error


def _problem(error: ValidationError, file: str, node: MappingNode) -> Problem:
    loc, what, write = _sentence(error)
    line, path = place(node, loc)
    return Problem(Code.CONTRACT_SCHEMA, f"{file}:{line}", what, write, path)


def _sentence(error: ValidationError) -> tuple[Location, str, str]:
    loc, value = tuple(error.absolute_path), error.instance
    key = str(loc[-1]) if loc else "the contract"
    shown = (
        f"`{value}`" if isinstance(value, str | int | float | bool) else "an empty value" if value is None else "this"
    )
    match error.validator:
        case "additionalProperties" | "unevaluatedProperties":
            unknown = next((name for name in re.findall(r"'([^']+)'", error.message) if name in value), key)
            near = get_close_matches(unknown, _known_keys(error), 1)
            write = f"write `{near[0]}`" if near else "take it out, or write it under `customProperties`"
            return (*loc, unknown), f"unknown key `{unknown}`", write
        case "required":
            missing = next((name for name in error.validator_value if name not in value), "")
            return (*loc, missing), f"key `{missing}` is missing", f"write `{missing}: …`"
        case "enum":
            near = get_close_matches(str(value), map(str, error.validator_value), 1)
            choices = ", ".join(map(str, near or error.validator_value))
            return loc, f"{shown} is not a choice", f"write {'' if near else 'one of '}{choices}"
        case "type":
            kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
            quotes = ', in "quotes" if YAML would read it otherwise' if kinds == ["string"] else ""
            return loc, f"{shown} is not {' or '.join(map(_TYPES.get, kinds))}", f"write `{key}` as such{quotes}"
        case "oneOf" if isinstance(value, dict) and "must" in str(error.schema):
            said = [name for name in value if name.startswith("must")]
            what = f"{', '.join(said)} stand together" if said else "nothing says what the measured number must be"
            return loc, what, "write one of mustBe, mustBeLessThan, mustBeGreaterThan, mustBeBetween, …"
        case "pattern":
            return loc, f"{shown} does not have the form {error.validator_value}", f"write `{key}` in that form"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            bound = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}
            how = bound.get(error.validator, "less than")
            return loc, f"{shown} is out of range", f"write {how} {error.validator_value}"
        case "minItems":
            return loc, f"`{key}` has too few entries", f"write at least {error.validator_value}"
        case "maxItems":
            return loc, f"`{key}` has too many entries", f"write at most {error.validator_value}"
        case "uniqueItems":
            return loc, f"an entry of `{key}` stands twice", "keep one of the two"
        case "not":
            keys = error.validator_value.get("required", [])
            return loc, f"`{', '.join(keys)}` must not stand here", "take it out"
        case _:
            return loc, f"{shown} is not what the standard takes here", f"write `{key}` as {_described(error)}"


def _described(error: ValidationError) -> str:
    text = error.schema.get("description", "") if isinstance(error.schema, dict) else ""
    return f"the standard describes it: {text}" if text else "the standard describes it"


@cache
def _all_keys() -> frozenset[str]:
    def walk(schema: Any) -> Iterator[str]:
        if isinstance(schema, dict):
            properties = schema.get("properties", {})
            yield from properties if isinstance(properties, dict) else ()
            for inner in schema.values():
                yield from walk(inner)
        elif isinstance(schema, list):
            for inner in schema:
                yield from walk(inner)

    return frozenset(walk(_validator().schema))


def _known_keys(error: ValidationError) -> list[str]:
    """Return the keys that may stand where the unknown one does, as far as one part of the schema says so."""
    near = list(error.schema.get("properties", ())) if isinstance(error.schema, dict) else []
    return near or sorted(_all_keys())


def _of_model(details: Any, file: str, node: MappingNode) -> Problem:
    line, path = place(node, details["loc"])
    write = "write it as the standard describes it"
    return Problem(Code.CONTRACT_SCHEMA, f"{file}:{line}", f"{details['msg']}", write, path)
