# platform-owned: changed by `copier update` only; see platform/README.md
"""The rows that a contract keeps out: an asset beside the raw table, which the raw table's own asset writes."""

from collections.abc import Mapping, Sequence

import dagster as dg

from building_block.ingest.declared import BROKEN_RULES
from building_block.ingest.entrance import Entrance, Judged
from building_block.ingest.spec import IngestSpec
from building_block.project import Project
from building_block.warehouse.client import Warehouse
from building_block.warehouse.partitions import OnSchemaChange, keyed, replace_partitions
from building_block.warehouse.retry import tried_again
from building_block.warehouse.table import OF_PARTITIONS, Table


def quarantine(project: Project, spec: IngestSpec) -> dg.AssetSpec:
    """Return the asset ``<domain>/raw/<table>_quarantine``, which nothing materialises by itself."""
    domain = project.domain
    return dg.AssetSpec(
        _key(project, spec),
        group_name="raw",
        description=f"Rows that break a rule of {spec.agreed.contract.file}, as they were read for raw/{spec.table}.",
        owners=[spec.owner or domain.owner_email, f"team:{domain.owner_team}"],
        tags={"classification": spec.classification},
        kinds={spec.source.kind},
        partitions_def=spec.partitions and spec.partitions.definition(),
    )


def keep_apart(
    context: dg.AssetExecutionContext,
    project: Project,
    spec: IngestSpec,
    entrance: Entrance,
    judged: Mapping[str | None, Judged],
) -> None:
    """Write the rows of the judged partitions that do not come in, in one transaction, and tell Dagster of each."""
    key = _key(project, spec)
    table = Table.of(key)
    rows = entrance.quarantined()
    with tried_again(context.run), Warehouse(project.warehouse).writing() as connection:
        if spec.partitions:
            days = [*judged]
            replace_partitions(connection, table, keyed(table, rows, days), days, OnSchemaChange.APPEND_NEW_COLUMNS)
        else:
            table.replace(connection, rows)
    name = f"{table.layer}.{table.name}"
    for day, found in judged.items():
        metadata = {"dagster/row_count": found.quarantined, "dagster/table_name": name, **found.by_rule}
        context.log_event(dg.AssetMaterialization(key, partition=day, metadata=metadata))


def take_back(
    context: dg.AssetExecutionContext, project: Project, spec: IngestSpec, keys: Sequence[str | None]
) -> None:
    """Empty what a quarantine that is switched off still has of partitions that have come in whole."""
    warehouse, table = Warehouse(project.warehouse), Table.of(_key(project, spec))
    if not warehouse.path.exists():
        return
    with tried_again(context.run):
        with warehouse.reading() as connection:
            columns = table.columns(connection) or {}
        if BROKEN_RULES not in columns:  # none, or a table of its own that is named so
            return
        with warehouse.writing() as connection:
            if spec.partitions:
                connection.execute(f"DELETE FROM {table} WHERE {OF_PARTITIONS}", [list(keys)])
            else:
                connection.execute(f"DELETE FROM {table}")


def _key(project: Project, spec: IngestSpec) -> dg.AssetKey:
    return dg.AssetKey([project.domain.slug, "raw", f"{spec.table}_quarantine"])
