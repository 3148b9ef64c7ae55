# platform-owned: changed by `copier update` only; see platform/README.md
"""A contract as the house reads it: one table, its columns in DuckDB's types, and what is promised of them.

The standard has no words for personal data, masking and classes of confidentiality, so these are the house's:
the tag ``pii``, the custom properties ``masking`` and ``maskingLength``, and ``classification`` from public to
restricted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache, cached_property
from typing import Any, get_args

import duckdb
from open_data_contract_standard.model import CustomProperty, SchemaObject, SchemaProperty

from building_block.contracts.standard import ContractFile, Location
from building_block.ingest.column import Classification
from building_block.messages import Code, Problem, ProblemError, nearest

CLASSES: tuple[str, ...] = get_args(Classification)
"""From the least to the most confidential."""
PII = "pii"
SUFFIX = ".odcs.yaml"

_SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")  # https://semver.org, without a pre-release
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_PHYSICAL = {
    "string": ("VARCHAR", "UUID"),
    "integer": _INTEGERS,
    "number": ("DECIMAL", "DOUBLE", "FLOAT", *_INTEGERS),
    "boolean": ("BOOLEAN",),
    "date": ("DATE",),
    "timestamp": ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
    "time": ("TIME",),
}
"""DuckDB's types, without their digits, that can hold each logical type; the first is the one meant without more."""
_AMBIGUOUS = {"number": "decimal(18,2)` or `double"}
_UNITS = {
    "hours": ("h", "hr", "hour", "hours"),
    "days": ("d", "day", "days"),
    "weeks": ("w", "wk", "week", "weeks"),
    "months": ("mo", "month", "months"),  # not m, which is a minute to some
    "years": ("y", "yr", "year", "years"),
}
_DAYS = {"hours": 1 / 24, "days": 1, "weeks": 7, "months": 365.25 / 12, "years": 365.25}


class Masking(StrEnum):
    """What becomes of a column of personal data on its way to ``published``."""

    HASH = "hash"
    """HMAC-SHA256 with the domain's key: equal values stay equal, and nobody without the key can try values out."""
    NULLIFY = "nullify"
    TRUNCATE = "truncate"
    """Text keeps its first ``maskingLength`` characters, a day or timestamp the first day of its year."""
    NONE = "none"
    """Stays as it is; the contract says why, in the custom property's ``description``."""


@dataclass(frozen=True, order=True)
class Version:
    """A semantic version."""

    major: int
    minor: int
    patch: int

    @classmethod
    def of(cls, text: str) -> "Version | None":
        """Return the version in ``text``, None when it is none."""
        found = _SEMVER.fullmatch(text)
        return cls(*map(int, found.groups())) if found else None

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True)
class Span:
    """A length of time as a person agrees on it: a year is a calendar's, not 365 days."""

    number: int
    unit: str
    """In the plural, as DuckDB takes it in an INTERVAL."""

    @property
    def sql(self) -> str:
        """Return it as SQL."""
        return f"INTERVAL {self.number} {self.unit}"

    @property
    def delta(self) -> timedelta:
        """Return it in days and hours, a month and a year by their mean length."""
        return timedelta(days=self.number * _DAYS[self.unit])

    def __str__(self) -> str:
        """Return it as a person says it."""
        return f"{self.number} {self.unit if self.number > 1 else self.unit[:-1]}"


@dataclass(frozen=True)
class Column:
    """One column of the published table."""

    name: str
    type: str
    """DuckDB's name of the type, in capitals."""
    loc: Location
    standard: SchemaProperty

    @property
    def sql(self) -> str:
        """Return the name as an SQL identifier."""
        return '"' + self.name.replace('"', '""') + '"'

    @property
    def options(self) -> dict[str, Any]:
        """Return the standard's ``logicalTypeOptions``."""
        return self.standard.logicalTypeOptions or {}

    @property
    def is_pii(self) -> bool:
        """Say whether it holds personal data."""
        return PII in (self.standard.tags or ())

    @property
    def masking(self) -> Masking | None:
        """Return what its values become, None where the contract says nothing of it."""
        found = self.custom("masking")
        return Masking(found.value) if found and found.value in list(Masking) else None

    @property
    def masking_length(self) -> int | None:
        """Return how many characters ``truncate`` keeps."""
        found = self.custom("maskingLength")
        return found.value if found and isinstance(found.value, int) and found.value > 0 else None

    @property
    def classification(self) -> str | None:
        """Return its class, None where the contract says none of the house's."""
        return self.standard.classification if self.standard.classification in CLASSES else None

    def custom(self, name: str) -> CustomProperty | None:
        """Return a custom property by its name."""
        return next((one for one in self.standard.customProperties or () if one.property == name), None)


