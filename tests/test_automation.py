"""What runs by itself: ingest by cron and by landing, what follows by its data; evaluated, and once with the daemon."""

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest
import sqlalchemy
import yaml
from building_block.automation import automation_sensor, when_data_changes, when_sources_change
from building_block.ingest.assets import asset_key, code_version, ingest_asset
from building_block.ingest.landing_sensor import MOST_RUNS_A_LOOK, landing_sensor
from building_block.ingest.spec import load_specs
from building_block.project import Project
from building_block.records import BUILD_TAG, FINGERPRINT, end_abandoned_runs
from building_block.warehouse.io_manager import WarehouseIOManager
from dagster._core.launcher.sync_in_memory_run_launcher import SyncInMemoryRunLauncher
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.scheduler.instigation import InstigatorType
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
from dagster._daemon.sensor import execute_sensor_iteration

from tests.conftest import StampedProject
from tools.ownership import ROOT

MODELS = {
    *("staging/stg_retail__invoices", "intermediate/int_orders__judged", "marts/orders_cleaned"),
    *("marts/orders_rejected", "marts/daily_order_summary"),
}
FORECAST = {"ml/order_forecast_model", "ml/predicted_orders", "reporting/order_report"}
PORTS = {"published/daily_orders", "published/orders"}
"""Published, as the forecast is made, in the run after that of the models."""
DAYS = dg.DailyPartitionsDefinition("2010-12-01", end_date="2010-12-15")
BY_CONDITION = {"dagster/from_automation_condition": "true"}


# The condition --------------------------------------------------------------------------------------------------------


@dataclass
class Graph:
    """Assets in a real, if short-lived, Dagster; each ``tick`` is one evaluation by the sensor."""

    assets: list[dg.AssetsDefinition]
    checks: list[dg.AssetChecksDefinition] = field(default_factory=list)
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)
    cursor: object = None

    @property
    def defs(self) -> dg.Definitions:
        return dg.Definitions(assets=self.assets, asset_checks=self.checks)

    def tick(self, at: datetime | None = None) -> dict[str, object]:
        """Return what would be started: by asset the partitions, or None."""
        result = dg.evaluate_automation_conditions(self.defs, self.instance, evaluation_time=at, cursor=self.cursor)
        self.cursor = result.cursor
        subsets = [each.true_subset for each in result.results if not each.true_subset.is_empty]
        return {
            subset.key.to_user_string(): sorted(subset.expensively_compute_partition_keys())
            if subset.is_partitioned
            else None
            for subset in subsets
        }

    def run(self, *names: str, day: str | None = None) -> bool:
        job = self.defs.resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey(name) for name in names]
        return job.execute_in_process(
            asset_selection=keys, partition_key=day, instance=self.instance, raise_on_error=False
        ).success


def follower(name: str, *deps: str, code: str = "1", daily: bool = False, fails: bool = False) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        deps=list(deps),
        code_version=code,
        partitions_def=DAYS if daily else None,
        automation_condition=when_data_changes(),
    )
    def asset() -> None:
        if fails:
            raise dg.Failure("planted")

    return asset


def models(*broken: str, judged: bool | None = None, **deps: str) -> dg.AssetsDefinition:
    """Models in one step, as dbt's are: what reads a broken one is skipped, and the step fails in the end."""
    keys = {dg.AssetKey(name): dg.AssetKey(dep) for name, dep in deps.items()}
    specs = [
        dg.AssetSpec(
            key,
            deps=[dep],
            kinds={"dbt"},
            code_version="put right" if not broken else "1",
            automation_condition=when_sources_change(*({dep} - keys.keys())),
        )
        for key, dep in keys.items()
    ]
    checks = [] if judged is None else [dg.AssetCheckSpec("right", asset=next(iter(keys)), blocking=True)]

    @dg.multi_asset(name="dbt", specs=specs, check_specs=checks, can_subset=True)
    def step(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        skipped = {dg.AssetKey(name) for name in broken}
        for key, dep in keys.items():
            if dep in skipped:
                skipped.add(key)
            if key in context.selected_asset_keys - skipped:
                yield dg.MaterializeResult(key)
            if checks and key == checks[0].asset_key and checks[0].key in context.selected_asset_check_keys:
                yield dg.AssetCheckResult(asset_key=key, check_name="right", passed=bool(judged))
                skipped |= set() if judged else {key}
        if skipped & context.selected_asset_keys:
            raise dg.Failure("planted")

    return step


def raw(*, fails: bool = False) -> dg.AssetsDefinition:
    @dg.asset(name="raw", partitions_def=DAYS)
    def asset() -> None:
        if fails:
            raise dg.Failure("planted")

    return asset


def checked(*, passes: bool, blocking: bool = True) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset="raw", name="right", blocking=blocking)
    def check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=passes)

    return check


@pytest.fixture
def graph() -> Graph:
    """Two assets after a daily one that has some days, all of it built and seen."""
    graph = Graph([raw(), follower("model", "raw"), follower("mart", "model")])
    graph.run("raw", day="2010-12-01")
    graph.run("raw", day="2010-12-03")
    graph.run("model", "mart")
    assert graph.tick() == {}
    return graph


def test_nothing_starts_before_there_is_any_data(graph):
    fresh = Graph(graph.assets)
    assert fresh.tick() == {}
    assert fresh.tick() == {}


def test_what_was_never_built_starts_once_as_soon_as_what_it_reads_has_data(graph):
    fresh = Graph(graph.assets)
    fresh.tick()
    fresh.run("raw", day="2010-12-06")
    assert fresh.tick() == {"model": None, "mart": None}
    assert fresh.tick() == {}


