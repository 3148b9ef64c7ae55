# platform-owned: changed by `copier update` only; see platform/README.md
"""Ingest files: the models of ``ingest/<table>.yaml``, the loading of the folder, and their faults in sentences."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from yaml.nodes import MappingNode, Node

from building_block.contracts.column import fits
from building_block.contracts.load import Agreed, consumed_table
from building_block.ingest.binary_files import ParquetFile, XlsxFile
from building_block.ingest.declared import HOW_TO_WRITE, Column, DeclaredTable, span, wrong
from building_block.ingest.text_files import CsvFile, NdjsonFile
from building_block.messages import Code, Problem, ProblemError
from building_block.project import CLASSES, QUARANTINE, Classification, Project
from building_block.yaml_nodes import Kind, Location, parse, place

KINDS = ("file",)

AnySource = Annotated[CsvFile | ParquetFile | NdjsonFile | XlsxFile, Field(discriminator="format")]


def _span(value: Any) -> timedelta:
    try:
        return span(value)
    except ValueError as error:
        raise wrong(str(error), HOW_TO_WRITE) from None


_DAILY = re.compile(r"([0-5]?\d) (1?\d|2[0-3]) \* \* \*")
"""The schedules that most files have: valid without asking Dagster, which takes a second to load."""


def _cron(value: str) -> str:
    if _DAILY.fullmatch(value):
        return value
    from dagster._utils.schedules import is_valid_cron_string  # the very check that a ScheduleDefinition makes

    if len(value.split()) == 5 and is_valid_cron_string(value):
        return value
    raise wrong(f"`{value}` is not a cron schedule", 'write five fields: minute hour day month weekday, "0 6 * * *"')


Span = Annotated[timedelta, BeforeValidator(_span), WithJsonSchema({"type": "string", "pattern": r"^0*[1-9]\d*[hd]$"})]


class IngestSpec(DeclaredTable):
    """One source table: where its data comes from, whose it is, and when it is read."""

    description: str = Field(
        min_length=1, description="what one row is; Dagster and the warehouse show it", examples=["One row per …"]
    )
    owner: str | None = Field(
        None,
        pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
        description="e-mail of who answers for the data; default: the domain's",
        examples=["sales-data@example.com"],
    )
    source: AnySource = Field(description="where the data comes from, and in which format")
    schedule: Annotated[str, AfterValidator(_cron)] | None = Field(
        None,
        description="when to read the last day that is over, unless it was read as it is; cron in the domain's zone",
        examples=["0 6 * * *"],
    )
    freshness: Span | None = Field(
        None,
        description="at most this long between two materialisations, in hours as 36h or days as 2d",
        examples=["36h"],
    )

    contract: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$",
        description="the contract that the rows must keep: the name of its file in contracts/consumes/",
        examples=["invoices"],
    )
    on_violation: Literal["block", "quarantine"] = Field(
        "block",
        description="what becomes of data that breaks the contract; block: nothing of its partition comes in, "
        "quarantine: the rows that break it go to the table <table>_quarantine with the names of the rules",
        examples=["quarantine"],
    )
    _agreed: Agreed | None = PrivateAttr(None)

    @property
    def agreed(self) -> Agreed | None:
        """Return the contract that ``contract`` names."""
        return self._agreed

    def keeping(self, agreed: Agreed) -> Self:
        """Return it with its contract loaded."""
        spec = self.model_copy()
        spec._agreed = agreed
        return spec

    @property
    def quarantine(self) -> str | None:
        """Return the table of the rows that break the contract, None where none is kept apart."""
        return self.table + QUARANTINE if self.on_violation == "quarantine" else None

    def classification_of(self, column: Column) -> Classification:
        """Return how far a column's values may go; what the contract says of it counts here, too."""
        said = super().classification_of(column)
        promised = self.agreed and self.agreed.contract.column.get(column.name)
        if not promised:
            return said
        least = "confidential" if promised.is_pii else "public"
        return max(said, least, promised.classification or least, key=CLASSES.index)

    @field_validator("source", mode="before")
    @classmethod
    def _kind_is_known(cls, value: Any) -> Any:
        # Said before the union is told apart by `format`, which another kind need not have.
        if isinstance(value, dict) and value.get("kind", KINDS[0]) not in KINDS:
            raise wrong(f"unknown kind `{value['kind']}`", f"write `kind: {KINDS[0]}`", "kind")
        return value

    @model_validator(mode="after")
    def _parts_fit(self, info: ValidationInfo) -> Self:
        self._file = (info.context or {}).get("file", "")
        self.source.check(self.partitions is not None)
        if self.quarantine and not self.contract:
            what, write = "nothing says what may be violated", "write `contract:` with a file of contracts/consumes/"
            raise wrong(what, write, "on_violation")
        return self


