"""Every code is explained, and every explanation's example is what a planted mistake really ends in."""

import gzip
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import building_block.project
import dagster as dg
import duckdb
import pyarrow as pa
import pytest
from building_block import check, generate
from building_block.contracts.expiry import look
from building_block.contracts.gate import gate
from building_block.contracts.load import Agreed, named, ports
from building_block.contracts.publish import masked, publish, refused
from building_block.contracts.retention import terms, today
from building_block.contracts.sample import write as write_sample
from building_block.contracts.verify import misshapen, verify
from building_block.data_check import measured
from building_block.doctor import Examination
from building_block.explanations import EXPLANATIONS
from building_block.ingest.spec import load_specs
from building_block.messages import Code, ProblemError
from building_block.project import Project
from building_block.warehouse.client import Warehouse
from building_block.warehouse.handover import to_reader
from building_block.warehouse.table import OnSchemaChange, Table, keyed, replace_partitions

from tests.conftest import StampedProject
from tests.stamping import commit
from tests.test_adopt import foreign_project
from tests.test_adopt import look as look_at
from tests.test_bad_input import HEADER, LINE, MESSAGE
from tests.test_upgrade import PLANTED as OF_UPGRADES

INVOICES = "ingest/invoices.yaml"
ORDERS = "contracts/orders.odcs.yaml"
APPROVALS = "contracts/approvals.yaml"
UNREASONED = "- {port: orders, version: 2.0.0, what: port removed, date: 2026-11-21}\n"
EXCEPTIONS = "settings/exceptions.yaml"
DAY = "2010-12-02"
DAYS_FILE = f"sample/retail/{DAY}.csv"
HOLD = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('ready', flush=True); sys.stdin.read()"


def ingest(project: StampedProject) -> None:
    load_specs(project.root / "ingest", project.root)


def changed_ingest(old: str, new: str) -> Callable[[StampedProject], None]:
    def provoke(project: StampedProject) -> None:
        project.replace(INVOICES, old, new)
        ingest(project)

    return provoke


def read(project: StampedProject) -> None:
    (spec,) = load_specs(project.root / "ingest", project.root)
    spec.source.read(project.root, DAY, spec).read_all()


def landed(content: str | bytes) -> Callable[[StampedProject], None]:
    def provoke(project: StampedProject) -> None:
        (project.root / DAYS_FILE).write_bytes(content if isinstance(content, bytes) else content.encode())
        read(project)

    return provoke


def second_file_of_one_table(project: StampedProject) -> None:
    project.write("ingest/invoices_2011.yaml", "table: invoices\n" + (project.root / INVOICES).read_text())
    ingest(project)


def missing_folder(project: StampedProject) -> None:
    project.replace(INVOICES, "sample/retail", "sample/retial")
    read(project)


def missing_file(project: StampedProject) -> None:
    (project.root / DAYS_FILE).unlink()
    read(project)


