# platform-owned: changed by `copier update` only; see platform/README.md
"""What the data must satisfy: the rules that a contract's columns, keys and ``quality`` sections amount to."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from building_block.contracts.contract import Column, Contract
from building_block.contracts.quality import no_match, quality_rule
from building_block.contracts.rule import DuplicateRule, Limit, RowRule, Rule
from building_block.contracts.sql import constant, unanswerable
from building_block.messages import Code, Problem, ProblemError, shown
from building_block.yaml_nodes import Location

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
