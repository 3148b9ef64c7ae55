# platform-owned: changed by `copier update` only; see platform/README.md
"""The rules of the standard's ``quality`` sections, under a column or the whole table."""

import re
from collections.abc import Sequence
from typing import Any

import duckdb
from open_data_contract_standard.model import DataQuality

from building_block.contracts.contract import Column, Contract
from building_block.contracts.rule import OBJECT, OPERATORS, CountRule, DuplicateRule, Limit, QueryRule, RowRule, Rule
from building_block.contracts.sql import constant, reason
from building_block.messages import Code, ProblemError, nearest, shown
from building_block.sql import binder, literal
from building_block.yaml_nodes import Location

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
