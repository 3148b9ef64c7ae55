# platform-owned: changed by `copier update` only; see platform/README.md
"""What must hold before a commit, without building anything: ``poe check`` and hooks of a commit ask it."""

from collections.abc import Callable, Collection, Iterator
from enum import StrEnum

from rich.console import Console

from building_block import ownership
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
        (Part.FILES, "the platform's files are as they came", ownership.drift),
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
    from building_block.loading import load

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
