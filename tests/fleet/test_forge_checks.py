"""The CI of the forge in a folder: a project's own code runs, and can do no harm; what it says is kept."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from socket import AF_INET, AF_UNIX, socket

import pytest
from building_block.messages import ProblemError

from fleet.forges import checks, sandbox
from fleet.forges.local import LocalForge
from tests.conftest import without_forecast
from tests.fleet.repositories import Clone

SALES = "acme/sales-data"
SECRET = "ghp_planted0secret"  # noqa: S105 - planted
STUB = """
import os, subprocess, sys, time

def main():
    step = sys.argv[1]
    print(f"{step} was here")
    if step == "build" and os.path.exists("fails"):
        print("no rows", file=sys.stderr)
        raise SystemExit(1)
    if step == "build" and os.path.exists("hangs"):
        subprocess.Popen(["sleep", open("hangs").read()], start_new_session=True)
        time.sleep(1000)
"""
"""In place of the platform's command, which takes seconds."""
IMPACT = """
    if step == "impact":
        print("|changed since", sys.argv[3], "|")
"""
PROBE = """
import json, os, pathlib, socket

def reaches(family, address):
    try:
        with socket.socket(family) as connection:
            connection.settimeout(2)
            connection.connect(address)
        return True
    except OSError:
        return False

others = ""
for file in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
        others += file.read_text(errors="replace")
    except OSError:
        pass
pathlib.Path(os.environ["TMPDIR"], "report.json").write_text(json.dumps({{
    "environment": dict(os.environ),
    "others": others,
    "network": reaches(socket.AF_INET, ("127.0.0.1", {port})),
    "abstract": reaches(socket.AF_UNIX, {abstract!r}),
}}))
"""


@pytest.fixture
def forge(tmp_path) -> LocalForge:
    forge = LocalForge(tmp_path / "forge")
    forge.create(SALES)
    return forge


@pytest.fixture
def clone(forge, tmp_path) -> Clone:
    """A clone of a project with a stub of the platform, and an open pull request from the branch update."""
    clone = Clone.of(forge, SALES, tmp_path / "clone")
    (clone.folder / "platform" / "building_block").mkdir(parents=True)
    for path, text in {"domain.toml": "", "building_block/__init__.py": "", "building_block/cli.py": STUB}.items():
        clone.commit("main", f"platform/{path}", text)
    clone.push("main")
    clone.commit("update", "new.txt", "new\n")
    clone.push("update")
    forge.open(SALES, "update", "main", "Update", "")
    return clone


def push(clone: Clone, path: str, text: str = "") -> str:
    commit = clone.commit("update", path, text)
    clone.push("update")
    return commit


# A project's own code -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_real_project_is_checked_and_built_without_network_and_without_credentials(
    forge, ready, tmp_path, monkeypatch
):
    report = tmp_path / "report.json"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    run = sandbox.run

    def reported(*arguments) -> sandbox.Outcome:
        """Run it, and keep what it has written where it may write before that is gone."""
        outcome = run(*arguments)
        shutil.copy(arguments[4] / "tmp" / report.name, report)
        return outcome

    monkeypatch.setattr(sandbox, "run", reported)
    abstract = f"\0fleet-{os.getpid()}"
    project = without_forecast(ready)
    project.git("branch", "--force", "main")
    project.git("checkout", "--quiet", "-b", "update")
    with closing(socket(AF_INET)) as server, closing(socket(AF_UNIX)) as local:
        server.bind(("127.0.0.1", 0))
        local.bind(abstract)
        for listening in (server, local):
            listening.listen()
        probe = PROBE.format(port=server.getsockname()[1], abstract=abstract)
        exec(compile(probe, "probe", "exec"), {})  # noqa: S102
        assert json.loads(report.read_text()).items() >= {"network": True, "abstract": True}.items()
        report.unlink()
        project.write("src/sales/defs/probe.py", probe)
        project.git("add", "--all")
        project.git("commit", "--quiet", "--message", "Probe")
        project.git("push", "--quiet", forge.clone_url(SALES), "main", "update")
        forge.open(SALES, "update", "main", "Update", "")
        for name in ("GITHUB_TOKEN", "FLEET_APP_PRIVATE_KEY", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, SECRET)
        # What a process was started with stands in /proc: this one's children have the secret there, too.
        with subprocess.Popen(["sleep", "1000.25"]) as other:
            try:
                (checked,) = checks.run(forge.folder)
            finally:
                other.kill()
    record = forge.pull(SALES, checked.number)
    assert checked.failed == (), "\n".join(result.output for result in record.checks)
    assert [result.name for result in record.checks][:2] == ["check", "build"]
    assert forge.checks(SALES, checked.commit).state == "passed"
    seen = json.loads(report.read_text())
    assert not seen["network"]
    assert not seen["abstract"]
    assert SECRET not in seen["others"]
    assert SECRET not in json.dumps(seen["environment"])
    assert seen["environment"]["HOME"] != os.environ["HOME"]
    ours = {"PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH", "BUILDING_BLOCK_DATA", "COLUMNS"}
    added = {name for name in seen["environment"] if name not in ours and not name.startswith(("DAGSTER_", "DBT_"))}
    # The last two are of `impact`, whose look at a side is a process of its own.
    assert added <= {"LC_CTYPE", "PWD", "SHLVL", "_", "DO_NOT_TRACK", "PYTHONHASHSEED", "PYTHONSAFEPATH"}, added


