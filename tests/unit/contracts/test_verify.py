"""What data breaks is counted rightly, and in as few queries as there can be."""

from collections import Counter
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from building_block.contracts.load import Agreed
from building_block.contracts.rules import DuplicateRule, Limit
from building_block.contracts.sample import SAMPLE, make
from building_block.contracts.verify import verify
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.contracts.conftest import agree

OWN_SQL = {"type": "sql", "id": "own", "query": "SELECT count(*) FROM {object} WHERE a > b", "mustBe": 0}
ROWS = {"metric": "rowCount", "mustBeGreaterThan": 0}


def integer(name: str, **others: object) -> dict:
    return {"name": name, "logicalType": "integer", **others}


def text(name: str, **others: object) -> dict:
    return {"name": name, "logicalType": "string", **others}


def queries(connection: duckdb.DuckDBPyConnection, relation: str, port: Agreed, log: Path) -> list[str]:
    """Return the SELECTs that holding the data against the contract sent, by DuckDB's own log."""
    connection.execute(f"SET log_query_path = '{log}'")
    verify(connection, relation, port.rules)
    connection.execute("SET log_query_path = ''")
    return [line for line in log.read_text().splitlines() if line.startswith("SELECT")]


ASKED = [
    ("what statistics settle", [integer("a", required=True, logicalTypeOptions={"minimum": 0})], [ROWS], 1),
    (
        "one scan of all rows, however many rules",
        [
            integer("a", required=True, logicalTypeOptions={"minimum": 0, "maximum": 10_000, "multipleOf": 1}),
            text("b", required=True, logicalTypeOptions={"minLength": 1, "maxLength": 30}),
            text("c", enum=[{"value": "x"}, {"value": "y"}]),
            text("d", logicalTypeOptions={"format": "email"}),
        ],
        [ROWS],
        2,
    ),
    ("close numbers that never repeat, in that scan", [integer("a", unique=True)], [], 2),
    ("a text that never repeats", [text("a", unique=True)], [], 2),
    (
        "each by itself",
        [
            integer("a", primaryKey=True, required=True),
            integer("b", customProperties=[{"property": "sampleExpression", "value": "a + 1"}]),
            text("c", unique=True),
            text("d", unique=True, logicalTypeOptions={"minLength": 1}),
        ],
        [ROWS, OWN_SQL, OWN_SQL | {"id": "own_too"}, OWN_SQL | {"id": "own_as_well"}],
        2 + 2 + 3,
    ),
]


@pytest.mark.parametrize("parquet", [False, True], ids=["table", "parquet"])
@pytest.mark.parametrize(("columns", "quality", "count"), [case[1:] for case in ASKED], ids=[case[0] for case in ASKED])
def test_a_contract_is_checked_in(connection, tmp_path, columns, quality, count, parquet):
    port = agree(*columns, quality=quality)
    make(connection, port, 500, 0)
    connection.execute(f"CREATE TABLE t AS FROM {SAMPLE}")
    relation = "t"
    if parquet:
        relation = f"read_parquet('{tmp_path}/t.parquet')"
        connection.execute(f"COPY t TO '{tmp_path}/t.parquet'")
    sent = queries(connection, relation, port, tmp_path / "log.sql")
    assert len(sent) == count, sent


KINDS = {
    "INTEGER": st.integers(-3, 3) | st.sampled_from([-(2**31), 2**31 - 1]),
    "BIGINT": st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1]),
    "UTINYINT": st.integers(0, 4),
    "DATE": st.dates(date(2020, 1, 1), date(2020, 1, 4)) | st.sampled_from([date.min, date.max]),
    "VARCHAR": st.sampled_from(["a", "b"]),
    "HUGEINT": st.integers(0, 3),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[tuple]]:
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=3))
    return kinds, draw(st.lists(st.tuples(*(st.none() | KINDS[kind] for kind in kinds)), max_size=30))


