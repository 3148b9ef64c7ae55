"""What an asset that returns data finds in the warehouse, and what a parameter gets from it."""

import gc
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from building_block.messages import Code, Problem, ProblemError
from building_block.warehouse.client import Warehouse
from building_block.warehouse.handover import BATCH_ROWS

from .conftest import assert_fails, asset_of, problem_of

Run = Callable[..., dg.ExecuteInProcessResult]
Rows = Callable[..., list[tuple]]
DATA = pa.table({"a": [1, 2], "b": ["x", None]})
MINE = Problem(Code.LANDING_ROW, "invoices.csv:3", "the row has 4 values", "give it 3")
UPSTREAM = dg.AssetSpec(["sales", "raw", "t"])


def failing(error: BaseException) -> pa.RecordBatchReader:
    """Return a stream that raises after many good rows."""

    def batches() -> Iterator[pa.RecordBatch]:
        for _ in range(50):
            yield pa.record_batch({"a": [7] * 10_000})
        raise error

    return pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), batches())


def reading(kind: Any, seen: Callable[[Any], object] = id, **definition: Any) -> dg.AssetsDefinition:
    """Return an asset sales/marts/u that takes sales/raw/t as ``kind``, shows it to ``seen`` and returns it."""

    def u(t):
        seen(t)
        return t

    u.__annotations__ = {"t": kind} if kind else {}
    return dg.asset(
        **{"key_prefix": ["sales", "marts"], "ins": {"t": dg.AssetIn(key=["sales", "raw", "t"])}, **definition}
    )(u)


# --- whole tables -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [DATA, DATA.to_reader, pl.from_arrow(DATA), pl.from_arrow(DATA).lazy(), DATA.to_pandas()], ids=type
)
def test_every_type_an_asset_may_return_becomes_the_table_of_its_layer(run: Run, rows: Rows, data: Any) -> None:
    run(asset_of((lambda _: data()) if callable(data) else data))
    assert rows() == [(1, "x"), (2, None)]


@pytest.mark.parametrize("kind", [None, Any, pa.Table, pa.RecordBatchReader, pl.DataFrame, pl.LazyFrame, pd.DataFrame])
def test_every_annotation_is_served_and_can_be_written_on_in_the_same_process(run: Run, rows: Rows, kind: Any) -> None:
    seen: list = []
    run(asset_of(DATA), reading(kind, seen.append))
    assert [type(one) for one in seen] == [pa.Table if kind in (None, Any) else kind]
    assert rows("FROM marts.u ORDER BY ALL") == rows()


def test_a_rerun_replaces_the_table_and_its_columns(run: Run, rows: Rows) -> None:
    run(asset_of(DATA))
    run(asset_of(pa.table({"c": [1.5]})))
    assert rows() == [(1.5,)]


def test_data_without_rows_leaves_an_empty_table_with_its_columns(run: Run, rows: Rows) -> None:
    run(asset_of(DATA))
    run(asset_of(DATA.slice(0, 0)))
    assert rows() == []
    assert [row[:2] for row in rows("DESCRIBE raw.t")] == [("a", "BIGINT"), ("b", "VARCHAR")]


def test_an_asset_that_returns_none_wrote_its_table_itself(run: Run, rows: Rows, warehouse: Warehouse) -> None:
    def write(_: object) -> None:
        with warehouse.writing() as connection:
            connection.execute("CREATE SCHEMA raw; CREATE TABLE raw.t AS SELECT 5 AS a")

    result = run(asset_of(write))
    assert rows() == [(5,)]
    assert "dagster/row_count" not in result.asset_materializations_for_node("sales__raw__t")[0].metadata


def test_a_view_is_read_like_a_table(run: Run, rows: Rows, warehouse: Warehouse) -> None:
    with warehouse.writing() as connection:
        connection.execute("CREATE SCHEMA raw; CREATE VIEW raw.t AS SELECT 5 AS a")
    run(reading(pa.Table), UPSTREAM)
    assert rows("FROM marts.u") == [(5,)]


def test_names_that_sql_reserves_or_does_not_know_are_just_names(run: Run, rows: Rows) -> None:
    strange = pa.table({'quo"te': [1], "with space": [2], "group": [3], "é": [4], "É": [5], "semi;colon--": [6]})

    @dg.asset(name="select", key_prefix=["sales", "order"])
    def up() -> pa.Table:
        return strange

    @dg.asset(key_prefix=["sales", "table"], ins={"data": dg.AssetIn(key=["sales", "order", "select"])})
    def down(data: pa.Table) -> pa.Table:
        assert data.to_pylist() == strange.to_pylist()
        return data

    result = run(up, down)
    assert rows('FROM "table".down') == [(1, 2, 3, 4, 5, 6)]
    preview = result.asset_materializations_for_node("sales__table__down")[0].metadata["preview"]
    assert preview.records[0].data == strange.to_pylist()[0]


