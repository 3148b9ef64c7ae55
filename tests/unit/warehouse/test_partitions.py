"""Replacing partitions of a table, without Dagster around it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow as pa
from building_block.sql import quoted
from building_block.warehouse.client import Warehouse
from building_block.warehouse.table import PARTITION, OnSchemaChange, Table, keyed, replace_partitions
from hypothesis import given, settings
from hypothesis import strategies as st

TABLE = Table.of(dg.AssetKey(["sales", "raw", 'a "strange" naïve; name']))
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)


def write(connection: duckdb.DuckDBPyConnection, data: pa.Table, keys: Sequence[str]) -> int:
    reader = keyed(TABLE, data.to_reader(), keys)
    return replace_partitions(connection, TABLE, reader, keys, OnSchemaChange.FAIL)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from(["mon", "tue's", 'w"d']), st.lists(st.integers(-9, 9), max_size=4)), min_size=1)
)
def test_after_any_writes_each_partition_has_the_rows_of_its_last_one(writes: list[tuple[str, list[int]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder) / "warehouse.duckdb")
        with warehouse.writing() as connection:
            for key, values in writes:
                assert write(connection, pa.table({"a": pa.array(values, pa.int64())}), [key]) == len(values)
        with warehouse.reading() as connection:
            found = TABLE.select(connection, None).fetchall()
    assert sorted(found) == sorted((value, key) for key, values in dict(writes).items() for value in values)


@settings(deadline=None, max_examples=50)
@given(names=st.lists(NAMES, min_size=1, max_size=4, unique_by=str.casefold))
def test_columns_may_have_any_name(names: list[str]) -> None:
    data = pa.table({name: [number] for number, name in enumerate(names)})
    with duckdb.connect() as connection:
        for _ in range(2):
            write(connection, data, ["mon"])
        first = TABLE.select(connection, ["mon"]).to_arrow_table().select(names)
        sample = TABLE.as_stored(connection, data.to_batches(), ", ".join(map(quoted, names))).to_arrow_table()
    assert first.to_pylist() == sample.to_pylist() == data.to_pylist()


def test_the_table_of_any_type_can_be_written_again() -> None:
    everything = "SELECT * EXCLUDE (small_enum, medium_enum, large_enum, bignum) FROM test_all_types()"
    with duckdb.connect() as connection:
        data = connection.sql(everything).to_arrow_table()
        for _ in range(2):
            assert write(connection, data, ["mon"]) == 3
        stored = TABLE.select(connection, None).to_arrow_table()
        assert stored.num_rows == 3
        sample = TABLE.as_stored(connection, data.to_batches(), "* EXCLUDE _partition_key").to_arrow_table()
        stored = stored.drop_columns([PARTITION])
        assert sample.schema == stored.schema
        assert connection.sql("FROM sample EXCEPT FROM stored").fetchall() == []


def test_thousands_of_partitions_are_bound_as_one_list() -> None:
    keys = [str(number) for number in range(10_000)]
    with duckdb.connect() as connection:
        for _ in range(2):
            assert write(connection, pa.table({PARTITION: keys}), keys) == 10_000
        assert len(TABLE.select(connection, keys[:9_000]).fetchall()) == 9_000
        assert TABLE.select(connection, []).fetchall() == []
