"""A run that Dagster launched waits for who holds the warehouse; one in a person's own process says who it is."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import dagster as dg
import pyarrow as pa
import pytest
from building_block.messages import Code, Problem, ProblemError
from building_block.warehouse import client
from building_block.warehouse.client import Warehouse
from building_block.warehouse.io_manager import WarehouseIOManager
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from .conftest import asset_of

DATA = pa.table({"a": [1, 2]})
HOLD = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
print("ready", flush=True)
time.sleep(float(sys.argv[2]))
"""
Launch = Callable[..., Counter[str]]


@pytest.fixture
def launch(warehouse: Warehouse) -> Launch:
    """Run assets as in a run that Dagster launched, and count its events."""

    def launched(*assets: dg.AssetsDefinition | dg.AssetSpec) -> Counter[str]:
        manager = WarehouseIOManager(path=str(warehouse.path), lock_timeout=0.1)
        defs = dg.Definitions(list(assets), resources={"io_manager": manager}, executor=dg.in_process_executor)
        job = defs.resolve_implicit_global_asset_job_def()
        location = InProcessCodeLocationOrigin(LoadableTargetOrigin(executable_path=sys.executable))
        with dg.DagsterInstance.ephemeral() as instance:
            origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job.name)
            run = instance.create_run_for_job(job, remote_job_origin=origin)
            events = execute_run(InMemoryJob(job), run, instance).all_events
        return Counter(event.event_type_value for event in events)

    return launched


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "SECONDS_BETWEEN_TRIES", 0.1)
    monkeypatch.setattr(client, "MOST_RETRIES", 3)


def test_what_is_written_while_another_process_holds_the_warehouse_is_written_later(
    launch: Launch, warehouse: Warehouse, process: Callable[..., subprocess.Popen], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "MOST_RETRIES", 1000)
    warehouse.path.parent.mkdir()
    process(HOLD, warehouse.path, 3)
    events = launch(asset_of(DATA))
    assert events["STEP_UP_FOR_RETRY"] > 1
    assert (events["STEP_FAILURE"], events["ASSET_MATERIALIZATION"]) == (0, 1)
    with warehouse.reading() as connection:
        assert connection.execute("from raw.t").fetchall() == [(1,), (2,)]


def test_what_is_read_while_another_process_holds_the_warehouse_is_read_later_and_not_for_ever(
    launch: Launch, warehouse: Warehouse, process: Callable[..., subprocess.Popen]
) -> None:
    @dg.asset(key_prefix=["sales", "marts"], ins={"t": dg.AssetIn(key=["sales", "raw", "t"])})
    def u(t: pa.Table) -> pa.Table:
        return t

    launch(asset_of(DATA))
    process(HOLD, warehouse.path, 60)
    events = launch(dg.AssetSpec(["sales", "raw", "t"]), u)
    assert (events["STEP_UP_FOR_RETRY"], events["STEP_FAILURE"]) == (3, 1)


def test_another_error_is_not_tried_again(launch: Launch) -> None:
    def wrong(_: object) -> pa.Table:
        raise ProblemError(Problem(Code.LANDING_ROW, "invoices.csv:3", "the row has 4 values", "give it 3"))

    events = launch(asset_of(wrong))
    assert (events["STEP_UP_FOR_RETRY"], events["STEP_FAILURE"]) == (0, 1)
