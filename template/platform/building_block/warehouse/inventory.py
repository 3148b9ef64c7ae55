# platform-owned: changed by `copier update` only; see platform/README.md
"""What the warehouse holds now."""

from collections.abc import Iterable

from building_block.sql import quoted
from building_block.warehouse.client import Warehouse

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
