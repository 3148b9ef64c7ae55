"""The workflows of a stamped project and of this repository: safe, and made of commands that work."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import SCENARIOS, StampedProject
from tests.environment import give_environment
from tools.ownership import ROOT, TEMPLATE

OURS = ROOT / ".github" / "workflows" / "ci.yml"
STAMPED = TEMPLATE / ".github" / "workflows" / "platform-ci.yml"
RELEASE = ROOT / ".github" / "workflows" / "release.yml"
FLEET = ROOT / ".github" / "workflows" / "fleet.yml"
WORKFLOWS = [OURS, STAMPED]

UV = Path(sys.executable).parent
OF_THIS_REPOSITORY = {"UV_PROJECT_ENVIRONMENT": sys.prefix}

# What a test cannot run here: both bring what a job needs and do nothing else.
SETUP = {"actions/checkout", "astral-sh/setup-uv"}


def workflow(file: Path) -> dict[str, Any]:
    # YAML reads the key `on` as true.
    return {"on" if key is True else key: value for key, value in yaml.safe_load(file.read_text("utf-8")).items()}


def jobs(file: Path) -> dict[str, dict[str, Any]]:
    return workflow(file)["jobs"]


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(file).values() for step in job.get("steps", ())]


def commands(job: dict[str, Any]) -> list[str]:
    """Return what a job runs at any event."""
    return [step["run"] for step in job["steps"] if "run" in step and "if" not in step]


def gate() -> dict[str, Any]:
    """Return the step that compares contracts, which only a change that asks to be merged has."""
    (step,) = [step for step in steps(STAMPED) if "if" in step]
    return step


def bash(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub runs it with ``shell: bash``, with uv on the PATH as setup-uv leaves it.

    uv takes the environment that is there; on GitHub it makes one (what tests/test_install.py does).
    A suite that make started tells no step so: make says more of itself when another make called it.
    """
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command],
        cwd=folder,
        env=surroundings | {"PATH": f"{UV}{os.pathsep}{os.environ['PATH']}", "UV_NO_SYNC": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(params=WORKFLOWS, ids=["this repository", "a stamped project"])
def file(request) -> Path:
    return request.param


def test_an_action_is_pinned_by_its_commit_with_the_version_beside_it():
    every = [*WORKFLOWS, RELEASE, FLEET]
    # What begins with $/ is this repository's, at the commit that runs.
    pins = {line.strip("- \n") for file in every for line in file.open() if "uses:" in line and "uses: $/" not in line}
    assert all(re.fullmatch(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", pin) for pin in pins), pins
    used = [step["uses"].partition("@")[0] for file in every for step in steps(file) if "uses" in step]
    assert set(used) == SETUP
    assert len(pins) == len(SETUP), "an action has two pins"


@pytest.mark.parametrize("file", [*WORKFLOWS, RELEASE, FLEET], ids=lambda file: file.stem)
def test_a_workflow_is_valid_and_safe_by_tools_that_ask_nobody(file):
    run = StampedProject(ROOT).run
    schema = run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(file))
    assert schema.returncode == 0, schema.stdout
    audit = run("zizmor", "--offline", "--quiet", "--persona", "pedantic", "--format", "json", str(file))
    assert [finding["ident"] for finding in json.loads(audit.stdout)] == [
        "anonymous-definition" for job in jobs(file).values() if "steps" in job
    ]


def test_a_workflow_gets_no_right_but_to_read_and_needs_no_secret(file):
    assert workflow(file)["permissions"] == {}
    assert "pull_request_target" not in workflow(file)["on"]
    for name, job in jobs(file).items():
        assert job["permissions"] == ({} if name == "pass" else {"contents": "read"})
        assert job["timeout-minutes"] <= 60
    assert "secrets." not in file.read_text("utf-8")
    for step in steps(file):
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


def test_a_release_may_write_only_where_it_publishes_and_takes_no_text_for_code():
    assert workflow(RELEASE)["permissions"] == {}
    assert list(workflow(RELEASE)["on"]) == ["workflow_dispatch"]
    rights = {name: job["permissions"] for name, job in jobs(RELEASE).items()}
    assert rights == {
        "check": {"contents": "read"},
        "suite": {"contents": "read"},
        "publish": {"contents": "write"},
        "canary": {"actions": "write"},
    }
    assert "secrets." not in RELEASE.read_text("utf-8")
    for step in steps(RELEASE):
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"] == {"fetch-depth": 0, "persist-credentials": False}


def test_a_release_waits_for_the_whole_suite_at_its_own_commit_and_for_the_release_before():
    check, suite, publish, canary = jobs(RELEASE).values()
    assert "needs" not in check
    assert suite["needs"] == "check"
    assert suite["uses"] == "$/.github/workflows/ci.yml"
    assert "workflow_call" in workflow(OURS)["on"]
    assert publish["needs"] == "suite"
    assert canary["needs"] == "publish"
    assert "if" not in publish  # so that a suite that fails or is skipped ends it
    # A called workflow has its caller's name and ref: in one group the suite would wait for the release, and it for it.
    assert workflow(RELEASE)["concurrency"] == {"group": "one-release-at-a-time", "cancel-in-progress": False}


def test_a_newer_push_ends_the_older_run_of_a_pull_request_only(file):
    concurrency = workflow(file)["concurrency"]
    assert "github.ref" in concurrency["group"]
    assert concurrency["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"


@pytest.mark.parametrize(
    ("results", "passes"),
    [
        ("success success success", True),
        ("success failure success", False),
        ("success success cancelled", False),
        ("skipped success success", False),
    ],
)
def test_pass_passes_when_every_job_has_succeeded(file, results, passes):
    job = jobs(file)["pass"]
    assert set(job["needs"]) == jobs(file).keys() - {"pass"}
    assert job["if"] == "always()"
    (step,) = job["steps"]
    assert step["env"] == {"RESULTS": "${{ join(needs.*.result, ' ') }}"}
    assert (bash(step["run"], ROOT, RESULTS=results).returncode == 0) is passes


# A stamped project ----------------------------------------------------------------------------------------------------


@pytest.fixture
def clone(rendered, tmp_path) -> StampedProject:
    """What a runner has after checkout: a clone of what was committed, the lock file too, and an environment for it."""
    origin = StampedProject(shutil.copytree(rendered("minimal").root, tmp_path / "origin"))
    locked = origin.run("uv", "lock", "--quiet")
    assert locked.returncode == 0, locked.stderr
    origin.git("init", "--quiet")
    origin.git("add", "--all")
    origin.git("commit", "--quiet", "--message", "Stamp")
    origin.git("clone", "--quiet", str(origin.root), str(tmp_path / "clone"))
    cloned = StampedProject(tmp_path / "clone")
    give_environment(cloned)
    return cloned


def ci(project: StampedProject, command: str) -> subprocess.CompletedProcess[str]:
    """Run a step in the clone, whose environment has nothing of the one that the tests run in."""
    return bash(command, project.root, VIRTUAL_ENV="", PYTHONPATH="")


@pytest.mark.slow
def test_each_step_of_a_stamped_project_succeeds_on_a_fresh_clone(clone):
    for name, job in jobs(STAMPED).items():
        if name == "pass":
            continue
        assert commands(job)
        for command in commands(job):
            result = ci(clone, command)
            assert result.returncode == 0, f"{name}: {command}\n{result.stdout}{result.stderr}"
            assert clone.git("status", "--porcelain") == "", f"{name}: {command} leaves something behind"


@pytest.mark.slow
def test_each_job_of_a_stamped_project_refuses_what_it_is_there_for(clone):
    lint, build, test = (jobs(STAMPED)[name] for name in ("lint", "build", "test"))
    lock, check, _ = commands(lint)  # what the third finds stands in test_guards.py
    clone.replace(
        "pyproject.toml", '["building-block[ml,reporting]"]', '["building-block[ml,reporting]", "humanize>=4"]'
    )
    refused = ci(clone, lock)
    assert refused.returncode != 0
    assert "lockfile" in refused.stderr
    clone.write("ruff.toml", "line-length = 300\n")
    assert "BB401 ruff.toml: the platform's file was edited" in ci(clone, check).stderr
    clone.write("tests/test_ours.py", "def test_ours():\n    assert not 'ours'\n")
    refused = ci(clone, commands(test)[0] + " tests/test_ours.py")
    assert refused.returncode != 0
    assert "FAILED tests/test_ours.py::test_ours" in refused.stdout
    clone.replace("dbt/models/marts/daily_order_summary.sql", "order_date,", "no_such_column,")
    refused = ci(clone, commands(build)[0])
    assert refused.returncode != 0
    assert "BB505 dbt/models/marts/daily_order_summary.sql: " in refused.stderr


@pytest.mark.slow
def test_a_pull_request_is_compared_with_what_it_would_be_merged_into(clone):
    step = gate()
    assert step["if"] == "github.event_name == 'pull_request' || github.event_name == 'merge_group'"
    assert step["env"] == {"BASE": "${{ github.event.merge_group.base_sha || 'HEAD^1' }}"}
    (checkout,) = [one for one in jobs(STAMPED)["lint"]["steps"] if one.get("uses", "").startswith("actions/checkout")]
    assert checkout["with"]["fetch-depth"] == 0

    def merged(branch: str, old: str, new: str) -> subprocess.CompletedProcess[str]:
        """Change a contract on a branch that began before the last merge, and check its merge as GitHub makes it."""
        clone.git("switch", "--quiet", "--create", branch, "base")
        clone.replace("contracts/orders.odcs.yaml", old, new)
        clone.git("commit", "--quiet", "--all", "--message", branch)
        clone.git("switch", "--quiet", "main")
        clone.git("merge", "--quiet", "--no-ff", "--message", "Merge", branch)
        return bash(step["run"], clone.root, VIRTUAL_ENV="", PYTHONPATH="", BASE="HEAD^1")

    clone.git("branch", "--move", "main")
    clone.git("branch", "base")
    described = merged("describe", "version: 1.0.0", "version: 1.0.1")
    assert described.returncode == 0, described.stderr
    assert "orders" in described.stdout
    refused = merged("unmask", "{property: masking, value: hash}", "{property: masking, value: none, description: x}")
    assert refused.returncode == 1
    assert [line.split()[0] for line in refused.stderr.splitlines() if line.startswith("BB")] == ["BB621", "BB622"]
    assert "after 1.0.1 at HEAD^1" in refused.stderr
    order_lines = (clone.root / "contracts/orders.odcs.yaml").read_text().split("      - name: ")[6]
    of_country = "Country of the customer.\n        logicalType: string\n        classification: "
    for branch, old, new, codes in (
        ("lower", f"{of_country}internal", f"{of_country}public", ["BB621", "BB622"]),
        ("narrow", "decimal(18,4)", "decimal(9,2)", ["BB621"]),
        ("drop", f"      - name: {order_lines}", "", ["BB621"]),
    ):
        clone.git("reset", "--quiet", "--hard", "HEAD^1")
        refused = merged(branch, old, new)
        assert [line.split()[0] for line in refused.stderr.splitlines() if line.startswith("BB")] == codes, branch


def test_a_project_without_a_lock_file_is_no_error(clone):
    (clone.root / "uv.lock").unlink()
    assert ci(clone, commands(jobs(STAMPED)["lint"])[0]).returncode == 0


# This repository ------------------------------------------------------------------------------------------------------


def test_the_scenarios_of_ci_are_the_files_of_answers(tmp_path):
    (command,) = commands(jobs(OURS)["scenarios"])
    assert bash(command, ROOT, GITHUB_OUTPUT=str(tmp_path / "output")).returncode == 0
    name, _, value = (tmp_path / "output").read_text().partition("=")
    assert (name, json.loads(value)) == ("names", SCENARIOS)
    assert jobs(OURS)["scenarios"]["outputs"] == {"names": "${{ steps.list.outputs.names }}"}
    assert jobs(OURS)["render"]["strategy"]["matrix"] == {"scenario": "${{ fromJSON(needs.scenarios.outputs.names) }}"}


def test_ci_stamps_a_scenario_and_calls_there_what_the_projects_own_ci_calls(tmp_path):
    job = jobs(OURS)["render"]
    stamp, *calls = [step for step in job["steps"] if "run" in step]
    leave = shutil.ignore_patterns(".venv", "build", "uv.lock", ".*_cache", "__pycache__", ".hypothesis")
    clone = shutil.copytree(ROOT, tmp_path / "template", ignore=leave)
    stamped = bash(stamp["run"], clone, **OF_THIS_REPOSITORY, SCENARIO="awkward-names")
    assert stamped.returncode == 0, stamped.stderr
    assert "domain_name: Größen & Maße's 2" in (clone / "build/project/.copier-answers.yml").read_text("utf-8")
    assert {step["working-directory"] for step in calls} == {"build/project"}
    of_project = {command for name in ("lint", "build", "test") for command in commands(jobs(STAMPED)[name])}
    assert {step["run"] for step in calls} == {command for command in of_project if command.startswith("uv run poe ")}


def test_ci_runs_what_make_runs_and_leaves_out_only_what_needs_the_real_data():
    (lint,) = commands(jobs(OURS)["lint"])
    (test,) = commands(jobs(OURS)["test"])
    planned = bash(f"{lint} --dry-run; {test} --dry-run", ROOT)
    assert "ruff check --config pyproject.toml ." in planned.stdout
    assert planned.stdout.splitlines()[-1].endswith('pytest -m "not real_data"')
    real = StampedProject(ROOT).run(
        "pytest", "--collect-only", "-q", "-n", "0", "-m", "real_data", "tests/test_build.py"
    )
    assert "test_every_figure_of_the_summary_is_that_of_the_real_data" in real.stdout
    assert "deselected" in real.stdout
    linted = bash(lint, ROOT, **OF_THIS_REPOSITORY)
    assert linted.returncode == 0, linted.stdout + linted.stderr


# The fleet's ----------------------------------------------------------------------------------------------------------


def fleet_step(name: str) -> str:
    (step,) = [step for step in steps(FLEET) if step.get("name") == name]
    return step["run"]


@pytest.fixture
def dispatched(tmp_path) -> Path:
    """A clone of a repository, with a `fleet` that writes down its words and ends as FLEET_ENDS says."""
    (tmp_path / "bin").mkdir()
    for name, text in {
        "uv": '#!/bin/sh\nshift\n"$@"\n',
        "fleet": '#!/bin/sh\necho "fleet $*"\necho "{}" >> rollout/campaigns.jsonl\nexit "${FLEET_ENDS:-0}"\n',
        "gh": "#!/bin/sh\n",  # `gh auth setup-git`: the origin here is a folder
    }.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    origin, clone = tmp_path / "origin.git", tmp_path / "clone"
    subprocess.run(["git", "init", "--quiet", "--bare", origin], check=True)
    subprocess.run(["git", "clone", "--quiet", origin, clone], check=True, stderr=subprocess.DEVNULL)
    (clone / "rollout").mkdir()
    return clone


def dispatch(clone: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{clone.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    summary = {"GITHUB_STEP_SUMMARY": str(clone.parent / "summary")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", fleet_step("Do it")],
        cwd=clone,
        env=os.environ | {"PATH": path} | summary | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("inputs", "called"),
    [
        ({"COMMAND": "apply", "VERSION": "v0.5.0"}, "fleet apply --to v0.5.0"),
        ({"COMMAND": "apply", "VERSION": "v0.5.0", "RESUME": "true"}, "fleet apply --to v0.5.0 --resume"),
        ({"COMMAND": "promote", "VERSION": ""}, "fleet promote --to "),
        (
            {"COMMAND": "pause", "VERSION": "v0.5.0", "WHY": "$(id); a day"},
            "fleet pause --to v0.5.0 --why $(id); a day",
        ),
        ({"COMMAND": "weekly"}, "fleet status"),
    ],
)
def test_a_dispatch_calls_the_command_that_was_asked_for_and_takes_no_text_for_code(dispatched, inputs, called):
    done = dispatch(dispatched, **{"VERSION": "", "WHY": "", "RESUME": "false"} | inputs)
    assert (done.returncode, done.stdout) == (0, f"{called}\n"), done.stderr
    summary = (dispatched.parent / "summary").read_text()
    assert summary == f"{called}\n" + "fleet drift\n" * (inputs["COMMAND"] == "weekly")


@pytest.mark.parametrize(("ended", "run"), [("0", 0), ("2", 0), ("3", 3), ("1", 1)])
def test_what_is_pending_is_no_failure_and_what_needs_a_person_is_one(dispatched, ended, run):
    assert dispatch(dispatched, COMMAND="promote", VERSION="", FLEET_ENDS=ended).returncode == run


def test_the_log_of_the_campaigns_outlives_the_machine_that_wrote_it(dispatched):
    def step(name: str, folder: Path) -> None:
        path = f"{folder.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = bash(fleet_step(name), folder, PATH=path)
        assert done.returncode == 0, done.stderr

    step("Take the log along", dispatched)  # there is none yet
    step("Keep the log", dispatched)
    dispatch(dispatched, COMMAND="apply", VERSION="v1.0.0")
    step("Keep the log", dispatched)
    (dispatched / "rollout" / "campaigns.jsonl").unlink()
    step("Take the log along", dispatched)
    assert (dispatched / "rollout" / "campaigns.jsonl").read_text() == "{}\n"


def test_only_the_roll_out_sees_a_secret_and_only_in_the_step_that_needs_it():
    assert workflow(FLEET)["permissions"] == {}
    (job,) = jobs(FLEET).values()
    assert job["environment"] == "fleet"
    with_secrets = [step["name"] for step in job["steps"] if "secrets." in str(step)]
    assert with_secrets == ["Do it"]
    for step in job["steps"]:
        assert "${{" not in step.get("run", "")