@dataclass(frozen=True)
class Retention:
    """How long a row may be kept, counted from the value of one of its columns."""

    span: Span
    column: Column
    loc: Location


@dataclass(frozen=True)
class Contract:
    """One table under contract. ``contract`` makes it."""

    source: ContractFile
    name: str
    """The port, or for what a domain consumes the table."""
    version: Version
    columns: tuple[Column, ...]
    retention: Retention | None
    frequency: Span | None
    """At most this long between two publications."""

    @property
    def file(self) -> str:
        """Return the file's path relative to the project's root."""
        return self.source.file

    @property
    def table(self) -> SchemaObject:
        """Return the one table of the standard's ``schema``."""
        return self.source.content.schema_[0]

    @property
    def description(self) -> str:
        """Return what one row is."""
        return self.table.description or ""

    @cached_property
    def column(self) -> dict[str, Column]:
        """Return the columns by name."""
        return {column.name: column for column in self.columns}

    @property
    def key(self) -> tuple[Column, ...]:
        """Return the columns of the primary key in its order."""
        keyed = [column for column in self.columns if column.standard.primaryKey]
        return tuple(sorted(keyed, key=lambda column: column.standard.primaryKeyPosition or 0))

    @property
    def classification(self) -> str | None:
        """Return the most confidential class of its columns."""
        said = [column.classification for column in self.columns if column.classification]
        return max(said, key=CLASSES.index, default=None)

    @property
    def team(self) -> str:
        """Return the team that answers for the data, "" where the contract names none."""
        team = self.source.content.team
        return "" if team is None or isinstance(team, list) else team.name or ""

    @property
    def owner(self) -> str:
        """Return the e-mail of the member who is the owner, "" where there is none."""
        team = self.source.content.team
        members = [] if team is None or isinstance(team, list) else team.members or []
        return next((one.username for one in members if one.role == "owner" and "@" in (one.username or "")), "")


def binder() -> duckdb.DuckDBPyConnection:
    """Return a connection without data, to ask DuckDB what it takes.

    A new one each time: after `float(3,2)`, which is no type, one takes no type at all any more.
    """
    return _empty().cursor()


@cache
def _empty() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def contract(source: ContractFile) -> Contract:
    """Return the contract in a file of the standard.

    Raises:
        ProblemError: it is none of one table with columns whose types DuckDB has; the error carries every problem.
    """
    found: list[Problem] = []
    version = Version.of(source.content.version)
    if version is None:
        what = f"`{source.content.version}` is not a semantic version"
        found.append(source.problem(Code.CONTRACT_VERSION, ("version",), what, "write three numbers: `version: 1.0.0`"))
    tables = source.content.schema_ or []
    if len(tables) != 1:
        what = f"the contract has {len(tables)} tables" if tables else "the contract has no table"
        write = "write one under `schema`: a contract is about one port"
        raise ProblemError(*found, source.problem(Code.CONTRACT_SCHEMA, ("schema",), what, write))
    columns: list[Column] = []
    for index, standard in enumerate(tables[0].properties or ()):
        loc = ("schema", 0, "properties", index)
        try:
            columns.append(Column(standard.name, _type(source, standard, loc), loc, standard))
        except ProblemError as error:
            found += error.problems
    found += _twice(source, columns)
    if not tables[0].properties:
        what = "the table has no column"
        found.append(source.problem(Code.CONTRACT_SCHEMA, ("schema", 0), what, "write `properties: …`"))
    ProblemError.raise_any(found)
    retention, frequency = _service_levels(source, columns)
    return Contract(source, tables[0].name, version, tuple(columns), retention, frequency)


