# platform-owned: changed by `copier update` only; see platform/README.md
"""Write some partitions of a table: say which row is whose, check the columns, replace the rows."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

import pyarrow as pa
import pyarrow.compute as pc
from duckdb import DuckDBPyConnection

from building_block.messages import ProblemError
from building_block.sql import folded, quoted
from building_block.warehouse.handover import offer
from building_block.warehouse.table import INCOMING, OF_PARTITIONS, PARTITION, Table


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
