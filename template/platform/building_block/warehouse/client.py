# platform-owned: changed by `copier update` only; see platform/README.md
"""The domain's one DuckDB file: wait for its lock, write in one transaction, look into it, write it anew.

Nobody stays connected to it.
"""

import os
import random
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from building_block.messages import Code, Problem, ProblemError
from building_block.sql import literal, quoted

if TYPE_CHECKING:
    import dagster as dg


# DuckDB has no error class of its own for a held lock; the second wording is Windows'.
LOCKED = re.compile(r"Could not set lock on file|being used by another process")
HOLDER = re.compile(r"PID (\d+)")


def holder(message: str) -> str | None:
    """Return which process holds the warehouse, as DuckDB's message says it; None when it says something else."""
    if not LOCKED.search(message):
        return None
    found = HOLDER.search(message)
    return f"process {found[1]}" if found else "another process"


@dataclass(frozen=True)
class Warehouse:
    """A DuckDB file that several processes take turns with.

    DuckDB lets in one writing process, or any number of reading ones. Within one process all connections must be of
    one kind, so no block below may be entered inside one of the other kind: keep them short and never nest them.
    """

    path: Path
    lock_timeout: float = 60.0
    """Seconds to wait for another process before giving up."""

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a read-only connection, closed at the end of the block: fetch what you need inside it.

        Raises ProblemError when there is no file yet, or another process holds it longer than ``lock_timeout``.
        """
        if not self.path.exists():
            raise ProblemError(
                Problem(
                    Code.WAREHOUSE_TABLE_MISSING,
                    str(self.path),
                    "the warehouse does not exist yet",
                    "fill it first: `poe build`",
                )
            )
        with closing(self._connect(read_only=True)) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection inside one transaction: all of the block is committed, or nothing when it raises.

        Raises ProblemError when another process holds the file longer than ``lock_timeout``.
        """
        with self.holding() as connection:
            connection.begin()
            yield connection
            # Without this line closing rolls back, also where DuckDB has no working transaction left to roll back.
            connection.commit()

    @contextmanager
    def holding(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection without a transaction, as long as which no other process has the file open.

        Raises ProblemError when another process holds the file longer than ``lock_timeout``.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._connect(read_only=False)) as connection:
            yield connection

    def _connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + self.lock_timeout
        while True:
            try:
                connection = duckdb.connect(self.path, read_only=read_only)
            except duckdb.IOException as error:
                if "not a valid DuckDB database" in str(error):
                    write = "delete it and build again; the landed files hold all that was in it"
                    what = "the file is not a DuckDB database"
                    raise ProblemError(Problem(Code.WAREHOUSE_BROKEN, str(self.path), what, write)) from error
                if not (other := holder(str(error))):
                    raise
                if time.monotonic() >= deadline:
                    what = f"{other} has held the warehouse for more than {self.lock_timeout:g} s"
                    raise ProblemError(self.locked(what)) from error
                # Jitter, or processes that started together keep colliding.
                time.sleep(random.uniform(0.02, 0.2))  # noqa: S311
            else:
                # A setting in `connect(config=)` would have to be equal in every connection of the process.
                connection.execute("SET enable_progress_bar = false")
                return connection

    def locked(self, what: str) -> Problem:
        """Return the problem that another process holds the file; ``what`` says which, and since when."""
        write = "close what has it open (a SQL client, a notebook, another run) and build again"
        return Problem(Code.WAREHOUSE_LOCKED, str(self.path), what, write)


# What it holds now ----------------------------------------------------------------------------------------------------

_NAMES = "SELECT table_schema || '.' || table_name FROM information_schema.tables"
_TABLES = f"{_NAMES} WHERE table_type = 'BASE TABLE'"


def tables(warehouse: Warehouse) -> set[str]:
    """Return the tables and views as ``layer.name``; none when there is no warehouse yet."""
    if not warehouse.path.exists():
        return set()
    with warehouse.reading() as connection:
        return {name for (name,) in connection.execute(_NAMES).fetchall()}


def row_counts(warehouse: Warehouse, names: Iterable[str]) -> dict[str, int]:
    """Return the number of rows of each of ``names``, as ``layer.name``, that is a table.

    Not of a view: to count its rows is to run its whole query, which the build has just done for each of its readers.
    """
    if not warehouse.path.exists():
        return {}
    with warehouse.reading() as connection:
        wanted = sorted(set(names) & {name for (name,) in connection.execute(_TABLES).fetchall()})
        counts = {}
        for name in wanted:
            (counts[name],) = connection.execute(f"SELECT count(*) FROM {quoted(*name.split('.', 1))}").fetchone()
    return counts


