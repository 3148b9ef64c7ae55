# platform-owned: changed by `copier update` only; see platform/README.md
"""What differs between two versions of a contract."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from typing import Any

import duckdb

from building_block.contracts.changes import Change, Kind
from building_block.contracts.column import CLASSES, Column, Masking
from building_block.contracts.contract import Contract
from building_block.contracts.load import Agreed
from building_block.contracts.rules import DuplicateRule, Limit, QueryRule, RowRule, Rule, is_below
from building_block.contracts.service_levels import Action, Retention
from building_block.sql import binder


@dataclass(frozen=True)
class _Pair:
    """A column before and after, under a new name perhaps."""

    before: Column
    after: Column


def changes(before: Agreed, after: Agreed) -> list[Change]:
    """Return what has changed, the gravest first; nothing when the contracts say the same."""
    old, new = before.contract, after.contract
    renamed = dict(_renamed(old, new))
    now = {column.name: renamed.get(column.name, column.name) for column in old.columns}
    pairs = [_Pair(old.column[was], new.column[name]) for was, name in now.items() if name in new.column]
    found = [
        *_columns(old, new, renamed),
        *(change for pair in pairs for change in (*_data(pair), *_protection(pair))),
        *changed_rules(before, after),
        *_of_contract(old, new, now),
        *_service_levels(old, new, now),
    ]
    if not found and _said(old) != _said(new):
        found = [Change(Kind.WORDS_CHANGED, "words that promise nothing", ())]
    return sorted(found, key=lambda change: (-change.kind.value.bump, not change.kind.value.approval))


def _said(contract: Contract) -> dict[str, object]:
    return contract.source.content.model_dump(by_alias=True, exclude={"version"})


def _renamed(old: Contract, new: Contract) -> Iterator[tuple[str, str]]:
    """Yield the old and new name of each column that seems to be renamed.

    A wrong guess costs little: removed and added is major as well, and only protection is compared on top of it.
    """
    before, after = _after_which(old, new), _after_which(new, old)
    for name, place in before.items():
        for other, its_place in after.items():
            was, now = old.column[name], new.column[other]
            same_id = was.standard.id and was.standard.id == now.standard.id
            if same_id or (place, was.type) == (its_place, now.type):
                yield name, other
                del after[other]
                break


def _after_which(contract: Contract, other: Contract) -> dict[str, str | None]:
    """Return the columns that ``other`` lacks, each with the nearest column before it that both have."""
    found: dict[str, str | None] = {}
    place = None
    for name in contract.column:
        if name in other.column:
            place = name
        else:
            found[name] = place
    return found


def _columns(old: Contract, new: Contract, renamed: dict[str, str]) -> Iterator[Change]:
    for column in old.columns:
        if column.name in renamed:
            name = renamed[column.name]
            yield Change(Kind.COLUMN_RENAMED, f"column {column.name} is now {name}", (*new.column[name].loc, "name"))
        elif column.name not in new.column:
            yield Change(Kind.COLUMN_REMOVED, f"column {column.name} is removed", ("schema", 0, "properties"))
    for column in new.columns:
        if column.name in old.column or column.name in renamed.values():
            continue
        yield Change(Kind.COLUMN_ADDED, f"column {column.name} is added", column.loc)
        for gone in old.columns:
            is_gone = gone.name not in new.column and gone.name not in renamed
            if is_gone and gone.is_pii and not column.is_pii and gone.type == column.type:
                what = f"column {gone.name}, tagged pii, is removed and {column.name} is added without the tag"
                yield Change(Kind.PII_REPLACED, what, column.loc)


def _data(pair: _Pair) -> Iterator[Change]:
    before, after = pair.before, pair.after
    if before.type != after.type:
        what = f"type of {after.name} from {before.type} to {after.type}"
        yield Change(Kind.TYPE_CHANGED, what, (*after.loc, "physicalType"))
    if bool(before.standard.deprecated) != bool(after.standard.deprecated):
        what = f"column {after.name} is {'deprecated' if after.standard.deprecated else 'deprecated no more'}"
        yield Change(Kind.DEPRECATION_CHANGED, what, (*after.loc, "deprecated"))


def _protection(pair: _Pair) -> Iterator[Change]:
    before, after = pair.before, pair.after
    if before.classification != after.classification:
        ranks = [CLASSES.index(one.classification) if one.classification else -1 for one in (before, after)]
        kind = Kind.CLASSIFICATION_LOWERED if ranks[1] < ranks[0] else Kind.CLASSIFICATION_RAISED
        what = f"classification of {after.name} from {before.classification} to {after.classification}"
        yield Change(kind, what, (*after.loc, "classification"))
    if before.is_pii != after.is_pii:
        kind = Kind.PII_ADDED if after.is_pii else Kind.PII_REMOVED
        yield Change(kind, f"pii tag of {after.name} {'added' if after.is_pii else 'removed'}", (*after.loc, "tags"))
    exposures = _exposure(before), _exposure(after)
    if exposures[0] != exposures[1]:
        kind = Kind.MASKING_WEAKENED if exposures[1] > exposures[0] else Kind.MASKING_STRENGTHENED
        what = f"masking of {after.name} from {_masking(before)} to {_masking(after)}"
        yield Change(kind, what, (*after.loc, "customProperties"))


def _exposure(column: Column) -> tuple[int, int]:
    """Return how much of a value can be read: first by the kind of masking, then by what it leaves."""
    order = (Masking.NULLIFY, Masking.HASH, Masking.TRUNCATE, Masking.NONE)
    masking = column.masking or Masking.NONE
    return order.index(masking), (column.masking_length or 0) if masking is Masking.TRUNCATE else 0


def _masking(column: Column) -> str:
    masking = column.masking or Masking.NONE
    return f"{masking} {column.masking_length or ''}".rstrip() if masking is Masking.TRUNCATE else str(masking)


_WITHDRAWN = ("draft", "proposed", "retired")


def _of_contract(old: Contract, new: Contract, now: dict[str, str]) -> Iterator[Change]:
    if {now[column.name] for column in old.key} != {column.name for column in new.key}:
        names = [", ".join(column.name for column in one.key) or "none" for one in (old, new)]
        loc = new.key[0].loc if new.key else ("schema", 0)
        yield Change(Kind.KEY_CHANGED, f"key from {names[0]} to {names[1]}", loc)
    before, after = _relationships(old, now), _relationships(new, {})
    for what in sorted(before - after):
        yield Change(Kind.RELATIONSHIP_REMOVED, f"relationship {what} is removed", ("schema", 0))
    for what in sorted(after - before):
        yield Change(Kind.RELATIONSHIP_ADDED, f"relationship {what} is added", ("schema", 0))
    if bool(old.table.deprecated) != bool(new.table.deprecated):
        what = "the table is deprecated" if new.table.deprecated else "the table is deprecated no more"
        yield Change(Kind.DEPRECATION_CHANGED, what, ("schema", 0, "deprecated"))
    statuses = old.source.content.status, new.source.content.status
    if statuses[0] != statuses[1]:
        withdrawn = statuses[1] in _WITHDRAWN and statuses[0] not in _WITHDRAWN
        kind = Kind.STATUS_WITHDRAWN if withdrawn else Kind.STATUS_CHANGED
        yield Change(kind, f"status from {statuses[0]} to {statuses[1]}", ("status",))
    if old.team and old.team != new.team:
        yield Change(Kind.OWNER_CHANGED, f"owner from {old.team} to {new.team or 'nobody'}", ("team", "name"))


def _relationships(contract: Contract, now: dict[str, str]) -> set[str]:
    of_columns = [(now.get(one.name), one) for one in contract.columns if one.name in now or not now]
    found = [
        (name or column.name, each.to) for name, column in of_columns for each in column.standard.relationships or ()
    ]
    found += [(each.from_, each.to) for each in contract.table.relationships or ()]
    return {f"{_names(left)} to {_names(right)}" for left, right in found}


def _names(said: str | list[str] | None) -> str:
    return ", ".join(said) if isinstance(said, list) else str(said)


def _service_levels(old: Contract, new: Contract, now: dict[str, str]) -> Iterator[Change]:
    loc = ("slaProperties",)
    match old.retention, new.retention:
        case None, None:
            pass
        case before, None:
            yield Change(Kind.RETENTION_LENGTHENED, f"retention of {before.span} is removed", loc)
        case None, after:
            yield Change(Kind.RETENTION_SHORTENED, f"retention of {after.span} is new", after.loc)
        case before, after:
            if now[before.column.name] != after.column.name:
                what = f"retention counts from {after.column.name}, not {before.column.name}"
                yield Change(Kind.RETENTION_MOVED, what, after.loc)
            if before.span.delta != after.span.delta:
                longer = after.span.delta > before.span.delta
                kind = Kind.RETENTION_LENGTHENED if longer else Kind.RETENTION_SHORTENED
                yield Change(kind, f"retention from {before.span} to {after.span}", after.loc)
            if before.action is not after.action:
                stays = after.action is Action.ANONYMISE
                kind = Kind.RETENTION_LENGTHENED if stays else Kind.RETENTION_SHORTENED
                yield Change(kind, f"after retention {after.action}, not {before.action}", after.loc)
            yield from _places(before, after)
    match old.frequency, new.frequency:
        case None, None:
            pass
        case before, None:
            yield Change(Kind.FREQUENCY_LOOSENED, f"frequency of {before} is removed", loc)
        case None, after:
            yield Change(Kind.FREQUENCY_TIGHTENED, f"frequency of {after} is new", loc)
        case before, after if before.delta != after.delta:
            kind = Kind.FREQUENCY_LOOSENED if after.delta > before.delta else Kind.FREQUENCY_TIGHTENED
            yield Change(kind, f"frequency from {before} to {after}", loc)
    before, after = _other_levels(old), _other_levels(new)
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            yield Change(Kind.SERVICE_LEVEL_ADDED, f"service level {name} is added", loc)
        elif before[name] != after.get(name):
            what = f"service level {name} from {before[name]} to {after.get(name, 'none')}"
            yield Change(Kind.SERVICE_LEVEL_CHANGED, what, loc)


def _places(before: Retention, after: Retention) -> Iterator[Change]:
    now = {(place.layer, place.table): place.column for place in after.places}
    for place in before.places:
        name, column = f"{place.layer}.{place.table}", now.get((place.layer, place.table))
        if column is None:
            yield Change(Kind.RETENTION_LENGTHENED, f"retention of {name} is removed", after.loc)
        elif column != place.column:
            what = f"retention of {name} counts from {column}, not {place.column}"
            yield Change(Kind.RETENTION_MOVED, what, after.loc)


def _other_levels(contract: Contract) -> dict[str, str]:
    found: dict[str, str] = {}
    for level in contract.source.content.slaProperties or ():
        if level.property not in ("retention", "frequency"):
            said = (level.value, level.valueExt, level.unit, level.element, level.driver)
            written = " ".join(str(each) for each in said if each is not None)
            found[level.property] = ", ".join(filter(None, (found.get(level.property), written)))
    return found


# Rules: which data they allow now that they did not before ------------------------------------------------------------


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
