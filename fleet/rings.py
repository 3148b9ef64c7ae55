"""Where a release stands in each ring: which it has reached, what opens the next one, and what stops it."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from building_block.messages import Problem, ProblemError

from fleet.messages import FleetCode
from fleet.registry import Domain, Ring
from fleet.standing import AGAINST, LOST, Standing, State

_ROUNDING = 1e-9  # 0.7 of 10 is a little more than 7


class Verdict(StrEnum):
    """Whether the next ring may open."""

    PASSED = "passed"
    BAKING = "baking"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True)
class RingStanding:
    """Where a release stands in one ring."""

    ring: Ring
    domains: tuple[Standing, ...]

    @property
    def is_begun(self) -> bool:
        """Whether the release was proposed to any of its domains."""
        return any(one.pull_request for one in self.domains)

    @property
    def refuted(self) -> str:
        """Return who speaks against the release, where so many do that the ring cannot pass; empty where it can.

        Who cannot be reached says nothing about it: one such repository must not keep it from the others.
        """
        against = [one for one in self._counted if one.state in AGAINST]
        return _failed(against, self._counted) if self._lacks(len(self._counted) - len(against)) else ""

    def verdict(self, now: datetime) -> tuple[Verdict, str]:
        """Return whether the next ring may open, and why in a few words."""
        counted = self._counted
        well = [one for one in counted if one.state is State.WELL]
        lost = [one for one in counted if one.state in LOST]
        if not counted:
            declined = [one for one in self.domains if one.state is State.DECLINED]
            if declined:
                return Verdict.FAILED, "every team has declined it: nobody has tried the release"
            return Verdict.PASSED, "no domain to wait for"
        if self._lacks(len(counted) - len(lost)):
            return Verdict.FAILED, _failed(lost, counted)
        if self._lacks(len(well)):
            return Verdict.PENDING, f"{len(well)} of {len(counted)} well, {self.ring.must_succeed:.0%} needed"
        # From when on so many were well as are needed; who was so before the campaign, since ever.
        since = sorted(one.since or now - self.ring.bake for one in well)
        baked = since[math.ceil(self._needed) - 1] + self.ring.bake
        if now < baked:
            return Verdict.BAKING, f"bakes for {_span(baked - now)} more, until {baked:%Y-%m-%d %H:%M} UTC"
        return Verdict.PASSED, f"{len(well)} of {len(counted)} well"

    @property
    def _counted(self) -> list[Standing]:
        return [one for one in self.domains if one.counts]

    @property
    def _needed(self) -> float:
        return self.ring.must_succeed * len(self._counted) - _ROUNDING

    def _lacks(self, number: int) -> bool:
        return number < self._needed


def reached(
    version: str, rings: Sequence[RingStanding], named: Ring | None, only: Collection[Domain]
) -> tuple[list[RingStanding], list[Problem]]:
    """Return the rings to which a call may bring a release, and why it may not to others that it has reached.

    Raises:
        ProblemError: it may not to the ring, or to one of the domains, which a person has named
    """
    if named:
        may_open(version, rings, named)
        return [each for each in rings if each.ring == named], []
    begun = [each for number, each in enumerate(rings) if number == 0 or each.is_begun]
    ProblemError.raise_any(_not_reached(version, begun, only))
    wanted = [each for each in begun if not only or any(one.domain in only for one in each.domains)]
    may, held = [], []
    for each in wanted:
        try:
            may_open(version, rings, each.ring)
        except ProblemError as error:
            held += error.problems
        else:
            may.append(each)
    if only:
        ProblemError.raise_any(held)
    return may, held


def may_open(version: str, rings: Sequence[RingStanding], ring: Ring) -> None:
    """Raise ProblemError unless every ring before this one has passed, or this one is begun and none failed."""
    before = rings[: [one.ring for one in rings].index(ring)]
    this = rings[len(before)]
    if before and "-rc." in version:
        what = f"{version} is a candidate, and candidates reach the ring {rings[0].ring.name} alone"
        raise ProblemError(Problem(FleetCode.RING_CLOSED, ring.name, what, "release it first"))
    for one in before:
        verdict, why = one.verdict(datetime.now(UTC))
        if verdict is Verdict.FAILED:
            write = "put that right there, `fleet apply --resume`, or release a correction"
            raise ProblemError(Problem(FleetCode.RING_FAILED, one.ring.name, why, write))
        if verdict is not Verdict.PASSED and not this.is_begun:
            what = f"the ring {ring.name} is not open yet: {why}"
            raise ProblemError(Problem(FleetCode.RING_CLOSED, one.ring.name, what, "wait, then `fleet promote`"))


def _not_reached(version: str, begun: Sequence[RingStanding], only: Collection[Domain]) -> list[Problem]:
    names = {each.ring.name for each in begun}
    return [
        Problem(
            FleetCode.RING_CLOSED,
            domain.name,
            f"it is in the ring {domain.ring}, which {version} has not reached",
            f"wait for `fleet promote`, or write `--ring {domain.ring}`",
        )
        for domain in only
        if domain.ring not in names
    ]


def _failed(these: Sequence[Standing], of: Sequence[Standing]) -> str:
    return f"{len(these)} of {len(of)} failed: {', '.join(f'{one.domain.name} ({one.state})' for one in these)}"


def _span(left: timedelta) -> str:
    hours, minutes = divmod(int(left.total_seconds() // 60) + 1, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
