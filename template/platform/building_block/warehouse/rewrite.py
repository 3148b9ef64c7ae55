# platform-owned: changed by `copier update` only; see platform/README.md
"""Write the whole warehouse anew: what was deleted from a DuckDB file stays in it as bytes until then."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import duckdb

from building_block.sql import literal, quoted

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
