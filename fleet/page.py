"""The page of the fleet for who wants to know and not to do: one HTML file that loads nothing.

What it says is worked out here, as plain values; how it looks is ``page.html.jinja`` beside this file.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import chain
from math import ceil
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from building_block.messages import ProblemError, one_line
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from packaging.version import Version

from fleet.forges import Forge, PullRequest
from fleet.log import Event, Log
from fleet.proposals import is_declined, proposal, version_of
from fleet.registry import Domain, Fleet
from fleet.result import Became
from fleet.status import Row

_LONGEST = 1_000
"""Signs of a text of others: messages are sentences, and nothing is to fill the page."""
_LINKED = {"http", "https", "file"}
_DAY = 86_400
_AXES = (
    *(60 * minutes for minutes in (10, 20, 30, 60)),
    *(3_600 * hours for hours in (2, 4, 6, 12, 24)),
    *(_DAY * days for days in (2, 4, 6, 10, 14, 20, 30, 40, 60, 90, 120, 180, 360)),
)
"""The lengths of the axis of time, in seconds: each has a half that can be written."""
_SHOWN = 0.9
"""The share of a campaign's merges that lies within the axis: one straggler would press all others to its left."""


# What the forge remembers ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Adoption:
    """How one domain came to a release by a pull request of the fleet, or did not."""

    domain: str
    version: str
    proposed: datetime
    merged: datetime | None = None
    declined: datetime | None = None
    """When its team closed the pull request."""


def histories(fleet: Fleet, forge: Forge, log: Log) -> list[Adoption]:
    """Return how every release that was proposed to a domain fared there, as the forge and the log remember it."""
    told: dict[str, dict[str, datetime]] = {}
    for event in log.events():
        if event.what == "proposed":
            told.setdefault(event.domain, {}).setdefault(event.version, event.at)
    found = []
    for domain in fleet.domains:
        try:
            pull_requests = forge.pull_requests(domain.repository, domain.branch)
        except ProblemError:  # told in the domain's row
            continue
        found += _adoptions(domain, pull_requests, told.get(domain.name, {}))
    return found


def _adoptions(
    domain: Domain, pull_requests: Sequence[PullRequest], told: Mapping[str, datetime]
) -> Iterator[Adoption]:
    """Yield one for each release; ``told`` is when the log says that each was proposed."""
    named = [version for one in pull_requests if (version := version_of(one))]
    for version in dict.fromkeys([*named, *told]):
        of_it = [one for one in pull_requests if version_of(one) == version]
        last = proposal(of_it, version)
        # An open pull request is edited for a newer release and keeps its date: the log knows better, where it has it.
        proposed = told.get(version) or min(one.created for one in of_it)
        merged = min((one.ended for one in of_it if one.state == "merged" and one.ended), default=None)
        declined = last.ended if last and is_declined(of_it, version) and not merged else None
        yield Adoption(domain.name, version, proposed, merged, declined)


# What the page says ---------------------------------------------------------------------------------------------------


class Need(StrEnum):
    """What a domain waits for; in the order in which the page tells it."""

    PERSON = "person"
    TEAM = "team"
    CHECKS = "checks"
    TO_COME = "to-come"
    DECLINED = "declined"
    LEFT = "left"
    NOTHING = "nothing"

    def of(self, number: int, newest: str) -> str:
        """Return what is said of a number of domains, without the number."""
        return _SAYS[self][number != 1].format(newest=newest)


_SAYS = {
    Need.PERSON: ("needs a person", "need a person"),
    Need.TEAM: ("waits for its team", "wait for their teams"),
    Need.CHECKS: ("is being checked", "are being checked"),
    Need.TO_COME: ("is to come", "are to come"),
    Need.DECLINED: ("has declined it", "have declined it"),
    Need.LEFT: ("is left alone", "are left alone"),
    Need.NOTHING: ("has {newest}", "have {newest}"),
}
_ABOUT = {
    Need.PERSON: "Nothing goes on here by itself.",
    Need.TEAM: "The checks have passed: the team may merge.",
    Need.CHECKS: "The unit's own checks run on the pull request.",
    Need.TO_COME: "The release has not been proposed here yet.",
    Need.DECLINED: "The team closed the pull request: the next release is proposed again.",
}


