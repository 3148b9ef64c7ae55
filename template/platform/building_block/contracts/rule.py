# platform-owned: changed by `copier update` only; see platform/README.md
"""One rule of a contract: what is measured, and what the measured number must be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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
