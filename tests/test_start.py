"""`poe start`: the graph in the browser, refreshed by itself."""

from collections.abc import Iterator

import pytest

from tools.browser import ask, started

GROUPS = "{ assetNodes { groupName assetKey { path } } }"
LOCATION = "{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } } }"
RELOAD = 'mutation { reloadRepositoryLocation(repositoryLocationName: "sales") { __typename } }'


@pytest.fixture
def address(project) -> Iterator[str]:
    """The address of a started project."""
    with started(project.root) as address:
        yield address


def keys(address: str) -> set[str]:
    return {"/".join(node["assetKey"]["path"]) for node in ask(address, GROUPS)["assetNodes"]}


@pytest.mark.slow
def test_the_location_loads_and_shows_layers_as_groups_and_a_new_source_and_model_after_a_reload(project, address):
    (entry,) = ask(address, LOCATION)["workspaceOrError"]["locationEntries"]
    assert entry == {"name": "sales", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
    groups = {node["groupName"] for node in ask(address, GROUPS)["assetNodes"]}
    assert groups == {"raw", "staging", "intermediate", "marts", "published", "ml", "reporting"}

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
