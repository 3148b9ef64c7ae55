"""What other domains read: masked, checked, switched to in one rename, and never broken by what comes after."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from tests.conftest import StampedProject

SUMMARY = "dbt/models/marts/daily_order_summary.sql"
KEY = "0123456789abcdef" * 4


def release(project: StampedProject, port: str) -> dict:
    return json.loads((project.root / f"data/published/{port}/v1/current.json").read_text())


def read(project: StampedProject, port: str) -> list[tuple]:
    """Read a port as another domain does, from its files alone."""
    file = project.root / "data/published" / port / "v1" / release(project, port)["data"]
    return duckdb.sql(f"FROM '{file}' ORDER BY ALL").fetchall()


def test_a_published_port_has_contract_and_checksum_beside_it_and_the_warehouse_follows(built):
    said = release(built, "daily_orders")
    folder = built.root / "data/published/daily_orders/v1"
    sums = subprocess.run(
        ["sha256sum", "--check", "data.parquet.sha256"],
        cwd=(folder / said["data"]).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert sums.stdout == "data.parquet: OK\n"
    contract = (built.root / "contracts/daily_orders.odcs.yaml").read_bytes()
    assert (folder / said["contract"]).read_bytes() == contract
    assert (said["version"], said["rows"]) == ("1.0.0", 36)
    assert built.query("FROM published.daily_orders ORDER BY ALL") == read(built, "daily_orders")
    assert built.query(
        "SELECT comment FROM duckdb_columns() WHERE schema_name = 'published' AND table_name = 'daily_orders' "
        "AND column_name = 'order_date'"
    ) == [("Day of the orders.",)]


def with_telling_customers(project: StampedProject) -> None:
    """Give the sample's customers numbers so long that nothing else is one of them by chance."""
    for file in (project.root / "sample/retail").glob("*.csv"):
        with file.open(newline="", encoding="utf-8") as lines:
            header, *rows = csv.reader(lines)
        at = header.index("CustomerID")
        rows = [[*row[:at], row[at] and f"77001700{row[at]}", *row[at + 1 :]] for row in rows]
        with file.open("w", newline="", encoding="utf-8") as lines:
            csv.writer(lines).writerows([header, *rows])


def test_personal_data_and_key_are_in_no_file_that_is_published_or_logged(lean):
    with_telling_customers(lean)
    result = lean.build(BUILDING_BLOCK_MASKING_KEY=KEY)
    assert result.returncode == 0, result.stderr
    (customers,) = lean.query("SELECT count(DISTINCT customer_id) FROM marts.orders_cleaned")[0]
    published = [row[2] for row in read(lean, "orders")]
    assert all(value is None or re.fullmatch("[0-9a-f]{64}", value) for value in published)
    assert len({*published} - {None}) == customers > 10
    (data,) = (lean.root / "data/published/orders/v1").glob("*/data.parquet")
    # Uncompressed, so that no value hides in a compressed page.
    duckdb.sql(f"COPY (FROM '{data}') TO '{lean.root}/data/published/plain.csv'")
    # What DuckDB says of a value that does not fit is kept nowhere either.
    units = "cast(sum(quantity) as bigint) as units"
    lean.replace("dbt/models/published/orders.sql", units, "cast('number ' || min(customer_id) as bigint) as units")
    failed = lean.build("published/orders", BUILDING_BLOCK_MASKING_KEY=KEY)
    assert "BB618 dbt/models/published/orders.sql: " in failed.stderr
    said = "".join([result.stdout, result.stderr, failed.stdout, failed.stderr]).encode()
    kept = {
        file: file.read_bytes()
        for folder in ("data/logs", "data/dagster", "data/published", "dbt/target")
        for file in (lean.root / folder).rglob("*")
        if file.is_file()
    }
    assert any(file.name == "manifest.json" for file in kept)
    for secret in (b"77001700", KEY.encode()):
        assert secret not in said
        assert not [file for file, content in kept.items() if secret in content]


