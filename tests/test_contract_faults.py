"""A wrong contract is told at its line, by every command that reads it, and nothing is written after it."""

import sys

import pytest
from building_block import generate
from building_block.messages import ProblemError
from building_block.project import Project

from tests.conftest import StampedProject
from tests.test_bad_input import MESSAGE
from tests.unit.contracts.conftest import GOOD

ORDERS = "contracts/orders.odcs.yaml"
LOADED = """
import sys
from building_block.cli import main
try:
    main()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def files(project: StampedProject) -> dict[str, bytes]:
    """Return every file that a person or git would see."""
    paths = (path for path in project.root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(project.root)): path.read_bytes() for path in paths if "data" not in path.parts}


@pytest.mark.parametrize(
    ("path", "old", "new", "beginning"),
    [
        (ORDERS, "tags: [pii]", "tags: [pii", f"BB601 {ORDERS}:34: not YAML"),
        (
            "contracts/late.odcs.yaml",
            None,
            GOOD,
            "BB607 contracts/late.odcs.yaml:13 schema[0].name: the table is called",
        ),
        ("dbt/models/published/late.sql", None, "select 1\n", "BB607 dbt/models/published/late.sql:1: the model is"),
        (
            "contracts/late.odcs.yaml",
            None,
            "orders",
            "BB607 contracts/late.odcs.yaml:12 schema[0].name: `orders` is under",
        ),
        (ORDERS, "decimal(18,4)", "money", f"BB604 {ORDERS}:60 schema[0].properties[7].physicalType: unknown type"),
        (
            ORDERS,
            "amount > 0",
            "amuont > 0",
            f"BB606 {ORDERS}:69 schema[0].quality[0].query: the query names the column",
        ),
        (
            ORDERS,
            "^[A-Z]?[0-9]{6}$",
            "^[A-Z?$",
            f"BB606 {ORDERS}:21 schema[0].properties[0].logicalTypeOptions.pattern:",
        ),
        (
            ORDERS,
            "{property: masking, value: hash}",
            "{property: masking, value: none}",
            f"BB615 {ORDERS}:35 schema[0]",
        ),
        (ORDERS, "        tags: [pii]\n", "", f"BB615 {ORDERS}:34 schema[0].properties[2].customProperties[0]: `cust"),
        (
            ORDERS,
            "classification: confidential",
            "classification: internal",
            f"BB614 {ORDERS}:32 schema[0].properties[2]",
        ),
        (ORDERS, "version: 1.0.0", "version: one", f"BB605 {ORDERS}:5 version: `one` is not a semantic version"),
    ],
)
def test_bad_input_is_told_once_and_nothing_is_generated(project, path, old, new, beginning):
    if old:
        project.replace(path, old, new)
    else:
        project.write(path, (project.root / ORDERS).read_text() if new == "orders" else new)
    project.replace("ingest/invoices.yaml", "Invoice lines", "Lines")  # so that there is something to generate
    before = files(project)
    with pytest.raises(ProblemError) as caught:
        generate.write(Project(project.root))
    [message] = map(str, caught.value.problems)
    assert message.startswith(beginning), message
    assert MESSAGE.fullmatch(message)
    assert files(project) == before


@pytest.mark.parametrize("command", ["contracts lint", "contracts generate", "generate", "build", "start"])
def test_no_command_writes_a_file_or_shows_a_traceback_after_a_wrong_contract(project, command):
    project.replace(ORDERS, "classification: confidential", "classification: secret")
    project.replace("ingest/invoices.yaml", "Invoice lines", "Lines")
    before = files(project)
    result = project.preloaded(*command.split())
    assert result.returncode == 1, result.stdout
    assert result.stderr.splitlines() == [
        f"BB612 {ORDERS}:32 schema[0].properties[2].classification: `secret` is no class of the house; "
        "write `classification:` with one of public, internal, confidential, restricted"
    ]
    assert files(project) == before


def test_linting_twenty_contracts_loads_no_dagster_no_dbt_and_no_data_frames(project):
    for number in range(20):
        name = f"sales_{number}"
        text = GOOD.replace("- name: sales", f"- name: {name}").replace("sales.sold_on", f"{name}.sold_on")
        project.write(f"contracts/{name}.odcs.yaml", text)
        project.write(f"dbt/models/published/{name}.sql", "select 1\n")
    result = project.run(sys.executable, "-c", LOADED, "contracts", "lint")
    assert result.returncode == 0, result.stderr
    loaded = result.stdout.split()
    assert "duckdb" in loaded
    assert not {"dagster", "dagster_dbt", "dbt", "filelock", "numpy", "pandas", "polars", "pyarrow"} & set(loaded)


@pytest.mark.parametrize("command", ["generate", "check files"])
def test_what_needs_no_graph_loads_neither_dagster_nor_dbt(project, command):
    result = project.run(sys.executable, "-c", LOADED, *command.split())
    assert result.returncode == 0, result.stderr
    assert "schedule:" in (project.root / "ingest" / "invoices.yaml").read_text()
    loaded = result.stdout.splitlines()[-1].split()
    assert not {"dagster", "dagster_dbt", "dbt", "pandas", "polars"} & set(loaded)
