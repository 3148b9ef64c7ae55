# platform-owned: changed by `copier update` only; see platform/README.md
"""Fixtures for a domain's own tests, found by pytest by themselves."""

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from building_block.project import DATA_VARIABLE, Project
from building_block.warehouse.client import Warehouse


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse after a build of the whole project in a folder of its own, read-only."""
    from rich.console import Console

    from building_block.build import build

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_VARIABLE, str(tmp_path_factory.mktemp("data")))
        project = Project.here()
        project.enter()
        report = build(project, [], Console(file=Path(os.devnull).open("w")))  # noqa: SIM115
        if report.messages:
            pytest.fail("\n".join(report.messages), pytrace=False)
        with Warehouse(project.warehouse).reading() as connection:
            yield connection
