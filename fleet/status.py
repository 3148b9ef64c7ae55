"""Where every domain stands: its version and how old that is, what it changed, and what is proposed to it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from building_block.messages import ProblemError
from rich.markup import escape
from rich.table import Column, Table

from fleet.forges import Checks, Forge, PullRequest
from fleet.proposals import taken, version_of
from fleet.registry import Domain, Fleet
from fleet.releases import Releases
from fleet.survey import Excepted, Facts, survey
from upgrade.tree import printable


@dataclass(frozen=True)
class Row:
    """One domain."""

    domain: Domain
    facts: Facts
    released: date | None
    """When its version was released; None where that is not known."""
    behind: int
    """How many releases came after it."""
    open: PullRequest | None = None
    """The fleet's open pull request."""
    checks: Checks | None = None
    problems: tuple[str, ...] = ()
    """Messages, where something could not be found out."""

    @property
    def why(self) -> str:
        """Return in a few words why it is not at the newest release; empty where it is."""
        if self.domain.skip:
            return f"skipped: {self.domain.skip}"
        if self.problems:
            return "needs a person"
        if not self.behind:
            return ""
        if self.domain.pinned:
            return f"pinned to {self.domain.pinned}"
        if self.open and self.checks:
            return f"{version_of(self.open)} proposed, checks {self.checks.state}"
        return "nothing proposed"

    @property
    def over(self) -> tuple[Excepted, ...]:
        """Return the exceptions whose time has passed."""
        today = datetime.now(UTC).date()
        return tuple(one for one in self.facts.exceptions if one.is_over(today))

    @property
    def needs_person(self) -> bool:
        """Whether nothing goes on here by itself."""
        return not self.domain.skip and bool(self.problems or (self.checks and self.checks.state == "failed"))


def status(fleet: Fleet, forge: Forge, releases: Releases) -> Iterator[list[Row]]:
    """Yield the rows of the domains that have been looked at so far, as they are registered, after each look.

    Raises:
        ProblemError: the forge takes the fleet for nobody.
    """
    found: dict[str, Row] = {}
    for name, facts in survey(forge, fleet.domains, fleet.cache):
        found[name] = _row(forge, fleet.domain(name), facts, releases)
        yield [found[domain.name] for domain in fleet.domains if domain.name in found]


def _row(forge: Forge, domain: Domain, facts: Facts, releases: Releases) -> Row:
    released, behind = releases.date(facts.version), releases.after(facts.version)
    row = Row(domain, facts, released, behind, problems=facts.problems)
    if not facts.heads.proposed:  # no branch, so nothing open: the forge need not be asked
        return row
    try:
        found = forge.pull_requests(domain.repository, domain.branch)
        open_ = taken(found, facts.heads.branch)
        checks = forge.checks(domain.repository, open_.head) if open_ else None
    except ProblemError as error:
        return Row(domain, facts, released, behind, problems=tuple(map(str, error.problems)))
    return Row(domain, facts, released, behind, open_, checks, facts.problems)


def table(rows: Iterable[Row]) -> Table:
    """Return what a terminal shows."""
    names = ("domain", "ring", "version", "age", "drift", "excepted", "proposed", "checks")
    shown = Table(*(Column(name, no_wrap=True) for name in names), "why", box=None)
    for row in rows:
        proposed = version_of(row.open) if row.open else ""
        excepted = f"{len(row.facts.exceptions)}" if row.facts.exceptions else ""
        if row.over:
            excepted += f" ({len(row.over)} over)"
        cells = [
            row.domain.name,
            row.domain.ring,
            row.facts.version or "?",
            _age(row.released),
            str(len(row.facts.drift) or ""),
            excepted,
            proposed,
            row.checks.state if row.checks else "",
            row.why,
        ]
        style = "red" if row.needs_person else "yellow" if row.behind else ""
        shown.add_row(*(escape(printable(cell)) for cell in cells), style=style)
    return shown


def as_json(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return the rows as plain values: the keys are part of what scripts may rely on."""
    return [
        {
            "domain": row.domain.name,
            "repository": row.domain.repository,
            "ring": row.domain.ring,
            "contact": row.domain.contact,
            "version": row.facts.version or None,
            "released": row.released.isoformat() if row.released else None,
            "behind": row.behind,
            "drift": [*row.facts.drift],
            "exceptions": [asdict(one) for one in row.facts.exceptions],
            "pull_request": _proposed(row),
            "why": row.why or None,
            "needs_person": row.needs_person,
            "problems": [*row.problems],
        }
        for row in rows
    ]


def _proposed(row: Row) -> Mapping[str, Any] | None:
    if row.open is None:
        return None
    checks = row.checks.state if row.checks else None
    return {"url": row.open.url, "version": version_of(row.open), "checks": checks}


def _age(released: date | None) -> str:
    if released is None:
        return ""
    days = (datetime.now(UTC).date() - released).days
    return f"{days} d"
