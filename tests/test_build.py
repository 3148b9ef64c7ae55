"""`poe build`: what is missing or out of date, and nothing else."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from tests.conftest import StampedProject, leave_days

SUMMARY = "select * from marts.daily_order_summary order by order_date"
UP_TO_DATE = "Everything is up to date."
STORES = """
description: One row per store.
source: {kind: file, format: csv, folder: sample, pattern: stores.csv, when_missing: skip}
columns: [{name: store, type: string}]
"""
AFTER_SUMMARY = [
    "marts/daily_order_summary",
    "published/daily_orders",
]


def assets_of(table: str) -> list[str]:
    """The first column of the table that a build prints."""
    lines = iter(table.splitlines())
    for line in lines:
        if line.split()[:2] == ["asset", "partitions"]:
            # What is said below the table begins with an asset and a colon.
            return [name for line in lines if line.strip() and not (name := line.split()[0]).endswith(":")]
    return []


def bytes_of_warehouse(project: StampedProject) -> dict[str, list[tuple]]:
    tables = project.query("select table_schema || '.' || table_name from information_schema.tables")
    return {name: sorted(map(repr, project.query(f"from {name}"))) for (name,) in tables}


def test_a_first_build_makes_the_whole_graph_and_shows_it_in_a_table(built_once):
    assert built_once.query("select count(*), count(distinct _partition_key) from raw.invoices") == [(2748, 36)]
    layers = {layer for (layer,) in built_once.query("select distinct table_schema from information_schema.tables")}
    assert layers == {"raw", "staging", "intermediate", "marts", "candidate", "published", "ml"}


def test_rows_carry_the_file_and_the_partition_that_they_came_from(built_once):
    origins = built_once.query("select distinct _source_file, _partition_key from raw.invoices order by 2 limit 1")
    assert origins == [("2010-12-01.csv", "2010-12-01")]


def test_descriptions_reach_the_warehouse(built_once):
    [(comment,)] = built_once.query(
        "select comment from duckdb_columns() where schema_name = 'published' and column_name = 'net_revenue'"
    )
    assert comment == "Gross less cancelled revenue in pounds sterling."


def test_a_second_build_changes_nothing(built):
    before = bytes_of_warehouse(built)
    stat = (built.root / "data" / "warehouse.duckdb").stat()
    result = built.poe("build")
    assert (result.returncode, result.stdout.strip()) == (0, UP_TO_DATE)
    after = (built.root / "data" / "warehouse.duckdb").stat()
    assert (after.st_size, after.st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert bytes_of_warehouse(built) == before


def test_a_replaced_file_replaces_its_day_and_every_line_of_it_is_counted_or_rejected_with_its_reason(built):
    day = built.root / "sample" / "retail" / "2010-12-02.csv"
    header = day.read_text().splitlines()[0]
    line = "{},20112,TEAPOT,{},2010-12-02 09:00:00,{},12437.0,EIRE"
    lines = [("", 1, "0.0"), ("", 0, "1.0"), ("", -1, "1.0"), ("C", 1, "1.0"), ("", 2, "1.5"), ("C", -2, "1.5")]
    bad = [(f"{sign}90000{number}", *rest) for number, (sign, *rest) in enumerate(lines, start=1)]
    day.write_text("\n".join([header, *(line.format(*row) for row in bad)]) + "\n")
    result = built.build()
    assert result.returncode == 0, result.stderr
    assert assets_of(result.stdout)[0] == "raw/invoices"
    assert built.query("select count(*) from raw.invoices where _partition_key = '2010-12-02'") == [(6,)]
    assert built.query("select count(distinct _partition_key) from raw.invoices") == [(36,)]
    assert built.query("select order_lines from marts.daily_order_summary where order_date = '2010-12-02'") == [(2,)]
    rejected = built.query(
        "select invoice_number, rejection_reason from marts.orders_rejected where order_date = '2010-12-02' order by 1"
    )
    assert rejected == [
        ("900001", "price is not positive"),
        ("900002", "quantity is zero"),
        ("900003", "negative quantity without a cancellation"),
        ("C900004", "cancellation with a positive quantity"),
    ]
    cleaned = built.query("select invoice_number from marts.orders_cleaned where order_date = '2010-12-02' order by 1")
    assert cleaned == [("900005",), ("C900006",)]


def test_a_changed_model_is_built_with_what_reads_it_and_nothing_else(built):
    built.replace("dbt/models/marts/daily_order_summary.sql", "group by order_date", "group by order_date having true")
    result = built.build()
    assert result.returncode == 0, result.stderr
    assert assets_of(result.stdout) == AFTER_SUMMARY


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (["marts/daily_order_summary+"], sorted(AFTER_SUMMARY)),
        (["published", "orders_rejected"], ["marts/orders_rejected", "published/daily_orders", "published/orders"]),
    ],
)
def test_a_selection_builds_just_that(built, selection, expected):
    result = built.build(*selection)
    assert result.returncode == 0, result.stderr
    assert sorted(assets_of(result.stdout)) == expected


def test_a_selection_that_names_nothing_is_answered_with_the_nearest_name(built):
    result = built.build("orders_cleand")
    assert result.returncode == 1
    assert result.stderr.strip() == "BB503 poe build: `orders_cleand` selects no asset; write orders_cleaned"


def test_a_failing_test_of_dbt_stops_what_comes_after_it_in_every_build_until_it_passes(built):
    before = built.query("from published.daily_orders")
    good = (built.root / "dbt/models/marts/daily_order_summary.yml").read_text()
    test = "        data_tests: [{accepted_values: {arguments: {values: [-1], quote: false}}}]\n"
    built.replace(
        "dbt/models/marts/daily_order_summary.yml", "      - name: customers\n", f"      - name: customers\n{test}"
    )
    for _ in range(2):
        result = built.build()
        assert result.returncode == 1
        assert "BB506 dbt/models/marts/daily_order_summary.yml: test accepted_values" in result.stderr
        assert "Traceback" not in result.stdout + result.stderr
        rows = {line.split()[0]: line for line in result.stdout.splitlines() if "/" in line}
        assert "1 failed" in rows["marts/daily_order_summary"]
        assert rows["published/daily_orders"].endswith("waits for marts/daily_order_summary")
        assert built.query("from published.daily_orders") == before
    built.write("dbt/models/marts/daily_order_summary.yml", good)
    result = built.build()
    assert result.returncode == 0, result.stderr
    assert assets_of(result.stdout) == AFTER_SUMMARY


def rows_of(table: str) -> dict[str, str]:
    return {line.split()[0]: line.rstrip() for line in table.splitlines() if "/" in line}


def test_a_broken_model_keeps_back_only_what_reads_it(built):
    broken = "select 1 / 0::varchar as one from {{ ref('orders_cleaned') }} limit 1\n"
    built.write("dbt/models/marts/broken.sql", broken)
    built.write("dbt/models/marts/after_broken.sql", "select one from {{ ref('broken') }}\n")
    built.replace("dbt/models/marts/daily_order_summary.sql", "group by order_date", "group by order_date having true")
    for others in (AFTER_SUMMARY, []):
        result = built.build()
        assert result.returncode == 1
        assert re.findall(r"^BB\d+ \S+", result.stderr, re.MULTILINE) == ["BB505 dbt/models/marts/broken.sql:"]
        assert sorted(assets_of(result.stdout)) == sorted(["marts/broken", "marts/after_broken", *others])
        rows = rows_of(result.stdout)
        assert rows["marts/after_broken"].endswith("waits for marts/broken")
        assert [name for name, row in rows.items() if row.endswith("failed")] == ["marts/broken"]
    built.write("dbt/models/marts/broken.sql", broken.replace("0::varchar", "1"))
    result = built.build()
    assert result.returncode == 0, result.stderr
    assert assets_of(result.stdout) == ["marts/broken", "marts/after_broken"]


def test_a_table_that_cannot_be_read_keeps_back_no_model_of_another(built):
    built.write("ingest/stores.yaml", STORES)
    built.write("sample/stores.csv", "shop\nYork\n")
    built.write("dbt/models/marts/stores.sql", "select store from {{ source('raw', 'stores') }}\n")
    built.replace("dbt/models/marts/daily_order_summary.sql", "group by order_date", "group by order_date having true")
    result = built.build()
    assert result.returncode == 1
    assert sorted(assets_of(result.stdout)) == sorted(["raw/stores", "marts/stores", *AFTER_SUMMARY])
    rows = rows_of(result.stdout)
    assert rows["marts/stores"].endswith("waits for raw/stores")
    assert [name for name, row in rows.items() if row.endswith("failed")] == ["raw/stores"]


def test_an_asset_whose_blocking_check_breaks_is_not_passed_on(built_whole):
    built_whole.write(
        "src/sales/defs/checks.py",
        """
