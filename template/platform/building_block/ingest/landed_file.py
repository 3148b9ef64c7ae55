# platform-owned: changed by `copier update` only; see platform/README.md
"""A landed file opened on a DuckDB connection, and the streaming of its rows in the declared types.

DuckDB casts '1.5' to INTEGER 2, '2.555' to DECIMAL(18,2) 2.56, '2020-01-01x' to a DATE and drops '+02:00' from a
TIMESTAMP, all in silence. Accepted here: whole numbers as ``17850`` or ``17850.0``, decimals whose further digits are
zeros, ISO dates and timestamps (``Z`` allowed, other offsets not). Empty text of a CSV file has become NULL before.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

import duckdb
import pyarrow as pa

from building_block.ingest.declared import Column, DeclaredTable
from building_block.messages import Code, Problem, ProblemError
from building_block.sql import literal, quoted
from building_block.warehouse.handover import BATCH_ROWS

NAMED = 5


class LandedColumn(NamedTuple):
    """A column as the file has it: its name there, SQL that reads it, its DuckDB type."""

    name: str
    sql: str
    type: str


@dataclass(frozen=True)
class Landed(ABC):
    """What each format of file tells about one file, so that one reader serves all formats."""

    con: duckdb.DuckDBPyConnection
    shown: str
    """The file as messages name it."""
    relation: str
    """SQL of the rows, in the file's order; ``row_number`` counts them."""
    columns: list[LandedColumn]

    row_number = "row_number() OVER ()"
    header = ""
    """What follows the file's name where its columns stand, as ``:1``."""

    @abstractmethod
    def damage(self) -> list[Problem]:
        """Find what in the file's structure DuckDB cannot read; slow, asked only after it failed."""

    @abstractmethod
    def places(self, rows: list[int]) -> list[tuple[str, str]]:
        """Return ``Problem.where`` and the begin of ``Problem.path`` of each of the ascending row numbers."""


def first_few(problems: Iterable[Problem], shown: str) -> list[Problem]:
    """Return the first problems and, when there are more, one that counts them all."""
    ordered = iter(problems)
    found = list(islice(ordered, NAMED))
    return found + _total(found, shown, len(found) + sum(1 for _ in ordered))


def _total(found: list[Problem], shown: str, count: int) -> list[Problem]:
    if count <= len(found):
        return []
    what = f"{count} such places in all, the first {len(found)} are named"
    return [Problem(found[0].code, shown, what, "correct what writes the file, then land it again")]


def typed_batches(landed: Landed, table: DeclaredTable, origin: dict[str, str]) -> Iterator[pa.RecordBatch]:
    """Return an iterator over the rows in ``table.arrow_schema``; ``origin`` are the values of its last columns.

    Raise ProblemError at once when the columns do not match, and while iterating when a row or a value is wrong.
    """
    ProblemError.raise_any(_unmatched(landed, table))
    there = {column.name: column for column in landed.columns}
    selected = [
        f"{exact_cast(found.sql, found.type, column.sql_type) if found else f'NULL::{column.sql_type}'}"
        f" AS {quoted(column.name)}"
        for column in table.columns
        for found in [there.get(column.name)]
    ]
    selected += [f"{literal(value)} AS {name}" for name, value in origin.items()]
    return _stream(landed, table, f"SELECT {', '.join(selected)} FROM {landed.relation}")


