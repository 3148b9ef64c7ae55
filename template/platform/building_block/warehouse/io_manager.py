# platform-owned: changed by `copier update` only; see platform/README.md
"""The house's IO manager: an asset is a table of the warehouse, handed over as Arrow, written in one transaction."""

from pathlib import Path

import dagster as dg

from building_block.messages import Code, Problem, ProblemError
from building_block.warehouse.client import Warehouse
from building_block.warehouse.handover import fetch, sampled, surfacing, to_reader
from building_block.warehouse.metadata import PREVIEW_ROWS, definition_value, describe
from building_block.warehouse.partitions import OnSchemaChange, keyed, replace_partitions
from building_block.warehouse.retry import tried_again
from building_block.warehouse.table import Table


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
