# platform-owned: changed by `copier update` only; see platform/README.md
"""One asset's table: its name, its columns, and the SQL that reads and replaces it."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
import pyarrow as pa
from duckdb import CatalogException, DuckDBPyConnection
from duckdb.sqltypes import DuckDBPyType

from building_block.messages import Code, Problem, ProblemError
from building_block.sql import quoted
from building_block.warehouse.handover import offer

PARTITION = "_partition_key"
"""The column that the IO manager adds to the table of a partitioned asset."""
# One bound list and not a parameter a key: ten years of days are 3,650 keys.
OF_PARTITIONS = f"{PARTITION} IN (SELECT unnest(?::VARCHAR[]))"
INCOMING = "_incoming"
"""The name by which SQL reads the stream that is being written."""


@dataclass(frozen=True)
class Table:
    """The table ``"layer"."name"`` of the asset ``[domain, layer, name]``."""

    asset: str
    """The asset key as a person writes it; the place that errors name."""
    layer: str
    name: str

    @classmethod
    def of(cls, key: dg.AssetKey) -> "Table":
        """Return the table of an asset; raises ProblemError when its key hasn't the three parts."""
        try:
            _domain, layer, name = key.path
        except ValueError:
            what = f"the asset key has {len(key.path)} part(s) and must have three: domain, layer and name"
            write = f'write `key_prefix=["<domain>", "<layer>"], name="{key.path[-1]}"`'
            raise ProblemError(Problem(Code.WAREHOUSE_KEY, key.to_user_string(), what, write)) from None
        return cls(key.to_user_string(), layer, name)

    def __str__(self) -> str:
        """Return the table's quoted name."""
        return quoted(self.layer, self.name)

    def columns(self, connection: DuckDBPyConnection) -> dict[str, DuckDBPyType] | None:
        """Return the table's or view's columns with their types; None when there is no such table."""
        try:
            empty = connection.sql(f"FROM {self} LIMIT 0")
        except CatalogException:
            return None
        return dict(zip(empty.columns, empty.types, strict=True))

    def select(self, connection: DuckDBPyConnection, keys: Sequence[str] | None) -> DuckDBPyConnection:
        """Execute a SELECT of the whole table, or of the partitions ``keys``.

        Raises ProblemError when the table, or its column of partition keys, is missing.
        """
        if (existing := self.columns(connection)) is None:
            raise ProblemError(self.missing())
        query, parameters = f"FROM {self}", []
        if keys is not None:
            if PARTITION not in existing:
                what = f"the asset is partitioned and {self} has no column {PARTITION}"
                raise ProblemError(self.problem(what, f"add {PARTITION}, or let the asset return its data"))
            query, parameters = f"{query} WHERE {OF_PARTITIONS}", [list(keys)]
        return connection.execute(query, parameters)

    def as_stored(
        self, connection: DuckDBPyConnection, batches: Sequence[pa.RecordBatch], columns: str
    ) -> DuckDBPyConnection:
        """Execute a SELECT of ``columns``, quoted already, of ``batches`` with the table's columns and types."""
        if not batches:
            return connection.execute(f"SELECT {columns} FROM {self} LIMIT 0")
        offer(connection, INCOMING, pa.RecordBatchReader.from_batches(batches[0].schema, batches))
        return connection.execute(f"SELECT {columns} FROM ((FROM {self} LIMIT 0) UNION ALL BY NAME FROM {INCOMING})")

    def replace(self, connection: DuckDBPyConnection, reader: pa.RecordBatchReader) -> int:
        """Make the table anew from ``reader``; return the number of rows.

        Raises ProblemError when that would take the partitions of a table that has some.
        """
        if PARTITION in (self.columns(connection) or {}) and PARTITION not in reader.schema.names:
            what = f"{self} holds partitions, and the asset has none any more"
            raise ProblemError(self.problem(what, "give the asset its partitions back, or start over: delete data/"))
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self.layer)}")
        offer(connection, INCOMING, reader)
        return connection.execute(f"CREATE OR REPLACE TABLE {self} AS FROM {INCOMING}").fetchone()[0]

    def missing(self) -> Problem:
        """Return the problem that the table isn't there."""
        write = f"materialize {self.asset} first: `poe build {self.layer}/{self.name}`"
        return Problem(Code.WAREHOUSE_TABLE_MISSING, self.asset, f"table {self} does not exist", write)

    def problem(self, what: str, write: str, path: str = "") -> Problem:
        """Return a problem with the table's columns."""
        return Problem(Code.WAREHOUSE_SCHEMA_CHANGED, self.asset, what, write, path)
