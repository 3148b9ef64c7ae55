"""Retention as contracts say it: spans by the calendar, elements, and which rows of a table are past it."""

from datetime import date, datetime

import duckdb
import pyarrow as pa
import pytest
from building_block.contracts.contract import Contract
from building_block.contracts.retention import Term, of_port
from building_block.contracts.service_levels import Action, Place, Span

from tests.unit.contracts.conftest import GOOD, load, messages

LEVEL = "{property: retention, value: 10, unit: y, element: sales.sold_on}"
TODAY = date(2024, 2, 29)
MODEL = {"dbt/models/published/sales.sql": "select 1"}
INGEST = """\
description: One row per receipt.
source: {kind: file, format: csv, folder: landing, pattern: "receipts.csv", when_missing: skip}
columns:
- {name: id, type: string}
- {name: sold_at, type: timestamp}
- {name: sold_on, type: date}
- {name: email, type: string, pii: true}
"""


def promised(element: str, action: str = "", **level: object) -> str:
    """Return the good contract with another retention."""
    said = {"property": "retention", "value": 10, "unit": "y", "element": f'"{element}"'} | level
    if action:
        said["customProperties"] = f"[{{property: retentionAction, value: {action}}}]"
    return GOOD.replace(LEVEL, "{" + ", ".join(f"{key}: {value}" for key, value in said.items()) + "}")


def contract(element: str = "sold_on", action: str = "", **level: object) -> Contract:
    return load(promised(element, action, **level)).contract


@pytest.mark.parametrize(
    ("number", "unit", "day", "first"),
    [
        (1, "years", "2024-02-29", "2023-02-28"),
        (4, "years", "2024-02-29", "2020-02-29"),
        (1, "years", "2025-02-28", "2024-02-28"),
        (1, "years", "2025-03-01", "2024-03-01"),
        (1, "months", "2026-03-31", "2026-02-28"),
        (1, "months", "2024-03-30", "2024-02-29"),
        (1, "months", "2026-01-15", "2025-12-15"),
        (13, "months", "2026-01-31", "2024-12-31"),
        (1000, "years", "2026-11-21", "1026-11-21"),
        (2, "weeks", "2026-01-01", "2025-12-18"),
        (30, "days", "2024-03-01", "2024-01-31"),
        (36, "hours", "2026-01-02", "2025-12-31"),
        (24, "hours", "2026-01-02", "2026-01-01"),
    ],
)
def test_a_span_is_counted_back_by_the_calendar(number, unit, day, first):
    assert Span(number, unit).before(date.fromisoformat(day)) == date.fromisoformat(first)


def test_calendar_months_are_counted_as_duckdb_counts_them():
    days = [date(2023, 1, 1), date(2024, 2, 29), date(2024, 3, 31), date(2025, 12, 31), date(2026, 7, 30)]
    for day in days:
        for months in range(1, 50):
            ours = Span(months, "months").before(day)
            [(theirs,)] = duckdb.sql(f"SELECT CAST(DATE '{day}' - INTERVAL {months} MONTH AS DATE)").fetchall()
            assert ours == theirs


@pytest.mark.parametrize("element", ["sold_on", "sales.sold_on", " sales.sold_on ,"])
def test_the_ports_own_column_is_named_alone_or_after_the_port(element):
    retention = contract(element).retention
    assert (retention.column.name, retention.places, retention.action) == ("sold_on", (), Action.DELETE)