def test_a_missing_day_does_not_hold_back_what_follows_and_one_update_starts_it_once(graph):
    graph.run("raw", day="2010-12-07")
    assert graph.tick() == {"model": None, "mart": None}
    assert graph.tick() == {}
    graph.run("model", "mart")
    assert graph.tick() == {}


def test_a_replaced_day_starts_what_follows_again(graph):
    graph.run("raw", day="2010-12-01")
    assert graph.tick() == {"model": None, "mart": None}


def test_a_run_by_hand_leaves_nothing_to_start(graph):
    graph.run("raw", day="2010-12-07")
    graph.run("model", "mart")
    assert graph.tick() == {}


def test_a_model_that_is_new_in_a_built_project_starts_by_itself(graph):
    graph.assets.append(follower("newcomer", "model"))
    assert graph.tick() == {"newcomer": None}
    assert graph.tick() == {}


def test_a_changed_code_version_builds_the_model_and_what_reads_it(graph):
    graph.assets[1:] = [follower("model", "raw", code="2"), follower("mart", "model")]
    assert graph.tick() == {"model": None, "mart": None}
    assert graph.tick() == {}


def test_a_failed_run_starts_nothing_and_is_not_repeated(graph):
    graph.assets[0] = raw(fails=True)
    assert not graph.run("raw", day="2010-12-08")
    assert graph.tick() == {}
    assert graph.tick() == {}


def test_a_failed_model_starts_again_only_when_something_changes(graph):
    graph.assets[2] = follower("mart", "model", fails=True)
    graph.run("raw", day="2010-12-07")
    assert graph.tick() == {"model": None, "mart": None}
    assert not graph.run("model", "mart")
    assert graph.tick() == {}
    assert graph.tick() == {}
    graph.run("raw", day="2010-12-08")
    assert graph.tick() == {"model": None, "mart": None}
    assert not graph.run("model", "mart")
    assert graph.tick() == {}
    graph.run("model")
    assert graph.tick() == {"mart": None}


@pytest.fixture
def beside() -> Graph:
    """Two models of which one is broken, and what reads the other: all of it built and seen before it broke."""
    good = {"summary": "raw", "other": "raw", "after_other": "other"}
    graph = Graph(
        [
            raw(),
            models(**good),
            follower("fit", "summary"),
            follower("page", "summary", "fit"),
            follower("odd", "other"),
        ]
    )
    graph.run("raw", day="2010-12-01")
    graph.run("summary", "other", "after_other")
    graph.run("fit", "page", "odd")
    assert graph.tick() == {}
    graph.assets[1] = models("other", **good)
    graph.tick()
    return graph


def test_what_reads_a_model_is_started_after_the_run_of_the_models_though_an_unrelated_one_failed(beside):
    for _ in range(2):
        beside.run("raw", day="2010-12-07")
        assert beside.tick() == {"summary": None, "other": None, "after_other": None}
        assert beside.tick() == {}
        assert not beside.run("summary", "other", "after_other")
        assert beside.tick() == {"fit": None, "page": None}
        assert beside.tick() == {}
        assert beside.run("fit", "page")
        assert beside.tick() == {}


def test_what_reads_a_broken_model_is_started_when_the_model_was_put_right(beside):
    beside.run("raw", day="2010-12-07")
    beside.tick()
    beside.run("summary", "other", "after_other")
    beside.tick()
    beside.run("fit", "page")
    beside.tick()
    beside.assets[1] = models(summary="raw", other="raw", after_other="other")
    started = beside.tick()
    assert {"other", "after_other"} <= started.keys()
    assert not {"odd", "fit", "page"} & started.keys()
    assert beside.run(*started)
    assert "odd" in beside.tick()


def test_what_a_run_of_everything_skipped_is_started_once_though_a_model_beside_it_is_broken(beside):
    assert not beside.run("summary", "other", "after_other", "fit", "page", "odd")
    assert beside.tick() == {"fit": None, "page": None}
    beside.assets[2] = follower("fit", "summary", fails=True)
    assert not beside.run("fit", "page")
    assert beside.tick() == {}
    assert beside.tick() == {}


def test_an_asset_that_fails_after_others_of_its_run_were_updated_is_not_repeated(beside):
    beside.assets[3] = follower("page", "summary", "fit", fails=True)
    beside.run("raw", day="2010-12-07")
    beside.tick()
    beside.run("summary", "other", "after_other")
    assert beside.tick() == {"fit": None, "page": None}
    assert beside.tick() == {}
    assert not beside.run("fit", "page")
    assert beside.tick() == {}
    assert beside.tick() == {}


def test_a_model_that_a_failed_check_kept_out_starts_when_the_check_passes_by_itself():
    deps = {"summary": "raw", "after": "summary"}
    graph = Graph([raw(), models(judged=True, **deps)])
    graph.run("raw", day="2010-12-01")
    graph.run("summary", "after")
    assert graph.tick() == {}
    graph.assets[1] = models(judged=False, **deps)
    graph.run("raw", day="2010-12-02")
    assert graph.tick() == {"summary": None, "after": None}
    assert graph.tick() == {}
    assert not graph.run("summary", "after")
    assert graph.tick() == {}
    check = dg.AssetCheckEvaluation(asset_key=dg.AssetKey("summary"), check_name="right", passed=True)
    graph.instance.report_runless_asset_event(check)
    assert graph.tick() == {"after": None}
    assert graph.tick() == {}


def test_a_source_that_fails_keeps_out_no_model_of_another_source():
    def source(name: str, *, fails: bool = False) -> dg.AssetsDefinition:
        @dg.asset(name=name, automation_condition=dg.AutomationCondition.on_cron("0 6 * * *"))
        def asset() -> None:
            if fails:
                raise dg.Failure("planted")

        return asset

    deps = {"of_stores": "stores", "of_tills": "tills"}
    graph = Graph([source("stores"), source("tills"), models(**deps)])
    graph.run("stores", "tills", "of_stores", "of_tills")
    graph.tick(datetime(2010, 12, 7, 5, 59, tzinfo=UTC))
    graph.assets[0] = source("stores", fails=True)
    assert graph.tick(datetime(2010, 12, 7, 6, 1, tzinfo=UTC)) == {"stores": None, "tills": None}
    assert not graph.run("stores", "tills")
    assert graph.tick(datetime(2010, 12, 7, 6, 2, tzinfo=UTC)) == {"of_tills": None}