def test_a_machine_that_cannot_keep_code_from_the_network_runs_none(forge, clone, tmp_path, monkeypatch):
    fake = tmp_path / "bin" / "bwrap"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ProblemError, match="left a process with the network"):
        checks.run(forge.folder)
    assert forge.pull(SALES, 1).checks == []


def test_a_machine_without_bubblewrap_is_told_what_is_needed(forge, clone, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProblemError, match=r"FL301 bwrap: is not to be had here: .*`apt install bubblewrap`"):
        sandbox.must_be_had()


def test_code_sees_no_file_but_the_systems_and_its_own_and_can_change_only_these(tmp_path):
    own, others = tmp_path / "own", tmp_path / "others"
    for folder in (own, others):
        folder.mkdir()
        (folder / "file").write_text("planted")
    code = f"""
import json, os, pathlib, sys

def tried(act, *arguments):
    try:
        return act(*arguments)
    except OSError as error:
        return type(error).__name__

print(json.dumps({{
    "own": tried(pathlib.Path("file").read_text),
    "others": tried(pathlib.Path({str(others / "file")!r}).read_text),
    "beside": tried(os.listdir, {str(tmp_path)!r}),
    "secrets": tried(pathlib.Path("/etc/shadow").read_text),
    "written": [tried(pathlib.Path(folder, "planted").write_text, "x") for folder in (".", sys.prefix, "/usr")],
}}))
"""
    done = sandbox.run([sys.executable, "-c", code], own, {}, 20, own)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {
        "own": "planted",
        "others": "FileNotFoundError",
        "beside": ["own"],
        "secrets": "FileNotFoundError",
        "written": [1, "OSError", "OSError"],
    }
    assert sorted(path.name for path in own.iterdir()) == ["file", "planted"]