@dataclass(frozen=True)
class Count:
    """How many domains wait for the same."""

    need: Need
    number: int
    says: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One domain."""

    name: str
    ring: str
    contact: str
    version: str
    """Empty where it is not known."""
    age: str
    need: Need
    drift: int
    exceptions: int
    over: int
    proposed: str = ""
    """The release of the open pull request, with its number."""
    url: str = ""
    """Of the pull request; empty where it is none that a page may lead to."""
    checks: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """The domains that are behind and wait for the same."""

    need: Need
    says: str
    about: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Bar:
    """The domains that have one version."""

    version: str
    """Empty where it is not known."""
    about: str
    """Its age, or why it has none."""
    number: int
    parts: tuple[Count, ...]


@dataclass(frozen=True)
class Kept:
    """A platform file that a domain has otherwise than the platform."""

    domain: str
    path: str
    says: str
    is_over: bool
    reason: str = ""


@dataclass(frozen=True)
class Curve:
    """How one release was taken up."""

    version: str
    begun: str
    proposed: int
    merged: int
    median: str
    later: int
    """How many were merged after the end of the axis."""
    steps: tuple[tuple[float, float], ...]
    """Corners of the curve: the share of the axis, the share of the domains."""
    says: str
    """What the curve shows, in words."""

    @property
    def share(self) -> float:
        """Which part of the proposals was merged."""
        return self.merged / self.proposed


@dataclass(frozen=True)
class View:
    """All that the page shows."""

    made: datetime
    newest: str
    """The newest release; empty where there is none."""
    total: int
    headline: str
    """How far the newest release has come."""
    rest: str
    """What the other domains wait for; empty where there are none."""
    paused: str | None
    """Why the campaign is paused; None where it is not."""
    counts: tuple[Count, ...]
    bars: tuple[Bar, ...]
    largest: int
    """The number of the longest bar."""
    unused: str
    """Which releases no domain has."""
    groups: tuple[Group, ...]
    done: tuple[Entry, ...]
    left: tuple[Entry, ...]
    kept: tuple[Kept, ...]
    kept_says: str
    curves: tuple[Curve, ...]
    """The newest first."""
    trend: str
    ticks: tuple[str, ...]
    """At the axis' beginning, middle and end."""


def page(
    rows: Sequence[Row], releases: Mapping[str, date], log: Log, adoptions: Sequence[Adoption], now: datetime
) -> str:
    """Return the page; ``releases`` are the days of each, the oldest first."""
    # Everything that a unit has written is escaped, quotes too, so that none of it ends an attribute.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html.jinja").render(view=view(rows, releases, log, adoptions, now), Need=Need)


def view(
    rows: Sequence[Row], releases: Mapping[str, date], log: Log, adoptions: Sequence[Adoption], now: datetime
) -> View:
    """Return what the page shows."""
    newest = next(reversed(releases), "")
    looked = _Look(newest, now, {one.domain: one for one in adoptions if one.version == newest}, _last(log, newest))
    looked = looked.with_rings(rows)
    # Whose pull request has been open for longest is asked first.
    entries = [looked.entry(row) for row in sorted(rows, key=lambda row: row.open.created if row.open else now)]
    of = {need: tuple(entry for entry in entries if entry.need is need) for need in Need}
    counts = tuple(
        Count(need, len(of[need]), need.of(len(of[need]), newest))
        for need in (Need.NOTHING, *(need for need in Need if need is not Need.NOTHING))
        if of[need] or need in (Need.NOTHING, Need.PERSON)
    )
    bars = _bars(rows, entries, releases, newest, now)
    kept = tuple(_kept(rows, now.date()))
    curves, ticks = _curves(adoptions, releases, log, now)
    return View(
        made=now.astimezone(UTC),
        newest=newest,
        total=len(rows),
        headline=_headline(len(of[Need.NOTHING]), len(rows), newest),
        rest=_rest(of, newest) if newest else "",
        paused=log.paused(newest) if newest else None,
        counts=counts if rows and newest else (),
        bars=bars,
        largest=max((bar.number for bar in bars), default=1) or 1,
        unused=_unused(rows, releases),
        groups=tuple(
            Group(need, need.of(len(of[need]), newest), about, of[need]) for need, about in _ABOUT.items() if of[need]
        ),
        done=tuple(sorted(of[Need.NOTHING], key=lambda entry: entry.name)),
        left=of[Need.LEFT],
        kept=kept,
        kept_says=_kept_says(kept),
        curves=curves,
        trend=_trend(curves),
        ticks=ticks,
    )


