# platform-owned: changed by `copier update` only; see platform/README.md
"""Publish one port: mask what dbt gives, check it against the contract, switch to it, let the warehouse follow."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from building_block.contracts.dbt_yaml import CANDIDATE
from building_block.contracts.engine import confine
from building_block.contracts.load import Agreed
from building_block.contracts.masking import masked
from building_block.contracts.publication import DATA, Publication, Release
from building_block.contracts.retention.terms import of_port, today
from building_block.contracts.verify import Finding, broken, misshapen, verify
from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project
from building_block.sql_text import literal, parquet, quoted
from building_block.warehouse.client import Warehouse


@dataclass(frozen=True)
class Published:
    """What became of a candidate."""

    findings: list[Finding]
    release: Release | None
    """None when the candidate broke a blocking rule: the release before it is valid still."""


def publish(project: Project, port: Agreed) -> Published:
    """Publish what the view ``candidate.<port>`` gives now, unless it breaks a blocking rule of the contract.

    Rows past the contract's retention are left out, or what of them is personal data.

    Raises:
        ProblemError: the candidate's columns are not the contract's, or it is to be masked and there is no key.
    """
    publication = Publication.of(project, port.contract)
    contract = (project.root / port.contract.file).read_bytes()
    with publication.candidate() as aside:
        data = aside / DATA
        _write(project, port, data)
        with duckdb.connect() as connection:
            confine(connection, data)
            findings = verify(connection, parquet(data), port.rules)
        if any(finding.rule.blocking and not finding.kept for finding in findings):
            return Published(findings, None)
        release = publication.switch(aside, _rows(data), contract, str(port.contract.version))
    _follow(project, port, publication.folder / release.data)
    return Published(findings, release)


def refused(port: Agreed, findings: list[Finding]) -> list[Problem]:
    """Return a problem for each blocking rule that was broken, at its line in the contract."""
    write = "put right what the model reads, or the model; what was published before stays valid"
    return broken(port.contract, findings, write)


def _write(project: Project, port: Agreed, data: Path) -> None:
    candidate = quoted(CANDIDATE, port.contract.name)
    where = f"dbt/models/published/{port.contract.name}.sql"
    with Warehouse(project.warehouse).reading() as connection:
        ProblemError.raise_any(misshapen(connection, candidate, port.contract, where))
        rows = f"(SELECT {masked(connection, project, port.contract)} FROM {candidate})"
        if term := of_port(port.contract):
            rows = f"({term.kept(rows, port.contract.retention.column.type, today())})"
        try:
            connection.execute(f"COPY {rows} TO {literal(data)} (FORMAT parquet)")
        except (duckdb.DataError, duckdb.ProgrammingError) as error:
            # DuckDB quotes the value, which no mask has seen; without `from None` Dagster would record it.
            fault = type(error).__name__
            what = f"the model's SQL fails over the data it reads: {fault}, about a value that is not shown"
            name = f"{CANDIDATE}.{port.contract.name}"
            write = f"put the SQL right; `FROM {name}` in a SQL client of the warehouse shows the value"
            raise ProblemError(Problem(Code.CANDIDATE_FAILED, where, what, write)) from None


def _rows(data: Path) -> int:
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT count(*) FROM {parquet(data)}").fetchone()[0]


def _follow(project: Project, port: Agreed, data: Path) -> None:
    """Make the warehouse's table of the port's name what was published, with the contract's descriptions."""
    table = quoted("published", port.contract.name)
    comments = [f"COMMENT ON TABLE {table} IS {literal(port.contract.description)}"]
    comments += [
        f"COMMENT ON COLUMN {table}.{column.sql} IS {literal(column.standard.description or '')}"
        for column in port.contract.columns
    ]
    with Warehouse(project.warehouse).writing() as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS published")
        views = f"FROM duckdb_views() WHERE schema_name = 'published' AND view_name = {literal(port.contract.name)}"
        if connection.execute(views).fetchone():  # dbt made it, before there was a contract
            connection.execute(f"DROP VIEW {table}")
        connection.execute(f"CREATE OR REPLACE TABLE {table} AS FROM {parquet(data)}")
        for comment in comments:
            connection.execute(comment)
