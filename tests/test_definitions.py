"""What Dagster and dbt are told about a stamped project."""

import json
import shutil
import subprocess
import sys

from tests.conftest import StampedProject, answers
from tools.ownership import ROOT

SHOW = """
import json
from building_block.definitions import defs
specs = {"/".join(spec.key.path): spec for spec in defs().resolve_all_asset_specs()}
spec = specs["sales/raw/invoices"]
columns = spec.metadata["dagster/column_schema"].columns
print(json.dumps({
    "keys": sorted(specs),
    "groups": sorted({f"{key.split('/')[1]}={spec.group_name}" for key, spec in specs.items()}),
    "owners": list(spec.owners),
    "classification": spec.tags["classification"],
    "confidential": [column.name for column in columns if column.tags["classification"] == "confidential"],
    "freshness": spec.freshness_policy and str(spec.freshness_policy.fail_window.to_timedelta()),
    "schedule": spec.automation_condition.get_label() or str(spec.automation_condition),
    "partitions": spec.partitions_def.start.date().isoformat(),
    "zone": spec.partitions_def.timezone,
    "model_owners": list(specs["sales/marts/orders_cleaned"].owners),
    "checks": sorted(key.name for key in defs().resolve_asset_graph().asset_check_keys),
}))
"""


def shown(project: StampedProject) -> dict:
    result = project.python(SHOW)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_what_an_ingest_file_says_reaches_dagster(project):
    project.replace("ingest/invoices.yaml", "columns:\n", "freshness: 36h\nowner: till@acme.com\ncolumns:\n")
    project.replace("ingest/invoices.yaml", "{name: CustomerID,", "{name: CustomerID, classification: confidential,")
    told = shown(project)
    assert told["owners"] == ["till@acme.com", "team:sales-data"]
    assert told["classification"] == "internal"
    assert told["confidential"] == ["CustomerID"]
    assert told["freshness"] == "1 day, 12:00:00"
    assert "0 6 * * *" in told["schedule"]
    assert told["partitions"] == "2010-12-01"
    assert told["zone"] == "UTC"


def test_days_end_and_schedules_run_in_the_time_zone_of_the_domain(project):
    project.replace("platform/domain.toml", 'timezone = "UTC"', 'timezone = "Europe/Zurich"')
    told = shown(project)
    assert "Europe/Zurich" in told["schedule"]
    assert told["zone"] == "Europe/Zurich"


AGE = """
import asyncio, datetime, json
import dagster as dg
from building_block.definitions import defs
from building_block.project import Project
from dagster._core.definitions.freshness_evaluator import FRESHNESS_EVALUATORS_BY_POLICY_TYPE
from dagster._core.loader import LoadingContextForTest
from dagster._core.test_utils import freeze_time

Project.here().enter()
graph = defs().resolve_asset_graph()
nodes = {"/".join(node.key.path[1:]): node for node in graph.asset_nodes if node.freshness_policy}

def state(node, hours):
    evaluator = FRESHNESS_EVALUATORS_BY_POLICY_TYPE[type(node.freshness_policy)]()
    with freeze_time(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)):
        return asyncio.run(evaluator.evaluate_freshness(LoadingContextForTest(instance), node)).value

with dg.DagsterInstance.get() as instance:
    print(json.dumps({name: [state(node, hours) for hours in (23, 47, 71, 73)] for name, node in nodes.items()}))
"""


def test_a_table_is_overdue_when_its_freshness_says_so_whatever_layer_it_is_of(built):
    built.replace("ingest/invoices.yaml", "columns:\n", "freshness: 2d\ncolumns:\n")
    built.write("settings/dbt_project.yml", "models: {sales: {intermediate: {+meta: {freshness: 24h}}}}\n")
    assert built.preloaded("generate").returncode == 0
    result = built.python(AGE)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1]) == {
        "raw/invoices": ["PASS", "PASS", "FAIL", "FAIL"],
        "intermediate/int_orders__judged": ["PASS", "FAIL", "FAIL", "FAIL"],
        "published/daily_orders": ["PASS", "PASS", "FAIL", "FAIL"],
        "published/orders": ["PASS", "PASS", "FAIL", "FAIL"],
    }


