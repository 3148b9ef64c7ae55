# platform-owned: changed by `copier update` only; see platform/README.md
"""Hold data that a person names, a parquet or CSV file or a table of the warehouse, against a contract."""

import glob
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from building_block.contracts.column import Column
from building_block.contracts.contract import Contract
from building_block.contracts.load import Agreed, named
from building_block.contracts.verify import Finding, broken, misshapen, verify
from building_block.ingest.landed_file import Landed, exact_cast, misfit
from building_block.ingest.text_files import CsvFile
from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project
from building_block.sql import folded, parquet, quoted
from building_block.warehouse.client import Warehouse
from building_block.warehouse.table import Table

_TABLE = re.compile(r"(\w+)\.(\w+)")
_CSV = (".csv", ".csv.gz")
_READ = "bb_read"


def check(data: str | Path, contract: str = "") -> list[Finding]:
    """Hold data against a contract, as publishing does, and return what each rule measured.

        from building_block.data_check import check

        check("export/daily_orders.parquet")
        check("marts.daily_order_summary", contract="daily_orders")

    Args:
        data: A parquet file or a pattern of such as ``export/*.parquet``, a CSV file, or a table of the warehouse as
            ``layer.table``. A CSV file is read with the contract's types; none is guessed.
        contract: The port, or a table under ``contracts/consumes/``; by default the one that is named as the data.

    Returns:
        A finding a rule, in the contract's order, those of rules that only warn too: ``finding.rule.name``,
        ``finding.measured``, ``finding.kept``.

    Raises:
        building_block.messages.ProblemError: The data breaks a blocking rule, its columns are not the contract's, or
            there is no such data or contract; ``error.problems`` has each fault.
    """
    port, findings = measured(Project.here(), str(data), contract)
    ProblemError.raise_any(broken(port.contract, findings, f"put right {data}, or what makes it"))
    return findings


def measured(project: Project, data: str, contract: str = "") -> tuple[Agreed, list[Finding]]:
    """Return the contract, by default the one named as the data, and what each of its rules measured.

    Raises:
        ProblemError: there is no such contract or data, or the columns are not those of the contract.
    """
    is_file = data.endswith((*_CSV, ".parquet")) or Path(data).exists()
    table = None if is_file else _TABLE.fullmatch(data)
    port = named(project, contract or (table[2] if table else Path(data).name.partition(".")[0]))
    if table:
        found = Table(f"{table[1]}/{table[2]}", table[1], table[2])
        with Warehouse(project.warehouse).reading() as connection:
            if found.columns(connection) is None:
                raise ProblemError(found.missing())
            return port, _findings(connection, str(found), port, data)
    with _files(project, data, port.contract) as (connection, relation):
        return port, _findings(connection, relation, port, data)


def _findings(connection: duckdb.DuckDBPyConnection, relation: str, port: Agreed, data: str) -> list[Finding]:
    ProblemError.raise_any(misshapen(connection, relation, port.contract, data))
    return verify(connection, relation, port.rules)


@contextmanager
def _files(project: Project, data: str, contract: Contract) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """Yield a connection and SQL after FROM that reads a parquet file, those of a pattern, or a CSV file."""
    is_csv = data.endswith(_CSV)
    if not (Path(data).is_file() if is_csv else Path(data).is_file() or glob.glob(data, recursive=True)):
        instead = "name a parquet file or a pattern of such, a CSV file, or a table as `marts.orders`"
        raise ProblemError(Problem(Code.DATA_FILE, data, "there is no such file", instead))
    with duckdb.connect() as connection, project.scratch() as folder:
        if is_csv:
            yield connection, _typed(connection, data, contract, folder)
            return
        relation = parquet(data)
        try:
            connection.sql(f"FROM {relation} LIMIT 0")
        except duckdb.Error as error:
            what = f"DuckDB cannot read it as parquet: {str(error).splitlines()[0]}"
            raise ProblemError(Problem(Code.DATA_FILE, data, what, "name a parquet or a CSV file")) from None
        yield connection, relation


def _typed(connection: duckdb.DuckDBPyConnection, data: str, contract: Contract, scratch: Path) -> str:
    """Read a CSV file once, as text, into a table of the contract's types; no type is guessed, no value rounded."""
    form = "csv.gz" if data.endswith(".gz") else "csv"
    source = CsvFile(kind="file", format=form, folder=".", pattern="data.csv", when_missing="fail")
    landed = source.open(connection, Path(data), data, scratch)
    types = {folded(column.name): column.type for column in contract.columns}
    columns = ", ".join(
        f"{exact_cast(there.sql, 'VARCHAR', types.get(folded(there.name), 'VARCHAR'))} AS {quoted(there.name)}"
        for there in landed.columns
    )
    try:
        connection.execute(f"CREATE TEMP TABLE {_READ} AS SELECT {columns} FROM {landed.relation}")
    except duckdb.Error as error:
        what = f"DuckDB cannot read it: {str(error).splitlines()[0]}"
        unexplained = Problem(Code.DATA_FILE, data, what, "write it anew")
        raise ProblemError(*(landed.damage() or _misfits(landed, contract) or [unexplained])) from None
    return _READ


def _misfits(landed: Landed, contract: Contract) -> list[Problem]:
    """Return a problem for each column with a value that is not of the contract's type."""
    declared = {folded(column.name): column for column in contract.columns}
    found = []
    for there in landed.columns:
        if column := declared.get(folded(there.name)):
            numbered = f"SELECT {landed.row_number} AS n, {there.sql} AS v FROM {landed.relation}"
            query = (
                f"SELECT count(*), min(n), arg_min(v, n) FROM ({numbered}) WHERE {misfit('v', 'VARCHAR', column.type)}"
            )
            count, row, value = landed.con.execute(query).fetchone()
            if count:
                found.append(_misfit(column, landed.places([row])[0][0], value, count))
    return found


def _misfit(column: Column, where: str, value: str, count: int) -> Problem:
    shown = f"`{value[:40]}`" if column.classification in ("public", "internal") else "a value"
    others = f" and {count - 1} more do" if count > 1 else " does"
    what = f"{shown}{others} not fit {column.type} exactly"
    return Problem(Code.CONTRACT_COLUMN, where, what, "correct what writes the file", column.name)
