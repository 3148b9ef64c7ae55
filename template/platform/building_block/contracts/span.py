# platform-owned: changed by `copier update` only; see platform/README.md
"""A length of time, as retention and frequency are agreed on."""

from dataclasses import dataclass
from datetime import timedelta

from open_data_contract_standard.model import ServiceLevelAgreementProperty

from building_block.contracts.standard import ContractFile
from building_block.messages import Code, ProblemError, shown
from building_block.yaml_nodes import Location

UNITS = {
    "hours": ("h", "hr", "hour", "hours"),
    "days": ("d", "day", "days"),
    "weeks": ("w", "wk", "week", "weeks"),
    "months": ("mo", "month", "months"),  # not m, which is a minute to some
    "years": ("y", "yr", "year", "years"),
}
_DAYS = {"hours": 1 / 24, "days": 1, "weeks": 7, "months": 365.25 / 12, "years": 365.25}
_LONGEST_DAYS = 1000 * _DAYS["years"]  # an interval of DuckDB and a timedelta end far beyond


@dataclass(frozen=True)
class Span:
    """A length of time as a person agrees on it: a year is a calendar's, not 365 days."""

    number: int
    unit: str
    """In the plural, as DuckDB takes it in an INTERVAL."""

    @property
    def sql(self) -> str:
        """Return it as SQL."""
        return f"INTERVAL {self.number} {self.unit}"

    @property
    def delta(self) -> timedelta:
        """Return it in days and hours, a month and a year by their mean length."""
        return timedelta(days=self.number * _DAYS[self.unit])

    def __str__(self) -> str:
        """Return it as a person says it."""
        return f"{self.number} {self.unit if self.number > 1 else self.unit[:-1]}"


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
