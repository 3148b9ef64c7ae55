"""`poe contracts draft` begins a contract with what dbt and DuckDB know of a model, and leaves the rest to lint."""

import re
import sys

import pytest
import yaml

from tests.conftest import StampedProject

SQL = "dbt/models/published/countries.sql"
YML = "dbt/models/published/countries.yml"
FILE = "contracts/countries.odcs.yaml"
# As DuckDB names them, and dbt compares them: `country` is called as in the landed files.
MODEL = """
select
    country,
    order_date as day,
    cast(count(*) as bigint) as order_lines,
    cast(sum(amount) as decimal(18, 4)) as amount,
    cast(1 as double) as rate,
    [country] as names
from {{ ref('orders_cleaned') }}
group by country, order_date
"""
DESCRIBED = """
version: 2
models:
  - name: countries
    description: One row per country and day.
    data_tests: [{bb_unique_together: {arguments: {columns: [country, day]}}}]
    columns:
      - {name: COUNTRY, description: Name of it., data_tests: [{accepted_values: {arguments: {values: [France]}}}]}
      - {name: order_lines, data_tests: [not_null, unique: {config: {severity: warn}}]}
"""


def draft(project: StampedProject, port: str = "countries"):
    return project.preloaded("contracts", "draft", port)


def table(project: StampedProject) -> dict:
    return yaml.safe_load((project.root / FILE).read_text())["schema"][0]


def lint(project: StampedProject) -> list[str]:
    return project.preloaded("contracts", "lint").stderr.splitlines()


def test_a_draft_has_the_columns_that_the_model_gives_and_lint_asks_for_the_rest(built):
    built.write(SQL, MODEL)
    result = draft(built)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"✓ {FILE} is begun",
        "Complete it: `poe contracts lint` says what is missing. Then write `poe build`.",
    ]
    content = yaml.safe_load((built.root / FILE).read_text())
    assert content["team"] == {"name": "sales"}
    assert table(built) == {
        "name": "countries",
        "properties": [
            {"name": "Country", "logicalType": "string"},
            {"name": "day", "logicalType": "date"},
            {"name": "order_lines", "logicalType": "integer"},
            {"name": "amount", "logicalType": "number", "physicalType": "decimal(18,4)"},
            {"name": "rate", "logicalType": "number", "physicalType": "double"},
            {"name": "names", "logicalType": "array", "physicalType": "varchar[]"},
        ],
    }
    assert built.run(sys.executable, "-m", "yamllint", "--strict", FILE).returncode == 0
    asked = lint(built)
    assert {line[:5] for line in asked} == {"BB612", "BB613", "BB616", "BB617"}
    lines = (built.root / FILE).read_text().splitlines()
    for line in asked:
        number, index = (
            re.match(rf"BB\d+ {FILE}:(\d+) schema\[0\]\.properties\[(\d)\]", line).groups()
            if ("properties[" in line)
            else (None, None)
        )
        if number:
            assert lines[int(number) - 1].strip() == f"- name: {table(built)['properties'][int(index)]['name']}"


def test_a_draft_takes_descriptions_and_keys_from_dbts_yaml_and_names_the_tests_that_it_leaves(built):
    built.write(SQL, MODEL)
    built.write(YML, DESCRIBED)
    result = draft(built)
    assert result.returncode == 0, result.stderr
    assert f"Then remove {YML}, which it replaces, and write `poe build`." in result.stdout
    assert "Tests that it has no rule for yet: accepted_values of COUNTRY, unique of order_lines." in result.stdout
    assert table(built)["description"] == "One row per country and day."
    country, day, lines, *_ = table(built)["properties"]
    key = {"primaryKey": True, "required": True}
    assert country == {
        "name": "Country", "description": "Name of it.", "logicalType": "string", "primaryKeyPosition": 1,
    } | key  # fmt: skip
    assert day == {"name": "day", "logicalType": "date", "primaryKeyPosition": 2} | key
    assert lines == {"name": "order_lines", "logicalType": "integer", "required": True}


def test_which_of_two_keys_is_the_primary_one_is_left_open(built):
    built.write(SQL, MODEL)
    key = "data_tests: [not_null, unique]"
    together = "data_tests: [{bb_unique_together: {arguments: {columns: [rate, amount]}}}]"
    columns = f"columns: [{{name: day, {key}}}, {{name: country, {key}}}]"
    built.write(YML, f"models: [{{name: countries, {together}, {columns}}}]\n")
    result = draft(built)
    assert "Tests that it has no rule for yet: unique of rate and amount." in result.stdout, result.stderr
    country, day, *_ = table(built)["properties"]
    assert country == {"name": "Country", "logicalType": "string", "required": True, "unique": True}
    assert day == {"name": "day", "logicalType": "date", "required": True, "unique": True}
    assert any(line.startswith(f"BB617 {FILE}:") for line in lint(built))


def test_a_model_that_was_never_built_is_drafted_from_the_types_in_its_yaml(project):
    project.write(SQL, MODEL)
    project.write(YML, "models: [{name: countries, columns: [{name: country, data_type: text}]}]\n")
    assert draft(project).returncode == 0
    assert table(project)["properties"] == [{"name": "country", "logicalType": "string"}]
    assert not (project.root / "data/warehouse.duckdb").exists()


@pytest.mark.parametrize(
    ("sql", "port", "message"),
    [
        ("", "orders", "BB607 contracts/orders.odcs.yaml:1: `orders` is under contract already; change this file: .*"),
        ("", "contries", "BB607 dbt/models/published: no model `contries`; write countries"),
        (
            "select nothing from {{ ref('orders_cleaned') }}",
            "countries",
            f"BB505 {SQL}: .*nothing.*; put the SQL right .*",
        ),
        ("select 1 as one from marts.absent", "countries", f"BB303 {SQL}: its columns cannot be told: .*absent.*"),
        ("select 1 from {{ ref('absent') }}", "countries", "BB502 .*absent.*"),
    ],
)
def test_what_cannot_be_drafted_is_told_once_and_nothing_is_written(built, sql, port, message):
    built.write(SQL, sql)
    contracts = {path: path.read_bytes() for path in (built.root / "contracts").iterdir()}
    result = draft(built, port)
    assert result.returncode == 1
    assert re.fullmatch(message, result.stderr.strip()), result.stderr[:2000]
    assert {path: path.read_bytes() for path in (built.root / "contracts").iterdir()} == contracts


def test_what_the_model_reads_must_be_there(project):
    project.write(SQL, MODEL)
    result = draft(project)
    assert result.returncode == 1
    assert result.stderr.startswith(f"BB303 {SQL}: ")


@pytest.mark.parametrize("command", ["check", "build", "contracts lint"])
def test_a_second_description_is_told_once_and_not_as_dbt_says_it(built, command):
    built.write("dbt/models/published/daily_orders.yml", "models: [{name: daily_orders}]\n")
    result = built.preloaded(*command.split())
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line.startswith("BB650 dbt/models/published/daily_orders.yml:1: ")