import dagster as dg


@dg.asset_check(asset=["sales", "ml", "order_forecast_model"], blocking=True)
def sound():
    raise ValueError("planted")
""",
    )
    result = built_whole.build("order_forecast_model+")
    assert result.returncode == 1
    assert "ValueError: planted" in result.stderr
    rows = rows_of(result.stdout)
    assert rows["ml/predicted_orders"].endswith("waits for ml/order_forecast_model")
    assert rows["ml/order_forecast_model"].endswith("failed")


def test_a_page_that_was_deleted_is_written_again(built_whole):
    page = built_whole.root / "data" / "reporting" / "order_report.html"
    # On record is where the page lay in the project that this one was copied from.
    assert built_whole.build("order_report").returncode == 0
    page.unlink()
    result = built_whole.build()
    assert result.returncode == 0, result.stderr
    assert assets_of(result.stdout) == ["reporting/order_report"]
    assert page.is_file()
    assert built_whole.build().stdout.strip() == UP_TO_DATE


def test_of_days_that_have_a_file_each_only_those_are_written_again_whose_file_is_gone(built):
    built.write(
        "src/sales/defs/pages.py",
        """
import dagster as dg
from building_block.project import Project


@dg.asset(
    key_prefix=["sales", "reporting"],
    group_name="reporting",
    partitions_def=dg.DailyPartitionsDefinition("2010-12-01", end_date="2010-12-05"),
    deps=[["sales", "raw", "invoices"]],
)
def pages(context) -> dg.MaterializeResult:
    page = Project.here().data / f"{context.partition_key}.txt"
    page.write_text("a page")
    return dg.MaterializeResult(metadata={"page": dg.MetadataValue.path(page), "read": dg.MetadataValue.path("here")})