def _twice(source: ContractFile, columns: list[Column]) -> Iterator[Problem]:
    seen: set[str] = set()
    for column in columns:
        if column.name.lower() in seen:
            what = f"column `{column.name}` stands twice; letter case does not count"
            yield source.problem(Code.CONTRACT_SCHEMA, (*column.loc, "name"), what, "keep one of the two")
        seen.add(column.name.lower())


def _type(source: ContractFile, column: SchemaProperty, loc: Location) -> str:
    """Return DuckDB's name of a column's type."""
    logical, physical = column.logicalType, column.physicalType
    if physical:
        try:
            known = str(duckdb.sqltype(physical, connection=binder()))
        except duckdb.Error:
            what = f"unknown type `{physical}`"
            write = "write a type of DuckDB, such as varchar, bigint, decimal(18,2), double, boolean, date or timestamp"
            raise ProblemError(source.problem(Code.CONTRACT_TYPE, (*loc, "physicalType"), what, write)) from None
        fitting = _PHYSICAL.get(logical or "")
        if fitting and known.partition("(")[0] not in fitting:
            what = f"physicalType `{physical}` cannot hold a {logical}"
            write = f"write one of {', '.join(fitting).lower()}, or another logicalType"
            raise ProblemError(source.problem(Code.CONTRACT_TYPE, (*loc, "physicalType"), what, write))
        return known
    if logical in _AMBIGUOUS or logical not in _PHYSICAL:
        what = f"logicalType `{logical}` alone decides no type" if logical else f"column `{column.name}` has no type"
        write = f"write `physicalType: {_AMBIGUOUS.get(logical, 'varchar')}`"
        raise ProblemError(source.problem(Code.CONTRACT_TYPE, loc, what, write))
    return "BIGINT" if logical == "integer" else _PHYSICAL[logical][0]


def _service_levels(source: ContractFile, columns: list[Column]) -> tuple[Retention | None, Span | None]:
    """Return retention and frequency; raise ProblemError for one that cannot be read."""
    by_name = {column.name: column for column in columns}
    found: list[Problem] = []
    retention, frequency = None, None
    for index, level in enumerate(source.content.slaProperties or ()):
        loc = ("slaProperties", index)
        if level.property not in ("retention", "frequency"):
            continue
        unit = next((name for name, written in _UNITS.items() if level.unit in written), None)
        if not isinstance(level.value, int) or isinstance(level.value, bool) or level.value < 1:
            what = f"`{level.value}` is no length of time"
            found.append(source.problem(Code.CONTRACT_VALUE, (*loc, "value"), what, "write a whole number above 0"))
        elif unit is None:
            what = f"`{level.unit}` is no unit of time" if level.unit else "the unit of time is missing"
            write = "write `unit: d`, or one of h, w, month, y"
            found.append(source.problem(Code.CONTRACT_VALUE, (*loc, "unit"), what, write))
        elif level.property == "frequency":
            frequency = Span(level.value, unit)
        else:
            element = (level.element or "").rpartition(".")[2]
            column = by_name.get(element)
            dates = [one.name for one in columns if one.type in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")]
            if column is None:
                what = f"retention counts from the column `{element}`, which is not there"
                if not element:
                    what = "retention does not say from which column it counts"
                write = f"write `element: {nearest(element, dates) or '<a column of dates>'}`"
                found.append(source.problem(Code.CONTRACT_RULE, (*loc, "element"), what, write))
            elif column.name not in dates:
                what = f"retention counts from `{element}`, which is a {column.type}"
                write = f"write a date or timestamp: {', '.join(dates) or 'the table has none'}"
                found.append(source.problem(Code.CONTRACT_RULE, (*loc, "element"), what, write))
            else:
                retention = Retention(Span(level.value, unit), column, loc)
    ProblemError.raise_any(found)
    return retention, frequency
