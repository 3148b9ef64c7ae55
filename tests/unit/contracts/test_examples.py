"""The examples of the standard's own repository: each is read, or told why it is no contract of the house.

They are read beside this repository and never committed: ODCS_EXAMPLES names the folder, docs/examples of a clone.
"""

import copy
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.unit.contracts.test_malformed import told

FOLDER = os.environ.get("ODCS_EXAMPLES")


def each_table(text: str) -> Iterator[str]:
    """Yield a contract of its own for each table of an example, since the house has one table a contract."""
    whole = yaml.safe_load(text)
    for table in whole.get("schema", []):
        one = copy.deepcopy(whole)
        yield yaml.safe_dump(one | {"schema": [table]}, sort_keys=False, allow_unicode=True)


@pytest.mark.skipif(FOLDER is None, reason="ODCS_EXAMPLES names no folder of examples")
def test_every_example_of_the_standard_is_read_or_told_in_whole_messages():
    files = sorted(Path(FOLDER).rglob("*.odcs.yaml"))
    assert len(files) >= 15
    for file in files:
        text = file.read_text(encoding="utf-8")
        # None has the house's owner, classes and retention, so each is told something.
        for contract in (text, *each_table(text)):
            assert told(contract), file
