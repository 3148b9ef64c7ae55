# platform-owned: changed by `copier update` only; see platform/README.md
"""The sensor that starts what has landed: a new file its partition, a replaced file the same partition again."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import dagster as dg
from pydantic import BaseModel, ValidationError

from building_block.automation import default_status
from building_block.ingest.assets import asset_key, code_version
from building_block.ingest.source import Folders
from building_block.ingest.spec import IngestSpec
from building_block.messages import ProblemError
from building_block.project import Project
from building_block.records import Landed, Materialization, Records, first_few, landed, outside

MOST_RUNS_A_LOOK = 10
"""About what is worked off before the next look but one: a thousand files fill the queue little by little."""
SECONDS_BETWEEN_LOOKS = 30
LANDED_TAG = "bb_landed"
"""On the runs of the sensor, with the table, the partition and the identity of the data that each is for."""
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class Seen(BaseModel):
    """What earlier looks found of one table. A table without partitions has one partition here, of the name ``""``."""

    folder: str = ""
    """Hash of all that lay in the landing folder."""
    new: dict[str, str] = {}
    """Partitions that are due and not started yet, with the identity of the data that they are due for."""
    started: dict[str, str] = {}
    """Partitions that were started for that data and are not done: waiting, under way or failed."""
    notices: list[str] = []

    def told(self, table: str) -> Iterator[str]:
        """Yield what a person may want to know of the table."""
        yield from self.notices
        for names, what in (
            (self.new, "landed; each starts when two looks found the same file"),
            (
                self.started,
                "started and not done yet; if the run failed, put right what failed, then land the file again, or "
                "materialise it in the browser or by `poe build`",
            ),
        ):
            if names:
                yield " ".join(filter(None, (f"raw/{table}:", first_few(sorted(names)), what)))


class Memory(BaseModel):
    """The sensor's cursor: what was seen, by table."""

    tables: dict[str, Seen] = {}

    @classmethod
    def of(cls, cursor: str | None) -> "Memory":
        """Return what a cursor says; one that a person or another version wrote is forgotten, which costs one look."""
        try:
            return cls.model_validate_json(cursor or "{}")
        except ValidationError:
            return cls()


@dataclass(frozen=True)
class Table:
    """One ingest file as the sensor sees it."""

    project: Project
    spec: IngestSpec

    @property
    def key(self) -> dg.AssetKey:
        """The asset."""
        return asset_key(self.project, self.spec)

    @property
    def _days(self) -> dg.DailyPartitionsDefinition | None:
        return self.spec.partitions and self.spec.partitions.definition(self.project.domain.timezone)

    def look(self, before: Seen, folders: Folders, done: "Done") -> Seen:
        """Return what is seen now; asks the records only when something changed since ``before`` or is not done.

        Raises:
            ProblemError: the landing folder is missing or cannot be read.
        """
        found = {key or "": data for key, data in landed(self.project.root, self.spec, folders).items()}
        folder = self._hash(found)
        if folder == before.folder and not before.new:
            if not before.started:
                return before
            due = self._due(found, before.started, done.of(self, before.started))
            return before.model_copy(update={"started": _same(before.started, due)})
        every = self._every()
        made = done.of(self)
        due = self._due(found, found.keys() & {*every}, made)
        started = _same(before.started, due)
        new = {name: identity for name, identity in due.items() if name not in started}
        return Seen(folder=folder, new=new, started=started, notices=self._notices(found, made, every))

    def request(self, name: str, identity: str, instance: dg.DagsterInstance) -> dg.RunRequest:
        """Return the run of one partition; Dagster starts no second one for the same data until that run has ended."""
        landed = "/".join(filter(None, (*self.key.path[1:], name, identity)))
        # Dagster refuses a run key for ever, and data may be put back as it was: the key names the run it comes after.
        ended = instance.get_run_ids(dg.RunsFilter(tags={LANDED_TAG: landed}, statuses=_ENDED), limit=1)
        return dg.RunRequest(
            "/".join((landed, *ended)),
            asset_selection=[self.key],
            partition_key=name or None,
            tags={LANDED_TAG: landed},
        )

    def _due(
        self, found: Mapping[str, Landed], names: Collection[str], done: Mapping[str, Materialization]
    ) -> dict[str, str]:
        version = code_version(self.spec)
        return {
            name: f"{found[name].fingerprint}/{version}"
            for name in sorted(names)
            if name in found and found[name].is_due(done.get(name), version)
        }

    def _every(self) -> Sequence[str]:
        return self._days.get_partition_keys() if self._days else [""]

    def _hash(self, found: Mapping[str, Landed]) -> str:
        # The last day that is over counts, too: at midnight a file that landed early gets its partition.
        last = self._days and self._days.get_last_partition_key()
        lies = sorted((name, data.fingerprint) for name, data in found.items())
        return hashlib.sha256(json.dumps([code_version(self.spec), last, lies]).encode()).hexdigest()[:16]

    def _notices(
        self, found: Mapping[str, Landed], done: Mapping[str, Materialization], every: Sequence[str]
    ) -> list[str]:
        notices = outside(self.spec, found, every) if self.spec.partitions else []
        if gone := sorted(done.keys() - found.keys()):
            which = first_few(gone) if self.spec.partitions else "the file"
            notices.append(f"raw/{self.spec.table}: {which} vanished from the landing folder; the rows stay")
        return notices