def _headline(has_it: int, total: int, newest: str) -> str:
    if not total:
        return "No domain is registered yet"
    if not newest:
        return f"{_number(total, 'domain')} registered; the template has no release yet"
    if has_it == total:
        return f"All {total} domains have {newest}" if total > 1 else f"The only domain has {newest}"
    return f"{has_it} of {_number(total, 'domain')} {'has' if has_it == 1 else 'have'} {newest}"


def _rest(of: Mapping[Need, Sequence[Entry]], newest: str) -> str:
    # The teams first: it is what most wait for, and so what a release is held up by.
    told = (Need.TEAM, Need.PERSON, Need.CHECKS, Need.TO_COME, Need.DECLINED, Need.LEFT)
    return ", ".join(f"{len(of[need])} {need.of(len(of[need]), newest)}" for need in told if of[need])


# One domain -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    """What is known of the newest release's campaign, beside the rows."""

    newest: str
    now: datetime
    adoptions: Mapping[str, Adoption]
    last: Mapping[str, Event]
    """What the campaign last did in each domain, as this machine remembers it."""
    rings: frozenset[str] = frozenset()
    """Those that the release has reached."""

    def with_rings(self, rows: Iterable[Row]) -> "_Look":
        reached = frozenset(row.domain.ring for row in rows if row.domain.name in self.adoptions)
        return _Look(self.newest, self.now, self.adoptions, self.last, reached)

    def entry(self, row: Row) -> Entry:
        need = self.need(row)
        return Entry(
            name=row.domain.name,
            ring=row.domain.ring,
            contact=_plain(row.domain.contact),
            version=_plain(row.facts.version),
            age=_age(row.released, self.now.date()),
            need=need,
            drift=len(row.facts.drift),
            exceptions=len(row.facts.exceptions),
            over=sum(one.is_over(self.now.date()) for one in row.facts.exceptions),
            proposed=_plain(f"{version_of(row.open)} #{row.open.number}") if row.open else "",
            url=_link(row.open.url) if row.open else "",
            checks=row.checks.state if row.checks else "",
            reasons=tuple(_plain(reason) for reason in self.reasons(row, need)),
        )

    def need(self, row: Row) -> Need:
        """Say what a domain waits for."""
        if row.needs_person or self.refusal(row):
            return Need.PERSON
        if not row.behind:
            return Need.NOTHING
        if row.domain.skip or row.domain.pinned:
            return Need.LEFT
        if row.open:
            return Need.TEAM if row.checks and row.checks.state == "passed" else Need.CHECKS
        adoption = self.adoptions.get(row.domain.name)
        return Need.DECLINED if adoption and adoption.declined else Need.TO_COME

    def refusal(self, row: Row) -> tuple[str, ...]:
        """Return why the campaign could not go on in a domain; empty where it could, or need not."""
        event = self.last.get(row.domain.name)
        if not row.behind or row.domain.skip or row.domain.pinned or event is None:
            return ()
        return event.problems or (("the last roll-out stopped here",) if event.what == Became.REFUSED else ())

    def reasons(self, row: Row, need: Need) -> Iterator[str]:
        """Yield why a domain is where it is."""
        domain = row.domain
        if row.problems:
            yield from row.problems
        elif need is Need.PERSON:
            if row.checks and row.checks.state == "failed":
                yield f"failed: {', '.join(row.checks.failed)}" if row.checks.failed else "its checks failed"
            yield from self.refusal(row)
        if domain.skip:
            yield f"skipped: {domain.skip}"
        elif domain.pinned:
            yield f"pinned to {domain.pinned}"
        elif need in (Need.TEAM, Need.CHECKS) and row.open:
            yield f"open for {_span(self.now - row.open.created)}"
            if version_of(row.open) != self.newest:
                yield f"{self.newest} takes its place when it is proposed here"
        elif need is Need.DECLINED and (declined := self.adoptions[domain.name].declined):
            yield f"closed on {declined:%Y-%m-%d}"
        elif need is Need.TO_COME:
            yield self.why_not_yet(domain)

    def why_not_yet(self, domain: Domain) -> str:
        event = self.last.get(domain.name)
        if event and event.what == Became.WAITS:
            return f"waits: {(event.about or {}).get('why', '')}"
        if domain.ring in self.rings:
            return f"not proposed yet; {self.newest} has reached the ring {domain.ring}"
        return f"{self.newest} has not reached the ring {domain.ring}"


