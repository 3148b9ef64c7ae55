# platform-owned: changed by `copier update` only; see platform/README.md
"""The commands behind the tasks of ``poe_tasks.toml``."""

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from building_block.check import Part
from building_block.check import check as checked
from building_block.check import doctor as examined
from building_block.check import lint as linted
from building_block.contracts.command import commands as contracts
from building_block.messages import ProblemError
from building_block.project import Project
from building_block.upgrade import commands as upgrade

if TYPE_CHECKING:
    from filelock import FileLock

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(contracts, name="contracts")
app.add_typer(upgrade)


@app.command()
def start(options: Annotated[list[str] | None, typer.Argument(help="Options of `dg dev`, after --.")] = None) -> None:
    """Show the graph in the browser, once all definitions load."""
    project = _entered()
    _generate(project, below="dbt/")
    from building_block.definitions import load

    load(project)
    _end_abandoned_runs(project)
    os.chdir(project.root)
    os.execvp("dg", ["dg", "dev", *(options or [])])  # noqa: S606, S607 - the environment's own dg


@app.command()
def build(
    selection: Annotated[list[str] | None, typer.Argument(help="Assets, layers; with + upstream.")] = None,
) -> None:
    """Build what is missing or out of date; with a selection, build just that."""
    from building_block.build import build as run
    from building_block.warehouse.client import Warehouse

    project = _entered()
    # Not what Console() looks up at every line: dbt's own output is kept from it while the bar is drawn.
    console = Console(file=sys.stdout)
    with _build_lock(project):
        _generate(project, below="dbt/")
        report = run(project, selection or [], console)
    if report.outcomes or report.blocked:
        console.print(report.table(Warehouse(project.warehouse)))
    elif not report.messages:
        console.print("Everything is up to date.")
    for notice in report.notices:
        console.print(notice, soft_wrap=True)
    _end(report.messages)


@app.command()
def check(
    parts: Annotated[
        list[Part] | None, typer.Argument(help="What to check; files and definitions if none is named.")
    ] = None,
) -> None:
    """Check the platform's and the derived files, that all definitions load, and the rules for models."""
    _end([str(problem) for problem in checked(_entered(), Console(), parts or [Part.FILES, Part.DEFINITIONS])])


@app.command()
def doctor() -> None:
    """Say what an update would stumble over, and how to put it right; offline and at once."""
    _end([str(problem) for problem in examined(Project.here(), Console())])


@app.command()
def impact(
    against: Annotated[str, typer.Option(help="Branch, tag or commit with the project as it was.")],
) -> None:
    """Say in Markdown what differs in the graph since a commit; fails only if the project does not load now."""
    from building_block.impact import impact as compared

    report = compared(Project.here(), against)
    print(report.markdown)
    _end([*report.after])


@app.command()
def lint() -> None:
    """Run every hook of a commit on every file, on those that git does not know yet, too."""
    raise SystemExit(linted(Project.here()))


@app.command()
def generate() -> None:
    """Write the derived files that are out of date."""
    _generate(Project.here())


@app.command()
def explain(
    code: Annotated[str, typer.Argument(help="The code that a message begins with, for example BB207.")],
) -> None:
    """Say what a message's code means, why it is refused and how to put it right."""
    from building_block.explanations import explanation

    found, explained = explanation(code)
    console = Console(highlight=False, markup=False)
    console.print(f"{found}: {explained.what}", style="bold")
    console.print(f"\nFor example\n\n{explained.example}", soft_wrap=True)
    console.print(f"\nWhy\n\n{explained.why}\n\nHow to put it right\n\n{explained.fix}")


def main() -> None:
    """Run a command; a user's mistake ends in its messages and exit code 1, never in a traceback."""
    try:
        app()
    except ProblemError as error:
        _end([str(problem) for problem in error.problems])


def _entered() -> Project:
    project = Project.here()
    project.enter()
    return project


def _build_lock(project: Project) -> "FileLock":
    from filelock import FileLock

    return FileLock(project.data / "build.lock")


def _end_abandoned_runs(project: Project) -> None:
    import dagster as dg
    from filelock import Timeout

    from building_block.records import end_abandoned_runs

    if not project.keeps_records:
        return
    with ExitStack() as stack:
        try:
            stack.enter_context(_build_lock(project).acquire(blocking=False))
            building = False
        except Timeout:
            building = True
        end_abandoned_runs(stack.enter_context(dg.DagsterInstance.get()), building=building, again=True)


def _generate(project: Project, below: str = "") -> None:
    from building_block import generate as generator

    for path in generator.write(project, below):
        Console().print(f"generated {path}")


def _end(messages: list[str]) -> None:
    for message in messages:
        print(message, file=sys.stderr)
    if messages:
        raise SystemExit(1)