def test_equal_values_keep_equal_hashes_and_another_key_makes_others(built):
    assert built.build("published/orders", BUILDING_BLOCK_MASKING_KEY=KEY).returncode == 0
    first = read(built, "orders")
    assert built.build("published/orders", BUILDING_BLOCK_MASKING_KEY=KEY).returncode == 0
    assert read(built, "orders") == first
    assert built.build("published/orders", BUILDING_BLOCK_MASKING_KEY=KEY[::-1]).returncode == 0
    other = read(built, "orders")
    assert {row[2] for row in other}.isdisjoint({row[2] for row in first} - {None})
    assert [row[:2] + row[3:] for row in other] == [row[:2] + row[3:] for row in first]


def test_a_laptop_makes_a_key_of_its_own_that_git_does_not_see(built):
    built.git("init", "--quiet")
    key = built.root / "data/masking.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_text()) == 64
    assert built.git("check-ignore", "data/masking.key").strip() == "data/masking.key"


@pytest.mark.parametrize(
    ("environment", "what"),
    [
        ({"DBT_TARGET": "production"}, "the target production has no key"),
        ({"BUILDING_BLOCK_MASKING_KEY": "secret"}, "the key has 6 characters"),
    ],
)
def test_nothing_is_hashed_without_a_key_that_is_one(built, environment, what):
    path = "{{ env_var('BUILDING_BLOCK_DATA', '../data') }}/warehouse.duckdb"
    target = f'{{type: duckdb, path: "{path}"}}'
    built.write("settings/profiles.yml", f"warehouse:\n  outputs:\n    production: {target}\n")
    built.preloaded("generate")
    before = release(built, "orders")
    result = built.build("published/orders", **environment)
    assert result.returncode == 1
    assert "BB610 BUILDING_BLOCK_MASKING_KEY: " in result.stderr
    assert what in result.stderr
    assert "Traceback" not in result.stderr
    assert release(built, "orders") == before


def test_a_broken_rule_leaves_the_last_good_version_and_stops_what_reads_it(built):
    built.write(
        "src/sales/defs/reader.py",
        'import dagster as dg\n\n\n@dg.asset(key_prefix=["sales", "marts"], group_name="marts", '
        'ins={"daily_orders": dg.AssetIn(["sales", "published", "daily_orders"])})\n'
        "def read_again(daily_orders):\n    return daily_orders\n",
    )
    assert built.build().returncode == 0
    before, rows = release(built, "daily_orders"), read(built, "daily_orders")
    built.replace(
        SUMMARY, "cast(sum(amount) as decimal(18, 4)) as net_revenue", "cast(1 as decimal(18, 4)) as net_revenue"
    )
    result = built.build()
    assert result.returncode == 1
    contract = (built.root / "contracts/daily_orders.odcs.yaml").read_text().splitlines()
    line = next(number for number, text in enumerate(contract, start=1) if "net_is_gross_less_cancelled" in text)
    assert f"BB609 contracts/daily_orders.odcs.yaml:{line} " in result.stderr
    assert "rule net_is_gross_less_cancelled" in result.stderr
    assert re.search(r"marts/read_again +waits for published/daily_orders", result.stdout)
    assert re.search(r"published/daily_orders .*1 failed", result.stdout)
    assert release(built, "daily_orders") == before
    assert read(built, "daily_orders") == rows == built.query("FROM published.daily_orders ORDER BY ALL")
    # And a build that changes nothing does not forget it.
    assert built.build().returncode == 1


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("    net_revenue\n", "", "net_revenue"),
        ("    units_sold,\n", "    cast(units_sold as integer) as units_sold,\n", "units_sold"),
        ("    units_sold,\n", "    units_sold,\n    units_sold as more,\n", "more"),
    ],
    ids=["a column is dropped", "a type is changed", "a column is added"],
)
def test_dbt_refuses_columns_that_the_contract_does_not_have(built, old, new, what):
    before = release(built, "daily_orders")
    file = built.root / "dbt/models/published/daily_orders.sql"
    text = file.read_text()
    built.replace("dbt/models/published/daily_orders.sql", old, new)
    if "net_revenue\n" not in file.read_text():
        file.write_text(re.sub(r",\s*from", "\nfrom", file.read_text()))
    assert text != file.read_text()
    result = built.build()
    assert result.returncode == 1
    assert "BB505 dbt/models/published/daily_orders.sql" in result.stderr
    assert what in result.stderr
    assert "contract" in result.stderr
    assert release(built, "daily_orders") == before
    assert built.query("SELECT count(*) FROM published.daily_orders") == [(36,)]