def _last(log: Log, version: str) -> dict[str, Event]:
    events = log.events(version) if version else ()
    return {event.domain: event for event in events if event.domain}


# Versions -------------------------------------------------------------------------------------------------------------


def _bars(
    rows: Sequence[Row], entries: Sequence[Entry], releases: Mapping[str, date], newest: str, now: datetime
) -> tuple[Bar, ...]:
    """Return one for each version that a domain has, the newest first, and the newest release's in any case."""
    has = {entry.version for entry in entries}
    # After a release come the commits that follow it; what is no version at all comes last.
    order = {version: number for number, version in enumerate(releases)}
    base = {version: version.split("-")[0] for version in has}
    known = [version for version in {*has, newest} - {""} if base.get(version, version) in order]
    known.sort(key=lambda version: (order[base.get(version, version)], version), reverse=True)
    bars = []
    for version in (*known, *sorted(has - {*known, ""}), *({""} & has)):
        of_it = [entry for entry in entries if entry.version == version]
        about = "not a release" if version else ""
        if version in releases:
            about = f"{_age(releases[version], now.date())} old"
        parts = tuple(
            Count(need, len(names), need.of(len(names), newest), names)
            for need in (Need.NOTHING, *(need for need in Need if need is not Need.NOTHING))
            if (names := tuple(sorted(entry.name for entry in of_it if entry.need is need)))
        )
        bars.append(Bar(version, about, len(of_it), parts))
    return tuple(bars) if rows else ()


def _unused(rows: Sequence[Row], releases: Mapping[str, date]) -> str:
    """Return which releases no domain has any more."""
    has = {row.facts.version for row in rows}
    older = [version for version in [*reversed(releases)][1:] if version not in has]
    if not older or not rows:
        return ""
    if len(older) > 4:
        return f"No domain has any of the {len(older)} other releases."
    return f"No domain has {', '.join(older[:-1])}{' or ' if older[1:] else ''}{older[-1]}."


# Files of the platform ------------------------------------------------------------------------------------------------


def _kept(rows: Iterable[Row], today: date) -> Iterator[Kept]:
    """Yield those over their date first, then what nobody excepted, then the other exceptions by their date."""
    excepted = sorted(
        ((one, row.domain.name) for row in rows for one in row.facts.exceptions), key=lambda pair: pair[0].until
    )
    shown = [
        Kept(name, _plain(one.path), f"excepted until {one.until}", one.is_over(today), _plain(one.reason))
        for one, name in excepted
    ]
    drifted = (Kept(row.domain.name, _plain(path), "changed", False) for row in rows for path in row.facts.drift)
    yield from (one for one in shown if one.is_over)
    yield from drifted
    yield from (one for one in shown if not one.is_over)


def _kept_says(kept: Sequence[Kept]) -> str:
    changed = [one for one in kept if one.says == "changed"]
    excepted = [one for one in kept if one.says != "changed"]
    told = []
    if excepted:
        over = sum(one.is_over for one in excepted)
        told.append(
            f"{_number(len(excepted), 'exception')} in {_number(len({one.domain for one in excepted}), 'domain')}"
            + (f", {over} over {'its' if over == 1 else 'their'} date" if over else ", none over its date")
        )
    if changed:
        domains = _number(len({one.domain for one in changed}), "domain")
        told.append(f"{_number(len(changed), 'file')} changed in {domains} without an exception")
    return f"{'; '.join(told)}." if told else ""


# Campaigns ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Campaign:
    version: str
    start: datetime
    proposed: int
    merged: tuple[timedelta, ...]
    """From the first proposal on, sorted."""
    took: tuple[timedelta, ...]
    """From each domain's own proposal on."""


