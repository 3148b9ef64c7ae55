# platform-owned: changed by `copier update` only; see platform/README.md
"""What a build has to do: which assets, and which of their partitions, are missing, out of date or asked for."""

import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import dagster as dg

from building_block.ingest.source import Folders
from building_block.ingest.spec import IngestSpec
from building_block.messages import Code, Problem, ProblemError, nearest
from building_block.records import Landed, Materialization, Ready, Records, landed, outside

MOST_PARTITIONS_A_RUN = 31
"""A month of days: large enough that a run's own cost vanishes, small enough that a failure repeats little."""


@dataclass(frozen=True)
class Step:
    """One run: several assets without partitions, or consecutive partitions of one asset."""

    assets: tuple[dg.AssetKey, ...]
    partitions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Upstream(Ready):
    """What the assets upstream hold for a partition."""

    storage_id: int

    def is_in(self, done: Materialization) -> bool:
        """Say whether it was made after this was written."""
        return done.storage_id > self.storage_id


class Plan:
    """The steps of one build, found one after another, since what a step writes makes what follows out of date."""

    def __init__(
        self,
        root: Path,
        specs: Sequence[dg.AssetSpec],
        ingest: Mapping[dg.AssetKey, IngestSpec],
        records: Records,
        failing: set[dg.AssetKey],
        chosen: set[dg.AssetKey] | None,
    ) -> None:
        self._root = root
        self._specs = {spec.key: spec for spec in specs}
        self._ingest = ingest
        self._records = records
        self._folders = Folders()
        self._failing = failing
        self._chosen = chosen
        self._latest = records.latest(list(self._specs))
        graph = TopologicalSorter({key: sorted(self._upstream(key)) for key in sorted(self._specs)})
        self._order = list(graph.static_order())
        self._written: set[dg.AssetKey] = set()
        self._without_data: set[dg.AssetKey] = set()
        self._left: set[dg.AssetKey] = set()
        self.problems: list[Problem] = []
        self.notices: list[str] = []

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

    def done(self, step: Step, failed: set[dg.AssetKey], left: set[dg.AssetKey]) -> None:
        """Note how a step went: what reads its assets is due now, unless they ``failed``.

        Those that were ``left`` unattempted, since others failed before them, are in the next step if none of their own
        ancestors failed. At least one of the step's assets must not be left.
        """
        self._without_data |= failed
        self._written |= {*step.assets} - failed - left
        self._left = left

    @property
    def blocked(self) -> dict[dg.AssetKey, list[dg.AssetKey]]:
        """The assets that were not attempted, each with those upstream that it waits for: they failed or lack data."""
        wanted = [key for key in self._order if self._chosen is None or key in self._chosen]
        lacking = {key: self._ancestors(key) & self._without_data for key in self._order}
        return {key: sorted(one for one in lacking[key] if not lacking[one]) for key in wanted if lacking[key]}

    def _is_blocked(self, key: dg.AssetKey) -> bool:
        return bool(self._ancestors(key) & self._without_data)

    def _together(self, keys: Sequence[dg.AssetKey]) -> Iterator[Step]:
        due: list[dg.AssetKey] = []
        for key in keys:
            if not self._is_blocked(key) and self._due(key, {*self._written, *due}):
                due.append(key)
        while due:
            yield Step(tuple(due))
            # Assets of one op fail together, and Dagster then skips what reads any of them.
            due = [key for key in due if key in self._left and not self._is_blocked(key)]

    def _by_partition(self, key: dg.AssetKey) -> Iterator[Step]:
        if self._is_blocked(key):
            return
        due = self._due_partitions(key, self._specs[key].partitions_def.get_partition_keys())
        # Only our own ingest is known to take several partitions at once; what a unit writes is given one.
        yield from (Step((key,), run) for run in _consecutive(due, MOST_PARTITIONS_A_RUN if key in self._ingest else 1))

    def _due(self, key: dg.AssetKey, new: set[dg.AssetKey]) -> bool:
        """Say whether an asset without partitions is due, given the assets that are new by then."""
        if self._chosen is not None and key not in self._chosen:
            return False
        own, upstream = self._latest.get(key), self._upstream(key)
        ready = Landed(None)
        if key in self._ingest:
            spec = self._ingest[key]
            ready = landed(self._root, spec, self._folders).get(None, ready)
            if ready.fingerprint is None and spec.source.when_missing == "skip":
                self._has_nothing(key, own is not None)
                return False
        if self._chosen is not None or key in self._failing or ready.is_due(own, self._specs[key].code_version):
            return True
        newest = max((self._latest[other].storage_id for other in upstream if other in self._latest), default=0)
        return bool(upstream & new) or newest > own.storage_id

    def _due_partitions(self, key: dg.AssetKey, every: Sequence[str]) -> list[tuple[int, str]]:
        """Return place and name of the partitions that have data upstream and are missing or out of date."""
        if self._chosen is not None and key not in self._chosen:
            return []
        ready = self._landed(key, every) if key in self._ingest else self._read_from(key, every)
        done = self._records.partitions(key)
        self._has_nothing(key, bool(ready or done))
        return [
            (place, name)
            for place, name in enumerate(every)
            if name in ready
            and (self._chosen is not None or ready[name].is_due(done.get(name), self._specs[key].code_version))
        ]

    def _has_nothing(self, key: dg.AssetKey, has_data: bool) -> None:
        """Keep what reads an asset from being built while the asset has never had data."""
        if not has_data and key not in self._without_data:
            self._without_data.add(key)
            self.notices.append(f"{'/'.join(key.path[-2:])}: nothing has landed yet")

    def _landed(self, key: dg.AssetKey, every: Sequence[str]) -> dict[str, Landed]:
        spec = self._ingest[key]
        found = landed(self._root, spec, self._folders)
        self.notices += outside(spec, found, every)
        return {name: found[name] for name in found.keys() & {*every}}

    def _read_from(self, key: dg.AssetKey, every: Sequence[str]) -> dict[str, Upstream]:
        """Return the partitions that every partitioned asset upstream has, by name."""
        spec = self._specs[key]
        partitioned = [other for other in self._upstream(key) if self._specs[other].partitions_def]
        mapped = any(dep.partition_mapping for dep in spec.deps if dep.asset_key != key)
        alike = (_same_names(spec.partitions_def, self._specs[other].partitions_def) for other in partitioned)
        if mapped or not all(alike):
            what = f"{'/'.join(key.path[-2:])} has other partitions than what it reads"
            write = "materialise it in the browser, `poe start`: `poe build` goes partition by partition of one name"
            self.problems.append(Problem(Code.PARTITIONS, f"src/{key.path[0]}", what, write))
            self._without_data.add(key)
            return {}
        records = [self._records.partitions(other) for other in partitioned]
        others = self._upstream(key) - {*partitioned}
        whole = max((self._latest[other].storage_id for other in others if other in self._latest), default=0)
        return {
            name: Upstream(max([whole, *(record[name].storage_id for record in records)]))
            for name in set(every).intersection(*records)
        }

    def _upstream(self, key: dg.AssetKey) -> set[dg.AssetKey]:
        """Return the project's assets that an asset reads, itself left out: a day may read the day before it."""
        return {dep.asset_key for dep in self._specs[key].deps if dep.asset_key in self._specs} - {key}

    def _ancestors(self, key: dg.AssetKey) -> set[dg.AssetKey]:
        found: set[dg.AssetKey] = set()
        to_visit = self._upstream(key)
        while to_visit:
            found |= to_visit
            to_visit = {other for one in to_visit for other in self._upstream(one)} - found
        return found


