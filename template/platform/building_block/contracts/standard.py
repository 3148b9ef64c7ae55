# platform-owned: changed by `copier update` only; see platform/README.md
"""One file of the Open Data Contract Standard: parsed, and held against the standard's own JSON schema."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pydantic
from jsonschema import Draft201909Validator, ValidationError, validators
from open_data_contract_standard.model import OpenDataContractStandard
from yaml.nodes import MappingNode

from building_block.messages import Code, Problem, ProblemError, one_line, shown
from building_block.yaml_nodes import Kind, Location, parse, place

_CONTRACT = Kind(
    name="a contract",
    begins="write `apiVersion: v3.2.0`, `kind: DataContract`, `id: …`, `version: 1.0.0` and `schema: …`",
    syntax=Code.CONTRACT_YAML,
    key=Code.CONTRACT_SCHEMA,
    dates=False,  # the standard writes a day as text
)


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
        ProblemError: it cannot be read, is not YAML or does not keep the standard; the error carries every problem.
    """
    return of_text(content(path, file), file)


def content(path: Path, file: str) -> bytes:
    """Return what stands in ``path``; raises ProblemError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        what, write = f"the file cannot be read: {error.strerror}", "write a file that can be"
        raise ProblemError(Problem(Code.CONTRACT_YAML, f"{file}:1", what, write)) from None


def of_text(text: bytes, file: str) -> ContractFile:
    """Return the contract in ``text``, as ``read`` does."""
    values, node = parse(text, file, _CONTRACT)
    # Two keys that cannot be shown, as two of blanks, look alike.
    ProblemError.raise_any(dict.fromkeys(problems(values, file, node)))
    try:
        content = OpenDataContractStandard.model_validate(values)
    except pydantic.ValidationError as error:  # the package's models are here and there narrower than its schema
        line, path = place(node, error.errors()[0]["loc"])
        what = f"{shown(error.errors()[0]['input'])} is not what the standard takes here"
        write = "write it as the standard describes it"
        raise ProblemError(Problem(Code.CONTRACT_SCHEMA, f"{file}:{line}", what, write, path)) from None
    return ContractFile(file, hashlib.sha256(text).hexdigest()[:12], node, content)


# The faults, as sentences of the house --------------------------------------------------------------------------------

_TYPES = {
    "string": ("text", 'write text, in "quotes" if YAML would read it as a number, date or yes/no'),
    "object": ("a group of keys", "write keys with values below it"),
    "array": ("a list", "write items that begin with `- `"),
    "boolean": ("true or false", "write true or false"),
    "integer": ("a whole number", "write a whole number without quotes"),
    "number": ("a number", "write a number without quotes"),
    "null": ("empty", "leave it empty"),
}
_METRICS = "nullValues, missingValues, invalidValues, duplicateValues or rowCount"
_FORMS = {"^[A-Za-z0-9_-]+$": "letters, digits, _ and -"}


@dataclass(frozen=True)
class _Fault:
    loc: Location
    kind: str
    """The schema's keyword, or ``misplaced``: a key of the standard that does not go with those beside it."""
    what: str
    write: str
    meant: str = ""
    """The key that an unknown one was to be."""


def problems(values: dict[str, Any], file: str, node: MappingNode) -> list[Problem]:
    """Return a problem for each fault, in the file's order; ``node`` is the file's root."""
    found = []
    for fault in _one_each([fault for error in _validator().iter_errors(values) for fault in _faults(error)]):
        line, path = place(node, fault.loc)
        found.append((line, Problem(Code.CONTRACT_SCHEMA, f"{file}:{line}", fault.what, fault.write, path)))
    return [problem for _, problem in sorted(found, key=lambda pair: pair[0])]


