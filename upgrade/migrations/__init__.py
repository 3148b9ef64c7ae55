"""What each release asks of the unit's own files, in the order of the releases. An entry stays for good."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from upgrade.environment import Environment
from upgrade.migrations.contracts import put_under_contract


@dataclass(frozen=True)
class Migration:
    """One thing to change in a unit's own files."""

    version: str
    """The release that asks for it."""
    what: str
    change: Callable[[Path, Environment], Iterator[str]]
    """Edits a project that has the platform of that release, and yields a sentence for what is left to a person."""


MIGRATIONS = [
    Migration("0.2.0", "Put what is published under contract", put_under_contract),
]
