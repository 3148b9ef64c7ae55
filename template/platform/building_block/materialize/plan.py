# platform-owned: changed by `copier update` only; see platform/README.md
"""What a build has to do: which assets, and which of their partitions, are missing or out of date."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import dagster as dg

from building_block.ingest.spec import IngestSpec
from building_block.materialize.records import Materialization, Records

MOST_PARTITIONS_A_RUN = 31
"""A month of days: large enough that a run's own cost vanishes, small enough that a failure repeats little."""


@dataclass(frozen=True)
class Step:
    """One run: several assets without partitions, or consecutive partitions of one asset."""

    assets: tuple[dg.AssetKey, ...]
    partitions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Landed:
    """Data in a landing folder behind a partition."""

    fingerprint: str | None

    def is_in(self, done: Materialization) -> bool:
        """Say whether a partition was made from this data."""
        return done.fingerprint == self.fingerprint


@dataclass(frozen=True)
class Upstream:
    """What the assets upstream hold for a partition."""

    storage_id: int

    def is_in(self, done: Materialization) -> bool:
        """Say whether a partition was made after this was written."""
        return done.storage_id > self.storage_id


class Plan:
    """The steps of one build, found one after another, since what a step writes makes what follows out of date."""

    def __init__(
        self,
        root: Path,
        specs: Sequence[dg.AssetSpec],
        ingest: Mapping[dg.AssetKey, IngestSpec],
        records: Records,
        executable: set[dg.AssetKey],
        chosen: set[dg.AssetKey] | None,
    ) -> None:
        self._root = root
        self._specs = {spec.key: spec for spec in specs}
        self._ingest = ingest
        self._records = records
        self._latest = records.latest(list(self._specs))
        self._chosen = chosen
        graph = TopologicalSorter({key: sorted(self._upstream(key)) for key in sorted(self._specs)})
        self._order = [key for key in graph.static_order() if key in executable]
        self._written: set[dg.AssetKey] = set()
        self._failed: set[dg.AssetKey] = set()

    def steps(self) -> Iterator[Step]:
        """Yield the steps in the order of the graph; tell ``done`` of each before the next."""
        waiting: list[dg.AssetKey] = []
        for key in self._order:
            if self._specs[key].partitions_def is None:
                waiting.append(key)
                continue
            if any(upstream in waiting for upstream in self._ancestors(key)):
                yield from self._together(waiting)
                waiting = []
            yield from self._by_partition(key)
        yield from self._together(waiting)

    def done(self, step: Step, failed: set[dg.AssetKey]) -> None:
        """Note how a step went: what reads its assets is due now, unless they failed."""
        self._failed |= failed
        self._written |= {*step.assets} - failed

    @property
    def blocked(self) -> list[dg.AssetKey]:
        """The assets that were left as they were, because something upstream failed."""
        wanted = [key for key in self._order if self._chosen is None or key in self._chosen]
        return [key for key in wanted if self._ancestors(key) & self._failed and key not in self._failed]

    def _together(self, keys: Sequence[dg.AssetKey]) -> Iterator[Step]:
        due: list[dg.AssetKey] = []
        for key in keys:
            if not self._ancestors(key) & self._failed and self._due(key, {*self._written, *due}):
                due.append(key)
        if due:
            yield Step(tuple(due))

    def _by_partition(self, key: dg.AssetKey) -> Iterator[Step]:
        if self._ancestors(key) & self._failed:
            return
        every = self._specs[key].partitions_def.get_partition_keys()
        due = self._due_partitions(key, every)
        for run in _consecutive(every, due):
            yield Step((key,), run)

    def _due(self, key: dg.AssetKey, new: set[dg.AssetKey]) -> bool:
        """Say whether an asset without partitions is due, given the assets that are new by then."""
        landed = self._ingest[key].source.fingerprint(self._root, None) if key in self._ingest else None
        if key in self._ingest and landed is None and self._ingest[key].source.when_missing == "skip":
            return False
        if self._chosen is not None:
            return key in self._chosen
        own, upstream = self._latest.get(key), self._upstream(key)
        if own is None or self._changed(key, own) or own.fingerprint != landed:
            return True
        newest = max((self._latest[other].storage_id for other in upstream if other in self._latest), default=0)
        return bool(upstream & new) or newest > own.storage_id

    def _due_partitions(self, key: dg.AssetKey, every: Sequence[str]) -> set[str]:
        """Return the partitions of an asset that have data upstream and are missing or out of date."""
        if self._chosen is not None and key not in self._chosen:
            return set()
        ready = self._landed(key, every) if key in self._ingest else self._read_from(key, every)
        if self._chosen is not None:
            return set(ready)
        done = self._records.partitions(key)
        return {
            name
            for name, source in ready.items()
            if name not in done or self._changed(key, done[name]) or not source.is_in(done[name])
        }

    def _changed(self, key: dg.AssetKey, done: Materialization) -> bool:
        """Say whether an asset's code is another than the one it was made by, as far as the asset tells."""
        version = self._specs[key].code_version
        return version is not None and version != done.code_version

    def _landed(self, key: dg.AssetKey, every: Sequence[str]) -> dict[str, Landed]:
        source = self._ingest[key].source
        names = source.partitions_available(self._root, self._ingest[key]) & set(every)
        return {name: Landed(source.fingerprint(self._root, name)) for name in names}

    def _read_from(self, key: dg.AssetKey, every: Sequence[str]) -> dict[str, Upstream]:
        own = self._specs[key].partitions_def
        same = [other for other in self._upstream(key) if self._specs[other].partitions_def == own]
        records = [self._records.partitions(other) for other in same]
        whole = max((self._latest[o].storage_id for o in self._upstream(key) - {*same} if o in self._latest), default=0)
        return {
            name: Upstream(max([whole, *(record[name].storage_id for record in records)]))
            for name in set(every).intersection(*records)
        }

    def _upstream(self, key: dg.AssetKey) -> set[dg.AssetKey]:
        return {dep.asset_key for dep in self._specs[key].deps if dep.asset_key in self._specs}

    def _ancestors(self, key: dg.AssetKey) -> set[dg.AssetKey]:
        found: set[dg.AssetKey] = set()
        to_visit = self._upstream(key)
        while to_visit:
            found |= to_visit
            to_visit = {other for one in to_visit for other in self._upstream(one)} - found
        return found


def _consecutive(every: Sequence[str], due: set[str]) -> Iterator[tuple[str, ...]]:
    """Yield the due partitions in runs without a gap: Dagster names a run's partitions by the first and the last."""
    run: list[str] = []
    for name in every:
        if run and (name not in due or len(run) == MOST_PARTITIONS_A_RUN):
            yield tuple(run)
            run = []
        if name in due:
            run.append(name)
    if run:
        yield tuple(run)