@pytest.mark.parametrize("prefix", [[], ["raw"], ["sales", "raw", "more"]])
def test_a_key_without_three_parts_says_how_to_write_it(run: Run, prefix: list[str]) -> None:
    assert_fails(
        Code.WAREHOUSE_KEY,
        'key_prefix=["<domain>", "<layer>"], name="t"',
        of=lambda: run(asset_of(DATA, key_prefix=prefix)),
    )


def test_an_output_of_an_op_that_is_no_asset_is_told_so(warehouse: Warehouse) -> None:
    from building_block.warehouse.io_manager import WarehouseIOManager

    @dg.op
    def give() -> int:
        return 1

    @dg.job(resource_defs={"io_manager": WarehouseIOManager(path=str(warehouse.path))})
    def job() -> None:
        give()

    assert_fails(Code.WAREHOUSE_KEY, "only an asset has a table", of=job.execute_in_process)


def test_a_type_that_can_not_be_stored_is_refused(run: Run, warehouse: Warehouse) -> None:
    assert_fails(Code.WAREHOUSE_TYPE_UNSUPPORTED, "sales/raw/t", "builtins.list", of=lambda: run(asset_of([1, 2])))
    assert not warehouse.path.exists()


def test_a_missing_table_says_what_to_build_first(run: Run) -> None:
    build = "poe build raw/t"
    assert_fails(Code.WAREHOUSE_TABLE_MISSING, build, of=lambda: run(reading(pa.Table), UPSTREAM))
    run(asset_of(DATA, name="other"))
    assert_fails(Code.WAREHOUSE_TABLE_MISSING, build, of=lambda: run(reading(pa.Table), UPSTREAM))


# --- failures in the middle of a write --------------------------------------------------------------------------------


@pytest.mark.parametrize("partitions", [None, dg.StaticPartitionsDefinition(["p"])], ids=["whole table", "partition"])
def test_a_stream_that_fails_leaves_the_old_rows_and_its_own_error(run: Run, rows: Rows, partitions: Any) -> None:
    options = {"partition_key": "p"} if partitions else {}
    run(asset_of(pa.table({"a": [1]}), partitions_def=partitions), **options)
    before, error = rows(), ProblemError(MINE)
    with pytest.raises(Exception) as failure:
        run(asset_of(lambda _: failing(error), partitions_def=partitions), **options)
    assert problem_of(failure) is MINE
    assert rows() == before


def test_an_asset_that_fails_without_a_table_leaves_none(run: Run, rows: Rows) -> None:
    with pytest.raises(ValueError, match="mine"):
        run(asset_of(lambda _: failing(ValueError("mine"))))
    assert rows("SELECT table_name FROM information_schema.tables") == []


def test_a_stream_that_raises_fails_the_run_and_not_the_process(run: Run) -> None:
    result = run(asset_of(lambda _: failing(ProblemError(MINE))), raise_on_error=False)
    assert not result.success
    assert str(MINE) in str(result.failure_data_for_node("sales__raw__t").error)


KILLED = """
import sys, time
import dagster as dg, pyarrow as pa
from building_block.warehouse.io_manager import WarehouseIOManager

def batches():
    for _ in range(100):
        yield pa.record_batch({"a": [7] * 10_000})
    print("ready", flush=True)
    time.sleep(600)

days = dg.StaticPartitionsDefinition(["p", "q"]) if sys.argv[2] == "partition" else None

@dg.asset(key_prefix=["sales", "raw"], partitions_def=days)
def t():
    return pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), batches())

manager = WarehouseIOManager(path=sys.argv[1])
dg.materialize([t], resources={"io_manager": manager}, partition_key="p" if days else None)
"""


@pytest.mark.parametrize("what", ["table", "partition"])
def test_kill_9_in_the_middle_of_a_write_leaves_the_old_rows(
    run: Run, rows: Rows, warehouse: Warehouse, process: Callable[..., subprocess.Popen], what: str
) -> None:
    days = dg.StaticPartitionsDefinition(["p", "q"]) if what == "partition" else None
    options = {"partition_key": "p"} if days else {}
    run(asset_of(pa.table({"a": range(200_000)}), partitions_def=days), **options)
    before = rows()
    writer = process(KILLED, warehouse.path, what)
    assert writer.poll() is None
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert rows() == before
    run(asset_of(pa.table({"a": [1]}), partitions_def=days), **options)
    assert len(rows()) == 1


