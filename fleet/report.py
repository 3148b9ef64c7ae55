"""How a campaign goes, as a page of Markdown: each ring's verdict, each domain's state, what waits for a person."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from fleet.log import Log
from fleet.rings import RingStanding
from fleet.standing import LOST, Standing, State
from upgrade.tree import printable


def report(version: str, rings: Sequence[RingStanding], log: Log, now: datetime) -> str:
    """Return the page."""
    return "\n".join(_lines(version, rings, log, now))


def _lines(version: str, rings: Sequence[RingStanding], log: Log, now: datetime) -> Iterator[str]:
    yield f"# {version}\n"
    if (why := log.paused(version)) is not None:
        yield f"**Paused**: {why}\n"
    events = [*log.events(version)]
    if events:
        yield f"Begun {events[0].at:%Y-%m-%d %H:%M} UTC.\n"
    for each in rings:
        verdict, why = each.verdict(now)
        yield f"## {each.ring.name}: {verdict if each.is_begun else 'not begun'}\n"
        if each.is_begun:
            yield f"{why[0].upper()}{why[1:]}.\n"
        yield "| domain | has | state | since | pull request | |\n| --- | --- | --- | --- | --- | --- |"
        for one in each.domains:
            since = f"{one.since:%Y-%m-%d %H:%M}" if one.since else ""
            link = f"[#{one.pull_request.number}]({one.pull_request.url})" if one.pull_request else ""
            has = one.facts.version if one.facts else ""
            yield f"| {one.domain.name} | {_cell(has)} | {one.state} | {since} | {link} | {_cell(one.reason)} |"
        yield ""
    if waiting := persons(version, rings, log):
        yield "## Needs a person\n"
        for one, problems in waiting:
            yield f"- {one.domain.name} (`{one.domain.contact}`):"
            yield from (f"    - {_cell(problem)}" for problem in problems)
        yield ""


def persons(version: str, rings: Sequence[RingStanding], log: Log) -> list[tuple[Standing, tuple[str, ...]]]:
    """Return the domains of begun rings in which nothing goes on by itself, each with what was last said of it."""
    said: dict[str, tuple[str, ...]] = {}
    for event in log.events(version):
        if event.domain:
            said[event.domain] = event.problems
    found = []
    for one in (one for each in rings if each.is_begun for one in each.domains):
        problems = said.get(one.domain.name, ()) or ((one.reason,) if one.state in LOST else ())
        if problems and one.state is not State.WELL and one.counts:
            found.append((one, problems))
    return found


def _cell(text: str) -> str:
    return printable(text.replace("|", "\\|").replace("\n", " "))
