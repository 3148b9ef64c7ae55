"""The schema by which an editor completes a contract: what the house reads, of what the standard has."""

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import jsonschema
import pytest
import yaml
from building_block.contracts.column import Masking
from building_block.contracts.rules import FORMATS, METRICS, OPERATORS, OPTIONS

from tests.unit.contracts.conftest import GOOD
from tools.contract_schema import contract_schema
from tools.ownership import ROOT
from tools.reference import pages


def keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema["properties"] if isinstance(schema.get("properties"), dict) else ()
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from keys(inner)


def test_a_good_contract_keeps_it():
    jsonschema.Draft202012Validator.check_schema(contract_schema())
    jsonschema.validate(yaml.safe_load(GOOD), contract_schema())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("classification: public", "classification: secret"),
        ("metric: rowCount", "metric: rows"),
        ("severity: warning", "severity: warn"),
        ("minLength: 2", "minLength: two"),
    ],
)
def test_an_editor_marks_what_the_house_refuses(old: str, new: str):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(GOOD.replace(old, new)), contract_schema())


def test_it_has_the_standards_keys_only_and_every_rule_that_the_house_reads():
    standard = json.loads(resources.files("open_data_contract_standard").joinpath("schema.json").read_text())
    known = set(keys(contract_schema()))
    assert known <= set(keys(standard))
    assert known >= {*OPERATORS, *(option for options in OPTIONS.values() for option in options)}


def test_the_reference_has_every_key_option_metric_format_and_masking():
    page = pages()[ROOT / "docs" / "reference" / "contracts.md"]
    inline = {"value", "to", "items"}  # what an item of a list holds stands at the list's key
    listed = {line.split("|")[1].strip().strip("`") for line in page.splitlines() if line.startswith("| `")}
    assert listed >= {*keys(contract_schema())} - inline | {*METRICS} | {*Masking}
    amounts = page.partition("## What a rule amounts to")[2]
    written = {*(option for options in OPTIONS.values() for option in options)} - {"format"}
    written |= {f"format: {name}" for name in FORMATS} | {f"metric: {name}" for name in METRICS}
    assert [one for one in written if f"`{one}" not in amounts] == []
