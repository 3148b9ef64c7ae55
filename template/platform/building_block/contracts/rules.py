# platform-owned: changed by `copier update` only; see platform/README.md
"""What the data must satisfy: the rules that a contract's columns, keys and ``quality`` sections amount to.

Of each rule: what is measured, what the measured number must be, and whether DuckDB takes its SQL.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
from open_data_contract_standard.model import DataQuality

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


# The rules of a contract ----------------------------------------------------------------------------------------------

FORMATS = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "uuid": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "uri": r"^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$",
    "hostname": r"^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$",
    "ipv4": r"^((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4}$",
    "ipv6": r"^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$",
}
"""Values of the option ``format`` and the pattern that each stands for."""
_BOUNDS = {
    "minimum": (">=", "min"),
    "exclusiveMinimum": (">", "min"),
    "maximum": ("<=", "max"),
    "exclusiveMaximum": ("<", "max"),
}
_LOWER_ENDS = {
    "maximum": ("minimum", "exclusiveMinimum"),
    "exclusiveMaximum": ("minimum", "exclusiveMinimum"),
    "maxLength": ("minLength",),
    "maxItems": ("minItems",),
}
_COMPARED = {
    "minLength": ("at least {0} characters", "length({1}) < {0}"),
    "maxLength": ("at most {0} characters", "length({1}) > {0}"),
    "minItems": ("at least {0} items", "len({1}) < {0}"),
    "maxItems": ("at most {0} items", "len({1}) > {0}"),
    "multipleOf": ("only multiples of {0}", "{1} % {0} <> 0"),
    "uniqueItems": ("no item twice", "len({1}) > len(list_distinct({1}))"),
}
"""Option → what a value has, and SQL that is true of one that has not."""
OPTIONS = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "integer": (*_BOUNDS, "multipleOf"),
    "number": (*_BOUNDS, "multipleOf"),
    "date": tuple(_BOUNDS),
    "timestamp": tuple(_BOUNDS),
    "time": tuple(_BOUNDS),
    "array": ("minItems", "maxItems", "uniqueItems"),
}
"""The ``logicalTypeOptions`` that are rules, by logical type."""
_PROMISES = ("required", "unique", "primaryKey", "enum", "quality", "logicalTypeOptions")
_OF_WRITING = ("format", "timezone", "defaultTimezone", "dimensions", "elementType", "embeddingModel", "distanceMetric")
"""Options that say how a value is written or made, which the physical type settles here."""


def rules(contract: Contract) -> list[Rule]:
    """Return the contract's rules in the order of its columns, then those of the whole table.

    Raises:
        ProblemError: a rule names a column that is not there, or cannot be asked; the error carries every problem.
    """
    found: list[Rule] = []
    problems: list[Problem] = []
    sources = [_of_column(contract, column) for column in contract.columns] + [_of_table(contract)]
    for source in sources:
        for make in source:
            try:
                found.append(make())
            except ProblemError as error:
                problems += error.problems
    seen: set[str] = set()
    for rule in found:
        if rule.name in seen:
            what, write = f"two rules are called {shown(rule.name)}", "write an `id:` of its own for this one"
            problems.append(contract.source.problem(Code.CONTRACT_RULE, rule.loc, what, write))
        seen.add(rule.name)
    problems += unanswerable(contract, found)
    ProblemError.raise_any(problems)
    return found


Made = Callable[[], Rule]


def _of_column(contract: Contract, column: Column) -> Iterator[Made]:
    said, loc, name = column.standard, column.loc, column.name
    if said.required or said.primaryKey:
        at = (*loc, "required" if said.required else "primaryKey")
        what, settled = f"{name} is never empty.", f"count({column.sql}) = count(*)"
        yield lambda: _row(column, "not_null", what, at, f"{column.sql} IS NULL", settled)
    if said.unique or contract.key == (column,):
        at = (*loc, "unique" if said.unique else "primaryKey")
        yield lambda: DuplicateRule(
            f"{name.lower()}_unique", f"{name} is never repeated.", at, Limit(), True, name, (name,)
        )
    for option, value in column.options.items():
        if option not in _OF_WRITING or (option == "format" and said.logicalType == "string"):
            yield lambda option=option, value=value: _option(contract, column, option, value)
    if said.enum:
        yield lambda: _enum(contract, column)
    for index, quality in enumerate(said.quality or ()):
        at = (*loc, "quality", index)
        if quality.type != "text" or quality.metric:
            yield lambda quality=quality, at=at: quality_rule(contract, column, quality, at)
    for at, field in column.fields():
        if promised := next((key for key in _PROMISES if getattr(field, key)), None):
            yield lambda at=at, promised=promised: _unchecked(contract, column, (*at, promised))


def _unchecked(contract: Contract, column: Column, loc: Location) -> Rule:
    what = f"`{loc[-1]}` of a field inside of {column.name} is not checked here"
    write = "write the field as a column of its own, or a rule of `type: sql`"
    raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, loc, what, write))


def _of_table(contract: Contract) -> Iterator[Made]:
    if len(contract.key) > 1:
        names = tuple(column.name for column in contract.key)
        what, at = f"No two rows have the same {', '.join(names)}.", (*contract.key[0].loc, "primaryKey")
        yield lambda: DuplicateRule("key_unique", what, at, Limit(), True, None, names)
    for index, quality in enumerate(contract.table.quality or ()):
        at = ("schema", 0, "quality", index)
        if quality.type != "text" or quality.metric:
            yield lambda quality=quality, at=at: quality_rule(contract, None, quality, at)


def _row(column: Column, name: str, what: str, loc: Location, breaks: str, settled: str | None = None) -> RowRule:
    return RowRule(f"{column.name.lower()}_{name}", what, loc, Limit(), True, column.name, breaks, settled)


def _option(contract: Contract, column: Column, option: str, value: Any) -> Rule | None:
    """Return the rule that an option of the logical type amounts to."""
    at, name = (*column.loc, "logicalTypeOptions", option), re.sub(r"(?=[A-Z])", "_", option).lower()
    logical = column.standard.logicalType
    if option not in OPTIONS.get(logical, ()):
        what = f"`{option}` of a {logical} is not checked here"
        write = "take it out, or write a rule of `type: sql` under `quality`"
        raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, at, what, write))
    for end in _LOWER_ENDS.get(option, ()):
        if end in column.options and is_below(value, column.options[end], column.type):
            what = f"{option} {value} is below {end} {column.options[end]}, so that no value keeps both"
            raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, at, what, "exchange the two"))
    if option in _BOUNDS:
        sign, extreme = _BOUNDS[option]
        bound = constant(contract, column, value, at)
        settled = f"coalesce({extreme}({column.sql}) {sign} {bound}, true)"
        return _row(column, name, f"{column.name} {sign} {value}.", at, f"NOT ({column.sql} {sign} {bound})", settled)
    if option == "multipleOf" and column.type in ("DOUBLE", "FLOAT"):  # whose 0.3 is no multiple of 0.1 to the last bit
        parts = f"{column.sql} / {value}"
        breaks = f"abs({parts} - round({parts})) > 1e-6 + abs({parts}) * 1e-15"
        return _row(column, name, f"{column.name} has only multiples of {value}.", at, breaks)
    if option in _COMPARED:
        what, breaks = (text.format(value, column.sql) for text in _COMPARED[option])
        return _row(column, name, f"{column.name} has {what}.", at, breaks)
    if option == "pattern":
        return _row(column, name, f"{column.name} matches {value}.", at, no_match(contract, column, value, at))
    if value not in FORMATS:
        what, write = f"nobody knows how the format {shown(value)} looks", f"write one of {', '.join(FORMATS)}"
        raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, at, what, f"{write}, or a `pattern`"))
    breaks = no_match(contract, column, FORMATS[value], at)
    return _row(column, name, f"{column.name} is formed as {value}.", at, breaks)


def _enum(contract: Contract, column: Column) -> RowRule:
    at = (*column.loc, "enum")
    # An empty field is none of the values and breaks no such rule, listed or not; `required` is what forbids it.
    values = {index: one.value for index, one in enumerate(column.standard.enum) if one.value is not None}
    if not values:
        problem = contract.source.problem(Code.CONTRACT_RULE, at, "`enum` lists no value", "write `enum: [{value: …}]`")
        raise ProblemError(problem)
    listed = [constant(contract, column, value, (*at, index, "value")) for index, value in values.items()]
    said = ", ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values.values())
    breaks = f"{column.sql} NOT IN ({', '.join(listed)})"
    return _row(column, "enum", f"{column.name} is one of {said}.", at, breaks)


# The standard's ``quality`` sections, under a column or the whole table -----------------------------------------------

METRICS = {
    "rowCount": ("table", ()),
    "duplicateValues": ("table, column", ("properties",)),
    "nullValues": ("column", ()),
    "missingValues": ("column", ("missingValues",)),
    "invalidValues": ("column", ("validValues", "pattern")),
}
"""Metric → where it may stand, and its arguments."""
SEVERITIES = ("error", "warning", "info")
_UNITS = ("rows", "percent")


def quality_rule(contract: Contract, column: Column | None, quality: DataQuality, loc: Location) -> Rule:
    """Return the rule of one entry of ``quality``; raise ProblemError when it cannot be asked."""
    section = _Section(contract, column, quality, loc)
    if quality.metric and quality.type not in (None, "library"):
        raise section.fault("metric", f"`metric` and `type: {quality.type}` stand together", "keep one of the two")
    if quality.type == "custom":
        what = f"a rule of {shown(quality.engine)} is not run here"
        raise section.fault("engine", what, "write it as `type: sql` with a `query`, or take it out")
    if quality.type == "sql":
        return section.of_query()
    if quality.metric is None:
        raise section.fault(
            "metric", "nothing says what is measured", f"write `metric:` with one of {', '.join(METRICS)}"
        )
    return section.of_metric()


class _Section:
    """One entry of ``quality``."""

    def __init__(self, contract: Contract, column: Column | None, quality: DataQuality, loc: Location) -> None:
        self.contract = contract
        self.column = column
        self.quality = quality
        self.loc = loc
        self.arguments = quality.arguments or {}

    def fault(self, key: str, what: str, write: str, *below: str | int) -> ProblemError:
        problem = self.contract.source.problem(Code.CONTRACT_RULE, (*self.loc, key, *below), what, write)
        return ProblemError(problem)

    def of_query(self) -> QueryRule:
        query = re.sub(r"\$?\{(object|table)\}", OBJECT, self.quality.query)
        if self.column is None and (asked := re.search(r"\$?\{(property|column)\}", query)):
            what = f"the query says {asked[0]}, and the rule is of the whole table"
            raise self.fault("query", what, "write the column's name, or the rule under its column")
        query = re.sub(r"\$?\{(property|column)\}", lambda _: self.column.sql, query)
        limit = self.limit(numbers_only=False)
        return QueryRule(*self.common("its query", limit), query)

    def of_metric(self) -> Rule:
        metric, column = self.quality.metric, self.column
        where, arguments = METRICS[metric]
        if ("column" if column else "table") not in where:
            what = f"the metric `{metric}` is of {'the whole table' if column else 'one column'}"
            write = f"write it under the `quality` of {'the table' if column else 'that column'}"
            raise self.fault("metric", what, write)
        if column and metric == "duplicateValues":
            arguments = ()
        if unknown := next((name for name in self.arguments if name not in arguments), None):
            write = f"write {nearest(unknown, arguments)}" if arguments else "take it out"
            raise self.fault("arguments", f"`{metric}` has no argument {shown(unknown)}", write, unknown)
        if (self.quality.unit or "rows") not in (_UNITS if metric != "rowCount" else ("rows",)):
            what = f"`{metric}` is not measured in {shown(self.quality.unit)}"
            raise self.fault("unit", what, f"write {'rows or percent' if metric != 'rowCount' else '`unit: rows`'}")
        limit = self.limit(numbers_only=True)
        common = self.common(_words(metric), limit)
        match metric:
            case "rowCount":
                return CountRule(*common)
            case "duplicateValues":
                return DuplicateRule(*common, (column.name,) if column else self.properties())
            case "nullValues":
                settled = f"count({column.sql}) = count(*)" if limit.is_none else None
                return RowRule(*common, f"{column.sql} IS NULL", settled)
            case "missingValues":
                return RowRule(*common, self.missing())
            case _:
                return RowRule(*common, self.invalid())

    def common(self, measured: str, limit: Limit) -> tuple[str, str, Location, Limit, bool, str | None]:
        """Return what every rule has: name, description, place, limit, whether it blocks, column."""
        quality, at = self.quality, self.column.name if self.column else None
        given = quality.id or quality.name or "_".join(filter(None, (at, _snake(quality.metric or "sql"))))
        name = re.sub(r"[^A-Za-z0-9]+", "_", given).strip("_").lower()
        if not name:
            what = f"{shown(given)} is no name of a rule"
            raise self.fault("name", what, "write letters from a to z, digits and _")
        severity = (quality.severity or "error").lower()
        if severity not in SEVERITIES:
            what = f"{shown(quality.severity)} is no severity"
            raise self.fault("severity", what, "write error, which blocks, or warning or info")
        said = f"{at or 'the table'}: {measured} must be {limit}."
        return name, quality.description or said, self.loc, limit, severity == "error", at

    def limit(self, *, numbers_only: bool) -> Limit:
        """Return what the measured number must be; of a query it may be text or true and false as well."""
        operator = next(name for name in OPERATORS if name in self.quality.model_fields_set)
        value = getattr(self.quality, operator)
        kinds = int | float if numbers_only else int | float | str | bool
        if not operator.endswith("Between") and (
            not isinstance(value, kinds) or (numbers_only and isinstance(value, bool))
        ):
            what = f"{shown(value)} is nothing that a measured number can be"
            raise self.fault(operator, what, f"write a number: `{operator}: 0`")
        return Limit(operator, value, self.quality.unit == "percent")

    def properties(self) -> tuple[str, ...]:
        names = self.listed("properties", "write `arguments: {properties: [<column>, <column>]}`")
        for index, name in enumerate(names):
            if not isinstance(name, str) or name not in self.contract.column:
                what = f"the rule names {shown(name)}, which is no column"
                raise self.fault(
                    "arguments", what, f"write {nearest(str(name), self.contract.column)}", "properties", index
                )
        return tuple(dict.fromkeys(names))

    def missing(self) -> str:
        if "missingValues" not in self.arguments:
            return f"{self.column.sql} IS NULL"
        values = self.listed("missingValues", 'write `arguments: {missingValues: [null, ""]}`')
        tests = [f"{self.column.sql} IS NULL"] if None in values else []
        if literals := self.literals("missingValues", [value for value in values if value is not None]):
            tests.append(f"{self.column.sql} IN ({', '.join(literals)})")
        return f"({' OR '.join(tests)})"

    def invalid(self) -> str:
        write = "write `arguments: {validValues: […]}` or `arguments: {pattern: …}`"
        if not self.arguments:
            raise self.fault("arguments", "nothing says which values are valid", write)
        tests = []
        if "validValues" in self.arguments:
            # An empty field is valid, listed or not; `required` is what forbids it.
            values = [value for value in self.listed("validValues", write) if value is not None]
            if not values:
                raise self.fault("arguments", "`validValues` lists no value", write, "validValues")
            literals = self.literals("validValues", values)
            tests.append(f"{self.column.sql} NOT IN ({', '.join(literals)})")
        if "pattern" in self.arguments:
            at = (*self.loc, "arguments", "pattern")
            tests.append(no_match(self.contract, self.column, self.arguments["pattern"], at))
        return f"({' OR '.join(tests)})"

    def listed(self, argument: str, write: str) -> Sequence[Any]:
        values = self.arguments.get(argument)
        if not isinstance(values, list) or not values:
            what = f"`{argument}` is {shown(values)}, and not a list" if values else f"`{argument}` lists nothing"
            raise self.fault("arguments", what, write, argument)
        return values

    def literals(self, argument: str, values: Sequence[Any]) -> list[str]:
        at = (*self.loc, "arguments", argument)
        said = self.arguments[argument]
        return [constant(self.contract, self.column, value, (*at, said.index(value))) for value in values]


def _snake(text: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).lower()


def _words(text: str) -> str:
    return _snake(text).replace("_", " ")
