"""Landed files: every format, what is refused, and where the message points."""

import gzip
import json
import os
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from building_block.ingest.source import Folders
from building_block.messages import ProblemError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.ingest.conftest import DAY, Shop

EVERY_TYPE = {
    "s": "string",
    "i": "integer",
    "l": "bigint",
    "n": "decimal(9,2)",
    "f": "double",
    "b": "boolean",
    "d": "date",
    "t": "timestamp",
}
VALUES = ("é,", 1, 2**40, Decimal("2.50"), 0.1, True, date(2020, 1, 2), datetime(2020, 1, 2, 3, 4, 5))
CSV = 's,i,l,n,f,b,d,t\n"é,",1,1099511627776,2.5,0.1,true,2020-01-02,2020-01-02T03:04:05Z\n,,,,,,,\n'
NOTHING = (None,) * 8


def put_csv(path: Path) -> None:
    path.write_text(CSV, encoding="utf-8")


def put_csv_gz(path: Path) -> None:
    path.write_bytes(gzip.compress(CSV.encode()))


def put_ndjson(path: Path) -> None:
    row = '{"s":"é,","i":1,"l":1099511627776,"n":2.5,"f":0.1,"b":true,"d":"2020-01-02","t":"2020-01-02 03:04:05"}'
    path.write_text(row + '\n\n{"s":null}\n', encoding="utf-8")


def put_parquet(path: Path) -> None:
    pq.write_table(
        pa.Table.from_pylist([dict(zip(EVERY_TYPE, values, strict=True)) for values in (VALUES, NOTHING)]), path
    )


def put_xlsx(path: Path) -> None:
    book = openpyxl.Workbook()
    for row in ((), tuple(EVERY_TYPE), VALUES, ()):
        book.active.append(row)
    book.save(path)


@pytest.mark.parametrize("put", [put_csv, put_csv_gz, put_ndjson, put_parquet, put_xlsx])
def test_each_format_gives_the_declared_types(shop: Shop, put) -> None:
    kind = put.__name__.removeprefix("put_").replace("_", ".")
    put(shop.root / f"landing/{DAY}.{kind}")
    spec = shop.spec(EVERY_TYPE, kind)
    assert shop.read(spec).schema == spec.arrow_schema
    # An empty row of Excel is no row: formatted but unused cells make many of them.
    assert shop.rows(spec) == ([VALUES] if kind == "xlsx" else [VALUES, NOTHING])


def test_each_row_says_which_file_and_partition_it_came_from(shop: Shop) -> None:
    shop.land("id,name\n1,a\n", f"sub/x-{DAY}.csv")
    spec = shop.spec(source={"pattern": "sub/x-{partition_key}.csv"})
    [row] = shop.read(spec).to_pylist()
    assert row == {"id": 1, "name": "a", "_source_file": f"sub/x-{DAY}.csv", "_partition_key": DAY}


def test_an_unpartitioned_table_reads_its_one_file(shop: Shop) -> None:
    shop.land("id,name\n1,a\n", "codes.csv")
    spec = shop.spec(source={"pattern": "codes.csv"}, partitions=None)
    assert shop.read(spec, None).column_names == ["id", "name", "_source_file"]
    assert spec.source.fingerprint(shop.root, None)
    assert spec.source.landed(shop.root, spec, Folders()).keys() == {None}


@pytest.mark.parametrize(
    "content",
    [
        "id,name\n1,a\n",
        "name,id\na,1\n",
        "\ufeffid,name\n1,a\n",
        "id,name\r\n1,a\r\n",
        "id,name\n1.0, a\n".replace(" ", ""),
        "id,name\n\n1,a",
        '"id","name"\n"1","a"\n',
        "id,name\n+1,a\n",
        "id,name\n1,a,\n",
    ],
)
def test_columns_are_found_by_name_whatever_the_dialect(shop: Shop, content: str) -> None:
    shop.land(content)
    assert shop.rows(shop.spec()) == [(1, "a")]


def test_a_header_without_rows_is_an_empty_table(shop: Shop) -> None:
    shop.land("id,name\n")
    assert shop.rows(shop.spec()) == []


