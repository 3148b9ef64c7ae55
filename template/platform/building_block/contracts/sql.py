# platform-owned: changed by `copier update` only; see platform/README.md
"""The SQL of rules: values of a contract written into it, and DuckDB asked beforehand whether it takes it."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import duckdb

from building_block.contracts.contract import Column, Contract
from building_block.contracts.rule import OBJECT, SAMPLE_EXPRESSION, QueryRule, RowRule, Rule
from building_block.messages import Code, Problem, ProblemError, nearest, one_line, shown
from building_block.sql import binder, literal
from building_block.yaml_nodes import Location

_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL.*|DOUBLE|FLOAT")
_MISSING_COLUMN = re.compile(r'Referenced column "(.+?)" not found|does not have a column named "(.+?)"')
_OTHER_TABLE = re.compile(r"Table with name (\S+) does not exist|file system operations are disabled")


def constant(contract: Contract, column: Column, value: Any, loc: Location) -> str:
    """Return a value of the contract as SQL of the column's type; raise ProblemError when it is none of that."""
    if _NUMBER.fullmatch(column.type):
        fits, write = isinstance(value, int | float) and not isinstance(value, bool), "write a number"
        text = repr(value)
    elif column.type == "BOOLEAN":
        fits, write = isinstance(value, bool), "write true or false"
        text = str(value).lower()
    else:
        write = f"write {column.type.lower()} as text" if column.type != "VARCHAR" else 'write text, in "quotes"'
        fits = isinstance(value, str) and "\0" not in value and _casts(value, column.type)
        text = f"CAST({literal(value)} AS {column.type})"
    if fits:
        return text
    what = f"{shown(value)} is no {column.type}, as {column.name} is"
    raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, loc, what, write))


@cache
def _casts(text: str, type_: str) -> bool:
    # A parameter would make DuckDB import pandas, which takes longer than all contracts together.
    return binder().execute(f"SELECT TRY_CAST({literal(text)} AS {type_}) IS NOT NULL").fetchone()[0]


def unanswerable(contract: Contract, found: Sequence[Rule]) -> Iterator[Problem]:
    """Yield a problem for each rule whose SQL does not fit the declared columns: DuckDB binds it over no rows.

    What binds here reads the contract's table and nothing else, for the connection has no way to files, the network or
    other tables.
    """
    empty = ", ".join(f"NULL::{column.type} AS {column.sql}" for column in contract.columns)
    connection = binder()
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {OBJECT} AS SELECT {empty} LIMIT 0")
    by_rows = [rule for rule in found if isinstance(rule, RowRule)]
    if _error(connection, by_rows):
        for rule in by_rows:
            if error := _error(connection, [rule]):
                what, write = f"the rule does not fit the column's type: {error}", "write another rule, or another type"
                yield contract.source.problem(Code.CONTRACT_RULE, rule.loc, what, write)
    for rule in found:
        if isinstance(rule, QueryRule) and (fault := _fault(connection, contract, rule)):
            yield contract.source.problem(Code.CONTRACT_RULE, (*rule.loc, "query"), *fault)
    for column in contract.columns:
        if said := column.custom(SAMPLE_EXPRESSION):
            try:
                connection.sql(f"SELECT CAST(({said.value}) AS {column.type}) FROM {OBJECT}")
            except duckdb.Error as error:
                loc = (*column.loc, "customProperties", column.standard.customProperties.index(said))
                what = f"DuckDB does not take the {SAMPLE_EXPRESSION}: {reason(error)}"
                write = f"correct it; the columns are {', '.join(contract.column)}"
                yield contract.source.problem(Code.CONTRACT_RULE, loc, what, write)


def _error(connection: duckdb.DuckDBPyConnection, by_rows: Sequence[RowRule]) -> str:
    try:
        connection.sql(f"SELECT {', '.join(['1', *(rule.breaks for rule in by_rows)])} FROM {OBJECT}")
    except duckdb.Error as error:
        return reason(error)
    return ""


def _fault(connection: duckdb.DuckDBPyConnection, contract: Contract, rule: QueryRule) -> tuple[str, str] | None:
    """Return what is wrong with a rule's own query and what to write instead."""
    try:
        statements = connection.extract_statements(rule.query)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            return "the query is not one SELECT", "write one SELECT that returns one value"
        # DuckDB executes every statement of a text; of this one it only asks what it would return.
        kinds = connection.sql(statements[0].query).types
    except duckdb.Error as error:
        if missing := _MISSING_COLUMN.search(str(error)):
            name = missing[1] or missing[2]
            what = f"the query names the column {shown(name)}, which is not there"
            return what, f"write {nearest(name, contract.column)}"
        if _OTHER_TABLE.search(str(error)):
            return "the query reads more than the contract's own table", "write FROM {object}, and no other"
        write = f"correct it; the columns are {', '.join(contract.column)}"
        return f"DuckDB does not take the query: {reason(error)}", write
    if len(kinds) != 1:
        return f"the query returns {len(kinds)} columns", "write one SELECT that returns one value"
    return _incomparable(rule, str(kinds[0]))


def _incomparable(rule: QueryRule, kind: str) -> tuple[str, str] | None:
    said = rule.limit.value
    numeric = bool(_NUMBER.fullmatch(kind))
    if isinstance(said, str | bool):
        wanted = "BOOLEAN" if isinstance(said, bool) else "VARCHAR"
        comparable = kind == wanted
    else:
        comparable = numeric
    if comparable:
        return None
    return f"the query returns {kind}, and {rule.limit.operator} is {shown(said)}", "write one of them as the other"


def reason(error: duckdb.Error) -> str:
    """Return what DuckDB says is wrong, on one line."""
    first = str(error).partition("\n")[0]
    return one_line((first.partition("Error: ")[2] or first).replace(OBJECT, "{object}"))
