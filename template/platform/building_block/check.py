# platform-owned: changed by `copier update` only; see platform/README.md
"""``poe check``: what must hold before a commit, without building anything."""

from collections.abc import Callable, Iterator

from rich.console import Console

from building_block import generate, ownership
from building_block.messages import Problem, ProblemError
from building_block.project import Project


def check(project: Project, console: Console) -> list[Problem]:
    """Print a line for each check and return every problem found."""
    checks: dict[str, Callable[[Project], Iterator[Problem]]] = {
        "the platform's files are as they came": ownership.drift,
        "the derived files are up to date": _stale,
        "ingest, dbt and Python definitions load": _definitions,
    }
    found: list[Problem] = []
    for name, run in checks.items():
        problems = list(run(project))
        console.print(f"[red]✗[/] {name}" if problems else f"[green]✓[/] {name}")
        found += problems
    return found


def _stale(project: Project) -> Iterator[Problem]:
    try:
        yield from generate.stale(project)
    except ProblemError as error:
        yield from error.problems


def _definitions(_: Project) -> Iterator[Problem]:
    from building_block.definitions import defs  # reads the whole project: not at import

    try:
        defs()
    except ProblemError as error:
        yield from error.problems