def test_a_reader_in_the_middle_of_a_query_reads_one_version_to_the_end(built):
    folder = built.root / "data/published/daily_orders/v1"
    file = folder / release(built, "daily_orders")["data"]
    connection = duckdb.connect()
    rows = connection.execute(f"SELECT a.order_date FROM '{file}' a, range(200000)")
    first = rows.fetchmany(10)
    built.replace(SUMMARY, "group by order_date", "where order_date > date '2010-12-05'\ngroup by order_date")
    assert built.build().returncode == 0
    assert release(built, "daily_orders")["rows"] < 36
    count = len(first)
    while part := rows.fetchmany(1_000_000):
        count += len(part)
    assert count == 36 * 200_000
    # And one that has read the pointer before the switch and opens the file after it.
    assert duckdb.sql(f"SELECT count(*) FROM '{file}'").fetchone() == (36,)


def test_only_the_valid_release_and_the_one_before_are_kept(built):
    folder = built.root / "data/published/daily_orders/v1"
    for day in ("2010-12-02", "2010-12-03"):
        built.replace(
            "dbt/models/published/daily_orders.sql",
            "from {{ ref('daily_order_summary') }}",
            f"from {{{{ ref('daily_order_summary') }}}} -- {day}",
        )
        built.write(
            "contracts/daily_orders.odcs.yaml",
            (built.root / "contracts/daily_orders.odcs.yaml").read_text() + f"# {day}\n",
        )
        assert built.build("published/daily_orders").returncode == 0
    assert len([entry for entry in folder.iterdir() if entry.is_dir()]) == 2


@pytest.mark.slow
def test_a_publication_that_is_killed_at_any_moment_leaves_a_whole_version(built):
    """Killed before, between and after switches: ``current.json`` names a whole version, and the next build goes on."""
    code = (
        "from building_block.project import Project; from building_block.contracts.load import ports;"
        "from building_block.contracts.publish import publish; p = Project.here(); p.enter(); print('go', flush=True);"
        "[(publish(p, ports(p)['orders']), print('done', flush=True)) for _ in range(50)]"
    )
    seen = set()
    for published, delay in ((0, 0.05), (0, 0.3), (1, 0.0), (1, 0.05), (1, 0.1), (1, 0.2), (2, 0.3)):
        path = f"{built.root}/platform:{built.root}/src"
        child = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=built.root,
            env={"PYTHONPATH": path, "PATH": str(Path(sys.executable).parent), "BUILDING_BLOCK_MASKING_KEY": KEY[::-1]},
            stdout=subprocess.PIPE,
        )
        for _ in range(1 + published):
            child.stdout.readline()
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        said = release(built, "orders")
        folder = (built.root / "data/published/orders/v1" / said["data"]).parent
        subprocess.run(["sha256sum", "--check", "--quiet", "data.parquet.sha256"], cwd=folder, check=True)
        assert len(read(built, "orders")) == said["rows"]
        seen.add(said["sha256"])
    assert len(seen) > 1  # some were killed after the switch, some before
    assert built.build("published/orders").returncode == 0
    assert not [*(built.root / "data/published/orders/v1").glob(".candidate-*")]