# --- partitions -------------------------------------------------------------------------------------------------------

DAYS = dg.StaticPartitionsDefinition(["mon", "tue", "wed"])


def days(data: Any, **definition: Any) -> dg.AssetsDefinition:
    return asset_of(data, partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), **definition)


def span(first: str, last: str) -> dict[str, Any]:
    return {"tags": {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}}


def appending(data: Any) -> dg.AssetsDefinition:
    return days(data, metadata={"on_schema_change": "append_new_columns"})


def test_a_partition_is_replaced_by_a_rerun_and_the_others_stay(run: Run, rows: Rows) -> None:
    run(days(pa.table({"a": [1, 2]})), partition_key="mon")
    run(days(pa.table({"a": [3]})), partition_key="tue")
    for _ in range(2):
        run(days(pa.table({"a": [4]})), partition_key="mon")
        assert rows() == [(3, "tue"), (4, "mon")]


def test_the_partition_of_the_run_wins_over_a_column_of_that_name(run: Run, rows: Rows) -> None:
    run(days(pa.table({"_partition_key": ["tue", "else"], "a": [1, 2]})), partition_key="mon")
    assert rows() == [(1, "mon"), (2, "mon")]


def test_columns_are_matched_by_name_and_never_by_position(run: Run, rows: Rows) -> None:
    run(days(pa.table({"net": [1], "tax": [2]})), partition_key="mon")
    run(days(pa.table({"tax": [20], "net": [10]})), partition_key="tue")
    run(days(pa.table({"TAX": [200], "Net": [100]})), partition_key="wed")
    assert rows("SELECT net, tax FROM raw.t ORDER BY ALL") == [(1, 2), (10, 20), (100, 200)]


def test_a_partition_without_rows_removes_its_old_rows_and_nothing_else(run: Run, rows: Rows) -> None:
    run(days(pa.table({"a": [1]})), partition_key="mon")
    run(days(pa.table({"a": [2]})), partition_key="tue")
    run(days(pa.table({"a": pa.array([], pa.int64())})), partition_key="mon")
    assert rows() == [(2, "tue")]
    run(days(pd.DataFrame(columns=["a"])), partition_key="tue")
    assert rows() == []
    assert [row[:2] for row in rows("DESCRIBE raw.t")] == [("a", "BIGINT"), ("_partition_key", "VARCHAR")]


def test_a_first_partition_without_rows_makes_the_table(run: Run, rows: Rows) -> None:
    run(days(pa.table({"a": pa.array([], pa.int64())})), partition_key="mon")
    assert rows() == []


@pytest.mark.parametrize(
    "keys", [["mon", "tue"], pa.array(["mon", "tue"]).dictionary_encode()], ids=["text", "dictionary"]
)
def test_a_run_of_several_partitions_replaces_all_of_them(run: Run, rows: Rows, keys: Any) -> None:
    for key in ("mon", "tue", "wed"):
        run(days(pa.table({"a": [0, 0]})), partition_key=key)
    run(days(pa.table({"_partition_key": keys, "a": [1, 2]})), **span("mon", "tue"))
    assert rows() == [(0, "wed"), (0, "wed"), (1, "mon"), (2, "tue")]


def test_daily_partitions_may_be_named_by_a_date(run: Run, rows: Rows) -> None:
    daily = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-10")
    dates = pa.array(["2024-01-02", "2024-01-03"]).cast(pa.date32())
    asset = asset_of(
        pa.table({"_partition_key": dates}), partitions_def=daily, backfill_policy=dg.BackfillPolicy.single_run()
    )
    run(asset, **span("2024-01-02", "2024-01-04"))
    assert rows() == [("2024-01-02",), ("2024-01-03",)]


@pytest.mark.parametrize("stray", ["wed", "nonsense", None])
def test_a_row_of_another_partition_stops_the_run_and_nothing_is_written(run: Run, rows: Rows, stray: Any) -> None:
    run(days(pa.table({"a": [0]})), partition_key="mon")
    data = pa.table({"_partition_key": ["mon", stray], "a": [1, 2]})
    assert_fails(
        Code.WAREHOUSE_SCHEMA_CHANGED, repr(stray), "mon to tue", of=lambda: run(days(data), **span("mon", "tue"))
    )
    assert rows() == [(0, "mon")]


