# platform-owned: changed by `copier update` only; see platform/README.md
"""Runs a plan's steps in this process and tells how each went."""

import contextlib
import io
import os
import uuid
from collections.abc import Sequence

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from building_block.contracts.retention import NAME as RETENTION_CHECK
from building_block.ingest.assets import asset_key
from building_block.ingest.spec import load_specs
from building_block.loading import load
from building_block.materialize.abandoned import BUILD_TAG, end_abandoned_runs
from building_block.materialize.attempt import failed_and_left
from building_block.materialize.plan import Plan, Step
from building_block.materialize.report import Report
from building_block.materialize.selection import chosen_assets
from building_block.project import Project
from building_block.records import Records
from building_block.warehouse.client import Warehouse

_FIRST, _LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_COLUMNS = (TextColumn("{task.description:<40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def build(project: Project, selection: Sequence[str], console: Console) -> Report:
    """Materialise what is missing or out of date, or just what ``selection`` names, with a progress bar on ``console``.

    A day whose file is broken costs that day: the other days are built, and nothing downstream of the table is. Call it
    for one process at a time.

    Raises:
        ProblemError: the project cannot be loaded, or a word of the selection names nothing.
    """
    defs = load(project)
    graph = defs.resolve_asset_graph()
    specs = [spec for spec in defs.resolve_all_asset_specs() if spec.key in graph.executable_asset_keys]
    ingest = {asset_key(project, spec): spec for spec in load_specs(project.ingest, project.root)}
    report = Report()
    with (
        dg.DagsterInstance.get() as instance,
        Progress(*_COLUMNS, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        if project.keeps_records:
            # A build of everything does their work itself.
            end_abandoned_runs(instance, building=False, again=bool(selection))
        records = Records(instance, Warehouse(project.warehouse))
        # What is past its retention is not rebuilt away.
        checks = [check for check in graph.asset_check_keys if check.name != RETENTION_CHECK]
        failing = records.failing(sorted(checks, key=str))
        plan = Plan(project.root, specs, ingest, records, failing, chosen_assets(defs, selection))
        runner = _Runner(defs.resolve_implicit_global_asset_job_def(), instance, progress)
        for step in plan.steps():
            result = runner.run(step)
            unwritten, left = failed_and_left(result, instance)
            if result.success or len(step.partitions) < 2:
                failed = report.add(result, unwritten)
            else:
                # Day by day, so that one broken file keeps no other day out.
                days = (runner.run(Step(step.assets, (day,))) for day in step.partitions)
                failed = set().union(*(report.add(day, failed_and_left(day, instance)[0]) for day in days))
            plan.done(step, failed, left)
    report.block(plan.blocked)
    report.messages += map(str, plan.problems)
    report.notices += plan.notices
    return report


class _Runner:
    """Runs steps one after another and moves the progress bar."""

    def __init__(self, job: dg.JobDefinition, instance: dg.DagsterInstance, progress: Progress) -> None:
        self._job = job
        self._instance = instance
        self._progress = progress
        self._bar = progress.add_task("loaded", total=0)

    def run(self, step: Step) -> dg.ExecuteInProcessResult:
        run_id = str(uuid.uuid4())
        self._progress.update(self._bar, total=self._total + (len(step.partitions) or len(step.assets)))
        self._instance.add_event_listener(run_id, self._advance)
        one = len(step.partitions) == 1
        tags = {BUILD_TAG: str(os.getpid())}
        if len(step.partitions) > 1:
            tags |= {_FIRST: step.partitions[0], _LAST: step.partitions[-1]}
        # dbt's own lines would break the bar; Dagster keeps them with the run.
        with contextlib.redirect_stdout(io.StringIO()):
            return self._job.execute_in_process(
                asset_selection=list(step.assets),
                instance=self._instance,
                run_id=run_id,
                run_config=_QUIET,
                raise_on_error=False,
                partition_key=step.partitions[0] if one else None,
                tags=tags,
            )

    @property
    def _total(self) -> float:
        return self._progress.tasks[self._bar].total or 0

    def _advance(self, entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is not None and event.is_step_materialization:
            name = "/".join(filter(None, (*event.asset_key.path[-2:], event.partition)))
            self._progress.update(self._bar, advance=1, description=name)
