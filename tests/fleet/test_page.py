"""The page of the fleet: what it says of rows made by hand, and what a person sees of it in a browser."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from building_block.messages import Problem, ProblemError
from playwright.sync_api import Browser, Page

from fleet.forges import Checks, PullRequest
from fleet.log import Log
from fleet.messages import FleetCode
from fleet.page import Adoption, Need, View, histories, page, view
from fleet.proposals import mark
from fleet.registry import Domain, Fleet, LocalPlace
from fleet.remote import Heads
from fleet.result import Became
from fleet.status import Row
from fleet.survey import Excepted, Facts
from tools.browser import chromium

NOW = datetime(2026, 11, 27, 17, 40, tzinfo=UTC)
RELEASES = {
    "v0.1.0": date(2026, 3, 2),
    "v0.2.0": date(2026, 5, 20),
    "v0.3.0": date(2026, 8, 11),
    "v0.4.0": date(2026, 11, 16),
}
WIDTHS = {"wide": 1440, "narrow": 390}


# Rows by hand ---------------------------------------------------------------------------------------------------------


def a_row(
    name: str = "sales",
    version: str = "v0.4.0",
    proposed: str = "",
    checks: str = "",
    *,
    ring: str = "broad",
    url: str = "https://forge.example/acme/sales-data/pull/7",
    opened: datetime = NOW - timedelta(days=3),
    failed: tuple[str, ...] = (),
    drift: tuple[str, ...] = (),
    exceptions: tuple[Excepted, ...] = (),
    problems: tuple[str, ...] = (),
    pinned: str | None = None,
    skip: str | None = None,
    contact: str = "",
) -> Row:
    domain = Domain(
        name=name,
        repository=f"acme/{name}-data",
        ring=ring,
        contact=contact or f"@acme/{name}",
        pinned=pinned,
        skip=skip,
    )
    number = int(url.rpartition("/")[2]) if url.rpartition("/")[2].isdecimal() else 7
    facts = Facts(Heads("main", "c0ffee", ""), version, drift, exceptions, problems)
    behind = sum(other > version for other in RELEASES)
    return Row(
        domain,
        facts,
        RELEASES.get(version),
        behind,
        a_pull_request(proposed, number=number, url=url, created=opened) if proposed else None,
        Checks(checks, failed=failed) if checks else None,
        problems,
    )


def a_pull_request(
    version: str,
    state: str = "open",
    *,
    number: int = 7,
    url: str = "https://forge.example/acme/sales-data/pull/7",
    created: datetime = NOW - timedelta(days=3),
    ended: datetime | None = None,
    withdrawn: bool = False,
) -> PullRequest:
    text = mark(version, withdrawn=withdrawn)
    return PullRequest(number, url, state, "beef", "Update", text, created, ended, "main")


def an_exception(until: str, path: str = "ruff.toml", reason: str = "longer lines") -> Excepted:
    return Excepted(path, reason, until)


@pytest.fixture
def log(tmp_path) -> Log:
    return Log(tmp_path / "campaigns.jsonl")


@pytest.fixture
def seen(log):
    """What the page shows of rows."""

    def look(*rows: Row, adoptions: Sequence[Adoption] = (), releases: dict[str, date] | None = None) -> View:
        return view(rows, RELEASES if releases is None else releases, log, adoptions, NOW)

    return look


def needs(seen: View) -> dict[str, Need]:
    entries = [*seen.done, *seen.left, *(entry for group in seen.groups for entry in group.entries)]
    return {entry.name: entry.need for entry in entries}


def only(seen: View):
    [group] = seen.groups
    [entry] = group.entries
    return entry


# The headline ---------------------------------------------------------------------------------------------------------


def test_the_headline_says_how_far_the_newest_release_has_come_and_what_the_others_wait_for(seen):
    shown = seen(
        *(a_row(f"done{number}") for number in range(9)),
        a_row("crm", "v0.3.0", "v0.4.0", "passed"),
        a_row("web", "v0.3.0", "v0.4.0", "passed"),
        a_row("hr", "v0.3.0", "v0.4.0", "failed"),
    )
    assert shown.headline == "9 of 12 domains have v0.4.0"
    assert shown.rest == "2 wait for their teams, 1 needs a person"


def test_the_numbers_of_the_headline_add_up_to_the_fleet(seen):
    rows, adoptions = a_fleet(150)
    shown = seen(*rows, adoptions=adoptions)
    assert sum(count.number for count in shown.counts) == 150
    assert sum(map(int, re.findall(r"(\d+) \D", f"{shown.headline.split(' of ')[0]} of, {shown.rest}"))) == 150
    assert sum(bar.number for bar in shown.bars) == 150
    assert len(needs(shown)) == 150


@pytest.mark.parametrize(
    ("number", "says"), [(12, "All 12 domains have v0.4.0"), (1, "The only domain has v0.4.0")], ids=["many", "one"]
)
def test_a_fleet_that_is_up_to_date_is_told_so(seen, number, says):
    shown = seen(*(a_row(f"done{each}") for each in range(number)))
    assert (shown.headline, shown.rest, shown.groups) == (says, "", ())


def test_a_fleet_without_domains_or_releases_says_what_is_missing(seen):
    assert seen().headline == "No domain is registered yet"
    shown = seen(a_row(version="v0.1.0-3-gabcdef1"), releases={})
    assert shown.headline == "1 domain registered; the template has no release yet"


def test_a_paused_campaign_says_why(seen, log):
    log.add("v0.4.0", "paused", why="the canaries lost a column")
    assert seen(a_row()).paused == "the canaries lost a column"
    log.add("v0.4.0", "resumed")
    assert seen(a_row()).paused is None


# Who is behind, and why -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "need"),
    [
        (a_row(), Need.NOTHING),
        (a_row(version="v0.4.0-3-gabcdef1"), Need.NOTHING),
        (a_row(version="v0.3.0"), Need.TO_COME),
        (a_row("sales", "v0.3.0", "v0.4.0", "passed"), Need.TEAM),
        (a_row("sales", "v0.3.0", "v0.4.0", "pending"), Need.CHECKS),
        (a_row("sales", "v0.3.0", "v0.4.0", "failed"), Need.PERSON),
        (a_row(version="", problems=("FL201 …",)), Need.PERSON),
        (a_row(version="v0.3.0", pinned="v0.3.0"), Need.LEFT),
        (a_row(version="v0.3.0", skip="moves house"), Need.LEFT),
        (a_row(version="v0.4.0", pinned="v0.4.0"), Need.NOTHING),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_domain_waits_for_one_thing(seen, row, need):
    assert needs(seen(row)) == {"sales": need}


def test_what_needs_a_person_comes_first_and_what_is_only_to_come_last(seen):
    shown = seen(
        a_row("later", "v0.3.0"),
        a_row("team", "v0.3.0", "v0.4.0", "passed"),
        a_row("person", "v0.3.0", "v0.4.0", "failed"),
    )
    assert [entry.name for group in shown.groups for entry in group.entries] == ["person", "team", "later"]


def test_a_domain_that_a_rollout_could_not_go_on_in_needs_a_person_until_it_can(seen, log):
    row = a_row(version="v0.3.0")
    log.add("v0.4.0", "refused", "sales", problems=["BB701 ruff.toml: its own; except it"])
    assert only(seen(row)).reasons == ("BB701 ruff.toml: its own; except it",)
    assert needs(seen(a_row())) == {"sales": Need.NOTHING}
    log.add("v0.4.0", "proposed", "sales")
    assert needs(seen(a_row("sales", "v0.3.0", "v0.4.0", "passed"))) == {"sales": Need.TEAM}


def test_a_team_that_closed_the_pull_request_has_declined_the_release(seen):
    declined = Adoption("sales", "v0.4.0", NOW - timedelta(days=3), declined=NOW - timedelta(days=1))
    shown = only(seen(a_row(version="v0.3.0"), adoptions=[declined]))
    assert (shown.need, shown.reasons) == (Need.DECLINED, ("closed on 2026-11-26",))
    older = replace(declined, version="v0.3.0")
    assert only(seen(a_row(version="v0.2.0"), adoptions=[older])).need is Need.TO_COME


def test_the_reason_names_the_checks_that_failed(seen):
    row = a_row("sales", "v0.3.0", "v0.4.0", "failed", failed=("build", "contracts"))
    assert only(seen(row)).reasons == ("failed: build, contracts",)


def test_the_reason_tells_a_ring_that_is_not_reached_from_a_domain_that_is_not_proposed_to(seen, log):
    rows = [a_row("sales", "v0.3.0", ring="early"), a_row("crm", "v0.3.0", ring="broad")]
    shown = seen(*rows, adoptions=[Adoption("other", "v0.4.0", NOW), Adoption("sales", "v0.3.0", NOW)])
    assert {entry.reasons for group in shown.groups for entry in group.entries} == {
        ("v0.4.0 has not reached the ring early",),
        ("v0.4.0 has not reached the ring broad",),
    }
    shown = seen(*rows, a_row("web", ring="broad"), adoptions=[Adoption("web", "v0.4.0", NOW)])
    assert shown.groups[0].entries[1].reasons == ("not proposed yet; v0.4.0 has reached the ring broad",)
    log.add("v0.4.0", Became.WAITS, "sales", why="30 pull requests an hour were opened in early")
    assert seen(rows[0]).groups[0].entries[0].reasons == ("waits: 30 pull requests an hour were opened in early",)


def test_an_older_release_that_still_waits_is_named(seen):
    shown = only(seen(a_row("sales", "v0.2.0", "v0.3.0", "passed")))
    assert shown.proposed == "v0.3.0 #7"
    assert shown.reasons == ("open for 3 days", "v0.4.0 takes its place when it is proposed here")


def test_an_entry_tells_age_drift_and_the_exceptions_over_their_date(seen):
    exceptions = (an_exception("2026-11-26"), an_exception("2026-11-27", "dg.toml"))
    shown = only(seen(a_row(version="v0.3.0", drift=("a", "b"), exceptions=exceptions)))
    assert (shown.age, shown.drift, shown.exceptions, shown.over) == ("108 days", 2, 2, 1)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "//forge.example/pull/7",
        "http://[",
        "",
    ],
)
def test_an_address_that_a_page_may_not_lead_to_is_no_link(seen, url):
    shown = only(seen(a_row("sales", "v0.3.0", "v0.4.0", "passed", url=url)))
    assert (shown.url, shown.proposed) == ("", "v0.4.0 #7")


@pytest.mark.parametrize("url", ["https://forge.example/pull/7", "http://localhost/7", "file:///srv/forge/7.json"])
def test_an_address_of_a_forge_is_a_link(seen, url):
    assert only(seen(a_row("sales", "v0.3.0", "v0.4.0", "passed", url=url))).url == url


# Versions and files ---------------------------------------------------------------------------------------------------


def test_versions_stand_newest_first_and_the_newest_also_when_nobody_has_it(seen):
    rows = [
        a_row("one", "v0.3.0"),
        a_row("two", "v0.3.0-4-gabcdef1"),
        a_row("three", "", problems=("FL201 …",)),
        a_row("four", "main"),
    ]
    shown = seen(*rows)
    assert [(bar.version, bar.about, bar.number) for bar in shown.bars] == [
        ("v0.4.0", "11 days old", 0),
        ("v0.3.0-4-gabcdef1", "not a release", 1),
        ("v0.3.0", "108 days old", 1),
        ("main", "not a release", 1),
        ("", "", 1),
    ]
    assert shown.unused == "No domain has v0.2.0 or v0.1.0."


def test_a_bar_is_divided_by_what_its_domains_wait_for(seen):
    shown = seen(
        a_row("b", "v0.3.0"), a_row("a", "v0.3.0", "v0.4.0", "failed"), a_row("c", "v0.3.0", skip="moves house")
    )
    parts = [(part.need, part.names) for part in shown.bars[1].parts]
    assert parts == [(Need.PERSON, ("a",)), (Need.TO_COME, ("b",)), (Need.LEFT, ("c",))]


def test_exceptions_over_their_date_come_before_drift_and_before_those_that_still_hold(seen):
    shown = seen(
        a_row("sales", exceptions=(an_exception("2027-01-31"), an_exception("2026-10-31", "dg.toml"))),
        a_row("crm", drift=(".sqlfluff",)),
    )
    assert [(one.path, one.says, one.is_over) for one in shown.kept] == [
        ("dg.toml", "excepted until 2026-10-31", True),
        (".sqlfluff", "changed", False),
        ("ruff.toml", "excepted until 2027-01-31", False),
    ]
    assert shown.kept_says == (
        "2 exceptions in 1 domain, 1 over its date; 1 file changed in 1 domain without an exception."
    )


# Campaigns ------------------------------------------------------------------------------------------------------------


def taken_up(version: str, *days: float | None, start: datetime) -> list[Adoption]:
    """Proposed to a domain each at ``start``; merged after so many days, or not."""
    return [
        Adoption(f"domain{number}", version, start, None if after is None else start + timedelta(days=after))
        for number, after in enumerate(days)
    ]


def test_a_campaign_tells_how_many_merged_and_how_long_a_merge_took(seen):
    [curve] = seen(a_row(), adoptions=taken_up("v0.4.0", 1, 2, 6, None, start=NOW - timedelta(days=10))).curves
    assert (curve.proposed, curve.merged, curve.median, curve.begun) == (4, 3, "2 days", "2026-11-17")
    assert curve.says == "v0.4.0: proposed to 4 domains; merged: half of them after 2 days, 3 of 4 after 6 days."


def test_a_curve_rises_with_each_merge_and_goes_on_until_today(seen):
    [curve] = seen(a_row(), adoptions=taken_up("v0.4.0", 1, 3, None, None, start=NOW - timedelta(days=8))).curves
    assert curve.steps == ((0, 0), (0.25, 0), (0.25, 0.25), (0.75, 0.25), (0.75, 0.5), (1, 0.5))


def test_a_straggler_does_not_press_the_other_merges_to_the_left(seen):
    days = [*range(1, 11), 90]
    shown = seen(a_row(), adoptions=taken_up("v0.3.0", *days, start=NOW - timedelta(days=100)))
    assert shown.ticks == ("0", "5", "10 days")
    [curve] = shown.curves
    assert (curve.merged, curve.later, curve.steps[-1]) == (11, 1, (1, 10 / 11))


def test_campaigns_share_an_axis_and_the_newest_comes_first(seen):
    slow = taken_up("v0.3.0", 12, 20, start=NOW - timedelta(days=90))
    fast = taken_up("v0.4.0", 1, 2, start=NOW - timedelta(days=5))
    shown = seen(a_row(), adoptions=[*slow, *fast])
    assert [curve.version for curve in shown.curves] == ["v0.4.0", "v0.3.0"]
    assert [curve.steps[-1][0] for curve in shown.curves] == [0.25, 1]
    assert shown.trend == "A merge of v0.4.0 took 1.5 days (median); of v0.3.0, 16 days."


def test_a_campaign_of_minutes_has_an_axis_of_minutes(seen):
    shown = seen(a_row(), adoptions=taken_up("v0.4.0", 0.001, 0.01, start=NOW - timedelta(hours=1)))
    assert (shown.ticks, shown.curves[0].median) == (("0", "10", "20 min"), "8 min")


def test_a_campaign_in_which_nothing_is_merged_yet_has_a_flat_curve(seen):
    shown = seen(a_row(), adoptions=taken_up("v0.4.0", None, None, start=NOW - timedelta(days=3)))
    assert [curve.steps for curve in shown.curves] == [((0, 0), (0.75, 0))]
    assert (shown.curves[0].median, shown.trend) == ("", "")


def test_a_proposal_is_not_older_than_its_release(seen):
    [one] = taken_up("v0.4.0", 100, start=datetime(2026, 8, 12, tzinfo=UTC))
    [curve] = seen(a_row(), adoptions=[one]).curves
    assert (curve.begun, curve.median) == ("2026-11-16", "4 days")


def test_a_version_that_only_a_pull_request_claims_has_no_campaign(seen):
    assert seen(a_row(), adoptions=taken_up("<script>", 1, start=NOW - timedelta(days=3))).curves == ()


class Memory:
    """A forge that remembers pull requests, and refuses one repository."""

    def __init__(self, *pull_requests: PullRequest):
        self.found = pull_requests

    def pull_requests(self, repository: str, branch: str) -> list[PullRequest]:
        if repository != "acme/sales-data":
            raise ProblemError(Problem(FleetCode.FORGE, repository, "is not there", "make it"))
        return [*self.found]


@pytest.fixture
def remembered(log, tmp_path):
    domains = (a_row("sales").domain, a_row("gone").domain)
    fleet = Fleet(tmp_path, LocalPlace(kind="local", folder="forge"), domains, ())
    return lambda *pull_requests: histories(fleet, Memory(*pull_requests), log)


DAYS = [NOW - timedelta(days=number) for number in range(10)]


def test_histories_tell_what_was_merged_declined_and_withdrawn(remembered):
    assert remembered(
        a_pull_request("v0.4.0", "closed", created=DAYS[2], ended=DAYS[1]),
        a_pull_request("v0.3.0", "closed", created=DAYS[4], ended=DAYS[3], withdrawn=True),
        a_pull_request("v0.2.0", "merged", created=DAYS[6], ended=DAYS[5]),
    ) == [
        Adoption("sales", "v0.4.0", DAYS[2], declined=DAYS[1]),
        Adoption("sales", "v0.3.0", DAYS[4]),
        Adoption("sales", "v0.2.0", DAYS[6], merged=DAYS[5]),
    ]


def test_a_release_that_was_proposed_twice_counts_once(remembered):
    assert remembered(
        a_pull_request("v0.4.0", "merged", created=DAYS[2], ended=DAYS[1]),
        a_pull_request("v0.4.0", "closed", created=DAYS[4], ended=DAYS[3], withdrawn=True),
    ) == [Adoption("sales", "v0.4.0", DAYS[4], merged=DAYS[1])]


def test_the_log_knows_when_a_pull_request_came_to_bring_a_newer_release(remembered, log):
    log.add("v0.3.0", "proposed", "sales")
    log.add("v0.4.0", "proposed", "sales")
    older, newer = [event.at for event in log.events()]
    assert remembered(a_pull_request("v0.4.0", created=DAYS[5])) == [
        Adoption("sales", "v0.4.0", newer),
        Adoption("sales", "v0.3.0", older),
    ]


# In the browser -------------------------------------------------------------------------------------------------------

HOSTILE = (
    """</td></table></section><script>alert(1)</script><img src=x onerror=alert(1)>"' onclick='alert(1)' {{ 7 }}"""
)

