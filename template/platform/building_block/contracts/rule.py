# platform-owned: changed by `copier update` only; see platform/README.md
"""One rule of a contract: what is measured, what the measured number must be, and whether DuckDB takes its SQL."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from building_block.contracts.column import Column
from building_block.contracts.contract import Contract
from building_block.messages import Code, Problem, ProblemError, nearest, one_line, shown
from building_block.sql import binder, literal
from building_block.yaml_nodes import Location

OBJECT = "bb_contract_data"
"""The view by which a rule's own SQL reads the table; the standard's ``{object}``."""
SAMPLE_EXPRESSION = "sampleExpression"
"""The custom property of a column that says as SQL over the row what a sample's value there is."""

OPERATORS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "mustBe": ("exactly {0}", lambda found, said: found == said),
    "mustNotBe": ("anything but {0}", lambda found, said: found != said),
    "mustBeGreaterThan": ("more than {0}", lambda found, said: found > said),
    "mustBeGreaterOrEqualTo": ("at least {0}", lambda found, said: found >= said),
    "mustBeLessThan": ("less than {0}", lambda found, said: found < said),
    "mustBeLessOrEqualTo": ("at most {0}", lambda found, said: found <= said),
    "mustBeBetween": ("from {0[0]} to {0[1]}", lambda found, said: min(said) <= found <= max(said)),
    "mustNotBeBetween": ("not from {0[0]} to {0[1]}", lambda found, said: not min(said) <= found <= max(said)),
}
"""The standard's words for what a number must be, as a sentence's end and as the comparison."""


@dataclass(frozen=True)
class Limit:
    """What a measured number must be, in rows or in percent of all rows."""

    operator: str = "mustBe"
    value: Any = 0
    percent: bool = False

    def holds(self, measured: Any) -> bool:
        """Say whether it is that; nothing measured, as the mean of no rows, keeps no limit."""
        return measured is not None and OPERATORS[self.operator][1](measured, self.value)

    @property
    def is_none(self) -> bool:
        """Say whether it asks for none at all, so that each row that counts breaks the rule."""
        return self.operator == "mustBe" and self.value == 0

    def __str__(self) -> str:
        """Return it as a sentence's end."""
        value = str(self.value).lower() if isinstance(self.value, bool) else self.value
        return OPERATORS[self.operator][0].format(value) + (" percent" if self.percent else "")


@dataclass(frozen=True)
class Rule:
    """One rule, which is one named check of the asset."""

    name: str
    description: str
    loc: Location
    limit: Limit
    blocking: bool
    """Whether data that breaks it is not published; the standard's ``severity``."""
    column: str | None


@dataclass(frozen=True)
class RowRule(Rule):
    """Each row keeps or breaks it by itself; what is measured is how many break it."""

    breaks: str
    """SQL over one row: true where it breaks the rule."""
    settled: str | None = None
    """SQL over count, min and max alone: true when no row breaks it, which statistics can answer without a scan."""


@dataclass(frozen=True)
class DuplicateRule(Rule):
    """What is measured is how many rows repeat the values of earlier ones; a row with a null repeats none."""

    columns: tuple[str, ...]


@dataclass(frozen=True)
class CountRule(Rule):
    """What is measured is how many rows there are."""


@dataclass(frozen=True)
class QueryRule(Rule):
    """What is measured is what the rule's own SQL returns."""

    query: str


# Its SQL --------------------------------------------------------------------------------------------------------------

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


def is_below(left: Any, right: Any, type_: str) -> bool | None:
    """Say whether a bound is below another; a day or a time is compared as the column's type, None if it is none."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left < right
    cast = f"TRY_CAST({literal(left)} AS {type_}) < TRY_CAST({literal(right)} AS {type_})"
    return binder().execute(f"SELECT {cast}").fetchone()[0]


def no_match(contract: Contract, column: Column, pattern: Any, loc: Location) -> str:
    """Return SQL that is true of a value that ``pattern`` does not match; raise ProblemError when it is no pattern."""
    if not isinstance(pattern, str):
        what, write = f"{shown(pattern)} is no pattern", 'write a regular expression, in "quotes"'
        raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, loc, what, write))
    if column.type != "VARCHAR":
        what = f"a pattern is for text, and {column.name} is {column.type}"
        raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, loc, what, "write another rule"))
    try:
        binder().execute(f"SELECT regexp_matches('', {literal(pattern)})")
    except duckdb.Error as error:
        what = f"the pattern does not compile: {reason(error)}"
        write = "write a regular expression of RE2, which has no look-around and no back-references"
        raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, loc, what, write)) from None
    return f"NOT regexp_matches({column.sql}, {literal(pattern)})"


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
