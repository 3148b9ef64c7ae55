"""One DuckDB file for several processes: locks, transactions, connections."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace

import duckdb
import pytest
from building_block.messages import Code, ProblemError
from building_block.warehouse.client import Warehouse

HOLD = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reading")
print("ready", flush=True)
time.sleep(float(sys.argv[3]))
"""
Start = Callable[..., subprocess.Popen]


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    with warehouse.writing() as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    return warehouse


def test_writing_creates_the_folder_and_commits_at_the_end(filled: Warehouse) -> None:
    with filled.reading() as connection:
        assert connection.execute("FROM t").fetchall() == [(1,)]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_any_exception_rolls_back_all_of_the_block(filled: Warehouse, error: type[BaseException]) -> None:
    with pytest.raises(error), filled.writing() as connection:
        connection.execute("CREATE OR REPLACE TABLE t AS SELECT 2 AS a")
        connection.execute("CREATE SCHEMA half")
        raise error
    with filled.reading() as connection:
        assert connection.execute("FROM t").fetchall() == [(1,)]
        assert "half" not in str(connection.execute("SHOW ALL TABLES").fetchall())


def test_an_error_of_sql_surfaces_as_it_is_and_rolls_back(filled: Warehouse) -> None:
    with pytest.raises(duckdb.ConversionException), filled.writing() as connection:
        connection.execute("DELETE FROM t")
        connection.execute("SELECT CAST('x' AS INTEGER)").fetchall()
    with filled.reading() as connection:
        assert connection.execute("FROM t").fetchall() == [(1,)]


def test_connections_are_closed_after_the_block(filled: Warehouse) -> None:
    for block in (filled.reading, filled.writing, filled.reading):
        with block() as connection:
            pass
        with pytest.raises(duckdb.ConnectionException, match="closed"):
            connection.execute("SELECT 1")


def test_reading_can_not_write(filled: Warehouse) -> None:
    with filled.reading() as connection, pytest.raises(duckdb.InvalidInputException, match="read-only"):
        connection.execute("INSERT INTO t VALUES (2)")


def test_reading_before_the_first_write_says_to_build(warehouse: Warehouse) -> None:
    with pytest.raises(ProblemError, match="poe build") as failure, warehouse.reading():
        pass
    assert failure.value.problems[0].code is Code.WAREHOUSE_TABLE_MISSING
    assert not warehouse.path.exists()


@pytest.mark.parametrize("block", ["reading", "writing"])
def test_waits_for_a_process_that_writes_for_a_moment(filled: Warehouse, process: Start, block: str) -> None:
    holder = process(HOLD, filled.path, "writing", 0.7)
    with getattr(filled, block)() as connection:
        assert connection.execute("FROM t").fetchall() == [(1,)]
    assert holder.wait(timeout=5) == 0


def test_writing_waits_for_a_process_that_reads(filled: Warehouse, process: Start) -> None:
    process(HOLD, filled.path, "reading", 0.7)
    with filled.writing() as connection:
        connection.execute("INSERT INTO t VALUES (2)")


@pytest.mark.parametrize("block", ["reading", "writing"])
def test_gives_up_after_the_timeout_and_names_the_process(filled: Warehouse, process: Start, block: str) -> None:
    holder = process(HOLD, filled.path, "writing", 60)
    begin = time.monotonic()
    with pytest.raises(ProblemError) as failure, getattr(replace(filled, lock_timeout=0.3), block)():
        pass
    assert time.monotonic() - begin >= 0.3
    (problem,) = failure.value.problems
    assert problem.code is Code.WAREHOUSE_LOCKED
    assert f"process {holder.pid} " in problem.what
    assert "close" in problem.write


def test_readers_of_several_processes_coexist(filled: Warehouse, process: Start) -> None:
    process(HOLD, filled.path, "reading", 60)
    with replace(filled, lock_timeout=0).reading() as connection:
        assert connection.execute("FROM t").fetchall() == [(1,)]


def test_only_a_held_lock_is_waited_for(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.path.parent.mkdir()
    warehouse.path.write_bytes(b"not a database" * 1000)
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waited"))
    with pytest.raises(ProblemError, match="the file is not a DuckDB database"), warehouse.reading():
        pass


def test_processes_that_write_at_once_all_get_their_turn(filled: Warehouse, process: Start) -> None:
    code = """
import sys
from pathlib import Path
from building_block.warehouse.client import Warehouse
print("ready", flush=True)
for _ in range(5):
    with Warehouse(Path(sys.argv[1])).writing() as connection:
        connection.execute("UPDATE t SET a = a + 1")
"""
    writers = [process(code, filled.path) for _ in range(4)]
    assert [writer.wait(timeout=60) for writer in writers] == [0] * 4
    with filled.reading() as connection:
        assert connection.execute("FROM t").fetchall() == [(21,)]
