# platform-owned: changed by `copier update` only; see platform/README.md
"""Names and text as SQL, whatever is in them, and a DuckDB to ask what it takes, without data and without a way out."""

from functools import cache
from pathlib import Path

import duckdb


def quoted(*names: str) -> str:
    """Return the names as one SQL identifier."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: object) -> str:
    """Return ``text``, or a path, as an SQL string."""
    return "'" + str(text).replace("'", "''") + "'"


def parquet(file: object) -> str:
    """Return SQL after FROM that reads a parquet file; a folder above it named ``day=1`` gives it no column."""
    return f"read_parquet({literal(file)}, hive_partitioning = false)"


def folded(name: str) -> bytes:
    """Return what DuckDB compares names by: of ASCII letters, and only of them, it ignores the case."""
    return name.encode().lower()


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
