"""What a command does, leaves and ends with: by where the domains stand, and what is written of the campaign."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from building_block.messages import Problem, ProblemError

import fleet.__main__ as commands
from fleet.alone import alone
from fleet.campaign import Campaign
from fleet.log import Log
from fleet.messages import FleetCode
from fleet.rings import reached
from tests.fleet.units import NEW, OLD, Units

FINE, ERROR, PENDING, PERSON = 0, 1, 2, 3


@pytest.fixture
def call(units, monkeypatch, capsys) -> Callable[..., tuple[int, str]]:
    """Call a command, and return its exit code and all that it said."""

    @contextmanager
    def of_units(_: object, __: object, to: str = "", **___: object) -> Iterator[Campaign]:
        yield units.campaign(version=to or NEW)

    monkeypatch.setattr(commands, "campaign", of_units)

    def called(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["fleet", "--fleet", str(units.folder), *arguments])
        with pytest.raises(SystemExit) as ended:
            commands.main()
        said = capsys.readouterr()
        return ended.value.code or FINE, said.out + said.err

    return called


def log(units: Units) -> Log:
    return Log(units.folder / "campaigns.jsonl")


# Pause and withdrawal -------------------------------------------------------------------------------------------------


def test_a_withdrawn_release_is_proposed_again_by_nobody_who_does_not_say_so(units, by_hand, call):
    units.declare({"canary": ["sales"], "rest": ["shop"]})
    assert call("apply")[0] == FINE
    code, said = call("close", "--why", "A defect")
    assert (code, said.splitlines()[-1]) == (FINE, "1 closed")
    for arguments in (["apply"], ["promote"], ["apply", "--ring", "canary"]):
        code, said = call(*arguments)
        assert (code, said.partition(";")[0]) == (PENDING, f"FL401 {NEW}: the campaign is paused: withdrawn: A defect")
    assert call("apply", "--resume")[0] == FINE
    assert [pull.state for pull in units.forge.pulls("acme/sales")] == ["open", "closed"]


def test_what_could_not_be_closed_is_not_counted_as_closed(units, call):
    units.declare({"canary": ["sales", "shop"]})
    for name in ("sales", "shop"):
        units.propose(name)
    units.forge.archive("acme/shop")
    code, said = call("close", "--why", "A defect")
    assert (code, said.splitlines()[-1]) == (PERSON, "1 closed")


def test_a_pause_stops_a_roll_out_that_is_under_way(units, by_hand, call):
    units.declare({"canary": ["sales", "shop", "web"]})
    by_hand.meanwhile = lambda name: log(units).add(NEW, "paused", why="The billing run")
    code, said = call("apply")
    assert by_hand.worked_on == ["sales"]
    assert said.count("waits: the campaign is paused: The billing run") == 2
    assert code == PENDING


@pytest.mark.parametrize("before", [None, "The move"])
def test_a_pause_that_comes_while_the_domains_are_looked_at_holds(units, by_hand, call, monkeypatch, before):
    units.declare({"canary": ["sales"]})
    if before:
        log(units).add(NEW, "paused", why=before)

    def paused_meanwhile(*looked_at: object) -> object:
        log(units).add(NEW, "paused", why="The billing run")
        return reached(*looked_at)

    monkeypatch.setattr(commands, "reached", paused_meanwhile)
    assert call("apply", *(["--resume"] if before else []))[0] == PENDING
    assert (by_hand.worked_on, log(units).paused(NEW)) == ([], "The billing run")


@pytest.mark.parametrize(
    ("arguments", "ends", "message"),
    [
        (["--only", "slaes"], ERROR, "FL104 --only: `slaes` is not in domains.yaml"),
        (["--ring", "rest"], PERSON, "FL403 canary: 1 of 1 failed: sales (checks failed)"),
        (["--only", "shop"], PENDING, "FL402 shop: it is in the ring rest"),
    ],
)
def test_a_pause_is_lifted_by_nobody_who_cannot_go_on(units, call, arguments, ends, message):
    units.declare({"canary": ["sales"], "rest": ["shop"]})
    units.propose("sales")
    units.check("sales", passed=False)
    log(units).add(NEW, "paused", why="The billing run")
    code, said = call("apply", "--resume", *arguments)
    assert code == ends
    assert said.startswith(message)
    assert log(units).paused(NEW) == "The billing run"


# Rings ----------------------------------------------------------------------------------------------------------------


def test_a_ring_that_has_failed_holds_up_the_rings_after_it_and_is_itself_brought_up_to_date(units, by_hand, call):
    units.declare({"canary": ["sales", "shop"], "rest": ["web"]})
    for name in ("sales", "web"):
        units.propose(name, text=f"Older\n\n<!-- building-block: {NEW} -->")
        units.check(name, passed=False)
    code, said = call("apply")
    assert code == PERSON
    assert by_hand.worked_on == ["sales"]
    why = "1 of 2 failed: sales (checks failed)"
    assert f"shop: waits: canary has failed: {why}\n" in said
    assert f"FL403 canary: {why}; " in said
    assert units.forge.pulls("acme/shop") == []


def test_a_repository_that_cannot_be_reached_keeps_the_release_from_no_other(units, by_hand, call):
    units.declare({"canary": ["sales", "shop"]})
    shutil.rmtree(units.forge.path("acme/sales"))
    assert call("apply")[0] == PERSON
    assert by_hand.worked_on == ["shop"]


def test_who_is_named_and_not_reached_is_told_so(units, by_hand, call):
    units.declare({"canary": ["sales"], "rest": ["shop"]})
    code, said = call("apply", "--only", "sales", "--only", "shop")
    assert code == PENDING
    assert said == (
        f"FL402 shop: it is in the ring rest, which {NEW} has not reached; "
        "wait for `fleet promote`, or write `--ring rest`\n"
    )
    assert by_hand.worked_on == []
    for command in ("apply", "plan"):
        code, said = call(command, "--ring", "canary", "--only", "shop")
        assert (code, said) == (
            ERROR,
            "FL104 --only: `shop` is not in the ring canary; write `--ring rest`, or another domain\n",
        )


# Plan -----------------------------------------------------------------------------------------------------------------


def test_a_plan_says_of_each_domain_what_apply_would_do_and_writes_nothing(units, by_hand, call):
    names = ["archived", "behind", "current", "declined", "pinned-here", "pinned-there", "skipped"]
    more = {"pinned-here": {"pinned": NEW}, "pinned-there": {"pinned": OLD}, "skipped": {"skip": "moves house"}}
    units.declare({"canary": names}, more)
    units.commit("current", NEW)
    units.propose("declined")
    units.forge.close("acme/declined", 1, "Not now.")
    units.forge.archive("acme/archived")
    (units.folder / "scratch").mkdir()
    before = written(units)
    code, said = call("plan")
    assert written(units) == before
    assert code == PERSON
    assert sorted(by_hand.worked_on) == ["behind", "pinned-here"]
    for line in (
        "archived: needs a person\n    FL202 acme/archived: the repository is archived",
        f"behind: {OLD} → {NEW}, 1 files\n    ruff.toml\n",
        f"current: has {NEW}\n",
        "declined: left: its team closed the pull request\n",
        f"pinned-here: {OLD} → {NEW}, 1 files\n",
        f"pinned-there: left: stays at {OLD}\n",
        "skipped: left: moves house\n",
    ):
        assert line in said


def written(units: Units) -> set[Path]:
    """Return what there is outside of the scratch folder, but for the locks by which a forge is read."""
    return {
        path
        for path in units.folder.rglob("*")
        if not path.is_relative_to(units.folder / "scratch") and path.suffix != ".lock"
    }


# Exit codes -----------------------------------------------------------------------------------------------------------


def test_a_plan_with_updates_to_come_is_pending_and_one_without_is_fine(units, by_hand, call):
    units.declare({"canary": ["sales"]})
    assert call("plan")[0] == PENDING
    by_hand.asks = {"sales": ("BB607 it: is wrong; put it right",)}
    assert call("plan")[0] == PERSON
    units.commit("sales", NEW)
    assert call("plan")[0] == FINE


def test_who_has_to_act_first_is_told_each_time(units, by_hand, call):
    units.declare({"canary": ["sales"]})
    by_hand.asks = {"sales": ("BB607 it: is wrong; put it right",)}
    for arguments in ([], ["--resume"], ["--resume"]):
        code, said = call("apply", *arguments)
        assert (code, "    BB607 it: is wrong; put it right\n" in said) == (PERSON, True)
    assert by_hand.worked_on == ["sales"]
    code, said = call("report")
    assert (code, "BB607" in said) == (PERSON, True)


def test_a_ring_that_every_team_has_declined_needs_a_person(units, call):
    units.declare({"canary": ["sales"]})
    units.propose("sales")
    units.forge.close("acme/sales", 1, "Not now.")
    assert call("report")[0] == PERSON


def test_checks_that_failed_before_and_still_stand_are_told_again(units, call):
    units.declare({"canary": ["sales", "shop"]})
    units.propose("sales")
    units.check("sales", passed=False)
    for _ in range(2):
        assert call("checks") == (PERSON, "acme/sales #1: failed: build\n    said so\n")
    assert call("checks", "--only", "shop") == (FINE, "")
    units.merge("sales")
    assert call("checks") == (FINE, "")


def test_a_central_dagster_that_is_wrong_needs_a_person_and_one_that_is_not_there_is_an_error(units, call, monkeypatch):
    units.declare({"canary": ["sales"]})
    assert call("workspace", "--check", "http://127.0.0.1:1")[0] == ERROR
    monkeypatch.setattr(commands, "ask", lambda _: {})
    assert call("workspace", "--check", "http://127.0.0.1:1") == (FINE, "")
    fault = Problem(FleetCode.LOCATION_FAILED, "domains.yaml", "it does not load", "put that right")
    monkeypatch.setattr(commands, "faults", lambda *_: [fault])
    assert call("workspace", "--check", "http://127.0.0.1:1") == (PERSON, f"{fault}\n")


# Side by side ---------------------------------------------------------------------------------------------------------


def test_one_roll_out_keeps_others_away_until_it_has_ended_though_the_cache_is_deleted(units):
    units.declare({"canary": ["sales"]})
    [*units.campaign().rings()]
    with alone(units.folder):
        shutil.rmtree(units.folder / ".cache")
        with pytest.raises(ProblemError, match="FL401"), alone(units.folder):
            pass
    with alone(units.folder):
        pass