def _same_names(one: dg.PartitionsDefinition, other: dg.PartitionsDefinition) -> bool:
    """Say whether equal names mean equal partitions, whenever each of the two begins."""
    if isinstance(one, dg.TimeWindowPartitionsDefinition) and isinstance(other, dg.TimeWindowPartitionsDefinition):
        return (one.cron_schedule, one.fmt, one.timezone) == (other.cron_schedule, other.fmt, other.timezone)
    return one == other


def _consecutive(due: Sequence[tuple[int, str]], most: int) -> Iterator[tuple[str, ...]]:
    """Yield the due partitions in runs without a gap: Dagster names a run's partitions by the first and the last."""
    run: list[tuple[int, str]] = []
    for place, name in due:
        if run and (place != run[-1][0] + 1 or len(run) == most):
            yield tuple(name for _, name in run)
            run = []
        run.append((place, name))
    if run:
        yield tuple(name for _, name in run)


# The assets that a person's words select ------------------------------------------------------------------------------


def chosen_assets(defs: dg.Definitions, selection: Sequence[str]) -> set[dg.AssetKey] | None:
    """Return the assets that a person's words select, or None for no words.

    A word is an asset's name (``orders_cleaned``, ``marts/orders_cleaned``) or a layer (``marts``), either with ``+``
    before it (and all upstream) or after it (and all downstream), or any other selection of Dagster's own syntax.

    Raises:
        ProblemError: a word selects nothing, or names several assets.
    """
    if not selection:
        return None
    graph = defs.resolve_asset_graph()
    names: dict[str, list[dg.AssetKey]] = defaultdict(list)
    for key in sorted(graph.materializable_asset_keys):
        for at in range(len(key.path)):
            names["/".join(key.path[at:])].append(key)
    layers = {spec.group_name for spec in defs.resolve_all_asset_specs()}
    chosen: set[dg.AssetKey] = set()
    for word in selection:
        before, name, after = re.fullmatch(r"(\+?)(.*?)(\+?)", word).groups()
        if name in layers:
            name = f'group:"{name}"'
        elif len(names.get(name, ())) > 1:
            several = " or ".join("/".join(key.path[1:]) for key in names[name])
            raise ProblemError(
                Problem(Code.SELECTION_UNKNOWN, "poe build", f"`{word}` names several assets", f"write {several}")
            )
        elif name in names:
            name = f'key:"{names[name][0].to_user_string()}"'
        try:
            with warnings.catch_warnings(action="ignore", category=dg.BetaWarning):
                found = dg.AssetSelection.from_string(before + name + after).resolve(graph)
        except Exception:  # the parser raises types of its own; what is wrong is always the word
            found = set()
        if not found:
            write = f"write {nearest(name, [*names, *layers])}"
            raise ProblemError(Problem(Code.SELECTION_UNKNOWN, "poe build", f"`{word}` selects no asset", write))
        chosen |= found & graph.materializable_asset_keys
    return chosen
