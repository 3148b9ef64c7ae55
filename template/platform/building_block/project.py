# platform-owned: changed by `copier update` only; see platform/README.md
"""Where a stamped project lies and whose it is: the one place that knows the folders."""

import os
import shutil
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from building_block.messages import Code, Problem, ProblemError

LAYERS = ("raw", "staging", "intermediate", "marts", "published")
"""The folders of data in the order in which it walks; each is a warehouse schema and a Dagster group too."""
CANDIDATE = "candidate"
"""The schema where dbt leaves what a published model gives, before the platform has checked and published it."""
QUARANTINE = "_quarantine"
"""What the name of a raw table is followed by where the rows are that break its contract."""

Classification = Literal["public", "internal", "confidential", "restricted"]
"""How far data may go, from the least to the most confidential."""
CLASSES: tuple[Classification, ...] = get_args(Classification)

DATA_VARIABLE = "BUILDING_BLOCK_DATA"


@dataclass(frozen=True)
class Domain:
    """Whose project it is, as ``platform/domain.toml`` says."""

    name: str
    slug: str
    """Python package, dbt project, first part of every asset key."""
    purpose: str
    repository_url: str
    organisation: str
    owner_team: str
    owner_email: str
    timezone: str
    """In which a day of its data ends and its schedules run, as the IANA names it: ``Europe/Zurich``."""

    @property
    def owners(self) -> list[str]:
        """The owners of whatever names none of its own, as Dagster writes them."""
        return [self.owner_email, f"team:{self.owner_team}"]


@dataclass(frozen=True)
class Project:
    """A stamped project on disk."""

    root: Path

    @classmethod
    def here(cls) -> "Project":
        """Return the project whose ``platform/`` folder this package is installed from.

        Raises:
            ProblemError: the package was copied into an environment instead of installed from its path.
        """
        root = Path(__file__).resolve().parents[2]
        if not (root / "platform" / "domain.toml").is_file():
            problem = Problem(
                Code.PROJECT_NOT_FOUND,
                str(root),
                "building_block is not installed from a project's folder platform/",
                "write `uv sync`, or `pip install -e platform -e .`, in the project's folder",
            )
            raise ProblemError(problem)
        return cls(root)

    @cached_property
    def domain(self) -> Domain:
        """Whose project it is.

        Raises:
            ProblemError: the file that says so was edited.
        """
        file = "platform/domain.toml"
        try:
            return Domain(**tomllib.loads((self.root / file).read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            what, write = "does not say any more whose project this is", f"write `poe restore {file}`"
            raise ProblemError(Problem(Code.PROJECT_NOT_FOUND, file, what, write)) from None

    @property
    def ingest(self) -> Path:
        """The folder of ingest files."""
        return self.root / "ingest"

    @property
    def contracts(self) -> Path:
        """The folder of what the domain promises, one file an output port."""
        return self.root / "contracts"

    @property
    def dbt(self) -> Path:
        """The folder of the dbt project."""
        return self.root / "dbt"

    @property
    def settings(self) -> Path:
        """The folder of what the domain sets otherwise than the platform."""
        return self.root / "settings"

    @property
    def platform_settings(self) -> Path:
        """The platform's half of every file that ``settings/`` may change."""
        return self.root / "platform" / "settings"

    @property
    def data(self) -> Path:
        """All state: warehouse and Dagster's records; git-ignored, and deleting it starts over."""
        return Path(os.environ.get(DATA_VARIABLE, self.root / "data")).absolute()

    @property
    def published(self) -> Path:
        """The folder of what other domains read, one folder a port."""
        return self.data / "published"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file. Its stem never changes: the dbt manifest holds it as the database's name."""
        return self.data / "warehouse.duckdb"

    @property
    def dagster_home(self) -> Path:
        """Where Dagster keeps its records: in ``data/``, or where a deployment's DAGSTER_HOME says."""
        return Path(os.environ.get("DAGSTER_HOME", self.data / "dagster"))

    @property
    def keeps_records(self) -> bool:
        """Whether Dagster's records are the project's own, of this machine, and not a deployment's."""
        return self.dagster_home == self.data / "dagster"

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield an empty folder for rows in the clear, gone after the block; a killed process's goes with the next.

        Below ``data/``, where who may read such rows is settled already.
        """
        from filelock import FileLock  # which a lint of contracts does without

        folder = self.data / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
        for lock in folder.glob("*.lock"):
            _sweep(lock)
        own = folder / uuid.uuid4().hex
        # The system lets go of it when the process ends, however it ends; a stream may be closed by another thread.
        with FileLock(own.with_suffix(".lock"), thread_local=False):
            own.mkdir()
            try:
                yield own
            finally:
                _remove(own)

    def relative(self, path: Path) -> str:
        """Return a path as messages show it: from the root when it lies inside, with forward slashes."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def enter(self) -> None:
        """Set what dbt and Dagster read from the environment, for child processes too, and create Dagster's home."""
        os.environ |= {
            DATA_VARIABLE: str(self.data),
            "DAGSTER_HOME": str(self.dagster_home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "DBT_LOG_PATH": str(self.data / "logs"),
        }
        if not self.keeps_records:
            return
        settings = (self.root / "platform" / "dagster.yaml").read_bytes()
        self.dagster_home.mkdir(parents=True, exist_ok=True)
        target = self.dagster_home / "dagster.yaml"
        if not target.is_file() or target.read_bytes() != settings:
            target.write_bytes(settings)


def _sweep(lock: Path) -> None:
    from filelock import FileLock, Timeout

    try:
        with FileLock(lock, timeout=0):
            _remove(lock.with_suffix(""))
    except Timeout:  # its process is at work
        return


def _remove(scratch: Path) -> None:
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.with_suffix(".lock").unlink(missing_ok=True)
