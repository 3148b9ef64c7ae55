# platform-owned: changed by `copier update` only; see platform/README.md
"""What a contract promises over time: how long a row is kept, where and from when on, and how often data comes."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from open_data_contract_standard.model import ServiceLevelAgreementProperty

from building_block.contracts.column import Column
from building_block.contracts.standard import ContractFile
from building_block.messages import Code, Problem, ProblemError, nearest, shown
from building_block.project import LAYERS
from building_block.yaml_nodes import Location

UNITS = {
    "hours": ("h", "hr", "hour", "hours"),
    "days": ("d", "day", "days"),
    "weeks": ("w", "wk", "week", "weeks"),
    "months": ("mo", "month", "months"),  # not m, which is a minute to some
    "years": ("y", "yr", "year", "years"),
}
ACTION = "retentionAction"
"""The custom property of the service level that says what becomes of a row then."""
ROW_LAYERS = LAYERS[:-1]
"""Where a port's rows may lie besides the port; what is published goes by its own contract."""

_DAYS = {"hours": 1 / 24, "days": 1, "weeks": 7, "months": 365.25 / 12, "years": 365.25}
_LONGEST_DAYS = 1000 * _DAYS["years"]  # so that no day before today lies before the year 1


@dataclass(frozen=True)
class Span:
    """A length of time as a person agrees on it: a year is a calendar's, not 365 days."""

    number: int
    unit: str
    """In the plural."""

    def before(self, day: date) -> date:
        """Return the day that lies so long before ``day``, in a shorter month its last; hours make whole days."""
        match self.unit:
            case "hours":
                return day - timedelta(days=-(-self.number // 24))
            case "days" | "weeks":
                return day - timedelta(**{self.unit: self.number})
        months = self.number * (12 if self.unit == "years" else 1)
        year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
        return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))

    @property
    def delta(self) -> timedelta:
        """Return it in days and hours, a month and a year by their mean length."""
        return timedelta(days=self.number * _DAYS[self.unit])

    def __str__(self) -> str:
        """Return it as a person says it."""
        return f"{self.number} {self.unit if self.number > 1 else self.unit[:-1]}"


class Action(StrEnum):
    """What becomes of a row that is past its retention."""

    DELETE = "delete"
    ANONYMISE = "anonymise"
    """Its columns of personal data are emptied; the row stays."""


@dataclass(frozen=True)
class Place:
    """A table of the domain's own warehouse where rows of the port lie, too."""

    layer: str
    table: str
    column: str
    """The date or timestamp that a row's age counts from there."""


@dataclass(frozen=True)
class Retention:
    """How long a row may be kept, counted from the value of one of its columns."""

    span: Span
    action: Action
    column: Column
    places: tuple[Place, ...]
    loc: Location


def service_levels(source: ContractFile, columns: Sequence[Column]) -> tuple[Retention | None, Span | None]:
    """Return retention and frequency; raise ProblemError for what of them cannot be read."""
    spans: dict[str, Span] = {}
    retention: Retention | None = None
    found: list[Problem] = []
    for index, level in enumerate(source.content.slaProperties or ()):
        loc = ("slaProperties", index)
        if level.property not in ("retention", "frequency"):
            continue
        try:
            if level.property in spans:
                what = f"{level.property} is promised twice"
                raise ProblemError(source.problem(Code.CONTRACT_VALUE, loc, what, "keep one of the two"))
            spans[level.property] = span(source, level, loc)
            if level.property == "retention":
                column, places = _elements(source, level.element or "", columns, (*loc, "element"))
                retention = Retention(spans["retention"], _action(source, level, loc), column, places, loc)
        except ProblemError as error:
            found += error.problems
    ProblemError.raise_any(found)
    return retention, spans.get("frequency")


def span(source: ContractFile, level: ServiceLevelAgreementProperty, loc: Location) -> Span:
    """Return the length of time that a service level says; raise ProblemError when it says none."""
    if type(level.value) is not int or level.value < 1:
        what = f"{shown(level.value)} is no length of time"
        write = "write a whole number above 0, and the unit under `unit`"
        raise ProblemError(source.problem(Code.CONTRACT_VALUE, (*loc, "value"), what, write))
    unit = next((name for name, written in UNITS.items() if level.unit in written), None)
    if unit is None:
        what = f"{shown(level.unit)} is no unit of time" if level.unit else "the unit of time is missing"
        write = "write `unit: d`, or one of h, w, month, y"
        raise ProblemError(source.problem(Code.CONTRACT_VALUE, (*loc, "unit"), what, write))
    if level.value * _DAYS[unit] > _LONGEST_DAYS:
        what = f"{level.property} is longer than 1000 years"
        raise ProblemError(source.problem(Code.CONTRACT_VALUE, (*loc, "value"), what, "write a shorter time"))
    return Span(level.value, unit)


def _action(source: ContractFile, level: ServiceLevelAgreementProperty, loc: Location) -> Action:
    said = [(at, one.value) for at, one in enumerate(level.customProperties or ()) if one.property == ACTION]
    if not said:
        return Action.DELETE
    at, value = said[-1]
    if len(said) == 1 and value in list(Action):
        return Action(value)
    what = f"{shown(value)} is nothing that becomes of a row" if len(said) == 1 else f"{ACTION} is said twice"
    write = f"write one of {', '.join(Action)}"
    raise ProblemError(source.problem(Code.CONTRACT_VALUE, (*loc, "customProperties", at), what, write))


def _elements(
    source: ContractFile, said: str, columns: Sequence[Column], loc: Location
) -> tuple[Column, tuple[Place, ...]]:
    """Return the port's own column by whose values a row grows old, and the other tables where its rows lie."""
    table = source.content.schema_[0]
    own: list[str] = []
    places: dict[tuple[str, str], Place] = {}
    problems: list[Problem] = []
    for element in filter(None, (part.strip() for part in said.split(","))):
        match element.split(".", 2):
            case [name]:
                own.append(name)
            case [before, name] if before in (table.name, table.physicalName):
                own.append(name)
            case [layer, name, column] if layer in ROW_LAYERS and (layer, name) not in places:
                places[layer, name] = Place(layer, name, column)
            case parts:
                what, write = _misfit(parts, element, table.name)
                problems.append(source.problem(Code.RETENTION_PLACE, loc, what, write))
    if len(own) > 1:
        what = f"retention counts from {' and '.join(own)} of the port"
        problems.append(source.problem(Code.RETENTION_PLACE, loc, what, "keep one of them"))
    ProblemError.raise_any(problems)
    return _counted_from(source, next(iter(own), ""), columns, loc), tuple(places.values())


def _misfit(parts: list[str], element: str, port: str) -> tuple[str, str]:
    """Return what is wrong with an element and what to write instead."""
    layers = ", ".join(ROW_LAYERS)
    match parts:
        case [_, _]:
            what = f"{shown(element)} is no column of the port and no table of the warehouse"
            return what, f"write `{port}.<column>`, or `<layer>.{element}` with one of {layers}"
        case ["published", *_]:
            return (
                f"{shown(element)} is under a contract of its own",
                "take it out: its own contract says its retention",
            )
        case [layer, *_] if layer not in ROW_LAYERS:
            return f"{shown(layer)} is no layer where rows lie", f"write {nearest(layer, ROW_LAYERS)}"
    return f"{'.'.join(parts[:2])} stands twice", "keep the column that a row's age counts from"


def _counted_from(source: ContractFile, name: str, columns: Sequence[Column], loc: Location) -> Column:
    dates = {one.name: one for one in columns if one.type == "DATE" or one.type.startswith("TIMESTAMP")}
    column = next((one for one in columns if one.name == name), None)
    if column and column.name in dates:
        return column
    if column is None:
        what = f"retention counts from the column {shown(name)}, which is not there"
        if not name:
            what = "retention does not say from which column of the port it counts"
        write = f"write `element: {nearest(name, dates) or '<a column of dates>'}`"
    else:
        what = f"retention counts from {shown(name)}, which is {column.type}"
        write = f"write a date or timestamp: {', '.join(dates) or 'the table has none yet'}"
    raise ProblemError(source.problem(Code.CONTRACT_RULE, loc, what, write))