def test_an_update_that_ends_right_after_the_run_that_it_came_too_late_for_is_not_forgotten(graph):
    graph.run("raw", day="2010-12-07")
    assert graph.tick() == {"model": None, "mart": None}
    graph.run("model", "mart")
    graph.run("raw", day="2010-12-08")
    assert graph.tick() == {"model": None, "mart": None}
    graph.run("model", "mart")
    assert graph.tick() == {}


def test_a_failed_blocking_check_holds_back_what_follows_until_it_passes(graph):
    graph.checks = [checked(passes=False)]
    assert not graph.run("raw", day="2010-12-07")
    assert graph.tick() == {}
    graph.checks = [checked(passes=True)]
    graph.run("raw", day="2010-12-07")
    assert graph.tick() == {"model": None, "mart": None}


def test_a_check_that_warns_or_was_never_run_holds_nothing_back(graph):
    graph.run("raw", day="2010-12-07")
    graph.checks = [checked(passes=False)]
    assert graph.tick() == {"model": None, "mart": None}
    graph.run("model", "mart")
    graph.checks = [checked(passes=False, blocking=False)]
    graph.run("raw", day="2010-12-08")
    assert graph.tick() == {"model": None, "mart": None}


def test_nothing_starts_while_what_it_reads_is_being_updated(graph):
    seen = []

    @dg.asset(name="raw", partitions_def=DAYS)
    def slow() -> None:
        seen.append(graph.tick())

    graph.run("raw", day="2010-12-06")
    graph.assets[0] = slow
    graph.run("raw", day="2010-12-07")
    assert seen == [{}]
    assert graph.tick() == {"model": None, "mart": None}


def test_a_daily_asset_follows_for_the_days_that_are_there():
    graph = Graph([raw(), follower("daily", "raw", daily=True)])
    graph.tick()
    for day in ("2010-12-02", "2010-12-06"):
        graph.run("raw", day=day)
    assert graph.tick() == {"daily": ["2010-12-02", "2010-12-06"]}
    for day in ("2010-12-02", "2010-12-06"):
        graph.run("daily", day=day)
    graph.run("raw", day="2010-12-02")
    assert graph.tick() == {"daily": ["2010-12-02"]}


@pytest.mark.parametrize("condition", [when_data_changes(), when_sources_change(dg.AssetKey("raw"))])
def test_no_two_parts_of_the_condition_remember_under_one_name(condition):
    def parts(one: dg.AutomationCondition) -> Iterator[dg.AutomationCondition]:
        yield one
        for child in one.children:
            yield from parts(child)

    remembering = {part for part in parts(condition) if part.name == "SINCE"}
    names = {part.get_node_unique_id(parent_unique_id=None, index=None, target_key=None) for part in remembering}
    assert len(names) == len(remembering) == 4


def test_what_another_project_builds_is_not_awaited(graph):
    graph.assets.append(follower("guest", "raw", "another_projects_table"))
    assert graph.tick() == {"guest": None}


def test_the_platforms_sensor_leaves_what_a_units_own_sensor_watches(graph):
    own = dg.AutomationConditionSensorDefinition("own", target=["mart"])
    defs = dg.Definitions(assets=graph.assets, sensors=[own, automation_sensor([own])])
    dg.Definitions.validate_loadable(defs)
    names = [sensor.name for sensor in defs.get_repository_def().sensor_defs]
    assert sorted(names) == ["bb_automation", "own"]


@pytest.mark.parametrize(("dev", "status"), [("1", "STOPPED"), (None, "RUNNING")])
def test_sensors_run_by_themselves_anywhere_but_under_poe_start(monkeypatch, dev, status):
    monkeypatch.delenv("DAGSTER_IS_DEV_CLI", raising=False)
    if dev:
        monkeypatch.setenv("DAGSTER_IS_DEV_CLI", dev)
    assert automation_sensor([]).default_status.value == status


# The landing sensor ---------------------------------------------------------------------------------------------------

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
LINE = "536365,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n"
STORES = {
    "description": "One row per store.",
    "source": {"kind": "file", "format": "csv", "folder": "landing", "pattern": "{}.csv", "when_missing": "skip"},
    "columns": [{"name": "store", "type": "string"}],
}


