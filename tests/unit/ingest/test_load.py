"""Ingest files: what is accepted, and how each fault is told."""

import json
import re
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest
import yaml
from building_block.ingest.spec import _DAILY, ingest_schema, ingest_schema_text, load_specs
from building_block.messages import ProblemError
from dagster._utils.schedules import is_valid_cron_string
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLE = """\
# yaml-language-server: $schema=../platform/schemas/ingest.json
description: Invoice lines as the shop's till exports them, one file a trading day.
classification: internal
source:
  kind: file
  format: csv
  folder: ${LANDING:-sample/retail}
  pattern: "{partition_key}.csv"
  when_missing: skip
partitions:
  cadence: daily
  start: 2010-12-01
schedule: "0 6 * * *"
freshness: 36h
columns:
  - {name: InvoiceNo, type: string, description: number of the invoice}
  - {name: Quantity, type: integer}
  - {name: InvoiceDate, type: timestamp}
  - {name: UnitPrice, type: "decimal(18,2)"}
  - {name: CustomerID, type: bigint, classification: confidential}
undeclared_columns: fail
missing_columns: fail
"""
SCHEMA = Path(__file__).parents[3] / "template/platform/schemas/ingest.json"


def load(tmp_path: Path, content: str, name: str = "invoices.yaml") -> list:
    (tmp_path / "ingest").mkdir(exist_ok=True)
    (tmp_path / "ingest" / name).write_text(content, encoding="utf-8")
    return load_specs(tmp_path / "ingest", tmp_path)


def test_the_example_loads_with_every_key(tmp_path: Path) -> None:
    [spec] = load(tmp_path, EXAMPLE)
    assert (spec.table, spec.file, spec.classification) == ("invoices", "ingest/invoices.yaml", "internal")
    assert spec.source.kind == "file"
    assert spec.source.folder == "${LANDING:-sample/retail}"
    assert spec.partitions.start == date(2010, 12, 1)
    assert spec.freshness == timedelta(hours=36)
    assert spec.partitions.definition("UTC").get_first_partition_key() == "2010-12-01"
    assert spec.arrow_schema.field("UnitPrice").type == pa.decimal128(18, 2)
    assert spec.arrow_schema.names[-2:] == ["_source_file", "_partition_key"]


