"""`poe start`: the graph in the browser, refreshed by itself."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from building_block.warehouse.client import SECONDS_BETWEEN_TRIES

from tests.conftest import StampedProject
from tools.browser import ask, started

GROUPS = "{ assetNodes { groupName assetKey { path } } }"
LOCATION = "{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } } }"
SENSORS = """{
    sensorsOrError(repositorySelector: {repositoryLocationName: "sales", repositoryName: "__repository__"}) {
        ... on Sensors { results { name sensorState { status } } }
    }
}"""
LAUNCH = """mutation {
    launchRun(executionParams: {selector: {
        repositoryLocationName: "sales", repositoryName: "__repository__", jobName: "__ASSET_JOB",
        assetSelection: [{path: ["sales", "marts", "daily_order_summary"]}], assetCheckSelection: []
    }}) { ... on LaunchRunSuccess { run { runId } } ... on Error { message } }
}"""
RUN = """{
    runOrError(runId: "%s") { ... on Run { status eventConnection { events {
        __typename ... on MessageEvent { message } ... on ExecutionStepUpForRetryEvent { error { causes { message } } }
    } } } }
}"""
HOLD = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
print("ready", flush=True)
time.sleep(600)
"""
RELOAD = 'mutation { reloadRepositoryLocation(repositoryLocationName: "sales") { __typename } }'


@pytest.fixture
def address(project) -> Iterator[str]:
    """The address of a started project."""
    with started(project.root) as address:
        yield address


@pytest.fixture
def address_of_built(built) -> Iterator[str]:
    """The address of a started project that was built before."""
    with started(built.root) as address:
        yield address


def eventually(ask_again: Callable[[], object], seconds: float) -> object:
    """Return the first answer that says something."""
    deadline = time.monotonic() + seconds
    while not (answer := ask_again()):
        assert time.monotonic() < deadline
        time.sleep(1)
    return answer


def keys(address: str) -> set[str]:
    return {"/".join(node["assetKey"]["path"]) for node in ask(address, GROUPS)["assetNodes"]}


@pytest.mark.slow
def test_the_location_shows_layers_as_groups_sensors_that_wait_and_a_new_source_and_model_after_a_reload(
    project, address
):
    (entry,) = ask(address, LOCATION)["workspaceOrError"]["locationEntries"]
    assert entry == {"name": "sales", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
    groups = {node["groupName"] for node in ask(address, GROUPS)["assetNodes"]}
    assert groups == {"raw", "staging", "intermediate", "marts", "published", "ml", "reporting"}
    sensors = ask(address, SENSORS)["sensorsOrError"]["results"]
    states = {sensor["name"]: sensor["sensorState"]["status"] for sensor in sensors}
    assert states == {"bb_landing": "STOPPED", "bb_automation": "STOPPED"}

    project.write(
        "ingest/stores.yaml",
        "description: One row per store.\n"
        "source: {kind: file, format: csv, folder: sample, pattern: stores.csv, when_missing: fail}\n"
        "columns:\n- {name: store, type: string}\n",
    )
    project.write("dbt/models/marts/stores.sql", "select store from {{ source('raw', 'stores') }}\n")
    ask(address, RELOAD)
    assert {"sales/raw/stores", "sales/marts/stores"} <= keys(address)


def test_a_mistake_is_told_before_anything_starts(project):
    project.replace("ingest/invoices.yaml", "kind: file", "kind: fiel")
    result = project.poe("start")
    assert result.returncode == 1
    assert result.stderr.startswith("BB103 ingest/invoices.yaml:5 source.kind: ")
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.slow
def test_a_model_that_is_materialised_while_a_sql_client_holds_the_warehouse_waits_for_it(
    built: StampedProject, address_of_built
):
    command = [sys.executable, "-c", HOLD, built.root / "data" / "warehouse.duckdb"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
        try:
            assert client.stdout.readline() == b"ready\n"
            run_id = ask(address_of_built, LAUNCH)["launchRun"]["run"]["runId"]

            def events(kind: str) -> list[dict]:
                run = ask(address_of_built, RUN % run_id)["runOrError"]
                return [event for event in run["eventConnection"]["events"] if event["__typename"] == kind]

            first, *_ = eventually(lambda: events("ExecutionStepUpForRetryEvent"), 150)
        finally:
            client.kill()
    assert f"BB301 {built.root / 'data' / 'warehouse.duckdb'}: process {client.pid} " in str(first)
    eventually(lambda: events("RunSuccessEvent"), SECONDS_BETWEEN_TRIES + 90)
    assert not events("ExecutionStepFailureEvent")
