"""Plain `copier update` from every release to HEAD over a project that a unit has worked in."""

import hashlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from building_block import generate

from tests.conftest import StampedProject, answers
from tests.environment import give_environment
from tests.test_tutorial import OF_FIRST_RELEASE, Reader
from tools.ownership import ROOT, classes_of

RELEASES = {
    release["version"]: release["commit"]
    for release in yaml.safe_load((ROOT / "tests" / "releases.yml").read_text(encoding="utf-8"))
}
NEXT = "v999.0.0"


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> StampedProject:
    """A clone of this repository with a tag for each release, and one for the tree under test."""
    clone = StampedProject(tmp_path_factory.mktemp("template") / "building-block")
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone.root)], check=True)
    for version, commit in RELEASES.items():
        clone.git("tag", version, commit)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    clone.git("rm", "-r", "--quiet", "--cached", ".")
    for path in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / path).is_file():
            (clone.root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, clone.root / path)
            clone.git("add", "--force", path)
    clone.git("commit", "--quiet", "--allow-empty", "--message", "The tree under test")
    clone.git("tag", NEXT)
    return clone


def copier(project: StampedProject, *arguments: str) -> subprocess.CompletedProcess[str]:
    return project.run(sys.executable, "-m", "copier", *arguments)


def stamp(template: StampedProject, version: str, folder: Path, scenario: str = "minimal") -> StampedProject:
    data = [f"--data={key}={value}" for key, value in answers(scenario).items()]
    made = copier(
        template, "copy", "--quiet", "--defaults", "--vcs-ref", version, *data, str(template.root), str(folder)
    )
    assert made.returncode == 0, made.stderr
    project = StampedProject(folder)
    project.git("init", "--quiet")
    commit(project, "Stamp")
    return project


def commit(project: StampedProject, message: str) -> None:
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", message)


def work_in(project: StampedProject) -> None:
    """Do what a unit does: new files of every kind; seeds edited, deleted, renamed; every slot used."""
    project.write(
        "ingest/stores.yaml",
        "description: One row per store.\n"
        "source: {kind: file, format: csv, folder: sample, pattern: stores.csv, when_missing: fail}\n"
        "columns:\n- {name: store, type: string}\n",
    )
    project.write("sample/stores.csv", "store\nYork\n")
    project.write("dbt/models/marts/stores.sql", "select store from {{ source('raw', 'stores') }}\n")
    project.write("dbt/macros/pounds.sql", "{% macro pounds(x) %}{{ x }}{% endmacro %}\n")
    project.write("src/sales/defs/reporting.py", '"""Ours."""\n')
    project.write("tests/test_ours.py", "def test_ours():\n    assert True\n")
    project.write(".github/workflows/ours.yml", "on: push\njobs: {}\n")
    project.write("docs/notes.md", "Ours.\n")
    project.write("settings/dbt_project.yml", "vars: {first_day: '2010-12-01'}\n")
    project.write("settings/profiles.yml", "warehouse: {outputs: {ci: {type: duckdb, path: ':memory:'}}}\n")
    project.write("settings/pre-commit-config.yaml", "repos: []\n")
    project.write("settings/yamllint.yaml", "rules: {line-length: disable}\n")
    project.write("settings/pixi.toml", '[dependencies]\ngdal = ">=3.8"\n')
    project.write("settings/CODEOWNERS", "/docs/ @acme/writers\n")
    project.write("settings/tasks.toml", "[tasks]\nours = 'echo ours'\n")
    project.write("src/ruff.toml", 'extend = "../ruff.toml"\n')
    project.write("dbt/models/.sqlfluff", "[sqlfluff]\nmax_line_length = 100\n")
    project.write("README.md", "# Ours now\n")
    project.replace("ingest/invoices.yaml", "Invoice lines as the shop's till exports them", "Ours")
    project.replace("dbt/models/marts/orders_cleaned.sql", "where", "-- ours\nwhere")
    project.replace("pyproject.toml", '["building-block"]', '["building-block", "humanize>=4"]')
    (project.root / "tests" / "test_orders.py").unlink()
    (project.root / "settings" / "README.md").unlink()
    (project.root / "dbt/models/marts/orders_rejected.yml").rename(project.root / "dbt/models/marts/rejected.yml")
    assert project.poe("generate").returncode == 0


def put_under_contract(project: StampedProject, tools: Path) -> None:
    """Do what the how-to says to who published before there were contracts."""
    Reader(project.root, tools, {}).follow(OF_FIRST_RELEASE.read_text(encoding="utf-8"))


def files(project: StampedProject) -> dict[str, str]:
    """Every file's mode and content, but for what git ignores."""
    listed = project.git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    present = {path: project.root / path for path in listed if (project.root / path).is_file()}
    return {p: f"{f.stat().st_mode:o} {hashlib.sha256(f.read_bytes()).hexdigest()}" for p, f in present.items()}


def theirs(project: StampedProject) -> dict[str, str]:
    return {path: digest for path, digest in files(project).items() if classes_of(path) != ["platform"]}


@pytest.mark.slow
@pytest.mark.parametrize("version", RELEASES)
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
    assert {p: d for p, d in files(project).items() if classes_of(p) == ["platform"]} == {
        p: d for p, d in files(fresh).items() if classes_of(p) == ["platform"]
    }, "the platform's files are not those of a fresh project"
    commit(project, "Update")

    again = copier(project, "update", "--defaults", "--quiet")
    assert again.returncode == 0, again.stderr
    assert project.git("status", "--porcelain") == "", "a second update is no no-op"

    put_under_contract(project, tools)
    doctor = project.poe("doctor")
    assert (doctor.returncode, doctor.stderr) == (0, "")
    assert project.query("from marts.stores") == [("York",)]
    assert project.query("select count(*) > 0 from published.daily_orders") == [(True,)]


def test_an_update_leaves_an_untouched_project_as_a_fresh_one(template, tools, tmp_path):
    first = next(iter(RELEASES))
    project = stamp(template, first, tmp_path / "sales")
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
@pytest.mark.parametrize("version", RELEASES)
def test_who_follows_the_message_of_an_update_can_commit_with_the_hooks_that_were_installed(
    template, tools, tmp_path, version
):
    project = stamp(template, version, tmp_path / "sales")
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
    for version, commit in RELEASES.items():
        known = subprocess.run(["git", "merge-base", "--is-ancestor", commit, "HEAD"], cwd=ROOT, check=False)
        assert known.returncode == 0, f"{version} ({commit}) is not in the history of HEAD: fetch it whole, not shallow"


def test_the_comparison_sees_a_template_that_claims_a_file_of_the_unit(template, tmp_path):
    """Planted: a next version whose declaration forgets README.md renders it anew over the unit's."""
    careless = StampedProject(shutil.copytree(template.root, tmp_path / "template"))
    careless.replace("copier.yml", "    - /README.md\n", "")
    careless.replace("template/README.md.jinja", "# {{ domain_name }}", "# The platform's words on {{ domain_name }}")
    commit(careless, "Forget")
    careless.git("tag", "v1000.0.0")
    project = stamp(careless, next(iter(RELEASES)), tmp_path / "sales")
    project.write("README.md", "# Ours now\n")
    commit(project, "Work")
    before = theirs(project)
    copier(project, "update", "--defaults", "--quiet")
    assert theirs(project) != before