def test_no_folder_and_hidden_or_other_files_give_no_spec(tmp_path: Path) -> None:
    assert load_specs(tmp_path / "ingest", tmp_path) == []
    assert (
        load(tmp_path, "?", ".hidden.yaml") == load(tmp_path, "?", "notes.txt") == load(tmp_path, "?", "x.yxml") == []
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("format: csv", "formt: csv", 6, "BB102 source.formt: unknown key `formt`; write `format`"),
        ("  kind: file", "  kind: fil", 5, "BB103 source.kind: unknown kind `fil`; write `kind: file`"),
        ("  kind: file\n", "", 4, "BB102 source.kind: key `kind` is missing; write `kind: file`"),
        ("  kind: file", "  knd: file", 5, "BB102 source.knd: unknown key `knd`; write `kind`"),
        ("format: csv", "", 4, "BB102 source.format: key `format` is missing; write one of csv, csv.gz"),
        ("format: csv", "format: cvs", 6, "BB103 source.format: `cvs` is not a choice; write one of 'csv', 'csv.gz'"),
        ("format: csv", "format: parquet\n  encoding: latin-1", 7, "BB102 source.encoding: unknown key `encoding`"),
        ("format: csv", "format: csv\n  sheet: x", 7, "BB102 source.sheet: unknown key `sheet`"),
        ("format: csv", "format: csv\n  delimiter: ;;", 7, "BB103 source.delimiter: `;;` is not valid; write "),
        ("skip", "ignore", 9, "BB103 source.when_missing: `ignore` is not a choice; write 'skip' or 'fail'"),
        ("${LANDING", "${LAN DING", 7, "BB103 source.folder: .* write `\\${VAR}` or `\\${VAR:-default}`"),
        ('"{partition_key}.csv"', '"../{partition_key}.csv"', 8, "BB103 source.pattern: .* leads out of the folder"),
        ('"{partition_key}.csv"', '"/{partition_key}.csv"', 8, "BB103 source.pattern: .* leads out of the folder"),
        ('"{partition_key}.csv"', '"*{partition_key}.csv"', 8, "BB103 source.pattern: .* has one of"),
        ('"{partition_key}.csv"', "x.csv", 8, "BB103 source.pattern: .* exactly once"),
        ('"{partition_key}.csv"', '"{partition_key}{partition_key}"', 8, "BB103 source.pattern: .* exactly once"),
        ("partitions:\n  cadence: daily\n  start: 2010-12-01\n", "", 8, "BB103 source.pattern: .* no `partitions`"),
        ("cadence: daily", "cadence: weekly", 11, "BB103 partitions.cadence: `weekly` is not a choice; write 'daily'"),
        ("2010-12-01", "2010-13-01", 12, "BB103 partitions.start: `2010-13-01` is not a date; write a day as"),
        ("2010-12-01", "2010-12-01 06:00:00", 12, "BB103 partitions.start: .* is not a date"),
        ("2010-12-01", "20101201", 12, "BB103 partitions.start: `20101201` is not a date"),
        ('"0 6 * * *"', '"0 6 * *"', 13, "BB103 schedule: `0 6 \\* \\*` is not a cron schedule; write five fields"),
        ('"0 6 * * *"', '"61 6 * * *"', 13, "BB103 schedule: .* is not a cron schedule"),
        ('"0 6 * * *"', '"@daily"', 13, "BB103 schedule: .* is not a cron schedule"),
        ("36h", "36 hours", 14, "BB103 freshness: .* write hours as `36h` or days as `2d`"),
        ("36h", "0h", 14, "BB103 freshness: "),
        ("classification: internal", "classification: secret", 3, "BB103 classification: .* 'public', 'internal'"),
        ("classification: internal", "owner: me", 3, "BB103 owner: `me` is not valid; write `owner: sales-data@"),
        ("classification: internal", "table: My-Table", 3, "BB103 table: `My-Table` is not a table name"),
        ("classification: internal", "clasification: internal", 3, "BB102 clasification: .* write `classification`"),
        ("undeclared_columns: fail", "undeclared_columns: drop", 21, "BB103 undeclared_columns: .* 'fail' or 'ignore'"),
        ("missing_columns: fail", "columns: []", 22, "BB102 : key `columns` stands twice"),
        (
            "type: integer",
            "type: int",
            17,
            "BB103 columns\\[1\\].type: unknown type `int`; write one of string, integer",
        ),
        ('"decimal(18,2)"', "decimal(18,2)", 19, "BB103 columns\\[3\\].type: .*in quotes, since a comma"),
        ('"decimal(18,2)"', '"decimal(39,2)"', 19, "BB103 columns\\[3\\].type: .* not a decimal type"),
        ('"decimal(18,2)"', '"decimal(2,3)"', 19, "BB103 columns\\[3\\].type: .* not a decimal type"),
        ("type: bigint, ", "typ: bigint, ", 20, "BB102 columns\\[4\\].typ: unknown key `typ`; write `type`"),
        ("name: Quantity", "name: No", 17, "BB103 columns\\[1\\].name: `False` is not text; .*quotes"),
        ("name: Quantity", "name: INVOICENO", 17, "BB105 columns\\[1\\].name: column `INVOICENO` stands twice"),
        ("name: Quantity", "name: _Source_File", 17, "BB103 columns\\[1\\].name: .* is reserved"),
        ("description: Invoice lines", "description: \tInvoice: lines", 2, "BB101 : not YAML"),
        ("  kind: file", "\tkind: file", 5, "BB101 : .* write spaces, not tabs"),
        ("classification: internal", "classification: &a internal\nowner: *a", 3, "BB101 : an alias"),
        ("classification: internal", "classification: internal\n---\nx: 1", 4, "BB101 : not YAML"),
        ("classification: internal", "? [a]\n: 1", 3, "BB101 : a key is not plain text"),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_to_write(
    refused: Callable[..., list[str]], old: str, new: str, line: int, message: str
) -> None:
    before, _, after = EXAMPLE.rpartition(old)
    messages = refused(invoices__yaml=before + new + after)
    code, _, rest = message.partition(" ")
    expected = f"{code} ingest/invoices.yaml:{line}{rest if rest.startswith(':') else ' ' + rest}"
    assert any(re.match(expected, text) for text in messages), messages


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"", ":1: the file is empty"),
        (b"# only a comment\n", ":1: the file is empty"),
        (b"- a\n- b\n", ":1: the file is not a list of keys"),
        (b"just text", ":1: the file is not a list of keys"),
        (b"description: a\nowner: caf\xe9\n", ":2: the file is not UTF-8"),
        (b"description: a\x00\n", ": not YAML"),
        (b"a: " + b"[" * 5000, ": "),
        (b"description: [a\n", ": not YAML"),
    ],
)
def test_a_file_that_is_no_yaml_mapping_is_one_problem(
    refused: Callable[..., list[str]], content: bytes, where: str
) -> None:
    [message] = refused(t__yaml=content)
    assert message.startswith("BB101 ingest/t.yaml:")
    assert where in message


