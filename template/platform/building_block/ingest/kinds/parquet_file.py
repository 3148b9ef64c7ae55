# platform-owned: changed by `copier update` only; see platform/README.md
"""Parquet: stored types are kept where they are the declared ones, else cast if nothing is lost."""

import glob
from pathlib import Path
from typing import Literal

import duckdb
from pydantic import Field

from building_block.ingest.kinds.file import FileSource, broken
from building_block.ingest.landed_file import Landed, LandedColumn
from building_block.messages import Problem, ProblemError
from building_block.sql import literal, quoted


class LandedParquet(Landed):
    """One Parquet file."""

    def damage(self) -> list[Problem]:
        """Return nothing: DuckDB's message says it all."""
        return []

    def places(self, rows: list[int]) -> list[tuple[str, str]]:
        """Return the row's number, from 1."""
        return [(self.shown, f"row {row}") for row in rows]


class ParquetFile(FileSource):
    """A Parquet file."""

    format: Literal["parquet"] = Field(description="a Parquet file; its types are kept", examples=["parquet"])

    def open(self, con: duckdb.DuckDBPyConnection, path: Path, shown: str, scratch: Path) -> LandedParquet:
        """Open the file and read its schema."""
        relation = f"read_parquet({literal(glob.escape(str(path)))}, hive_partitioning = false)"
        try:
            schema = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        except duckdb.Error as error:
            raise ProblemError(broken(shown, f"not a Parquet file: {error}")) from error
        columns = [LandedColumn(name, quoted(name), kind) for name, kind, *_ in schema]
        return LandedParquet(con, shown, relation, columns)
