# platform-owned: changed by `copier update` only; see platform/README.md
"""What must hold before a commit, without building anything: ``poe check``, ``poe lint`` and the hooks ask it."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from enum import StrEnum
from pathlib import Path

from rich.console import Console

from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project


class Part(StrEnum):
    """What can be checked by itself, since a commit need not pay for what it cannot have broken."""

    FILES = "files"
    """Fast: loads neither dbt nor Dagster."""
    DEFINITIONS = "definitions"
    MODELS = "models"
    """The rules of dbt-bouncer, which is one of the extra ``dev``."""


def check(project: Project, console: Console, parts: Collection[Part]) -> list[Problem]:
    """Print a line for each check of the parts and return every problem found."""
    checks: list[tuple[Part, str, Callable[[Project], Iterator[Problem]]]] = [
        (Part.FILES, "the project is the domain's", _identity),
        (Part.FILES, "the platform's files are as they came", drift),
        (Part.FILES, "the derived files are up to date", _stale),
        (Part.DEFINITIONS, "ingest, dbt and Python definitions load", _definitions),
        (Part.MODELS, "the models keep the rules of their layers", _models),
    ]
    found: list[Problem] = []
    for part, name, run in checks:
        if part not in parts:
            continue
        problems = list(run(project))
        console.print(f"[red]✗[/] {name}" if problems else f"[green]✓[/] {name}")
        found += problems
    return list(dict.fromkeys(found))


def contracts(project: Project) -> list[Problem]:
    """Return all that is wrong with the contracts by the standard, the policy, the models and the ingest files."""
    from building_block.contracts.load import consumed, ports
    from building_block.contracts.retention import faults

    found: list[Problem] = []
    try:
        consumed(project)
    except ProblemError as error:
        found += error.problems
    try:
        found += faults(project, [port.contract for port in ports(project).values()])
    except ProblemError as error:
        found += error.problems
    return list(dict.fromkeys(found))


def _identity(project: Project) -> Iterator[Problem]:
    slug = project.domain.slug
    if not (project.root / "src" / slug).is_dir():
        what = f"the domain is called {slug} and has no folder src/{slug}"
        write = "take the old name back: `copier update --vcs-ref :current: --data domain_name=<old name>`"
        yield Problem(Code.DOMAIN_NAME, "platform/domain.toml", what, write)


def _stale(project: Project) -> Iterator[Problem]:
    from building_block import generate

    try:
        yield from generate.stale(project)
    except ProblemError as error:
        yield from error.problems


def _definitions(project: Project) -> Iterator[Problem]:
    from building_block.definitions import load

    try:
        load(project)
    except ProblemError as error:
        yield from error.problems


def _models(project: Project) -> Iterator[Problem]:
    from building_block.dbt.manifest import broken

    try:
        yield from broken(project)
    except ProblemError as error:
        yield from error.problems


# The platform's files: are they as they came? -------------------------------------------------------------------------

MANIFEST = "platform/manifest.sha256"


def manifest(project: Project) -> dict[str, str]:
    """Return the sha256 of every platform file as it was rendered, by its path."""
    lines = (project.root / MANIFEST).read_text(encoding="utf-8").splitlines()
    return {path: digest for digest, path in (line.split(maxsplit=1) for line in lines)}


def drift(project: Project) -> Iterator[Problem]:
    """Yield a problem for each platform file that was edited, deleted or added by hand. Reads no network."""
    expected = manifest(project)
    for path, digest in expected.items():
        file = project.root / path
        if not file.is_file():
            yield _drift(path, "the platform's file is missing")
        elif hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            yield _drift(path, "the platform's file was edited")
    for file in _files(project.root / "platform"):
        path = project.relative(file)
        if path not in expected and path != MANIFEST:
            yield Problem(
                Code.OWNERSHIP_DRIFT, path, "a file of yours lies in the platform's folder", "move it out of platform/"
            )


def _drift(path: str, what: str) -> Problem:
    write = f"take the platform's back with `git checkout <commit> -- {path}`, and use its slot (platform/README.md)"
    return Problem(Code.OWNERSHIP_DRIFT, path, what, write)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, without what Python, its builds and the Finder leave behind."""
    for file in sorted(folder.rglob("*")):
        left = file.relative_to(folder).parts
        leftover = any(part.startswith((".", "__pycache__")) or part.endswith(".egg-info") for part in left)
        if file.is_file() and not leftover:
            yield file


# ``poe lint``: the hooks of a commit, on every file -------------------------------------------------------------------


def lint(project: Project) -> int:
    """Run pre-commit's hooks on all files that git does not ignore; return its exit code.

    Not ``pre-commit run --all-files``: that leaves out what was never added, so a new model would pass unread.

    Raises:
        ProblemError: the project's folder is not the root of a git repository, or one of the hooks called this.
    """
    if os.environ.get(
        "PRE_COMMIT"
    ):  # pre-commit sets it for its hooks; without this they would call each other for ever
        what = "a hook calls `poe lint`, which runs all hooks"
        write = "write `poe generate`, and take such a hook out of settings/pre-commit-config.yaml"
        raise ProblemError(Problem(Code.DERIVED_STALE, ".pre-commit-config.yaml", what, write))
    above = _git(project, "rev-parse", "--show-cdup")
    if above is None:
        what, write = "is no git repository, and hooks see only what git sees", "write `git init` in that folder"
        raise ProblemError(Problem(Code.NO_REPOSITORY, str(project.root), what, write))
    if above.strip():
        top = (project.root / above.strip()).resolve()
        what = f"is a folder of the git repository {top}, and hooks, CI and code owners work at the root of one"
        write = "move the project out of that repository, and write `git init` in it"
        raise ProblemError(Problem(Code.NO_REPOSITORY, str(project.root), what, write))
    listed = _git(project, "ls-files", "-z", "--cached", "--others", "--exclude-standard") or ""
    files = sorted({path for path in listed.split("\0") if (project.root / path).is_file()})
    command = [sys.executable, "-m", "pre_commit", "run", "--files", *files]
    return subprocess.run(command, cwd=project.root, check=False).returncode


def _git(project: Project, *arguments: str) -> str | None:
    """Return what git prints, or None when it fails."""
    done = subprocess.run(
        ["git", *arguments],  # noqa: S607 - the machine's own git
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None