def test_a_quoted_line_break_belongs_to_its_value_and_counts_as_a_line(shop: Shop) -> None:
    shop.land('id,name\n1,"a\nb"\n\n2,"c ""d"""\n')
    assert shop.rows(shop.spec()) == [(1, "a\nb"), (2, 'c "d"')]
    shop.land('id,name\n1,"a\nb"\n\nx,c\n')
    assert shop.problems(shop.spec())[0].startswith(
        f"BB207 landing/{DAY}.csv:5 id: `x` does not fit `integer` exactly; "
    )


def test_a_delimiter_is_declared(shop: Shop) -> None:
    shop.land("id;name\n1;a,b\n")
    assert shop.rows(shop.spec(source={"delimiter": ";"})) == [(1, "a,b")]


def test_a_file_name_with_glob_signs_and_quotes_in_its_folder_is_read_as_it_is(shop: Shop) -> None:
    shop.land("id,name\n1,a\n", f"[x]*'/{DAY}.csv")
    assert shop.rows(shop.spec(source={"folder": "landing/[x]*'"})) == [(1, "a")]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("latin-1", "café"),
        ("windows-1252", "5 €“"),
        ("utf-16", "café 😀"),
        ("utf-16-be", "\ufeffcafé"),
        ("utf-16-le", "\ufeffcafé"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "csv.gz"])
def test_each_encoding_is_read_when_declared(shop: Shop, encoding: str, text: str, kind: str) -> None:
    bom, value = ("\ufeff", text[1:]) if text[0] == "\ufeff" else ("", text)
    content = f"{bom}id,name\n1,{value}\n".encode(encoding)
    shop.land(gzip.compress(content) if kind == "csv.gz" else content, f"{DAY}.{kind}")
    assert shop.rows(shop.spec(format=kind, source={"encoding": encoding[:6] if "utf" in encoding else encoding})) == [
        (1, value)
    ]


@pytest.mark.parametrize(
    ("declared", "content", "line", "write"),
    [
        ("utf-8", "id,name\n1,a\n2,caf\xe9\n".encode("latin-1"), 3, "latin-1"),
        ("utf-8", "id,caf\xe9\n1,a\n".encode("latin-1"), 1, "latin-1"),
        ("utf-8", b"id,name\n" + b"1,aaaa\n" * 300_000 + b"2,5 \x80\n", 300_002, "windows-1252"),
        ("utf-8", "id,name\n1,a\n".encode("utf-16"), 1, "utf-16"),
        ("latin-1", b"id,name\n1,5 \x80\n", 2, "windows-1252"),
        ("windows-1252", b"id,name\n1,\x81\n", 2, "windows-1252"),
    ],
)
def test_a_wrong_encoding_is_told_with_the_line_and_the_right_one(
    shop: Shop, declared: str, content: bytes, line: int, write: str
) -> None:
    shop.land(content)
    [message] = shop.problems(shop.spec(source={"encoding": declared}))
    assert message.startswith(f"BB205 landing/{DAY}.csv:{line}: byte 0x")
    assert f"write `encoding: {write}`" in message or declared == write


@pytest.mark.parametrize(
    "content", [b"", b"\n \r\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0), gzip.compress(b" \n", mtime=0)]
)
def test_a_file_without_content_is_refused(shop: Shop, content: bytes) -> None:
    kind = "csv.gz" if content.startswith(b"\x1f") else "csv"
    shop.land(content, f"{DAY}.{kind}")
    assert shop.problems(shop.spec(format=kind))[0].startswith(f"BB203 landing/{DAY}.{kind}: the file is empty; land")


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "ndjson", "parquet", "xlsx"])
def test_a_file_of_zero_bytes_is_refused_in_every_format(shop: Shop, kind: str) -> None:
    shop.land(b"", f"{DAY}.{kind}")
    assert shop.problems(shop.spec(format=kind))[0].startswith("BB203")


