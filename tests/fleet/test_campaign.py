"""A campaign on real repositories: who gets a pull request, who is left alone, and what a second call finds."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import pytest
import yaml
from building_block.messages import ProblemError

import fleet.campaign
from fleet.campaign import Campaign
from fleet.forges.local import Result as CheckResult
from fleet.pool import Ended
from fleet.registry import Fleet
from fleet.result import Became, Result
from fleet.rings import may_open
from fleet.standing import State
from tests.conftest import StampedProject
from tests.fleet.fleets import OnForge
from tests.stamping import LATER, NEXT, commit
from upgrade.template import Template

pytestmark = pytest.mark.slow
NAMES = ("canary", "early", "other")


@pytest.fixture
def on_forge(fleets, tmp_path) -> OnForge:
    """Three domains, each in a ring of its own, the last two in one."""
    made = fleets.forge(tmp_path / "fleet", NAMES)
    return declared(made, ["canary", "rest", "rest"])


def declared(made: OnForge, rings: Iterable[str], more: dict[str, dict] | None = None, **settings: float) -> OnForge:
    """Write the files of the fleet: a ring for each domain, ``more`` keys of some, ``settings`` of the first ring."""
    domains = [
        {"name": name, "repository": f"acme/{name}", "ring": ring, "contact": "acme"} | (more or {}).get(name, {})
        for name, ring in zip(NAMES, rings, strict=True)
    ]
    place = {"kind": "local", "folder": "forge"}
    (made.folder / "domains.yaml").write_text(yaml.safe_dump({"forge": place, "domains": domains}), encoding="utf-8")
    named = [{"name": "canary"} | settings, {"name": "rest"}]
    (made.folder / "rings.yaml").write_text(yaml.safe_dump({"rings": named}), encoding="utf-8")
    return made


@pytest.fixture
def campaign(template, tmp_path) -> Callable[..., Campaign]:
    def of(made: OnForge, version: str = NEXT) -> Campaign:
        (tmp_path / "scratch").mkdir(exist_ok=True)
        return Campaign(Fleet.read(made.folder), made.forge, Template(template.root, version), tmp_path / "scratch")

    return of


def apply(one: Campaign, ring: int = 0, **options: object) -> dict[str, Result]:
    return {result.domain: result for result in one.apply(one.rings()[ring], **options)}


def checked(made: OnForge, name: str, *, passed: bool) -> None:
    """Record what the domain's CI says of the head of its pull request."""

    def change(record) -> None:
        said = CheckResult(commit=record.head, name="build", passed=passed, ended=datetime.now(UTC), output="")
        record.checks.append(said)

    made.forge.change(f"acme/{name}", 1, change)


def test_a_ring_opens_when_the_one_before_has_passed_and_not_before(on_forge, campaign):
    one = campaign(on_forge)
    rest = one.fleet.ring("rest")
    with pytest.raises(ProblemError, match="FL402 canary: the ring rest is not open yet: 0 of 1 well, 100% needed"):
        may_open(one.version, one.rings(), rest)
    assert apply(one)["canary"].what.startswith("opened ")
    assert [standing.state for standing in one.rings()[0].domains] == [State.RUNNING]
    checked(on_forge, "canary", passed=False)
    with pytest.raises(ProblemError, match=r"FL403 canary: 1 of 1 failed: canary \(checks failed\)"):
        may_open(one.version, one.rings(), rest)
    checked_anew = on_forge.forge.pull("acme/canary", 1)
    assert checked_anew.state == "open"
    on_forge.forge.change("acme/canary", 1, lambda record: record.checks.clear())
    checked(on_forge, "canary", passed=True)
    may_open(one.version, one.rings(), rest)


def test_a_second_call_pushes_nothing_opens_nothing_and_with_resume_works_on_nothing(on_forge, campaign):
    one = campaign(on_forge)
    apply(one)
    before = on_forge.proposed("canary")
    again = apply(one)
    assert again["canary"].what.startswith("stands as it was: ")
    resumed = apply(one, resume=True)
    assert resumed["canary"].what.startswith("stands as it was: ")
    assert on_forge.proposed("canary") == before
    assert on_forge.pushes("canary") == [before]
    assert len(on_forge.forge.pulls("acme/canary")) == 1
    worked_on = [event.domain for event in one.log.events() if event.what == "proposed"]
    assert worked_on == ["canary", "canary"], "a resumed call has worked on what stood already"


def test_who_is_pinned_skipped_or_has_declined_is_left_alone_and_said_to_be(on_forge, campaign):
    declared(
        on_forge, ["canary"] * 3, {"early": {"pinned": "v0.4.0"}, "other": {"skip": "moves house"}}, prs_per_hour=9
    )
    one = campaign(on_forge)
    results = apply(one)
    assert results["early"].what == "left: stays at v0.4.0"
    assert results["other"].what == "left: moves house"
    on_forge.forge.close("acme/canary", 1, "Not now")
    assert apply(one)["canary"].what == "left: its team closed the pull request"
    assert [pull.state for pull in on_forge.forge.pulls("acme/canary")] == ["closed"]


def test_what_the_platform_withdraws_may_be_proposed_again(on_forge, campaign):
    one = campaign(on_forge)
    apply(one)
    (closed,) = one.close("A defect; the correction comes")
    assert closed.what.startswith("closed ")
    assert on_forge.forge.comments("acme/canary", 1)[0].text == "A defect; the correction comes"
    assert one.rings()[0].domains[0].state is State.UNTOUCHED
    assert apply(one)["canary"].became is Became.WAITS
    one.log.add(one.version, "resumed")
    assert apply(one)["canary"].what.startswith("opened ")