@dataclass
class Watched:
    """A project whose files land in ``landing``, with Dagster's records and the warehouse in ``data``."""

    root: Path
    instance: dg.DagsterInstance
    cursor: str | None = None

    @property
    def project(self) -> Project:
        return Project(self.root)

    def land(self, name: str, text: str = HEADER + LINE) -> Path:
        file = self.root / "landing" / name
        file.write_text(text)
        return file

    def table(self, name: str) -> None:
        spec = STORES | {"source": STORES["source"] | {"pattern": f"{name}.csv"}}
        (self.root / "ingest" / f"{name}.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))

    def edit(self, old: str, new: str) -> None:
        file = self.root / "ingest" / "invoices.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def look(self) -> tuple[list[dg.RunRequest], str]:
        """Return what one evaluation of the sensor starts, and what it says."""
        sensor = landing_sensor(self.project, load_specs(self.root / "ingest", self.root))
        result = sensor(dg.build_sensor_context(instance=self.instance, cursor=self.cursor))
        self.cursor = result.cursor
        return list(result.run_requests or []), result.skip_reason.skip_message if result.skip_reason else ""

    def started(self) -> list[str]:
        """Look twice, as a file needs, and return what was started."""
        self.look()
        return [request.partition_key or request.asset_selection[0].path[-1] for request in self.look()[0]]

    def run(
        self, request: dg.RunRequest, tags: dict[str, str] | None = None, *others: dg.AssetsDefinition
    ) -> list[str] | None:
        """Return the names of what was materialised, None when the run failed."""
        specs = load_specs(self.root / "ingest", self.root)
        io_manager = WarehouseIOManager(path=str(self.root / "data" / "warehouse.duckdb"))
        assets = [ingest_asset(self.project, spec) for spec in specs]
        defs = dg.Definitions(assets=[*assets, *others], resources={"io_manager": io_manager})
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=request.asset_selection,
            partition_key=request.partition_key,
            instance=self.instance,
            raise_on_error=False,
            tags=tags,
        )
        made = [event.asset_key.path[-1] for event in result.all_events if event.is_step_materialization]
        return made if result.success else None

    def record(self, *requests: dg.RunRequest) -> None:
        """Put on record what the runs of these requests leave there."""
        specs = {asset_key(self.project, spec): spec for spec in load_specs(self.root / "ingest", self.root)}
        for request in requests:
            spec = specs[request.asset_selection[0]]
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    request.asset_selection[0],
                    partition=request.partition_key,
                    metadata={FINGERPRINT: spec.source.fingerprint(self.root, request.partition_key)},
                    tags={"dagster/code_version": code_version(spec)},
                )
            )

    def look_and_run(self) -> list[str]:
        """Look twice, run what was started and return its names, `!` after what failed."""
        self.look()
        requests, _ = self.look()
        names = [request.partition_key or request.asset_selection[0].path[-1] for request in requests]
        made = [self.run(request) for request in requests]
        return [f"{name}!" if found is None else name for name, found in zip(names, made, strict=True)]


@pytest.fixture
def watched(rendered, tmp_path) -> Iterator[Watched]:
    """A project with the table `invoices` of which nothing has landed."""
    for path in ("ingest", "platform/domain.toml"):
        source = rendered("minimal").root / path
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / path)
    for folder in ("landing", "dagster"):
        (tmp_path / folder).mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        watched = Watched(tmp_path, instance)
        watched.edit("${LANDING:-sample/retail}", "landing")
        yield watched


DEFS = """
import dagster as dg
from building_block.ingest.assets import ingest_asset
from building_block.ingest.spec import load_specs
from building_block.ingest.landing_sensor import landing_sensor
from building_block.project import Project
from building_block.warehouse.io_manager import WarehouseIOManager
from pathlib import Path

project = Project(Path(__file__).parent)
specs = load_specs(project.ingest, project.root)
defs = dg.Definitions(
    assets=[ingest_asset(project, spec) for spec in specs],
    sensors=[landing_sensor(project, specs)],
    resources={"io_manager": WarehouseIOManager(path=str(project.root / "data/warehouse.duckdb"), lock_timeout=0.2)},
    executor=dg.in_process_executor,
)
"""


@dataclass
class Launching(Watched):
    """A watched project over which Dagster's own daemon code looks; the runs that it launches run in this process."""

    looks: int = 0

    def tick(self) -> list[str]:
        """Let the daemon look once, and return the days that it put in the queue."""
        before = {run.run_id for run in self.instance.get_runs()}
        self.looks += 1
        with self._workspace() as workspace, freeze_time(datetime.now(tz=UTC) + timedelta(minutes=self.looks)):
            errors = [*execute_sensor_iteration(workspace, logging.getLogger(), None, None)]
        assert not any(errors)
        return [run.tags["dagster/partition"] for run in self.instance.get_runs() if run.run_id not in before]

    def run_what_waits(self) -> list[str]:
        """Run what waits in the queue and return its days, `!` after what failed."""
        done = []
        with self._workspace() as workspace:
            for run in self.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])):
                self.instance.launch_run(run.run_id, workspace.create_request_context())
                failed = self.instance.get_run_by_id(run.run_id).status != dg.DagsterRunStatus.SUCCESS
                done.append(run.tags["dagster/partition"] + "!" * failed)
        return done

    def land_and_run(self) -> list[str]:
        """Look as often as a file needs, run what that started, and look once more."""
        assert self.tick() == []
        self.tick()
        done = self.run_what_waits()
        assert self.tick() == []
        return done

    def try_again(self) -> list[str]:
        """Let the daemon run again what it would, and return the days that it put in the queue."""
        before = {run.run_id for run in self.instance.get_runs()}
        with self._workspace() as workspace:
            errors = [*EventLogConsumerDaemon().run_iteration(workspace)]
        assert not any(errors)
        return [run.tags["dagster/partition"] for run in self.instance.get_runs() if run.run_id not in before]

    def forget(self) -> None:
        """Reset the cursor, as a person may in the browser."""
        (state,) = self.instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        data = state.instigator_data._replace(cursor=None)
        self.instance.update_instigator_state(state.with_data(data))

    def rows(self) -> int:
        with duckdb.connect(self.root / "data" / "warehouse.duckdb", read_only=True) as connection:
            (count,) = connection.execute("select count(*) from raw.invoices").fetchone()
        return count

    @contextmanager
    def _workspace(self) -> Iterator[WorkspaceProcessContext]:
        # Of a new name each time: Dagster imports a file once, and the ingest files may have changed.
        file = self.root / f"defs_{uuid.uuid4().hex}.py"
        file.write_text(DEFS)
        target = LoadableTargetOrigin(executable_path=sys.executable, python_file=str(file), attribute="defs")
        origin = InProcessCodeLocationOrigin(target, location_name="sales")
        with create_test_daemon_workspace_context(InProcessWorkspaceLoadTarget(origin), self.instance) as workspace:
            yield workspace