""",
    )
    assert built.build().returncode == 0
    (built.root / "data" / "2010-12-02.txt").unlink()
    result = built.build()
    assert re.search(r"^reporting/pages +1 ", result.stdout, re.MULTILINE), result.stdout
    assert (built.root / "data" / "2010-12-02.txt").is_file()
    assert built.build().stdout.strip() == UP_TO_DATE


def test_what_decides_a_model_beside_its_sql_is_watched_too(built):
    rows = "select distinct {} as reason from {{{{ ref('orders_rejected') }}}}\n"
    built.write("dbt/macros/reason.sql", "{% macro reason() %}rejection_reason{% endmacro %}\n")
    for name in ("by_test", "by_macro", "by_setting"):
        built.write(f"dbt/models/marts/{name}.sql", rows.format("{{ reason() }}" if name == "by_macro" else "'none'"))
    built.write("dbt/models/marts/by_test.yml", "models: [{name: by_test, columns: [{name: reason}]}]\n")
    result = built.build()
    assert result.returncode == 0, result.stderr
    built.replace("dbt/models/marts/by_test.yml", "name: reason}", "name: reason, data_tests: [unique]}")
    built.replace("dbt/macros/reason.sql", "}rejection_reason{", "}upper(rejection_reason){")
    built.write("settings/dbt_project.yml", "models: {sales: {marts: {by_setting: {+materialized: view}}}}\n")
    result = built.build()
    assert result.returncode == 0, result.stderr
    assert sorted(assets_of(result.stdout)) == ["marts/by_macro", "marts/by_setting", "marts/by_test"]


def test_a_failing_check_in_python_fails_the_build_and_a_warning_does_not(built):
    check = """
import dagster as dg


@dg.asset_check(asset=["sales", "marts", "orders_rejected"])
def few():
    return dg.AssetCheckResult(passed=False, description="too many", severity=dg.AssetCheckSeverity.ERROR)
