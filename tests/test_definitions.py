"""What Dagster and dbt are told about a stamped project."""

import json
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
    "model_owners": list(specs["sales/marts/orders_cleaned"].owners),
    "checks": sorted(key.name for key in defs().resolve_asset_graph().asset_check_keys),
}))
"""


def shown(project: StampedProject) -> dict:
    result = project.run(sys.executable, "-W", "ignore", "-c", SHOW)
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


def test_models_are_named_owned_and_checked_as_the_house_does_it(project):
    told = shown(project)
    assert {key.split("/")[0] for key in told["keys"]} == {"sales"}
    assert told["model_owners"] == ["sales-data@acme.com", "team:sales-data"]
    assert "unique_daily_orders_order_date" in told["checks"]
    assert all(layer == group for layer, group in (pair.split("=") for pair in told["groups"]))


def test_the_folder_decides_schema_access_and_contract(built_once):
    manifest = json.loads((built_once.root / "dbt" / "target" / "manifest.json").read_text())
    published = manifest["nodes"]["model.sales.daily_orders"]
    assert published["access"] == "public"
    assert published["contract"]["enforced"] is True
    assert manifest["nodes"]["model.sales.orders_cleaned"]["access"] == "protected"
    assert {node["schema"] for node in manifest["nodes"].values() if node["resource_type"] == "model"} == {
        *("staging", "intermediate", "marts", "published")
    }


def test_the_message_after_a_copy_gives_the_next_two_commands(tmp_path):
    data = [f"--data={key}={value}" for key, value in answers("minimal").items()]
    copy = [sys.executable, "-m", "copier", "copy", "--defaults", "--vcs-ref", "HEAD", *data, str(ROOT), "sales"]
    result = subprocess.run(copy, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    lines = [line.strip() for line in (result.stdout + result.stderr).splitlines()]
    commands = [line.split("  ")[0] for line in lines if line.startswith("uv run ")]
    assert commands == ["uv run poe build", "uv run poe start"]