@settings(max_examples=200, deadline=None)
@given(tables())
def test_repeated_keys_are_counted_as_a_person_would(table):
    kinds, rows = table
    names = [f"c{place}" for place in range(len(kinds))]
    rule = DuplicateRule("repeats", "", (), Limit(), True, None, tuple(names))
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t ({', '.join(map(' '.join, zip(names, kinds, strict=True)))})")
        if rows:
            connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(kinds))})", rows)
        (finding,) = verify(connection, "t", [rule])
    filled = Counter(row for row in rows if None not in row)
    assert finding.measured == sum(count - 1 for count in filled.values())


def test_infinite_days_are_counted_too(connection):
    port = agree({"name": "day", "logicalType": "date", "unique": True})
    connection.execute(
        "CREATE TABLE t AS SELECT unnest(['infinity', 'infinity', '-infinity', '2020-01-01'])::DATE AS day"
    )
    assert [finding.measured for finding in verify(connection, "t", port.rules)] == [1]


def test_what_statistics_say_after_rows_were_changed_and_deleted_is_not_believed_too_far(connection):
    port = agree(integer("a", unique=True, required=True, logicalTypeOptions={"minimum": 10, "maximum": 20}))
    connection.execute("CREATE TABLE t AS SELECT range::BIGINT AS a FROM range(30)")
    connection.execute("DELETE FROM t WHERE a < 10 OR a > 20")
    assert all(finding.kept for finding in verify(connection, "t", port.rules))
    connection.execute("UPDATE t SET a = 21 WHERE a IN (11, 12)")
    measured = {finding.rule.name: finding.measured for finding in verify(connection, "t", port.rules)}
    assert measured == {"a_not_null": 0, "a_unique": 1, "a_minimum": 0, "a_maximum": 2}


def test_a_column_without_any_value_breaks_only_what_forbids_that(connection):
    port = agree(text("a", logicalTypeOptions={"format": "email"}), text("b", required=True), integer("c", unique=True))
    empty = pa.table({"a": pa.nulls(3, pa.string()), "b": pa.nulls(3, pa.string()), "c": pa.nulls(3, pa.int64())})
    connection.register("t", empty)
    measured = {finding.rule.name: finding.measured for finding in verify(connection, "t", port.rules)}
    assert measured == {"a_format": 0, "b_not_null": 3, "c_unique": 0}


@pytest.mark.parametrize(("multiple", "bad"), [(0.1, 0.35), (0.01, 0.125), (5, 7)])
def test_multiples_of_floating_numbers_are_held_as_a_person_writes_them(connection, multiple, bad):
    column = {"name": "a", "logicalType": "number", "physicalType": "double"}
    port = agree(column | {"logicalTypeOptions": {"multipleOf": multiple}})
    connection.execute(f"CREATE TABLE t AS SELECT CAST(range * {multiple} AS DOUBLE) AS a FROM range(1000)")
    connection.execute(f"INSERT INTO t VALUES ({bad})")
    assert [finding.measured for finding in verify(connection, "t", port.rules)] == [1]


@pytest.mark.parametrize(
    ("query", "must_be", "said"),
    [
        (
            "SELECT count(*) FROM {object} WHERE CAST(a AS BIGINT) > 5",
            0,
            "The query fails over this data, or returns no",
        ),
        ("SELECT max(a) FROM {object}", "eve@example.com", "a text measured; allowed: exactly eve@example.com"),
    ],
)
def test_what_a_rules_own_sql_finds_is_told_without_a_value_of_the_data(connection, query, must_be, said):
    connection.execute("CREATE TABLE t AS SELECT 'ada@example.com' AS a")
    port = agree(text("a", required=True), quality=[{"type": "sql", "id": "own", "query": query, "mustBe": must_be}])
    filled, own = verify(connection, "t", port.rules)
    assert filled.kept  # the others are asked all the same
    assert not own.kept
    assert said in own.sentence
    assert "ada" not in own.sentence + own.shown