"""
    built.write("src/sales/defs/checks.py", check)
    result = built.build("orders_rejected")
    assert result.returncode == 1
    assert result.stderr.startswith("BB509 marts/orders_rejected: check few: too many; ")
    assert assets_of(result.stdout) == ["marts/orders_rejected"]
    built.write("src/sales/defs/checks.py", check.replace("ERROR", "WARN"))
    result = built.build("orders_rejected")
    assert result.returncode == 0
    assert "marts/orders_rejected: check few warns" in result.stdout


def test_a_source_without_any_data_yet_keeps_only_what_reads_it_waiting_and_files_outside_of_the_days_are_told(built):
    folder = built.root / "sample" / "retail"
    for day in ("2009-01-01", "2999-01-01"):
        shutil.copy(folder / "2010-12-01.csv", folder / f"{day}.csv")
    built.write("ingest/stores.yaml", STORES)
    built.write("dbt/models/marts/stores.sql", "select store from {{ source('raw', 'stores') }}\n")
    result = built.build()
    assert result.returncode == 0, result.stderr
    assert "raw/stores: nothing has landed yet" in result.stdout
    assert assets_of(result.stdout) == ["marts/stores"]
    assert "waits for raw/stores" in result.stdout
    assert "2999-01-01 left where they are" in result.stdout


def test_an_ingest_file_that_loses_its_partitions_takes_no_row_away(built):
    built.replace("ingest/invoices.yaml", "partitions:\n  cadence: daily\n  start: 2010-12-01\n", "")
    built.replace("ingest/invoices.yaml", "{partition_key}.csv", "2010-12-01.csv")
    result = built.build("raw")
    assert result.returncode == 1
    assert result.stderr.startswith("BB302 sales/raw/invoices: ")
    assert built.query("select count(*) from raw.invoices") == [(2748,)]


@pytest.mark.parametrize(
    ("path", "text", "beginning"),
    [
        ("src/sales/defs/oops.py", "def oops(:\n", "BB510 src/sales/defs/oops.py:1: SyntaxError"),
        ("src/sales/defs/oops.py", "import nowhere\n", "BB510 src/sales/defs/oops.py:1: ModuleNotFoundError"),
        ("dbt/models/flat.sql", "select 1 as one\n", "BB508 dbt/models/flat.sql: the model lies in no layer; "),
        ("dbt/models/gold/x.sql", "select 1 as one\n", "BB508 dbt/models/gold/x.sql: the model lies in no layer; "),
        (
            "dbt/models/marts/x.sql",
            "{{ config(schema='gold') }}\nselect 1 as one\n",
            "BB508 dbt/models/marts/x.sql: the model's schema is gold and its folder marts; ",
        ),
        (
            "dbt/models/published/orders.sql",
            "{{ config(contract={'enforced': false}) }}\nselect 1 as one\n",
            "BB508 dbt/models/published/orders.sql: the model is published without an enforced contract",
        ),
        ("data/warehouse.duckdb", "no database\n" * 1000, "BB306 "),
    ],
)
def test_a_mistake_of_the_unit_is_a_message_and_no_traceback(built, path, text, beginning):
    built.write(path, text)
    result = built.build()
    assert result.returncode == 1
    assert result.stderr.startswith(beginning), result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_two_first_builds_at_once_both_end_well(lean):
    leave_days(lean, 3)
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda _: lean.build(), range(2)))
    assert [result.returncode for result in results] == [0, 0], results
    assert sum(UP_TO_DATE in result.stdout for result in results) == 1
    assert lean.build().stdout.strip() == UP_TO_DATE


def test_a_build_that_is_killed_is_completed_by_the_next(lean):
    leave_days(lean, 3)
    path = os.pathsep.join(map(str, (lean.root / "platform", lean.root / "src")))
    binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        ["building-block", "build"],
        cwd=lean.root,
        env=os.environ | {"PYTHONPATH": path, "PATH": binaries},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    while not (lean.root / "data" / "warehouse.duckdb").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert lean.build().returncode == 0
    assert lean.query("select count(*) from published.daily_orders") == [(3,)]
    assert lean.build().stdout.strip() == UP_TO_DATE


def test_the_progress_bar_moves_in_a_terminal(lean):
    """On a pseudo terminal; each frame of the bar ends in the number of what is done."""
    leave_days(lean, 3)
    (lean.root / "terminal.py").write_text(
        "import pty, sys\nsys.exit(pty.spawn(['building-block', 'build']) >> 8)\n", encoding="utf-8"
    )
    result = lean.run(sys.executable, "terminal.py", TERM="xterm")
    assert result.returncode == 0, result.stdout
    done = set(re.findall(r"(\d+)/(\d+)", result.stdout))
    assert len({step for step, total in done if total != "0"}) > 4, done


def test_a_model_that_cannot_be_parsed_is_named_with_its_file(built):
    built.replace("dbt/models/marts/orders_cleaned.sql", "ref('int_orders__judged')", "ref('int_orders__judge')")
    result = built.build()
    assert result.returncode == 1
    assert result.stderr.startswith("BB502 dbt/models/marts/orders_cleaned.sql: ")
    assert "int_orders__judge" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_model_that_does_not_run_is_named_with_its_file_and_an_error_of_a_python_asset_with_its_line(built):
    built.replace("dbt/models/marts/orders_cleaned.sql", "    country,\n", "    contry,\n")
    built.write(
        "src/sales/defs/broken.py",
        'import dagster as dg\n\n\n@dg.asset(key_prefix=["sales", "ml"], group_name="ml")\n'
        "def broken():\n    return 1 / 0\n",
    )
    result = built.build()
    assert result.returncode == 1
    told = {line.partition(" ")[0]: line for line in result.stderr.splitlines()}
    assert told.keys() == {"BB504", "BB505"}
    assert told["BB505"].startswith("BB505 dbt/models/marts/orders_cleaned.sql: ")
    assert "contry" in told["BB505"]
    assert "broken.py:6: ZeroDivisionError" in told["BB504"]
    assert "Traceback" not in result.stdout + result.stderr


def test_a_new_source_a_new_model_and_a_python_asset_are_one_file_each(built):
    built.write(
        "ingest/stores.yaml",
        """
