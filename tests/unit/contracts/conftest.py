"""A contract of one table, written by the test."""

from typing import Any

import pytest
import yaml
from building_block.contracts.contract import contract
from building_block.contracts.load import Agreed
from building_block.contracts.rules import rules
from building_block.contracts.standard import of_text


def agree(*columns: dict[str, Any], quality: list[dict[str, Any]] | None = None) -> Agreed:
    """Return the contract of the table ``t`` with these columns, each as the standard writes it."""
    content = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": "t",
        "version": "1.0.0",
        "status": "active",
        "schema": [{"name": "t", "properties": list(columns)} | ({"quality": quality} if quality else {})],
    }
    read = contract(of_text(yaml.safe_dump(content, sort_keys=False).encode(), "t.odcs.yaml"))
    return Agreed(read, rules(read))


@pytest.fixture
def connection():
    import duckdb

    with duckdb.connect() as opened:
        yield opened