def test_models_are_named_owned_and_checked_as_the_house_does_it(project):
    told = shown(project)
    assert {key.split("/")[0] for key in told["keys"]} == {"sales"}
    assert told["model_owners"] == ["sales-data@acme.com", "team:sales-data"]
    assert "order_date_unique" in told["checks"]
    assert all(layer == group for layer, group in (pair.split("=") for pair in told["groups"]))


def test_the_folder_decides_schema_access_and_contract(built_once):
    manifest = json.loads((built_once.root / "dbt" / "target" / "manifest.json").read_text())
    published = manifest["nodes"]["model.sales.daily_orders.v1"]
    assert published["access"] == "public"
    assert published["contract"]["enforced"] is True
    assert manifest["nodes"]["model.sales.orders_cleaned"]["access"] == "protected"
    assert {node["schema"] for node in manifest["nodes"].values() if node["resource_type"] == "model"} == {
        *("staging", "intermediate", "marts", "candidate")
    }


def test_the_message_after_a_copy_gives_the_next_two_commands(tmp_path):
    data = [f"--data={key}={value}" for key, value in answers("minimal").items()]
    copy = [sys.executable, "-m", "copier", "copy", "--defaults", "--vcs-ref", "HEAD", *data, str(ROOT), "sales"]
    result = subprocess.run(copy, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    lines = [line.strip() for line in (result.stdout + result.stderr).splitlines()]
    commands = [line.split("  ")[0] for line in lines if line.startswith("uv run ")]
    assert commands == ["uv run poe build", "uv run poe start"]


SAME = """
import json
from dagster_dbt import dbt_assets
from building_block.dbt.assets import asset_and_check_specs
from building_block.dbt.manifest import prepared
from building_block.dbt.assets import LayerTranslator
from building_block.project import Project

project = Project.here()
project.enter()
dbt = prepared(project)
manifest = json.loads(dbt.manifest_path.read_text())

def told(specs, checks):
    return {
        "assets": sorted([*spec.key.path[1:], sorted(dep.asset_key.path[-1] for dep in spec.deps)] for spec in specs),
        "checks": sorted([check.key.to_user_string(), check.blocking] for check in checks),
    }

theirs_of = LayerTranslator(project.domain, manifest)

@dbt_assets(manifest=manifest, project=dbt, dagster_dbt_translator=theirs_of, exclude="path:models/published")
def theirs(context): ...

ours = told(*asset_and_check_specs(dbt, manifest, LayerTranslator(project.domain, manifest)))
print(json.dumps([ours, told(theirs.specs, theirs.check_specs)]))
"""


def test_assets_and_checks_are_those_that_dagster_dbt_would_make(project):
    project.write("dbt/seeds/countries.csv", "country\nFrance\n")
    project.write(
        "dbt/tests/no_future.sql", "select 1 from {{ ref('orders_cleaned') }} where order_date > '2100-01-01'\n"
    )
    # dbt inlines it: what reads it depends, for Dagster, on what it reads.
    project.replace(
        "dbt/models/intermediate/int_orders__judged.sql",
        "-- Exact duplicates",
        "{{ config(materialized='ephemeral') }}\n-- Exact duplicates",
    )
    result = project.python(SAME)
    assert result.returncode == 0, result.stderr
    ours, theirs = json.loads(result.stdout.splitlines()[-1])
    assert ours == theirs
    assert ["raw", "countries", []] in ours["assets"]
    assert ["marts", "orders_cleaned", ["stg_retail__invoices"]] in ours["assets"]
    assert ["sales/marts/orders_cleaned:no_future", True] in ours["checks"]


COUNTED = """
import gc, json, subprocess, sys
import yaml

parsed, collections, started = [], [], []
compose, popen = yaml.compose, subprocess.Popen.__init__
yaml.compose = lambda content, **options: parsed.append(1) or compose(content, **options)
subprocess.Popen.__init__ = lambda *args, **options: started.append(args[1][0]) or popen(*args, **options)
from building_block.definitions import defs
from building_block.project import Project
gc.callbacks.append(lambda phase, info: collections.append(phase))
definitions = defs()
gc.callbacks.clear()
print(json.dumps({
    "files": len(list(Project.here().ingest.glob("*.yaml"))),
    "parsed": len(parsed),
    "collections": len(collections),
    "kept": gc.get_freeze_count() > 0 and gc.isenabled(),
    "started": [command for command in started if "dbt" in command or "python" in command],
    "dbt": [name for name in ("dbt.cli.main", "dbt.graph", "dbt.parser") if name in sys.modules],
}))
"""


def test_a_load_does_no_work_twice(project):
    invoices = (project.root / "ingest" / "invoices.yaml").read_text(encoding="utf-8")
    for number in range(5):
        project.write(f"ingest/more_{number}.yaml", invoices)
    shutil.rmtree(project.root / "dbt" / "target")
    first, result = (project.run(sys.executable, "-W", "ignore", "-c", COUNTED) for _ in range(2))
    assert first.returncode == result.returncode == 0, first.stderr + result.stderr
    assert "dbt.parser" in json.loads(first.stdout.splitlines()[-1])["dbt"]
    counted = json.loads(result.stdout.splitlines()[-1])
    # The ingest files, two contracts, and the one YAML file of a model that has a column called like a port.
    assert counted == {"files": 6, "parsed": 9, "collections": 0, "kept": True, "started": [], "dbt": []}


STARTED = """
import subprocess, sys
popen = subprocess.Popen.__init__
def counted(self, *arguments, **options):
    command = [*arguments, options.get("args")][0]
    if str(command[0]).endswith("/dbt"):
        print("started dbt", command[1], file=sys.stderr)
    popen(self, *arguments, **options)
subprocess.Popen.__init__ = counted
from building_block.cli import main
sys.argv = ["building-block", "build"]
try:
    main()
finally:
    print("loaded", [name for name in ("dbt.parser", "dbt.adapters.duckdb") if name in sys.modules], file=sys.stderr)
"""


def test_a_deleted_warehouse_is_built_anew_by_dbt_started_once_for_models_and_once_for_ports_and_not_loaded(built):
    # If dagster-dbt renames what QuickDbtCliResource overrides, it starts `dbt --version` and loads an adapter again.
    (built.root / "data" / "warehouse.duckdb").unlink()
    # Without an activated environment: the dbt beside this Python is found.
    result = built.run(sys.executable, "-W", "ignore", "-c", STARTED, PATH="/usr/bin:/bin")
    assert result.returncode == 0, result.stderr
    told = [line for line in result.stderr.splitlines() if line.startswith(("started", "loaded"))]
    assert told == ["started dbt build", "started dbt run", "loaded []"]
    assert built.query("select count(*) from published.daily_orders") == [(36,)]


def test_dbt_stays_within_the_memory_that_the_platform_or_the_unit_allows(built):
    built.write("dbt/models/marts/allowed.sql", "select current_setting('memory_limit') as memory\n")
    allowed = {}
    for memory in ("", "3GB"):
        if memory:
            slot = f"warehouse: {{outputs: {{duckdb: {{settings: {{memory_limit: {memory}}}}}}}}}\n"
            built.write("settings/profiles.yml", slot)
        result = built.build("marts/allowed")
        assert result.returncode == 0, result.stdout + result.stderr
        [(allowed[memory],)] = built.query("from marts.allowed")
    assert allowed == {"": "1.3 GiB", "3GB": "2.7 GiB"}
