# platform-owned: changed by `copier update` only; see platform/README.md
"""What Dagster has on record about earlier builds, whether it is still there, and what has landed since."""

import json
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from building_block.ingest.source import Folders
from building_block.ingest.spec import IngestSpec
from building_block.warehouse.client import Warehouse, tables

FINGERPRINT = "fingerprint"
"""Metadata of a materialised partition: identity of the data it was read from, so that replaced data is read again."""
_PAGE = 1000


@dataclass(frozen=True)
class Materialization:
    """The latest one of an asset or of a partition."""

    storage_id: int
    """Grows with time over all assets of the instance."""
    code_version: str | None
    fingerprint: str | None
    """Identity of the landed data that was read; None for what was not read from a landing folder."""


class Ready(ABC):
    """What a partition, or an asset without partitions, can be made from now."""

    @abstractmethod
    def is_in(self, done: Materialization) -> bool:
        """Say whether a materialisation was made from it."""

    def is_due(self, done: Materialization | None, code_version: str | None) -> bool:
        """Say whether it was never made, or from something else, or by another version of its code."""
        if done is None or not self.is_in(done):
            return True
        return code_version is not None and code_version != done.code_version


class Records:
    """Reads Dagster's instance; an asset whose table or file is gone counts as never built.

    Without a warehouse no table is looked for: who must not wait for its lock leaves it out.
    """

    def __init__(self, instance: dg.DagsterInstance, warehouse: Warehouse | None) -> None:
        self._instance = instance
        self._warehouse = warehouse

    def latest(self, keys: Sequence[dg.AssetKey]) -> dict[dg.AssetKey, Materialization]:
        """Return the latest materialisation of each asset that has one, in one query."""
        entries = (record.asset_entry for record in self._instance.get_asset_records(list(keys)))
        events = ((entry.asset_key, entry.last_materialization_record) for entry in entries)
        is_there = self._is_there()
        return {
            key: _materialization(event)
            for key, event in events
            if event is not None and is_there(event) and _has_its_files(event)
        }

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

    def partitions(self, key: dg.AssetKey, names: Collection[str] | None = None) -> dict[str, Materialization]:
        """Return the latest materialisation of each partition of an asset, or of those of ``names`` that have one."""
        ids = self._instance.event_log_storage.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION, names and {*names}
        )
        is_there = self._is_there()  # asked each time: an earlier step of the build may have made the table
        latest: dict[str, Materialization] = {}
        newest_first = sorted(ids.values(), reverse=True)
        for page in range(0, len(newest_first), _PAGE):
            wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=newest_first[page : page + _PAGE])
            for event in self._instance.fetch_materializations(wanted, limit=_PAGE).records:
                if not is_there(event):
                    return {}
                if _has_its_files(event):
                    latest[event.partition_key] = _materialization(event)
        return latest

    def _is_there(self) -> Callable[[dg.EventLogRecord], bool]:
        there = None if self._warehouse is None else tables(self._warehouse)
        return lambda event: there is None or _is_in(there, event)


def _is_in(there: set[str], event: dg.EventLogRecord) -> bool:
    """Say whether the table that a materialisation names still exists; true for what is no table."""
    name = event.asset_materialization.metadata.get("dagster/table_name")
    return name is None or ".".join(str(name.value).split(".")[-2:]) in there


def _has_its_files(event: dg.EventLogRecord) -> bool:
    """Say whether the files still exist that a materialisation names; of a relative path nobody knows the folder."""
    values = event.asset_materialization.metadata.values()
    paths = (Path(value.path) for value in values if isinstance(value, dg.PathMetadataValue) and value.path)
    return all(path.exists() for path in paths if path.is_absolute())


def _materialization(event: dg.EventLogRecord) -> Materialization:
    materialization = event.asset_materialization
    fingerprint = materialization.metadata.get(FINGERPRINT)
    return Materialization(
        event.storage_id, (materialization.tags or {}).get("dagster/code_version"), fingerprint and fingerprint.value
    )


# What lies in a landing folder, held against them: one decision for `poe build` and the landing sensor ----------------

NAMED = 3


@dataclass(frozen=True)
class Landed(Ready):
    """Data in a landing folder behind a partition, or behind a table without partitions."""

    fingerprint: str | None

    def is_in(self, done: Materialization) -> bool:
        """Say whether it was made from this data."""
        return done.fingerprint == self.fingerprint


def landed(root: Path, spec: IngestSpec, folders: Folders) -> dict[str | None, Landed]:
    """Return what has landed for a table, by partition key, or by None when it has no partitions.

    Raises:
        ProblemError: the folder is missing or cannot be read.
    """
    return {key: Landed(found) for key, found in spec.source.landed(root, spec, folders).items()}


def outside(spec: IngestSpec, names: Iterable[str], every: Sequence[str]) -> list[str]:
    """Return a notice when some of the landed days ``names`` are none of the partitions ``every``."""
    left = sorted({*names} - {*every})
    of = f"{every[0]} to {every[-1]}, the last day that is over" if every else "the days that are over"
    return [f"raw/{spec.table}: {first_few(left)} left where they are, outside of {of}"] if left else []


def first_few(names: Sequence[str]) -> str:
    """Return the first names and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


# Runs whose process is gone: Dagster would show them as started, and let others wait, for ever ------------------------

BUILD_TAG = "bb_build"
"""On the runs of `poe build`, with the id of its process."""
_SERVER_TAG = ".dagster/grpc_info"  # which code server runs it; Dagster's default launcher writes it to cancel by
_UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def end_abandoned_runs(instance: dg.DagsterInstance, *, building: bool, again: bool) -> None:
    """End the runs of this machine whose process was killed, or went down with the machine.

    Dagster's run monitoring sees a killed run only while the code server lives that started it. Such a run is reported
    as failed when the daemon is to run it ``again``, else as cancelled; a run of `poe build` as cancelled, since the
    next build does its work: unless another process is ``building`` right now.
    """
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY)):
        if _SERVER_TAG in run.tags and not _answers(json.loads(run.tags[_SERVER_TAG])):
            end = instance.report_run_failed if again else instance.report_run_canceled
            end(run, "The process of this run is gone.")
        elif BUILD_TAG in run.tags and not building:
            instance.report_run_canceled(run, "The process of this build is gone; the next build does its work.")


def _answers(server: dict[str, str | int]) -> bool:
    """Say whether a code server listens at its socket, or at its port where there are no such sockets (Windows)."""
    try:
        if path := server.get("socket"):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
        else:
            socket.create_connection((server["host"], server["port"]), timeout=5).close()
    except OSError:
        return False
    return True
