"""A contract that keeps the standard and the policy, with every kind of rule in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from building_block.check import contracts
from building_block.contracts.contract import contract
from building_block.contracts.load import Agreed
from building_block.contracts.policy import breaches
from building_block.contracts.rules import rules
from building_block.contracts.standard import of_text
from building_block.messages import ProblemError
from building_block.project import Project

GOOD = Path(__file__).with_name("good.odcs.yaml").read_text(encoding="utf-8")
FILE = "contracts/sales.odcs.yaml"


def load(text: str | bytes) -> Agreed:
    """Return the contract in ``text`` as `poe contracts lint` reads it."""
    read = contract(of_text(text.encode() if isinstance(text, str) else text, FILE))
    found = rules(read)
    ProblemError.raise_any(breaches(read, found))
    return Agreed(read, found)


def messages(text: str | bytes) -> list[str]:
    """Return the messages about a contract, each without its file's name before the line."""
    with pytest.raises(ProblemError) as caught:
        load(text)
    return [str(problem).replace(f" {FILE}:", " ") for problem in caught.value.problems]


@pytest.fixture
def linted(tmp_path: Path) -> Callable[..., list[str]]:
    """Return the messages about a project of the given files; an empty list when all is well."""

    def lint(files: dict[str, str]) -> list[str]:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return list(map(str, contracts(Project(tmp_path))))

    return lint


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
