# platform-owned: changed by `copier update` only; see platform/README.md
"""What a build did, asset by asset, and the table that shows it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from rich.table import Table

from building_block.contracts.retention import NAME as RETENTION_CHECK
from building_block.messages import Code, Problem
from building_block.project import Project
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
