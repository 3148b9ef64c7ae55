"""Projects stamped from the releases of this repository, and what a unit does in them before an update comes."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests.conftest import StampedProject
from tools.ownership import ROOT, classes_of
from upgrade.aside import Home
from upgrade.migrate import migrate
from upgrade.template import Copier, Template
from upgrade.update import Derived, bring, failures, land

RELEASES = {
    release["version"]: release["commit"]
    for release in yaml.safe_load((ROOT / "tests" / "releases.yml").read_text(encoding="utf-8"))
}
FIRST = next(iter(RELEASES))
NEXT = "v999.0.0"
LATER = "v1000.0.0"
"""The tags of the tree under test, and of what the fixture ``later`` lets come after it."""


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
    present = [path for path in filter(None, listed.stdout.decode().split("\0")) if (ROOT / path).is_file()]
    for path in present:
        (clone.root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, clone.root / path)
    clone.git("add", "--force", *present)
    clone.git("commit", "--quiet", "--allow-empty", "--message", "The tree under test")
    clone.git("tag", NEXT)
    clone.git("gc", "--quiet")  # for copier, which clones it for each project
    return clone


def copier(project: StampedProject, *arguments: str) -> subprocess.CompletedProcess[str]:
    return project.run(sys.executable, "-m", "copier", *arguments)


def stamp(template: StampedProject, version: str, folder: Path, scenario: str = "minimal") -> StampedProject:
    """Stamp a project from a release, with what that release has answered in the scenario."""
    return stamp_with(template, version, folder, answered(template, version, scenario))


def answered(template: StampedProject, version: str, scenario: str) -> dict[str, str]:
    """Return what a release has answered in a scenario."""
    return yaml.safe_load(template.git("show", f"{version}:tests/answers/{scenario}.yml"))


def stamp_with(template: StampedProject, version: str, folder: Path, given: dict[str, str]) -> StampedProject:
    with Copier(str(template.root), folder, data=given, vcs_ref=version, defaults=True, quiet=True) as copier:
        copier.run_copy()
    project = StampedProject(folder)
    project.git("init", "--quiet")
    commit(project, "Stamp")
    return project


def given(project: StampedProject) -> dict[str, str]:
    """Return what a project has answered."""
    read = yaml.safe_load((project.root / ".copier-answers.yml").read_text(encoding="utf-8"))
    return {key: value for key, value in read.items() if not key.startswith("_")}


def commit(project: StampedProject, message: str) -> None:
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", message)


def work_in(project: StampedProject) -> None:
    """Do what a unit does: new files of every kind; seeds edited, deleted, renamed; every slot used."""
    slug = next((project.root / "src").iterdir()).name
    for path, text in {**_WORK, **_SLOTS}.items():
        project.write(path.replace("<slug>", slug), text.replace("<slug>", slug))
    project.write("README.md", "# Ours now\n")
    project.replace("ingest/invoices.yaml", "Invoice lines as the shop's till exports them", "Ours")
    project.replace("dbt/models/marts/orders_cleaned.sql", "where", "-- ours\nwhere")
    project.replace("pyproject.toml", '["building-block', '["jinja2>=3", "building-block')
    for seed in ("settings/README.md", "tests/test_orders.py", "tests/test_forecast.py", f"src/{slug}/defs/ml.py"):
        (project.root / seed).unlink(missing_ok=True)  # the first release had only two of them
    (project.root / "dbt/models/marts/orders_rejected.yml").rename(project.root / "dbt/models/marts/rejected.yml")
    if (seed := project.root / "contracts" / "daily_orders.odcs.yaml").is_file():
        project.write("contracts/order_days.odcs.yaml", seed.read_text().replace("daily_orders", "order_days"))
        shutil.copy(
            project.root / "dbt/models/published/daily_orders.sql", project.root / "dbt/models/published/order_days.sql"
        )
        project.replace("contracts/daily_orders.odcs.yaml", "whoever plans or reports", "whoever plans")
    done = project.preloaded("generate")
    assert done.returncode == 0, done.stderr


_WORK = {
    "ingest/stores.yaml": """description: One row per store.
source: {kind: file, format: csv, folder: sample, pattern: stores.csv, when_missing: fail}
columns:
- {name: store, type: string}
""",
    "sample/stores.csv": "store\nYork\nLeeds\n",
    "dbt/models/marts/stores.sql": "select store from {{ ref('stg_ours__stores') }}\n",
    "dbt/models/marts/stores.yml": """version: 2
