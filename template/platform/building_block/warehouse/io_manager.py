# platform-owned: changed by `copier update` only; see platform/README.md
"""The house's IO manager: an asset is a table of the warehouse, handed over as Arrow, written in one transaction."""

import math
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow as pa

from building_block.messages import Code, Problem, ProblemError
from building_block.sql import folded, quoted
from building_block.warehouse.client import Warehouse, tried_again
from building_block.warehouse.handover import fetch, sampled, surfacing, to_reader
from building_block.warehouse.table import OnSchemaChange, Table, keyed, replace_partitions


class WarehouseIOManager(dg.ConfigurableIOManager):
    """Stores asset ``[domain, layer, name]`` as table ``layer.name`` of the DuckDB file at ``path``.

    An asset returns, and a parameter is annotated as, a pyarrow Table or RecordBatchReader, a polars DataFrame or
    LazyFrame, or a pandas DataFrame. An asset that wrote its table itself returns None. The table of a partitioned
    asset has one column more, ``_partition_key``; definition metadata ``on_schema_change`` says what happens when the
    other columns change.
    """

    path: str
    lock_timeout: float = Warehouse.lock_timeout

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Replace the table, or the run's partitions of it; a failure leaves it as it was. Raises ProblemError."""
        if obj is None:
            return
        table = _table(context)
        on_schema_change = _on_schema_change(table, context.asset_spec)
        reader = to_reader(obj, table.asset)
        keys = context.asset_partition_keys if context.has_asset_partitions else None
        if keys is not None:
            reader = keyed(table, reader, keys)
        reader, sample = sampled(reader, PREVIEW_ROWS)
        with tried_again(_run(context)), surfacing(reader) as stream, self._warehouse.writing() as connection:
            if keys is None:
                rows = table.replace(connection, stream)
            else:
                rows = replace_partitions(connection, table, stream, keys, on_schema_change)
            context.add_output_metadata(describe(connection, table, rows, sample, context.asset_spec))

    def load_input(self, context: dg.InputContext) -> object:
        """Return the table, or the partitions that the run needs, as the parameter's type. Raises ProblemError."""
        table = _table(context)
        keys = context.asset_partition_keys if context.has_asset_partitions else None
        if not self._warehouse.path.exists():
            raise ProblemError(table.missing())
        with tried_again(_run(context)), self._warehouse.reading() as connection:
            return fetch(table.select(connection, keys), context.dagster_type.typing_type, table.asset)

    @property
    def _warehouse(self) -> Warehouse:
        return Warehouse(Path(self.path), self.lock_timeout)


def _run(context: dg.OutputContext | dg.InputContext) -> dg.DagsterRun | None:
    try:
        return context.step_context.dagster_run
    except dg.DagsterInvariantViolationError:  # read outside of a run, as by `Definitions.load_asset_value`
        return None


def _table(context: dg.OutputContext | dg.InputContext) -> Table:
    if not context.has_asset_key:
        what, write = "only an asset has a table", "make it an asset, or give its output another io_manager_key"
        raise ProblemError(Problem(Code.WAREHOUSE_KEY, context.name, what, write))
    return Table.of(context.asset_key)


def _on_schema_change(table: Table, spec: dg.AssetSpec) -> OnSchemaChange:
    value = definition_value(spec, "on_schema_change") or OnSchemaChange.FAIL
    if value not in list(OnSchemaChange):
        what, write = f"there is no policy {value!r}", f"write {' or '.join(OnSchemaChange)}"
        raise ProblemError(table.problem(what, write, "on_schema_change"))
    return OnSchemaChange(value)


# What a write tells Dagster: rows, real columns, and a preview that keeps confidential data out -----------------------

CONFIDENTIAL = {"confidential", "restricted"}
PREVIEW_ROWS = 5
RETENTION = "retention"
"""Definition metadata of a table whose rows are not kept for ever: a preview would keep some in Dagster's records."""
# A model stored as a blob would put megabytes into the event log.
PREVIEW_CHARACTERS = 200


def definition_value(spec: dg.AssetSpec, key: str) -> object:
    """Return a value of the asset's definition metadata as it was written there, None when there is none."""
    value = spec.metadata.get(key)
    return value.value if isinstance(value, dg.MetadataValue) else value


def describe(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    rows: int,
    sample: Sequence[pa.RecordBatch],
    spec: dg.AssetSpec,
) -> dict[str, object]:
    """Return the output metadata of a table to which ``rows`` rows were just written; ``sample`` are some of them.

    They are not read back from the table: to find five rows of a day among 10 million that are not committed yet took
    DuckDB 3 CPU seconds and 2 GB.
    """
    defined = definition_value(spec, "dagster/column_schema")
    declared = {folded(column.name): column for column in defined.columns} if defined else {}
    columns = [_column(name, str(kind), declared.get(folded(name))) for name, kind in table.columns(connection).items()]
    metadata = {
        "dagster/row_count": rows,
        "dagster/table_name": f"{table.layer}.{table.name}",
        "dagster/column_schema": dg.TableSchema(columns=columns),
    }
    shown = [column for column in columns if not _confidential(column.tags.get("classification"))]
    classified = spec.tags.get("classification"), definition_value(spec, "classification")
    if shown and not any(map(_confidential, classified)) and definition_value(spec, RETENTION) is None:
        what = ", ".join(quoted(column.name) for column in shown)
        result = table.as_stored(connection, sample, what).fetchall()
        names = [column.name for column in shown]
        records = [dg.TableRecord(dict(zip(names, map(_cell, row), strict=True))) for row in result]
        metadata["preview"] = dg.MetadataValue.table(records, dg.TableSchema(columns=shown))
    return metadata


def _column(name: str, type_: str, declared: dg.TableColumn | None) -> dg.TableColumn:
    if declared is None:
        return dg.TableColumn(name, type_)
    return dg.TableColumn(name, type_, declared.description, declared.constraints, declared.tags)


def _confidential(classification: object) -> bool:
    return str(classification).lower() in CONFIDENTIAL


def _cell(value: object) -> str | int | float | bool | None:
    # NaN and infinity are floats that JSON, and so the browser, can't read.
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)[:PREVIEW_CHARACTERS]