def test_a_checkout_runs_nothing_that_the_user_or_the_project_has_told_git_to_run(forge, clone, tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    (tmp_path / ".gitconfig").write_text(f'[filter "mine"]\nsmudge = "touch {ran}; cat"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    push(clone, ".gitattributes", "*.txt filter=mine\n")
    Clone.of(forge, SALES, tmp_path / "planted").git("checkout", "--quiet", "update")
    assert ran.exists()
    ran.unlink()
    checks.run(forge.folder)
    assert not ran.exists()


# Time -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def asleep(clone) -> Callable[[], bool]:
    """Let the build hang after it has started another process; say whether that one lives."""
    seconds = f"1000.{secrets.randbelow(10**9)}"
    push(clone, "hangs", seconds)

    def lives() -> bool:
        found = False
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):  # it has ended in the meantime
                found |= file.read_text(errors="replace") == f"sleep\0{seconds}\0"
        return found

    return lives


def test_what_hangs_is_ended_with_all_that_it_started_and_has_failed(forge, asleep):
    (checked,) = checks.run(forge.folder, seconds=2)
    assert checked.failed == ("build",)
    (build,) = (result for result in forge.pull(SALES, 1).checks if result.name == "build")
    assert build.output.splitlines()[-1] == "ended after 2 seconds"
    assert not asleep()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_who_stops_the_checks_stops_what_they_run(forge, asleep, by):
    code = f"from pathlib import Path; from fleet.forges import checks; checks.run(Path({str(forge.folder)!r}))"
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", code], cwd=root, stderr=subprocess.DEVNULL) as process:
        wait_for(asleep)
        process.send_signal(by)
        assert process.wait(10)
    wait_for(lambda: not asleep())
    assert forge.pull(SALES, 1).checks == [], "half of the checks were recorded"


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


# What is kept ---------------------------------------------------------------------------------------------------------


def test_a_head_is_checked_once_and_the_next_one_again(forge, clone):
    (first,) = checks.run(forge.folder)
    assert checks.run(forge.folder, SALES) == []
    commit = push(clone, "fails")
    assert forge.checks(SALES, commit).state == "pending"
    (second,) = checks.run(forge.folder, SALES)
    assert (first.failed, second.failed, second.commit) == ((), ("build",), commit)
    assert forge.checks(SALES, first.commit).state == "passed"
    assert forge.checks(SALES, commit).failed == ("build",)


def test_the_last_lines_of_what_failed_are_kept(forge, clone):
    push(clone, "fails")
    checks.run(forge.folder)
    (build,) = (result for result in forge.pull(SALES, 1).checks if not result.passed)
    assert build.output == "build was here\nno rows"


def test_an_ended_pull_request_is_not_checked(forge, clone):
    forge.close(SALES, 1, "Not now.")
    assert checks.run(forge.folder) == []


def test_what_was_merged_before_its_checks_ran_is_checked_and_has_no_impact(forge, clone):
    clone.commit("update", "platform/building_block/cli.py", STUB + IMPACT)
    push(clone, "platform/building_block/impact.py")
    forge.merge(SALES, 1)
    (checked,) = checks.run(forge.folder)
    assert (checked.failed, [result.name for result in forge.pull(SALES, 1).checks]) == ((), ["check", "build"])
    assert forge.comments(SALES, 1) == []


def test_the_impact_is_one_comment_that_the_next_head_replaces(forge, clone):
    base = clone.git("rev-parse", "main").strip()
    clone.commit("main", "ours.txt", "later\n")
    clone.push("main")
    forge.comment(SALES, 1, "We look at it.")
    clone.commit("update", "platform/building_block/cli.py", STUB + IMPACT)
    push(clone, "platform/building_block/impact.py")
    checks.run(forge.folder)
    said = ["We look at it.", f"impact was here\n|changed since {base} |"]
    assert [comment.text for comment in forge.comments(SALES, 1)] == said
    push(clone, "more.txt")
    checks.run(forge.folder)
    assert [comment.text for comment in forge.comments(SALES, 1)] == said
    assert [result.name for result in forge.pull(SALES, 1).checks[-3:]] == ["check", "build", "impact"]


def test_each_project_of_a_monorepo_is_checked_under_the_name_of_its_folder(forge, clone):
    clone.git("checkout", "--quiet", "update")
    shutil.copytree(clone.folder / "platform", clone.folder / "data" / "platform")
    (clone.folder / "data" / "fails").touch()
    clone.git("add", "--all")
    push(clone, "more.txt")
    (checked,) = checks.run(forge.folder)
    assert checked.failed == ("data: build",)


def test_a_head_without_a_project_has_failed(forge, clone):
    clone.git("checkout", "--quiet", "update")
    clone.git("rm", "-r", "--quiet", "platform")
    push(clone, "more.txt")
    (checked,) = checks.run(forge.folder)
    assert checked.failed == ("checkout",)


def test_two_pull_requests_are_checked_at_a_time(forge, clone):
    for name in ("first", "second"):
        clone.commit(name, "hangs", "1000")
        clone.push(name)
        forge.open(SALES, name, "main", name, "")
    forge.close(SALES, 1, "Not now.")
    began = time.monotonic()
    assert [one.failed for one in checks.run(forge.folder, at_once=2, seconds=3)] == [("build",), ("build",)]
    assert time.monotonic() - began < 6