@pytest.fixture
def launching(watched) -> Iterator[Launching]:
    """The watched project, with a Dagster that launches runs."""
    launcher = {"module": SyncInMemoryRunLauncher.__module__, "class": "SyncInMemoryRunLauncher"}
    settings = yaml.safe_load((ROOT / "template" / "platform" / "dagster.yaml").read_text())
    overrides = {"run_launcher": launcher} | {key: settings[key] for key in ("telemetry", "run_retries")}
    with dg.DagsterInstance.local_temp(str(watched.root / "dagster"), overrides=overrides) as instance:
        yield Launching(watched.root, instance)


@dataclass
class Counted:
    queries: int = 0
    landing_folders: int = 0

    def clear(self) -> None:
        self.queries = self.landing_folders = 0


@pytest.fixture
def counted(monkeypatch) -> Iterator[Counted]:
    """How often a landing folder was listed, and a database asked."""
    counted = Counted()
    scandir = os.scandir

    def listed(folder: object) -> object:
        counted.landing_folders += Path(str(folder)).name == "landing"
        return scandir(folder)

    def asked(*_: object) -> None:
        counted.queries += 1

    monkeypatch.setattr(os, "scandir", listed)
    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", asked)
    yield counted
    sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", asked)


def test_a_file_that_lands_starts_its_partition_and_then_nothing_is_left_to_start(watched):
    watched.land("2010-12-02.csv")
    requests, said = watched.look()
    assert (requests, said) == ([], "raw/invoices: 2010-12-02 landed; each starts when two looks found the same file")
    requests, _ = watched.look()
    assert [(request.partition_key, request.asset_selection) for request in requests] == [
        ("2010-12-02", [dg.AssetKey(["sales", "raw", "invoices"])])
    ]
    assert watched.run(requests[0])
    assert watched.look() == ([], "Nothing new has landed.")
    assert watched.look() == ([], "Nothing new has landed.")


def test_a_file_that_is_replaced_starts_the_same_partition_again(watched):
    watched.land("2010-12-02.csv")
    assert watched.look_and_run() == ["2010-12-02"]
    watched.land("2010-12-02.csv", HEADER + LINE * 2)
    assert watched.look_and_run() == ["2010-12-02"]
    assert watched.look_and_run() == []


def test_a_file_is_left_alone_while_it_grows(watched):
    for lines in range(1, 4):
        watched.land("2010-12-02.csv", HEADER + LINE * lines)
        assert watched.look()[0] == []
    assert len(watched.look()[0]) == 1


def test_a_file_that_fails_is_not_started_again_until_it_is_replaced(watched):
    watched.land("2010-12-02.csv", HEADER + "broken\n")
    assert watched.look_and_run() == ["2010-12-02!"]
    for _ in range(3):
        requests, said = watched.look()
        assert requests == []
        assert said == (
            "raw/invoices: 2010-12-02 started and not done yet; if the run failed, put right what failed, then land "
            "the file again, or materialise it in the browser or by `poe build`"
        )
    watched.land("2010-12-02.csv")
    assert watched.look_and_run() == ["2010-12-02"]


def test_a_file_that_failed_is_started_again_when_its_ingest_file_is_put_right(watched):
    watched.land("2010-12-02.csv", HEADER.strip() + ",Colour\n" + LINE.strip() + ",red\n")
    assert watched.look_and_run() == ["2010-12-02!"]
    watched.edit("undeclared_columns: fail", "undeclared_columns: ignore")
    assert watched.look_and_run() == ["2010-12-02"]


def test_a_file_that_is_put_back_as_it_was_is_read_again(launching):
    file = launching.land("2010-12-02.csv")
    kept = Path(shutil.copy2(file, launching.root / "kept.csv"))
    assert launching.land_and_run() == ["2010-12-02"]
    for _ in range(2):
        launching.land("2010-12-02.csv", HEADER + LINE * 2)
        assert launching.land_and_run() == ["2010-12-02"]
        assert launching.rows() == 2
        shutil.copy2(kept, file)
        assert launching.land_and_run() == ["2010-12-02"]
        assert launching.rows() == 1
    assert launching.land_and_run() == []


def test_a_day_is_read_again_when_its_ingest_file_is_put_back_as_it_was(launching):
    launching.land("2010-12-02.csv")
    assert launching.land_and_run() == ["2010-12-02"]
    for old, new in (("undeclared_columns: fail", "undeclared_columns: ignore"),) * 2:
        launching.edit(old, new)
        assert launching.land_and_run() == ["2010-12-02"]
        launching.edit(new, old)
        assert launching.land_and_run() == ["2010-12-02"]
    assert launching.land_and_run() == []


def test_a_file_that_failed_is_tried_once_more_when_it_is_put_back(launching):
    file = launching.land("2010-12-02.csv", HEADER + "broken\n")
    kept = Path(shutil.copy2(file, launching.root / "kept.csv"))
    assert launching.land_and_run() == ["2010-12-02!"]
    assert launching.land_and_run() == []
    launching.land("2010-12-02.csv")
    assert launching.land_and_run() == ["2010-12-02"]
    shutil.copy2(kept, file)
    assert launching.land_and_run() == ["2010-12-02!"]
    assert launching.land_and_run() == []


def test_dagster_itself_starts_no_second_run_for_what_waits_though_the_cursor_was_reset(launching):
    launching.land("2010-12-02.csv")
    assert launching.tick() == []
    assert launching.tick() == ["2010-12-02"]
    for _ in range(2):
        launching.forget()
        assert launching.tick() == []
        assert launching.tick() == []
    assert launching.run_what_waits() == ["2010-12-02"]
    launching.forget()
    assert launching.land_and_run() == []


