# platform-owned: changed by `copier update` only; see platform/README.md
"""DuckDB, asked what it takes of a contract: without data, and without a way out."""

from functools import cache
from pathlib import Path

import duckdb

from building_block.sql_text import literal


def binder() -> duckdb.DuckDBPyConnection:
    """Return a connection without data, to ask DuckDB what it takes; from it nothing reaches files or the network.

    A new one each time: after `float(3,2)`, which is no type, one takes no type at all any more.
    """
    return _empty().cursor()


@cache
def _empty() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    confine(connection)
    return connection


def confine(connection: duckdb.DuckDBPyConnection, *files: Path) -> None:
    """Keep whatever SQL ``connection`` gets from files other than these, the network and Python's variables."""
    allowed = ", ".join(map(literal, files))
    for setting in (
        f"allowed_paths = [{allowed}]",
        "python_enable_replacements = false",
        "autoload_known_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")