def _one_each(faults: list[_Fault]) -> list[_Fault]:
    """Return the faults that tell what is wrong, without their consequences."""
    rank = {"type": 0, "unknown": 2, "misplaced": 3}
    first: dict[Location, _Fault] = {}
    for fault in sorted(faults, key=lambda one: rank.get(one.kind, 1)):
        first.setdefault(fault.loc, fault)
    meant = {(*fault.loc[:-1], fault.meant) for fault in first.values() if fault.meant}
    compared = {loc[:-1] for loc in meant if str(loc[-1]).startswith("must")}
    strangers = _strangers(first)
    # What fails a part of its schema is not counted as evaluated by it, so that each of its keys looks misplaced.
    told = [fault.loc for fault in first.values() if fault.kind != "misplaced"]
    return [*strangers.values()] + [
        fault
        for loc, fault in first.items()
        if loc[:-1] not in strangers
        and not (fault.kind == "required" and loc in meant)
        and not (fault.kind == "oneOf" and loc in compared)
        and not (fault.kind == "misplaced" and any(other[: len(loc) - 1] == loc[:-1] for other in told))
    ]


def _strangers(faults: dict[Location, _Fault]) -> dict[Location, _Fault]:
    """Return one fault for each group of keys that is something else: most often the key above it is gone."""
    unknown: dict[Location, list[str]] = {}
    for loc, fault in faults.items():
        if fault.kind == "unknown":
            unknown.setdefault(loc[:-1], []).append(f"`{one_line(str(loc[-1]))}`")
    needy = {loc[:-1] for loc, fault in faults.items() if fault.kind == "required"}
    write = "write the key that they belong under, or correct the indentation"
    return {
        loc: _Fault(loc, "strangers", f"{', '.join(names)} belong elsewhere", write)
        for loc, names in unknown.items()
        if len(names) > 1 and loc in needy and loc
    }


# The schema -----------------------------------------------------------------------------------------------------------


@cache
def _validator() -> Draft201909Validator:
    # Not by the package's json_schema(), which opens the file in a way that Python has deprecated.
    text = resources.files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    strict = validators.extend(Draft201909Validator, {"if": _if, "unevaluatedProperties": _unevaluated})
    return strict(json.loads(text))


def _if(validator: Any, condition: dict[str, Any], instance: Any, schema: dict[str, Any]) -> Iterator[ValidationError]:
    """Take a condition on a key's value as the standard's text does: it holds only where that key stands.

    By its JSON schema a column without ``logicalType`` would have to be a map, a vector and all others at once.
    """
    if not isinstance(instance, dict):
        return
    about = {key for one in condition.get("anyOf", [condition]) for key in one.get("properties", ())}
    if not about or about & set(instance):
        yield from Draft201909Validator.VALIDATORS["if"](validator, condition, instance, schema)


def _unevaluated(validator: Any, allowed: Any, instance: Any, schema: dict[str, Any]) -> Iterator[ValidationError]:
    """Ask jsonschema only about keys that may or may not stand there: it takes two thirds of the time of all."""
    if isinstance(instance, dict) and not set(instance) <= _keys(id(schema), always=True):
        yield from Draft201909Validator.VALIDATORS["unevaluatedProperties"](validator, allowed, instance, schema)


