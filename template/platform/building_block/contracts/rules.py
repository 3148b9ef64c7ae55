# platform-owned: changed by `copier update` only; see platform/README.md
"""What the data must satisfy: the rules that a contract's columns, keys and ``quality`` sections amount to."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
from open_data_contract_standard.model import DataQuality

from building_block.contracts.contract import Column, Contract, binder
from building_block.contracts.standard import Location
from building_block.messages import Code, Problem, ProblemError, nearest

OBJECT = "bb_contract_data"
"""The view by which a rule's own SQL reads the table; the standard's ``{object}``."""
SAMPLE_EXPRESSION = "sampleExpression"
"""The custom property of a column that says as SQL over the row what a sample's value there is."""

_FORMATS = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "uuid": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
    "uri": r"^[a-zA-Z][a-zA-Z0-9+.-]*:\S+$",
    "hostname": r"^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$",
    "ipv4": r"^((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4}$",
    "ipv6": r"^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$",
}
_OPERATORS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "mustBe": ("exactly {0}", lambda found, said: found == said),
    "mustNotBe": ("anything but {0}", lambda found, said: found != said),
    "mustBeGreaterThan": ("more than {0}", lambda found, said: found > said),
    "mustBeGreaterOrEqualTo": ("at least {0}", lambda found, said: found >= said),
    "mustBeLessThan": ("less than {0}", lambda found, said: found < said),
    "mustBeLessOrEqualTo": ("at most {0}", lambda found, said: found <= said),
    "mustBeBetween": ("from {0[0]} to {0[1]}", lambda found, said: min(said) <= found <= max(said)),
    "mustNotBeBetween": ("not from {0[0]} to {0[1]}", lambda found, said: not min(said) <= found <= max(said)),
}
_BOUNDS = {
    "minimum": (">=", "min"),
    "exclusiveMinimum": (">", "min"),
    "maximum": ("<=", "max"),
    "exclusiveMaximum": ("<", "max"),
}


@dataclass(frozen=True)
class Limit:
    """What a measured number must be, in rows or in percent of all rows."""

    operator: str = "mustBe"
    value: Any = 0
    percent: bool = False

    def holds(self, measured: Any) -> bool:
        """Say whether it is that; nothing measured, as the mean of no rows, keeps no limit."""
        return measured is not None and _OPERATORS[self.operator][1](measured, self.value)

    @property
    def is_none(self) -> bool:
        """Say whether it asks for none at all, so that each row that counts breaks the rule."""
        return self.operator == "mustBe" and self.value == 0

    def __str__(self) -> str:
        """Return it as a sentence's end."""
        return _OPERATORS[self.operator][0].format(self.value) + (" percent" if self.percent else "")


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
    seen: dict[str, Rule] = {}
    for rule in found:
        if rule.name in seen:
            what = f"two rules are called `{rule.name}`"
            write = "write an `id:` of its own for one of them"
            problems.append(contract.source.problem(Code.CONTRACT_RULE, rule.loc, what, write))
        seen[rule.name] = rule
    problems += _unanswerable(contract, found)
    ProblemError.raise_any(problems)
    return found


Made = Callable[[], Rule]


def _of_column(contract: Contract, column: Column) -> Iterator[Made]:
    said, loc, name = column.standard, column.loc, column.name
    if said.required or said.primaryKey:
        at = (*loc, "required" if said.required else "primaryKey")
        yield lambda: RowRule(
            f"{_slug(name)}_not_null",
            f"{name} is never empty.",
            at,
            Limit(),
            True,
            name,
            f"{column.sql} IS NULL",
            f"count({column.sql}) = count(*)",
        )
    if said.unique or contract.key == (column,):
        yield lambda: DuplicateRule(
            f"{_slug(name)}_unique", f"{name} is never repeated.", loc, Limit(), True, name, (name,)
        )
    for option, value in column.options.items():
        at = (*loc, "logicalTypeOptions", option)
        if option in _BOUNDS:
            yield lambda option=option, value=value, at=at: _bound(contract, column, option, value, at)
        elif text := _option(column, option, value):
            what, breaks = text
            yield lambda option=option, at=at, what=what, breaks=breaks: _row(
                f"{_slug(name)}_{_snake(option)}", what, at, column, breaks
            )
        elif option == "pattern" or (option == "format" and said.logicalType == "string"):
            yield lambda option=option, value=value, at=at: _pattern(contract, column, option, value, at)
    if said.enum:
        at = (*loc, "enum")
        yield lambda: _row(
            f"{_slug(name)}_enum",
            f"{name} is one of {', '.join(str(one.value) for one in said.enum)}.",
            at,
            column,
            f"{column.sql} NOT IN ({', '.join(_literal(contract, column, one.value, at) for one in said.enum)})",
        )
    for index, quality in enumerate(said.quality or ()):
        at = (*loc, "quality", index)
        if quality.type != "text":
            yield lambda quality=quality, at=at: _quality(contract, column, quality, at)


