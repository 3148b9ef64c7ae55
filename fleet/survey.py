"""What each domain has: its version, what it changed of the platform's files and excepted; remembered by commit."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

from building_block.doctor import Examination
from building_block.messages import ProblemError
from building_block.project import Project

from fleet.forges import Forge
from fleet.pool import Ended, run, scratch
from fleet.registry import Domain
from fleet.remote import Heads, Remote, remote_of
from fleet.work import enrolled

_AT_ONCE = 8
"""Most of a look is waiting for the remote."""
_LIMIT = 60.0
_EPOCH = "2020-01-01T00:00:00Z"  # nothing is committed here


@dataclass(frozen=True)
class Excepted:
    """A platform file that a unit keeps as its own."""

    path: str
    reason: str
    until: str
    """The day, as in ISO 8601."""

    def is_over(self, today: date) -> bool:
        """Say whether the time for it has passed."""
        return date.fromisoformat(self.until) < today


@dataclass(frozen=True)
class Facts:
    """What a repository's default branch has at one commit."""

    heads: Heads
    version: str = ""
    """Of the template, as recorded; empty where ``problems`` say why."""
    drift: tuple[str, ...] = ()
    """The platform's files that are not as the manifest has them, and not excepted."""
    exceptions: tuple[Excepted, ...] = ()
    problems: tuple[str, ...] = ()
    """The messages because of which nothing else is known."""
    crash: str = ""
    """The traceback, where that is a defect of the fleet's."""


@dataclass(frozen=True)
class _Look:
    domain: str
    remote: Remote
    below: str
    known: Facts | None

    def __str__(self) -> str:
        return self.domain


def survey(forge: Forge, domains: Iterable[Domain], cache: Path, limit: float = _LIMIT) -> Iterator[tuple[str, Facts]]:
    """Yield the facts of each domain by its name, as they come; only what has moved is fetched again.

    ``cache`` is a folder for what is known of each, which may be deleted at any time; ``limit`` is how many seconds
    a look may take.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with scratch() as folder:
        for ended in run(_look, _looks(forge, domains, cache), at_once=_AT_ONCE, limit=limit, scratch=folder):
            facts = ended.result
            if facts is None:
                facts = Facts(Heads("", "", ""), problems=ended.problems, crash=ended.crash)
            elif facts != ended.job.known:
                _remember(cache / f"{ended.job.domain}.json", facts, ended.job)
            yield ended.job.domain, facts


def _looks(forge: Forge, domains: Iterable[Domain], cache: Path) -> Iterator[_Look | Ended[_Look, Facts]]:
    """Yield what is to be looked at, each as late as it can be: its credentials end."""
    for one in domains:
        try:
            remote = remote_of(forge, one)
        except ProblemError as error:
            nowhere = _Look(one.name, Remote(one.repository, one.branch), one.folder, None)
            yield Ended(nowhere, 0.0, problems=tuple(map(str, error.problems)))
        else:
            known = _remembered(cache / f"{one.name}.json", [remote.url, one.folder])
            yield _Look(one.name, remote, one.folder, known)


def _look(look: _Look) -> Facts:
    heads = look.remote.heads()
    if look.known and look.known.heads.head == heads.head:
        return replace(look.known, heads=heads)
    with look.remote.checked_out(heads.head, look.below, _EPOCH) as aside:
        try:
            project = enrolled(aside, look.remote.url)
            version = project.answers["_commit"]
        except ProblemError as error:
            return Facts(heads, problems=tuple(map(str, error.problems)))
        examined = Examination(Project(aside.root))
        found = [one for one, _ in examined.exceptions.values()]
        exceptions = tuple(Excepted(one.path, one.reason, one.until.isoformat()) for one in found)
        drift = tuple(path for path in examined.drifted if path not in examined.exceptions)
        return Facts(heads, version, drift, exceptions)


# What is remembered ---------------------------------------------------------------------------------------------------


def _remember(file: Path, facts: Facts, look: _Look) -> None:
    text = json.dumps({"of": [look.remote.url, look.below], "facts": asdict(facts)})
    new = file.with_suffix(f".{os.getpid()}")  # two may look at a time
    new.write_text(text, encoding="utf-8")
    os.replace(new, file)


def _remembered(file: Path, of: list[str]) -> Facts | None:
    try:
        said = json.loads(file.read_bytes())
        if said["of"] != of:  # registered anew with another repository
            return None
        facts = said["facts"]
        exceptions = tuple(Excepted(**one) for one in facts.pop("exceptions"))
        lists = {name: tuple(facts.pop(name)) for name in ("drift", "problems")}
        return Facts(Heads(**facts.pop("heads")), **facts, **lists, exceptions=exceptions)
    # Never written, or by another version of the fleet.
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
