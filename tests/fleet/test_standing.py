"""Where a release stands in a domain, whatever its team and others have done meanwhile, and what is left as it is."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from fleet.campaign import Campaign
from fleet.forges import PullRequest
from fleet.forges.local import LocalForge
from fleet.proposals import is_withdrawn, mark
from fleet.result import Became, Result
from fleet.rings import Verdict
from fleet.standing import Standing, State
from fleet.survey import survey
from tests.fleet.units import BRANCH, NEW, OLD, Units


def stands(one: Campaign, name: str = "sales") -> Standing:
    (found,) = [each for ring in one.rings() for each in ring.domains if each.domain.name == name]
    return found


def applied(one: Campaign, ring: int = 0, **options: object) -> dict[str, Result]:
    return {result.domain: result for result in one.apply(one.rings()[ring], **options)}


@pytest.fixture
def sales(units) -> Units:
    """One domain in one ring."""
    units.declare({"canary": ["sales"]})
    return units


# Merged ---------------------------------------------------------------------------------------------------------------


def test_what_is_merged_is_well_when_its_checks_have_passed_and_not_before(sales):
    sales.propose("sales")
    sales.merge("sales")
    one = sales.campaign()
    assert stands(one).state is State.RUNNING
    sales.check("sales", passed=False)
    assert (stands(one).state, stands(one).reason) == (State.FAILED, "failed: build")
    ended = sales.check("sales", passed=True)
    assert (stands(one).state, stands(one).since) == (State.WELL, ended)


def test_what_was_merged_with_a_failure_is_well_when_its_team_has_put_it_right(sales):
    sales.propose("sales")
    sales.check("sales", passed=False)
    sales.merge("sales")
    now = sales.clones["sales"].commit("main", "ours.txt", "right\n")
    sales.clones["sales"].push("main")
    ended = sales.check("sales", passed=True, commit=now)
    assert (stands(sales.campaign()).state, stands(sales.campaign()).since) == (State.WELL, ended)


def test_what_was_merged_and_taken_back_stops_the_release_and_is_not_proposed_again(sales):
    sales.propose("sales")
    sales.check("sales", passed=True)
    sales.merge("sales")
    sales.commit("sales", OLD)
    one = sales.campaign()
    (ring,) = one.rings()
    assert ring.domains[0].state is State.TAKEN_BACK
    assert ring.domains[0].reason == f"merged, and yet main has {OLD}: taken back, or merged elsewhere"
    assert ring.verdict(datetime.now(UTC)) == (Verdict.FAILED, "1 of 1 failed: sales (taken back)")
    assert applied(one)["sales"].became is Became.LEFT


def test_what_was_merged_into_another_branch_has_not_arrived(sales):
    sales.clones["sales"].git("push", "--quiet", "origin", "main:develop")
    sales.propose("sales", base="develop")
    sales.check("sales", passed=True)
    sales.forge.merge("acme/sales", 1)
    assert stands(sales.campaign()).state is State.TAKEN_BACK


@dataclass(frozen=True)
class Meanwhile(LocalForge):
    """A forge on which a pull request is merged after the fleet has looked at the repository."""

    units: Units = field(default=None)

    def pull_requests(self, repository: str, branch: str) -> list[PullRequest]:
        if self.pull(repository, 1).state == "open":
            self.units.merge("sales")
        return super().pull_requests(repository, branch)


def test_what_is_merged_after_the_look_at_it_is_not_taken_for_taken_back(sales):
    sales.propose("sales")
    sales.check("sales", passed=True)
    found = stands(sales.campaign(Meanwhile(sales.forge.folder, sales)))
    assert (found.state, found.facts.version) == (State.WELL, NEW)


@dataclass(frozen=True)
class Asked(LocalForge):
    """A forge that notes of whom the credentials were asked for."""

    names: list[str] = field(default_factory=list)

    def git_settings(self, repository: str) -> dict[str, str]:
        self.names.append(repository)
        return {}


def test_the_credentials_for_a_look_are_asked_for_when_it_begins(units, monkeypatch):
    """They end: those of a hundred domains are not to wait until the last of them is looked at."""
    monkeypatch.setattr("fleet.survey._AT_ONCE", 1)
    units.declare({"canary": ["sales", "shop", "web"]})
    forge = Asked(units.forge.folder)
    domains = units.campaign().fleet.domains
    seen = [(name, len(forge.names)) for name, _ in survey(forge, domains, units.folder / "seen")]
    assert seen == [("sales", 1), ("shop", 2), ("web", 3)]


# Proposed -------------------------------------------------------------------------------------------------------------


def test_a_pull_request_that_is_merged_during_the_roll_out_keeps_its_release(sales, by_hand):
    sales.propose("sales", "v0.4.1")
    one = sales.campaign()
    by_hand.meanwhile = lambda _: sales.forge.change("acme/sales", 1, merged)
    assert applied(one)["sales"].became is Became.OPENED
    assert [pull.title for pull in sales.forge.pulls("acme/sales")] == [
        f"Update the building block to {NEW}",
        "Update to v0.4.1",
    ]


def merged(record) -> None:
    record.state, record.ended = "merged", datetime.now(UTC)


def closed(record) -> None:
    record.state, record.ended = "closed", datetime.now(UTC)


@pytest.mark.parametrize(("end", "became"), [(merged, Became.CURRENT), (closed, Became.LEFT)])
def test_what_its_team_ends_while_it_is_brought_up_to_date_is_not_opened_again(sales, by_hand, end, became):
    sales.propose("sales")
    by_hand.meanwhile = lambda _: sales.forge.change("acme/sales", 1, end)
    assert applied(sales.campaign())["sales"].became is became
    assert len(sales.forge.pulls("acme/sales")) == 1


def test_a_persons_own_pull_request_from_the_branch_is_not_written_over(sales, by_hand):
    sales.propose("sales", text="What I made of it.")
    (result,) = applied(sales.campaign()).values()
    assert result.problems[0].startswith("FL204 acme/sales: somebody's own pull request file://")
    assert sales.forge.pull("acme/sales", 1).body == "What I made of it."
    sales.forge.close("acme/sales", 1, "")
    assert applied(sales.campaign())["sales"].became is Became.OPENED


def test_a_pull_request_for_another_branch_than_the_default_one_is_not_the_fleets(sales, by_hand):
    sales.commit("sales", OLD, "develop")
    sales.propose("sales", "v0.4.1", base="develop")
    assert applied(sales.campaign())["sales"].became is Became.OPENED
    assert sales.forge.pull("acme/sales", 1).title == "Update to v0.4.1"


# Withdrawn ------------------------------------------------------------------------------------------------------------


class Dies(LocalForge):
    """A forge on which a call is broken off after the first thing that it has changed."""

    def edit(self, *what: object) -> PullRequest:
        super().edit(*what)
        raise KeyboardInterrupt

    def close(self, *what: object) -> None:
        super().close(*what)
        raise KeyboardInterrupt


def test_a_withdrawal_that_was_broken_off_is_finished_by_the_next_one(sales):
    sales.propose("sales")
    with pytest.raises(KeyboardInterrupt):
        list(sales.campaign(Dies(sales.forge.folder)).close("A defect"))
    one = sales.campaign()
    assert [result.became for result in one.close("A defect")] == [Became.CLOSED]
    assert sales.forge.pull("acme/sales", 1).state == "closed"
    assert stands(one).state is State.UNTOUCHED
    assert list(one.close("A defect")) == []


@pytest.mark.parametrize(
    ("declared", "version", "why"),
    [
        ({}, NEW, f"main has {NEW}"),
        ({"pinned": OLD}, OLD, f"this domain stays at {OLD}"),
        ({"skip": "moves house"}, OLD, "the platform leaves this domain alone: moves house"),
    ],
    ids=["has it", "is pinned", "is skipped"],
)
def test_a_pull_request_that_nobody_needs_any_more_is_closed_and_says_why(sales, declared, version, why):
    sales.propose("sales")
    sales.commit("sales", version)
    sales.declare({"canary": ["sales"]}, {"sales": declared})
    one = sales.campaign()
    result = applied(one)["sales"]
    assert (result.became, result.about.partition(": ")[2]) == (Became.CLOSED, why)
    pull = sales.forge.pull("acme/sales", 1)
    assert (pull.state, pull.comments[-1].text) == ("closed", f"This is not needed any more: {why}.")
    assert is_withdrawn(pull)
    assert applied(one)["sales"].became is (Became.LEFT if declared else Became.CURRENT)


@pytest.mark.parametrize(
    ("declared", "version", "proposed"),
    [({}, OLD, OLD), ({"pinned": "v0.4.1"}, OLD, "v0.4.1"), ({"skip": "x"}, OLD, "")],
    ids=["takes the newer release", "brings what it is pinned to", "is a person's own"],
)
def test_a_pull_request_that_is_still_needed_or_not_the_fleets_stays_open(sales, by_hand, declared, version, proposed):
    sales.propose("sales", "v9.9.9", text=mark(proposed) if proposed else "Mine")
    sales.commit("sales", version)
    sales.declare({"canary": ["sales"]}, {"sales": declared})
    applied(sales.campaign())
    assert sales.forge.pull("acme/sales", 1).state == "open"
    assert sales.forge.pull("acme/sales", 1).branch == BRANCH
