# platform-owned: changed by `copier update` only; see platform/README.md
"""A column under contract: its type in DuckDB, its class, and whether and how it is masked.

The standard has no words for personal data, masking and classes of confidentiality, so these are the house's:
the tag ``pii``, the custom properties ``masking`` and ``maskingLength``, and ``classification`` from public to
restricted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import duckdb
from duckdb.sqltypes import DuckDBPyType
from open_data_contract_standard.model import CustomProperty, SchemaProperty

from building_block.contracts.standard import ContractFile
from building_block.messages import Code, ProblemError, shown
from building_block.project import CLASSES
from building_block.sql import binder, quoted
from building_block.yaml_nodes import Location

PII = "pii"


class Masking(StrEnum):
    """What becomes of a column of personal data on its way to ``published``."""

    HASH = "hash"
    """HMAC-SHA256 with the domain's key: equal values stay equal, and nobody without the key can try values out."""
    NULLIFY = "nullify"
    TRUNCATE = "truncate"
    """Text keeps its first ``maskingLength`` characters, a day or timestamp the first day of its year."""
    NONE = "none"
    """Stays as it is; the contract says why, in the custom property's ``description``."""


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


# The type of a column: what the contract calls it, and what DuckDB does -----------------------------------------------

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_PHYSICAL = {
    "string": ("VARCHAR", "UUID"),
    "integer": _INTEGERS,
    "number": ("DECIMAL", "DOUBLE", "FLOAT", *_INTEGERS),
    "boolean": ("BOOLEAN",),
    "date": ("DATE",),
    "timestamp": ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
    "time": ("TIME",),
    "object": ("STRUCT", "JSON"),
    "map": ("MAP",),
}
"""DuckDB's types, without their digits, that can hold each logical type; the first is the one meant without more."""
_EXAMPLES = {
    "number": "decimal(18,2)` or `double",
    "object": "struct(street varchar, city varchar)",
    "map": "map(varchar, double)",
    "array": "varchar[]",
    "vector": "float[]",
}
"""What to write for the logical types that decide no type of DuckDB by themselves."""
_NOT_IN_PARQUET = ("hugeint", "uhugeint", "timestamp_s", "timestamp_ms", "enum", "bit", "array")
"""What DuckDB writes into a parquet file as another type: HUGEINT, as of a `sum()`, as DOUBLE, FLOAT[3] as FLOAT[]."""


def column_type(source: ContractFile, column: SchemaProperty, loc: Location) -> str:
    """Return DuckDB's name of a column's type, in capitals; raise ProblemError when the contract decides none."""
    logical, physical = column.logicalType, column.physicalType
    if logical is None:
        what = f"column {shown(column.name)} has no logicalType"
        write = f"write `logicalType: {_logical(physical)}`, by which its rules are read"
        raise ProblemError(source.problem(Code.CONTRACT_TYPE, loc, what, write))
    if physical is None:
        if logical in _EXAMPLES:
            what, write = (
                f"logicalType `{logical}` alone decides no type",
                f"write `physicalType: {_EXAMPLES[logical]}`",
            )
            raise ProblemError(source.problem(Code.CONTRACT_TYPE, loc, what, write))
        return "BIGINT" if logical == "integer" else _PHYSICAL[logical][0]
    known = _known(physical)
    if known is None:
        what = f"unknown type {shown(physical)}"
        write = "write a type of DuckDB, such as varchar, bigint, decimal(18,2), double, boolean, date or timestamp"
        raise ProblemError(source.problem(Code.CONTRACT_TYPE, (*loc, "physicalType"), what, write))
    if not _can_hold(known, logical):
        what = f"physicalType {shown(physical)} cannot hold a {logical}"
        fitting = ", ".join(_PHYSICAL.get(logical, ())).lower()
        write = f"write {_EXAMPLES.get(logical, f'one of {fitting}')}, or another logicalType"
        raise ProblemError(source.problem(Code.CONTRACT_TYPE, (*loc, "physicalType"), what, write))
    return known


def fits(column: SchemaProperty, promised: str, found: str) -> bool:
    """Say whether data of DuckDB's type ``found`` is what ``column`` promises, whose own type is ``promised``.

    Where the contract leaves the physical type open, any that can hold the logical one is.
    """
    return found == promised or (column.physicalType is None and _can_hold(found, column.logicalType))


def unkept(kind: str) -> str | None:
    """Return that part of DuckDB's type ``kind`` which a parquet file holds as another one, None when it keeps all."""
    return _unkept(duckdb.sqltype(kind, connection=binder()))


def _unkept(kind: DuckDBPyType) -> str | None:
    if kind.id in _NOT_IN_PARQUET:
        return str(kind)
    parts = kind.children if kind.id in ("struct", "list", "map") else ()
    return next((found for _, part in parts if (found := _unkept(part))), None)


def declaration(kind: str) -> dict[str, str]:
    """Return how a contract declares a type of DuckDB: the logical one, and the physical where that decides none."""
    known = _known(kind) or kind
    logical = _logical(kind)
    alone = "BIGINT" if logical == "integer" else _PHYSICAL.get(logical, ("",))[0]
    decided = logical not in _EXAMPLES and known == alone
    return {"logicalType": logical} | ({} if decided else {"physicalType": known.lower()})


def _known(physical: str) -> str | None:
    """Return DuckDB's own name of a type, None when it has none of that name."""
    try:
        return str(duckdb.sqltype(physical, connection=binder()))
    except duckdb.Error:
        return None


def _can_hold(known: str, logical: str) -> bool:
    if logical in ("array", "vector"):
        return known.endswith("]")
    return known.partition("(")[0] in _PHYSICAL[logical] and not known.endswith("]")


def _logical(physical: str | None) -> str:
    """Return the logical type that was meant with a physical one."""
    known = _known(physical) if physical else None
    return next((logical for logical in (*_PHYSICAL, "array") if known and _can_hold(known, logical)), "string")