# The JSON schema, for editors and for the names in messages -----------------------------------------------------------

OWNED = "platform-owned: changed by `copier update` only; see platform/README.md"


def ingest_schema() -> dict[str, Any]:
    """Return the schema that ``platform/schemas/ingest.json`` holds."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$comment": OWNED, "$schema": dialect, **IngestSpec.model_json_schema()}


def ingest_schema_text() -> str:
    """Return the text of ``platform/schemas/ingest.json``."""
    return json.dumps(ingest_schema(), indent=2, ensure_ascii=False) + "\n"


# The folder -----------------------------------------------------------------------------------------------------------

_INGEST = Kind(
    name="an ingest file",
    begins="write `description: …`, `source: …` and `columns: …`",
    syntax=Code.INGEST_YAML,
    key=Code.INGEST_KEY,
    dates=True,
)


def load_specs(folder: Path, root: Path) -> list[IngestSpec]:
    """Return the specs of all ``*.yaml`` and ``*.yml`` files directly in ``folder``, ordered by file name.

    Raise one ProblemError with every problem of every file, each at its line.
    """
    specs: list[IngestSpec] = []
    found: list[Problem] = []
    claimed: dict[str, str] = {}
    for path in sorted(folder.glob("[!.]*.y*ml")):
        if path.suffix not in (".yaml", ".yml"):
            continue
        file = path.relative_to(root).as_posix()
        try:
            spec, where = _load(path, file, root)
        except ProblemError as error:
            found += error.problems
            continue
        for table in filter(None, (spec.table, spec.quarantine)):
            if other := claimed.get(table):
                what = f"table `{table}` is {other}'s already"
                write = "write another `table:`, or drop a file"
                found.append(Problem(Code.INGEST_DUPLICATE_TABLE, where, what, write))
            claimed.setdefault(table, file)
        specs.append(spec)
    ProblemError.raise_any(found)
    return specs


def _load(path: Path, file: str, root: Path) -> tuple[IngestSpec, str]:
    """Return the file's spec, and where it claims its table."""
    values, node = parse(path.read_bytes(), file, _INGEST)
    try:
        spec = IngestSpec.model_validate({"table": path.stem} | values, context={"file": file})
    except ValidationError as error:
        raise ProblemError(*problems(error, file, node)) from None
    if spec.contract:
        found = consumed_table(Project(root), spec.contract, f"{file}:{place(node, ('contract',))[0]}")
        ProblemError.raise_any(_unlike(spec, found, file, node))
        spec = spec.keeping(found)
    return spec, f"{file}:{place(node, ('table',))[0]}"


def _unlike(spec: IngestSpec, agreed: Agreed, file: str, node: Node) -> Iterator[Problem]:
    """Yield a problem for each column of the contract that the ingest file does not declare as it is there."""
    declared = {column.name: (index, column) for index, column in enumerate(spec.columns)}
    for column in agreed.contract.columns:
        promised = f"{agreed.contract.file} promises"
        if column.name not in declared:
            line, _ = place(node, ("columns",))
            what = f"{promised} the column `{column.name}`, which is not read"
            write = f"write `- {{name: {column.name}, type: …}}`, or take it out of the contract"
            yield Problem(Code.CONTRACT_COLUMN, f"{file}:{line}", what, write, "columns")
            continue
        index, found = declared[column.name]
        if not fits(column.standard, column.type, found.sql_type):
            line, at = place(node, ("columns", index, "type"))
            what = f"{promised} {column.type}, and `{column.name}` is read as {found.sql_type}"
            yield Problem(Code.CONTRACT_COLUMN, f"{file}:{line}", what, "write one of the two as the other", at)


# Pydantic's errors as sentences of the house --------------------------------------------------------------------------


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
