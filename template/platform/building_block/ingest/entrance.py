# platform-owned: changed by `copier update` only; see platform/README.md
"""The contract at the entrance: rows are held against it before any of them is in the warehouse, and kept apart."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg
import duckdb
import pyarrow as pa

from building_block.contracts.rules import DuplicateRule, RowRule, Rule
from building_block.contracts.verify import Finding, broken, verify
from building_block.ingest.declared import BROKEN_RULES
from building_block.ingest.spec import IngestSpec
from building_block.messages import ProblemError
from building_block.project import QUARANTINE, Project
from building_block.sql import confine, literal, quoted
from building_block.warehouse.client import Warehouse, tried_again
from building_block.warehouse.handover import BATCH_ROWS, offer, surfacing
from building_block.warehouse.table import INCOMING, OF_PARTITIONS, OnSchemaChange, Table, keyed, replace_partitions


@dataclass(frozen=True)
class Judged:
    """What was found of one partition."""

    rows: int
    """All that were read."""
    quarantined: int
    by_rule: Mapping[str, int]
    """How many rows break each rule; one row may break several."""
    warnings: Sequence[Finding]
    """Of rules that keep nothing out."""


class Entrance:
    """Partitions of one table on their way in, in a scratch database until all of them are judged."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, spec: IngestSpec) -> None:
        self._connection = connection
        self._spec = spec
        self._tables: list[tuple[str, bool]] = []
        apart = spec.on_violation == "quarantine"
        self._of_rows = [rule for rule in spec.agreed.rules if apart and _tells_rows_apart(rule)]
        self._of_all = [rule for rule in spec.agreed.rules if rule not in self._of_rows]

    @classmethod
    @contextmanager
    def open(cls, project: Project, spec: IngestSpec) -> Iterator["Entrance"]:
        """Yield an empty one; the streams that it returns live as long as the block."""
        with project.scratch() as folder, duckdb.connect(folder / "rows.db") as connection:
            connection.execute(f"SET temp_directory = {literal(folder)}")
            confine(connection)
            yield cls(connection, spec)

    def judge(self, stream: pa.RecordBatchReader, data: str) -> Judged:
        """Take in a partition; ``data`` names it in errors.

        Raises:
            ProblemError: the stream cannot be read, or breaks a rule and none of its rows is to be kept apart for it.
        """
        read, judged = f"bb_read_{len(self._tables)}", f"bb_judged_{len(self._tables)}"
        with surfacing(stream) as surfaced:
            offer(self._connection, INCOMING, surfaced)
            self._connection.execute(f"CREATE TABLE {read} AS FROM {INCOMING}")
        found = [one.rule for one in verify(self._connection, read, self._of_rows) if not one.kept]
        if found:
            self._connection.execute(f"CREATE TABLE {judged} AS {_marked(read, found)}")
            self._connection.execute(f"DROP TABLE {read}")
        table = judged if found else read
        self._tables.append((table, bool(found)))
        rest = verify(self._connection, _admitted(table, "*") if found else table, self._of_all)
        ProblemError.raise_any(broken(self._spec.agreed.contract, rest, self._advice(data)))
        return Judged(
            rows=self._count(f"SELECT count(*) FROM {table}"),
            quarantined=self._count(f"SELECT count(*) FROM {table} WHERE {_IS_OUT}") if found else 0,
            by_rule=self._by_rule(table) if found else {},
            warnings=[one for one in rest if not one.kept],
        )

    def admitted(self) -> pa.RecordBatchReader:
        """Return the rows that keep the contract, of all partitions; to be read once."""
        columns = ", ".join(map(quoted, self._spec.arrow_schema.names))
        queries = [_admitted(table, columns) if marked else f"(FROM {table})" for table, marked in self._tables]
        return pa.RecordBatchReader.from_batches(self._spec.arrow_schema, self._batches(queries))

    def quarantined(self) -> pa.RecordBatchReader:
        """Return the others with the names of the rules that each breaks; to be read once."""
        schema = self._spec.arrow_schema.append(pa.field(BROKEN_RULES, pa.list_(pa.field("l", pa.string()))))
        queries = [f"(FROM {table} WHERE {_IS_OUT})" for table, marked in self._tables if marked]
        return pa.RecordBatchReader.from_batches(schema, self._batches(queries))

    def _batches(self, queries: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for query in queries:
            yield from self._connection.execute(f"FROM {query}").to_arrow_reader(BATCH_ROWS)

    def _count(self, query: str) -> int:
        return self._connection.execute(query).fetchone()[0]

    def _by_rule(self, table: str) -> dict[str, int]:
        rules = f"SELECT unnest({BROKEN_RULES}) AS rule FROM {table}"
        return dict(self._connection.execute(f"SELECT rule, count(*) FROM ({rules}) GROUP BY 1 ORDER BY 1").fetchall())

    def _advice(self, data: str) -> str:
        correct = f"correct what landed for {data} and land it again"
        if self._spec.on_violation == "quarantine":  # and yet it blocks
            return f"{correct}: no single row can be told to be the one that breaks it"
        return f"{correct}, or write `on_violation: quarantine` in {self._spec.file}"


_IS_OUT = f"len({BROKEN_RULES}) > 0"


def _admitted(table: str, columns: str) -> str:
    return f"(SELECT {columns} FROM {table} WHERE NOT {_IS_OUT})"


def _tells_rows_apart(rule: Rule) -> bool:
    """Say whether single rows break it; of so many percent that may, nobody knows which rows are the too many."""
    return isinstance(rule, RowRule | DuplicateRule) and rule.blocking and rule.limit.is_none


def _marked(read: str, found: Sequence[Rule]) -> str:
    """Return a SELECT of the rows in their order with the names of the rules that each breaks.

    A row repeats another one only if that one comes in.
    """
    by_itself = _names((rule, rule.breaks) for rule in found if isinstance(rule, RowRule))
    repeats = _names((rule, _repeats(rule)) for rule in found if isinstance(rule, DuplicateRule))
    return f"""
        SELECT * EXCLUDE (bb_row, bb_by_itself), list_concat(bb_by_itself, {repeats}) AS {BROKEN_RULES}
        FROM (SELECT *, rowid AS bb_row, {by_itself} AS bb_by_itself FROM {read})
        ORDER BY bb_row
    """


def _repeats(rule: DuplicateRule) -> str:
    keeps = "len(bb_by_itself) = 0"
    columns = [quoted(name) for name in rule.columns]
    filled = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    place = f"row_number() OVER (PARTITION BY {', '.join(columns)}, {keeps} ORDER BY bb_row)"
    return f"{keeps} AND {filled} AND {place} > 1"


def _names(broken: Iterator[tuple[Rule, str]]) -> str:
    """Return SQL of the list of those rules' names whose condition is true."""
    cases = ", ".join(f"CASE WHEN {condition} THEN {literal(rule.name)} END" for rule, condition in broken)
    return f"list_filter([{cases}]::VARCHAR[], lambda name: name IS NOT NULL)"


# The rows kept out: an asset beside the raw table, which the raw table's own asset writes -----------------------------


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
        partitions_def=spec.partitions and spec.partitions.definition(domain.timezone),
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
    return dg.AssetKey([project.domain.slug, "raw", spec.table + QUARANTINE])