def test_all_problems_of_all_files_come_in_one_error(refused: Callable[..., list[str]]) -> None:
    messages = refused(a__yaml=EXAMPLE.replace("csv\n", "cvs\n"), b__yaml="", c__yml="x: 1\ny: 2\n")
    assert [re.match(r"\S+ ingest/(\w)", message)[1] for message in messages] == ["a", "b", *["c"] * 5]


def test_two_files_that_claim_one_table_are_refused(refused: Callable[..., list[str]]) -> None:
    other = EXAMPLE.replace("classification: internal", "table: invoices")
    messages = refused(invoices__yaml=EXAMPLE, invoices__yml=EXAMPLE, other__yaml=other)
    assert [message.partition(";")[0] for message in messages] == [
        "BB104 ingest/invoices.yml:2: table `invoices` is ingest/invoices.yaml's already",
        "BB104 ingest/other.yaml:3: table `invoices` is ingest/invoices.yaml's already",
    ]


def test_a_file_name_that_is_no_table_name_asks_for_one(refused: Callable[..., list[str]]) -> None:
    [message] = refused(**{"2010-data__yaml": EXAMPLE})
    assert message.startswith("BB103 ingest/2010-data.yaml:2 table: `2010-data` is not a table name; write `table:`")


def test_a_thousand_files_load_in_a_time_that_grows_with_their_number(tmp_path: Path) -> None:
    (tmp_path / "ingest").mkdir()
    for n in range(1000):
        (tmp_path / f"ingest/t{n}.yaml").write_text(EXAMPLE)
    start = time.process_time()
    assert len(load_specs(tmp_path / "ingest", tmp_path)) == 1000
    assert time.process_time() - start < 10  # 1.6 s on a 2-core machine; quadratic would be minutes


def test_the_schema_file_is_what_the_models_say() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == ingest_schema_text(), "write ingest_schema_text() to the file"
    assert next(iter(json.loads(SCHEMA.read_text()))) == "$comment"


def test_the_schema_accepts_the_example_and_refuses_typos() -> None:
    schema = ingest_schema()
    jsonschema.Draft202012Validator.check_schema(schema)

    def errors(content: str) -> int:
        return len(list(jsonschema.Draft202012Validator(schema).iter_errors(yaml.load(content, yaml.BaseLoader))))

    assert errors(EXAMPLE) == 0
    for old, new in [
        ("format: csv", "formt: csv"),
        ("format: csv", "format: parquet\n  encoding: utf-8"),
        ("type: integer", "type: int"),
        ("18,2", "18"),
        ("36h", "36"),
        ("schedule", "shedule"),
        ("cadence: daily", "cadence: hourly"),
    ]:
        assert errors(EXAMPLE.replace(old, new)), new


PIECES = re.findall(r"\w+|\s+|[^\w\s]", EXAMPLE)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_mutation_gives_a_spec_or_problems_and_never_another_error(tmp_path: Path, data: st.DataObject) -> None:
    pieces = list(PIECES)
    odd = st.sampled_from(
        ["", "\t", "\n", ": ", "- ", "[", "}", "*a", "&a ", "!!bool ", "!x ", "<<", "'", '"', "~", "\x00"]
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(pieces) - 1))
        pieces[at] = data.draw(st.one_of(odd, st.sampled_from(PIECES), st.text(max_size=8)))
    (tmp_path / "ingest").mkdir(exist_ok=True)
    content = "".join(pieces).encode("utf-8", "surrogatepass")
    (tmp_path / "ingest/t.yaml").write_bytes(content)
    try:
        assert len(load_specs(tmp_path / "ingest", tmp_path)) == 1
    except ProblemError as error:
        lines = content.count(b"\n") + content.count(b"\r") + content.count(b"\x85") + content.count(b"\xe2") + 2
        for problem in error.problems:
            assert 1 <= int(problem.where.removeprefix("ingest/t.yaml:")) <= lines
            assert problem.what
            assert problem.write


def test_a_schedule_that_is_taken_without_asking_dagster_is_one_that_dagster_takes():
    taken = [f"{minute} {hour} * * *" for minute in range(100) for hour in ("0", "06", "19", "23")]
    taken = [schedule for schedule in taken + [f"0 {hour} * * *" for hour in range(100)] if _DAILY.fullmatch(schedule)]
    assert {"59 23 * * *", "0 6 * * *"} <= {*taken}
    assert [schedule for schedule in taken if not is_valid_cron_string(schedule)] == []
