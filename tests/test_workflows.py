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
from tests.stamping import NEXT, RELEASES, commit, stamp
from tools.ownership import ROOT, TEMPLATE

OURS = ROOT / ".github" / "workflows" / "ci.yml"
STAMPED = TEMPLATE / ".github" / "workflows" / "platform-ci.yml"
RELEASE = ROOT / ".github" / "workflows" / "release.yml"
FLEET = ROOT / ".github" / "workflows" / "fleet.yml"
UPDATE = TEMPLATE / ".github" / "workflows" / "platform-update.yml"
WORKFLOWS = [OURS, STAMPED]

UV = Path(sys.executable).parent
OF_THIS_REPOSITORY = {"UV_PROJECT_ENVIRONMENT": sys.prefix}

# What a test cannot run here: each brings what a job needs and does nothing else.
SETUP = {"actions/checkout", "astral-sh/setup-uv", "actions/create-github-app-token"}

# What of a stamped project's CI another event than a pull request of an update has nothing to do with.
OF_AN_UPDATE = {"impact", "impact-comment"}


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
    every = [*WORKFLOWS, RELEASE, FLEET, UPDATE]
    # What begins with $/ is this repository's, at the commit that runs.
    pins = {line.strip("- \n") for file in every for line in file.open() if "uses:" in line and "uses: $/" not in line}
    assert all(re.fullmatch(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", pin) for pin in pins), pins
    used = [step["uses"].partition("@")[0] for file in every for step in steps(file) if "uses" in step]
    assert set(used) == SETUP
    assert len(pins) == len(SETUP), "an action has two pins"


@pytest.mark.parametrize("file", [*WORKFLOWS, RELEASE, FLEET, UPDATE], ids=lambda file: file.stem)
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
    others = {"pass": {}, "impact-comment": {"pull-requests": "write"}}
    for name, job in jobs(file).items():
        assert job["permissions"] == others.get(name, {"contents": "read"})
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
    assert set(job["needs"]) == jobs(file).keys() - {"pass", "impact-comment"}  # which judges nothing
    assert job["if"] == "always()"
    (step,) = job["steps"]
    said = step["env"]["RESULTS"].replace("${{ join(needs.*.result, ' ') }}", "needs.*.result")
    named = [f"${{{{ needs.{name}.result }}}}" for name in job["needs"] if name != "impact"]
    assert said in ("needs.*.result", " ".join(named))
    assert (bash(step["run"], ROOT, RESULTS=results, IMPACT="skipped").returncode == 0) is passes


@pytest.mark.parametrize(
    ("result", "passes"), [("success", True), ("skipped", True), ("failure", False), ("cancelled", False)]
)
def test_pass_waits_for_the_impact_of_an_update_and_of_nothing_else(result, passes):
    (step,) = jobs(STAMPED)["pass"]["steps"]
    assert step["env"]["IMPACT"] == "${{ needs.impact.result }}"
    assert (bash(step["run"], ROOT, RESULTS="success success success", IMPACT=result).returncode == 0) is passes


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
        if name in {"pass", *OF_AN_UPDATE}:
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


# An update of a stamped project ---------------------------------------------------------------------------------------


OF_PULL = {"GH_TOKEN": "none", "REPOSITORY": "acme/sales-data", "NUMBER": "7"}


@pytest.fixture
def forge(tmp_path, monkeypatch) -> Path:
    """A folder with a `gh` for the PATH, a home of its own, and what the forge keeps in state.json."""
    folder = tmp_path / "forge"
    (folder / "home").mkdir(parents=True)
    (folder / "gh").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/tests/gh.py" "$@"\n')
    (folder / "gh").chmod(0o755)
    (folder / "state.json").write_text('{"pulls": [], "comments": []}')
    monkeypatch.setenv("GH_STATE", str(folder / "state.json"))
    monkeypatch.setenv("HOME", str(folder / "home"))
    monkeypatch.setenv("RUNNER_TEMP", str(folder))
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def kept(forge: Path, what: str) -> list[dict[str, Any]]:
    """Return what the forge has: its pull requests or comments."""
    return json.loads((forge / "state.json").read_text())[what]


def test_only_a_job_without_code_of_the_repository_may_write_and_only_for_the_platforms_own_branch():
    impact, comment = (jobs(STAMPED)[name] for name in ("impact", "impact-comment"))
    for part in (
        "github.event_name == 'pull_request'",
        "github.head_ref == 'platform-update'",
        "github.event.pull_request.head.repo.full_name == github.repository",
    ):
        assert part in impact["if"].split(" && ")
    assert comment["needs"] == "impact"
    assert comment["if"] == "${{ !cancelled() && needs.impact.outputs.markdown }}"
    for job in jobs(STAMPED).values():
        if "write" in job["permissions"].values():
            assert not [step for step in job["steps"] if "uses" in step]
            assert not re.search(r"\b(uv|poe|git|python3?|bash|sh|source|eval)\b", " ".join(commands(job)))


@pytest.mark.slow
def test_a_pull_request_is_told_what_it_changes_in_the_graph_in_one_comment(clone, forge):
    (say,) = commands(jobs(STAMPED)["impact"])
    (tell,) = commands(jobs(STAMPED)["impact-comment"])
    for text, counted in (("select 1 as one\n", "1 change"), ("select from nothing of $(touch planted) {{\n", "")):
        clone.git("switch", "--quiet", "--create", f"change-{len(counted)}", "origin/HEAD")
        clone.write("dbt/models/marts/best_day.sql", text)
        commit(clone, "Change")
        outputs, summary = forge / "outputs", forge / "summary"
        outputs.write_text("")
        files = {"GITHUB_OUTPUT": str(outputs), "GITHUB_STEP_SUMMARY": str(summary)}
        said = bash(say, clone.root, VIRTUAL_ENV="", PYTHONPATH="", BASE="HEAD^1", **files)
        assert said.returncode == (0 if counted else 1), said.stderr
        first, *lines, last = outputs.read_text().splitlines()
        assert first == f"markdown<<{last}"
        assert len(last) == 36
        verdict = f"**{counted} in your graph**" if counted else "**The project does not load**"
        assert lines[0].startswith(verdict)
        assert "\n".join(lines) in summary.read_text()
        told = bash(tell, forge, **OF_PULL, MARKDOWN="\n".join(lines))
        assert told.returncode == 0, told.stderr
        (comment,) = kept(forge, "comments")
        assert comment["body"] == "\n".join(["<!-- platform-impact -->", *lines, ""])
    assert not (forge / "planted").exists()


def test_a_comment_of_somebody_else_is_not_written_over(forge):
    (tell,) = commands(jobs(STAMPED)["impact-comment"])
    others = [
        {"id": 1, "user": {"type": "Bot"}, "body": "Coverage: 93 %"},
        {"id": 2, "user": {"type": "User"}, "body": "<!-- platform-impact -->\nI quote it."},
    ]
    (forge / "state.json").write_text(json.dumps({"pulls": [], "comments": others}))
    text = "`a` $(touch planted) \"quoted\" \\n %s 'x'"
    for _ in range(2):
        told = bash(tell, forge, **OF_PULL, MARKDOWN=text)
        assert told.returncode == 0, told.stderr
        assert kept(forge, "comments")[:2] == others
        assert [one["body"] for one in kept(forge, "comments")[2:]] == [f"<!-- platform-impact -->\n{text}\n"]


class Pulling:
    """A repository whose workflow fetches updates, as a runner sees it."""

    def __init__(self, project: StampedProject, forge: Path, tools: Path) -> None:
        self._forge = forge
        self._tools = tools
        self.origin = forge / "origin.git"
        project.git("branch", "--move", "main")
        project.git("clone", "--quiet", "--bare", str(project.root), str(self.origin))

    def clone(self, name: str) -> StampedProject:
        clone = StampedProject(self._forge / name)
        shutil.rmtree(clone.root, ignore_errors=True)
        subprocess.run(["git", "clone", "--quiet", str(self.origin), str(clone.root)], check=True)
        return clone

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run the job's steps on a new runner; return the last that ran."""
        update, propose = [step for step in jobs(UPDATE)["update"]["steps"] if "run" in step]
        assert update.get("if") is None
        assert propose["if"] == "steps.update.outputs.version"
        clone, output = self.clone("runner"), self._forge / "output"
        output.write_text("")
        environment = clone.environment | {
            "PATH": f"{self._tools}{os.pathsep}{self._forge}{os.pathsep}{clone.environment['PATH']}",
            "GITHUB_OUTPUT": str(output),
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
        done = clone.run(*command, update["run"], **environment, GH_TOKEN="")
        if done.returncode or not output.read_text():
            return done
        name, _, version = output.read_text().strip().partition("=")
        assert name == "version"
        given = {"REPOSITORY": "acme/sales-data", "BASE": "main", "VERSION": version, "GH_TOKEN": "none"}
        return clone.run(*command, propose["run"], **environment, **given)

    def branch(self) -> str:
        """Return the commit of platform-update at the origin; nothing if there is none."""
        listed = subprocess.run(
            ["git", "ls-remote", str(self.origin), "refs/heads/platform-update"],
            capture_output=True,
            text=True,
            check=True,
        )
        return listed.stdout[:40]


@pytest.fixture
def pulling(forge, tools) -> Pulling:
    """One of a project whose `poe update` is a stand-in: it takes the version that the file `newest` names."""
    project = StampedProject(forge / "project")
    project.write(".copier-answers.yml", "_commit: v1.0.0\n")
    project.git("init", "--quiet")
    commit(project, "Stamp")
    lines = [
        "#!/bin/sh -e",
        f'version=$(cat "{forge}/newest")',
        'test "$*" = "run poe update"',
        'test "$version" != refused || { echo "BB425 $version: refused" >&2; exit 1; }',
        'echo "_commit: $version" > .copier-answers.yml',
        "git diff --quiet || git commit --quiet --all --message Update",
        'echo "What comes with $version, @acme/all"',
    ]
    (tools / "uv").write_text("\n".join([*lines, ""]))
    (forge / "newest").write_text("v1.0.0")
    return Pulling(project, forge, tools)


def test_a_unit_that_pulls_has_said_so_and_its_update_never_had_the_token_that_writes():
    assert workflow(UPDATE)["permissions"] == {}
    assert workflow(UPDATE)["on"].keys() == {"schedule", "workflow_dispatch"}
    (minute,) = (one["cron"].split()[0] for one in workflow(UPDATE)["on"]["schedule"])
    assert int(minute) % 5, "all the world starts at a round minute"
    job = jobs(UPDATE)["update"]
    assert job["if"] == "vars.PLATFORM_UPDATE == 'pull'"
    assert job["environment"] == "platform-update"
    assert job["permissions"] == {"contents": "read"}
    assert job["steps"][0]["with"]["persist-credentials"] is False
    assert [step.get("id") for step in job["steps"]] == [None, None, "reader", "update", "writer", None]
    reader, update, writer, propose = job["steps"][2:]
    rights = [{key: value for key, value in step["with"].items() if "permission" in key} for step in (reader, writer)]
    assert rights == [
        {"permission-contents": "read"},
        {"permission-contents": "write", "permission-pull-requests": "write", "permission-workflows": "write"},
    ]
    assert update["env"] == {"GH_TOKEN": "${{ steps.reader.outputs.token }}"}
    assert propose["env"]["GH_TOKEN"] == "${{ steps.writer.outputs.token }}"  # noqa: S105 - where it comes from
    assert all("${{" not in step["run"] for step in (update, propose))


@pytest.mark.slow
def test_the_newest_release_is_pulled_for_real(template, forge, tools, tmp_path):
    project = stamp(template, next(reversed(RELEASES)), tmp_path / "sales")
    pulling = Pulling(project, forge, tools)
    done = pulling.run()
    assert done.returncode == 0, done.stdout + done.stderr
    (pull,) = kept(forge, "pulls")
    assert (pull["title"], pull["base"]) == (f"Update the building block to {NEXT}", "main")
    clone = pulling.clone("look")
    clone.git("checkout", "--quiet", "platform-update")
    assert f"_commit: {NEXT}\n" in (clone.root / ".copier-answers.yml").read_text()
    assert clone.git("log", "--format=%an", "main..").split() == ["platform-update"]
    assert "uv.lock" not in clone.git("ls-files").split()


def test_an_update_is_proposed_once_and_a_newer_one_takes_its_place(pulling, forge):
    nothing = pulling.run()
    assert (nothing.returncode, kept(forge, "pulls"), pulling.branch()) == (0, [], "")
    for version in ("v1.1.0", "v1.1.0", "v1.2.0"):
        before = pulling.branch()
        (forge / "newest").write_text(version)
        done = pulling.run()
        assert done.returncode == 0, done.stderr
        (pull,) = kept(forge, "pulls")
        assert (pull["state"], pull["title"]) == ("OPEN", f"Update the building block to {version}")
        assert f"\n~~~~~text\nWhat comes with {version}, @acme/all\n\n~~~~~\n" in pull["body"]
        assert (pulling.branch() == before) is (f'"{pull["title"]}" is open' in done.stdout)
    look = pulling.clone("look")
    assert look.git("show", "origin/platform-update:.copier-answers.yml") == "_commit: v1.2.0\n"
    assert len(look.git("log", "--format=%s", "origin/main..origin/platform-update").splitlines()) == 1


def test_a_version_that_the_team_has_closed_is_not_proposed_again_and_the_next_one_is(pulling, forge):
    (forge / "newest").write_text("v1.1.0")
    closed = {"number": 1, "state": "CLOSED", "head": "platform-update", "base": "main", "isCrossRepository": False}
    closed |= {"title": "Update the building block to v1.1.0"}
    (forge / "state.json").write_text(json.dumps({"pulls": [closed], "comments": []}))
    done = pulling.run()
    assert (done.returncode, kept(forge, "pulls"), pulling.branch()) == (0, [closed], "")
    assert "the team has closed it" in done.stdout
    (forge / "newest").write_text("v1.1.1")
    assert pulling.run().returncode == 0
    assert [(pull["state"], pull["title"][-6:]) for pull in kept(forge, "pulls")] == [
        ("CLOSED", "v1.1.0"),
        ("OPEN", "v1.1.1"),
    ]


def test_what_a_stranger_closed_in_a_fork_does_not_count(pulling, forge):
    (forge / "newest").write_text("v1.1.0")
    theirs = {"number": 1, "state": "CLOSED", "head": "platform-update", "base": "main", "isCrossRepository": True}
    theirs |= {"title": "Update the building block to v1.1.0"}
    (forge / "state.json").write_text(json.dumps({"pulls": [theirs], "comments": []}))
    assert pulling.run().returncode == 0
    assert [pull["state"] for pull in kept(forge, "pulls")] == ["CLOSED", "OPEN"]


def test_what_somebody_has_committed_on_the_branch_is_not_pushed_over(pulling, forge):
    (forge / "newest").write_text("v1.1.0")
    assert pulling.run().returncode == 0
    person = pulling.clone("person")
    person.git("checkout", "--quiet", "platform-update")
    person.write("ours.sql", "select 1\n")
    commit(person, "Put right what the release asks")
    person.git("push", "--quiet", "origin", "platform-update")
    before = pulling.branch()
    (forge / "newest").write_text("v1.2.0")
    done = pulling.run()
    assert done.returncode == 1
    assert done.stderr == "platform-update has commits of somebody: merge it, or delete it, and this goes on\n"
    assert pulling.branch() == before
    assert [pull["title"][-6:] for pull in kept(forge, "pulls")] == ["v1.1.0"]


def test_an_update_that_is_refused_proposes_nothing_and_fails(pulling, forge):
    (forge / "newest").write_text("refused")
    done = pulling.run()
    assert done.returncode == 1
    assert done.stderr.endswith("BB425 refused: refused\n")
    assert (kept(forge, "pulls"), pulling.branch()) == ([], "")


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
    installs, test = commands(jobs(OURS)["test"])
    assert "apt-get install -y -qq bubblewrap" in installs
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


def test_where_the_log_cannot_be_read_nothing_is_done_and_the_one_that_is_kept_stays(dispatched):
    """Planted: a network that fails, which is not the same as a log that was never kept."""
    subprocess.run(["git", "remote", "set-url", "origin", "file:///nowhere"], cwd=dispatched, check=True)
    path = f"{dispatched.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    taken = bash(fleet_step("Take the log along"), dispatched, PATH=path)
    assert taken.returncode not in (0, 2), taken.stderr
    assert not (dispatched / "rollout" / "campaigns.jsonl").exists()
    (take,) = [step for step in steps(FLEET) if step.get("name") == "Take the log along"]
    (keep,) = [step for step in steps(FLEET) if step.get("name") == "Keep the log"]
    assert keep["if"] == f"always() && steps.{take['id']}.outcome == 'success'"


def test_only_the_roll_out_sees_a_secret_and_only_in_the_step_that_needs_it():
    assert workflow(FLEET)["permissions"] == {}
    (job,) = jobs(FLEET).values()
    assert job["environment"] == "fleet"
    with_secrets = [step["name"] for step in job["steps"] if "secrets." in str(step)]
    assert with_secrets == ["Do it"]
    for step in job["steps"]:
        assert "${{" not in step.get("run", "")