@cache
def _keys(schema_id: int, *, always: bool) -> frozenset[str]:
    """Return the keys that a part of the schema, named by its identity, knows: always, or under some condition."""
    schema = _parts()[schema_id]
    parts = list(schema.get("allOf", ()))
    if "$ref" in schema:
        parts.append(_validator().schema["$defs"][schema["$ref"].rpartition("/")[2]])
    if not always:
        parts += [schema[word] for word in ("then", "else") if word in schema]
        parts += [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return frozenset(schema.get("properties", ())).union(*(_keys(id(part), always=always) for part in parts))


@cache
def _parts() -> dict[int, Any]:
    def walk(schema: Any) -> Iterator[Any]:
        yield schema
        inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
        for one in inner:
            yield from walk(one)

    return {id(part): part for part in walk(_validator().schema) if isinstance(part, dict)}


# Its errors -----------------------------------------------------------------------------------------------------------


def _faults(error: ValidationError) -> Iterator[_Fault]:
    error = _nearest(error)
    loc, value, said = tuple(error.absolute_path), error.instance, error.validator_value
    key = loc[-1] if loc and isinstance(loc[-1], str) else ""
    match error.validator:
        case "additionalProperties" | "unevaluatedProperties":
            yield from _of_keys(error, loc)
        case "required":
            for name in said:
                if name not in value:
                    yield _Fault((*loc, name), "required", f"key `{name}` is missing", f"write `{name}: …`")
        case "enum":
            near = get_close_matches(str(value), map(str, said), 1)
            write = f"write {near[0] if near else ('one of ' if len(said) > 1 else '') + ', '.join(map(str, said))}"
            yield _Fault(loc, "enum", f"{shown(value)} is not a choice", write)
        case "type":
            names = " or ".join(_TYPES[kind][0] for kind in _kinds(error))
            what = f"`{key}` has no value" if value is None and key else f"{shown(value)} is not {names}"
            yield _Fault(loc, "type", what, _TYPES[_kinds(error)[0]][1])
        case "oneOf" if _is_comparison(error):
            given = [name for name in value if name.startswith("must")] if isinstance(value, dict) else []
            what = f"{', '.join(given)} stand together" if given else "nothing says what the measured number must be"
            write = "keep one of them" if given else "write `mustBe: 0`, or mustBeLessThan, mustBeBetween, …"
            yield _Fault(loc, "oneOf", what, write)
        case "pattern":
            form = _FORMS.get(said)
            write = f"write {form} only" if form else f"write {_described(error)}"
            yield _Fault(loc, "pattern", f"{shown(value)} does not have the form of `{key or loc[-2]}`", write)
        case "minimum" | "exclusiveMinimum":
            write = f"write {'at least' if error.validator == 'minimum' else 'more than'} {said}"
            yield _Fault(loc, "range", f"{shown(value)} is too small", write)
        case "minItems" | "maxItems":
            count = f"at {'least' if error.validator == 'minItems' else 'most'} {said}"
            yield _Fault(loc, "items", f"`{key}` has {len(value)} items", f"write {count}")
        case "uniqueItems":
            yield _Fault(loc, "items", f"an item of `{key}` stands twice", "keep one of the two")
        case _:
            what = f"{shown(value)} is not what the standard takes here"
            yield _Fault(loc, str(error.validator), what, f"write {_described(error)}")


def _nearest(error: ValidationError) -> ValidationError:
    """Return of alternatives the one that was meant, as far as one can tell."""
    while error.context and error.validator in ("anyOf", "oneOf") and not _is_comparison(error):
        inner = error.context
        if all(one.validator == "type" and one.absolute_path == error.absolute_path for one in inner):
            inner[0].validator_value = [kind for one in inner for kind in _kinds(one)]
            return inner[0]
        error = max(inner, key=lambda one: (len(one.absolute_path), one.validator != "type"))
    return error


def _is_comparison(error: ValidationError) -> bool:
    """Say whether it is about mustBe, mustBeLessThan and so on, of which a rule has exactly one."""
    return error.validator == "oneOf" and {"required": ["mustBe"]}.items() <= error.validator_value[0].items()


def _kinds(error: ValidationError) -> list[str]:
    said = error.validator_value
    kinds = said if isinstance(said, list) else [said]
    return [kind for kind in kinds if kind != "null" and not (kind == "integer" and "number" in kinds)]


def _of_keys(error: ValidationError, loc: Location) -> Iterator[_Fault]:
    known = _keys(id(error.schema), always=False)
    rejected = [key for key in error.instance if repr(key) in error.message]
    if (
        known >= {"metric", "query"}
        and "type" not in error.instance
        and not isinstance(error.instance.get("metric"), str)
    ):
        write = "write `type: sql`" if "query" in error.instance else f"write `metric:` with {_METRICS}"
        yield _Fault((*loc, "metric"), "required", "nothing says what is measured", write)
        return
    for key in rejected:
        if key in known:
            value = error.instance[key]
            what = f"`{key}` has no value" if value is None else f"`{key}` does not go with the keys beside it"
            yield _Fault((*loc, key), "misplaced", what, "write one" if value is None else "take it out")
            continue
        near = get_close_matches(key, sorted(known), 1)
        if near:
            yield _Fault((*loc, key), "unknown", f"unknown key {shown(key)}", f"write `{near[0]}`", near[0])
            continue
        may = "take it out, or write it under `customProperties`"
        write = may if "customProperties" in known else f"write one of {', '.join(sorted(known))}"
        yield _Fault((*loc, key), "unknown", f"unknown key {shown(key)}", write)


def _described(error: ValidationError) -> str:
    text = error.schema.get("description", "") if isinstance(error.schema, dict) else ""
    return f"it as the standard says: {text}" if text else "it as the standard has it"
