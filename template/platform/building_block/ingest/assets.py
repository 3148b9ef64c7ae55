# platform-owned: changed by `copier update` only; see platform/README.md
"""An ingest file as a Dagster asset."""

import hashlib
from collections.abc import Callable, Iterator, Mapping

import dagster as dg
import pyarrow as pa

from building_block.automation import policy
from building_block.contracts.retention import Term, today
from building_block.ingest.entrance import Entrance, keep_apart, take_back
from building_block.ingest.spec import IngestSpec
from building_block.project import Project
from building_block.records import FINGERPRINT, Landed, Records
from building_block.warehouse.client import ask
from building_block.warehouse.io_manager import RETENTION

_BY_CONDITION = "dagster/from_automation_condition"  # Dagster's tag on the runs that a condition, as a cron, starts


def asset_key(project: Project, spec: IngestSpec) -> dg.AssetKey:
    """Return ``<domain>/raw/<table>``."""
    return dg.AssetKey([project.domain.slug, "raw", spec.table])


def code_version(spec: IngestSpec) -> str:
    """Return a hash of what decides the table's content, so that a new description reads nothing again."""
    source = spec.source.model_dump_json(exclude={"when_missing"})
    columns = [f"{column.name} {column.type}" for column in spec.columns]
    content = [source, *columns, spec.undeclared_columns, spec.missing_columns]
    if spec.agreed:
        content += [spec.agreed.contract.source.digest, spec.on_violation]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()[:12]


def ingest_asset(project: Project, spec: IngestSpec, kept: Term | None = None) -> dg.AssetsDefinition:
    """Return the asset ``<domain>/raw/<table>`` that reads what the file declares, and of that what may be ``kept``."""
    domain = project.domain

    @dg.asset(
        key=asset_key(project, spec),
        group_name="raw",
        description=spec.description,
        owners=[spec.owner or domain.owner_email, f"team:{domain.owner_team}"],
        tags={"classification": spec.classification},
        kinds={spec.source.kind},
        code_version=code_version(spec),
        metadata={
            "dagster/column_schema": _column_schema(spec),
            # The declared columns are the policy: a column that the YAML gains is added to the table.
            "on_schema_change": "append_new_columns",
        }
        | ({RETENTION: kept.what} if kept else {}),
        partitions_def=spec.partitions and spec.partitions.definition(domain.timezone),
        automation_condition=spec.schedule and dg.AutomationCondition.on_cron(spec.schedule, domain.timezone),
        freshness_policy=policy(spec.freshness),
        # A day without trade has no file: the run then ends well and materialises nothing.
        output_required=False,
    )
    def ingest(context: dg.AssetExecutionContext) -> Iterator[dg.Output]:
        keys = context.partition_keys if spec.partitions else [None]
        found = {key: spec.source.fingerprint(project.root, key) for key in keys}
        if not any(found.values()) and spec.source.when_missing == "skip":
            context.log.info("Nothing has landed for %s.", " to ".join(filter(None, {keys[0], keys[-1]})))
            return
        if _BY_CONDITION in context.run.tags and _is_read(context.instance, context.asset_key, spec, found):
            context.log.info("What has landed was read before and is unchanged.")
            return
        for key in keys:
            # Of several days none may lack its file: the write would take the rows that the day has from earlier.
            context.add_asset_metadata({FINGERPRINT: found[key]}, partition_key=key)
        read = _reading(context, project, spec, kept)
        if spec.agreed is None:
            batches = (batch for key in keys for batch in read(key))  # each is opened when the one before is exhausted
            yield dg.Output(pa.RecordBatchReader.from_batches(spec.arrow_schema, batches))
            take_back(context, project, spec, keys)
            return
        with Entrance.open(project, spec) as entrance:
            judged = {key: entrance.judge(read(key), key or spec.table) for key in keys}
            for key, one in judged.items():
                counts = {"rows_read": one.rows, "rows_quarantined": one.quarantined}
                context.add_asset_metadata(counts, partition_key=key)
                for finding in one.warnings:
                    context.log.warning("%s: rule %s: %s", key or spec.table, finding.rule.name, finding.sentence)
            if spec.quarantine:  # before the others come in, and with them the record that the data was read
                keep_apart(context, project, spec, entrance, judged)
            yield dg.Output(entrance.admitted())
            if not spec.quarantine:  # written by now, so that no row is nowhere
                take_back(context, project, spec, keys)

    return ingest


def _is_read(
    instance: dg.DagsterInstance, key: dg.AssetKey, spec: IngestSpec, found: Mapping[str | None, str | None]
) -> bool:
    """Say whether all that was found is on record as it is: at the hour of a schedule, landing has mostly read it."""
    records = Records(instance, warehouse=None)
    done = records.partitions(key, [*found]) if spec.partitions else {None: records.latest([key]).get(key)}
    return not any(Landed(one).is_due(done.get(name), code_version(spec)) for name, one in found.items())


def _reading(
    context: dg.AssetExecutionContext, project: Project, spec: IngestSpec, kept: Term | None
) -> Callable[[str | None], pa.RecordBatchReader]:
    """Return what streams the data of a key without what is past its retention, and reports how many rows that were."""
    day = today()

    def read(key: str | None) -> pa.RecordBatchReader:
        stream = spec.source.read(project.root, key, spec)
        return pa.RecordBatchReader.from_batches(spec.arrow_schema, dropped(key, stream)) if kept else stream

    def dropped(key: str | None, stream: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        expired = 0
        for batch in stream:
            rest, count = kept.kept_of(batch, day)
            expired += count
            yield rest
        context.add_asset_metadata({"expired_rows": expired}, partition_key=key)
        if expired:
            ask(project.warehouse)  # the table may have held them until now

    return read


def _column_schema(spec: IngestSpec) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                type=column.type,
                description=column.description,
                tags={"classification": spec.classification_of(column)},
            )
            for column in spec.columns
        ]
    )
