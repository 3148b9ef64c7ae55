# platform-owned: changed by `copier update` only; see platform/README.md
"""``poe contracts …``: what a person asks of the contracts."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from building_block.messages import ProblemError
from building_block.project import Project

commands = typer.Typer(
    no_args_is_help=True, help="Begin, lint, generate, compare, sample and check the contracts, expire rows."
)


@commands.command()
def lint() -> None:
    """Hold every contract against the standard and the house's policy."""
    from building_block.check import contracts

    ProblemError.raise_any(contracts(Project.here()))
    Console().print("[green]✓[/] the contracts keep the standard and the policy")


@commands.command()
def draft(port: Annotated[str, typer.Argument(help="A model in dbt/models/published/ without a contract.")]) -> None:
    """Begin the contract of a published model; lint says what is left to write."""
    from building_block.contracts.draft import draft as begin

    project = Project.here()
    project.enter()
    begun = begin(project, port)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"[green]✓[/] {begun.file} is begun")
    replaced = f"remove {begun.replaces}, which it replaces, and " if begun.replaces else ""
    console.print(f"Complete it: `poe contracts lint` says what is missing. Then {replaced}write `poe build`.")
    if begun.left:
        console.print(f"Tests that it has no rule for yet: {', '.join(begun.left)}.", markup=False)


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


@commands.command()
def sample(
    port: Annotated[str, typer.Argument(help="The port, or a table under contracts/consumes/.")],
    rows: Annotated[int, typer.Option(min=1, help="How many rows.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="A .parquet or .csv file; data/samples/<port>.parquet if none.")
    ] = None,
) -> None:
    """Write made-up rows that keep a contract, to develop with."""
    from building_block.contracts.load import named
    from building_block.contracts.sample import write

    project = Project.here()
    file = out or project.data / "samples" / f"{port}.parquet"
    write(named(project, port), rows, seed, file)
    Console().print(f"[green]✓[/] {rows:,} rows that keep the contract: {project.relative(file)}", soft_wrap=True)


@commands.command()
def expire(
    apply: Annotated[bool, typer.Option("--apply", help="Remove it; without this nothing is changed.")] = False,
) -> None:
    """Show what is past its contract's retention, or remove it to the bytes."""
    from building_block.contracts.expiry import look, remove
    from building_block.contracts.load import ports
    from building_block.contracts.retention import terms, today

    project = Project.here()
    project.enter()
    wanted = terms(project, [port.contract for port in ports(project).values()])
    done = (remove if apply else look)(project, wanted, today())
    table = Table("Place", "Kept for", "Rows", "File", title="Removed" if apply else "Past its retention")
    for one in done.found:
        table.add_row(one.place, one.term.what, f"{one.rows:,}", f"{one.bytes / 1e6:,.1f} MB")
    Console().print(table if done.found else "[green]✓[/] no row is past its retention")
    if done.found and not apply:
        Console().print("Nothing was removed: `poe contracts expire --apply` removes it.")
    ProblemError.raise_any(done.problems)


@commands.command()
def check(
    data: Annotated[str, typer.Option(help="A parquet file or a pattern of such, a CSV file, or layer.table.")],
    contract: Annotated[str, typer.Option(help="The contract; the one that is named as the data if none.")] = "",
) -> None:
    """Hold data against a contract, rule by rule."""
    from building_block.contracts.verify import broken
    from building_block.data_check import measured

    port, findings = measured(Project.here(), data, contract)
    table = Table("Rule", "Measured", "Allowed", "Verdict", title=f"{data} against {port.contract.file}")
    for one in findings:
        verdict = (
            "[green]kept[/]" if one.kept else "[red]broken[/]" if one.rule.blocking else "[yellow]broken, warns[/]"
        )
        table.add_row(one.rule.name, escape(one.shown), str(one.rule.limit), verdict)
    Console().print(table)
    ProblemError.raise_any(broken(port.contract, findings, f"put right {data}, or what makes it"))
