"""The warehouse written anew: all that it holds comes along, what is to go is gone from its bytes."""

import subprocess
import sys
from pathlib import Path

import pytest
from building_block.warehouse.client import Warehouse, ask, is_due, rewrite

GONE = "ZQXGONEZQX"
CONTENT = f"""
    CREATE SCHEMA raw; CREATE SCHEMA marts; CREATE SCHEMA staging;
    CREATE TYPE marts.mood AS ENUM ('good', 'bad');
    CREATE SEQUENCE marts.numbers START 7;
    CREATE MACRO marts.twice(a) AS a * 2;
    CREATE TABLE raw.orders (id INTEGER PRIMARY KEY, who VARCHAR NOT NULL DEFAULT 'nobody', CHECK (id > 0));
    INSERT INTO raw.orders SELECT range, if(range < 500, '{GONE}' || range, 'kept') FROM range(1, 1000);
    CREATE TABLE marts.orders (id INTEGER PRIMARY KEY); INSERT INTO marts.orders FROM range(600, 1000);
    CREATE TABLE marts.lines (order_id INTEGER REFERENCES marts.orders (id), "Odd name" marts.mood, n INTEGER,
        twice INTEGER GENERATED ALWAYS AS (n * 2));
    INSERT INTO marts.lines (order_id, "Odd name", n) VALUES (600, 'good', 1), (700, 'bad', 2);
    CREATE INDEX by_who ON raw.orders (who);
    CREATE VIEW staging.a_view AS SELECT id, who FROM "warehouse"."raw"."orders";
    CREATE VIEW raw.on_view AS FROM staging.a_view;
    COMMENT ON TABLE raw.orders IS 'One row per order, ann''s.';
    COMMENT ON COLUMN raw.orders.who IS 'Who ordered.';
    COMMENT ON COLUMN marts.lines."Odd name" IS 'Odd.';
    COMMENT ON VIEW staging.a_view IS 'All orders.';
    COMMENT ON COLUMN staging.a_view.who IS 'Of the view.';
"""
CATALOG = {
    "tables": "SELECT schema_name, table_name, comment, sql FROM duckdb_tables() WHERE NOT internal",
    "columns": "SELECT schema_name, table_name, column_name, data_type, comment FROM duckdb_columns() "
    "WHERE NOT internal",
    "views": "SELECT schema_name, view_name, comment, sql FROM duckdb_views() WHERE NOT internal",
    "indexes": "SELECT schema_name, index_name, sql FROM duckdb_indexes()",
    "constraints": "SELECT schema_name, table_name, constraint_text FROM duckdb_constraints()",
    "sequences": "SELECT schema_name, sequence_name, start_value, last_value FROM duckdb_sequences()",
    "macros": "SELECT schema_name, function_name, macro_definition FROM duckdb_functions() WHERE NOT internal",
    "types": "SELECT schema_name, type_name, labels FROM duckdb_types() WHERE NOT internal",
    "schemas": "SELECT schema_name FROM duckdb_schemas() WHERE NOT internal",
    "lines": "FROM marts.lines",
    "view": "FROM raw.on_view WHERE who = 'kept'",
}


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    with warehouse.writing() as connection:
        connection.execute(CONTENT)
    return warehouse


def content(warehouse: Warehouse) -> dict[str, list[tuple]]:
    with warehouse.reading() as connection:
        return {name: connection.execute(f"{query} ORDER BY ALL").fetchall() for name, query in CATALOG.items()}


def without_gone(warehouse: Warehouse) -> None:
    with warehouse.holding() as connection:
        rewrite(connection, warehouse.path, {("raw", "orders"): "SELECT * FROM raw.orders WHERE who = 'kept'"})


def test_all_that_the_warehouse_holds_comes_along_but_what_is_to_go(filled):
    before = content(filled)
    assert all(before.values())
    without_gone(filled)
    assert content(filled) == before
    with filled.writing() as connection:
        assert connection.execute("SELECT count(*), min(id) FROM raw.orders").fetchall() == [(500, 500)]
        assert connection.execute("SELECT marts.twice(4)").fetchall() == [(8,)]


def test_a_delete_leaves_the_bytes_and_the_rewriting_does_not(filled):
    with filled.writing() as connection:
        connection.execute("DROP TABLE marts.lines")
        connection.execute("DELETE FROM raw.orders WHERE who <> 'kept'")
    with filled.holding() as connection:
        connection.execute("CHECKPOINT")
    assert GONE.encode() in filled.path.read_bytes()
    with filled.holding() as connection:
        rewrite(connection, filled.path, {})
    assert GONE.encode() not in filled.path.read_bytes()


def test_what_a_killed_process_left_in_the_log_is_in_the_new_file(filled):
    code = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute(\"SET wal_autocheckpoint = '1GB'\");"
        'c.execute("INSERT INTO marts.lines (order_id, n) VALUES (800, 3)"); os.kill(os.getpid(), 9)'
    )
    subprocess.run([sys.executable, "-c", code, filled.path], check=False)
    log = filled.path.with_name(f"{filled.path.name}.wal")
    assert log.stat().st_size
    without_gone(filled)
    assert not log.exists()
    with filled.reading() as connection:
        assert connection.execute("SELECT n FROM marts.lines ORDER BY n").fetchall() == [(1,), (2,), (3,)]


def test_closing_the_old_file_leaves_the_log_of_the_new_one_alone(filled):
    log = filled.path.with_name(f"{filled.path.name}.wal")
    with filled.holding() as connection:
        rewrite(connection, filled.path, {})
        code = (
            "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]);"
            'c.execute("INSERT INTO marts.lines (order_id, n) VALUES (900, 4)"); os.kill(os.getpid(), 9)'
        )
        subprocess.run([sys.executable, "-c", code, filled.path], check=False)
        assert log.stat().st_size
    with filled.reading() as connection:
        assert connection.execute("SELECT max(n) FROM marts.lines").fetchall() == [(4,)]


def test_mode_and_marks_and_left_overs(filled):
    filled.path.chmod(0o640)
    folder = filled.path.parent
    assert not is_due(filled.path)
    ask(filled.path)
    assert is_due(filled.path)
    (folder / ".warehouse.duckdb.new").write_bytes(b"half a file of a process that was killed")
    (folder / ".warehouse.duckdb.new.wal").write_bytes(b"and its log")
    (folder / "warehouse.duckdb.tmp").mkdir()
    (folder / "warehouse.duckdb.tmp" / "spilled").write_bytes(GONE.encode())
    without_gone(filled)
    assert not is_due(filled.path)
    assert [file.name for file in folder.iterdir()] == [filled.path.name]
    assert filled.path.stat().st_mode & 0o777 == 0o640
    assert GONE.encode() not in filled.path.read_bytes()


def test_an_error_in_the_middle_leaves_the_file_as_it_was(filled):
    before: Path = filled.path.read_bytes()
    with pytest.raises(Exception, match="nowhere"), filled.holding() as connection:
        rewrite(connection, filled.path, {("raw", "orders"): "FROM nowhere"})
    assert filled.path.read_bytes() == before
    assert is_due(filled.path)
    without_gone(filled)
    assert not is_due(filled.path)
