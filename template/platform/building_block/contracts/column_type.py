# platform-owned: changed by `copier update` only; see platform/README.md
"""The type of a column: what the contract calls it, and what DuckDB does."""

import duckdb
from duckdb.sqltypes import DuckDBPyType
from open_data_contract_standard.model import SchemaProperty

from building_block.contracts.engine import binder
from building_block.contracts.standard import ContractFile
from building_block.messages import Code, ProblemError, shown
from building_block.yaml_nodes import Location

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
