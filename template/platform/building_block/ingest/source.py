# platform-owned: changed by `copier update` only; see platform/README.md
"""The interface of a kind of source: what a sensor and an asset ask of it."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pydantic import Field

from building_block.ingest.declared import DeclaredTable
from building_block.ingest.folders import Folders
from building_block.ingest.strict import Strict


class Source(Strict, ABC):
    """Where a table's data comes from. ``root`` is the project's root; every method raises ProblemError only."""

    kind: str
    when_missing: Literal["skip", "fail"] = Field(
        description="what it means when the data is not there; skip: a day without trade, fail: a mistake",
        examples=["fail"],
    )

    @abstractmethod
    def check(self, partitioned: bool) -> None:
        """Raise ``wrong(…)`` when the source does not fit a table that is, or is not, partitioned."""

    @abstractmethod
    def landed(self, root: Path, table: DeclaredTable, folders: Folders) -> dict[str | None, str]:
        """Return the fingerprint of all data that is there now, by valid partition key; by None when unpartitioned."""

    @abstractmethod
    def fingerprint(self, root: Path, key: str | None) -> str | None:
        """Return a cheap identity of the data behind ``key``, None when there is none."""

    @abstractmethod
    def read(self, root: Path, key: str | None, table: DeclaredTable) -> pa.RecordBatchReader:
        """Stream the data behind ``key`` in the schema ``table.arrow_schema``; raise when it is missing.

        A fault deep in the data raises while the batches are iterated, so write them in one transaction.
        """
