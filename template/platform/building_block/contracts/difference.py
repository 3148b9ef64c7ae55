# platform-owned: changed by `copier update` only; see platform/README.md
"""What differs between two versions of a contract."""

from collections.abc import Iterator
from dataclasses import dataclass

from building_block.contracts.changes import Change, Kind
from building_block.contracts.column import CLASSES, Column, Masking
from building_block.contracts.contract import Contract
from building_block.contracts.guarantees import changed_rules
from building_block.contracts.load import Agreed
from building_block.contracts.service_levels import Action, Retention


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