def test_other_tables_of_the_warehouse_are_named_by_layer_table_and_column():
    retention = contract("sales.sold_on, marts.receipts.sold_at,raw.receipts.sold at. night", "anonymise").retention
    assert retention.places == (
        Place("marts", "receipts", "sold_at"),
        Place("raw", "receipts", "sold at. night"),
    )
    assert retention.action is Action.ANONYMISE


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (
            "sold_on, mart.receipts.sold_at",
            "BB640 78 slaProperties[0].element: `mart` is no layer where rows lie; write marts",
        ),
        (
            "sold_on, published.receipts.sold_at",
            "BB640 78 slaProperties[0].element: `published.receipts.sold_at` is under a contract of its own; take it "
            "out: its own contract says its retention",
        ),
        (
            "sold_on, receipts.sold_at",
            "BB640 78 slaProperties[0].element: `receipts.sold_at` is no column of the port and no table of the "
            "warehouse; write `sales.<column>`, or `<layer>.receipts.sold_at` with one of raw, staging, intermediate, "
            "marts",
        ),
        (
            "sold_on, sold_at",
            "BB640 78 slaProperties[0].element: retention counts from sold_on and sold_at of the port; keep one of "
            "them",
        ),
        (
            "sold_on, marts.receipts.sold_at, marts.receipts.sold_on",
            "BB640 78 slaProperties[0].element: marts.receipts stands twice; keep the column that a row's age counts "
            "from",
        ),
        (
            "marts.receipts.sold_at",
            "BB606 78 slaProperties[0].element: retention does not say from which column of the port it counts; write "
            "`element: sold_at, sold_on`",
        ),
    ],
)
def test_an_element_that_names_nothing_is_refused(element, message):
    assert messages(promised(element)) == [message]


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (
            "[{property: retentionAction, value: erase}]",
            "BB603 78 slaProperties[0].customProperties[0]: `erase` is nothing that becomes of a row; write one of "
            "delete, anonymise",
        ),
        (
            "[{property: retentionAction, value: delete}, {property: retentionAction, value: anonymise}]",
            "BB603 78 slaProperties[0].customProperties[1]: retentionAction is said twice; write one of delete, "
            "anonymise",
        ),
    ],
)
def test_what_becomes_of_a_row_is_one_of_two(properties, message):
    assert messages(promised("sold_on", customProperties=properties)) == [message]


def test_the_column_that_retention_counts_from_must_be_filled():
    assert messages(promised("sold_at")) == [
        "BB613 39 schema[0].properties[3]: retention counts from `sold_at`, and a row without it would be kept for "
        "ever; write `required: true`"
    ]


@pytest.mark.parametrize(
    ("element", "action", "message"),
    [
        ("raw.receipts.sold_at", "", None),
        ("raw.receipts.sold_on", "anonymise", None),
        ("marts.nobody_knows.this", "", None),
        ("raw.receipt.sold_at", "", "no ingest file declares the table raw.receipt; write raw.receipts.<column>"),
        (
            "raw.receipts.sold",
            "",
            "retention counts from raw.receipts.sold, which ingest/receipts.yaml does not declare; write "
            "raw.receipts.sold_on",
        ),
        (
            "raw.receipts.email",
            "",
            "retention counts from raw.receipts.email, which is string in ingest/receipts.yaml; write "
            "raw.receipts.sold_at, sold_on",
        ),
    ],
)
def test_a_raw_table_is_held_against_the_ingest_files(linted, element, action, message):
    files = {"contracts/sales.odcs.yaml": promised(f"sold_on, {element}", action), "ingest/receipts.yaml": INGEST}
    where = "BB640 contracts/sales.odcs.yaml:78 slaProperties[0].element: "
    assert linted(files | MODEL) == ([where + message] if message else [])


def test_two_contracts_promise_one_table_the_same(linted):
    other = promised("sold_on, marts.receipts.sold_at", value=9).replace(
        "name: sales\n    desc", "name: shops\n    desc"
    )
    other = other.replace("sales.", "shops.")
    files = {
        "contracts/sales.odcs.yaml": promised("sold_on, marts.receipts.sold_at"),
        "contracts/shops.odcs.yaml": other,
        "dbt/models/published/shops.sql": "select 1",
    }
    assert linted(files | MODEL) == [
        "BB640 contracts/shops.odcs.yaml:78 slaProperties[0].element: marts.receipts keeps rows for 9 years from "
        "sold_at, then delete; contracts/sales.odcs.yaml says 10 years from sold_at, then delete; let one of the two "
        "contracts name the table"
    ]
    assert (
        linted(
            files | MODEL | {"contracts/shops.odcs.yaml": other.replace("value: 9, unit: y", "value: 120, unit: month")}
        )
        == []
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "        tags: [pii]\n",
            "        tags: [pii]\n        required: true\n",
            "BB642 contracts/sales.odcs.yaml:44 schema[0].properties[4]: `email` is emptied when its row is past its "
            "retention, and may not be empty; write `required: false`, or `retentionAction: delete`",
        ),
        (
            "{name: email, type: string, pii: true}",
            "{name: email, type: string}",
            "BB642 contracts/sales.odcs.yaml:78 slaProperties[0].element: rows of raw.receipts are to be anonymised, "
            "and nothing says which columns are personal data; write `pii: true` at the columns in the ingest file of "
            "receipts, or take `retentionAction` out",
        ),
    ],
)
def test_what_is_emptied_is_known_and_may_be_empty(linted, old, new, message):
    text = promised("sold_on, raw.receipts.sold_at", "anonymise").replace(old, new)
    files = {"contracts/sales.odcs.yaml": text, "ingest/receipts.yaml": INGEST.replace(old, new)}
    [found] = linted(files | MODEL)
    assert found == message


