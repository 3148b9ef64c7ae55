# platform-owned: changed by `copier update` only; see platform/README.md
"""``poe build``: runs a plan's steps in this process and tells how each went."""

import contextlib
import io
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from building_block.contracts.retention import NAME as RETENTION_CHECK
from building_block.definitions import load
from building_block.ingest.assets import asset_key
from building_block.ingest.spec import load_specs
from building_block.messages import Code, Problem
from building_block.plan import Plan, Step, chosen_assets
from building_block.project import Project
from building_block.records import BUILD_TAG, Records, end_abandoned_runs
from building_block.warehouse.client import Warehouse, row_counts


@dataclass
class Outcome:
    """What a build did to one asset."""

    partitions: int = 0
    seconds: float = 0.0
    checks_passed: int = 0
    checks_failed: int = 0
    checks_warned: int = 0
    failed: bool = False


@dataclass
class Report:
    """What a build did; the assets stand in the order in which they were built."""

    outcomes: dict[dg.AssetKey, Outcome] = field(default_factory=dict)
    blocked: Mapping[dg.AssetKey, Sequence[dg.AssetKey]] = field(default_factory=dict)
    """Not attempted, each with those upstream that it waits for."""
    messages: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    """What a person may want to know, though nothing is wrong."""

    def add(self, result: dg.ExecuteInProcessResult, unwritten: set[dg.AssetKey]) -> set[dg.AssetKey]:
        """Add what one run did, which failed to write ``unwritten``; return these and those that failed a check."""
        failed = {*unwritten}
        in_step: dict[str, Outcome] = {}
        of_steps: dict[str, list[str]] = {}
        of_checks: dict[str, list[str]] = {}
        for event in result.all_events:
            if event.is_step_materialization:
                outcome = self._of(event.asset_key)
                outcome.partitions += event.partition is not None
                outcome.seconds += _seconds_of_dbt(event)
                self.notices += [f"{_name(event.asset_key)}: {path}" for path in _paths(event)]
                if not _seconds_of_dbt(event):
                    in_step[event.step_key] = outcome
            elif event.is_step_success and event.step_key in in_step:
                in_step[event.step_key].seconds += event.step_success_data.duration_ms / 1000
            elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                evaluation = event.asset_check_evaluation_data
                outcome = self._of(evaluation.asset_key)
                outcome.checks_passed += evaluation.passed
                if evaluation.passed:
                    continue
                if evaluation.check_name == RETENTION_CHECK:  # what time has done is no fault of the build
                    outcome.checks_warned += 1
                    self.notices.append(f"{_name(evaluation.asset_key)}: {evaluation.description}")
                elif evaluation.severity == dg.AssetCheckSeverity.WARN:
                    outcome.checks_warned += 1
                    self.notices.append(f"{_name(evaluation.asset_key)}: check {evaluation.check_name} warns")
                else:
                    outcome.checks_failed += 1
                    failed.add(evaluation.asset_key)
                    of_checks.setdefault(event.step_key, []).append(_check_message(evaluation))
            elif event.is_step_failure and (messages := [*_messages(event)]):
                of_steps[event.step_key] = messages
        # Where the step has something to say it is dbt, and says more of its tests than Dagster's checks do.
        told = (text for texts in (of_checks | of_steps).values() for text in texts)
        self.messages = [*dict.fromkeys([*self.messages, *told])]
        for asset in failed:
            self._of(asset).failed = True
        return failed

    def block(self, waiting: Mapping[dg.AssetKey, Sequence[dg.AssetKey]]) -> None:
        """Note the assets that were not attempted, each with those upstream that failed or have no data."""
        self.blocked = waiting
        for asset in waiting:
            self.outcomes.pop(asset, None)

    def table(self, warehouse: Warehouse) -> Table:
        """Return a table of assets, partitions, rows as they are now, seconds and checks."""
        names = {asset: ".".join(asset.path[-2:]) for asset in self.outcomes}
        rows = row_counts(warehouse, names.values())
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("asset", no_wrap=True)
        for column in ("partitions", "rows", "seconds", "checks"):
            table.add_column(column, justify="right")
        for asset, outcome in self.outcomes.items():
            count = rows.get(names[asset])
            table.add_row(
                _name(asset),
                str(outcome.partitions or ""),
                "" if count is None else f"{count:,}",
                f"{outcome.seconds:.1f}",
                _checks(outcome),
                style="red" if outcome.failed else None,
            )
        for asset, others in self.blocked.items():
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            table.add_row(_name(asset), "", "", "", f"waits for {_name(others[0])}{more}", style="yellow")
        return table

    def _of(self, asset: dg.AssetKey) -> Outcome:
        return self.outcomes.setdefault(asset, Outcome())