NAMES = (
    "sales",
    "finance",
    "crm",
    "web-shop",
    "hr-ops",
    "logistics",
    "marketing",
    "procurement",
    "customer_care",
    "risk",
    "pricing",
    "supply-chain",
    "treasury",
    "legal",
    "research",
    "inventory",
    "payments",
    "identity",
    "facilities",
    "quality",
)
RINGS = ("canary", "early", "broad")


def a_fleet(number: int) -> tuple[list[Row], list[Adoption]]:
    """A fleet in the middle of a roll-out, the same at every call."""
    chance = random.Random(number)  # noqa: S311
    names = [f"{name}{'' if turn == 0 else f'-{turn}'}" for turn in range(number // 20 + 1) for name in NAMES][:number]
    rows = [_some_row(name, number_, number, chance) for number_, name in enumerate(names)]
    adoptions = []
    days = list(RELEASES.items())[1:]
    for pace, (version, day) in zip((9, 5, 2.2), days, strict=True):
        start = datetime(day.year, day.month, day.day, 9, tzinfo=UTC) + timedelta(days=1)
        for row in rows:
            ring = RINGS.index(row.domain.ring)
            at = start + timedelta(days=2 * ring + chance.random())
            if row.domain.skip or (version == "v0.4.0" and row.behind and not row.open):
                continue
            after = at + timedelta(days=chance.expovariate(1 / pace))
            has_it = version <= row.facts.version and after < NOW
            adoptions.append(Adoption(row.domain.name, version, at, after if has_it else None))
    return rows, adoptions


def _some_row(name: str, place: int, number: int, chance: random.Random) -> Row:
    ring = RINGS[0] if place < max(2, number // 20) else RINGS[1] if place < number // 3 else RINGS[2]
    exceptions = [an_exception("2027-02-28", ".sqlfluff", "leading commas until the move to the new style is done")]
    if place % 12 == 5:
        exceptions.append(an_exception("2026-10-31", "ruff.toml", "line length of the old code, ticket DATA-482"))
    old = "v0.3.0" if chance.random() < 0.8 else "v0.2.0"
    url = f"https://forge.example/acme/{name}-data/pull/{20 + place}"
    given = {"ring": ring, "exceptions": tuple(exceptions) if place % 6 == 5 else (), "url": url}
    given["drift"] = ("poe_tasks.toml", ".github/workflows/platform-ci.yml") if place % 11 == 4 else ()
    match place % 12:
        case 4:
            return a_row(name, old, "v0.4.0", "failed", failed=("build",), **given)
        case 6 if place % 24 == 6:
            return a_row(name, "v0.3.0", pinned="v0.3.0", **given)
        case 7 | 9:
            opened = NOW - timedelta(days=chance.randint(1, 9))
            return a_row(name, old, "v0.4.0", "passed", opened=opened, **given)
        case 10 if number > 20:
            return a_row(name, old, "v0.4.0", "pending", opened=NOW - timedelta(hours=2), **given)
        case 11 if number > 20:
            return a_row(name, old, **given)
        case 8 if place % 36 == 20:
            problem = f"FL201 file:///srv/forge/acme/{name}-data.git: the repository cannot be read; put its name right"
            return a_row(name, "", problems=(problem,), **given)
        case 3 if place % 36 == 27:
            return a_row(name, "v0.2.0", skip="moves into the finance domain in March", **given)
    return a_row(name, **given)


def a_hostile_fleet() -> tuple[list[Row], list[Adoption]]:
    exception = an_exception("2026-01-01", HOSTILE, HOSTILE)
    rows = [
        a_row("one", HOSTILE, HOSTILE, "failed", failed=(HOSTILE,), url="javascript:alert(1)", contact=HOSTILE),
        a_row("two", "v0.3.0", "v0.4.0", "passed", url=f'https://forge.example/"><script>alert(1)</script>{HOSTILE}'),
        a_row("three", "v0.3.0", skip=HOSTILE, drift=(HOSTILE,), exceptions=(exception,)),
        a_row("four", "", problems=(HOSTILE,)),
    ]
    return rows, [Adoption("two", HOSTILE, NOW), Adoption("two", "v0.4.0", NOW - timedelta(days=1))]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def opened(browser, log, tmp_path):
    """Open the page of a fleet without a network; in the end nothing was asked for and nothing complained."""
    file = tmp_path / "fleet.html"
    contexts, asked, errors = [], [], []

    def show(
        rows: Sequence[Row], adoptions: Sequence[Adoption] = (), width: int = WIDTHS["wide"], scheme: str = "light"
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, offline=True)
        contexts.append(context)
        shown = context.new_page()
        shown.set_default_timeout(60_000)
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("console", lambda message: errors.append(message.text))
        shown.on("pageerror", lambda error: errors.append(str(error)))
        shown.on("dialog", lambda dialog: errors.append(dialog.message))
        file.write_text(page(rows, RELEASES, log, adoptions, NOW), encoding="utf-8")
        shown.goto(file.as_uri())
        return shown

    yield show
    for context in contexts:
        context.close()
    assert set(asked) == {file.as_uri()}
    assert errors == []


# Each text that is seen: what it says, and its contrast to the colour that it stands on.
TEXTS = """
() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => {
    const part = parts(colour).slice(0, 3)
      .map(value => value / 255).map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
  };
  const ground = element => {
    const colour = getComputedStyle(element).backgroundColor;
    return parts(colour)[3] === 0 ? ground(element.parentElement) : colour;
  };
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode, element = text.parentElement;
    if (!text.textContent.trim() || !element.checkVisibility()) continue;
    const [high, low] = [getComputedStyle(element).color, ground(element)].map(light).sort((a, b) => b - a);
    found.push({says: text.textContent.trim(), contrast: (high + 0.05) / (low + 0.05)});
  }
  return found;
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [12, 150])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_can_be_read_and_does_not_run_out_of_the_window(opened, width, scheme, number):
    shown = opened(*a_fleet(number), WIDTHS[width], scheme)
    assert shown.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]
    texts = shown.evaluate(TEXTS)
    assert len(texts) > 100
    assert [text for text in texts if text["contrast"] < 4.5] == []


@pytest.mark.slow
def test_the_page_tells_the_headline_its_date_and_every_domain(opened):
    rows, adoptions = a_fleet(12)
    shown = opened(rows, adoptions)
    assert shown.text_content("h1") == (
        "8 of 12 domains have v0.4.0; 2 wait for their teams, 1 needs a person, 1 is left alone"
    )
    assert "27 November 2026, 17:40 UTC" in shown.inner_text("header")
    assert {row.domain.name for row in rows} == set(
        shown.locator(
            "tbody:not(:only-of-type) th[scope=row], [aria-labelledby=is-left] th[scope=row]"
        ).all_inner_texts()
    ) | {text.split()[0] for text in shown.locator(".compact li").all_inner_texts()}
    curves = shown.get_by_role("img")
    assert [text.split(":")[0] for text in curves.evaluate_all("all => all.map(one => one.ariaLabel)")] == [
        "v0.4.0",
        "v0.3.0",
        "v0.2.0",
    ]


@pytest.mark.slow
def test_the_page_is_used_without_a_mouse(opened):
    shown = opened(*a_fleet(12))
    for role in ("banner", "main", "contentinfo"):
        assert shown.get_by_role(role).count() == 1
    assert shown.get_by_role("heading", level=1).count() == 1
    shown.keyboard.press("Tab")
    shown.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outline"
    assert "solid 3px" in shown.evaluate(outline)
    shown.keyboard.press("Enter")
    assert shown.evaluate("document.querySelector(':target').innerText.trim()").startswith("1 needs a person")


@pytest.mark.slow
def test_a_printed_page_is_light_and_as_wide_as_the_paper(opened):
    shown = opened(*a_fleet(150), 703, "dark")  # A4 without its margins
    shown.emulate_media(media="print")
    assert shown.evaluate("document.documentElement.scrollWidth") <= 703
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_texts_of_a_unit_stay_texts(opened, width):
    shown = opened(*a_hostile_fleet(), WIDTHS[width])
    assert shown.locator("script, img, [onclick], [onerror]").count() == 0
    assert shown.locator("tbody").get_by_text("<script>alert(1)</script>").count() >= 5
    links = shown.eval_on_selector_all("a", "links => links.map(link => link.protocol)")
    assert set(links) == {"file:", "https:"}
    assert shown.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "No domain is registered yet"),
        ([a_row(f"done{number}") for number in range(12)], "Nobody is behind."),
        ([a_row(), a_row("hr", "v0.3.0", skip="moves house")], "Nobody is behind who is not left alone on purpose."),
        ([a_row(version="v0.3.0")], "No domain has v0.4.0 yet."),
    ],
    ids=["nobody", "all", "all but one", "none"],
)
def test_what_is_empty_says_so(opened, rows, says):
    text = opened(rows).inner_text("body")
    assert says in text
    assert "No campaign yet" in text