def cut_off_file(project: StampedProject) -> None:
    project.replace(INVOICES, "format: csv", "format: csv.gz")
    project.replace(INVOICES, "}.csv", "}.csv.gz")
    whole = gzip.compress((HEADER + LINE * 5000).encode())
    (project.root / f"{DAYS_FILE}.gz").write_bytes(whole[: len(whole) // 2])
    read(project)


def warehouse(project: StampedProject) -> Path:
    (project.root / "data").mkdir()
    return project.root / "data" / "warehouse.duckdb"


def held_warehouse(project: StampedProject) -> None:
    file = warehouse(project)
    with subprocess.Popen([sys.executable, "-c", HOLD, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"ready\n"
        try:
            with Warehouse(file, lock_timeout=0.1).reading():
                pass
        finally:
            holder.kill()


def changed_type(_: StampedProject) -> None:
    table = Table.of(dg.AssetKey(["sales", "raw", "invoices"]))
    with duckdb.connect() as connection:
        for kind in (pa.int32(), pa.int64()):
            stream = to_reader(pa.table({"Quantity": pa.array([6], kind)}), table.asset)
            stream = keyed(table, stream, [DAY])
            replace_partitions(connection, table, stream, [DAY], OnSchemaChange.APPEND_NEW_COLUMNS)


def missing_table(_: StampedProject) -> None:
    Table.of(dg.AssetKey(["sales", "marts", "orders_cleaned"])).select(duckdb.connect(), None)


def list_of_numbers(_: StampedProject) -> None:
    to_reader([1, 2, 3], "sales/ml/forecast")


def key_of_one_part(_: StampedProject) -> None:
    Table.of(dg.AssetKey("forecast"))


def overwritten_warehouse(project: StampedProject) -> None:
    file = warehouse(project)
    file.write_text("no database\n" * 1000, encoding="utf-8")
    with Warehouse(file).reading():
        pass


def edited_platform_file(project: StampedProject) -> None:
    project.replace("ruff.toml", "line-length", "line_length")
    ProblemError.raise_any(Examination(Project(project.root)).drift())


def examined(look: str, path: str, text: str) -> Callable[[StampedProject], None]:
    """Write a file, and ask doctor what it thinks of it."""

    def provoke(project: StampedProject) -> None:
        project.git("init", "--quiet")
        project.write(path, text)
        ProblemError.raise_any(getattr(Examination(Project(project.root)), look)())

    return provoke


def edited_answer(project: StampedProject) -> None:
    project.replace(".copier-answers.yml", "owner_team: sales-data", "owner_team: shop-data")
    ProblemError.raise_any(Examination(Project(project.root)).answers())


def older_python(project: StampedProject) -> None:
    project.replace("pyproject.toml", ">=3.11,<3.14", ">=3.10")
    ProblemError.raise_any(check.requirements(Project(project.root)))


def setting_beside_its_slot(project: StampedProject) -> None:
    text = (project.root / "pyproject.toml").read_text(encoding="utf-8")
    project.write("pyproject.toml", f"{text}\n[tool.ruff]\nline-length = 140\n")
    ProblemError.raise_any(check.ignored_settings(Project(project.root)))


def edited_derived_file(project: StampedProject) -> None:
    project.replace("dbt/generated/raw.yml", "version: 2", "version: 3")
    ProblemError.raise_any(generate.stale(Project(project.root)))


def page_of_a_person(project: StampedProject) -> None:
    project.write("docs/contracts/orders.md", "# Orders, in our own words\n")
    generate.derived(Project(project.root))


def setting(text: str) -> Callable[[StampedProject], None]:
    def provoke(project: StampedProject) -> None:
        project.write("settings/dbt_project.yml", text)
        generate.derived(Project(project.root))

    return provoke


def other_domain_name(project: StampedProject) -> None:
    (project.root / "src" / "sales").rename(project.root / "src" / "shop")
    ProblemError.raise_any(Examination(Project(project.root)).identity())


def gated(change: Callable[[StampedProject], object], ref: str = "HEAD") -> Callable[[StampedProject], None]:
    """Change a contract that git has, and ask the gate."""

    def provoke(project: StampedProject) -> None:
        project.git("init", "--quiet")
        project.git("add", "contracts")
        project.git("commit", "--quiet", "--message", "Agree")
        change(project)
        gate(Project(project.root), ref)

    return provoke


def changed_contract(old: str, new: str, file: str = ORDERS) -> Callable[[StampedProject], None]:
    def provoke(project: StampedProject) -> None:
        project.replace(file, old, new)
        ProblemError.raise_any(check.contracts(Project(project.root)))

    return provoke


def sample_of(old: str, new: str) -> Callable[[StampedProject], None]:
    def provoke(project: StampedProject) -> None:
        project.replace("contracts/daily_orders.odcs.yaml", old, new)
        port = named(Project(project.root), "daily_orders")
        write_sample(port, 1000, 0, project.root / "sample.parquet")

    return provoke


def without_country(project: StampedProject) -> None:
    text = (project.root / ORDERS).read_text(encoding="utf-8")
    project.write(ORDERS, re.sub(r"      - name: country\n(        .*\n)+", "", text))


def without_masking(project: StampedProject) -> None:
    project.replace(ORDERS, "version: 1.0.0", "version: 2.0.0")
    project.replace(ORDERS, "{property: masking, value: hash}", "{property: masking, value: none, description: why}")


def without_orders(project: StampedProject) -> None:
    (project.root / ORDERS).unlink()
    (project.root / "dbt/models/published/orders.sql").unlink()


def corrected(project: StampedProject) -> None:
    project.replace(ORDERS, "logicalType: date", "logicalType: dat")
    project.git("commit", "--quiet", "--all", "--message", "Slip")
    project.replace(ORDERS, "logicalType: dat\n", "logicalType: date\n")


def model_without_contract(project: StampedProject) -> None:
    project.write("dbt/models/published/late_orders.sql", "select 1 as one\n")
    ports(Project(project.root))


def model_with_two_descriptions(project: StampedProject) -> None:
    project.write(
        "dbt/models/published/daily_orders.yml",
        "version: 2\n\nmodels:\n  - name: daily_orders\n    description: One row per day with orders.\n",
    )
    ports(Project(project.root))


def orders(project: StampedProject, **others: str) -> tuple[Agreed, str]:
    """Return the port and SQL of twelve rows that keep its contract, but for the columns that are given otherwise."""
    port = ports(Project(project.root))["orders"]
    values = {
        "invoice_number": "'C' || (536365 + i)", "order_date": "'2010-12-02'", "is_cancellation": "true",
        "order_lines": "1", "units": "-6", "amount": "-15.3", "country": "'France'",
    } | others  # fmt: skip
    columns = (f"CAST({values.get(one.name, 'NULL')} AS {one.type}) AS {one.sql}" for one in port.contract.columns)
    return port, f"(SELECT {', '.join(columns)} FROM range(12) AS rows(i))"


def model_of_another_type(project: StampedProject) -> None:
    port, rows = orders(project)
    model = f"(SELECT * REPLACE (CAST(units AS INTEGER) AS units) FROM {rows})"
    with duckdb.connect() as connection:
        ProblemError.raise_any(misshapen(connection, model, port.contract, "dbt/models/published/orders.sql"))


def data_that_breaks_a_rule(project: StampedProject) -> None:
    port, rows = orders(project, amount="15.3")
    with duckdb.connect() as connection:
        ProblemError.raise_any(refused(port, verify(connection, rows, port.rules)))


def target_without_a_key(project: StampedProject) -> None:
    port, _ = orders(project)
    with pytest.MonkeyPatch.context() as patch, duckdb.connect() as connection:
        patch.setenv("DBT_TARGET", "bigquery")
        patch.delenv("BUILDING_BLOCK_MASKING_KEY", raising=False)
        masked(connection, Project(project.root), port.contract)


def model_that_fails_over_its_data(project: StampedProject) -> None:
    port, rows = orders(project, units="'six ' || i")
    with Warehouse(warehouse(project)).writing() as connection:
        connection.execute(f"CREATE SCHEMA candidate; CREATE VIEW candidate.orders AS {rows[1:-1]}")
    publish(Project(project.root), port)


def missing_data(project: StampedProject) -> None:
    measured(Project(project.root), "export/orders.parquet")


def past_retention(project: StampedProject) -> None:
    here = Project(project.root)
    wanted = terms(here, [port.contract for port in ports(here).values()])
    ProblemError.raise_any(look(here, wanted, today()).problems)


def retention_of_an_unknown_table(project: StampedProject) -> None:
    with Warehouse(warehouse(project)).writing() as connection:
        connection.execute("CREATE SCHEMA marts")
        for table in ("orders_cleaned", "orders_rejected", "daily_order_summary"):
            connection.execute(f"CREATE TABLE marts.{table} (order_date DATE)")
    project.replace(ORDERS, "marts.orders_cleaned.", "marts.orders_cleand.")
    past_retention(project)


def broken_release(project: StampedProject) -> None:
    project.write("data/published/orders/v1/0123456789abcdef/data.parquet", "no parquet\n" * 10)
    past_retention(project)


IN_THIS_PROCESS = {
    Code.INGEST_YAML: changed_ingest("undeclared_columns: fail", "undeclared_columns: [fail"),
    Code.INGEST_KEY: changed_ingest("format: csv", "formt: csv"),
    Code.INGEST_VALUE: changed_ingest("when_missing: skip", "when_missing: ignore"),
    Code.INGEST_DUPLICATE_TABLE: second_file_of_one_table,
    Code.INGEST_DUPLICATE_COLUMN: changed_ingest("name: StockCode", "name: INVOICENO"),
    Code.LANDING_FOLDER: missing_folder,
    Code.LANDING_FILE_MISSING: missing_file,
    Code.LANDING_FILE_EMPTY: landed(""),
    Code.LANDING_FILE_BROKEN: cut_off_file,
    Code.LANDING_ENCODING: landed((HEADER + LINE.replace("LANTERN", "CAFÉ")).encode("latin-1")),
    Code.LANDING_ROW: landed(HEADER + LINE + LINE.replace("LANTERN", "LANTERN, RED")),
    Code.LANDING_TYPE: landed(HEADER + LINE + LINE.replace(",6,", ",six,")),
    Code.LANDING_COLUMN_UNDECLARED: landed(HEADER.strip() + ",Colour\n" + LINE.strip() + ",red\n"),
    Code.LANDING_COLUMN_MISSING: landed(HEADER.replace(",Country", "") + LINE.replace(",United Kingdom", "")),
    Code.WAREHOUSE_LOCKED: held_warehouse,
    Code.WAREHOUSE_SCHEMA_CHANGED: changed_type,
    Code.WAREHOUSE_TABLE_MISSING: missing_table,
    Code.WAREHOUSE_TYPE_UNSUPPORTED: list_of_numbers,
    Code.WAREHOUSE_KEY: key_of_one_part,
    Code.WAREHOUSE_BROKEN: overwritten_warehouse,
    Code.OWNERSHIP_DRIFT: edited_platform_file,
    Code.DERIVED_STALE: edited_derived_file,
    Code.DERIVED_TAKEN: page_of_a_person,
    Code.COLLISION: examined("collisions", ".github/workflows/platform-deploy.yml", "on: push\n"),
    Code.MERGE: examined("merges", "README.md", "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n"),
    Code.ANSWERS: edited_answer,
    Code.REQUIREMENT: older_python,
    Code.SETTING_IGNORED: setting_beside_its_slot,
    Code.EXCEPTIONS: examined("reminders", EXCEPTIONS, "exceptions:\n- {path: ruff.toml, reason: ours}\n"),
    Code.EXCEPTION_LONG: examined(
        "lasting", EXCEPTIONS, "exceptions:\n- {path: ruff.toml, reason: ours, until: 2099-12-31}\n"
    ),
    Code.EXCEPTION_DUE: examined(
        "reminders", EXCEPTIONS, "exceptions:\n- {path: ruff.toml, reason: ours, until: 2999-12-31}\n"
    ),
    Code.SETTING_LOCKED: setting("models: {sales: {marts: {+schema: gold}}}\n"),
    Code.SETTING_SYNTAX: setting("vars:\n  first_day: {2010-12-01\n"),
    Code.DOMAIN_NAME: other_domain_name,
    Code.CANDIDATE_FAILED: model_that_fails_over_its_data,
    Code.CONTRACT_REF: gated(lambda _: None, ref="mian"),
    Code.CONTRACT_BUMP: gated(without_country),
    Code.CONTRACT_APPROVAL: gated(without_masking),
    Code.CONTRACT_REMOVED: gated(without_orders),
    Code.CONTRACT_APPROVALS: gated(lambda project: project.write(APPROVALS, "approvals:\n" + UNREASONED)),
    Code.CONTRACT_UNREADABLE: gated(corrected),
    Code.CONTRACT_YAML: changed_contract("tags: [pii]", "tags: [pii"),
    Code.CONTRACT_SCHEMA: changed_contract("status: active", "statsu: active"),
    Code.CONTRACT_VALUE: changed_contract("value: 30, unit: y", "value: 30, unit: m"),
    Code.CONTRACT_TYPE: changed_contract("decimal(18,4)", "money"),
    Code.CONTRACT_VERSION: changed_contract("version: 1.0.0", 'version: "1.0"'),
    Code.CONTRACT_RULE: changed_contract("amount > 0", "amuont > 0"),
    Code.CONTRACT_PORT: model_without_contract,
    Code.CONTRACT_DESCRIBED: model_with_two_descriptions,
    Code.CONTRACT_COLUMN: model_of_another_type,
    Code.CONTRACT_BROKEN: data_that_breaks_a_rule,
    Code.MASKING_KEY: target_without_a_key,
    Code.CONTRACT_OWNER: changed_contract("team:\n  name: sales\n", ""),
    Code.CONTRACT_CLASSIFICATION: changed_contract("classification: confidential", "classification: secret"),
    Code.CONTRACT_RETENTION: changed_contract("property: retention, value: 30", "property: availability, value: 30"),
    Code.CONTRACT_PII: changed_contract("classification: confidential", "classification: internal"),
    Code.CONTRACT_MASKING: changed_contract("value: hash", "value: md5"),
    Code.CONTRACT_DESCRIPTION: changed_contract("        description: Country of the customer.\n", ""),
    Code.CONTRACT_KEY: changed_contract("        primaryKey: true\n", ""),
    Code.SAMPLE_VALUES: sample_of('minimum: "2009-12-01"', 'minimum: "2009-12-01", maximum: "2009-12-31"'),
    Code.SAMPLE_RULE: sample_of("gross_revenue - cancelled_revenue}", "gross_revenue}"),
    Code.DATA_FILE: missing_data,
    Code.RETENTION_PLACE: changed_contract("raw.invoices.InvoiceDate", "raw.invoices.InvoiceNo"),
    Code.RETENTION_TABLE: retention_of_an_unknown_table,
    Code.RETENTION_PERSONAL: changed_contract(
        "value: 30, unit: y",
        "value: 30, unit: y, customProperties: [{property: retentionAction, value: anonymise}]",
        "contracts/daily_orders.odcs.yaml",
    ),
    Code.RETENTION_RELEASE: broken_release,
}
STOPS_LOADING = {
    Code.DBT_PARSE: ("dbt/models/marts/orders_late.sql", "select * from {{ ref('orders_cleand') }}\n"),
    Code.DBT_LAYER: ("dbt/models/gold/best_day.sql", "select 1 as one\n"),
    Code.ASSET_KEY: ("src/sales/defs/forecast.py", "import dagster as dg\n\n\n@dg.asset\ndef forecast(): ...\n"),
    Code.DEFINITIONS: ("src/sales/defs/forecast.py", "import dagster as dg\nimport prophet\n"),
}
FAILS_IN_A_BUILD = {
    Code.DBT_MODEL_FAILED: (
        "dbt/models/marts/orders_late.sql",
        "select invoiced_on from {{ ref('orders_cleaned') }}\n",
    ),
    Code.DBT_TEST_FAILED: (
        "dbt/models/marts/orders_rejected.yml",
        "models:\n- name: orders_rejected\n  columns:\n  - {name: rejection_reason, data_tests: [unique]}\n",
    ),
    Code.BUILD_FAILED: (
        "src/sales/defs/forecast.py",
        "import dagster as dg\nimport polars as pl\n\n\n"
        '@dg.asset(key_prefix=["sales", "ml"], group_name="ml")\n'
        'def forecast() -> pl.DataFrame:\n    return pl.DataFrame({"share": [1 / 0]})\n',
    ),
    Code.PARTITIONS: (
        "src/sales/defs/weekly.py",
        "import dagster as dg\n\n\n"
        '@dg.asset(key_prefix=["sales", "reporting"], group_name="reporting",\n'
        '          deps=[["sales", "raw", "invoices"]], partitions_def=dg.WeeklyPartitionsDefinition("2010-12-01"))\n'
        "def weekly_report(): ...\n",
    ),
}
ONE_BY_ONE = {
    Code.CHECK_FAILED,
    Code.PROJECT_NOT_FOUND,
    Code.SELECTION_UNKNOWN,
    Code.TOOL_MISSING,
    Code.NO_REPOSITORY,
    Code.MODEL_RULE,
    Code.DBT_FRESHNESS,
    *(code for code in Code if code.name.startswith("ADOPT_")),
}


def as_documented(message: str, project: StampedProject) -> str:
    """Return a message with what differs from run to run as the examples have it."""
    message = message.replace(str(project.root), "/home/ann/sales")
    message = re.sub(r"date: \d{4}-\d\d-\d\d", "date: 2026-11-21", message)
    message = re.sub(r"target/dbt-[0-9a-f]{7}-[0-9a-f]{7}/", "target/dbt-1a2b3c4-5d6e7f8/", message)
    return re.sub(r"process \d+ (.*) 0\.1 s;", r"process 4711 \1 60 s;", message)


def test_every_code_is_explained_and_its_example_is_planted_here():
    assert list(EXPLANATIONS) == list(Code)
    planted = [*IN_THIS_PROCESS, *STOPS_LOADING, *FAILS_IN_A_BUILD, *ONE_BY_ONE, *OF_UPGRADES]
    assert sorted(planted) == sorted(Code)


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_an_explanation_says_what_why_and_how_in_whole_sentences(code):
    explained = EXPLANATIONS[code]
    assert MESSAGE.fullmatch(explained.example)
    assert explained.example.startswith(f"{code} ")
    for text in (explained.what, explained.why, explained.fix):
        assert re.fullmatch(r"[A-Z`d].*\.", text), text


@pytest.mark.parametrize("code", IN_THIS_PROCESS)
def test_a_mistake_ends_in_the_message_of_the_example(project, code):
    with pytest.raises(ProblemError) as caught:
        IN_THIS_PROCESS[code](project)
    assert as_documented(str(caught.value), project) == EXPLANATIONS[code].example


@pytest.mark.parametrize("code", STOPS_LOADING)
def test_a_mistake_that_keeps_the_project_from_loading_ends_in_the_message_of_the_example(project, code):
    project.write(*STOPS_LOADING[code])
    result = project.preloaded("check")
    assert (result.returncode, result.stderr.strip()) == (1, EXPLANATIONS[code].example)


def test_what_fails_in_a_build_ends_in_the_messages_of_the_examples(built):
    for path, text in FAILS_IN_A_BUILD.values():
        built.write(path, text)
    result = built.build()
    assert result.returncode == 1
    messages = {as_documented(line, built) for line in result.stderr.splitlines()}
    assert messages == {EXPLANATIONS[code].example for code in FAILS_IN_A_BUILD}


def test_a_check_that_does_not_pass_ends_in_the_message_of_the_example(built):
    built.write(*FAILS_IN_A_BUILD[Code.BUILD_FAILED])
    built.write(
        "src/sales/defs/checks.py",
        "import dagster as dg\n\n\n"
        '@dg.asset_check(asset=["sales", "marts", "daily_order_summary"])\n'
        "def revenue_is_positive():\n"
        '    return dg.AssetCheckResult(passed=False, description="3 days have no revenue")\n',
    )
    result = built.build("marts/daily_order_summary", "ml/forecast")
    assert result.returncode == 1
    messages = as_documented(result.stderr, built).splitlines()
    assert sorted(messages) == [EXPLANATIONS[code].example for code in (Code.BUILD_FAILED, Code.CHECK_FAILED)]


def test_a_package_that_was_copied_into_an_environment_ends_in_the_message_of_the_example(tmp_path, monkeypatch):
    copied = tmp_path / ".venv" / "lib" / "site-packages" / "building_block" / "project.py"
    monkeypatch.setattr(building_block.project, "__file__", str(copied))
    with pytest.raises(ProblemError) as caught:
        Project.here()
    assert str(caught.value).replace(str(tmp_path), "/home/ann") == EXPLANATIONS[Code.PROJECT_NOT_FOUND].example


def test_a_selection_of_nothing_ends_in_the_message_of_the_example(project):
    result = project.build("orders_cleand")
    assert (result.returncode, result.stderr.strip()) == (1, EXPLANATIONS[Code.SELECTION_UNKNOWN].example)


def test_a_hook_without_an_environment_ends_in_the_message_of_the_example(project):
    command = ("env", "-i", "PATH=/usr/bin:/bin", "sh", "platform/hook.sh", "typos")
    result = project.run(*command)
    message = as_documented(result.stderr.strip(), project)
    assert (result.returncode, message) == (1, EXPLANATIONS[Code.TOOL_MISSING].example)


def test_lint_outside_of_a_repository_ends_in_the_message_of_the_example(project):
    result = project.poe("lint")
    message = as_documented(result.stderr.strip(), project)
    assert (result.returncode, message) == (1, EXPLANATIONS[Code.NO_REPOSITORY].example)


def test_a_model_that_breaks_a_rule_ends_in_the_message_of_the_example(project):
    project.write("dbt/models/intermediate/int_hasty.sql", "select order_date from {{ ref('orders_cleaned') }}\n")
    project.write(
        "dbt/models/intermediate/int_hasty.yml",
        "models:\n- name: int_hasty\n  description: One row per day with orders.\n  columns:\n"
        "  - {name: order_date, data_type: date, data_tests: [unique, not_null]}\n",
    )
    result = project.run("building-block", "check", "models")
    assert (result.returncode, result.stderr.strip()) == (1, EXPLANATIONS[Code.MODEL_RULE].example)


def test_a_models_freshness_that_is_no_span_is_told_as_documented(project):
    config = "    config: {meta: {freshness: 1 week}}\n    columns:"
    project.replace("dbt/models/marts/daily_order_summary.yml", "    columns:", config)
    for command in ("build", "check"):
        result = project.run("building-block", command)
        assert (result.returncode, result.stderr.strip()) == (1, EXPLANATIONS[Code.DBT_FRESHNESS].example)


def test_a_code_is_explained_offline_in_a_stamped_project(project):
    result = project.poe("explain", "bb207")
    assert result.returncode == 0, result.stderr
    shown = " ".join(result.stdout.split())
    explained = EXPLANATIONS[Code.LANDING_TYPE]
    for text in ("BB207", explained.what, explained.example, explained.why, explained.fix):
        assert " ".join(text.split()) in shown


def test_an_unknown_code_is_answered_with_the_nearest(project):
    result = project.poe("explain", "BB2077")
    assert result.returncode == 1
    assert result.stderr.strip() == "BB503 poe explain: `BB2077` is no code of a message; write BB207"


def test_what_stops_an_adoption_is_told_as_documented(template, tmp_path):
    project = foreign_project(tmp_path / "shop")
    project.write("ruff.toml", "line-length = 80\n")
    commit(project, "Plant")
    stops, notes, _ = look_at(template, project)
    project.write(".copier-answers.yml", "_commit: v0.1.0\n")
    commit(project, "Stamp")
    with pytest.raises(ProblemError) as caught:
        look_at(template, project)
    examples = {EXPLANATIONS[code].example for code in Code if code.name.startswith("ADOPT_")}
    assert examples <= {*stops, *notes, str(caught.value)}