models:
- name: stores
  description: One row per store.
  columns: [{name: store, description: Name of the store., data_tests: [unique, not_null]}]
""",
    "dbt/models/staging/stg_ours__stores.sql": """select {{ shouted('store') }} as store
from {{ source('raw', 'stores') }}
""",
    "dbt/models/staging/stg_ours__stores.yml": """version: 2
models:
- {name: stg_ours__stores, description: One row per store.}
""",
    "dbt/macros/shouted.sql": "{% macro shouted(x) %}upper({{ x }}){% endmacro %}\n",
    "dbt/tests/stores_are_few.sql": "select * from {{ ref('stores') }} where store is null\n",
    "src/<slug>/defs/reporting.py": '''"""Ours: the names of the stores on one line."""

import dagster as dg
import pyarrow as pa

STORES = dg.AssetIn(["<slug>", "marts", "stores"])


@dg.asset(key=["<slug>", "reporting", "store_names"], group_name="reporting", ins={"stores": STORES})
def store_names(stores: pa.Table) -> pa.Table:
    """Join the names."""
    return pa.table({"names": [", ".join(sorted(stores["store"].to_pylist()))]})
''',
    "tests/test_ours.py": "def test_ours():\n    assert True\n",
    ".github/workflows/ours.yml": """on: push
permissions: {}
jobs:
  ours:
    runs-on: ubuntu-latest
    steps: [{run: echo ours}]
""",
    "docs/notes.md": "Ours.\n",
    "src/ruff.toml": 'extend = "../ruff.toml"\n',
    "dbt/models/.sqlfluff": "[sqlfluff]\nmax_line_length = 100\n",
}
"""What a unit adds, and one seed of later releases that lies where it has something of its own already."""
_SLOTS = {
    "settings/CODEOWNERS": "/docs/ @acme/writers\n",
    "settings/dbt_project.yml": "vars: {first_day: '2010-12-01'}\n",
    "settings/pixi.toml": '[dependencies]\ngdal = ">=3.8"\n',
    "settings/pre-commit-config.yaml": "repos: []\n",
    "settings/profiles.yml": "warehouse: {outputs: {ci: {type: duckdb, path: ':memory:'}}}\n",
    "settings/tasks.toml": "[tasks]\nours = 'echo ours'\n",
    "settings/typos.toml": '[type.ours]\nextend-glob = ["*.ours"]\n',
    "settings/yamllint.yaml": "rules: {line-length: disable}\n",
}


def files(project: StampedProject) -> dict[str, str]:
    """Every file's mode and content, but for what git ignores."""
    listed = project.git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    present = {path: project.root / path for path in listed if (project.root / path).is_file()}
    return {p: f"{f.stat().st_mode:o} {hashlib.sha256(f.read_bytes()).hexdigest()}" for p, f in present.items()}


def theirs(project: StampedProject) -> dict[str, str]:
    return {path: digest for path, digest in files(project).items() if classes_of(path) != ["platform"]}


def platform(project: StampedProject) -> dict[str, str]:
    """Every file of the platform, as ``files`` has it; the answers are part of it."""
    return {path: digest for path, digest in files(project).items() if classes_of(path) == ["platform"]}


def call(template: StampedProject, project: StampedProject, command: str, *arguments: str, **environment: str):
    """Call the updater of the tree under test on a project, as `poe update` does."""
    path = os.pathsep.join(map(str, (template.root, template.root / "template" / "platform")))
    arguments = ("python", "-m", "upgrade", command, str(project.root), *arguments)
    return project.run(*arguments, PYTHONPATH=path, **environment)


def bring_to(template: StampedProject, project: StampedProject, version: str) -> None:
    """Bring a project to a version and take it, without its own check after it."""
    home = Home.of(project.root)
    with home.aside() as aside:
        bring(Template.of(template.root, version), aside, derive=_derived)
        land(home, aside)


def _derived(root: Path, _: Path) -> Derived:
    """Let the project's own platform derive, as an update does, in a process that need not be started for it."""
    generated = StampedProject(root).preloaded("generate", BUILDING_BLOCK_DATA=str(root / "data"))
    return Derived(failures(generated), [])


def migrate_to(template: StampedProject, project: StampedProject, version: str) -> None:
    """Do in the unit's files what a version asks of them."""
    home = Home.of(project.root)
    with home.aside() as aside:
        migrate(Template.of(template.root, version), aside)
        land(home, aside)
