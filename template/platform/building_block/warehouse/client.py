# platform-owned: changed by `copier update` only; see platform/README.md
"""Open the domain's one DuckDB file: wait for its lock, write in one transaction, never stay connected."""

import random
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from building_block.messages import Code, Problem, ProblemError

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