@pytest.mark.parametrize("damage", [lambda gz: gz[: len(gz) // 2], lambda gz: gz[:-4], lambda _: b"id,name\n1,a\n"])
def test_a_broken_gzip_file_is_refused_before_a_row_is_read(shop: Shop, damage) -> None:
    rows = "".join(f"{n},name {n * 7919 % 1000}\n" for n in range(100_000))
    shop.land(damage(gzip.compress(f"id,name\n{rows}".encode())), f"{DAY}.csv.gz")
    [message] = shop.problems(shop.spec(format="csv.gz"))
    assert message.startswith(f"BB204 landing/{DAY}.csv.gz: the gzip file is broken: ")


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("id,name\n1,a\n2\n", 3, "the row has 1 fields, the header has 2"),
        ("id,name\n1,a\n2,b,c\n", 3, "the row has 3 fields, the header has 2"),
        ('id,name\n1,"x\ny"\n2,"b\n3,c\n', 4, "a quote is not closed"),
        ('id,name\n1,a\n2,"b"c\n', 3, "a quote is not closed, or text follows"),
        ("\nid,name\n1,a\n", 1, "the first line is blank"),
        ('id,"name\n1,a\n', 1, "the header line is broken"),
    ],
)
def test_a_broken_row_is_told_with_its_line(shop: Shop, content: str, line: int, what: str) -> None:
    shop.land(content)
    assert shop.problems(shop.spec())[0].startswith(f"BB206 landing/{DAY}.csv:{line}: {what}")


def test_what_only_duckdb_refuses_is_a_problem_all_the_same(shop: Shop) -> None:
    shop.land("id,name\n1,a\r\n2,b\r\n")
    assert shop.problems(shop.spec())[0].startswith(f"BB204 landing/{DAY}.csv: DuckDB cannot read it: ")


LOSSY = [
    ("integer", "1.5"),
    ("integer", "1e3"),
    ("integer", "0x1F"),
    ("integer", "1_000"),
    ("integer", "2147483648"),
    ("integer", "abc"),
    ("bigint", "9223372036854775808"),
    ("bigint", "1.0000000000000000000001"),
    ("decimal(18,2)", "2.555"),
    ("decimal(18,2)", "1e-5"),
    ("decimal(4,2)", "100.00"),
    ("decimal(18,2)", "."),
    ("double", "1,5"),
    ("boolean", "2"),
    ("date", "2020-01-02x"),
    ("date", "2020-01-02 10:00"),
    ("date", "02/01/2020"),
    ("date", "2020-02-30"),
    ("timestamp", "2020-01-02 10:00:00+02:00"),
    ("timestamp", "2020-01-02 10:00:00.1234567"),
    ("timestamp", "infinity"),
]


@pytest.mark.parametrize(("kind", "value"), LOSSY)
@pytest.mark.parametrize("format_", ["csv", "ndjson", "xlsx"])
def test_a_value_that_a_cast_would_change_is_refused(shop: Shop, format_: str, kind: str, value: str) -> None:
    path = shop.land(
        f'v,w\n,x\n"{value}",y\n' if format_ == "csv" else f'{{}}\n{{"v":"{value}"}}\n', f"{DAY}.{format_}"
    )
    if format_ == "xlsx":
        book = openpyxl.Workbook()
        for row in (["v"], [None], [value]):
            book.active.append(row)
        book.save(path)
    spec = shop.spec({"v": kind}, format_, undeclared_columns="ignore")
    place = {"csv": ":3 v", "ndjson": ":2 v", "xlsx": " row 3 v"}[format_]
    [message] = shop.problems(spec)
    assert message.startswith(f"BB207 landing/{DAY}.{format_}{place}: `{value}` does not fit `{kind}` exactly; ")
    assert "in ingest/t.yaml" in message


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("integer", "17850.0", 17850),
        ("integer", " -7 ", -7),
        ("decimal(18,2)", "2.5000", Decimal("2.50")),
        ("decimal(18,2)", "-.5", Decimal("-0.50")),
        (
            "decimal(38,10)",
            "1234567890123456789012345678.0123456789",
            Decimal("1234567890123456789012345678.0123456789"),
        ),
        ("date", "2020-01-02 00:00:00", date(2020, 1, 2)),
        ("timestamp", "2020-01-02", datetime(2020, 1, 2)),
        ("timestamp", "2020-01-02T03:04:05.123456Z", datetime(2020, 1, 2, 3, 4, 5, 123456)),
        ("boolean", "FALSE", False),
        ("string", "007", "007"),
    ],
)
def test_a_value_that_another_spelling_keeps_exactly_is_read(shop: Shop, kind: str, value: str, stored: object) -> None:
    shop.land(f'v,w\n"{value}",\n')
    assert shop.rows(shop.spec({"v": kind}, undeclared_columns="ignore")) == [(stored,)]


