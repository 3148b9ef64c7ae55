"""Where a project's own code runs during an update: the one at hand, or a new one where that lacks something."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which

from building_block.messages import Code, Problem, ProblemError, one_line
from packaging.requirements import Requirement

_OWN = "building-block"


@dataclass(frozen=True)
class Environment:
    """A Python with all that a project needs."""

    python: Path

    @classmethod
    def of(cls, project: Path) -> "Environment":
        """Return one for a project: this process's if it has all that the project asks for, else a new ``.venv``.

        Raises:
            ProblemError: it lacks something, and no new one can be made.
        """
        return cls._with([*_of_platform(project), *_of_unit(project)], project)

    @classmethod
    def of_platform(cls, project: Path) -> "Environment":
        """Return one for the platform's own code: as ``of``, whatever the unit needs besides."""
        return cls._with([*_of_platform(project)], project)

    @classmethod
    def of_release(cls, platform: str, folder: Path, variables: Mapping[str, str]) -> "Environment":
        """Return one for a release's own code where no project's may take part: it is given the platform's pyproject.

        A new one is made in ``folder``, with these ``variables`` alone, of wheels: nothing is built, so nothing runs.

        Raises:
            ProblemError: as ``of`` does.
        """
        wanted = tomllib.loads(platform)["project"]["dependencies"]
        if not (lacking := [line for line in wanted if not _is_met(Requirement(line))]):
            return cls(Path(sys.executable))
        made, uv = cls(folder / "bin" / "python"), which("uv") or "uv"
        commands = [
            [uv, "venv", "--quiet", f"--python={sys.executable}", str(folder)],
            [uv, "pip", "install", "--quiet", "--no-build", f"--python={made.python}", *wanted],
        ]
        _install(commands, lacking, folder.parent, variables)
        return made

    @classmethod
    def _with(cls, requirements: list[Requirement], project: Path) -> "Environment":
        if not (lacking := [str(one) for one in requirements if not _is_met(one)]):
            return cls(Path(sys.executable))
        uv = which("uv")
        commands = [[uv, "sync", "--quiet"]] if uv else [
            [sys.executable, "-m", "venv", ".venv"],
            [".venv/bin/python", "-m", "pip", "install", "--quiet", "-e", "platform[dev]", "-e", "."],
        ]  # fmt: skip
        outside = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
        outside["UV_PROJECT_ENVIRONMENT"] = str(project / ".venv")
        lock = project / "uv.lock"
        had_one = lock.is_file()
        _install(commands, lacking, project, outside)
        if not had_one:
            lock.unlink(missing_ok=True)  # who installs by pip or pixi wants none
        return cls(project / ".venv" / "bin" / "python")

    def building_block(self, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the ``building-block`` command of a project on it, with its data in a folder below it."""
        path = os.pathsep.join(map(str, (project / "platform", project / "src")))
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("DAGSTER_", "DBT_"))}
        environment |= {"PYTHONPATH": path, "BUILDING_BLOCK_DATA": str(project / "data"), "COLUMNS": "200"}
        command = [str(self.python), "-P", "-c", "from building_block.cli import main; main()", *arguments]
        return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def _install(
    commands: Sequence[Sequence[str]], lacking: Sequence[str], folder: Path, variables: Mapping[str, str]
) -> None:
    for command in commands:
        try:
            made = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
            failed, why = bool(made.returncode), one_line(made.stderr)
        except FileNotFoundError:
            failed, why = True, f"{command[0]} is not there"
        if failed:
            what = f"the new release needs {', '.join(lacking)}, and installing failed: {why}"
            write = f"install it here and begin again: `pip install '{lacking[0]}'`"
            raise ProblemError(Problem(Code.UPGRADE_ENVIRONMENT, "platform/pyproject.toml", what, write))


def _of_platform(project: Path) -> Iterator[Requirement]:
    """Yield the requirements of the platform's package, and of those of its extras that the project asks for."""
    file = project / "platform" / "pyproject.toml"
    if not file.is_file():  # deleted, which the project's own check tells
        return
    said = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    extras = {"dev"}.union(*(one.extras for one in _named(project) if one.name == _OWN))
    lines = [
        *said["dependencies"],
        *(line for extra in extras for line in said["optional-dependencies"].get(extra, ())),
    ]
    yield from map(Requirement, lines)


def _of_unit(project: Path) -> Iterator[Requirement]:
    yield from (one for one in _named(project) if one.name != _OWN)


def _named(project: Path) -> list[Requirement]:
    file = project / "pyproject.toml"
    said = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return [Requirement(line) for line in said.get("project", {}).get("dependencies", ())]


def _is_met(requirement: Requirement) -> bool:
    if requirement.marker and not requirement.marker.evaluate():
        return True
    try:
        return version(requirement.name) in requirement.specifier
    except PackageNotFoundError:
        return False
