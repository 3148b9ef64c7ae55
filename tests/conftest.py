"""Stamped projects for the tests: rendered for real, run in the one shared environment of this repository."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from tests import preloaded
from tools.ownership import ROOT
from upgrade.template import Copier

REAL_DATA = ROOT.parent / "shared" / "data" / "online-retail"
SCENARIOS = sorted(file.stem for file in (ROOT / "tests" / "answers").glob("*.yml"))


def answers(scenario: str) -> dict[str, str]:
    return yaml.safe_load((ROOT / "tests" / "answers" / f"{scenario}.yml").read_text(encoding="utf-8"))


MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux has a file system in memory
ROOM = 8 * 2**30
"""Bytes that a whole run leaves below its folder, twice and more."""


def pytest_configure(config: pytest.Config) -> None:
    """Let children be ended and keep what they compile, and have all that the tests write in memory, if there is room.

    A shell ignores SIGINT for what runs in the background, Dagster then SIGTERM, too. And ext4 looks long for room
    for a new file where many were deleted in the last seconds: a fifth of a run's CPU seconds.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every process compiles the platform and the tests anew
    sys.dont_write_bytecode = False
    is_worker = hasattr(config, "workerinput")
    if is_worker or config.option.basetemp or not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM:
        return
    folder = Path(tempfile.mkdtemp(prefix="bb-", dir=MEMORY))  # short: a socket has no room in a longer one
    config.option.basetemp = str(folder / "tests")
    (folder / "tmp").mkdir()
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "tmp")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the real data, since a clone alone (as in CI) does not have it."""
    for item in items:
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")


@dataclass(frozen=True)
class StampedProject:
    """A stamped project and the way its people call it."""

    root: Path

    @property
    def packages(self) -> list[Path]:
        """The folders of the project's own packages."""
        return [self.root / "platform", self.root / "src"]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command: the shared one, but with the project's own packages."""
        path = os.pathsep.join(map(str, self.packages))
        binaries = f"{preloaded.tools()}{os.pathsep}{os.environ['PATH']}"
        return os.environ | {"PYTHONPATH": path, "PATH": binaries, "COLUMNS": "120"}

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project."""
        return subprocess.run(
            command, cwd=self.root, env=self.environment | environment, capture_output=True, text=True, check=False
        )

    def poe(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("poe", "--quiet", *arguments, **environment)

    def build(self, *selection: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run what `poe build` runs, in a process that need not import Dagster and dbt first."""
        return self.preloaded("build", *selection, **environment)

    def preloaded(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run what `poe` runs with these arguments, likewise; they begin with a task of the platform's own."""
        return self._forked(*arguments, **environment) or self.poe(*arguments, **environment)

    def python(self, code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python code as `python -c` does, likewise."""
        arguments = ("-c", code, *arguments)
        return self._forked(*arguments, **environment) or self.run(sys.executable, *arguments, **environment)

    def _forked(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str] | None:
        if not preloaded.can_run(environment):
            return None
        said = tomllib.loads((self.root / "poe_tasks.toml").read_text(encoding="utf-8"))["env"]
        whole = self.environment | said | environment
        return preloaded.run(self.root, self.packages, list(arguments), whole)

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
        return file

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        self.write(path, text.replace(old, new))

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Unit", "-c", "user.email=unit@example.org", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ("git", *identity, *arguments), cwd=self.root, capture_output=True, text=True, check=True
        ).stdout

    def query(self, sql: str) -> list[tuple]:
        import duckdb

        with duckdb.connect(self.root / "data" / "warehouse.duckdb", read_only=True) as connection:
            return connection.sql(sql).fetchall()


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], StampedProject]:
    """Each scenario of tests/answers/, rendered once a worker and for reading only."""
    made: dict[str, StampedProject] = {}

    def render(scenario: str) -> StampedProject:
        if scenario not in made:
            folder = tmp_path_factory.mktemp(scenario) / "project"
            given = {"data": answers(scenario), "defaults": True, "vcs_ref": "HEAD", "quiet": True}
            with Copier(str(ROOT), folder, **given) as copier:
                copier.run_copy()
            made[scenario] = StampedProject(folder)
        return made[scenario]

    return render


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> StampedProject:
    """A clone of this repository with a tag for each release, and one for the tree under test."""
    from tests.stamping import clone_of_this_repository

    return clone_of_this_repository(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def later(template, tmp_path_factory) -> StampedProject:
    """The template with a release after the tree under test: files renamed, deleted, new, changed, a new question."""
    from tests.stamping import LATER, NEXT, commit

    clone = StampedProject(shutil.copytree(template.root, tmp_path_factory.mktemp("later") / "building-block"))
    clone.git("checkout", "--quiet", NEXT)
    platform = clone.root / "template" / "platform"
    (platform / "building_block" / "sql.py").rename(platform / "building_block" / "queries.py")
    (platform / "dbt-bouncer.yml").unlink()
    clone.write("template/platform/new.md", "<!-- platform-owned -->\n")
    clone.replace("template/ruff.toml", "line-length = 120", "line-length = 110")
    (clone.root / "template" / "platform" / "hook.sh").chmod(0o755)
    clone.write("template/settings/seed.toml", "# a seed that came later\n")
    (clone.root / "template" / "AGENTS.md").unlink()
    clone.replace(
        "copier.yml",
        "owner_email:\n",
        "domain_region:\n  type: str\n  help: Where?\n  default: eu\n\nowner_email:\n",
    )
    manifest = "template/platform/manifest.sha256.jinja"
    lines = (clone.root / manifest).read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.endswith(("sql.py", "dbt-bouncer.yml", "ruff.toml"))]
    for path in ("platform/building_block/queries.py", "platform/new.md", "ruff.toml"):
        kept.append(f"{'0' * 64}  {path}")
    clone.write(manifest, "\n".join(kept) + "\n")
    commit(clone, "A later release")
    clone.git("tag", LATER)
    return clone


@pytest.fixture(scope="session")
def stamped(later, tmp_path_factory) -> StampedProject:
    """A project of the tree under test, for reading only; its template has a later release, too."""
    from tests.stamping import NEXT, stamp

    return stamp(later, NEXT, tmp_path_factory.mktemp("stamped") / "sales")


@pytest.fixture
def ready(stamped, tmp_path) -> StampedProject:
    """A project of the tree under test, committed, to change at will."""
    return StampedProject(shutil.copytree(stamped.root, tmp_path / "sales", symlinks=True))


@pytest.fixture
def project(parsed_once, tmp_path) -> StampedProject:
    """A fresh project of the domain sales, to change at will."""
    return StampedProject(shutil.copytree(parsed_once.root, tmp_path / "sales"))


def without_forecast(project: StampedProject) -> StampedProject:
    """Take away forecast and report, which are half of the seconds of a build."""
    for seed in ("src/sales/defs/ml.py", "src/sales/defs/reporting.py", "tests/test_forecast.py"):
        (project.root / seed).unlink()
    return project


def leave_days(project: StampedProject, number: int) -> int:
    """Leave the first days of the sample alone, each of which costs a build a tenth of a second; return their rows."""
    days = sorted((project.root / "sample" / "retail").glob("*.csv"))
    for day in days[number:]:
        day.unlink()
    return sum(len(day.read_text(encoding="utf-8").splitlines()) - 1 for day in days[:number])


@pytest.fixture
def lean(project) -> StampedProject:
    """A fresh project without forecast and report, to change at will."""
    return without_forecast(project)


@pytest.fixture(scope="session")
def once(rendered, tmp_path_factory) -> Callable[..., StampedProject]:
    """Make a project of the domain sales for all workers: the first that asks for its name prepares it.

    It begins as a fresh one, or as the one that is given.
    """
    # Each worker has a folder of its own below that of the run.
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder

    def make(
        name: str, prepare: Callable[[StampedProject], None], begun: StampedProject | None = None
    ) -> StampedProject:
        project = StampedProject(shared / name / "sales")
        done = project.root.parent / "done"
        with FileLock(f"{project.root.parent}.lock"):
            if not done.exists():
                shutil.rmtree(project.root, ignore_errors=True)
                shutil.copytree((begun or rendered("minimal")).root, project.root)
                prepare(project)
                done.touch()
        return project

    return make


@pytest.fixture(scope="session")
def parsed_once(once) -> StampedProject:
    """A fresh project of the domain sales but for what dbt keeps of it, without which each copy is parsed anew."""

    def parse(project: StampedProject) -> None:
        result = project.preloaded("check", "definitions")
        assert result.returncode == 0, result.stdout + result.stderr
        shutil.rmtree(project.root / "data")

    return once("parsed", parse)


@pytest.fixture(scope="session")
def built_once(once) -> StampedProject:
    """A project of the domain sales that was built on its sample."""

    def build(project: StampedProject) -> None:
        result = project.poe("build")
        assert result.returncode == 0, result.stdout + result.stderr

    return once("built", build)


@pytest.fixture
def built_whole(built_once, tmp_path) -> StampedProject:
    """A built project, to change at will."""
    return StampedProject(shutil.copytree(built_once.root, tmp_path / "sales"))


@pytest.fixture
def built(built_whole) -> StampedProject:
    """A built project without forecast and report, to change at will."""
    return without_forecast(built_whole)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real invoices; a missing one fails the run."""
    if not REAL_DATA.is_dir():
        pytest.fail(f"{REAL_DATA} is missing: put the folder shared/ beside this repository")
    return REAL_DATA


@pytest.fixture(scope="session")
def on_disk() -> Iterator[Path]:
    """A folder for what is installed: uv links it from its cache, which is no file system in memory."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def tools(tmp_path) -> Path:
    """A folder of commands: `uv run` and `uvx`, which run what follows in the shared environment."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name, drop in (("uv", "run"), ("uvx", "")):
        lines = ["#!/bin/sh", f'[ "$1" = {drop} ] || {{ echo "not uv run: $*" >&2; exit 2; }}; shift' if drop else ""]
        (folder / name).write_text("\n".join([*lines, 'exec "$@"', ""]), encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder
