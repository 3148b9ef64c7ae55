"""What the domains changed in files of the platform, as differences from what was rendered, and what recurs."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from building_block.doctor import Examination
from building_block.messages import Problem, ProblemError
from building_block.project import Project

from fleet.messages import FleetCode
from fleet.remote import Remote
from fleet.work import enrolled
from upgrade.git import PLAIN
from upgrade.template import Template
from upgrade.tree import ANSWERS, printable

_EPOCH = "2020-01-01T00:00:00Z"  # nothing is committed here


@dataclass(frozen=True)
class Job:
    """Whose drift is wanted."""

    domain: str
    remote: Remote
    below: str
    template: Path

    def __str__(self) -> str:
        """Return its name in messages."""
        return self.domain


@dataclass(frozen=True)
class Change:
    """What one domain made of one file of the platform."""

    domain: str
    path: str
    diff: str
    """As git writes it, from what was rendered to what the domain has."""
    excepted: bool
    """Whether the unit has said so in settings/exceptions.yaml."""


def changes(job: Job) -> list[Change]:
    """Return what a domain changed in the platform's files.

    Raises:
        ProblemError: it cannot be read, or its version cannot be rendered.
    """
    heads = job.remote.heads()
    with job.remote.checked_out(heads.head, job.below, _EPOCH) as aside:
        start = enrolled(aside, job.remote.url)
        version = start.answers["_commit"]
        template = Template(job.template, version)
        if (commit := template.commit(version)) is None:
            what, write = f"has `{version}`, which the template's repository does not have", "tell its contact"
            raise ProblemError(Problem(FleetCode.NOT_ENROLLED, job.remote.url, what, write))
        rendered = aside.scratch / "rendered"
        template.render(commit, start.given, rendered)
        fresh = aside.tree_of(rendered)
        excepted = Examination(Project(aside.root)).exceptions
        found = []
        for path in sorted(fresh.platform - {ANSWERS}):
            if start.entries.get(path) == fresh.entries.get(path):
                continue
            project = f"{start.commit}:{job.below}"
            diff = aside.git("diff", *PLAIN, fresh.commit, project.rstrip("/"), "--", path)
            found.append(Change(job.domain, path, diff, path in excepted))
        return found


@dataclass(frozen=True)
class Recurring:
    """One change that several domains have made: a candidate for the template."""

    path: str
    lines: str
    """The lines that are taken away and added."""
    domains: tuple[str, ...]


def recurring(found: Iterable[Change]) -> list[Recurring]:
    """Return the hunks that more than one domain has, wherever in the file they stand, the most frequent first."""
    who: dict[tuple[str, str], list[str]] = defaultdict(list)
    for change in found:
        for lines in _hunks(change.diff):
            who[change.path, lines].append(change.domain)
    several = [Recurring(path, lines, tuple(domains)) for (path, lines), domains in who.items() if len(domains) > 1]
    return sorted(several, key=lambda one: (-len(one.domains), one.path, one.lines))


def _hunks(diff: str) -> Iterator[str]:
    """Yield the changed lines of each hunk; of a file that was deleted or made executable, what git says of that."""
    header, *hunks = re.split(r"^@@.*$", diff, flags=re.MULTILINE)
    modes = re.findall(r"^(?:deleted file|old|new) mode \d+$", header, flags=re.MULTILINE)
    if modes:
        yield "\n".join(modes)
    elif not hunks:
        yield header.strip()
    for hunk in hunks if not modes or modes[0].startswith("old") else ():
        yield "\n".join(line for line in hunk.splitlines() if line[:1] in "+-" and line)


def told(found: Sequence[Change]) -> Iterator[str]:
    """Yield what was found, as lines of Markdown: what recurs first, then each domain's."""
    if several := recurring(found):
        yield "## Candidates for the template\n"
        for one in several:
            yield f"`{one.path}`, in {len(one.domains)} domains: {', '.join(one.domains)}\n"
            yield f"{_fenced(one.lines)}\n"
    for domain in dict.fromkeys(change.domain for change in found):
        yield f"## {domain}\n"
        for change in (one for one in found if one.domain == domain):
            yield f"`{change.path}`{', excepted' if change.excepted else ''}\n"
            yield f"{_fenced(change.diff)}\n"


def _fenced(text: str) -> str:
    """Return text as a block of code, whatever backticks it has, and whatever no terminal should be sent."""
    text = "".join(part if part in ("\n", "\t") else printable(part) for part in re.split(r"([\n\t])", text))
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}diff\n{text}\n{fence}"