def test_no_more_pull_requests_are_opened_in_an_hour_than_the_ring_allows(on_forge, campaign):
    declared(on_forge, ["canary"] * 3, prs_per_hour=2)
    one = campaign(on_forge)
    results = apply(one)
    waiting = [name for name, result in results.items() if result.became is Became.WAITS]
    assert len(waiting) == 1
    assert results[waiting[0]].what == "waits: 2 pull requests an hour were opened in canary"
    assert on_forge.forge.pulls(f"acme/{waiting[0]}") == []
    again = apply(one)
    assert [name for name, result in again.items() if result.became is Became.WAITS] == waiting, "the hour is not over"


def test_a_newer_release_takes_the_place_of_an_older_one_in_the_same_pull_request(
    on_forge, campaign, fleets, template, tmp_path
):
    made = fleets.forge(tmp_path / "older", ["canary"], "v0.3.0")
    (made.folder / "rings.yaml").write_text("rings:\n- name: all\n", encoding="utf-8")
    first = campaign(made, "v0.4.0")
    opened = apply(first)["canary"].what
    superseded = apply(campaign(made))["canary"].what
    assert superseded.removeprefix("brought up to date ") == opened.removeprefix("opened ")
    (pull,) = made.forge.pulls("acme/canary")
    assert pull.title == f"Update the building block to {NEXT}"


def test_only_the_domains_that_were_named_are_reached(on_forge, campaign):
    declared(on_forge, ["canary"] * 3)
    one = campaign(on_forge)
    assert apply(one, only=[one.fleet.domain("other")]).keys() == {"other"}
    assert on_forge.forge.pulls("acme/canary") == []


def test_a_candidate_reaches_the_first_ring_alone(on_forge, campaign, template):
    template.git("tag", "--force", "v998.0.0-rc.1", "v0.4.0")
    one = campaign(on_forge, "v998.0.0-rc.1")
    with pytest.raises(ProblemError, match=r"FL402 rest: v998\.0\.0-rc\.1 is a candidate"):
        may_open(one.version, one.rings(), one.fleet.ring("rest"))


def test_a_release_that_cannot_run_here_and_cannot_be_installed_is_told_once_and_proposed_to_nobody(
    on_forge, campaign, template, tmp_path
):
    newer = StampedProject(shutil.copytree(template.root, tmp_path / "newer"))
    newer.git("checkout", "--quiet", NEXT)
    needs = "planted @ file:///nowhere/planted-1-py3-none-any.whl"
    newer.replace("template/platform/pyproject.toml", '  "dagster~=1', f'  "{needs}",\n  "dagster~=1')
    commit(newer, "Need more")
    newer.git("tag", LATER)
    one = campaign(on_forge, LATER)
    one = Campaign(one.fleet, one.forge, Template(newer.root, LATER), one.scratch)
    with pytest.raises(ProblemError, match=r"BB424 platform/pyproject\.toml: the new release needs planted @ file:"):
        apply(one)
    assert on_forge.forge.pulls("acme/canary") == []


@pytest.mark.parametrize("ref", ["main", "HEAD", "v1", "v0.5.0~1", "--upload-pack=x"])
def test_a_campaign_is_about_a_release(tmp_path, ref):
    nothing = Fleet(tmp_path, None, (), ())
    with pytest.raises(ProblemError, match=f"FL104 --to: `{ref}` is no release, and every domain would get it; write"):
        with fleet.campaign.campaign(nothing, None, ref):
            pass


@pytest.mark.parametrize("during", ["campaign", "survey"])
def test_the_traceback_of_a_defect_of_the_fleet_stands_in_the_log(on_forge, campaign, monkeypatch, during):
    def crashed(_, jobs, **__: object):
        return (Ended(job, 0.1, problems=("FL207 canary",), crash="Traceback: x") for job in jobs)

    one = campaign(on_forge)
    monkeypatch.setattr(f"fleet.{during}.run", crashed)
    assert apply(one)["canary"].problems == ("FL207 canary",)
    assert [event.about for event in one.log.events() if event.what == "crashed"] == [{"traceback": "Traceback: x"}]


def test_what_is_merged_is_well_and_is_not_proposed_again(on_forge, campaign):
    one = campaign(on_forge)
    apply(one)
    checked(on_forge, "canary", passed=True)
    on_forge.forge.merge("acme/canary", 1)
    (standing,) = one.rings()[0].domains
    assert (standing.state, standing.facts.version) == (State.WELL, NEXT)
    assert apply(one)["canary"].what.startswith("merged ")


def test_a_look_at_what_has_not_moved_fetches_nothing(on_forge, template, tmp_path):
    """Counted by git's own trace, which every git of every process writes."""
    path = os.pathsep.join(map(str, (template.root, template.root / "template" / "platform")))

    def asked() -> list[str]:
        trace = tmp_path / "trace"
        trace.unlink(missing_ok=True)
        command = [sys.executable, "-W", "ignore", "-m", "fleet", "--fleet", str(on_forge.folder), "status"]
        looked = template.run(*command, PYTHONPATH=path, GIT_TRACE=str(trace))
        assert looked.returncode == 2, looked.stderr
        called = re.findall(r"built-in: git (ls-remote|fetch) ", trace.read_text())
        return sorted(called)

    assert asked() == ["fetch"] * len(NAMES) + ["ls-remote"] * len(NAMES)
    assert asked() == ["ls-remote"] * len(NAMES)
    moved = on_forge.git("early", "commit-tree", "-p", "main", "-m", "More", "main^{tree}")
    on_forge.git("early", "update-ref", "refs/heads/main", moved)
    assert asked() == ["fetch"] + ["ls-remote"] * len(NAMES)