@pytest.mark.parametrize(
    ("kind", "values", "row", "shown"),
    [
        ("integer", [1.0, None, 1.5], 3, "1.5"),
        ("integer", [1, 2**31], 2, "2147483648"),
        ("double", [2**53 + 1], 1, "9007199254740993"),
        ("decimal(18,2)", [2.55, 2.555], 2, "2.555"),
        ("decimal(18,2)", [Decimal("2.5000"), Decimal("2.5050")], 2, "2.5050"),
        ("date", [datetime(2020, 1, 2), datetime(2020, 1, 2, 1)], 2, "2020-01-02 01:00:00"),
        ("date", [20200102], 1, "20200102"),
        ("boolean", ["yes", "maybe"], 2, "maybe"),
        ("boolean", [1, 2], 2, "2"),
        ("timestamp", pa.array([1_500], pa.timestamp("ns")), 1, "1970-01-01 00:00:00.0000015"),
    ],
)
def test_parquet_that_a_cast_would_change_is_refused(
    shop: Shop, kind: str, values: list | pa.Array, row: int, shown: str
) -> None:
    pq.write_table(pa.table({"v": values}), shop.root / f"landing/{DAY}.parquet")
    [message] = shop.problems(shop.spec({"v": kind}, "parquet"))
    assert message.startswith(f"BB207 landing/{DAY}.parquet row {row} v: `{shown}")


def test_a_parquet_timestamp_with_a_zone_is_stored_as_utc(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    three_utc = pa.array([3 * 3_600_000_000], pa.timestamp("us", "Europe/Paris"))
    pq.write_table(pa.table({"v": three_utc}), shop.root / f"landing/{DAY}.parquet")
    assert shop.rows(shop.spec({"v": "timestamp"}, "parquet")) == [(datetime(1970, 1, 1, 3),)]


def test_a_fault_deep_in_a_large_file_points_at_its_line(shop: Shop) -> None:
    lines = [f"{n},name" for n in range(400_000)]
    lines[350_000] = "oops,name"
    shop.land("id,name\n" + "\n".join(lines))
    [message] = shop.problems(shop.spec())
    assert message.startswith(f"BB207 landing/{DAY}.csv:350002 id: `oops` does not fit `integer` exactly; ")


def test_five_faults_are_named_and_all_are_counted(shop: Shop) -> None:
    shop.land("id,name\n" + "x,a\n" * 12)
    *named, total = shop.problems(shop.spec())
    assert [message.split()[1] for message in named] == [f"landing/{DAY}.csv:{line}" for line in range(2, 7)]
    assert total.startswith(f"BB207 landing/{DAY}.csv: 12 such places in all, the first 5 are named; ")
    shop.land("id,name\n" + "1\n" * 7)
    assert len(shop.problems(shop.spec())) == 6


def test_a_confidential_value_is_not_shown(shop: Shop) -> None:
    shop.land("id,name\nsecret,a\n")
    assert "secret" not in shop.problems(shop.spec(classification="restricted"))[0]


def test_an_undeclared_column_fails_or_is_dropped(shop: Shop) -> None:
    shop.land("id,Unit price,name\n1,2,a\n")
    [message] = shop.problems(shop.spec())
    assert message == (
        f"BB208 landing/{DAY}.csv:1 Unit price: "
        "the file has a column `Unit price` that ingest/t.yaml does not declare; "
        'write `- {name: "Unit price", type: string}` under `columns`, or `undeclared_columns: ignore`'
    )
    assert shop.rows(shop.spec(undeclared_columns="ignore")) == [(1, "a")]


def test_a_missing_column_fails_or_is_null(shop: Shop) -> None:
    shop.land("id\n1\n")
    [message] = shop.problems(shop.spec())
    assert message.startswith(f"BB209 landing/{DAY}.csv:1 name: the file lacks the column `name`")
    assert shop.rows(shop.spec(missing_columns="fill_with_null")) == [(1, None)]


def test_a_column_in_other_letters_is_suggested(shop: Shop) -> None:
    shop.land("id,NAME\n1,a\n")
    assert any("write `name: NAME`" in message for message in shop.problems(shop.spec()))


def test_a_file_with_none_of_the_columns_is_never_filled_with_null(shop: Shop) -> None:
    shop.land("1,a\n2,b\n")
    spec = shop.spec(missing_columns="fill_with_null", undeclared_columns="ignore")
    assert [message[:5] for message in shop.problems(spec)] == ["BB209", "BB209"]


def test_a_column_that_stands_twice_is_refused(shop: Shop) -> None:
    shop.land("id,name,id\n1,a,2\n")
    assert shop.problems(shop.spec())[0].startswith(f"BB208 landing/{DAY}.csv:1 id: the file has two columns `id`")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"id":1}\n{"id":\n{"id":2}\n', ":2: the line is not JSON"),
        (b'{"id":1}\n\n[1]\n', ":3: the line is not an object"),
        (b'{"id":1,"name":"caf\xe9"}\n', ":1: the line is not UTF-8"),
        (b'{"id":1} {"id":2}\n', ":1: the line is not JSON"),
    ],
)
def test_a_malformed_json_line_is_told_with_its_line(shop: Shop, content: bytes, message: str) -> None:
    shop.land(content, f"{DAY}.ndjson")
    problems = shop.problems(shop.spec(format="ndjson", missing_columns="fill_with_null"))
    assert any(f"landing/{DAY}.ndjson{message}" in problem for problem in problems), problems