description: One row per store.
source: {kind: file, format: csv, folder: sample, pattern: stores.csv, when_missing: fail}
columns:
  - {name: store, type: string}
  - {name: opened, type: date}
""",
    )
    built.write("sample/stores.csv", "opened,store\n2001-02-03,York\n")
    built.write("dbt/models/marts/stores.sql", "select store, opened from {{ source('raw', 'stores') }}\n")
    built.write(
        "src/sales/defs/best_day.py",
        """
import dagster as dg
import polars as pl


@dg.asset(
    key_prefix=["sales", "reporting"],
    group_name="reporting",
    ins={"summary": dg.AssetIn(["sales", "marts", "daily_order_summary"])},
)
def best_day(summary: pl.DataFrame) -> pl.DataFrame:
    return summary.sort("net_revenue").tail(1)
""",
    )
    result = built.build()
    assert result.returncode == 0, result.stderr
    assert sorted(assets_of(result.stdout)) == ["marts/stores", "raw/stores", "reporting/best_day"]
    assert [tuple(map(str, row)) for row in built.query("from marts.stores")] == [("York", "2001-02-03")]
    assert built.query("select net_revenue from reporting.best_day") == built.query(
        "select max(net_revenue) from marts.daily_order_summary"
    )


def test_a_python_asset_whose_key_is_not_the_houses_is_refused(built):
    built.write("src/sales/defs/stray.py", "import dagster as dg\n\n\n@dg.asset\ndef stray(): ...\n")
    result = built.preloaded("check")
    assert result.returncode == 1
    assert "BB507 src/sales/defs: the asset key stray is not sales/<layer>/<name>" in result.stderr


def test_a_project_can_lie_in_a_path_with_spaces_and_be_built_from_any_folder(parsed_once, tmp_path):
    project = StampedProject(shutil.copytree(parsed_once.root, tmp_path / "a unit's project"))
    rows = leave_days(project, 3)
    inner = StampedProject(project.root / "dbt" / "models")
    path = os.pathsep.join(map(str, (project.root / "platform", project.root / "src")))
    result = inner.build("raw", PYTHONPATH=path)
    assert result.returncode == 0, result.stderr
    assert project.query("select count(*) from raw.invoices") == [(rows,)]


def test_dbt_itself_finds_the_same_warehouse_in_its_own_folder(built):
    query = "select count(*) as lines from {{ ref('orders_cleaned') }}"
    result = StampedProject(built.root / "dbt").run("dbt", "show", "--output", "json", "--inline", query)
    assert '"lines": 2652' in result.stdout, result.stdout


def test_every_figure_of_the_summary_is_that_of_the_real_data(project, real_data):
    """An independent computation: Python's csv and decimals, no SQL."""
    import csv
    from collections import defaultdict

    result = project.build(LANDING=str(real_data))
    assert result.returncode == 0, result.stdout + result.stderr
    landed = [
        row for file in sorted(real_data.glob("*.csv")) for row in csv.reader(file.open()) if row[0] != "InvoiceNo"
    ]
    distinct = {tuple(row) for row in landed}
    counted = [row for row in distinct if Decimal(row[5]) > 0]

    assert project.query("select count(*), count(distinct _partition_key) from raw.invoices") == [(len(landed), 44)]
    assert len(landed) == 77_628
    assert project.query("select count(*) from marts.orders_cleaned") == [(len(counted),)]
    rejected = project.query("select count(*), count(rejection_reason) from marts.orders_rejected")
    assert rejected == [(len(distinct) - len(counted),) * 2]

    days: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for row in counted:
        days[row[4][:10]].append(row)
    expected = []
    for day, rows in sorted(days.items()):
        amounts = {row: int(row[3]) * Decimal(row[5]) for row in rows}
        sold = [row for row in rows if not row[0].startswith("C")]
        cancelled = [row for row in rows if row[0].startswith("C")]
        expected.append(
            (
                day,
                len({row[0] for row in sold}),
                len({row[0] for row in cancelled}),
                len(rows),
                len({row[6] for row in rows} - {""}),
                sum(int(row[3]) for row in sold),
                sum(amounts[row] for row in sold),
                -sum(amounts[row] for row in cancelled),
                sum(amounts.values()),
            )
        )
    assert [(str(day), *figures) for day, *figures in project.query(SUMMARY)] == expected
    published = project.query("select order_date, net_revenue from published.daily_orders order by 1")
    assert [(str(day), revenue) for day, revenue in published] == [(row[0], row[-1]) for row in expected]

    assert " 1 passed" in next(line for line in result.stdout.splitlines() if "ml/order_forecast_model" in line)
    again = project.build(LANDING=str(real_data))
    assert (again.returncode, again.stdout.strip()) == (0, UP_TO_DATE)


