"""``python -m tools.surface v0.1.0 v0.2.0``: what changed for units, and whether the version says so."""

import re
import subprocess
import sys
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from building_block.contracts.changes import Bump
from packaging.version import Version
from rich.console import Console
from rich.table import Column, Table

from tools.ownership import ROOT
from tools.releases import UNRELEASED, VERSION, recorded, sections
from tools.surface import WORKING_TREE, checkout, surface
from tools.surface.difference import Change, Declared, bump, difference, refusals

_MOST = 12
"""Names that a row shows."""


class Raised(StrEnum):
    """A number of a version, as a person names it."""

    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


def compare(repository: Path, old: str, new: str) -> tuple[list[Change], Declared, Bump]:
    """Return what changed between two commits, what the newer one declares, and what its [Unreleased] raises."""
    with (
        checkout(repository, _commit(repository, old)) as before,
        checkout(repository, _commit(repository, new)) as now,
    ):
        declared = Declared.of(now)
        changes = difference(surface(before), surface(now), declared.new_ground)
        unreleased = sections(now).get(UNRELEASED)
    return changes, declared, unreleased.bump if unreleased else Bump.NONE


def main(
    old: Annotated[str, typer.Argument(help="The release before: a tag, or a version of tests/releases.yml.")],
    new: Annotated[str, typer.Argument(help="The commit to compare; the working tree if none.")] = WORKING_TREE,
    raised: Annotated[
        Raised | None, typer.Option("--as", help="What the release is to be; else its version, or [Unreleased], says.")
    ] = None,
) -> None:
    """Show what a release changes for units, and fail where its version says too little."""
    if not (version := _version(old)):
        raise SystemExit(f"{old} is no version; write one like v0.1.0, which the changes are counted from")
    changes, declared, implied = compare(ROOT, old, new)
    if after := _version(new):
        implied = bump(version, after)
    said = Bump[raised.name] if raised else implied
    Console(markup=False, highlight=False).print(table(changes, f"{old} → {new or 'the working tree'}"))
    for sentence in (found := refusals(changes, declared, version, said)):
        print(sentence, file=sys.stderr)
    raise SystemExit(1 if found else 0)


def table(changes: list[Change], title: str) -> Table:
    """Return the changes as a table, those of one kind in one row."""
    shown = Table("demands", "change", Column("of", overflow="fold"), title=title)
    for kind, group in groupby(changes, key=lambda one: one.kind):
        names = [f"{one.name} ({one.what})" if one.what else one.name for one in group]
        more = f"and {len(names) - _MOST} more" if len(names) > _MOST else ""
        verdict = kind.value
        demands = f"{verdict.bump.name.lower()}{', migration' if verdict.migration else ''}"
        shown.add_row(demands, verdict.what, "\n".join(filter(None, [*names[:_MOST], more])))
    return shown


def _version(ref: str) -> Version | None:
    tag = re.fullmatch(f"v({VERSION.pattern})", ref)
    return Version(tag[1]) if tag else None


def _commit(repository: Path, ref: str) -> str:
    """Return the commit of a release by its record, which no moved tag changes, else what git knows by that name."""
    if ref == WORKING_TREE:
        return ref
    named = recorded(repository).get(ref, ref)
    command = ["git", "rev-parse", "--verify", "--quiet", f"{named}^{{commit}}"]
    found = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(f"{ref} is no commit of this clone; fetch it, or write a version of tests/releases.yml")
    return found.stdout.strip()


if __name__ == "__main__":
    typer.run(main)
