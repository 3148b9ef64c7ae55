"""Plain `copier update` to HEAD over a project that a unit has worked in; tests/test_scars.py has every release."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from building_block import generate

from tests.conftest import StampedProject, leave_days
from tests.environment import give_environment
from tests.stamping import FIRST, NEXT, RELEASES, commit, copier, files, platform, stamp, theirs, work_in
from tests.test_tutorial import OF_FIRST_RELEASE, Reader
from tools.ownership import ROOT, classes_of


def put_under_contract(project: StampedProject, tools: Path) -> None:
    """Do what the how-to says to who published before there were contracts."""
    leave_days(project, 3)  # it ends in a build
    Reader(project.root, tools, {}).follow(OF_FIRST_RELEASE.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("version", [FIRST, *list(RELEASES)[-2:]])
def test_an_update_brings_the_platform_and_touches_nothing_of_the_unit(template, tools, tmp_path, version):
    project = stamp(template, version, tmp_path / "sales")
    work_in(project)
    commit(project, "Work")
    before = theirs(project)

    updated = copier(project, "update", "--defaults", "--quiet")
    assert updated.returncode == 0, updated.stderr
    assert theirs(project) == before, "an update touched files of the unit"
    assert "<<<<<<<" not in project.git("diff")
    assert not list(project.root.rglob("*.rej"))
    assert project.git("ls-files", "--unmerged") == ""
    fresh = stamp(template, NEXT, tmp_path / "fresh")
    assert platform(project) == platform(fresh), "the platform's files are not those of a fresh project"
    commit(project, "Update")

    again = copier(project, "update", "--defaults", "--quiet")
    assert again.returncode == 0, again.stderr
    assert project.git("status", "--porcelain") == "", "a second update is no no-op"

    if version == FIRST:
        put_under_contract(project, tools)
        assert project.query("from marts.stores order by store") == [("LEEDS",), ("YORK",)]
        assert project.query("select count(*) > 0 from published.daily_orders") == [(True,)]
    else:
        assert project.poe("generate").returncode == 0
    doctor = project.poe("doctor")
    assert (doctor.returncode, doctor.stderr) == (0, "")


def test_an_update_leaves_an_untouched_project_as_a_fresh_one(template, tools, tmp_path):
    project = stamp(template, FIRST, tmp_path / "sales")
    assert copier(project, "update", "--defaults", "--quiet").returncode == 0
    put_under_contract(project, tools)
    doctor = project.poe("doctor")
    assert (doctor.returncode, doctor.stderr) == (0, "")
    fresh = stamp(template, NEXT, tmp_path / "fresh")

    def of_others(of: StampedProject) -> dict[str, str]:
        """All but the seeds, which stay as they were stamped, and what is derived from those among them."""
        derived = ("docs/contracts/", generate.PUBLISHED_MODELS)
        return {p: d for p, d in files(of).items() if classes_of(p) != ["domain"] and not p.startswith(derived)}

    assert of_others(project) == of_others(fresh)


@pytest.mark.slow
def test_who_follows_the_message_of_an_update_can_commit_with_the_hooks_that_were_installed(template, tools, tmp_path):
    project = stamp(template, FIRST, tmp_path / "sales")
    give_environment(project)
    assert project.run(".venv/bin/pre-commit", "install").returncode == 0

    def by_hand(command: str) -> subprocess.CompletedProcess[str]:
        path = f"{project.root}/.venv/bin:/usr/bin:/bin"
        return subprocess.run(
            shlex.split(command),
            cwd=project.root,
            env={"PATH": path, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    def committed() -> subprocess.CompletedProcess[str]:
        project.git("add", "--all")
        return by_hand("git -c user.name=Unit -c user.email=unit@example.org commit --message Update")

    updated = copier(project, "update", "--defaults")
    assert updated.returncode == 0, updated.stderr
    _, _, message = updated.stderr.partition("Before you commit, in this folder")
    assert "CHANGELOG.md" in message
    early = committed()
    assert early.returncode != 0
    assert "; begin it by `poe contracts draft daily_orders`" in early.stderr
    put_under_contract(project, tools)

    commands = re.findall(r"^ +uv run (poe \w+) ", message, re.MULTILINE)
    assert commands == ["poe generate", "poe check", "poe lint"]
    generated, checked, linted = map(by_hand, commands)
    assert (generated.returncode, checked.returncode) == (0, 0), checked.stderr
    # What the last of them names is done as it says: the model is excepted.
    for path, exception in re.findall(r"^BB515 (\S+)\.sql: .* in its \.yml: `(.*)`$", linted.stdout, re.MULTILINE):
        name = f"  - name: {Path(path).name}\n"
        project.replace(f"{path}.yml", name, f"{name}    {exception}\n")
    done = committed()
    assert done.returncode == 0, done.stderr
    assert project.git("status", "--porcelain") == ""


def test_every_release_is_a_commit_of_this_history():
    for version, sha in RELEASES.items():
        known = subprocess.run(["git", "merge-base", "--is-ancestor", sha, "HEAD"], cwd=ROOT, check=False)
        assert known.returncode == 0, f"{version} ({sha}) is not in the history of HEAD: fetch it whole, not shallow"


def test_the_comparison_sees_a_template_that_claims_a_file_of_the_unit(template, tmp_path):
    """Planted: a next version whose declaration forgets README.md renders it anew over the unit's."""
    careless = StampedProject(shutil.copytree(template.root, tmp_path / "template"))
    careless.replace("copier.yml", "    - /README.md\n", "")
    careless.replace("template/README.md.jinja", "# {{ domain_name }}", "# The platform's words on {{ domain_name }}")
    commit(careless, "Forget")
    careless.git("tag", "v1000.0.0")
    project = stamp(careless, FIRST, tmp_path / "sales")
    project.write("README.md", "# Ours now\n")
    commit(project, "Work")
    before = theirs(project)
    copier(project, "update", "--defaults", "--quiet")
    assert theirs(project) != before
