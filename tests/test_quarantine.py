"""A source under contract: what breaks it stands beside the raw table with the rule's name, and no row is lost."""

import csv
from decimal import Decimal
from pathlib import Path

from tests.conftest import StampedProject, leave_days

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: invoices
version: 1.0.0
status: active
schema:
  - name: invoices
    properties:
      - {name: InvoiceNo, logicalType: string, required: true, logicalTypeOptions: {pattern: "^[AC]?[0-9]{6}$"}}
      - {name: Quantity, logicalType: integer, logicalTypeOptions: {minimum: -5000, maximum: 5000}}
      - name: UnitPrice
        logicalType: number
        physicalType: decimal(18,4)
        logicalTypeOptions: {minimum: 0}
"""
NAMED = "      - {name: Description, logicalType: string, required: true}\n"
"""Of the sample 28 lines have no description, on as many days."""
INVOICES = "ingest/invoices.yaml"


def put_under_contract(project: StampedProject, on_violation: str, columns: str = NAMED) -> None:
    project.write("contracts/consumes/invoices.odcs.yaml", CONTRACT + columns)
    project.replace(INVOICES, "columns:\n", f"contract: invoices\non_violation: {on_violation}\ncolumns:\n")


def landed(folder: Path) -> list[dict[str, str]]:
    rows = []
    for file in sorted(folder.glob("*.csv")):
        with file.open(newline="", encoding="utf-8") as lines:
            rows += [row | {"day": file.stem} for row in csv.DictReader(lines)]
    return rows


def broken(row: dict[str, str]) -> list[str]:
    """Judge a landed line as the contract does, by other means."""
    number = row["InvoiceNo"].removeprefix("C")
    found = {
        "invoiceno_pattern": not (len(number) == 6 and number.isdigit()),
        "quantity_minimum": int(row["Quantity"]) < -5000,
        "quantity_maximum": int(row["Quantity"]) > 5000,
        "unitprice_minimum": Decimal(row["UnitPrice"]) < 0,
        "description_not_null": row["Description"] == "",
    }
    return [name for name, breaks in found.items() if breaks]


def test_of_the_real_data_every_row_is_in_the_table_or_in_quarantine_with_its_rules(lean, real_data):
    put_under_contract(lean, "quarantine")
    lean.write(
        "dbt/models/staging/stg_retail__doubted.sql",
        "select\n    _partition_key as day,\n    len(_broken_rules) as rules\n"
        "from {{ source('raw', 'invoices_quarantine') }}\n",
    )
    result = lean.build(LANDING=str(real_data))
    assert result.returncode == 0, result.stderr
    rows = landed(real_data)
    expected = [(row["day"], row["InvoiceNo"], row["StockCode"], broken(row)) for row in rows if broken(row)]
    assert len(expected) > 100
    assert {name for *_, names in expected for name in names} >= {"description_not_null", "quantity_maximum"}
    apart = lean.query("SELECT _partition_key, InvoiceNo, StockCode, _broken_rules FROM raw.invoices_quarantine")
    assert sorted((*row[:3], sorted(row[3])) for row in apart) == sorted((*row[:3], sorted(row[3])) for row in expected)
    [(admitted,)] = lean.query("SELECT count(*) FROM raw.invoices")
    assert admitted + len(apart) == len(rows)
    [(kept, rejected, distinct)] = lean.query(
        "SELECT (SELECT count(*) FROM marts.orders_cleaned), (SELECT count(*) FROM marts.orders_rejected), "
        "(SELECT count(*) FROM (SELECT DISTINCT * EXCLUDE (_source_file, _partition_key) FROM raw.invoices))"
    )
    assert kept + rejected == distinct
    assert lean.query("SELECT count(*) FROM staging.stg_retail__doubted") == [(len(apart),)]
    assert lean.build(LANDING=str(real_data)).stdout == "Everything is up to date.\n"


def test_a_row_comes_in_once_the_rule_allows_it(project):
    put_under_contract(project, "quarantine", columns="")
    project.replace("contracts/consumes/invoices.odcs.yaml", "maximum: 5000", "maximum: 20")
    rows = leave_days(project, 3)
    first = project.build("raw/invoices")
    assert first.returncode == 0, first.stderr
    assert "raw/invoices_quarantine" in first.stdout
    counts = "SELECT (SELECT count(*) FROM raw.invoices), (SELECT count(*) FROM raw.invoices_quarantine)"
    [(admitted, apart)] = project.query(counts)
    assert (apart > 3, apart + admitted) == (True, rows)
    project.replace("contracts/consumes/invoices.odcs.yaml", "maximum: 20", "maximum: 5000")
    assert project.build("raw/invoices").returncode == 0
    assert project.query(counts) == [(rows, 0)]


def test_no_row_stays_in_a_quarantine_that_is_switched_off(project):
    put_under_contract(project, "quarantine", columns="")
    project.replace("contracts/consumes/invoices.odcs.yaml", "maximum: 5000", "maximum: 20")
    rows = leave_days(project, 3)
    assert project.build("raw/invoices").returncode == 0
    counts = "SELECT (SELECT count(*) FROM raw.invoices), (SELECT count(*) FROM raw.invoices_quarantine)"
    [(admitted, apart)] = project.query(counts)
    assert (apart > 3, apart + admitted) == (True, rows)
    project.replace(INVOICES, "on_violation: quarantine\n", "")
    assert project.build("raw/invoices").returncode == 1  # nothing comes in, so all stays where it is
    assert project.query(counts) == [(admitted, apart)]
    project.replace(INVOICES, "contract: invoices\n", "")
    assert project.build("raw/invoices").returncode == 0
    assert project.query(counts) == [(rows, 0)]


def test_a_day_that_breaks_the_contract_is_stopped_and_what_was_published_stays(built):
    before = built.query("FROM published.daily_orders ORDER BY ALL")
    put_under_contract(built, "block", columns="")
    day = built.root / "sample/retail/2011-01-04.csv"
    lines = day.read_text().splitlines()
    cells = lines[1].split(",")
    assert len(cells) == 8, "the line has a comma in quotes: take another one"
    day.write_text("\n".join([lines[0], ",".join(["A12345", *cells[1:]]), *lines[2:]]) + "\n")
    result = built.build()
    assert result.returncode == 1
    [message] = result.stderr.splitlines()
    assert message.startswith(
        "BB609 contracts/consumes/invoices.odcs.yaml:10 schema[0].properties[0].logicalTypeOptions"
    )
    assert "2011-01-04" in message
    assert built.query("FROM published.daily_orders ORDER BY ALL") == before
    assert "Traceback" not in result.stderr