def test_a_column_may_have_any_name(shop: Shop) -> None:
    names = ["n", "row", "v0", 'a "b"', "select", "ü", "_x"]
    spec = shop.spec(dict.fromkeys(names, "integer"), "ndjson")
    shop.land(json.dumps(dict.fromkeys(names, 1)) + "\n" + json.dumps(dict.fromkeys(names, 2)), f"{DAY}.ndjson")
    assert shop.rows(spec) == [(1,) * 7, (2,) * 7]
    shop.land(json.dumps(dict.fromkeys(names, 1)) + "\n" + json.dumps(dict.fromkeys(names, "x")), f"{DAY}.ndjson")
    faults = [message for message in shop.problems(spec) if message.startswith(f"BB207 landing/{DAY}.ndjson:2 ")]
    assert len(faults) == 5


def test_keys_that_only_some_json_lines_have_are_found(shop: Shop) -> None:
    shop.land('{"id":1}\n{"id":2,"name":"a"}\n', f"{DAY}.ndjson")
    assert shop.rows(shop.spec(format="ndjson")) == [(1, None), (2, "a")]
    shop.land('{"id":1,"name":"a"}\n{"id":2,"x":3}\n', f"{DAY}.ndjson")
    assert shop.problems(shop.spec(format="ndjson"))[0].startswith(f"BB208 landing/{DAY}.ndjson x: ")


@pytest.mark.parametrize("kind", ["parquet", "xlsx"])
def test_a_file_of_another_format_is_told(shop: Shop, kind: str) -> None:
    shop.land("id,name\n1,a\n", f"{DAY}.{kind}")
    [message] = shop.problems(shop.spec(format=kind))
    assert message.startswith(f"BB204 landing/{DAY}.{kind}: not a")


def test_a_sheet_is_chosen_by_name_and_rows_count_as_excel_shows_them(shop: Shop) -> None:
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Second")
    for row in ((), ("id", "name"), (1, "a"), (), (1.5, "b")):
        sheet.append(row)
    book.save(shop.root / f"landing/{DAY}.xlsx")
    [message] = shop.problems(shop.spec(format="xlsx", source={"sheet": "Second"}))
    assert message.startswith(f"BB207 landing/{DAY}.xlsx row 5 id: `1.5` does not fit `integer` exactly")
    assert "write `sheet: Sheet`" in shop.problems(shop.spec(format="xlsx", source={"sheet": "Third"}))[0]
    assert shop.problems(shop.spec(format="xlsx"))[0].startswith("BB203")


def test_an_excel_error_is_not_read_as_an_empty_cell(shop: Shop) -> None:
    book = openpyxl.Workbook()
    book.active.append(["id", "name"])
    book.active.append([1, "#N/A"])
    book.save(shop.root / f"landing/{DAY}.xlsx")
    [message] = shop.problems(shop.spec(format="xlsx"))
    assert message.startswith(f"BB206 landing/{DAY}.xlsx cell B2: the cell holds an Excel error")


def test_only_valid_keys_with_a_file_are_available(shop: Shop) -> None:
    for name in ("2020-01-02", "2020-01-05", "2019-12-31", "2020-13-01", "20200103", "notes", "2020-01-02.bak"):
        shop.land("id,name\n", f"{name}.csv")
    spec = shop.spec()
    assert spec.source.landed(shop.root, spec, Folders()).keys() == {"2020-01-02", "2020-01-05"}
    shop.land("id,name\n", "x/2020-01-07/orders.csv")
    spec = shop.spec(source={"pattern": "x/{partition_key}/orders.csv"})
    assert spec.source.landed(shop.root, spec, Folders()).keys() == {"2020-01-07"}


