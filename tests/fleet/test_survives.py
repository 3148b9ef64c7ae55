"""What befalls a campaign: remotes that fail in every way, and kills at any moment. None half done, none done twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

import fleet.__main__ as commands
import fleet.campaign
from fleet.alone import alone
from fleet.campaign import Campaign
from fleet.forges.local import LocalForge
from fleet.log import Log
from tests.conftest import StampedProject
from tests.fleet.fleets import BRANCH, LAST, OnForge, environment
from tests.fleet.repositories import Clone
from tests.fleet.smart_http import SmartHttp, nobody, silence
from tests.stamping import NEXT, commit

FINE, PENDING, PERSON = 0, 2, 3


def apply(one: OnForge, template: StampedProject, *arguments: str, **more: str) -> subprocess.Popen:
    """Begin a campaign, or go on with one, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "fleet", "--fleet", str(one.folder), "apply", f"--to={NEXT}", *arguments],
        cwd=one.folder,
        env=environment(template, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill(process: subprocess.Popen, *, whole_group: bool) -> None:
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()


# Remotes --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Elsewhere(LocalForge):
    """A forge some of whose repositories are reached over HTTP."""

    servers: Mapping[str, str] = field(default_factory=dict)
    """Repository → the URL of its server."""

    def clone_url(self, repository: str) -> str:
        if server := self.servers.get(repository):
            return f"{server}/{repository}.git"
        return super().clone_url(repository)


REASONS = {
    "archived": "FL202 acme/archived: the repository is archived",
    "cut-off": f"FL205 <server>/acme/cut-off.git: the push of {BRANCH} was refused: ",
    "deleted": "FL201 acme/deleted: the forge has no such repository",
    "emptied": "FL202 <forge>/acme/emptied.git: the repository has no commit",
    "leads-out": "FL203 settings/pixi.toml: is a symbolic link that leads out of the repository",
    "no-answers": "FL202 <forge>/acme/no-answers.git: has no .copier-answers.yml: no project of this template",
    "protected": f"FL205 <forge>/acme/protected.git: the push of {BRANCH} was refused: "
    f"remote: {BRANCH} is protected: open a pull request",
    "refuses": "FL201 <nobody>/acme/refuses.git: the repository cannot be read: ",
    "renamed": "FL201 acme/renamed: the repository is called units/renamed now",
    "silent": "FL206 silent: took longer than 30 s and was ended",
}
PROPOSED = ["answers-late", "moves-on", "well", "well-too"]


@pytest.mark.slow
def test_each_repository_that_fails_is_told_with_its_reason_and_every_other_is_proposed(
    fleets, template, tmp_path, monkeypatch, capsys
):
    one = fleets.forge(tmp_path / "fleet", [*REASONS, *PROPOSED])
    forge = one.forge
    forge.archive("acme/archived")
    one.git("emptied", "update-ref", "-d", "refs/heads/main")
    forge.rename("acme/renamed", "units/renamed")
    forge.protect("acme/protected", BRANCH)
    forge.path("acme/deleted").rename(tmp_path / "deleted")
    for name, path in {"leads-out": "settings/pixi.toml", "no-answers": ".copier-answers.yml"}.items():
        project = StampedProject(one.folder / "units" / name)
        (project.root / path).unlink(missing_ok=True)
        if name == "leads-out":
            (project.root / path).symlink_to("/etc/passwd")
        commit(project, "Spoil")
        one.push(name, project)
    clone, times = Clone.of(forge, "acme/moves-on", tmp_path / "clone"), []
    clone.git("checkout", "--quiet", "-b", "main", "origin/main")

    def moves_on() -> None:
        """After the survey's fetch and after that of the first try."""
        if len(times) < 2:
            times.append(clone.commit("main", "docs.md", f"{len(times)}\n"))
            clone.push("main")

    served = SmartHttp(
        forge.folder,
        cut_at={"acme/cut-off": 700},
        unanswered={"acme/answers-late"},
        after_fetch={"acme/moves-on": moves_on},
    )
    with served.running(), silence() as silent:
        refuses = nobody()
        servers = {f"acme/{name}": served.url for name in ("answers-late", "cut-off", "moves-on")}
        servers |= {"acme/silent": silent, "acme/refuses": refuses}
        monkeypatch.setattr(commands, "at", lambda place, folder: Elsewhere(forge.folder, servers))
        monkeypatch.setattr(fleet.campaign, "HERE", template.root)
        monkeypatch.setattr(fleet.campaign, "Campaign", partial(Campaign, limit=300))
        said = {}
        for arguments in ([], ["--resume"]):
            monkeypatch.setattr(sys, "argv", ["fleet", "--fleet", str(one.folder), "apply", f"--to={NEXT}", *arguments])
            with pytest.raises(SystemExit) as ended:
                commands.main()
            assert ended.value.code == PERSON
            said[bool(arguments)] = capsys.readouterr().out

    places = {"<server>": served.url, "<nobody>": refuses, "<forge>": forge.folder.as_uri()}
    refused = [event for event in Log(one.folder / "campaigns.jsonl").events(NEXT) if event.what == "refused"]
    told = {event.domain: event.about["problems"] for event in refused}
    assert told.keys() == REASONS.keys()
    for name, reason in REASONS.items():
        for place, url in places.items():
            reason = reason.replace(place, url)
        (problem,) = told[name]
        assert problem.startswith(reason)
        assert f"{name}: needs a person\n    {problem}\n" in said[False]
    assert Counter(event.domain for event in refused) == dict.fromkeys(REASONS, 2), "the second call tells them again"
    for name in REASONS.keys() - {"deleted", "renamed"}:
        assert one.pushes(name) == [], name
        assert forge.pulls(f"acme/{name}") == [], name
        assert left_over(forge.path(f"acme/{name}")) == []
    for name in PROPOSED:
        assert f"{name}: opened " in said[False]
        assert f"{name}: stands as it was" in said[True]
        (pull,) = forge.pulls(f"acme/{name}")
        assert one.pushes(name) == [pull.head] == [one.proposed(name)]
    assert one.git("moves-on", "rev-parse", f"{BRANCH}~1") == times[-1] == one.git("moves-on", "rev-parse", "main")


def left_over(repository: Path) -> list[Path]:
    """Return what a push that was cut off has left: locks and what was received of a pack."""
    return [*repository.rglob("*.lock"), *repository.glob("objects/**/tmp_*"), *repository.glob("objects/incoming-*")]


# Kills ----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_campaign_that_is_killed_again_and_again_ends_as_one_that_nobody_disturbed(fleets, template, tmp_path):
    kinds = ["north", "east", "south", "west"]
    undisturbed, killed = fleets.forge(tmp_path / "undisturbed", kinds), OnForge(tmp_path / "killed")
    names = {f"{kind}-{number}": kind for number in range(5) for kind in kinds}  # five of each, which are the same
    for name, kind in names.items():
        killed.push(name, StampedProject(undisturbed.folder / "units" / kind))
    killed.register()
    (tmp_path / "t").mkdir()
    begun = time.monotonic()
    process = apply(undisturbed, template)
    _, error = process.communicate()
    assert process.returncode == FINE, error
    lasts = time.monotonic() - begun
    chance, proposed = random.Random(5), []  # noqa: S311 - no secret
    for number in range(10):
        process = apply(killed, template, *(["--resume"] if number else []), TMPDIR=str(tmp_path / "t"))
        try:
            process.wait(chance.uniform(0, lasts))
        except subprocess.TimeoutExpired:
            kill(process, whole_group=number % 2 == 1)
        proposed.append(sum(len(killed.forge.pulls(f"acme/{name}")) for name in names))
    assert any(0 < count < len(names) for count in proposed), f"no kill fell into the middle: {proposed}"
    process = apply(killed, template, "--resume", TMPDIR=str(tmp_path / "t"))
    _, error = process.communicate()
    assert process.returncode == FINE, error
    for name, kind in names.items():
        (pull,), (wanted,) = killed.forge.pulls(f"acme/{name}"), undisturbed.forge.pulls(f"acme/{kind}")
        alike = ("number", "state", "branch", "base", "head", "title", "body")
        assert {key: getattr(pull, key) for key in alike} == {key: getattr(wanted, key) for key in alike}
        assert killed.pushes(name) == [pull.head] == undisturbed.pushes(kind)
        assert killed.proposed(name) == pull.head
        repository = killed.forge.path(f"acme/{name}")
        assert left_over(repository) == []
        killed.git(name, "fsck", "--strict", "--no-dangling")
    assert [*(tmp_path / "t").glob("building-block-*")] == [], "the folders of those that were killed are still there"


@pytest.mark.parametrize("whole_group", [False, True], ids=["alone", "with all that it started"])
def test_a_kill_while_a_remote_takes_a_push_leaves_it_taken_once(fleets, template, tmp_path, whole_group):
    """Planted: the kill comes when the remote holds the lock of the branch."""
    one = fleets.forge(tmp_path / "fleet", ["sales"])
    moment = tmp_path / "moment"
    hook = one.forge.path("acme/sales") / "hooks" / "reference-transaction"
    hook.write_text(f'#!/bin/sh\n[ "$1" = prepared ] && [ ! -e {moment} ] && touch {moment} && sleep 1\nexit 0\n')
    hook.chmod(0o755)
    process = apply(one, template)
    until(moment.exists)
    kill(process, whole_group=whole_group)
    until(lambda: one.pushes("sales"))
    resumed = apply(one, template, "--resume")
    _, error = resumed.communicate()
    assert resumed.returncode == FINE, error
    (pull,) = one.forge.pulls("acme/sales")
    assert one.pushes("sales") == [pull.head] == [one.proposed("sales")]
    assert left_over(one.forge.path("acme/sales")) == []


@pytest.mark.parametrize("left", ["nothing but the push", "a lock", "half a record", "half a line"])
def test_a_kill_between_push_and_log_is_made_up_for(fleets, template, tmp_path, left):
    """Planted: what each moment after the push leaves behind."""
    one = fleets.forge(tmp_path / "fleet", ["sales"])
    first = apply(one, template)
    first.communicate()
    (wanted,) = one.forge.pulls("acme/sales")
    repository, log = one.forge.path("acme/sales"), one.folder / "campaigns.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:-1]) + (lines[-1][:40] if left == "half a line" else ""))
    records = repository.with_suffix(".pulls")
    if left != "half a line":
        (records / "1.json").unlink()
        one.git("sales", "update-ref", "-d", "refs/pull/1/head")
    if left == "a lock":
        (repository / "refs" / "pull" / "1").mkdir(parents=True, exist_ok=True)
        (repository / "refs" / "pull" / "1" / "head.lock").touch()
    if left == "half a record":
        (records / ".1.json.4711").write_text(wanted.model_dump_json()[:50])
    again = apply(one, template, "--resume")
    output, error = again.communicate()
    assert again.returncode == FINE, output + error
    (pull,) = one.forge.pulls("acme/sales")
    assert pull.head == wanted.head
    assert one.pushes("sales") == [wanted.head]
    assert [event.what for event in Log(log).events(NEXT)][-1] == "proposed"


def until(happens) -> None:
    deadline = time.monotonic() + 120
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# Twice ----------------------------------------------------------------------------------------------------------------


def test_a_campaign_that_is_called_again_pushes_nothing_and_opens_nothing(fleets, template, tmp_path):
    one = fleets.forge(tmp_path / "fleet", ["sales", "shop"])
    for arguments in ([], [], ["--resume"]):
        process = apply(one, template, *arguments)
        output, error = process.communicate()
        assert process.returncode == FINE, error
    assert "sales: stands as it was" in output
    for name in ("sales", "shop"):
        (pull,) = one.forge.pulls(f"acme/{name}")
        assert one.pushes(name) == [pull.head]


def test_one_roll_out_of_a_fleet_is_at_work_at_a_time(fleets, template, tmp_path):
    one = fleets.forge(tmp_path / "fleet", ["sales"], LAST)
    with alone(one.folder):
        process = apply(one, template)
        _, error = process.communicate()
    assert (process.returncode, error.partition(":")[0]) == (PENDING, f"FL401 {one.folder}")
    assert one.pushes("sales") == []