def _of_table(contract: Contract) -> Iterator[Made]:
    table = ("schema", 0)
    if len(contract.key) > 1:
        names = tuple(column.name for column in contract.key)
        what = f"No two rows have the same {', '.join(names)}."
        yield lambda: DuplicateRule("key_unique", what, contract.key[0].loc, Limit(), True, None, names)
    for index, quality in enumerate(contract.table.quality or ()):
        if quality.type != "text":
            yield lambda quality=quality, at=(*table, "quality", index): _quality(contract, None, quality, at)


def _row(name: str, what: str, loc: Location, column: Column, breaks: str) -> RowRule:
    return RowRule(name, what, loc, Limit(), True, column.name, breaks)


def _bound(contract: Contract, column: Column, option: str, value: Any, loc: Location) -> RowRule:
    sign, extreme = _BOUNDS[option]
    bound = _literal(contract, column, value, loc)
    return RowRule(
        f"{_slug(column.name)}_{_snake(option)}",
        f"{column.name} {sign} {value}.",
        loc,
        Limit(),
        True,
        column.name,
        f"NOT ({column.sql} {sign} {bound})",
        f"coalesce({extreme}({column.sql}) {sign} {bound}, true)",
    )


def _option(column: Column, option: str, value: Any) -> tuple[str, str] | None:
    """Return sentence and SQL of an option that is one comparison."""
    name, sql = column.name, column.sql
    match option:
        case "minLength":
            return f"{name} has at least {value} characters.", f"length({sql}) < {value}"
        case "maxLength":
            return f"{name} has at most {value} characters.", f"length({sql}) > {value}"
        case "multipleOf" if column.type in ("DOUBLE", "FLOAT"):  # whose 0.3 is no multiple of 0.1 to the last bit
            parts = f"{sql} / {value}"
            return f"{name} is a multiple of {value}.", f"abs({parts} - round({parts})) > 1e-6 + abs({parts}) * 1e-15"
        case "multipleOf":
            return f"{name} is a multiple of {value}.", f"{sql} % {value} <> 0"
        case "minItems":
            return f"{name} has at least {value} items.", f"len({sql}) < {value}"
        case "maxItems":
            return f"{name} has at most {value} items.", f"len({sql}) > {value}"
        case "uniqueItems" if value:
            return f"No item of {name} is repeated.", f"len({sql}) > len(list_distinct({sql}))"
    return None


def _pattern(contract: Contract, column: Column, option: str, value: str, loc: Location) -> RowRule:
    if option == "format" and value not in _FORMATS:
        what = f"nobody knows how the format `{value}` looks"
        write = f"write one of {', '.join(_FORMATS)}, or a `pattern`"
        raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, loc, what, write))
    breaks = _no_match(contract, column, _FORMATS[value] if option == "format" else value, loc)
    what = f"{column.name} {'is formed as' if option == 'format' else 'matches'} {value}."
    return _row(f"{_slug(column.name)}_{option}", what, loc, column, breaks)


def _no_match(contract: Contract, column: Column, pattern: str, loc: Location) -> str:
    try:
        binder().execute("SELECT regexp_matches('', ?)", [pattern])
    except duckdb.Error as error:
        reason = str(error).partition("Error: ")[2] or str(error)
        write = "write a regular expression of RE2, which has no look-around and no back-references"
        what = f"the pattern does not compile: {reason}"
        raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, loc, what, write)) from None
    return f"NOT regexp_matches({column.sql}, {_text(pattern)})"


def _quality(contract: Contract, column: Column | None, quality: DataQuality, loc: Location) -> Rule:
    limit, at = _limit(contract, quality, loc), column.name if column else None
    name = _slug(
        quality.id or quality.name or "_".join(filter(None, (at, _snake(quality.metric or quality.type or ""))))
    )
    blocking = (quality.severity or "error").lower() == "error"
    arguments = quality.arguments or {}
    said = f"{at or 'the table'}: {_words(quality.metric or 'its query')} must be {limit}."
    common = (name, quality.description or said, loc, limit, blocking, at)
    match quality.metric or quality.type:
        case "sql":
            return QueryRule(*common, _query(quality.query, column))
        case "rowCount" if column is None:
            return CountRule(*common)
        case "duplicateValues":
            names = [at] if at else arguments.get("properties") or []
            return DuplicateRule(*common, tuple(_columns(contract, names, (*loc, "arguments", "properties"))))
        case "nullValues" if column:
            settled = f"count({column.sql}) = count(*)" if limit.is_none else None
            return RowRule(*common, f"{column.sql} IS NULL", settled)
        case "missingValues" if column:
            return RowRule(*common, _missing(contract, column, arguments.get("missingValues", [None]), loc))
        case "invalidValues" if column:
            return RowRule(*common, _invalid(contract, column, arguments, loc))
        case "custom":
            what = f"a rule of {quality.engine or 'another tool'} is not run here"
            raise ProblemError(
                contract.source.problem(Code.CONTRACT_RULE, loc, what, "write it as `type: sql` with a `query`")
            )
    where = "the whole table: write it under the table's `quality`" if column else "a column: write it under one"
    what = f"the metric `{quality.metric or quality.type}` cannot be measured here"
    raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, loc, what, f"it is of {where}"))


