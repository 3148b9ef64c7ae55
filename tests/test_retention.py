"""What is past its retention is gone: from the warehouse, from what is published, from every byte below data/."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.conftest import StampedProject
from tests.test_bad_input import HEADER

MARKER = "ZQXatlantisZQX"
CUSTOMER = "9182736450"
OLD = "2010-12-02"
NEW = (datetime.now(UTC) - timedelta(days=2)).date().isoformat()
ORDERS = "contracts/orders.odcs.yaml"
RETENTION = "property: retention, value: 30, unit: y"
ANONYMISE = f"{RETENTION.replace('30', '10')}, customProperties: [{{property: retentionAction, value: anonymise}}]"
EXPIRE = ("contracts", "expire")
PLACES = ("raw.invoices", "marts.orders_cleaned", "marts.orders_rejected", "published.orders")


def lines(day: str, country: str) -> str:
    rows = [
        f"5{place:05},85123A,LANTERN {place},{quantity},{day} 08:{place % 60:02}:00,2.55,{CUSTOMER},{country}\n"
        for place, quantity in enumerate([6] * 40 + [-6] * 10, start=10 * int(day[:4]))
    ]
    return HEADER + "".join(rows)


@pytest.fixture(scope="session")
def old_and_new_once(once, parsed_once) -> StampedProject:
    """A project that was built on a day of long ago and one of late, both of one customer, when all was kept."""

    def build(project: StampedProject) -> None:
        shutil.rmtree(project.root / "sample" / "retail")
        project.write(f"sample/retail/{OLD}.csv", lines(OLD, MARKER))
        project.write(f"sample/retail/{NEW}.csv", lines(NEW, "Norway"))
        # A month of predictions takes as long as all the rest, and is not what this is about.
        shutil.rmtree(project.root / "src" / "sales" / "defs")
        project.write("src/sales/defs/__init__.py", "")
        result = project.build()
        assert result.returncode == 0, result.stdout + result.stderr

    return once("kept", build, parsed_once)


@pytest.fixture
def kept(old_and_new_once, tmp_path) -> StampedProject:
    """That project, to change at will."""
    return StampedProject(shutil.copytree(old_and_new_once.root, tmp_path / "sales"))


@pytest.fixture
def overdue(kept) -> StampedProject:
    """That project since its contract keeps rows for ten years."""
    kept.replace(ORDERS, RETENTION, RETENTION.replace("30", "10"))
    return kept


def files_with(project: StampedProject, text: str = MARKER) -> set[str]:
    files = (file for file in (project.root / "data").rglob("*") if file.is_file())
    return {file.name for file in files if text.encode() in file.read_bytes()}


def state(project: StampedProject) -> dict[str, tuple]:
    """Return name, time and content of all that lies below data/, folders included."""
    return {
        str(file): (file.stat().st_mtime_ns, hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "")
        for file in (project.root / "data").rglob("*")
    }


def counted(project: StampedProject) -> dict[str, int]:
    [row] = project.query("SELECT " + ", ".join(f"(SELECT count(*) FROM {place})" for place in PLACES))
    return dict(zip(PLACES, row, strict=True))


def released(project: StampedProject, port: str = "orders", major: int = 1) -> list[tuple]:
    folder = project.root / f"data/published/{port}/v{major}"
    current = json.loads((folder / "current.json").read_text())
    subprocess.run(
        ["sha256sum", "--check", "--quiet", "data.parquet.sha256"], cwd=(folder / current["data"]).parent, check=True
    )
    rows = duckdb.sql(f"FROM '{folder / current['data']}' ORDER BY ALL").fetchall()
    assert len(rows) == current["rows"]
    return rows


def in_python(project: StampedProject, code: str) -> str:
    result = project.python(code)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def test_expired_rows_are_gone_to_the_last_byte(overdue):
    assert files_with(overdue) == {"warehouse.duckdb", "data.parquet"}
    assert list(counted(overdue).values()) == [100, 80, 20, 80]
    views = overdue.query("SELECT view_name, comment, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL")
    comments = overdue.query(
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
    )
    result = overdue.preloaded(*EXPIRE, "--apply")
    assert result.returncode == 0, result.stderr
    assert files_with(overdue) == set()
    assert list(counted(overdue).values()) == [50, 40, 10, 40]
    assert [row[3] for row in released(overdue)] == ["Norway"] * 40
    assert overdue.query("FROM published.orders ORDER BY ALL") == released(overdue)
    assert overdue.query("SELECT view_name, comment, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL") == views
    assert any(comment for _, _, comment in comments)
    assert comments == overdue.query(
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
    )
    # And it does not come back.
    result = overdue.build()
    assert result.returncode == 0, result.stderr
    assert files_with(overdue) == set()
    assert counted(overdue)["published.orders"] == 40


def test_a_dry_run_says_what_would_go_and_touches_nothing(overdue):
    before = state(overdue)
    result = overdue.preloaded(*EXPIRE)
    assert result.returncode == 0, result.stderr
    assert state(overdue) == before
    for place, rows in zip(PLACES, (50, 40, 10, 40), strict=True):
        assert re.search(rf"{place} .*10 years from .* {rows} ", result.stdout)
    assert re.search(r"data/published/orders/v1/", result.stdout)
    assert "Nothing was removed: `poe contracts expire --apply` removes it." in result.stdout


def test_where_nothing_is_past_its_retention_nothing_is_rewritten(kept):
    before = state(kept)
    for options in ((), ("--apply",)):
        result = kept.preloaded(*EXPIRE, *options)
        assert (result.returncode, result.stdout) == (0, "✓ no row is past its retention\n")
    changed = {file for file, found in state(kept).items() if before.get(file) != found}
    assert changed <= {str(kept.root / f"data/published/{port}/v1") for port in ("orders", "daily_orders")} | {
        file for file in changed if file.endswith(".lock")
    }


def test_a_second_removal_finds_nothing(overdue):
    assert overdue.preloaded(*EXPIRE, "--apply").returncode == 0
    file = overdue.root / "data/warehouse.duckdb"
    before = (file.stat().st_ino, file.stat().st_mtime_ns)
    result = overdue.preloaded(*EXPIRE, "--apply")
    assert (result.returncode, result.stdout) == (0, "✓ no row is past its retention\n")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == before


def test_expired_rows_are_not_ingested_again_and_a_day_of_only_such_ends_well(overdue):
    assert overdue.preloaded(*EXPIRE, "--apply").returncode == 0
    overdue.write(
        f"sample/retail/{OLD}.csv", lines(OLD, MARKER) + "536365,85123A,LATE,6,2010-12-02 09:00:00,2.55,1,Oz\n"
    )
    half = lines(NEW, "Norway") + lines(OLD, MARKER).partition("\n")[2]
    overdue.write(f"sample/retail/{NEW}.csv", half)
    result = overdue.build()
    assert result.returncode == 0, result.stdout + result.stderr
    assert list(counted(overdue).values()) == [50, 40, 10, 40]
    assert files_with(overdue) == set()
    said = in_python(
        overdue,
        "import dagster as dg, json; from building_block.project import Project; Project.here().enter();"
        "i, k = dg.DagsterInstance.get(), dg.AssetKey(['sales', 'raw', 'invoices']);"
        "r = i.fetch_materializations(k, 2).records;"
        "print(json.dumps({e.partition_key: e.asset_materialization.metadata['expired_rows'].value for e in r}))",
    )
    assert json.loads(said) == {OLD: 51, NEW: 50}
    assert overdue.build().stdout == "Everything is up to date.\n"


def test_what_a_build_dropped_from_a_table_is_gone_from_the_file_with_the_next_removal(overdue):
    """Expired since last night, and replaced without them before the job came: no row is found, the bytes are there."""
    overdue.write(f"sample/retail/{OLD}.csv", lines(OLD, MARKER) + "\n")
    assert overdue.build().returncode == 0
    assert counted(overdue)["raw.invoices"] == 50
    assert "warehouse.duckdb" in files_with(overdue)
    said = overdue.preloaded(*EXPIRE).stdout
    assert not any(place in said for place in PLACES)
    result = overdue.preloaded(*EXPIRE, "--apply")
    assert result.returncode == 0, result.stderr
    assert files_with(overdue) == set()


def test_readers_in_the_middle_of_a_query_read_to_the_end(overdue):
    folder = overdue.root / "data/published/orders/v1"
    file = folder / json.loads((folder / "current.json").read_text())["data"]
    connection = duckdb.connect()
    rows = connection.execute(f"SELECT a.country FROM '{file}' a, range(20000)")
    first = len(rows.fetchmany(10))
    code = (
        "import duckdb, sys, time; c = duckdb.connect(sys.argv[1], read_only=True);"
        "r = c.execute('SELECT a.Country FROM raw.invoices a, range(20000)'); n = len(r.fetchmany(10));"
        "print('ready', flush=True); time.sleep(6)\n"
        "while part := r.fetchmany(1_000_000): n += len(part)\n"
        "print(n)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, overdue.root / "data/warehouse.duckdb"], stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout.readline() == "ready\n"
        result = overdue.preloaded(*EXPIRE, "--apply")
        assert reader.stdout.read().endswith("2000000\n")
    assert result.returncode == 0, result.stderr
    assert files_with(overdue) == set()
    assert not file.exists()
    while part := rows.fetchmany(1_000_000):
        first += len(part)
    assert first == 80 * 20_000


def test_a_warehouse_that_is_held_too_long_is_told_and_what_is_published_is_clean_already(overdue):
    code = (
        "from building_block.warehouse.client import Warehouse; Warehouse.__init__.__defaults__ = (0.2,);"
        "import sys; sys.argv = ['building-block', 'contracts', 'expire', '--apply'];"
        "from building_block.cli import main; main()"
    )
    with duckdb.connect(overdue.root / "data/warehouse.duckdb", read_only=True):
        result = overdue.python(code)
    assert result.returncode == 1
    assert re.fullmatch(r"BB301 .*process \d+ has held the warehouse for more than 0.2 s; .*\n", result.stderr)
    assert files_with(overdue) == {"warehouse.duckdb"}
    assert "data/published/orders/v1" in result.stdout


@pytest.mark.slow
def test_a_removal_that_is_killed_at_any_moment_leaves_valid_data_and_the_next_one_finishes(overdue, tmp_path):
    """Killed before each operation on files, one after another, and at moments in between."""
    code = """
