# platform-owned: changed by `copier update` only; see platform/README.md
"""``poe contracts …``: what a person asks of the contracts."""

from typing import Annotated

import typer
from rich.console import Console

from building_block.messages import ProblemError
from building_block.project import Project

commands = typer.Typer(no_args_is_help=True, help="Lint, generate, compare, sample and check the contracts.")


@commands.command()
def lint() -> None:
    """Hold every contract against the standard and the house's policy."""
    from building_block.contracts.load import consumed, ports

    project = Project.here()
    problems = []
    for load in (ports, consumed):
        try:
            load(project)
        except ProblemError as error:
            problems += error.problems
    ProblemError.raise_any(problems)
    Console().print("[green]✓[/] the contracts keep the standard and the policy")


@commands.command()
def gate(
    against: Annotated[str, typer.Option(help="Branch, tag or commit with the contracts as they were.")],
) -> None:
    """Compare each contract with an earlier version: is its version raised enough, is compliance kept?"""
    from building_block.contracts.gate import gate as judge
    from building_block.contracts.gate import table

    Console(markup=False).print(table(judge(Project.here(), against), against))


@commands.command()
def generate(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail where a file would change.")] = False,
) -> None:
    """Write what is derived from the contracts."""
    from building_block import generate as generator

    project = Project.here()
    if check:
        ProblemError.raise_any(generator.stale(project))
        return
    for path in generator.write(project):
        Console().print(f"generated {path}")
