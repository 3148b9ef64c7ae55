# platform-owned: changed by `copier update` only; see platform/README.md
"""What a run failed to build, told apart from what it never came to."""

import dagster as dg

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
