"""Where a release stands in each domain and ring, read from the forge: what opens the next ring, and what stops it."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from packaging.version import InvalidVersion, Version

from fleet.forges import Checks, Forge, PullRequest
from fleet.registry import Domain, Ring
from fleet.survey import Facts

_ROUNDING = 1e-9  # 0.7 of 10 is a little more than 7
_MARK = re.compile(r"<!-- building-block: (\S+?)( withdrawn)? -->")


def mark(version: str, *, withdrawn: bool = False) -> str:
    """Return the comment by which the body of a pull request says which release it brings."""
    return f"<!-- building-block: {version}{' withdrawn' if withdrawn else ''} -->"


class State(StrEnum):
    """How a domain stands to a release."""

    SKIPPED = "skipped"
    """The registry says to leave it alone."""
    PINNED = "pinned"
    """The registry says that it stays at another version."""
    UNREACHABLE = "unreachable"
    """Its repository cannot be read, or has no project."""
    UNTOUCHED = "to do"
    """Nothing was proposed yet."""
    RUNNING = "checks running"
    WELL = "well"
    """It has the release, or the checks of its pull request passed."""
    FAILED = "checks failed"
    DECLINED = "declined"
    """Its team closed the pull request."""


LOST = (State.FAILED, State.UNREACHABLE)
"""The states out of which nothing leads but a person."""


@dataclass(frozen=True)
class Standing:
    """Where a release stands in one domain."""

    domain: Domain
    state: State
    facts: Facts
    pull_request: PullRequest | None = None
    """The one that brings this release."""
    taken: PullRequest | None = None
    """The open one from the fleet's branch, whatever release it brings."""
    checks: Checks | None = None
    since: datetime | None = None
    """When it came to be well; None where nobody can tell, it was so before."""
    reason: str = ""

    @property
    def counts(self) -> bool:
        """Whether it says something about the release: not where it was left alone."""
        return self.state not in (State.SKIPPED, State.PINNED, State.DECLINED)


def standing(forge: Forge, domain: Domain, facts: Facts, version: str) -> Standing:
    """Ask the forge where a release stands in a domain.

    Raises:
        ProblemError: the forge does not answer.
    """
    if domain.skip:
        return Standing(domain, State.SKIPPED, facts, reason=domain.skip)
    if domain.pinned and domain.pinned != version:
        return Standing(domain, State.PINNED, facts, reason=f"stays at {domain.pinned}")
    if facts.problems:
        return Standing(domain, State.UNREACHABLE, facts, reason=" ".join(facts.problems))
    found = forge.pull_requests(domain.repository, domain.branch)
    proposed = proposal(found, version)
    taken = next((one for one in found if one.state == "open"), None)
    asked = partial(Standing, domain, facts=facts, pull_request=proposed, taken=taken)
    if proposed and proposed.state == "merged":
        return asked(State.WELL, since=proposed.ended)
    if has(facts.version, version):
        return asked(State.WELL, reason=f"has {facts.version}")
    if proposed is None or (proposed.state == "closed" and _is_withdrawn(proposed)):
        return asked(State.UNTOUCHED, pull_request=None)
    if proposed.state == "closed":
        return asked(State.DECLINED, reason="its team closed the pull request")
    checks = forge.checks(domain.repository, proposed.head)
    match checks.state:
        case "passed":
            return asked(State.WELL, checks=checks, since=checks.ended)
        case "failed":
            return asked(State.FAILED, checks=checks, reason=f"failed: {', '.join(checks.failed)}")
    return asked(State.RUNNING, checks=checks)


def proposal(pull_requests: Iterable[PullRequest], version: str) -> PullRequest | None:
    """Return the newest pull request of a release: one that is open, wherever there is one."""
    found = [one for one in pull_requests if version_of(one) == version]
    return next((one for one in found if one.state == "open"), next(iter(found), None))


def version_of(pull_request: PullRequest) -> str:
    """Return the release that a pull request brings; empty where it does not say so."""
    found = _MARK.search(pull_request.body)
    return found[1] if found else ""


def has(version: str, wanted: str) -> bool:
    """Say whether a version is, or comes after, another one; a recorded one may be what `git describe` says."""
    try:
        return Version(re.sub(r"-\d+-g[0-9a-f]+$", "", version)) >= Version(wanted)
    except InvalidVersion:
        return False


def _is_withdrawn(pull_request: PullRequest) -> bool:
    found = _MARK.search(pull_request.body)
    return bool(found and found[2])


# Rings ----------------------------------------------------------------------------------------------------------------


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

    def verdict(self, now: datetime) -> tuple[Verdict, str]:
        """Return whether the next ring may open, and why in a few words."""
        counted = [one for one in self.domains if one.counts]
        well = [one for one in counted if one.state is State.WELL]
        lost = [one for one in counted if one.state in LOST]
        if not counted:
            declined = [one for one in self.domains if one.state is State.DECLINED]
            if declined:
                return Verdict.FAILED, "every team has declined it: nobody has tried the release"
            return Verdict.PASSED, "no domain to wait for"
        needed = self.ring.must_succeed * len(counted)
        if len(counted) - len(lost) < needed - _ROUNDING:
            names = ", ".join(f"{one.domain.name} ({one.state})" for one in lost)
            return Verdict.FAILED, f"{len(lost)} of {len(counted)} failed: {names}"
        if len(well) < needed - _ROUNDING:
            return Verdict.PENDING, f"{len(well)} of {len(counted)} well, {self.ring.must_succeed:.0%} needed"
        # From when on so many were well as are needed; who was so before the campaign, since ever.
        since = sorted(one.since or now - self.ring.bake for one in well)
        baked = since[math.ceil(needed - _ROUNDING) - 1] + self.ring.bake
        if now < baked:
            return Verdict.BAKING, f"bakes for {_span(baked - now)} more, until {baked:%Y-%m-%d %H:%M} UTC"
        return Verdict.PASSED, f"{len(well)} of {len(counted)} well"


def _span(left: timedelta) -> str:
    hours, minutes = divmod(int(left.total_seconds() // 60) + 1, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