def test_a_file_that_vanishes_starts_nothing_takes_nothing_and_is_told(watched):
    for day in ("2010-12-02", "2010-12-03"):
        watched.land(f"{day}.csv")
    assert watched.look_and_run() == ["2010-12-02", "2010-12-03"]
    (watched.root / "landing" / "2010-12-02.csv").unlink()
    for _ in range(3):
        vanished = "raw/invoices: 2010-12-02 vanished from the landing folder; the rows stay"
        assert watched.look() == ([], vanished)


def test_days_outside_of_the_partitions_are_named_and_left(watched):
    watched.land("2999-01-01.csv")
    watched.land("2010-12-02.csv")
    assert watched.look_and_run() == ["2010-12-02"]
    for _ in range(2):
        _, said = watched.look()
        assert said.startswith("raw/invoices: 2999-01-01 left where they are, outside of 2010-12-01 to ")


def test_a_file_that_landed_before_its_day_is_over_is_started_when_it_is(watched):
    watched.land("2010-12-02.csv")
    with freeze_time(datetime(2010, 12, 2, 12, tzinfo=UTC)):
        assert watched.started() == []
    with freeze_time(datetime(2010, 12, 3, 1, tzinfo=UTC)):
        assert watched.started() == ["2010-12-02"]


def test_a_table_without_partitions_and_schedule_is_started_by_its_file_alone(watched):
    watched.table("stores")
    assert watched.started() == []
    file = watched.land("stores.csv", "store\nYork\n")
    assert watched.look_and_run() == ["stores"]
    assert watched.look_and_run() == []
    watched.land("stores.csv", "store\nYork\nBath\n")
    assert watched.look_and_run() == ["stores"]
    file.unlink()
    assert watched.look() == ([], "raw/stores: the file vanished from the landing folder; the rows stay")


def test_a_landing_folder_that_goes_and_comes_back_is_told_and_starts_nothing_anew(watched):
    watched.land("2010-12-02.csv")
    assert watched.look_and_run() == ["2010-12-02"]
    (watched.root / "landing").rename(watched.root / "unmounted")
    requests, said = watched.look()
    assert requests == []
    assert said.startswith("BB201 folder landing: `landing` is not a folder; ")
    (watched.root / "unmounted").rename(watched.root / "landing")
    assert watched.started() == []


def test_a_file_that_cannot_be_read_is_told_and_holds_up_no_other_table(watched):
    watched.table("stores")
    watched.edit("folder: landing", "folder: landing/tills")
    (watched.root / "landing" / "tills").mkdir()
    watched.land("stores.csv", "store\nYork\n")
    loop = watched.root / "landing" / "tills" / "2010-12-02.csv"
    loop.symlink_to(loop)
    _, said = watched.look()
    assert f"BB201 folder landing/tills: `{loop}` cannot be read: Too many levels of symbolic links; " in said
    assert [request.asset_selection[0].path[-1] for request in watched.look()[0]] == ["stores"]


def test_a_thousand_files_are_started_little_by_little_and_cost_one_listing_a_look(watched, counted):
    watched.table("stores")
    watched.land("stores.csv", "store\nYork\n")
    days = dg.DailyPartitionsDefinition("2010-12-01").get_partition_keys()[:1000]
    for day in days:
        watched.land(f"{day}.csv", HEADER)
    watched.look()
    requests, _ = watched.look()
    assert len(requests) == MOST_RUNS_A_LOOK
    assert {request.asset_selection[0].path[-1] for request in requests} == {"invoices", "stores"}
    assert len({request.run_key for request in watched.look()[0]} - {request.run_key for request in requests}) == 10

    key = requests[0].asset_selection
    watched.record(*requests, *(dg.RunRequest(asset_selection=key, partition_key=day) for day in days))
    assert watched.look()[1] == "Nothing new has landed."
    counted.clear()
    assert watched.look()[1] == "Nothing new has landed."
    assert (counted.landing_folders, counted.queries) == (1, 0)

    watched.land(f"{days[500]}.csv", HEADER + LINE)
    counted.clear()
    assert watched.look()[0] == []
    assert (counted.landing_folders, counted.queries) == (1, 4)
    assert [request.partition_key for request in watched.look()[0]] == [days[500]]
    counted.clear()
    assert watched.look()[0] == []
    assert (counted.landing_folders, counted.queries) == (1, 4)


def test_a_hundred_ingest_files_cost_one_listing_a_look_and_no_query_when_nothing_changed(watched, counted):
    names = [f"table_{number:03}" for number in range(100)]
    for name in names:
        watched.table(name)
        watched.land(f"{name}.csv", "store\nYork\n")
    started = []
    watched.look()
    while requests := watched.look()[0]:
        assert len(requests) == MOST_RUNS_A_LOOK
        started += requests
    assert sorted(request.asset_selection[0].path[-1] for request in started) == names
    watched.record(*started)
    counted.clear()
    assert watched.look()[1] == "Nothing new has landed."
    assert (counted.landing_folders, counted.queries) == (1, 7)
    counted.clear()
    assert watched.look()[1] == "Nothing new has landed."
    assert (counted.landing_folders, counted.queries) == (1, 0)


# A project ------------------------------------------------------------------------------------------------------------