import os, sys
from building_block.contracts.load import ports
from building_block.contracts.expiry import remove
from building_block.contracts.retention import terms, today
from building_block.project import Project
project = Project.here()
project.enter()
wanted = terms(project, [port.contract for port in ports(project).values()])
count = int(sys.argv[1])
def kill(event, arguments):
    global count
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "shutil.rmtree"):
        count -= 1
        if count < 0:
            os.kill(os.getpid(), 9)
sys.addaudithook(kill)
print("go", flush=True)
remove(project, wanted, today())
print("done", flush=True)
"""
    seen: set[tuple[int, int]] = set()

    def killed_after(project: StampedProject, delay: float) -> bool:
        with subprocess.Popen(
            [sys.executable, "-c", code, "1000"],
            cwd=project.root,
            env={"PYTHONPATH": f"{project.root}/platform:{project.root}/src", "PATH": str(Path(sys.executable).parent)},
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout.readline() == "go\n"
            time.sleep(delay)
            child.kill()
            return child.stdout.read() == "done\n"

    def killed(at: int, delay: float | None = None) -> bool:
        project = StampedProject(shutil.copytree(overdue.root, tmp_path / f"killed-{at}-{delay}"))
        if delay is None:
            ended = project.python(code, str(at)).stdout.endswith("done\n")
        else:
            ended = killed_after(project, delay)
        rows, raw = len(released(project)), counted(project)["raw.invoices"]
        assert rows in (40, 80)
        assert raw in (50, 100)
        assert counted(project)["published.orders"] == (40 if raw == 50 else 80)
        seen.add((rows, raw))
        result = project.preloaded(*EXPIRE, "--apply")
        assert result.returncode == 0, result.stderr
        assert files_with(project) == set()
        assert (len(released(project)), counted(project)["raw.invoices"]) == (40, 50)
        left = [file.name for file in (project.root / "data").rglob(".*") if file.name not in (".lock",)]
        assert left == []
        shutil.rmtree(project.root)
        return not ended

    moments = 0
    while killed(moments):
        moments += 1
    assert moments > 8
    assert seen == {(80, 100), (40, 100), (40, 50)}
    for delay in (0.02, 0.05, 0.1, 0.15, 0.2):
        killed(1000, delay)


def test_an_old_major_goes_by_the_contract_beside_it_and_so_does_a_port_that_is_gone(kept):
    kept.replace(ORDERS, "version: 1.0.0", "version: 2.0.0")
    assert kept.build().returncode == 0
    assert (len(released(kept)), len(released(kept, major=2))) == (80, 80)
    [beside] = (kept.root / "data/published/orders/v1").glob("*/contract.odcs.yaml")
    beside.write_text(beside.read_text().replace(RETENTION, RETENTION.replace("30", "10")))
    result = kept.preloaded(*EXPIRE, "--apply")
    assert result.returncode == 0, result.stderr
    assert (len(released(kept)), len(released(kept, major=2))) == (40, 80)
    assert json.loads((kept.root / "data/published/orders/v1/current.json").read_text())["version"] == "1.0.0"
    assert counted(kept)["published.orders"] == 80
    for file in (ORDERS, "dbt/models/published/orders.sql"):
        (kept.root / file).unlink()
    [beside] = (kept.root / "data/published/orders/v2").glob("*/contract.odcs.yaml")
    beside.write_text(beside.read_text().replace(RETENTION, RETENTION.replace("30", "10")))
    result = kept.preloaded(*EXPIRE, "--apply")
    assert result.returncode == 0, result.stderr
    assert (len(released(kept)), len(released(kept, major=2))) == (40, 40)
    assert counted(kept)["published.orders"] == 40


def test_an_older_release_with_expired_rows_goes_though_the_valid_one_has_none(overdue):
    assert overdue.build().returncode == 0  # the new contract is published, and the release before it stays
    assert len(released(overdue)) == 40
    assert "data.parquet" in files_with(overdue)
    assert overdue.preloaded(*EXPIRE, "--apply").returncode == 0
    assert "data.parquet" not in files_with(overdue)


def test_refused_rows_are_past_their_retention_too(overdue):
    with duckdb.connect(overdue.root / "data/warehouse.duckdb") as connection:
        connection.execute(
            "CREATE TABLE raw.invoices_quarantine AS SELECT *, 'amount' AS rule FROM raw.invoices LIMIT 60"
        )
    found = overdue.query("SELECT count_if(year(InvoiceDate) = 2010) FROM raw.invoices_quarantine")[0][0]
    result = overdue.preloaded(*EXPIRE, "--apply")
    assert re.search(rf"raw.invoices_quarantine .* {found} ", result.stdout)
    assert overdue.query("SELECT count(*) FROM raw.invoices_quarantine") == [(60 - found,)]
    assert files_with(overdue) == set()


def test_anonymised_rows_stay_without_their_personal_data(kept):
    kept.replace(ORDERS, RETENTION, ANONYMISE)
    result = kept.preloaded("contracts", "lint")
    assert (
        "BB642 contracts/orders.odcs.yaml:72 slaProperties[0].element: rows of raw.invoices are to be anonymised"
        in (result.stderr)
    )
    kept.replace(
        "ingest/invoices.yaml", "{name: CustomerID, type: string,", "{name: CustomerID, type: string, pii: true,"
    )
    assert kept.preloaded("contracts", "lint").returncode == 0
    result = kept.preloaded(*EXPIRE)
    assert "BB642 contracts/orders.odcs.yaml:72 slaProperties[0].element: rows of marts.orders_cleaned" in result.stderr
    for model in ("orders_cleaned", "orders_rejected"):
        kept.write(
            f"dbt/models/marts/{model}.yml",
            f"models:\n- name: {model}\n  columns:\n  - {{name: customer_id, config: {{meta: {{pii: true}}}}}}\n",
        )
    kept.write(f"sample/retail/{OLD}.csv", lines(OLD, MARKER).replace(CUSTOMER, "7766554433"))
    before = released(kept)
    result = kept.preloaded(*EXPIRE, "--apply")
    assert result.returncode == 0, result.stderr
    assert list(counted(kept).values()) == [100, 80, 20, 80]
    for place, column, day in (
        ("raw.invoices", "CustomerID", "InvoiceDate"),
        ("marts.orders_cleaned", "customer_id", "order_date"),
        ("marts.orders_rejected", "customer_id", "order_date"),
        ("published.orders", "customer_id", "order_date"),
    ):
        filled = f"SELECT bool_and(({column} IS NULL) = (year({day}) = 2010)) FROM {place}"
        assert kept.query(filled) == [(True,)], place
    after = released(kept)
    assert [row[:2] + row[3:] for row in after] == [row[:2] + row[3:] for row in before]
    assert "no row is past its retention" in kept.preloaded(*EXPIRE).stdout
    # What lands again stays, without its personal data.
    result = kept.build()
    assert result.returncode == 0, result.stdout + result.stderr
    assert list(counted(kept).values()) == [100, 80, 20, 80]
    assert files_with(kept, "7766554433") == set()
    assert len(files_with(kept)) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace("marts.orders_rejected.order_date", "marts.orders_rejectd.order_date"),
            "BB641 contracts/orders.odcs.yaml:72 slaProperties[0].element: the warehouse has no table "
            "marts.orders_rejectd; write marts.orders_rejected, or build it",
        ),
        (
            lambda text: text.replace("marts.orders_rejected.order_date", "marts.orders_rejected.day"),
            "BB641 contracts/orders.odcs.yaml:72 slaProperties[0].element: the table marts.orders_rejected has no "
            "column day; write marts.orders_rejected.invoiced_at, order_date",
        ),
        (
            lambda text: text.replace("marts.orders_rejected.order_date", "marts.orders_rejected.country"),
            "BB641 contracts/orders.odcs.yaml:72 slaProperties[0].element: marts.orders_rejected.country is VARCHAR; "
            "write marts.orders_rejected.invoiced_at, order_date",
        ),
        (
            lambda text: text.replace("marts.orders_rejected.order", "staging.stg_retail__invoices.invoiced"),
            "BB641 contracts/orders.odcs.yaml:72 slaProperties[0].element: staging.stg_retail__invoices is a view, in "
            "which no rows lie; name the table that it reads",
        ),
    ],
)
def test_one_table_that_cannot_be_cleaned_is_told_and_keeps_no_other_from_it(overdue, change: Callable, message):
    file = overdue.root / ORDERS
    file.write_text(change(file.read_text()))
    result = overdue.preloaded(*EXPIRE, "--apply")
    assert (result.returncode, result.stderr) == (1, message + "\n")
    assert counted(overdue)["raw.invoices"] == 50
    assert counted(overdue)["marts.orders_rejected"] == 20
    assert "data.parquet" not in files_with(overdue)


JOB = """
import dagster as dg, json, logging
from building_block.definitions import defs
from building_block.project import Project
Project.here().enter()
job = defs().resolve_job_def("bb_retention")
result = job.execute_in_process(instance=dg.DagsterInstance.get(), raise_on_error=False)
output = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
table = output[0].event_specific_data.metadata["removed"].records if output else []
checks = {"/".join(e.asset_key.path[1:]): e.passed for e in result.get_asset_check_evaluations()}
print(json.dumps([result.success, [record.data for record in table], checks]))
"""


def checked(project: StampedProject) -> dict[str, bool]:
    """Return what Dagster has on record of each asset's check."""
    said = in_python(
        project,
        "import dagster as dg, json; from building_block.project import Project; Project.here().enter();"
        "s = dg.DagsterInstance.get().event_log_storage;"
        f"k = [dg.AssetCheckKey(dg.AssetKey(['sales', *p.split('.')]), 'bb_retention') for p in {PLACES}];"
        "r = s.get_latest_asset_check_execution_by_key(k);"
        "print(json.dumps({'.'.join(key.asset_key.path[1:]): r[key].status.value for key in k if key in r}))",
    )
    return {place: status == "SUCCEEDED" for place, status in json.loads(said).items()}


