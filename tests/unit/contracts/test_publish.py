"""What a candidate holds is published as the contract says, or told without a value of it."""

import hmac
import json
from pathlib import Path

import duckdb
import pytest
from building_block.contracts.load import Agreed, agreed
from building_block.contracts.publish import KEY_VARIABLE, publish
from building_block.messages import ProblemError
from building_block.project import Project

FILE = "contracts/people.odcs.yaml"
CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: people
version: 1.0.0
status: active
schema:
  - name: people
    properties:
      - {name: id, logicalType: integer, primaryKey: true, required: true}
      - name: email
        logicalType: string
        classification: confidential
        tags: [pii]
        customProperties: [{property: masking, value: hash}]
"""
ROWS = "SELECT 1::BIGINT AS id, 'ada@example.com' AS email"


def candidate(root: Path, sql: str = ROWS) -> tuple[Project, Agreed]:
    """Return a project whose model `people` gives what ``sql`` selects, and its contract."""
    (root / FILE).parent.mkdir(parents=True)
    (root / FILE).write_text(CONTRACT, encoding="utf-8")
    project = Project(root)
    project.warehouse.parent.mkdir()
    with duckdb.connect(project.warehouse) as connection:
        connection.execute("CREATE SCHEMA candidate; CREATE SCHEMA published")
        connection.execute(f"CREATE VIEW candidate.people AS {sql}")
    return project, agreed(root / FILE, FILE)


def warehouse(project: Project, sql: str) -> list[tuple]:
    with duckdb.connect(project.warehouse) as connection:
        return connection.execute(sql).fetchall()


def test_a_value_that_does_not_fit_is_not_told(tmp_path):
    project, port = candidate(tmp_path, f"SELECT CAST(email AS BIGINT) AS id, email FROM ({ROWS})")
    with pytest.raises(ProblemError) as caught:
        publish(project, port)
    [problem] = caught.value.problems
    assert str(problem).startswith(
        "BB618 dbt/models/published/people.sql: the model's SQL fails over the data it reads"
    )
    assert "ada@" not in str(problem)
    assert caught.value.__suppress_context__  # or Dagster would record what DuckDB said


@pytest.mark.parametrize("said", ["", "short"])
def test_a_laptops_key_that_is_none_hashes_nothing(tmp_path, monkeypatch, said):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    project, port = candidate(tmp_path)
    (project.data / "masking.key").write_text(said)
    with pytest.raises(ProblemError, match=rf"BB610 data/masking.key: the key has {len(said)} characters"):
        publish(project, port)
    assert not list(project.published.rglob("*.parquet"))


def test_a_laptops_key_is_made_once_and_hashes(tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    project, port = candidate(tmp_path)
    publish(project, port)
    key = (project.data / "masking.key").read_bytes()
    assert warehouse(project, "FROM published.people") == [(1, hmac.digest(key, b"ada@example.com", "sha256").hex())]
    publish(project, port)
    assert (project.data / "masking.key").read_bytes() == key


def test_a_folder_above_that_is_named_as_a_partition_gives_the_port_no_column(tmp_path):
    project, port = candidate(tmp_path / "day=2010-12-01")
    publish(project, port)
    assert [name for name, *_ in warehouse(project, "DESCRIBE published.people")] == ["id", "email"]


def test_a_table_takes_the_place_of_the_view_that_a_port_was_before(tmp_path):
    project, port = candidate(tmp_path)
    warehouse(project, "CREATE VIEW published.people AS SELECT 7 AS old")
    for _ in range(2):
        publish(project, port)
        assert warehouse(project, "SELECT id FROM published.people") == [(1,)]
    assert json.loads((project.published / "people/v1/current.json").read_text())["rows"] == 1