def _stream(landed: Landed, table: DeclaredTable, query: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from landed.con.execute(query).to_arrow_reader(BATCH_ROWS)
    except (duckdb.Error, pa.ArrowException, OSError) as error:  # Arrow's stream turns DuckDB's errors into OSError
        raise ProblemError(*(landed.damage() or _misfits(landed, table) or [_unexplained(landed, error)])) from error


def _unexplained(landed: Landed, error: Exception) -> Problem:
    first_line = str(error).partition("\n")[0]
    write = "land it again; in text, end all lines alike and keep a row below 2 MB"
    return Problem(Code.LANDING_FILE_BROKEN, landed.shown, f"DuckDB cannot read it: {first_line}", write)


def _unmatched(landed: Landed, table: DeclaredTable) -> Iterator[Problem]:
    where = landed.shown + landed.header
    declared = {column.name for column in table.columns}
    names = [column.name for column in landed.columns]
    for name in sorted({name for name in names if name in declared and names.count(name) > 1}):
        what, write = f"the file has two columns `{name}`", "give one of them another name"
        yield Problem(Code.LANDING_COLUMN_UNDECLARED, where, what, write, name)
    for name in dict.fromkeys(names) if table.undeclared_columns == "fail" else ():
        if name not in declared:
            what = f"the file has a column `{name}` that {table.file} does not declare"
            entry = f"- {{name: {json.dumps(name, ensure_ascii=False)}, type: string}}"
            write = f"write `{entry}` under `columns`, or `undeclared_columns: ignore`"
            yield Problem(Code.LANDING_COLUMN_UNDECLARED, where, what, write, name)
    missing = [column.name for column in table.columns if column.name not in names]
    # A file that has none of the columns is another file, or lost its header line: all NULL would hide that.
    for name in missing if table.missing_columns == "fail" or len(missing) == len(declared) else ():
        what = f"the file lacks the column `{name}` that {table.file} declares"
        near = get_close_matches(name.lower(), [other.lower() for other in names if other not in declared], 1)
        near = [other for other in names if near and other.lower() == near[0]]
        write = (
            f"write `name: {near[0]}`"
            if near
            else "take it out of `columns`, or write `missing_columns: fill_with_null`"
        )
        yield Problem(Code.LANDING_COLUMN_MISSING, where, what, write, name)


def _misfits(landed: Landed, table: DeclaredTable) -> list[Problem]:
    """Return the first values that do not fit their declared type."""
    declared = {column.name: column for column in table.columns}
    pairs = [(declared[found.name], found) for found in landed.columns if found.name in declared]
    # Renamed, so that no column of the file can be taken for the row number.
    inner = ", ".join(f"{found.sql} AS v{i}" for i, (_, found) in enumerate(pairs))
    tests = [misfit(f"v{i}", found.type, column.sql_type) for i, (column, found) in enumerate(pairs)]
    values = ", ".join(f"CASE WHEN {test} THEN CAST(v{i} AS VARCHAR) END" for i, test in enumerate(tests))
    query = f"SELECT n, {values} FROM (SELECT {landed.row_number} AS n, {inner} FROM {landed.relation}) WHERE "
    try:
        rows = landed.con.execute(query + " OR ".join(tests))
        cells = (
            (row[0], column, value)
            for row in iter(rows.fetchone, None)
            for (column, _), value in zip(pairs, row[1:], strict=True)
            if value is not None
        )
        named = list(islice(cells, NAMED))
        count = len(named) + sum(1 for _ in cells)
    except duckdb.Error:
        return []
    places = dict(zip(rows_ := sorted({n for n, *_ in named}), landed.places(rows_), strict=True))
    found = [_misfit_problem(*places[n], column, value, table) for n, column, value in named]
    return found + _total(found, landed.shown, count)


def _misfit_problem(where: str, path: str, column: Column, value: str, table: DeclaredTable) -> Problem:
    secret = table.classification_of(column) in ("confidential", "restricted")
    shown = "a value" if secret else f"`{value if len(value) <= 40 else value[:39] + '…'}`"
    what = f"{shown} does not fit `{column.type}` exactly"
    write = f"correct the value, or write a wider `type` (`string` takes all) for `{column.name}` in {table.file}"
    return Problem(Code.LANDING_TYPE, where, what, write, f"{path} {column.name}".lstrip())


# Exact casts: SQL that refuses where DuckDB's own would lose something ------------------------------------------------

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")


def is_exact(value: str, landed: str, target: str) -> str:
    """Return SQL that is true where the non-null ``value`` of type ``landed`` casts to ``target`` without loss.

    It is not true, but perhaps NULL, where it does not. Of text it looks at the form only: the cast must succeed too.
    """
    if landed == target:
        return "true"
    if landed != "VARCHAR":
        return f"TRY_CAST(TRY_CAST({value} AS {target}) AS {landed}) = {value}"
    if target in ("DATE", "TIMESTAMP"):
        # Nearly every value stands as DuckDB writes it, and that comparison takes half the time of the pattern.
        # 'infinity' is written so as well: it does not begin with a digit.
        as_written = f"CAST(TRY_CAST({value} AS {target}) AS VARCHAR) = {value} AND {value} BETWEEN '0' AND ':'"
        return f"({as_written} OR {_has_form(value, target)})"
    return _has_form(value, target)


def exact_cast(value: str, landed: str, target: str) -> str:
    """Return SQL that casts, and ends the query with an error at the first value that does not fit."""
    if landed == target:
        return value
    condition = f"{value} IS NULL OR {is_exact(value, landed, target)}"
    return f"CASE WHEN {condition} THEN CAST({value} AS {target}) ELSE error('inexact') END"


def misfit(value: str, landed: str, target: str) -> str:
    """Return SQL that is true where ``exact_cast`` would end the query."""
    fits = f"TRY_CAST({value} AS {target}) IS NOT NULL AND {is_exact(value, landed, target)}"
    return f"({value} IS NOT NULL AND ({fits}) IS NOT TRUE)"


def _has_form(value: str, target: str) -> str:
    if decimal := re.fullmatch(r"DECIMAL\(\d+,(\d+)\)", target):
        form = rf"[+-]?(\d+(\.\d{{0,{decimal[1]}}}0*)?|\.\d{{0,{decimal[1]}}}0*)"
    elif target.removeprefix("U") in _INTEGERS:
        form = r"[+-]?\d+(\.0*)?"
    elif target == "DATE":
        form = r"\d{4}-\d{2}-\d{2}([ T]00:00(:00(\.0+)?)?Z?)?"
    elif target == "TIMESTAMP":
        form = r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6}0*)?)?Z?)?"
    else:
        return "true"
    return rf"regexp_full_match({value}, '\s*{form}\s*')"
