# platform-owned: changed by `copier update` only; see platform/README.md
"""One asset's table: its name, its columns, and the SQL that reads and replaces it or some of its partitions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
from duckdb import CatalogException, DuckDBPyConnection
from duckdb.sqltypes import DuckDBPyType

from building_block.messages import Code, Problem, ProblemError
from building_block.sql import folded, quoted
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


# Some partitions: say which row is whose, check the columns, replace the rows -----------------------------------------


class OnSchemaChange(StrEnum):
    """What a write of partitions does when its columns are not the table's; dbt's setting and values."""

    FAIL = "fail"
    APPEND_NEW_COLUMNS = "append_new_columns"


def keyed(table: Table, reader: pa.RecordBatchReader, keys: Sequence[str]) -> pa.RecordBatchReader:
    """Return ``reader`` with the column of partition keys, as the last one.

    A single key is set on every row. Of several the data itself says which row is whose; raises ProblemError when it
    doesn't, and from the stream at a row that belongs to none of them.
    """
    names = [name for name in reader.schema.names if name != PARTITION]
    if len(keys) > 1 and PARTITION not in reader.schema.names:
        what = f"the run covers {len(keys)} partitions and the data has no column {PARTITION}"
        raise ProblemError(table.problem(what, f"add {PARTITION} with the partition key of each row"))
    schema = pa.schema([*map(reader.schema.field, names), (PARTITION, pa.string())])
    allowed = pa.array(keys, pa.string())

    def partition_of(batch: pa.RecordBatch) -> pa.Array:
        if len(keys) == 1:
            return pa.repeat(allowed[0], len(batch))
        column = batch[PARTITION].cast(pa.string())
        if stray := column.filter(pc.invert(pc.is_in(column, value_set=allowed))).unique().to_pylist():
            what = f"rows of {stray[:3]} are not in the run's partitions, {min(keys)} to {max(keys)}"
            raise ProblemError(table.problem(what, "return rows of the run's partitions only", PARTITION))
        return column

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            yield pa.RecordBatch.from_arrays([*map(batch.column, names), partition_of(batch)], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def replace_partitions(
    connection: DuckDBPyConnection,
    table: Table,
    reader: pa.RecordBatchReader,
    keys: Sequence[str],
    on_schema_change: OnSchemaChange,
) -> int:
    """Replace the rows of the partitions ``keys`` by those of a ``keyed`` reader; return how many it had.

    Columns are matched by name. Raises ProblemError for a change of columns that ``on_schema_change`` forbids.
    """
    if table.columns(connection) is None:
        return table.replace(connection, reader)
    _evolve(connection, table, reader.schema, on_schema_change)
    connection.execute(f"DELETE FROM {table} WHERE {OF_PARTITIONS}", [list(keys)])
    offer(connection, INCOMING, reader)
    return connection.execute(f"INSERT INTO {table} BY NAME FROM {INCOMING}").fetchone()[0]


def _evolve(connection: DuckDBPyConnection, table: Table, schema: pa.Schema, on_schema_change: OnSchemaChange) -> None:
    """Bring the table to the columns of ``schema``; raises ProblemError with all that forbids it."""
    rebuild = "start over: delete data/ and build again"
    existing = table.columns(connection)
    if PARTITION not in existing:
        raise ProblemError(table.problem(f"{table} was written without partitions", rebuild, PARTITION))
    old = {folded(name): type_ for name, type_ in existing.items()}
    empty = connection.from_arrow(pa.RecordBatchReader.from_batches(schema, ()))
    new = {folded(name): (name, type_) for name, type_ in zip(empty.columns, empty.types, strict=True)}
    # A column without any value has no type to compare: Arrow's null fits every type.
    valueless = {folded(field.name) for field in schema if pa.types.is_null(field.type)}
    added = {name: type_ for key, (name, type_) in new.items() if key not in old}
    missing = [name for name in existing if folded(name) not in new]
    problems = [
        table.problem(f"the type was {old[key]} and is {type_} now", f"cast it back, or {rebuild}", name)
        for key, (name, type_) in new.items()
        if key not in valueless and old.get(key, type_) != type_
    ]
    if on_schema_change is OnSchemaChange.FAIL and (added or missing):
        found = [f"{', '.join(names)} {verb}" for names, verb in ((added, "added"), (missing, "missing")) if names]
        write = f"return the table's columns, or set metadata on_schema_change to {OnSchemaChange.APPEND_NEW_COLUMNS}"
        problems.append(table.problem(f"the columns changed: {'; '.join(found)}", write))
    ProblemError.raise_any(problems)
    for name, type_ in added.items():
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {quoted(name)} {type_}")
