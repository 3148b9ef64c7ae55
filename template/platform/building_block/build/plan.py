# platform-owned: changed by `copier update` only; see platform/README.md
"""What a build has to do: which assets, and which of their partitions, are missing or out of date."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import dagster as dg

from building_block.build.records import Records
from building_block.ingest.spec import IngestSpec
from building_block.messages import Code, Problem, ProblemError, nearest

MOST_PARTITIONS_A_RUN = 31
"""A month of days: large enough that a run's own cost vanishes, small enough that a failure repeats little."""


@dataclass(frozen=True)
class Step:
    """One run: several assets without partitions, or consecutive partitions of one asset."""

    assets: tuple[dg.AssetKey, ...]
    partitions: tuple[str, ...] = ()


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
        return [key for key in self._order if self._ancestors(key) & self._failed and key not in self._failed]

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
        if self._chosen is not None:
            return key in self._chosen
        own, upstream = self._latest.get(key), self._upstream(key)
        if own is None or own.code_version != self._specs[key].code_version or upstream & new:
            return True
        return any(other in self._latest and self._latest[other].storage_id > own.storage_id for other in upstream)

    def _due_partitions(self, key: dg.AssetKey, every: Sequence[str]) -> set[str]:
        if self._chosen is not None and key not in self._chosen:
            return set()
        done = self._records.partitions(key)
        version = self._specs[key].code_version
        if spec := self._ingest.get(key):
            landed = spec.source.partitions_available(self._root, spec) & set(every)
            now = {name: spec.source.fingerprint(self._root, name) for name in landed}
            if self._chosen is not None:
                return set(now)
            return {
                name for name in now if name not in done or (done[name].code_version, done[name].fingerprint) != (version, now[name])
            }
        upstream = [other for other in self._upstream(key) if self._specs[other].partitions_def]
        ready = set(every).intersection(*(self._records.partitions(other) for other in upstream))
        if self._chosen is not None or any(other in self._written for other in self._upstream(key)):
            return ready
        return {name for name in ready if name not in done or done[name].code_version != version}

    def _upstream(self, key: dg.AssetKey) -> set[dg.AssetKey]:
        return {dep.asset_key for dep in self._specs[key].deps if dep.asset_key in self._specs}

    def _ancestors(self, key: dg.AssetKey) -> set[dg.AssetKey]:
        found: set[dg.AssetKey] = set()
        to_visit = self._upstream(key)
        while to_visit:
            found |= to_visit
            to_visit = {other for one in to_visit for other in self._upstream(one)} - found
        return found


def chosen_assets(defs: dg.Definitions, selection: Sequence[str]) -> set[dg.AssetKey] | None:
    """Return the assets that a person's words select, or None for no words.

    A word is an asset's name (``orders_cleaned``, ``marts/orders_cleaned``), a layer (``marts``), either with ``+`` before it
    (and all upstream) or after it (and all downstream), or any other selection of Dagster's own syntax.

    Raises:
        ProblemError: a word selects nothing.
    """
    if not selection:
        return None
    graph = defs.resolve_asset_graph()
    names = {"/".join(key.path[at:]): key for key in graph.materializable_asset_keys for at in range(len(key.path))}
    layers = {spec.group_name for spec in defs.resolve_all_asset_specs()}
    chosen: set[dg.AssetKey] = set()
    for word in selection:
        before, name, after = re.fullmatch(r"(\+?)(.*?)(\+?)", word).groups()
        if name in layers:
            name = f'group:"{name}"'
        elif name in names:
            name = f'key:"{names[name].to_user_string()}"'
        try:
            found = dg.AssetSelection.from_string(before + name + after).resolve(graph)
        except Exception:  # the parser raises types of its own; what is wrong is always the word
            found = set()
        if not found:
            write = f"write {nearest(name, [*names, *layers])}"
            raise ProblemError(Problem(Code.SELECTION_UNKNOWN, "poe build", f"`{word}` selects no asset", write))
        chosen |= found & graph.materializable_asset_keys
    return chosen


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
