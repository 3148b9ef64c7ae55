# platform-owned: changed by `copier update` only; see platform/README.md
"""Which table keeps its rows how long and what becomes of them then, as the contracts say it."""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import yaml

from building_block.contracts.contract import CONTRACT, Contract, contract
from building_block.contracts.service_levels import Action, Place
from building_block.contracts.standard import read
from building_block.messages import Code, Problem, ProblemError, nearest, shown
from building_block.project import LAYERS, Project
from building_block.sql import quoted
from building_block.yaml_nodes import Loader

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "bb_retention"
"""Of the job, of its schedule and of each check."""
DATES = ("date", "timestamp")
"""The types of an ingest file from which a row's age can be counted."""


def today() -> date:
    """Return the day by which a row's age is told, for all alike."""
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class Term:
    """How long one table keeps its rows, be it of the warehouse or published, and what becomes of a row then."""

    contract: Contract
    layer: str
    table: str
    column: str
    """The date or timestamp that a row's age counts from; a row without one is never past its retention."""
    personal: tuple[str, ...] | None
    """The columns that are emptied then; None where the row is deleted."""

    @property
    def what(self) -> str:
        """Return the agreement as a person says it."""
        done = "deleted" if self.personal is None else f"{', '.join(self.personal)} emptied"
        return f"{self.contract.retention.span} from {self.column}, then {done}"

    def is_past(self, kind: str, day: date) -> str:
        """Return SQL that is true of a row that is past its retention on ``day``; ``kind`` is its column's type."""
        column, first = quoted(self.column), self.contract.retention.span.before(day).isoformat()
        match kind:
            case "DATE":
                return f"{column} < DATE '{first}'"
            case "TIMESTAMP WITH TIME ZONE":
                return f"{column} < TIMESTAMPTZ '{first} 00:00:00+00'"
        # Of text that is no timestamp, as in a quarantine, nobody knows the age.
        return f"TRY_CAST({column} AS TIMESTAMP) < TIMESTAMP '{first} 00:00:00'"

    def is_due(self, kind: str, day: date) -> str:
        """Return SQL that is true of a row of which something is there that may not be kept."""
        if self.personal is None:
            return self.is_past(kind, day)
        filled = " OR ".join(f"{quoted(name)} IS NOT NULL" for name in self.personal)
        return f"{self.is_past(kind, day)} AND ({filled or 'false'})"

    def kept(self, relation: str, kind: str, day: date) -> str:
        """Return a SELECT of what may be kept of ``relation``, SQL after FROM."""
        past = self.is_past(kind, day)
        if self.personal is None:
            return f"SELECT * FROM {relation} WHERE ({past}) IS NOT TRUE"
        names = map(quoted, self.personal)
        emptied = ", ".join(f"CASE WHEN {past} THEN NULL ELSE {name} END AS {name}" for name in names)
        return f"SELECT * REPLACE ({emptied}) FROM {relation}"

    def kept_of(self, batch: "pa.RecordBatch", day: date) -> "tuple[pa.RecordBatch, int]":
        """Return what may be kept of an ingest's batch, and how many of its rows are past their retention."""
        import pyarrow as pa
        import pyarrow.compute as pc

        dates = batch[self.column]
        first = pa.scalar(self.contract.retention.span.before(day)).cast(dates.type)
        past = pc.fill_null(pc.less(dates, first), fill_value=False)
        count = past.true_count
        if self.personal is None:
            return (batch.filter(pc.invert(past)) if count else batch), count
        for name in self.personal if count else ():
            at = batch.schema.get_field_index(name)
            emptied = pc.if_else(past, pa.scalar(None, batch.schema.field(at).type), batch[name])
            batch = batch.set_column(at, batch.schema.field(at), emptied)
        return batch, count


def terms(project: Project, contracts: Iterable[Contract], layers: Collection[str] = LAYERS) -> list[Term]:
    """Return a term for each port and for each other table of ``layers`` that a contract names.

    A port whose contract is gone goes on by the last one that was published.

    Raises:
        ProblemError: personal data is to be emptied and nothing says which columns of a table hold it, or the contract
            beside a release cannot be read.
    """
    agreed = list(contracts)
    if "published" in layers:
        agreed += _withdrawn(project, {one.name for one in agreed})
    found: dict[tuple[str, str], Term] = {}
    problems: list[Problem] = []
    for one in agreed:
        for place in places(one):
            if place.layer not in layers or (place.layer, place.table) in found:
                continue
            term = of_port(one) if place.layer == "published" else _of_table(project, one, place)
            found[place.layer, place.table] = term
            if term.personal == ():
                problems.append(_nothing_personal(one, place))
    ProblemError.raise_any(problems)
    return list(found.values())


def of_port(one: Contract) -> Term | None:
    """Return the term of what is published under a contract; None where it promises none."""
    if one.retention is None:
        return None
    emptied = tuple(column.name for column in one.columns if column.is_pii)
    deleted = one.retention.action is Action.DELETE
    return Term(one, "published", one.name, one.retention.column.name, None if deleted else emptied)


def faults(project: Project, contracts: Iterable[Contract]) -> Iterator[Problem]:
    """Yield what is wrong with the retention of the ports' contracts as far as the project's files tell it."""
    first: dict[tuple[str, str], tuple[Contract, Place]] = {}
    for one in contracts:
        for place in places(one):
            other = first.setdefault((place.layer, place.table), (one, place))
            yield from _conflict(one, place, *other)
            if place.layer == "raw":
                yield from _not_declared(project, one, place)
        if one.retention and one.retention.action is Action.ANONYMISE:
            yield from _not_to_be_emptied(one)