TICK = """
import json, sys
import dagster as dg
from dagster_shared.serdes import deserialize_value, serialize_value
from pathlib import Path
from rich.console import Console
from building_block.definitions import defs
from building_block.build import build
from building_block.project import Project

project = Project.here()
project.enter()
definitions, file, started = defs(), Path("cursor"), {}
with dg.DagsterInstance.get() as instance:
    for action in sys.argv[1:]:
        if action == "tick":
            cursor = deserialize_value(file.read_text()) if file.exists() else None
            result = dg.evaluate_automation_conditions(definitions, instance, cursor=cursor)
            file.write_text(serialize_value(result.cursor))
            subsets = [each.true_subset for each in result.results if not each.true_subset.is_empty]
            new = {
                "/".join(subset.key.path[1:]): sorted(subset.expensively_compute_partition_keys())
                if subset.is_partitioned else []
                for subset in subsets
            }
            started = new or started
            print("TICK", json.dumps(new))
        elif action in ("run", "run in vain"):
            whole = [dg.AssetKey([project.domain.slug, *name.split("/")]) for name, days in started.items() if not days]
            job = definitions.resolve_implicit_global_asset_job_def()
            result = job.execute_in_process(asset_selection=whole, instance=instance, raise_on_error=False)
            assert result.success == (action == "run")
        else:
            assert not build(project, [action], Console(file=sys.stderr)).messages
"""


def ticks(project: StampedProject, *actions: str, **environment: str) -> list[dict[str, list[str]]]:
    """Do the actions: `tick` evaluates the conditions, `run` runs what the last one started, others are built by name.

    Days are not run. `run in vain` asserts that the run fails.
    """
    result = project.python(TICK, *actions, **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return [json.loads(line.removeprefix("TICK")) for line in result.stdout.splitlines() if line.startswith("TICK")]


@pytest.mark.slow
def test_over_the_real_calendar_models_follow_though_saturdays_and_christmas_are_missing(project, real_data):
    days = sorted(file.stem for file in real_data.glob("*.csv"))
    assert len(days) == 44
    assert not {"2010-12-04", "2010-12-25"} & {*days}
    daily = """
        import dagster as dg
        from building_block.automation import when_data_changes

        @dg.asset(
            key_prefix=["sales", "ml"],
            group_name="ml",
            partitions_def=dg.DailyPartitionsDefinition("2010-12-01"),
            deps=[["sales", "raw", "invoices"]],
            automation_condition=when_data_changes(),
        )
        def daily() -> None: ...
        """
    project.write("src/sales/defs/daily.py", textwrap.dedent(daily))
    fresh, quiet, landed, twice, after, done = ticks(
        project, "tick", "tick", "raw", "tick", "tick", "run", "tick", "run", "tick", LANDING=str(real_data)
    )
    assert fresh == quiet == {}
    assert landed == {name: [] for name in MODELS} | {"ml/daily": days}
    assert after == {name: [] for name in FORECAST | PORTS}
    assert twice == done == {}
    assert project.query("select count(*) from published.daily_orders") == [(44,)]

    project.write("dbt/models/marts/stores.sql", "select 1 as store from {{ ref('orders_cleaned') }} limit 1\n")
    project.replace(
        "dbt/models/marts/daily_order_summary.sql", "group by order_date", "group by order_date having true"
    )
    own = "version: 2\nmodels:\n- {name: stores, config: {meta: {dagster: {auto_materialize_policy: {type: lazy}}}}}\n"
    project.write("dbt/models/marts/by_hand.sql", "select 1 as store from {{ ref('orders_cleaned') }} limit 1\n")
    project.write("dbt/models/marts/by_hand.yml", own.replace("stores", "by_hand"))
    changed, again, after = ticks(project, "tick", "tick", "run", "tick", LANDING=str(real_data))
    assert changed == {name: [] for name in ("marts/stores", "marts/daily_order_summary")}
    assert again == {}
    assert after == {name: [] for name in FORECAST | {"published/daily_orders"}}


@pytest.mark.slow
def test_a_broken_model_keeps_back_only_what_reads_it_and_starts_when_it_was_put_right(lean):
    broken = "select 1 / 0::varchar as one from {{ ref('orders_cleaned') }} limit 1\n"
    lean.write("dbt/models/marts/broken.sql", broken)
    lean.write("dbt/models/marts/after_broken.sql", "select one from {{ ref('broken') }}\n")
    fresh, landed, after, done = ticks(lean, "tick", "raw", "tick", "run in vain", "tick", "run", "tick")
    ours = {name: [] for name in ("marts/broken", "marts/after_broken")}
    assert (fresh, done) == ({}, {})
    assert landed == {name: [] for name in MODELS} | ours
    assert after == {name: [] for name in PORTS}
    lean.write("dbt/models/marts/broken.sql", broken.replace("0::varchar", "1"))
    assert ticks(lean, "tick", "run", "tick") == [ours, {}]
    assert lean.query("from marts.after_broken") == [(1.0,)]


def test_ingest_by_cron_reads_the_last_day_that_is_over(watched):
    [spec] = load_specs(watched.root / "ingest", watched.root)
    graph = Graph([ingest_asset(watched.project, spec)])
    assert graph.tick(datetime(2010, 12, 7, 5, 59, tzinfo=UTC)) == {}
    assert graph.tick(datetime(2010, 12, 7, 6, 1, tzinfo=UTC)) == {"sales/raw/invoices": ["2010-12-06"]}
    assert graph.tick(datetime(2010, 12, 7, 6, 2, tzinfo=UTC)) == {}


def test_ingest_by_cron_reads_a_day_that_is_new_or_changed_and_no_other(watched):
    watched.land("2010-12-06.csv")
    day = dg.RunRequest(asset_selection=[dg.AssetKey(["sales", "raw", "invoices"])], partition_key="2010-12-06")
    assert watched.run(day, BY_CONDITION) == ["invoices"]
    assert watched.run(day, BY_CONDITION) == []
    assert watched.run(day) == ["invoices"]  # by hand: who asks for it has it read
    watched.land("2010-12-06.csv", HEADER + LINE * 2)
    assert watched.run(day, BY_CONDITION) == ["invoices"]
    watched.edit("undeclared_columns: fail", "undeclared_columns: ignore")
    assert watched.run(day, BY_CONDITION) == ["invoices"]
    assert watched.run(day, BY_CONDITION) == []


def test_what_follows_a_table_that_cron_found_unchanged_is_not_built(watched):
    watched.table("stores")
    watched.land("stores.csv", "store\nYork\n")

    @dg.asset(key_prefix=["sales", "marts"], deps=[["sales", "raw", "stores"]])
    def towns() -> None: ...

    both = dg.RunRequest(asset_selection=[dg.AssetKey(["sales", "raw", "stores"]), towns.key])
    assert watched.run(both, BY_CONDITION, towns) == ["stores", "towns"]
    assert watched.run(both, BY_CONDITION, towns) == []
    watched.land("stores.csv", "store\nYork\nBath\n")
    assert watched.run(both, BY_CONDITION, towns) == ["stores", "towns"]


# Runs whose process is gone -------------------------------------------------------------------------------------------


def test_a_run_whose_process_is_gone_is_ended_and_one_that_lives_is_left(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance, socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "alive"))
        server.listen()

        def under_way(**tags: str) -> str:
            status = dg.DagsterRunStatus.STARTED
            run = dg.DagsterRun(job_name="job", run_id=dg._core.utils.make_new_run_id(), status=status, tags=tags)
            return instance.add_run(run).run_id

        def by(name: str) -> str:
            return under_way(
                **{".dagster/grpc_info": json.dumps({"host": "localhost", "socket": str(tmp_path / name)})}
            )

        runs = {"alive": by("alive"), "gone": by("gone"), "build": under_way(**{BUILD_TAG: "1"}), "other": under_way()}

        def statuses() -> dict[str, str]:
            return {name: instance.get_run_by_id(run).status.value for name, run in runs.items()}

        end_abandoned_runs(instance, building=True, again=True)
        assert statuses() == {"alive": "STARTED", "gone": "FAILURE", "build": "STARTED", "other": "STARTED"}
        end_abandoned_runs(instance, building=False, again=True)
        assert statuses() == {"alive": "STARTED", "gone": "FAILURE", "build": "CANCELED", "other": "STARTED"}


