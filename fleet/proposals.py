"""The fleet's pull requests of one domain: which release each brings, by a mark in its text, and what became of it."""

import re
from collections.abc import Iterable

from fleet.forges import PullRequest

_MARK = re.compile(r"<!-- building-block: (\S+?)( withdrawn)? -->")


def mark(version: str, *, withdrawn: bool = False) -> str:
    """Return the comment by which the body of a pull request says which release it brings."""
    return f"<!-- building-block: {version}{' withdrawn' if withdrawn else ''} -->"


def version_of(pull_request: PullRequest) -> str:
    """Return the release that a pull request brings; empty where it does not say so."""
    found = _MARK.search(pull_request.body)
    return found[1] if found else ""


def withdrawn(pull_request: PullRequest) -> str:
    """Return the text of a pull request with the mark by which its end is the platform's doing, not its team's."""
    return _MARK.sub(lambda found: mark(found[1], withdrawn=True), pull_request.body, count=1)


def is_withdrawn(pull_request: PullRequest) -> bool:
    """Say whether it is the platform that ended a pull request, or is about to."""
    found = _MARK.search(pull_request.body)
    return bool(found and found[2])


def proposal(pull_requests: Iterable[PullRequest], version: str) -> PullRequest | None:
    """Return the newest pull request of a release: one that is open, wherever there is one."""
    found = [one for one in pull_requests if version_of(one) == version]
    return next((one for one in found if one.state == "open"), next(iter(found), None))


def taken(pull_requests: Iterable[PullRequest], base: str) -> PullRequest | None:
    """Return the open one that the fleet keeps up to date, whatever release it brings; a person's own is none."""
    found = (one for one in pull_requests if one.state == "open" and one.base == base and version_of(one))
    return next(found, None)


def is_declined(pull_requests: Iterable[PullRequest], version: str) -> bool:
    """Say whether the team has closed what was proposed of a release."""
    proposed = proposal(pull_requests, version)
    return bool(proposed and proposed.state == "closed" and not is_withdrawn(proposed))