def _limit(contract: Contract, quality: DataQuality, loc: Location) -> Limit:
    for operator in _OPERATORS:
        value = getattr(quality, operator)
        if value is not None:
            return Limit(operator, value, quality.unit == "percent")
    write = "write one of " + ", ".join(_OPERATORS)
    what = "nothing says what the measured number must be"
    raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, loc, what, write))


def _columns(contract: Contract, names: Sequence[Any], loc: Location) -> list[str]:
    if not names:
        what = "the rule does not say which columns together must not repeat"
        write = "write `arguments: {properties: [<column>, <column>]}`"
        raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, loc, what, write))
    ProblemError.raise_any(
        contract.source.problem(
            Code.CONTRACT_RULE,
            (*loc, index),
            f"the rule names the column `{name}`, which is not there",
            f"write {nearest(str(name), contract.column)}",
        )
        for index, name in enumerate(names)
        if name not in contract.column
    )
    return list(names)


def _missing(contract: Contract, column: Column, values: Sequence[Any], loc: Location) -> str:
    at = (*loc, "arguments", "missingValues")
    literals = [_literal(contract, column, value, at) for value in values if value is not None]
    tests = [f"{column.sql} IS NULL"] if None in values else []
    tests += [f"{column.sql} IN ({', '.join(literals)})"] if literals else []
    return f"({' OR '.join(tests) or 'false'})"


def _invalid(contract: Contract, column: Column, arguments: dict[str, Any], loc: Location) -> str:
    tests = []
    if values := arguments.get("validValues"):
        at = (*loc, "arguments", "validValues")
        listed = ", ".join(_literal(contract, column, value, at) for value in values)
        tests.append(f"{column.sql} NOT IN ({listed})")
    if pattern := arguments.get("pattern"):
        tests.append(_no_match(contract, column, pattern, (*loc, "arguments", "pattern")))
    if not tests:
        what = "nothing says which values are valid"
        write = "write `arguments: {validValues: […]}` or `arguments: {pattern: …}`"
        raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, loc, what, write))
    return f"({' OR '.join(tests)})"


def _query(query: str, column: Column | None) -> str:
    """Return a rule's SQL with the standard's placeholders filled, with or without their dollar sign."""
    filled = re.sub(r"\$?\{(object|table)\}", OBJECT, query)
    return re.sub(r"\$?\{(property|column)\}", lambda _: column.sql if column else "", filled)


def _unanswerable(contract: Contract, found: Sequence[Rule]) -> Iterator[Problem]:
    """Yield a problem for SQL of the contract that does not fit the declared columns: DuckDB binds it over no rows."""
    empty = ", ".join(f"NULL::{column.type} AS {column.sql}" for column in contract.columns)
    with binder() as connection:
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {OBJECT} AS SELECT {empty} LIMIT 0")
        for loc, query in _queries(contract, found):
            try:
                statements = connection.extract_statements(query)
                if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                    what, write = "the query is not one SELECT", "write one SELECT that returns one value"
                    yield contract.source.problem(Code.CONTRACT_RULE, (*loc, "query"), what, write)
                    continue
                connection.execute(f"EXPLAIN {query}")
            except duckdb.Error as error:
                reason = str(error).partition("\n")[0]
                what = f"DuckDB does not take the SQL: {reason}"
                write = f"correct it; the columns are {', '.join(contract.column)}"
                yield contract.source.problem(Code.CONTRACT_RULE, loc, what, write)


def _queries(contract: Contract, found: Sequence[Rule]) -> Iterator[tuple[Location, str]]:
    for rule in found:
        match rule:
            case QueryRule():
                yield rule.loc, rule.query
            case RowRule():
                yield rule.loc, f"SELECT {rule.breaks} FROM {OBJECT}"
    for column in contract.columns:
        if derived := column.custom(SAMPLE_EXPRESSION):
            index = (column.standard.customProperties or []).index(derived)
            query = f"SELECT CAST(({derived.value}) AS {column.type}) FROM {OBJECT}"
            yield (*column.loc, "customProperties", index), query


def _literal(contract: Contract, column: Column, value: Any, loc: Location) -> str:
    """Return a value of the contract as SQL of the column's type; raise ProblemError when it is none of that."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    text = "NULL" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    numeric = column.type.partition("(")[0] not in ("VARCHAR", "UUID", "DATE", "TIME", "BOOLEAN") and (
        not column.type.startswith("TIMESTAMP")
    )
    if is_number and numeric:
        return repr(value)
    if _casts(text, column.type) and not (is_number and column.type != "VARCHAR"):
        return f"CAST({_text(text)} AS {column.type})"
    what = f"`{value}` is no {column.type} as `{column.name}` is"
    raise ProblemError(contract.source.problem(Code.CONTRACT_RULE, loc, what, "write a value of that type"))


@cache
def _casts(text: str, type_: str) -> bool:
    return binder().execute(f"SELECT TRY_CAST(? AS {type_}) IS NOT NULL", [text]).fetchone()[0]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_").lower()


def _snake(text: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).lower()


def _words(text: str) -> str:
    return _snake(text).replace("_", " ")
