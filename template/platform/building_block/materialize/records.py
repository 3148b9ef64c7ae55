# platform-owned: changed by `copier update` only; see platform/README.md
"""What Dagster has on record about earlier builds, and whether the warehouse still has it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from building_block.ingest.assets import FINGERPRINT
from building_block.warehouse.client import Warehouse
from building_block.warehouse.inventory import tables

_PAGE = 1000


@dataclass(frozen=True)
class Materialization:
    """The latest one of an asset or of a partition."""

    storage_id: int
    """Grows with time over all assets of the instance."""
    code_version: str | None
    fingerprint: str | None
    """Identity of the landed data that was read; None for what was not read from a landing folder."""


class Records:
    """Reads Dagster's instance; an asset whose table is gone from the warehouse counts as never built."""

    def __init__(self, instance: dg.DagsterInstance, warehouse: Warehouse) -> None:
        self._instance = instance
        self._warehouse = warehouse

    def latest(self, keys: Sequence[dg.AssetKey]) -> dict[dg.AssetKey, Materialization]:
        """Return the latest materialisation of each asset that has one, in one query."""
        entries = (record.asset_entry for record in self._instance.get_asset_records(list(keys)))
        events = ((entry.asset_key, entry.last_materialization_record) for entry in entries)
        there = tables(self._warehouse)
        return {key: _materialization(event) for key, event in events if event is not None and _is_in(there, event)}

    def failing(self, checks: Sequence[dg.AssetCheckKey]) -> set[dg.AssetKey]:
        """Return the assets of which a check failed, with severity ERROR, the last time that it ran."""
        found = self._instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
        evaluations = (record.event.dagster_event.event_specific_data for record in found.values() if record.event)
        return {
            evaluation.asset_key
            for evaluation in evaluations
            if isinstance(evaluation, dg.AssetCheckEvaluation)
            and not evaluation.passed
            and evaluation.severity == dg.AssetCheckSeverity.ERROR
        }

    def partitions(self, key: dg.AssetKey) -> dict[str, Materialization]:
        """Return the latest materialisation of each partition of an asset."""
        latest: dict[str, Materialization] = {}
        there = tables(self._warehouse)  # asked each time: an earlier step of the build may have made the table
        for event in self._newest_first(key):
            if not _is_in(there, event):
                return {}
            latest.setdefault(event.partition_key, _materialization(event))
        return latest

    def _newest_first(self, key: dg.AssetKey) -> Iterator[dg.EventLogRecord]:
        cursor, more = None, True
        while more:
            page = self._instance.fetch_materializations(key, limit=_PAGE, cursor=cursor)
            yield from page.records
            cursor, more = page.cursor, page.has_more


def _is_in(there: set[str], event: dg.EventLogRecord) -> bool:
    """Say whether the table that a materialisation names still exists; true for what is no table."""
    name = event.asset_materialization.metadata.get("dagster/table_name")
    return name is None or ".".join(str(name.value).split(".")[-2:]) in there


def _materialization(event: dg.EventLogRecord) -> Materialization:
    materialization = event.asset_materialization
    fingerprint = materialization.metadata.get(FINGERPRINT)
    return Materialization(
        event.storage_id, (materialization.tags or {}).get("dagster/code_version"), fingerprint and fingerprint.value
    )
