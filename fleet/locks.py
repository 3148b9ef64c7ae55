"""The lock files of a unit's project: brought up to date without a build, and read within its repository alone."""

import sys
from pathlib import Path

from building_block.messages import ProblemError

from fleet.variables import of_uv
from fleet.ways_out import declared, sources
from upgrade.update import locked


def relocked(project: Path, repository: Path, release: Path) -> list[str]:
    """Bring the lock files of a project up to date and return a sentence for each with which that was not done.

    ``repository`` is the checkout that the project lies in, ``release`` a fresh render.

    Raises:
        ProblemError: a file outside of the repository would be read, or was.
    """
    return [*filter(None, (_by_uv(project, repository, release), _left_to_a_person(project)))]


def _by_uv(project: Path, repository: Path, release: Path) -> str:
    """Lock without the interpreter that a repository may bring along."""
    lock = project / "uv.lock"
    if not lock.is_file():
        return ""
    ProblemError.raise_any(sources(repository, declared(repository)))
    variables = of_uv() | {"UV_PROJECT_ENVIRONMENT": str(release / ".venv"), "GIT_ALLOW_PROTOCOL": "https"}
    said = locked(project, lock.name, "--no-build", f"--python={sys.executable}", **variables)
    ProblemError.raise_any(sources(repository, [] if said else [lock]))  # what a wheel or another repository names
    return said


def _left_to_a_person(project: Path) -> str:
    """Return what is left to one where pixi's lock is committed: pixi builds the packages that it locks."""
    if not (project / "pixi.lock").is_file():
        return ""
    return "pixi.lock is as it was: write `pixi lock` and commit it to the branch of this pull request"
