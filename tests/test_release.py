"""Releases are cut, checked and published for real: in a clone of this repository, to a bare repository beside it."""

import shutil
import subprocess
import sys
from pathlib import Path

import copier
import pytest
import yaml
from building_block.contracts.changes import Bump
from packaging.requirements import Requirement
from packaging.version import Version

from tests.conftest import StampedProject, answers
from tests.test_tutorial import OF_RELEASE, Reader
from tests.test_workflows import commands, jobs
from tools.ownership import ROOT
from tools.releases import implied, recorded, sections
from tools.surface import WORKING_TREE, checkout

LAST = [*recorded(ROOT)][-1]
# Of the highest number: what is unreleased in this repository may change anything.
NEXT = str(implied(Version(LAST), Bump.MAJOR))
NEWS = "### Added\n\n- Planted. On update: nothing.\n"
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Path:
    """A folder with a clone whose main is the tree under test, with news for units, and its bare origin."""
    folder = tmp_path_factory.mktemp("release")
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(folder / "clone")], check=True)
    clone = StampedProject(folder / "clone")
    clone.git("checkout", "--quiet", "-B", "main")
    clone.git("rm", "-r", "--quiet", ".")
    with checkout(ROOT, WORKING_TREE) as tree:
        shutil.copytree(tree, clone.root, dirs_exist_ok=True)
    text = (clone.root / "CHANGELOG.md").read_text(encoding="utf-8")
    before, head, after = text.partition("## [Unreleased]\n")
    old = after[after.index("\n## [") :]
    clone.write("CHANGELOG.md", f"{before}{head}\n{NEWS}{old}")
    for tag in clone.git("tag").split():
        clone.git("tag", "--delete", tag)
    for version, sha in recorded(ROOT).items():
        clone.git("tag", version, sha)
    commit(clone, "The tree under test")
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch", "main", folder / "origin.git"], check=True)
    return folder


@pytest.fixture
def clone(prepared, tmp_path) -> StampedProject:
    """The same, to change at will."""
    shutil.copytree(prepared, tmp_path / "release", symlinks=True)
    clone = StampedProject(tmp_path / "release" / "clone")
    clone.git("remote", "set-url", "origin", str(tmp_path / "release" / "origin.git"))
    clone.git("push", "--quiet", "origin", "main", "--tags")
    clone.git("fetch", "--quiet", "--prune", "origin")
    return clone


def commit(clone: StampedProject, message: str) -> str:
    clone.git("add", "--all")
    clone.git("commit", "--quiet", "--message", message)
    return clone.git("rev-parse", "HEAD").strip()


def merge(clone: StampedProject) -> None:
    """Let origin's main be HEAD."""
    clone.git("push", "--quiet", "origin", "HEAD:main")