def test_the_job_reports_what_it_removes_and_the_checks_pass_after_it(overdue):
    success, table, checks = json.loads(in_python(overdue, JOB).splitlines()[-1])
    assert success
    assert {row["place"]: row["rows"] for row in table if "/" not in row["place"]} == dict(
        zip(PLACES, (50, 40, 10, 40), strict=True)
    )
    assert {row["kept for"] for row in table} == {
        f"10 years from {column}, then deleted" for column in ("InvoiceDate", "order_date")
    }
    assert checks.items() >= {place.replace(".", "/"): True for place in PLACES}.items()
    assert checked(overdue) == dict.fromkeys(PLACES, True)
    assert files_with(overdue) == set()


def test_a_build_tells_what_is_past_its_retention_and_neither_fails_nor_begins_again(overdue):
    result = overdue.build("marts", "published")
    assert result.returncode == 0, result.stderr
    said = "marts/orders_cleaned: Past its retention: 40 rows of marts.orders_cleaned."
    assert said in result.stdout
    assert "poe contracts expire" in result.stdout
    assert re.search(r"marts/orders_cleaned .*1 warned", result.stdout)
    assert checked(overdue)["marts.orders_cleaned"] is False
    assert checked(overdue)["published.orders"] is False  # the release before the valid one
    assert overdue.build().stdout == "Everything is up to date.\n"
    assert json.loads(in_python(overdue, JOB).splitlines()[-1])[0]
    assert all(checked(overdue).values())


def test_the_schedule_runs_daily_wherever_the_platforms_sensors_run(kept):
    code = (
        "from building_block.definitions import defs; s = defs().resolve_schedule_def('bb_retention');"
        "print(s.cron_schedule, s.execution_timezone, s.default_status.value)"
    )
    assert in_python(kept, code).split("\n")[-2] == "0 3 * * * UTC RUNNING"
    result = kept.python(code, DAGSTER_IS_DEV_CLI="1")
    assert result.stdout.split("\n")[-2] == "0 3 * * * UTC STOPPED"


def test_a_job_that_cannot_look_at_a_table_fails_and_lets_no_check_say_that_all_is_well(overdue):
    overdue.replace(ORDERS, "marts.orders_rejected.order_date", "marts.orders_rejectd.order_date")
    before = checked(overdue)
    assert json.loads(in_python(overdue, JOB).splitlines()[-1]) == [False, [], {}]
    assert checked(overdue) == before
    assert counted(overdue)["raw.invoices"] == 50