def _seconds_of_dbt(event: dg.DagsterEvent) -> float:
    """Return what dbt measured of one model; its models share a step, so the step's time would say nothing of one."""
    duration = event.step_materialization_data.materialization.metadata.get("Execution Duration")
    return float(duration.value) if duration else 0.0


def _paths(event: dg.DagsterEvent) -> list[str]:
    """Return the files that an asset wrote instead of a table, where it says so."""
    values = event.step_materialization_data.materialization.metadata.values()
    return [value.path for value in values if isinstance(value, dg.PathMetadataValue)]


def _checks(outcome: Outcome) -> str:
    if outcome.failed and not outcome.checks_failed:
        return "failed"
    passed = f"{outcome.checks_passed} passed" if outcome.checks_passed else ""
    failed = f"{outcome.checks_failed} failed" if outcome.checks_failed else ""
    warned = f"{outcome.checks_warned} warned" if outcome.checks_warned else ""
    return ", ".join(filter(None, (passed, warned, failed)))


def _check_message(evaluation: dg.AssetCheckEvaluation) -> str:
    said = evaluation.description or "the check did not pass"
    what, write = f"check {evaluation.check_name}: {said}", "put the data or the check right and build again"
    return str(Problem(Code.CHECK_FAILED, _name(evaluation.asset_key), what, write))


def _name(asset: dg.AssetKey) -> str:
    return "/".join(asset.path[-2:])


def _messages(event: dg.DagsterEvent) -> Iterator[str]:
    """Yield what a failed step has to say: our own messages as they are, anything else with the line that raised it."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None and error.cls_name != "ProblemError":
        error = error.cause
    if error is None or error.cls_name == "DagsterAssetCheckFailedError":
        return
    what = error.message.strip().partition(": ")[2] or error.message.strip()
    if error.cls_name == "ProblemError":
        yield from what.splitlines()
        return
    frame = error.stack[-1].strip().splitlines()[0] if error.stack else event.step_key
    where = frame.replace(f'File "{Project.here().root}/', "").replace('File "', "")
    where = where.replace('", line ', ":").partition(",")[0]
    if error.cls_name == "Failure":  # Dagster's way to fail on purpose: its description says what to do
        yield f"{Code.BUILD_FAILED} {where}: {what}"
    else:
        yield str(Problem(Code.BUILD_FAILED, where, f"{error.cls_name}: {what}", "put that line right and build again"))


# What a run failed to build, told apart from what it never came to ----------------------------------------------------

_WRITTEN, _JUDGED = dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION
_ASSET, _CHECK = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED


def failed_and_left(
    result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance
) -> tuple[set[dg.AssetKey], set[dg.AssetKey]]:
    """Return the assets that a run failed to build, and those that it left, since another op failed before theirs.

    Of an op with several assets, such as dbt, all that it did not write are failed. So is an asset whose check, in an
    op of its own, broke instead of judging it. A run never leaves all of its assets.
    """
    if result.success:
        return set(), set()
    events = result.all_events
    begun = {_op(event) for event in events if event.step_key}
    broken = {_op(event) for event in events if event.is_step_failure}
    written = {event.asset_key for event in events if event.event_type == _WRITTEN}
    judged = {event.asset_check_evaluation_data.asset_check_key for event in events if event.event_type == _JUDGED}

    planned = [entry.dagster_event for entry in instance.all_logs(result.run_id, of_type={_ASSET, _CHECK})]
    assets = {event.asset_key: _op(event) for event in planned if event.event_type == _ASSET}
    unwritten = {asset: op for asset, op in assets.items() if asset not in written}
    if not broken:  # it ended before its first op
        return {*unwritten}, set()
    failed = {asset for asset, op in unwritten.items() if op in broken}
    checks = [event for event in planned if event.event_type == _CHECK and _op(event) in broken - {*assets.values()}]
    failed |= {key.asset_key for key in {event.asset_check_planned_data.asset_check_key for event in checks} - judged}
    return failed, {asset for asset, op in unwritten.items() if op not in begun}


def _op(event: dg.DagsterEvent) -> str:
    """Return the op of a step, or the graph that it belongs to."""
    return event.step_key.partition(".")[0]


# The build ------------------------------------------------------------------------------------------------------------

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
