# platform-owned: changed by `copier update` only; see platform/README.md
"""A contract as the house reads it: one table, its columns in DuckDB's types, and what is promised of them.

The standard has no words for personal data, masking and classes of confidentiality, so these are the house's:
the tag ``pii``, the custom properties ``masking`` and ``maskingLength``, and ``classification`` from public to
restricted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from open_data_contract_standard.model import CustomProperty, SchemaObject, SchemaProperty

from building_block.contracts.column_type import column_type
from building_block.contracts.service_levels import Retention, Span, service_levels
from building_block.contracts.standard import ContractFile
from building_block.messages import Code, Problem, ProblemError, shown
from building_block.project import CLASSES
from building_block.sql_text import quoted
from building_block.yaml_nodes import Location

PII = "pii"
SUFFIX = ".odcs.yaml"

_NUMBER = r"(0|[1-9][0-9]{0,8})"
_SEMVER = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}")  # https://semver.org, without a pre-release
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")  # what any database takes without quotes


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
        return quoted(self.name)

    @property
    def options(self) -> dict[str, Any]:
        """Return the standard's ``logicalTypeOptions``."""
        return self.standard.logicalTypeOptions or {}

    @property
    def is_pii(self) -> bool:
        """Say whether it holds personal data; `PII` counts, too, though the policy wants it written `pii`."""
        return PII in (tag.lower() for tag in self.standard.tags or ())

    @property
    def masking(self) -> Masking | None:
        """Return what its values become, None where the contract says nothing of it."""
        found = self.custom("masking")
        return Masking(found.value) if found and found.value in list(Masking) else None

    @property
    def masking_length(self) -> int | None:
        """Return how many characters ``truncate`` keeps."""
        found = self.custom("maskingLength")
        return found.value if found and type(found.value) is int and 0 < found.value < 2**31 else None

    @property
    def classification(self) -> str | None:
        """Return its class, None where the contract says none of the house's."""
        return self.standard.classification if self.standard.classification in CLASSES else None

    def fields(self) -> Iterator[tuple[Location, SchemaProperty]]:
        """Yield what the standard declares inside of the column, at any depth, with its key path."""
        yield from _inside(self.standard, self.loc)

    def custom(self, name: str) -> CustomProperty | None:
        """Return a custom property by its name."""
        return next((one for one in self.standard.customProperties or () if one.property == name), None)


def _inside(standard: SchemaProperty, loc: Location) -> Iterator[tuple[Location, SchemaProperty]]:
    inner = [((*loc, "properties", index), field) for index, field in enumerate(standard.properties or ())]
    inner += [((*loc, "items"), standard.items)] if standard.items else []
    if standard.map:
        inner += [((*loc, "map", key), field) for key in ("key", "value") if (field := getattr(standard.map, key))]
    for at, field in inner:
        yield at, field
        yield from _inside(field, at)


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


def contract(source: ContractFile) -> Contract:
    """Return the contract in a file of the standard.

    Raises:
        ProblemError: it is none of one table with columns whose types DuckDB has; the error carries every problem.
    """
    found: list[Problem] = []
    version = Version.of(source.content.version)
    if version is None:
        what = f"{shown(source.content.version)} is not a semantic version"
        found.append(source.problem(Code.CONTRACT_VERSION, ("version",), what, "write three numbers: `version: 1.0.0`"))
    tables = source.content.schema_ or []
    if len(tables) != 1:
        what = f"the contract has {len(tables)} tables" if tables else "the contract has no table"
        write = "write one under `schema`: a contract is about one port"
        raise ProblemError(*found, source.problem(Code.CONTRACT_SCHEMA, ("schema",), what, write))
    found += _named(source, tables[0].name, "table", ("schema", 0, "name"))
    columns: list[Column] = []
    for index, standard in enumerate(tables[0].properties or ()):
        loc = ("schema", 0, "properties", index)
        found += _named(source, standard.name, "column", (*loc, "name"))
        try:
            columns.append(Column(standard.name, column_type(source, standard, loc), loc, standard))
        except ProblemError as error:
            found += error.problems
    found += _twice(source, columns)
    if not tables[0].properties:
        what = "the table has no column"
        found.append(source.problem(Code.CONTRACT_SCHEMA, ("schema", 0), what, "write `properties: …`"))
    ProblemError.raise_any(found)
    retention, frequency = service_levels(source, columns)
    return Contract(source, tables[0].name, version, tuple(columns), retention, frequency)


def _named(source: ContractFile, name: str, of: str, loc: Location) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        what = f"{shown(name)} is no name of a {of}"
        write = "write at most 63 letters from a to z, digits and _, no digit first"
        yield source.problem(Code.CONTRACT_SCHEMA, loc, what, write)


def _twice(source: ContractFile, columns: list[Column]) -> Iterator[Problem]:
    seen: set[str] = set()
    for column in columns:
        if column.name.lower() in seen:
            what = f"column {shown(column.name)} stands twice, letter case does not count"
            yield source.problem(Code.CONTRACT_SCHEMA, (*column.loc, "name"), what, "keep one of the two")
        seen.add(column.name.lower())