def places(one: Contract) -> tuple[Place, ...]:
    """Return the port and the other tables that a contract's retention is about."""
    if one.retention is None:
        return ()
    return Place("published", one.name, one.retention.column.name), *one.retention.places


def _withdrawn(project: Project, names: Collection[str]) -> Iterator[Contract]:
    """Yield the newest published contract of each port that has files and no contract any more."""
    for folder in sorted(project.published.glob("[!.]*")):
        if folder.name not in names:
            files = folder.glob(f"v*/[!.]*/{CONTRACT}")
            found = [contract(read(file, project.relative(file))) for file in files]
            yield from sorted(found, key=lambda one: one.version)[-1:]


def _of_table(project: Project, one: Contract, place: Place) -> Term:
    if one.retention.action is Action.DELETE:
        emptied = None
    elif place.layer == "raw":
        declared = _ingested(project).get(place.table)
        emptied = declared.personal if declared else ()
    else:
        emptied = _tagged(project, place)
    return Term(one, place.layer, place.table, place.column, emptied)


def _tagged(project: Project, place: Place) -> tuple[str, ...]:
    """Return the columns of a dbt model whose meta says ``pii: true``."""
    from building_block.dbt.manifest import prepared  # half of dbt

    manifest = json.loads(prepared(project).manifest_path.read_bytes())
    return tuple(
        column["name"]
        for node in manifest["nodes"].values()
        if (node["resource_type"], node["schema"], node.get("alias")) == ("model", place.layer, place.table)
        for column in node["columns"].values()
        if (column.get("config", {}).get("meta") or column.get("meta") or {}).get("pii") is True
    )


@dataclass(frozen=True)
class _Ingested:
    """What an ingest file declares of its table, as far as retention goes: not by its spec, which is Dagster's."""

    file: str
    types: dict[str, str]
    personal: tuple[str, ...]


def _ingested(project: Project) -> dict[str, _Ingested | None]:
    """Return the tables of the ingest files; None for a faulty file, of which whoever reads it whole tells."""
    found = {}
    for path in sorted(project.ingest.glob("[!.]*.y*ml")):
        table, columns, personal = _declared(path.read_bytes())
        found[table or path.stem] = columns and _Ingested(project.relative(path), columns, personal)
    return found


@lru_cache(maxsize=1024)
def _declared(content: bytes) -> tuple[str, dict[str, str] | None, tuple[str, ...]]:
    try:
        said = yaml.load(content, Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError):  # the latter of a day that no calendar has
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("columns"), list):
        return "", None, ()
    columns = [one for one in said["columns"] if isinstance(one, dict)]
    types = {str(one.get("name")): str(one.get("type")) for one in columns}
    return str(said.get("table") or ""), types, tuple(str(one.get("name")) for one in columns if one.get("pii") is True)


def _problem(one: Contract, code: Code, what: str, write: str, key: str = "element") -> Problem:
    return one.source.problem(code, (*one.retention.loc, key), what, write)


def _nothing_personal(one: Contract, place: Place) -> Problem:
    where = {
        "published": f"`tags: [pii]` at the columns in {one.file}",
        "raw": f"`pii: true` at the columns in the ingest file of {place.table}",
    }.get(place.layer, f"`config: {{meta: {{pii: true}}}}` at the columns in the .yml of the model {place.table}")
    what = f"rows of {place.layer}.{place.table} are to be anonymised, and nothing says which columns are personal data"
    return _problem(one, Code.RETENTION_PERSONAL, what, f"write {where}, or take `retentionAction` out")


def _conflict(one: Contract, place: Place, other: Contract, before: Place) -> Iterator[Problem]:
    said, earlier = one.retention, other.retention
    if (said.span.delta, said.action, place.column) == (earlier.span.delta, earlier.action, before.column):
        return
    what = (
        f"{place.layer}.{place.table} keeps rows for {said.span} from {place.column}, then {said.action}; "
        f"{other.file} says {earlier.span} from {before.column}, then {earlier.action}"
    )
    yield _problem(one, Code.RETENTION_PLACE, what, "let one of the two contracts name the table")


def _not_declared(project: Project, one: Contract, place: Place) -> Iterator[Problem]:
    tables = _ingested(project)
    if place.table in tables and not tables[place.table]:
        return
    if (declared := tables.get(place.table)) is None:
        what = f"no ingest file declares the table raw.{place.table}"
        known = nearest(place.table, tables)
        write = f"write raw.{known}.<column>" if known else f"write ingest/{place.table}.yaml, or take the table out"
        yield _problem(one, Code.RETENTION_PLACE, what, write)
        return
    kind = declared.types.get(place.column)
    if kind in DATES:
        if one.retention.action is Action.ANONYMISE and not declared.personal:
            yield _nothing_personal(one, place)
        return
    what = f"retention counts from raw.{place.table}.{place.column}, which "
    what += f"is {kind} in {declared.file}" if kind else f"{declared.file} does not declare"
    dates = [name for name, type_ in declared.types.items() if type_ in DATES]
    write = f"write raw.{place.table}.{nearest(place.column, dates)}" if dates else "declare a column of `type: date`"
    yield _problem(one, Code.RETENTION_PLACE, what, write)


def _not_to_be_emptied(one: Contract) -> Iterator[Problem]:
    personal = [column for column in one.columns if column.is_pii]
    if not personal:
        yield _nothing_personal(one, Place("published", one.name, one.retention.column.name))
    for column in personal:
        if column.standard.required or column.standard.primaryKey:
            what = f"{shown(column.name)} is emptied when its row is past its retention, and may not be empty"
            write = "write `required: false`, or `retentionAction: delete`"
            yield one.source.problem(Code.RETENTION_PERSONAL, column.loc, what, write)
