"""How a campaign goes, as a page of Markdown: each ring's verdict, each domain's state, what waits for a person."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from fleet.log import Log
from fleet.standing import RingStanding, State


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
            yield f"| {one.domain.name} | {has} | {one.state} | {since} | {link} | {_cell(one.reason)} |"
        yield ""
    refused = {event.domain: event for event in events if event.what in ("refused", "proposed", "left")}
    open_ = {one.domain.name for each in rings for one in each.domains if one.state is not State.WELL}
    persons = [event for event in refused.values() if event.what == "refused" and event.domain in open_]
    if persons:
        yield "## Needs a person\n"
        for event in persons:
            contact = next(o.domain.contact for each in rings for o in each.domains if o.domain.name == event.domain)
            yield f"- {event.domain} (`{contact}`):"
            yield from (f"    - {_cell(problem)}" for problem in (event.about or {}).get("problems", ()))
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