# A run that finds it held tries again later: where nobody watches, a day must not be lost by that ---------------------

SECONDS_BETWEEN_TRIES = 30
MOST_RETRIES = 40
"""An hour, with the minute that each try waits for the lock: a forgotten SQL client does not stop the queue all day."""


@contextmanager
def tried_again(run: "dg.DagsterRun | None") -> Iterator[None]:
    """Let Dagster try the step of the block again when another process holds the warehouse; no other error.

    Only in a ``run`` that Dagster launched, by itself or for a click: it shows what is awaited. `poe build`, a test or
    a script runs in the process of who asked for it: they read who holds the warehouse, and close that sooner.
    """
    try:
        yield
    except ProblemError as error:
        held = any(problem.code is Code.WAREHOUSE_LOCKED for problem in error.problems)
        if not held or run is None or run.remote_job_origin is None:
            raise
        import dagster as dg  # half a second, and in a run of Dagster's it is there

        raise dg.RetryRequested(MOST_RETRIES, SECONDS_BETWEEN_TRIES) from error


# Written anew: what was deleted from a DuckDB file stays in it as bytes until then ------------------------------------

_NEW = "bb_rewritten"
_OF_NEW = f"database_name = '{_NEW}' AND NOT internal"


def _aside(warehouse: Path) -> Path:
    return warehouse.with_name(f".{warehouse.name}.new")


def _asked(warehouse: Path) -> Path:
    return warehouse.with_name(f".{warehouse.name}.rewrite")


def ask(warehouse: Path) -> None:
    """Note that rows have left a table whose bytes have to go; ``is_due`` says so until the file is rewritten."""
    _asked(warehouse).touch()


def is_due(warehouse: Path) -> bool:
    """Say whether somebody asked for it, or a process that was killed left a part of it."""
    return _asked(warehouse).exists() or _aside(warehouse).exists()


def rewrite(connection: duckdb.DuckDBPyConnection, warehouse: Path, instead: Mapping[tuple[str, str], str]) -> None:
    """Put a new file in the place of the warehouse, by one rename: whoever is killed before leaves the old one.

    Args:
        connection: The one of ``Warehouse.holding``, which keeps all others out; afterwards it is to be closed.
        warehouse: The file.
        instead: A SELECT for each table, by layer and name, of which only that is to be kept.
    """
    new = _aside(warehouse)
    for left in (new, _wal(new)):
        left.unlink(missing_ok=True)
    shutil.rmtree(f"{warehouse}.tmp", ignore_errors=True)  # where a killed process kept what its memory could not
    connection.execute("CHECKPOINT")  # a log beside the old file would be replayed into the new one
    (old,) = connection.execute("SELECT current_database()").fetchone()
    connection.execute(f"ATTACH {literal(new)} AS {_NEW}")
    # Not the data with it and a DELETE after: what has to go would stand in the new file, too.
    connection.execute(f"COPY FROM DATABASE {quoted(old)} TO {_NEW} (SCHEMA)")
    tables = f"SELECT schema_name, table_name FROM duckdb_tables() WHERE {_OF_NEW} ORDER BY table_oid"
    for table in connection.execute(tables).fetchall():
        rows, columns = instead.get(table, f"FROM {quoted(*table)}"), _stored(connection, *table)
        connection.execute(f"INSERT INTO {quoted(_NEW, *table)} ({columns}) SELECT {columns} FROM ({rows})")
    connection.execute(f"DETACH {_NEW}")
    with new.open("rb") as file:
        os.fsync(file.fileno())
    shutil.copymode(warehouse, new)
    new.replace(warehouse)
    _asked(warehouse).unlink(missing_ok=True)


def _stored(connection: duckdb.DuckDBPyConnection, layer: str, name: str) -> str:
    """Return the columns that are no generated ones: the expression of those is a default in one of two places only."""
    described = connection.execute(f"DESCRIBE {quoted(_NEW, layer, name)}").fetchall()
    default = {column: said for column, _, _, _, said, _ in described}
    of_table = f"{_OF_NEW} AND schema_name = {literal(layer)} AND table_name = {literal(name)}"
    catalog = f"SELECT column_name, column_default FROM duckdb_columns() WHERE {of_table}"
    found = connection.execute(catalog).fetchall()
    return ", ".join(quoted(column) for column, said in found if default[column] == said)


def _wal(file: Path) -> Path:
    return file.with_name(f"{file.name}.wal")
