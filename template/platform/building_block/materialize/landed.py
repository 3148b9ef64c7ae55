# platform-owned: changed by `copier update` only; see platform/README.md
"""What lies in a landing folder, held against the records: one decision for `poe build` and the landing sensor."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from building_block.ingest.source import Folders
from building_block.ingest.spec import IngestSpec
from building_block.records import Materialization, Ready

NAMED = 3


@dataclass(frozen=True)
class Landed(Ready):
    """Data in a landing folder behind a partition, or behind a table without partitions."""

    fingerprint: str | None

    def is_in(self, done: Materialization) -> bool:
        """Say whether it was made from this data."""
        return done.fingerprint == self.fingerprint


def landed(root: Path, spec: IngestSpec, folders: Folders) -> dict[str | None, Landed]:
    """Return what has landed for a table, by partition key, or by None when it has no partitions.

    Raises:
        ProblemError: the folder is missing or cannot be read.
    """
    return {key: Landed(found) for key, found in spec.source.landed(root, spec, folders).items()}


def outside(spec: IngestSpec, names: Iterable[str], every: Sequence[str]) -> list[str]:
    """Return a notice when some of the landed days ``names`` are none of the partitions ``every``."""
    left = sorted({*names} - {*every})
    of = f"{every[0]} to {every[-1]}, the last day that is over" if every else "the days that are over"
    return [f"raw/{spec.table}: {first_few(left)} left where they are, outside of {of}"] if left else []


def first_few(names: Sequence[str]) -> str:
    """Return the first names and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