def test_a_run_of_several_partitions_needs_the_column_that_tells_them_apart(run: Run) -> None:
    asset = days(pa.table({"a": [1]}))
    assert_fails(
        Code.WAREHOUSE_SCHEMA_CHANGED, "2 partitions", "add _partition_key", of=lambda: run(asset, **span("mon", "tue"))
    )


def test_an_asset_reads_the_partitions_of_its_run_only(run: Run, rows: Rows) -> None:
    for number, key in enumerate(("mon", "tue", "wed")):
        run(days(pa.table({"a": [number]})), partition_key=key)
    same = reading(pa.RecordBatchReader, partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    run(days(None), same, selection=[same], partition_key="tue")
    assert rows("FROM marts.u ORDER BY ALL") == [(1, "tue")]
    run(days(None), same, selection=[same], **span("mon", "tue"))
    assert rows("FROM marts.u ORDER BY ALL") == [(0, "mon"), (1, "tue")]
    whole = reading(pl.LazyFrame)
    run(days(None), whole, selection=[whole])
    assert len(rows("FROM marts.u ORDER BY ALL")) == 3


def test_a_hundred_partitions_are_read_and_written_with_one_connection_each(
    run: Run, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, connect = [], duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda *args, **options: opened.append(options) or connect(*args, **options))
    many = dg.StaticPartitionsDefinition([f"{number:02}" for number in range(100)])
    options = {"partitions_def": many, "backfill_policy": dg.BackfillPolicy.single_run()}
    asset = asset_of(pa.table({"_partition_key": many.get_partition_keys()}), **options)
    for _ in range(2):
        run(asset, reading(pa.RecordBatchReader, **options), **span("00", "99"))
    write, read = {"read_only": False}, {"read_only": True}
    assert opened == [write, read, write] * 2
    assert rows("SELECT count(*), count(DISTINCT _partition_key) FROM marts.u") == [(100, 100)]


def test_a_partitioned_asset_whose_table_has_no_partition_column_is_not_read(run: Run) -> None:
    run(asset_of(DATA))
    assert_fails(
        Code.WAREHOUSE_SCHEMA_CHANGED,
        "has no column _partition_key",
        of=lambda: run(days(None), reading(pa.Table), selection=["sales/marts/u"]),
    )


# --- changes of columns -----------------------------------------------------------------------------------------------

OLD = pa.table({"a": [1], "b": ["x"]})


@pytest.mark.parametrize(
    ("new", "texts"),
    [
        (OLD.append_column("c", [[1.5]]), ["c added", "append_new_columns"]),
        (OLD.drop_columns("b"), ["b missing"]),
        (OLD.rename_columns(["a", "B2"]), ["B2 added", "b missing"]),
    ],
    ids=["added", "missing", "renamed"],
)
def test_other_columns_stop_a_partition_unless_the_asset_allows_them(
    run: Run, rows: Rows, new: pa.Table, texts: list[str]
) -> None:
    run(days(OLD), partition_key="mon")
    for key in ("mon", "tue"):
        assert_fails(Code.WAREHOUSE_SCHEMA_CHANGED, *texts, of=lambda key=key: run(days(new), partition_key=key))
    assert rows() == [(1, "x", "mon")]


def test_new_columns_are_appended_where_the_asset_allows_it(run: Run, rows: Rows) -> None:
    run(appending(OLD), partition_key="mon")
    run(appending(pa.table({'new "one"': [[1.5]], "a": [2]})), partition_key="tue")
    assert rows("""SELECT a, b, "new ""one\"\"\", _partition_key FROM raw.t ORDER BY a""") == [
        (1, "x", None, "mon"),
        (2, None, [1.5], "tue"),
    ]
    run(appending(OLD), partition_key="tue")
    assert rows() == [(1, "x", "mon", None), (1, "x", "tue", None)]


def test_a_column_is_not_appended_when_the_stream_fails(run: Run, rows: Rows) -> None:
    run(appending(pa.table({"b": [1]})), partition_key="mon")
    with pytest.raises(ValueError, match="mine"):
        run(appending(lambda _: failing(ValueError("mine"))), partition_key="mon")
    assert rows() == [(1, "mon")]
    assert len(rows("DESCRIBE raw.t")) == 2


@pytest.mark.parametrize("asset", [days, appending])
def test_a_changed_type_stops_a_partition_in_any_case(run: Run, rows: Rows, asset: Any) -> None:
    run(asset(OLD), partition_key="mon")
    changed = pa.table({"a": ["1"], "b": ["x"]})
    assert_fails(
        Code.WAREHOUSE_SCHEMA_CHANGED,
        " a: ",
        "was BIGINT and is VARCHAR",
        of=lambda: run(asset(changed), partition_key="mon"),
    )
    assert rows() == [(1, "x", "mon")]


def test_a_column_without_any_value_fits_every_type(run: Run, rows: Rows) -> None:
    run(days(pa.table({"a": [{"x": 1}], "b": [["x"]]})), partition_key="mon")
    run(days(pa.table({"a": pa.nulls(1), "b": pa.nulls(1)})), partition_key="tue")
    assert rows("FROM raw.t ORDER BY _partition_key") == [({"x": 1}, ["x"], "mon"), (None, None, "tue")]


def test_all_changes_are_told_at_once(run: Run) -> None:
    run(days(OLD), partition_key="mon")
    with pytest.raises(ProblemError) as failure:
        run(days(pa.table({"a": ["1"], "b": [2], "c": [3]})), partition_key="mon")
    assert len(failure.value.problems) == 3


def test_a_table_that_was_written_whole_is_not_mixed_with_partitions(run: Run, rows: Rows) -> None:
    run(asset_of(DATA))
    assert_fails(
        Code.WAREHOUSE_SCHEMA_CHANGED,
        "without partitions",
        "delete data/",
        of=lambda: run(appending(DATA), partition_key="mon"),
    )
    assert len(rows()) == 2


@pytest.mark.parametrize("policy", ["ignore", "sync_all_columns", 1])
def test_an_unknown_policy_says_which_there_are(run: Run, policy: Any, warehouse: Warehouse) -> None:
    asset = asset_of(DATA, metadata={"on_schema_change": policy})
    assert_fails(Code.WAREHOUSE_SCHEMA_CHANGED, repr(policy), "fail or append_new_columns", of=lambda: run(asset))
    assert not warehouse.path.exists()


# --- other processes --------------------------------------------------------------------------------------------------

HOLD = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
print("ready", flush=True)
time.sleep(float(sys.argv[2]))
"""


def test_a_run_waits_for_another_process_and_gives_up_with_its_number(
    run: Run, rows: Rows, warehouse: Warehouse, process: Callable[..., subprocess.Popen]
) -> None:
    run(asset_of(DATA))
    process(HOLD, warehouse.path, 0.7)
    run(asset_of(DATA), reading(pa.Table))
    holder = process(HOLD, warehouse.path, 60)
    assert_fails(Code.WAREHOUSE_LOCKED, f"process {holder.pid}", of=lambda: run(asset_of(DATA), lock_timeout=0.2))


@pytest.mark.parametrize("kind", [pa.Table, pa.RecordBatchReader, pl.DataFrame, pl.LazyFrame, pd.DataFrame])
def test_while_an_asset_computes_others_may_write(run: Run, rows: Rows, warehouse: Warehouse, kind: Any) -> None:
    write = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('CREATE OR REPLACE TABLE raw.t AS SELECT 99 AS a')"

    def others(_: object) -> None:
        subprocess.run([sys.executable, "-c", write, str(warehouse.path)], check=True)
        with warehouse.writing() as connection:
            connection.execute("CREATE TABLE raw.mine AS SELECT 1 AS a")

    run(asset_of(DATA), reading(kind, others))
    assert rows() == [(99,)]
    assert rows("FROM marts.u ORDER BY ALL") == [(1, "x"), (2, None)]


def test_a_loaded_stream_larger_than_a_batch_is_written_on(run: Run, rows: Rows) -> None:
    run(asset_of(pa.table({"a": range(3 * BATCH_ROWS)})), reading(pa.RecordBatchReader))
    assert rows("SELECT count(*), sum(a) FROM marts.u") == rows("SELECT count(*), sum(a) FROM raw.t")


@pytest.mark.parametrize("key", [None, "mon"], ids=["whole table", "partition"])
def test_a_stream_of_a_thousand_batches_has_only_a_few_of_them_in_memory(run: Run, rows: Rows, key: str | None) -> None:
    order = pa.array(range(10_000))
    batch = pa.record_batch({"a": order})
    gc.collect()
    before, most = pa.total_allocated_bytes(), 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal most
        for _ in range(1000):
            most = max(most, pa.total_allocated_bytes() - before)
            yield batch.take(order)

    stream = pa.RecordBatchReader.from_batches(batch.schema, batches())
    run(asset_of(lambda _: stream, partitions_def=key and DAYS), partition_key=key)
    assert rows("SELECT count(*) FROM raw.t") == [(10_000_000,)]
    # DuckDB's threads and each step on the way hold one: reading ahead held 300 and more.
    assert batch.nbytes < most < 50 * batch.nbytes
