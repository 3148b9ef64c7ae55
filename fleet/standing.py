"""Where a release stands in one domain, read from its repository and the forge."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial

from building_block.messages import ProblemError
from packaging.version import InvalidVersion, Version

from fleet.forges import Checks, Forge, PullRequest
from fleet.proposals import is_declined, is_withdrawn, proposal, taken, version_of
from fleet.registry import Domain
from fleet.survey import Facts


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
    """It had the release before it was proposed, or the checks of what was proposed passed."""
    FAILED = "checks failed"
    DECLINED = "declined"
    """Its team closed the pull request."""
    TAKEN_BACK = "taken back"
    """Its team merged the pull request, and its default branch does not have the release."""


AGAINST = (State.FAILED, State.TAKEN_BACK)
"""The states that speak against the release."""
LOST = (*AGAINST, State.UNREACHABLE)
"""The states out of which nothing leads but a person."""


@dataclass(frozen=True)
class Standing:
    """Where a release stands in one domain."""

    domain: Domain
    state: State
    facts: Facts | None
    """None where it is skipped, and not looked at."""
    pull_request: PullRequest | None = None
    """The one that brings this release."""
    taken: PullRequest | None = None
    """The open one that the fleet keeps up to date, whatever release it brings."""
    checks: Checks | None = None
    since: datetime | None = None
    """When it came to be well; None where nobody can tell, it was so before."""
    reason: str = ""

    @property
    def counts(self) -> bool:
        """Whether it says something about the release: not where it was left alone."""
        return self.state not in (State.SKIPPED, State.PINNED, State.DECLINED)

    @property
    def needless(self) -> str:
        """Return why nobody needs the open pull request of the fleet's any more; empty where it is to stay."""
        if self.taken is None:
            return ""
        if self.domain.skip:
            return f"the platform leaves this domain alone: {self.domain.skip}"
        if self.domain.pinned and self.domain.pinned != version_of(self.taken):
            return f"this domain stays at {self.domain.pinned}"
        if self.state is State.WELL and has(self.facts.version, version_of(self.taken)):
            return f"{self.facts.heads.branch} has {self.facts.version}"
        return ""


def standing(forge: Forge, domain: Domain, facts: Facts | None, version: str) -> Standing:
    """Ask the forge where a release stands in a domain.

    Raises:
        ProblemError: the forge does not answer.
    """
    if domain.skip:
        return Standing(domain, State.SKIPPED, facts, taken=_left_open(forge, domain), reason=domain.skip)
    if domain.pinned and domain.pinned != version:
        # Without a branch nothing is open.
        found = forge.pull_requests(domain.repository, domain.branch) if facts.heads.proposed else []
        open_, reason = taken(found, facts.heads.branch), f"stays at {domain.pinned}"
        return Standing(domain, State.PINNED, facts, taken=open_, reason=reason)
    if facts.problems:
        return Standing(domain, State.UNREACHABLE, facts, reason=" ".join(facts.problems))
    found = forge.pull_requests(domain.repository, domain.branch)
    proposed = proposal(found, version)
    asked = partial(Standing, domain, facts=facts, pull_request=proposed, taken=taken(found, facts.heads.branch))
    merged = bool(proposed and proposed.state == "merged")
    if merged and not has(facts.version, version):
        reason = f"merged, and yet {facts.heads.branch} has {facts.version}: taken back, or merged elsewhere"
        return asked(State.TAKEN_BACK, reason=reason)
    if not merged and has(facts.version, version):
        return asked(State.WELL, reason=f"has {facts.version}")
    if is_declined(found, version):
        return asked(State.DECLINED, reason="its team closed the pull request")
    if proposed is None or (proposed.state == "closed" and is_withdrawn(proposed)):
        return asked(State.UNTOUCHED, pull_request=None)
    checks = forge.checks(domain.repository, proposed.head)
    if merged and checks.state != "passed":  # what was merged may have been put right since, where it is now
        now = forge.checks(domain.repository, facts.heads.head)
        checks = now if now.state == "passed" else checks
    match checks.state:
        case "passed":
            return asked(State.WELL, checks=checks, since=checks.ended)
        case "failed":
            return asked(State.FAILED, checks=checks, reason=f"failed: {', '.join(checks.failed)}")
    return asked(State.RUNNING, checks=checks)


def _left_open(forge: Forge, domain: Domain) -> PullRequest | None:
    """Return the fleet's open pull request of a domain that is skipped, if it can be found out."""
    with suppress(ProblemError):  # it may be gone, which is a reason to skip it
        repository = forge.look_up(domain.repository)
        if not repository.is_archived:
            return taken(forge.pull_requests(domain.repository, domain.branch), repository.default_branch)
    return None


def has(version: str, wanted: str) -> bool:
    """Say whether a version is, or comes after, another one; a recorded one may be what `git describe` says."""
    try:
        return Version(re.sub(r"-\d+-g[0-9a-f]+$", "", version)) >= Version(wanted)
    except InvalidVersion:
        return False