ROWS = """
    (VALUES
        (1, DATE '2014-02-28', TIMESTAMP '2014-02-28 23:59:59', TIMESTAMPTZ '2014-02-28 23:59:59+00', 'a'),
        (2, DATE '2014-03-01', TIMESTAMP '2014-03-01 00:00:00', TIMESTAMPTZ '2014-03-01 00:00:00+00', 'b'),
        (3, NULL, NULL, NULL, 'c'),
        (4, DATE '-infinity', TIMESTAMP '-infinity', TIMESTAMPTZ '-infinity', 'd'),
        (5, DATE 'infinity', TIMESTAMP 'infinity', TIMESTAMPTZ 'infinity', NULL)
    ) t(id, day, moment, zoned, email)
"""


def term(column: str, *personal: str) -> Term:
    kept = of_port(contract("sold_on", "anonymise" if personal else ""))
    return Term(kept.contract, "marts", "t", column, personal or None)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland"])
@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("day", "DATE"),
        ("moment", "TIMESTAMP"),
        ("zoned", "TIMESTAMP WITH TIME ZONE"),
        ("moment::TIMESTAMP_MS", "TIMESTAMP_MS"),
    ],
)
def test_a_row_is_past_its_retention_from_the_day_on_that_lies_that_long_before_today(connection, column, kind, zone):
    connection.execute(f"SET TimeZone = '{zone}'")
    rows = f"(SELECT id, {column} AS x FROM {ROWS})"
    kept = connection.execute(term("x").kept(rows, kind, date(2024, 3, 1))).fetchall()
    assert [row[0] for row in kept] == [2, 3, 5]
    [(count,)] = connection.execute(
        f"SELECT count_if({term('x').is_due(kind, date(2024, 3, 1))}) FROM {rows}"
    ).fetchall()
    assert count == 2


def test_text_that_is_no_timestamp_is_kept(connection):
    rows = "(VALUES ('2001-01-01 10:00:00'), ('yesterday'), ('2023-01-01')) t(moment)"
    kept = connection.execute(term("moment").kept(rows, "VARCHAR", TODAY)).fetchall()
    assert kept == [("yesterday",), ("2023-01-01",)]


def test_what_was_anonymised_is_not_found_again(connection):
    emptied, day = term("day", "email"), date(2024, 3, 1)
    connection.execute(f"CREATE TABLE t AS {emptied.kept(ROWS, 'DATE', day)}")
    assert connection.execute("SELECT id, email FROM t ORDER BY id").fetchall() == [
        (1, None), (2, "b"), (3, "c"), (4, None), (5, None),
    ]  # fmt: skip
    assert connection.execute(f"SELECT count_if({emptied.is_due('DATE', day)}) FROM t").fetchall() == [(0,)]


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us")])
def test_a_batch_loses_the_rows_that_sql_would_lose(kind):
    days = [datetime(2014, 2, 28), datetime(2014, 3, 1), None]
    batch = pa.record_batch({"at": pa.array(days).cast(kind), "email": ["a", "b", "c"], "id": [1, 2, 3]})
    rest, count = term("at").kept_of(batch, date(2024, 3, 1))
    assert (rest["id"].to_pylist(), count) == ([2, 3], 1)
    rest, count = term("at", "email").kept_of(batch, date(2024, 3, 1))
    assert (rest["email"].to_pylist(), rest["id"].to_pylist(), count) == ([None, "b", "c"], [1, 2, 3], 1)
    assert rest.schema == batch.schema
