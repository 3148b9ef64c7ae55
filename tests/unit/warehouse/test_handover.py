"""Arrow in, Arrow out: which types, which columns, how much memory, whose exception."""

import gc
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from building_block.messages import Code, ProblemError
from building_block.warehouse.handover import BATCH_ROWS, fetch, offer, surfacing, to_reader

TABLE = pa.table({"a": [1, 2], "b": ["x", None]})
TYPES = [pa.Table, pa.RecordBatchReader, pl.DataFrame, pl.LazyFrame, pd.DataFrame, Any]


@pytest.fixture
def spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def query(kind: Any, sql: str, **tables: pa.Table) -> Any:
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        return fetch(connection.execute(sql), kind, "sales/raw/t")


@pytest.mark.parametrize(
    "data", [TABLE, TABLE.to_reader(), pl.from_arrow(TABLE), pl.from_arrow(TABLE).lazy(), TABLE.to_pandas()], ids=type
)
def test_every_accepted_type_becomes_the_same_stream(data: Any) -> None:
    assert to_reader(data, "t").read_all().to_pylist() == TABLE.to_pylist()


@pytest.mark.parametrize("data", [[1], {"a": [1]}, "text", 7])
def test_another_type_is_refused_with_the_accepted_ones(data: Any) -> None:
    with pytest.raises(ProblemError, match=r"cannot store a builtins\.\w+; return a pyarrow\.Table") as failure:
        to_reader(data, "sales/raw/t")
    assert failure.value.problems[0].code is Code.WAREHOUSE_TYPE_UNSUPPORTED


@pytest.mark.parametrize("data", [pa.table({}), pd.DataFrame(), pl.DataFrame()], ids=type)
def test_data_without_columns_is_refused(data: Any) -> None:
    with pytest.raises(ProblemError, match="no columns"):
        to_reader(data, "sales/raw/t")