def test_an_unpartitioned_source_is_read_again_when_its_file_is_replaced(built):
    built.write("ingest/stores.yaml", STORES)
    assert UP_TO_DATE in built.build().stdout
    built.write("sample/stores.csv", "store\nYork\n")
    assert assets_of(built.build().stdout) == ["raw/stores"]
    assert built.build().stdout.strip() == UP_TO_DATE
    built.write("sample/stores.csv", "store\nLeeds\nBath\n")
    assert assets_of(built.build().stdout) == ["raw/stores"]
    assert built.query("from raw.stores order by 1") == [("Bath", "stores.csv"), ("Leeds", "stores.csv")]


def test_a_daily_asset_of_the_domain_is_built_for_the_days_that_have_data(built):
    built.write(
        "src/sales/defs/daily.py",
        """
import dagster as dg
import pyarrow as pa


@dg.asset(
    key_prefix=["sales", "ml"],
    group_name="ml",
    partitions_def=dg.DailyPartitionsDefinition("2010-12-01", end_date="2010-12-12"),
    ins={"invoices": dg.AssetIn(["sales", "raw", "invoices"])},
)
def lines(invoices: pa.Table) -> pa.Table:
    # A unit's asset is given one day at a time; rows keep their key, so several days would be written all the same.
    return invoices.select(["_partition_key"]).append_column("lines", pa.array([invoices.num_rows] * len(invoices)))


@dg.asset(
    key_prefix=["sales", "ml"],
    group_name="ml",
    partitions_def=dg.DailyPartitionsDefinition("2010-12-05", end_date="2010-12-12"),
    ins={"lines": dg.AssetIn(["sales", "ml", "lines"])},
)
def later(lines: pa.Table) -> pa.Table:
    return lines
""",
    )
    assert built.build().returncode == 0
    landed = built.query(
        "select _partition_key, count(*) from raw.invoices where _partition_key < '2010-12-12' group by 1 order by 1"
    )
    assert 5 < len(landed) < 11
    assert built.query("select distinct _partition_key, lines from ml.lines order by 1") == landed
    later = [(day,) for day, _ in landed if day >= "2010-12-05"]
    assert built.query("select distinct _partition_key from ml.later order by 1") == later
    assert built.build().stdout.strip() == UP_TO_DATE
    day = built.root / "sample" / "retail" / "2010-12-02.csv"
    day.write_text("".join(day.read_text().splitlines(keepends=True)[:3]))
    assert "ml/lines" in assets_of(built.build().stdout)
    assert built.query("select distinct lines from ml.lines where _partition_key = '2010-12-02'") == [(2,)]


