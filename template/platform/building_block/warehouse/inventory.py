# platform-owned: changed by `copier update` only; see platform/README.md
"""What the warehouse holds now."""

from collections.abc import Iterable
from contextlib import suppress

import duckdb

from building_block.warehouse.client import Warehouse
from building_block.warehouse.table import quoted

_TABLES = "SELECT table_schema || '.' || table_name FROM information_schema.tables"


def tables(warehouse: Warehouse) -> set[str]:
    """Return the tables and views as ``layer.name``; none when there is no warehouse yet."""
    if not warehouse.path.exists():
        return set()
    with warehouse.reading() as connection:
        return {name for (name,) in connection.execute(_TABLES).fetchall()}


def row_counts(warehouse: Warehouse, names: Iterable[str]) -> dict[str, int]:
    """Return the number of rows of each of ``names``, as ``layer.name``, that is a table or view that can be read."""
    wanted = sorted(set(names) & tables(warehouse))
    if not wanted:
        return {}
    counts = {}
    with warehouse.reading() as connection:
        for name in wanted:
            with suppress(duckdb.Error):  # a view over a table that changed cannot be read until it is built again
                (counts[name],) = connection.execute(f"SELECT count(*) FROM {quoted(*name.split('.', 1))}").fetchone()
    return counts
