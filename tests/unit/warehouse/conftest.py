"""A real warehouse file, real Dagster runs against it, and other processes that hold it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from building_block.messages import Code, Problem, ProblemError
from building_block.warehouse.client import Warehouse
from building_block.warehouse.io_manager import WarehouseIOManager

KEY = {"name": "t", "key_prefix": ["sales", "raw"]}


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """The warehouse of an empty project, with a folder that does not exist yet."""
    return Warehouse(tmp_path / "data" / "warehouse.duckdb", lock_timeout=20)


@pytest.fixture
def run(warehouse: Warehouse) -> Callable[..., dg.ExecuteInProcessResult]:
    """Materialize assets in this process, with the house's IO manager."""

    def materialize(*assets: dg.AssetsDefinition | dg.AssetSpec, **options: Any) -> dg.ExecuteInProcessResult:
        manager = WarehouseIOManager(path=str(warehouse.path), lock_timeout=options.pop("lock_timeout", 20))
        return dg.materialize(list(assets), resources={"io_manager": manager}, **options)

    return materialize


@pytest.fixture
def rows(warehouse: Warehouse) -> Callable[..., list[tuple]]:
    """Read the warehouse as anyone would, without the code under test."""

    def fetch(query: str = "FROM raw.t ORDER BY ALL") -> list[tuple]:
        with duckdb.connect(warehouse.path, read_only=True) as connection:
            return connection.execute(query).fetchall()

    return fetch


@pytest.fixture
def process() -> Iterator[Callable[..., subprocess.Popen]]:
    """Start Python code in a process of its own; returns once it printed a line, ends it after the test."""
    started: list[subprocess.Popen] = []

    def start(code: str, *arguments: object) -> subprocess.Popen:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout.readline() == "ready\n"
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait()
        one.stdout.close()


def asset_of(data: Any, **definition: Any) -> dg.AssetsDefinition:
    """Return the asset sales/raw/t with ``data``, or with what calling it with the context returns."""

    @dg.asset(**{**KEY, **definition})
    def t(context: dg.AssetExecutionContext) -> Any:
        return data(context) if callable(data) else data

    return t


def problem_of(failure: pytest.ExceptionInfo[BaseException]) -> Problem:
    """Return the one problem that a run was stopped by, which Dagster may carry as a cause."""
    error: BaseException | None = failure.value
    while error is not None and not isinstance(error, ProblemError):
        error = error.__cause__
    assert error is not None, f"no ProblemError behind {failure.value!r}"
    (problem,) = error.problems
    return problem


def assert_fails(code: Code, *texts: str, of: Callable[[], object]) -> None:
    """Assert that a run stops with one problem of ``code`` that says all ``texts``."""
    with pytest.raises(Exception) as failure:
        of()
    problem = problem_of(failure)
    assert problem.code is code
    for text in texts:
        assert text in str(problem)
