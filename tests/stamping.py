"""Projects stamped from the releases of this repository, and what a unit does in them before an update comes."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.conftest import StampedProject, answers
from tools.ownership import ROOT, classes_of

RELEASES = {
    release["version"]: release["commit"]
    for release in yaml.safe_load((ROOT / "tests" / "releases.yml").read_text(encoding="utf-8"))
}
NEXT = "v999.0.0"


def clone_of_this_repository(folder: Path) -> StampedProject:
    """Clone this repository, with a tag for each release and one for the tree under test."""
    clone = StampedProject(folder / "building-block")
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone.root)], check=True)
    for version, sha in RELEASES.items():
        clone.git("tag", "--force", version, sha)
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
    project.replace("pyproject.toml", '["building-block"]', '["building-block", "jinja2>=3"]')
    (project.root / "tests" / "test_orders.py").unlink()
    (project.root / "settings" / "README.md").unlink()
    (project.root / "dbt/models/marts/orders_rejected.yml").rename(project.root / "dbt/models/marts/rejected.yml")
    assert project.poe("generate").returncode == 0


def files(project: StampedProject) -> dict[str, str]:
    """Every file's mode and content, but for what git ignores."""
    listed = project.git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    present = {path: project.root / path for path in listed if (project.root / path).is_file()}
    return {p: f"{f.stat().st_mode:o} {hashlib.sha256(f.read_bytes()).hexdigest()}" for p, f in present.items()}


def theirs(project: StampedProject) -> dict[str, str]:
    return {path: digest for path, digest in files(project).items() if classes_of(path) != ["platform"]}