def test_a_fingerprint_changes_with_the_file(shop: Shop) -> None:
    spec = shop.spec()
    assert spec.source.fingerprint(shop.root, DAY) is None
    path = shop.land("id,name\n1,a\n")
    first = spec.source.fingerprint(shop.root, DAY)
    assert first == spec.source.fingerprint(shop.root, DAY)
    os.utime(path, ns=(1, 1))
    second = spec.source.fingerprint(shop.root, DAY)
    shop.land("id,name\n1,a\n2,b\n")
    os.utime(path, ns=(1, 1))
    assert len({first, second, spec.source.fingerprint(shop.root, DAY)}) == 3


def test_a_missing_file_is_told(shop: Shop) -> None:
    assert shop.problems(shop.spec())[0].startswith(f"BB202 landing/{DAY}.csv: the file does not exist; land the file")


def test_the_folder_comes_from_the_environment(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / f"{DAY}.csv").write_text("id,name\n1,a\n")
    spec = shop.spec(source={"folder": "${BB_TEST_LANDING:-landing}/."})
    with pytest.raises(ProblemError):
        shop.read(spec)
    monkeypatch.setenv("BB_TEST_LANDING", str(elsewhere))
    assert shop.rows(spec) == [(1, "a")]


@pytest.mark.parametrize(
    ("folder", "what"),
    [
        ("nowhere", "`nowhere` is not a folder"),
        ("${BB_TEST_UNSET}", "the environment variable BB_TEST_UNSET is not set; set it, or write `${BB_TEST_UNSET:-"),
    ],
)
def test_a_landing_folder_that_is_not_there_is_told(shop: Shop, folder: str, what: str) -> None:
    spec = shop.spec(source={"folder": folder})
    assert f"BB201 folder {folder}: {what}" in shop.problems(spec)[0]
    with pytest.raises(ProblemError):
        spec.source.landed(shop.root, spec, Folders())


def test_nothing_is_left_behind(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    for content in (gzip.compress(b"id,name\n1,a\n"), gzip.compress(b"id,name\nx,a\n"), b"id"):
        shop.land(content, f"{DAY}.csv.gz")
        spec = shop.spec(format="csv.gz")
        try:
            shop.read(spec)
        except ProblemError:
            continue
    assert [*elsewhere.iterdir(), *(shop.root / "data/scratch").iterdir()] == []


def test_two_months_of_real_invoices_are_read(shop: Shop, online_retail: Path) -> None:
    kinds = ["string", "string", "string", "integer", "timestamp", "decimal(18,2)", "bigint", "string"]
    names = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
    columns = dict(zip(names, kinds, strict=True))
    partitions = {"cadence": "daily", "start": "2010-12-01"}
    spec = shop.spec(columns, source={"folder": str(online_retail)}, partitions=partitions)
    keys = sorted(spec.source.landed(shop.root, spec, Folders()))
    tables = [shop.read(spec, key) for key in keys]
    whole = pa.concat_tables(tables)
    assert (len(keys), keys[0], keys[-1]) == (44, "2010-12-01", "2011-01-31")
    assert whole.num_rows == 77_628
    assert whole.schema == spec.arrow_schema
    assert whole["CustomerID"].null_count == 28_866
    assert sum(value.as_py() < 0 for value in whole["Quantity"]) == 1_595


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_to_a_file_gives_rows_or_problems_and_never_another_error(shop: Shop, data: st.DataObject) -> None:
    put = data.draw(st.sampled_from([put_csv, put_csv_gz, put_ndjson, put_parquet]))
    kind = put.__name__.removeprefix("put_").replace("_", ".")
    path = shop.root / f"landing/{DAY}.{kind}"
    put(path)
    content = path.read_bytes()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content)))
        piece = data.draw(
            st.sampled_from([b"", b'"', b"\n", b",", b"\r\n", b"\xef\xbb\xbf", b"{}", b"\xe9", b"\x00", b"9"])
        )
        content = content[:at] + piece + content[at + data.draw(st.integers(0, 9)) :]
    path.write_bytes(content)
    try:
        shop.read(shop.spec(EVERY_TYPE, kind))
    except ProblemError as error:
        assert all(problem.where.startswith("landing/") for problem in error.problems)
        assert "inexact" not in str(error)
