"""`poe start`: the graph in the browser, refreshed by itself."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

GROUPS = "{ assetNodes { groupName assetKey { path } } }"
LOCATION = "{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } } }"
RELOAD = 'mutation { reloadRepositoryLocation(repositoryLocationName: "sales") { __typename } }'


def ask(port: int, query: str) -> dict:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)["data"]


def keys(port: int) -> set[str]:
    return {"/".join(node["assetKey"]["path"]) for node in ask(port, GROUPS)["assetNodes"]}


@pytest.fixture
def started(project):
    """A started project and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = os.pathsep.join(map(str, (project.root / "platform", project.root / "src")))
    binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        ["poe", "start", "--", "--host", "127.0.0.1", "--port", str(port)],
        cwd=project.root,
        env=os.environ | {"PYTHONPATH": path, "PATH": binaries},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 180
        while True:
            try:
                ask(port, LOCATION)
                break
            except OSError:
                assert process.poll() is None, process.stdout.read().decode()
                assert time.monotonic() < deadline, "the webserver did not come up within 180 s"
                time.sleep(0.5)
        yield project, port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


@pytest.mark.slow
def test_the_location_loads_and_shows_layers_as_groups_and_a_new_source_and_model_after_a_reload(started):
    project, port = started
    (entry,) = ask(port, LOCATION)["workspaceOrError"]["locationEntries"]
    assert entry == {"name": "sales", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
    groups = {node["groupName"] for node in ask(port, GROUPS)["assetNodes"]}
    assert groups == {"raw", "staging", "intermediate", "marts", "published"}

    project.write(
        "ingest/stores.yaml",
        "description: One row per store.\n"
        "source: {kind: file, format: csv, folder: sample, pattern: stores.csv, when_missing: fail}\n"
        "columns:\n- {name: store, type: string}\n",
    )
    project.write("dbt/models/marts/stores.sql", "select store from {{ source('raw', 'stores') }}\n")
    ask(port, RELOAD)
    assert {"sales/raw/stores", "sales/marts/stores"} <= keys(port)


def test_a_mistake_is_told_before_anything_starts(project):
    project.replace("ingest/invoices.yaml", "kind: file", "kind: fiel")
    result = project.poe("start")
    assert result.returncode == 1
    assert result.stderr.startswith("BB103 ingest/invoices.yaml:5 source.kind: ")
    assert "Traceback" not in result.stdout + result.stderr