@dataclass(frozen=True)
class Done:
    """What is on record of the tables, asked for at most once a look for all that have no partitions."""

    records: Records
    tables: Sequence[Table]

    def of(self, table: Table, names: Collection[str] | None = None) -> Mapping[str, Materialization]:
        """Return the latest materialisations of a table by partition, or of those of ``names`` that have one."""
        if table.spec.partitions:
            return self.records.partitions(table.key, names)
        return {"": self._latest[table.key]} if table.key in self._latest else {}

    @cached_property
    def _latest(self) -> Mapping[dg.AssetKey, Materialization]:
        return self.records.latest([table.key for table in self.tables if not table.spec.partitions])


def landing_sensor(project: Project, specs: Sequence[IngestSpec]) -> dg.SensorDefinition:
    """Return the sensor over the landing folders of all ingest files.

    A file is read when two looks in a row found it with the same size and time, so that one that still grows is left
    alone. What was read or started is not started again until the file, or what the ingest file says of it, changes:
    also back to what it was.
    """
    tables = {spec.table: Table(project, spec) for spec in specs}

    @dg.sensor(
        name="bb_landing",
        target=dg.AssetSelection.assets(*(table.key for table in tables.values())),
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=default_status(),
        description="Starts the partition of each file that lands, and again when the file is replaced.",
    )
    def bb_landing(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        before = Memory.of(context.cursor).tables
        # Without the warehouse: a run that writes for an hour holds its lock.
        folders, done = Folders(), Done(Records(context.instance, warehouse=None), [*tables.values()])
        now: dict[str, Seen] = {}
        told: list[str] = []
        for name, table in tables.items():
            try:
                now[name] = table.look(before.get(name, Seen()), folders, done)
            except ProblemError as error:
                told += map(str, error.problems)
                # What cannot be seen is not started; once it can be seen again, it is looked at anew.
                now[name] = Seen(started=before[name].started if name in before else {})
        requests = []
        for name, partition in _first(now, before):
            seen = now[name]
            identity = seen.started[partition] = seen.new.pop(partition)
            requests.append(tables[name].request(partition, identity, context.instance))
        told += [sentence for name, seen in now.items() for sentence in seen.told(name)]
        for sentence in told:
            context.log.info(sentence)
        skip = None if requests else "\n".join(told) or "Nothing new has landed."
        return dg.SensorResult(requests, skip, cursor=Memory(tables=now).model_dump_json(exclude_defaults=True))

    return bb_landing


def _same(identities: Mapping[str, str], due: Mapping[str, str]) -> dict[str, str]:
    return {name: identity for name, identity in identities.items() if due.get(name) == identity}


def _first(now: Mapping[str, Seen], before: Mapping[str, Seen]) -> list[tuple[str, str]]:
    """Return table and partition of what may start: found twice alike, the tables taking turns."""
    ranked = [
        (rank, name, partition)
        for name, seen in now.items()
        for rank, partition in enumerate(_same(seen.new, before[name].new if name in before else {}))
    ]
    return [(name, partition) for _, name, partition in sorted(ranked)[:MOST_RUNS_A_LOOK]]