@pytest.mark.parametrize("again", [True, False], ids=["poe start", "poe build"])
def test_a_run_whose_process_is_gone_is_run_again_unless_a_build_does_its_work(launching, again):
    launching.land("2010-12-02.csv")
    assert launching.tick() == launching.try_again() == []
    assert launching.tick() == ["2010-12-02"]
    (run,) = launching.instance.get_runs()
    launching.instance.add_run_tags(run.run_id, {".dagster/grpc_info": json.dumps({"host": "", "socket": "gone"})})
    begun = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, run.job_name)
    launching.instance.report_dagster_event(begun, run.run_id)
    end_abandoned_runs(launching.instance, building=False, again=again)
    assert launching.try_again() == ["2010-12-02"] * again


def test_a_run_that_failed_in_a_build_is_not_run_again_by_the_daemon(launching):
    launching.land("2010-12-02.csv", HEADER + "broken\n")
    assert launching.try_again() == []
    day = dg.RunRequest(asset_selection=[dg.AssetKey(["sales", "raw", "invoices"])], partition_key="2010-12-02")
    assert launching.run(day) is None
    assert launching.try_again() == []


# The daemon -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def daemon(built_whole) -> Iterator[tuple[StampedProject, dg.DagsterInstance]]:
    """A built project whose daemon runs as in production: nobody switched a sensor on."""
    built_whole.replace("ingest/invoices.yaml", "columns:\n", "freshness: 36h\ncolumns:\n")
    home = built_whole.root / "data" / "dagster"
    path = os.pathsep.join(map(str, (built_whole.root / "platform", built_whole.root / "src")))
    binaries = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PYTHONPATH": path, "PATH": binaries, "DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1"}
    with (built_whole.root / "daemon.log").open("w") as log:
        process = subprocess.Popen(
            ["dagster-daemon", "run", "--module-name", "building_block.definitions"],
            cwd=built_whole.root,
            env=os.environ | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield built_whole, instance
    finally:
        with suppress(subprocess.TimeoutExpired, ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_a_file_that_lands_while_the_daemon_runs_reaches_what_is_published_and_the_report(daemon):
    project, instance = daemon
    raw_key, published, report = (
        dg.AssetKey(["sales", *name.split("/")])
        for name in ("raw/invoices", "published/daily_orders", "reporting/order_report")
    )
    before = {key: instance.get_latest_materialization_event(key).timestamp for key in (published, report)}
    folder = project.root / "sample" / "retail"
    day = (folder / "2010-12-14.csv").read_text().replace("2010-12-14", "2010-12-15")
    (folder / "2010-12-15.csv").write_text(day)
    deadline = time.monotonic() + 480
    while any(instance.get_latest_materialization_event(key).timestamp == then for key, then in before.items()):
        assert time.monotonic() < deadline, (project.root / "daemon.log").read_text()[-5000:]
        time.sleep(1)
    assert "2010-12-15" in instance.get_materialized_partitions(raw_key)
    while instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    days = "select count(*) from published.daily_orders where order_date = '2010-12-15'"
    assert project.query(days) == [(1,)]

    def tags(key: dg.AssetKey, day: str | None = None) -> dict[str, str]:
        wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[day] if day else None)
        (made,) = instance.fetch_materializations(wanted, limit=1).records
        return instance.get_run_by_id(made.run_id).tags

    assert tags(raw_key, "2010-12-15")["dagster/sensor_name"] == "bb_landing"
    assert tags(published)["dagster/sensor_name"] == "bb_automation"
    assert BY_CONDITION.keys() <= tags(published).keys()
    states = instance.get_freshness_state_records([raw_key, published])
    assert [states[key].freshness_state.value for key in (raw_key, published)] == ["PASS", "PASS"]