def test_a_day_whose_file_is_gone_keeps_its_rows(built):
    (built.root / "sample" / "retail" / "2010-12-02.csv").unlink()
    assert built.build().stdout.strip() == UP_TO_DATE
    built.replace("ingest/invoices.yaml", "undeclared_columns: fail", "undeclared_columns: ignore")
    assert built.build("raw").returncode == 0
    assert built.query("select count(distinct _partition_key) from raw.invoices") == [(36,)]


def test_a_column_that_the_ingest_file_gains_is_added(built):
    built.replace("ingest/invoices.yaml", "missing_columns: fail", "missing_columns: fill_with_null")
    built.replace("ingest/invoices.yaml", "undeclared_columns:", "  - {name: Till, type: string}\nundeclared_columns:")
    result = built.build("raw")
    assert result.returncode == 0, result.stderr
    assert built.query("select count(*), count(till) from raw.invoices") == [(2748, 0)]


def test_a_column_whose_type_changes_is_refused_once_and_no_row_is_lost(built):
    leave_days(built, 3)  # each is tried by itself when it is refused
    built.replace("ingest/invoices.yaml", "Quantity, type: integer", "Quantity, type: bigint")
    result = built.build("raw")
    assert result.returncode == 1
    (message,) = result.stderr.strip().splitlines()
    assert message.startswith("BB302 sales/raw/invoices Quantity: ")
    assert built.query("select count(*) from raw.invoices") == [(2748,)]


def test_a_model_that_finds_the_warehouse_held_says_by_whom(built):
    # Of another file: before dbt starts the platform itself waits for the warehouse.
    built.write(
        "settings/profiles.yml",
        "warehouse: {outputs: {duckdb: {path: ../data/other.duckdb, retries: {connect_attempts: 1}}}}\n",
    )
    hold = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('ready', flush=True); time.sleep(600)"
    command = [sys.executable, "-c", hold, built.root / "data" / "other.duckdb"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout.readline() == b"ready\n"
            result = built.build("marts/daily_order_summary")
        finally:
            holder.kill()
    (message,) = result.stderr.splitlines()
    assert message.startswith(f"BB301 {built.root / 'data' / 'warehouse.duckdb'}: process {holder.pid} took the ware")


def test_what_ends_dbt_before_its_first_model_is_told_in_one_line(built):
    built.write("settings/profiles.yml", "warehouse: {outputs: {duckdb: {settings: {memory_limit: much}}}}\n")
    result = built.build("marts/daily_order_summary")
    (message,) = result.stderr.splitlines()
    assert message.startswith("BB505 dbt: Parser Error: ")
    assert message.endswith("; look at dbt's log in data/logs/")


@pytest.mark.parametrize(("selection", "status"), [((), "CANCELED"), (("marts/daily_order_summary",), "FAILURE")])
def test_a_run_of_the_daemon_whose_process_is_gone_is_left_to_the_daemon_only_by_a_partial_build(
    built, selection, status
):
    with dg.DagsterInstance.from_config(str(built.root / "data" / "dagster")) as instance:
        run_id = dg._core.utils.make_new_run_id()
        tags = {".dagster/grpc_info": '{"host": "", "socket": "gone"}'}
        instance.add_run(dg.DagsterRun("job", run_id, status=dg.DagsterRunStatus.STARTED, tags=tags))
        assert built.build(*selection).returncode == 0
        assert instance.get_run_by_id(run_id).status.value == status
