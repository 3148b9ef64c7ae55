# platform-owned: changed by `copier update` only; see platform/README.md
"""What became of the rules between two versions of a contract: which data they allow now that they did not before."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from typing import Any

import duckdb

from building_block.contracts.changes import Change, Kind
from building_block.contracts.column import Column
from building_block.contracts.load import Agreed
from building_block.contracts.rule import DuplicateRule, Limit, QueryRule, RowRule, Rule, is_below
from building_block.sql import binder


class _Trend(Enum):
    """How what is allowed has changed; what cannot be told counts as looser."""

    SAME = auto()
    TIGHTER = auto()
    LOOSER = auto()
    UNCLEAR = auto()


@dataclass(frozen=True)
class _Guarantee:
    """A rule that blocks, and what the contract says for it; a rule that only warns guarantees nothing."""

    rule: Rule
    column: Column | None
    option: str | None
    """The key of ``logicalTypeOptions``, or ``enum``; None when the rule is none of a key with a value."""

    @property
    def said(self) -> Any:
        """Return the key's value."""
        if self.column is None or self.option is None:
            return None
        return _listed(self.column) if self.option == "enum" else self.column.options[self.option]

    @property
    def measured(self) -> tuple[object, ...]:
        """Return what the rule measures, whatever its name and limit."""
        match self.rule:
            case DuplicateRule(columns=columns):
                return ("duplicates", frozenset(columns))
            case QueryRule(query=query):
                return ("query", _canonical(query))
            case RowRule(breaks=breaks):
                return ("rows", breaks)
        return ("count",)


def changed_rules(before: Agreed, after: Agreed) -> Iterator[Change]:
    """Yield what became of the rules of the columns that are in both, of their other options, and of the table's."""
    kept = [name for name in before.contract.column if name in after.contract.column]
    old, new = _guarantees(before, kept), _guarantees(after, kept)
    gone = {slot: one for slot, one in old.items() if slot not in new}
    come = {slot: one for slot, one in new.items() if slot not in old}
    for slot, one in list(gone.items()):  # under another name it is the same rule
        if same := next((other for other in come if _trend(one, come[other]) is _Trend.SAME), None):
            del gone[slot], come[same]
    for one in gone.values():
        yield Change(Kind.RULE_REMOVED, f"rule {one.rule.name} is removed", ("schema", 0))
    for one in come.values():
        yield Change(Kind.RULE_ADDED, f"rule {one.rule.name} is added", one.rule.loc)
    kinds = {
        _Trend.LOOSER: (Kind.RULE_LOOSENED, "loosened"),
        _Trend.TIGHTER: (Kind.RULE_TIGHTENED, "tightened"),
        _Trend.UNCLEAR: (Kind.RULE_CHANGED, "changed"),
    }
    for slot, one in new.items():
        if slot in old and (trend := _trend(old[slot], one)) in kinds:
            kind, how = kinds[trend]
            yield Change(kind, f"rule {one.rule.name} is {how}", one.rule.loc)
    ruled = {(one.rule.column, one.option) for one in (*old.values(), *new.values())}
    for name in kept:
        was, now = before.contract.column[name], after.contract.column[name]
        for option in dict.fromkeys((*was.options, *now.options)):
            if (name, option) not in ruled and was.options.get(option) != now.options.get(option):
                loc = (*now.loc, "logicalTypeOptions", option)
                yield Change(Kind.OPTION_CHANGED, f"option {option} of {name} is changed", loc)


def _guarantees(agreed: Agreed, columns: Collection[str]) -> dict[str, _Guarantee]:
    """Return the rules that block by what pairs them with those of another version."""
    found: dict[str, _Guarantee] = {}
    for rule in agreed.rules:
        if not rule.blocking or (rule.column and rule.column not in columns):
            continue
        key = rule.loc[-1]
        option = str(key) if key == "enum" or "logicalTypeOptions" in rule.loc else None
        side = f"{rule.column} {_SIDES[option]}" if option in _SIDES else rule.name
        slot = rule.name if side in found else side
        found[slot] = _Guarantee(rule, agreed.contract.column.get(rule.column or ""), option)
    return found


def _trend(before: _Guarantee, after: _Guarantee) -> _Trend:
    if before.option and after.option and before.rule.column == after.rule.column:
        return _of_option(before, after)
    if before.measured != after.measured:
        return _Trend.UNCLEAR
    return _of_limits(before.rule, after.rule)


# Options --------------------------------------------------------------------------------------------------------------

_SIDES = {"minimum": "from", "exclusiveMinimum": "from", "maximum": "to", "exclusiveMaximum": "to"}
"""An inclusive bound and an exclusive one are two ways to say one rule."""
_LOW = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_HIGH = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def _of_option(before: _Guarantee, after: _Guarantee) -> _Trend:
    options, said = (before.option, after.option), (before.said, after.said)
    if options[0] == options[1] and said[0] == said[1]:
        return _Trend.SAME
    if options[0] in _LOW and options[1] in _LOW:
        return _of_bounds(before, after, _Trend.TIGHTER, _Trend.LOOSER)
    if options[0] in _HIGH and options[1] in _HIGH:
        return _of_bounds(before, after, _Trend.LOOSER, _Trend.TIGHTER)
    if options == ("enum", "enum"):
        return _Trend.TIGHTER if said[1] < said[0] else _Trend.LOOSER
    if options == ("multipleOf", "multipleOf") and said[1] % said[0] == 0:
        return _Trend.TIGHTER
    return _Trend.UNCLEAR


def _of_bounds(before: _Guarantee, after: _Guarantee, higher: _Trend, lower: _Trend) -> _Trend:
    if before.said == after.said:
        return _Trend.TIGHTER if str(after.option).startswith("exclusive") else _Trend.LOOSER
    match is_below(before.said, after.said, after.column.type if after.column else ""):
        case None:
            return _Trend.UNCLEAR
        case is_less:
            return higher if is_less else lower


def _listed(column: Column) -> frozenset[str]:
    return frozenset(repr(one.value) for one in column.standard.enum or ())


# Limits and queries ---------------------------------------------------------------------------------------------------


def _of_limits(before: Rule, after: Rule) -> _Trend:
    old, new = before.limit, after.limit
    if old == new:
        return _Trend.SAME
    if old.percent != new.percent:
        return _Trend.UNCLEAR
    counts = not isinstance(before, QueryRule)
    try:
        tried = _tried(old, new, counts=counts)
    except TypeError:
        return _Trend.UNCLEAR
    looser = any(new.holds(number) and not old.holds(number) for number in tried)
    tighter = any(old.holds(number) and not new.holds(number) for number in tried)
    return _Trend.LOOSER if looser else _Trend.TIGHTER if tighter else _Trend.SAME


def _tried(old: Limit, new: Limit, *, counts: bool) -> list[float]:
    """Return numbers of which some lie on each side of every edge, and which can be measured at all."""
    edges = sorted({edge for one in (old, new) for edge in (one.value if isinstance(one.value, list) else [one.value])})
    between = [(left + right) / 2 for left, right in pairwise(edges)]
    near = [edge + step for edge in edges for step in (-1, -0.5, 0, 0.5, 1)]
    numbers = [*near, *between]
    if not counts:
        return numbers
    if old.percent:
        return [number for number in numbers if 0 <= number <= 100]
    return [number for number in numbers if number >= 0 and number == int(number)]


def _canonical(query: str) -> str:
    """Return a query as DuckDB writes it, without the author's line breaks, letter case and comments."""
    try:
        return binder().execute("SELECT json_deserialize_sql(json_serialize_sql(?))", [query]).fetchone()[0]
    except duckdb.Error:
        return query
