# platform-owned: changed by `copier update` only; see platform/README.md
"""Retention in Dagster: a job that removes what is past it, and a check of each asset that tells what remains."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import dagster as dg

from building_block.automation import default_status
from building_block.contracts.contract import Contract
from building_block.contracts.retention.removal import Findings, Found, look, remove
from building_block.contracts.retention.terms import places, terms, today
from building_block.messages import ProblemError
from building_block.project import Project
from building_block.warehouse.retry import tried_again

NAME = "bb_retention"
"""Of the job, of its schedule and of each check."""
_PUT_RIGHT = "`poe contracts expire` shows them, with --apply it removes them, as the job bb_retention does daily"


def retention(project: Project, contracts: Sequence[Contract], keys: Collection[dg.AssetKey]) -> dg.Definitions:
    """Return the job, its schedule, and a check for each of the assets ``keys`` whose table keeps rows for a time."""
    named = {(place.layer, place.table) for one in contracts for place in places(one)}
    kept = sorted(key for key in keys if (*key.path[1:],) in named)

    @dg.op(name="bb_remove_expired", description="Removes what is past its retention; its metadata says what that was.")
    def removes(context: dg.OpExecutionContext) -> Iterator[dg.AssetCheckEvaluation | dg.Output]:
        wanted, day = terms(project, contracts), today()
        with tried_again(context.run):
            context.log.info("To be removed: %s.", _sentence(look(project, wanted, day).found))
            removed = remove(project, wanted, day)
            context.log.info("Removed: %s.", _sentence(removed.found))
            left = look(project, wanted, day)
            # Of what could not be looked at no check may say that all is well.
            ProblemError.raise_any(dict.fromkeys([*removed.problems, *left.problems]))
        for key in kept:
            yield dg.AssetCheckEvaluation(key, NAME, **_verdict(key, left))
        yield dg.Output(None, metadata={"removed": _table(removed.found)})

    @dg.job(name=NAME, description="Removes the rows that are past the retention of their contract, to the bytes.")
    def job() -> None:
        removes()

    schedule = dg.ScheduleDefinition(
        name=NAME,
        job=job,
        cron_schedule="0 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus[default_status().name],
    )
    checks = [
        _checks(project, contracts, layer, list(group)) for layer, group in groupby(kept, lambda key: key.path[1])
    ]
    return dg.Definitions(jobs=[job], schedules=[schedule], asset_checks=checks)


def _checks(
    project: Project, contracts: Sequence[Contract], layer: str, keys: Sequence[dg.AssetKey]
) -> dg.AssetChecksDefinition:
    """Return the checks of a layer's assets; one op a layer, so that they wait for no later one."""
    what = "No row is past the retention that its contract promises."

    @dg.multi_asset_check(
        name=f"{NAME}_{layer}",
        specs=[dg.AssetCheckSpec(NAME, asset=key, description=what) for key in keys],
        can_subset=True,
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        chosen = sorted(key.asset_key for key in context.selected_asset_check_keys)
        names = {key.path[2] for key in chosen}
        with tried_again(context.run):
            wanted = [term for term in terms(project, contracts, [layer]) if term.table in names]
            found = look(project, wanted, today())
            ProblemError.raise_any(found.problems)
        for key in chosen:
            yield dg.AssetCheckResult(asset_key=key, check_name=NAME, **_verdict(key, found))

    return checks


def _verdict(key: dg.AssetKey, findings: Findings) -> dict[str, Any]:
    found = [one for one in findings.found if (one.term.layer, one.term.table) == (*key.path[1:],)]
    said = f"Past its retention: {_sentence(found)}. {_PUT_RIGHT}." if found else "No row is past its retention."
    return {"passed": not found, "description": said, "metadata": {"found": _table(found)}}


def _sentence(found: Iterable[Found]) -> str:
    return ", ".join(f"{one.rows:,} rows of {one.place}" for one in found) or "no rows"


def _table(found: Iterable[Found]) -> dg.TableMetadataValue:
    rows = [{"place": one.place, "kept for": one.term.what, "rows": one.rows, "bytes": one.bytes} for one in found]
    kinds = {"place": "string", "kept for": "string", "rows": "int", "bytes": "int"}
    columns = [dg.TableColumn(name, kind) for name, kind in kinds.items()]
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows], dg.TableSchema(columns=columns))