def called(clone: StampedProject, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.release", *arguments]
    return subprocess.run(command, cwd=clone.root, capture_output=True, text=True, check=False)


def done(clone: StampedProject, *arguments: str) -> str:
    result = called(clone, *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def refused(clone: StampedProject, *arguments: str) -> str:
    before = at_remote(clone)
    result = called(clone, *arguments)
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stderr
    assert at_remote(clone) == before
    return result.stderr


def at_remote(clone: StampedProject) -> dict[str, str]:
    lines = clone.git("ls-remote", "origin").splitlines()
    return {ref: sha for sha, ref in (line.split("\t") for line in lines)}


def released(clone: StampedProject, version: str) -> str:
    """Cut, merge, publish and record a version."""
    done(clone, "cut", version)
    cut = commit(clone, f"Cut {version}")
    merge(clone)
    done(clone, "publish", version)
    done(clone, "pin", version)
    commit(clone, f"Record {version}")
    merge(clone)
    return cut


@pytest.mark.slow
def test_who_does_what_the_how_to_says_releases(clone, tools):
    page = OF_RELEASE.read_text(encoding="utf-8").replace("v0.1.0", LAST).replace("0.2.0", NEXT)
    by_hand, record, after = page.partition("## Record it")
    reader = Reader(clone.root, tools, {})
    reader.follow(by_hand)
    cut = clone.git("rev-parse", "HEAD").strip()
    merge(clone)
    done(clone, "publish", NEXT)
    reader.follow(record + after)
    assert recorded(clone.root) == recorded(ROOT) | {f"v{NEXT}": cut}
    assert clone.git("status", "--porcelain") == ""
    section = sections(clone.root)[NEXT]
    assert section.day
    assert section.body == NEWS.strip()
    assert sections(clone.root)["Unreleased"].body == ""


@pytest.mark.slow
def test_what_releases_stamp_is_a_branch_whose_commits_are_the_difference(clone):
    first = released(clone, NEXT)
    refs = at_remote(clone)
    assert refs[f"refs/tags/v{NEXT}"] == first
    clone.git("fetch", "--quiet", "origin", "example")
    assert (
        clone.git("log", "--format=%s|%cI", "FETCH_HEAD") == f"v{NEXT}|{clone.git('log', '-1', '--format=%cI', first)}"
    )
    stamped = yaml.safe_load(clone.git("show", "FETCH_HEAD:project/.copier-answers.yml"))
    assert stamped["_commit"] == f"v{NEXT}"
    assert stamped["_src_path"] == clone.git("remote", "get-url", "origin").strip()
    assert {path.partition("/")[0] for path in clone.git("ls-tree", "-r", "--name-only", "FETCH_HEAD").split()} == {
        "project"
    }
    assert "project/.github/workflows/platform-ci.yml" in clone.git("ls-tree", "-r", "--name-only", "FETCH_HEAD")

    clone.write("template/AGENTS.md", "Planted.\n")
    clone.replace(
        "CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n### Fixed\n\n- Planted. On update: nothing.\n"
    )
    commit(clone, "Plant")
    second = str(implied(Version(NEXT), Bump.PATCH))
    released(clone, second)
    clone.git("fetch", "--quiet", "origin", "example")
    assert clone.git("log", "--format=%s", "FETCH_HEAD").split() == [f"v{second}", f"v{NEXT}"]
    changed = clone.git("diff", "--name-only", "FETCH_HEAD^", "FETCH_HEAD").split()
    assert changed == ["project/.copier-answers.yml", "project/AGENTS.md"]


@pytest.mark.slow
def test_a_run_that_broke_off_is_repeated_and_ends_the_same(clone):
    done(clone, "cut", NEXT)
    commit(clone, "Cut")
    merge(clone)
    done(clone, "publish", NEXT)
    whole = at_remote(clone)
    done(clone, "publish", NEXT)
    assert at_remote(clone) == whole
    clone.git("push", "--quiet", "origin", ":example")  # it broke off behind the tag
    done(clone, "publish", NEXT)
    assert at_remote(clone) == whole


@pytest.mark.slow
def test_a_candidate_needs_no_cut_and_no_project_takes_it_by_itself(clone, tmp_path):
    done(clone, "publish", f"{NEXT}-rc.1")
    first = at_remote(clone)
    clone.write("template/AGENTS.md", "Planted.\n")
    commit(clone, "Plant")
    merge(clone)
    done(clone, "publish", f"{NEXT}-rc.2")
    second = at_remote(clone)
    assert second.keys() - first.keys() == {f"refs/tags/v{NEXT}-rc.2"}
    assert "refs/heads/example" not in second
    assert second["refs/heads/example-candidate"] != first["refs/heads/example-candidate"]
    origin = clone.git("remote", "get-url", "origin").strip()
    copier.run_copy(origin, tmp_path / "sales", data=answers("minimal"), defaults=True, quiet=True)
    assert yaml.safe_load((tmp_path / "sales/.copier-answers.yml").read_text())["_commit"] == LAST

    released(clone, NEXT)
    add_news(clone)
    done(clone, "publish", f"{implied(Version(NEXT), Bump.MAJOR)}-rc.1")
    clone.git("fetch", "--quiet", "origin", "example", "example-candidate")
    example, candidate = (at_remote(clone)[f"refs/heads/{name}"] for name in ("example", "example-candidate"))
    assert clone.git("rev-parse", f"{candidate}^").strip() == example


def add_news(clone: StampedProject) -> None:
    clone.replace("CHANGELOG.md", "## [Unreleased]\n", f"## [Unreleased]\n\n{NEWS}")
    commit(clone, "Say more")
    merge(clone)


def test_the_notes_are_the_section_and_of_a_candidate_what_is_unreleased(clone):
    assert done(clone, "notes", f"{NEXT}-rc.1") == NEWS.strip() + "\n"
    done(clone, "cut", NEXT)
    add_news(clone)
    clone.replace("CHANGELOG.md", "- Planted.", "- More.")
    assert done(clone, "notes", NEXT) == done(clone, "notes", f"{NEXT}-rc.3")


@pytest.mark.slow
def test_the_constraints_are_the_whole_stack_as_of_the_commit(clone):
    lines = done(clone, "constraints", NEXT).splitlines()
    moment = clone.git("log", "-1", "--date=format-local:%Y-%m-%dT%H:%M", "--format=%cd").strip()
    assert lines[0].startswith(f"# v{NEXT}, resolved as of {moment[:10]}")
    pinned = {(found := Requirement(line)).name: str(found.specifier) for line in lines[1:]}
    assert all(version.startswith("==") for version in pinned.values())
    assert {"dagster", "dbt-core", "duckdb", "polars", "statsmodels", "ruff"} <= pinned.keys()
    assert "://" not in "\n".join(lines)
    clone.git("commit", "--quiet", "--amend", "--no-edit", "--date", "2020-01-01T00:00:00Z")
    assert done(clone, "constraints", NEXT).splitlines()[1:] == lines[1:], "who wrote it when does not count"
    identity = {f"GIT_COMMITTER_{what}": "unit" for what in ("NAME", "EMAIL")} | {
        "GIT_COMMITTER_DATE": "2020-01-01T00:00:00Z"
    }
    assert clone.run("git", "commit", "--quiet", "--amend", "--no-edit", **identity).returncode == 0
    assert "the stack can't be resolved as of 2020-01-01T00:00:00Z" in refused(clone, "constraints", NEXT)


# What is refused ------------------------------------------------------------------------------------------------------


COMMANDS = ["cut", "pin", "check", "notes", "constraints", "publish"]
NO_VERSIONS = ["1.2", "1.2.3-rc1", "01.2.3", "1.2.3.4", "latest", ""]


@pytest.mark.parametrize(
    ("command", "version"), [*((one, "v1.2.3") for one in COMMANDS), *(("check", one) for one in NO_VERSIONS)]
)
def test_what_is_no_version_is_refused_by_every_command(command, version):
    result = called(StampedProject(ROOT), command, version)
    assert result.returncode == 1
    assert result.stderr.startswith(f"`{version}` is no version; write one like 0.2.0")


def test_a_version_is_refused_that_is_not_after_the_last_or_raises_too_little(clone):
    last = Version(LAST)
    assert f"{LAST[1:]} is not after {LAST}, the last release" in refused(clone, "cut", LAST[1:])
    clone.replace("template/poe_tasks.toml", "[tasks.fmt]", "[tasks.put_right]")
    assert f"after {last} this is no patch but a " in refused(clone, "cut", str(implied(last, Bump.PATCH)))
    clone.replace("copier.yml", "\nowner_email:", "\nowner_mail:")
    sentence = refused(clone, "cut", NEXT)
    assert "answer.owner_email: a question is removed or renamed, and nothing brings a unit over it" in sentence


def test_nothing_is_cut_for_a_candidate_or_without_news(clone):
    assert f"{NEXT}-rc.1 is a candidate, which has no section of its own; cut {NEXT}" in refused(
        clone, "cut", f"{NEXT}-rc.1"
    )
    clone.replace("CHANGELOG.md", NEWS, "")
    assert "has nothing below [Unreleased]" in refused(clone, "cut", NEXT)


def test_only_a_clean_commit_of_main_that_was_cut_is_published(clone):
    assert f"has no section [{NEXT}]; write `python -m tools.release cut {NEXT}`" in refused(clone, "publish", NEXT)
    done(clone, "cut", NEXT)
    assert "the working tree has changes" in refused(clone, "publish", NEXT)
    commit(clone, "Cut")
    assert "HEAD is not on origin/main; merge it" in refused(clone, "publish", NEXT)
    merge(clone)
    assert done(clone, "check", NEXT) == f"HEAD may be released as v{NEXT}\n"
    add_news(clone)
    assert f"has entries below [Unreleased], which HEAD would release; move them to [{NEXT}]" in refused(
        clone, "publish", NEXT
    )


def test_a_tag_is_never_moved(clone):
    done(clone, "cut", NEXT)
    commit(clone, "Cut")
    merge(clone)
    clone.git("tag", f"v{NEXT}", "HEAD^")
    assert "a tag is never moved, so take a new version" in refused(clone, "publish", NEXT)


def test_no_release_goes_unrecorded(clone):
    done(clone, "cut", NEXT)
    assert f"has no section [{NEXT}] in CHANGELOG.md; cut it and commit that first" in refused(clone, "pin", NEXT)
    cut = commit(clone, "Cut")
    clone.git("tag", f"v{NEXT}")
    add_news(clone)
    later = str(implied(Version(NEXT), Bump.MAJOR))
    assert f"v{NEXT} is released and not in tests/releases.yml; write `python -m tools.release pin {NEXT}`" in refused(
        clone, "cut", later
    )
    assert "is a candidate; what is recorded is a release" in refused(clone, "pin", f"{NEXT}-rc.1")
    assert f"{NEXT} is released, and has no candidates any more" in refused(clone, "check", f"{NEXT}-rc.2")
    done(clone, "pin", NEXT)
    assert recorded(clone.root)[f"v{NEXT}"] == cut
    assert f"tests/releases.yml has v{NEXT} already" in refused(clone, "pin", NEXT)
    done(clone, "cut", later)


# The workflow ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("version", "kind"), [(NEXT, "--latest"), (f"{NEXT}-rc.1", "--prerelease --latest=false")])
def test_the_steps_of_the_workflow_release(clone, tools, version, kind):
    """``gh`` alone stands for itself: it talks to GitHub and to nobody else."""
    done(clone, "cut", NEXT)
    commit(clone, "Cut")
    merge(clone)
    Path(tools / "gh").write_text(f'#!/bin/sh\necho "$*" >> "{tools}/calls"\n')
    Path(tools / "gh").chmod(0o755)
    path = f"{tools}:{Path(sys.executable).parent}:/usr/bin:/bin"
    for job in ("check", "publish"):
        for command in commands(jobs(WORKFLOW)[job]):
            bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
            result = clone.run(*bash, PATH=path, VERSION=version, GH_TOKEN="none")  # noqa: S106 - of nobody
            assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    assert f"refs/tags/v{version}" in at_remote(clone)
    assert (tools / "calls").read_text().splitlines() == [
        "auth setup-git",
        f"release create v{version} build/release/constraints.txt --verify-tag {kind} --title v{version} "
        "--notes-file build/release/notes.md",
    ]
    assert (clone.root / "build/release/notes.md").read_text().strip() == NEWS.strip()
    assert "duckdb==" in (clone.root / "build/release/constraints.txt").read_text()
    assert clone.git("status", "--porcelain") == ""