def _curves(
    adoptions: Sequence[Adoption], releases: Mapping[str, date], log: Log, now: datetime
) -> tuple[tuple[Curve, ...], tuple[str, ...]]:
    """Return one for each campaign, all on one axis of time, and the labels of that axis."""
    # A pull request's text names its release, and a unit may write there what it likes.
    known = {*releases, *(event.version for event in log.events())}
    by_version: dict[str, list[Adoption]] = {}
    for one in adoptions:
        if one.version in known:
            by_version.setdefault(one.version, []).append(one)
    newest_first = sorted(by_version, key=Version, reverse=True)
    campaigns = [_campaign(version, by_version[version], releases.get(version)) for version in newest_first]
    if not campaigns:
        return (), ()
    reached = [one.merged[ceil(_SHOWN * len(one.merged)) - 1] for one in campaigns if one.merged]
    end = max(reached, default=now - campaigns[0].start).total_seconds()
    axis = timedelta(seconds=next((one for one in _AXES if one >= end), ceil(end / _AXES[-1]) * _AXES[-1]))
    return tuple(_curve(one, axis, now) for one in campaigns), _ticks(axis)


def _campaign(version: str, adoptions: Sequence[Adoption], released: date | None) -> _Campaign:
    # Where only the forge is asked, a pull request may be older than the release that it brings now.
    earliest = datetime.combine(released, time(), UTC) if released else datetime.min.replace(tzinfo=UTC)
    begun = [(max(one.proposed, earliest), one.merged) for one in adoptions]
    start, none = min(proposed for proposed, _ in begun), timedelta()
    merged = tuple(sorted(max(ended - start, none) for _, ended in begun if ended))
    took = tuple(max(ended - proposed, none) for proposed, ended in begun if ended)
    return _Campaign(version, start, len(adoptions), merged, took)


def _curve(one: _Campaign, axis: timedelta, now: datetime) -> Curve:
    within = [after for after in one.merged if after <= axis]
    shares = [number / one.proposed for number in range(len(within) + 1)]
    corners = chain.from_iterable(
        ((after / axis, before), (after / axis, share))
        for after, before, share in zip(within, shares, shares[1:], strict=False)
    )
    end = min(now - one.start, axis) / axis
    steps = ((0.0, 0.0), *corners, (max(end, *(after / axis for after in within), 0.0), shares[-1]))
    return Curve(
        version=one.version,
        begun=f"{one.start:%Y-%m-%d}",
        proposed=one.proposed,
        merged=len(one.merged),
        median=_span(median(one.took)) if one.took else "",
        later=len(one.merged) - len(within),
        steps=steps,
        says=_in_words(one, now),
    )


def _in_words(one: _Campaign, now: datetime) -> str:
    total = _number(one.proposed, "domain")
    if not one.merged:
        return f"{one.version}: proposed to {total}, none has merged after {_span(now - one.start)}."
    half = ceil(one.proposed / 2)
    at_half = f"half of them after {_span(one.merged[half - 1])}, " if 1 < half <= len(one.merged) else ""
    last = f"{len(one.merged)} of {one.proposed} after {_span(one.merged[-1])}"
    return f"{one.version}: proposed to {total}; merged: {at_half}{last}."


def _trend(curves: Sequence[Curve]) -> str:
    """Return what the newest two campaigns with a merge say about the pace."""
    told = [curve for curve in curves if curve.median][:2]
    if not told:
        return ""
    first = f"A merge of {told[0].version} took {told[0].median} (median)"
    return f"{first}; of {told[1].version}, {told[1].median}." if told[1:] else f"{first}."


def _ticks(axis: timedelta) -> tuple[str, ...]:
    seconds = axis.total_seconds()
    unit, name = (60, "min") if seconds <= 3_600 else (3_600, "h") if seconds <= _DAY else (_DAY, "days")
    return "0", f"{seconds / unit / 2:g}", f"{seconds / unit:g} {name}"


# Words ----------------------------------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    return one_line(text, _LONGEST)


def _link(url: str) -> str:
    """Return an address that a page may lead to, or nothing: a forge's answer is not to become a script."""
    try:
        return url if urlsplit(url).scheme in _LINKED else ""
    except ValueError:
        return ""


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _age(released: date | None, today: date) -> str:
    return _number(max((today - released).days, 0), "day") if released else ""


def _span(span: timedelta) -> str:
    """Return a duration as exactly as a person wants to know it."""
    minutes = max(span.total_seconds() / 60, 0)
    if minutes < 90:
        return f"{max(round(minutes), 1)} min"
    if minutes < 23.5 * 60:
        return f"{round(minutes / 60)} h"
    days = minutes / 60 / 24
    said = f"{days:.0f}" if days >= 10 else f"{days:.1f}".removesuffix(".0")
    return f"{said} day{'' if said == '1' else 's'}"
