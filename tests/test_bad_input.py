"""Bad input ends in one message that says where, what and what to write; nothing is lost, nothing half-written."""

import gzip
import re

import pytest

from tests.conftest import StampedProject

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
LINE = "536365,85123A,LANTERN,6,2010-12-02 08:26:00,2.55,17850.0,United Kingdom\n"
DAY = "sample/retail/2010-12-02.csv"
MESSAGE = re.compile(r"BB\d{3} \S+.*: .+; .+")


def snapshot(project: StampedProject) -> dict[str, list[str]]:
    tables = project.query("select table_schema || '.' || table_name from information_schema.tables")
    return {name: sorted(map(repr, project.query(f"from {name}"))) for (name,) in tables}


def refused(project: StampedProject, *beginnings: str, **environment: str) -> str:
    """Build, and demand exactly the messages with these beginnings, and every table as it was."""
    before = snapshot(project)
    result = project.build(**environment)
    lines = result.stderr.strip().splitlines()
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    assert len(lines) == len(beginnings), result.stderr
    for line, beginning in zip(lines, beginnings, strict=True):
        assert line.startswith(beginning), line
        assert MESSAGE.fullmatch(line), line
    assert snapshot(project) == before
    return result.stderr


@pytest.mark.parametrize(
    ("old", "new", "beginning"),
    [
        ("format: csv", "formt: csv", "BB102 ingest/invoices.yaml:"),
        ("kind: file", "kind: fiel", "BB103 ingest/invoices.yaml:5 source.kind: "),
        ("name: Country,", "name: country, type: string}\n  - {name: COUNTRY,", "BB105 ingest/invoices.yaml:"),
        ('"0 6 * * *"', '"0 25 * * *"', "BB103 ingest/invoices.yaml:13 schedule: "),
        ("start: 2010-12-01", "start: 2010-13-01", "BB103 ingest/invoices.yaml:12 partitions.start: "),
        ("undeclared_columns: fail", "undeclared_columns: [fail", "BB101 ingest/invoices.yaml:"),
        ("sample/retail", "sample/retial", "BB201 folder ${LANDING:-sample/retial}: "),
    ],
)
def test_a_wrong_ingest_file_is_refused_at_its_line(built, old, new, beginning):
    built.replace("ingest/invoices.yaml", old, new)
    refused(built, beginning)


def test_two_files_that_claim_one_table_are_refused(built):
    built.write("ingest/invoices.yml", (built.root / "ingest" / "invoices.yaml").read_text())
    assert "ingest/invoices.yaml" in refused(built, "BB104 ingest/invoices.yml:")


def test_a_landing_folder_that_is_missing_is_named(built):
    assert "/nowhere" in refused(built, "BB201 ", LANDING="/nowhere")


@pytest.mark.parametrize(
    ("content", "beginning"),
    [
        (b"", f"BB203 {DAY}: "),
        ((HEADER + LINE.replace("LANTERN", "CAF\u00c9")).encode("latin-1"), f"BB205 {DAY}:2: "),
        ((HEADER + LINE + "536366,85123A\n" + LINE).encode(), f"BB206 {DAY}:3"),
        ((HEADER + LINE * 6999 + LINE.replace(",6,", ",six,")).encode(), f"BB207 {DAY}:7001 Quantity"),
        ((HEADER.strip() + ",Colour\n" + LINE.strip() + ",red\n").encode(), f"BB208 {DAY}:1 Colour"),
        (HEADER.replace(",Country", "").encode() + b"1,2,3,4,2010-12-02,5,6\n", f"BB209 {DAY}:1 Country"),
    ],
    ids=["zero bytes", "latin-1", "broken row", "wrong type in row 7000", "undeclared column", "missing column"],
)
def test_a_bad_file_is_refused_and_the_days_old_rows_stay(built, content, beginning):
    (built.root / DAY).write_bytes(content)
    refused(built, beginning)


def test_a_truncated_gzip_is_refused(built):
    ingest = (built.root / "ingest" / "invoices.yaml").read_text()
    ingest = ingest.replace("format: csv", "format: csv.gz").replace("}.csv", "}.csv.gz")
    built.write("ingest/parcels.yaml", ingest.replace("${LANDING:-sample/retail}", "sample/parcels"))
    folder = built.root / "sample" / "parcels"
    folder.mkdir()
    whole = gzip.compress((HEADER + LINE * 5000).encode())
    (folder / "2010-12-01.csv.gz").write_bytes(whole)
    assert built.build("raw/parcels").returncode == 0
    (folder / "2010-12-02.csv.gz").write_bytes(whole[: len(whole) // 2])
    refused(built, "BB204 sample/parcels/2010-12-02.csv.gz: ")


def test_a_bad_day_keeps_no_other_day_out(project):
    (project.root / DAY).write_bytes(b"")
    result = project.build()
    assert result.returncode == 1
    assert result.stderr.startswith(f"BB203 {DAY}: ")
    assert project.query("select count(distinct _partition_key) from raw.invoices") == [(35,)]
    assert "waits for raw/invoices" in result.stdout


def test_a_day_without_a_file_fails_only_where_the_ingest_file_says_so(built):
    built.replace("ingest/invoices.yaml", "when_missing: skip", "when_missing: fail")
    (built.root / DAY).unlink()
    launch = ("dg", "launch", "--assets", "key:sales/raw/invoices", "--partition", "2010-12-02")
    result = built.run(*launch, DAGSTER_HOME=str(built.root / "data" / "dagster"))
    assert f"BB202 {DAY}: " in result.stdout + result.stderr
    assert result.returncode != 0
    built.replace("ingest/invoices.yaml", "when_missing: fail", "when_missing: skip")
    result = built.run(*launch, DAGSTER_HOME=str(built.root / "data" / "dagster"))
    assert result.returncode == 0, result.stderr
    assert built.query("select count(*) > 0 from raw.invoices where _partition_key = '2010-12-02'") == [(True,)]
