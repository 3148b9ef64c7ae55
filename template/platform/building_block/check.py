# platform-owned: changed by `copier update` only; see platform/README.md
"""``poe check``: what must hold before a commit, without building anything."""

from collections.abc import Callable, Iterator

from rich.console import Console

from building_block import generate, ownership
from building_block.loading import load
from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project


def check(project: Project, console: Console) -> list[Problem]:
    """Print a line for each check and return every problem found."""
    checks: dict[str, Callable[[Project], Iterator[Problem]]] = {
        "the project is the domain's": _identity,
        "the platform's files are as they came": ownership.drift,
        "the derived files are up to date": _stale,
        "ingest, dbt and Python definitions load": _definitions,
    }
    found: list[Problem] = []
    for name, run in checks.items():
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
    try:
        yield from generate.stale(project)
    except ProblemError as error:
        yield from error.problems


def _definitions(project: Project) -> Iterator[Problem]:
    try:
        load(project)
    except ProblemError as error:
        yield from error.problems