@pytest.mark.parametrize(
    ("frame", "columns"),
    [
        (pd.DataFrame({"a": [1, 2]}), ["a"]),
        (pd.DataFrame({"a": [1, 2]}).query("a > 1"), ["a"]),
        (pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key")), ["a", "key"]),
        (pd.DataFrame({"a": [1, 2]}).rename_axis("key"), ["a", "key"]),
        (pd.DataFrame({"a": [1, 2]}).rename_axis("key").query("a > 1"), ["a", "key"]),
        (pd.DataFrame({"a": [1], "b": [2], "c": [3]}).set_index(["b", "c"]), ["a", "b", "c"]),
    ],
    ids=["default", "left over from a filter", "named", "named range", "named rest", "named levels"],
)
def test_a_pandas_index_is_a_column_when_it_has_a_name(frame: pd.DataFrame, columns: list[str]) -> None:
    assert to_reader(frame, "t").schema.names == columns


@pytest.mark.parametrize("kind", TYPES)
def test_a_query_is_handed_over_as_the_type_that_is_asked_for(kind: Any) -> None:
    result = query(kind, "FROM t", t=TABLE)
    assert isinstance(result, pa.Table if kind is Any else kind)
    assert to_reader(result, "t").read_all().to_pylist() == TABLE.to_pylist()


def test_a_type_that_can_not_be_loaded_is_refused_with_the_accepted_ones() -> None:
    for kind in (list, dict[str, pa.Table], pa.Table | None):
        with pytest.raises(
            ProblemError, match=r"sales/raw/t: cannot be loaded as .*; annotate .* pyarrow\.Table"
        ) as failure:
            query(kind, "SELECT 1")
        assert failure.value.problems[0].code is Code.WAREHOUSE_TYPE_UNSUPPORTED


@pytest.mark.parametrize("kind", [pa.Table, pa.RecordBatchReader, pl.LazyFrame])
def test_sums_of_integers_stay_exact(kind: Any) -> None:
    result = query(kind, "SELECT sum(a) AS s FROM (VALUES (9007199254740993)) v(a)")
    assert int(to_reader(result, "t").read_all()["s"][0].as_py()) == 9007199254740993


@pytest.mark.parametrize("kind", [pa.RecordBatchReader, pl.LazyFrame])
def test_enumerations_stream_over_several_batches(kind: Any) -> None:
    sql = f"SELECT CASE WHEN i % 2 = 0 THEN 'x' ELSE 'y' END::ENUM('x', 'y') AS e FROM range({3 * BATCH_ROWS}) r(i)"
    values = to_reader(query(kind, sql), "t").read_all()["e"].to_pylist()
    assert values == ["x", "y"] * (3 * BATCH_ROWS // 2)


@pytest.mark.parametrize("kind", TYPES)
def test_a_query_without_rows_keeps_its_columns(kind: Any) -> None:
    result = to_reader(query(kind, "SELECT 1 AS a, 'x' AS b WHERE false"), "t").read_all()
    assert (result.column_names, len(result)) == (["a", "b"], 0)


def test_a_loaded_stream_is_read_batch_by_batch_and_its_file_is_deleted_at_the_end(spools: Path) -> None:
    reader = query(pa.RecordBatchReader, f"FROM range({3 * BATCH_ROWS})")
    assert len(list(spools.iterdir())) == 1
    assert [len(batch) for batch in reader] == [BATCH_ROWS] * 3
    assert list(spools.iterdir()) == []


@pytest.mark.parametrize("pulled", [0, 1])
def test_the_file_of_a_stream_that_nobody_finishes_is_deleted_too(spools: Path, pulled: int) -> None:
    reader = query(pa.RecordBatchReader, f"FROM range({3 * BATCH_ROWS})")
    for _ in range(pulled):
        reader.read_next_batch()
    del reader
    gc.collect()
    assert list(spools.iterdir()) == []


def test_a_query_that_fails_while_it_is_spooled_leaves_no_file(spools: Path) -> None:
    # Of two threads that fail, DuckDB may tell of the one that it interrupted.
    with pytest.raises(Exception, match=r"boom|Interrupted"):
        query(
            pa.RecordBatchReader, "SELECT CASE WHEN i > 500000 THEN error('boom') ELSE 'x' END FROM range(1000000) r(i)"
        )
    assert list(spools.iterdir()) == []


def test_a_lazy_frame_survives_the_frame_it_came_from_and_leaves_no_file_at_exit(tmp_path: Path) -> None:
    code = """
import duckdb, gc, polars, tempfile, sys
from building_block.warehouse.handover import fetch
tempfile.tempdir = sys.argv[1]
frame = fetch(duckdb.connect().execute("FROM range(10) r(i)"), polars.LazyFrame, "t")
derived = frame.filter(polars.col("i") > 7)
del frame
gc.collect()
print(derived.collect()["i"].to_list())
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "[8, 9]\n"
    assert list(tmp_path.iterdir()) == []


def test_polars_and_pandas_are_not_imported_for_arrow_data() -> None:
    code = """
import duckdb, pyarrow as pa, sys
from building_block.warehouse.handover import fetch, to_reader
for kind in (pa.Table, pa.RecordBatchReader):
    to_reader(fetch(duckdb.connect().execute("SELECT 1 AS a"), kind, "t"), "t").read_all()
assert not {"polars", "pandas"} & set(sys.modules), "imported"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


class BrokenError(Exception):
    """Raised by a stream."""


@pytest.mark.parametrize("error", [BrokenError("row 3"), KeyboardInterrupt()], ids=type)
def test_what_a_stream_raises_in_duckdb_surfaces_as_the_very_same_exception(error: BaseException) -> None:
    cause = ValueError("why")

    def batches() -> Iterator[pa.RecordBatch]:
        yield from TABLE.to_batches()
        raise error from cause

    with pytest.raises(type(error)) as failure, duckdb.connect() as connection:
        with surfacing(pa.RecordBatchReader.from_batches(TABLE.schema, batches())) as reader:
            offer(connection, "r", reader)
            connection.execute("CREATE TABLE t AS FROM r")
    assert failure.value is error
    assert failure.value.__cause__ is cause


def test_duckdbs_own_error_is_not_hidden_by_a_stream_it_did_not_finish() -> None:
    with pytest.raises(duckdb.ConversionException), duckdb.connect() as connection:
        with surfacing(to_reader(pa.table({"a": ["no number"] * 10}), "t")) as reader:
            offer(connection, "r", reader)
            connection.execute("CREATE TABLE t AS SELECT a::INTEGER FROM r")
