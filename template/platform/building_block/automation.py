# platform-owned: changed by `copier update` only; see platform/README.md
"""What starts by itself, and when: conditions and the sensor that watches them; and how old a table may become."""

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import dagster as dg

from building_block.ingest.declared import HOW_TO_WRITE, span
from building_block.messages import Code, Problem, ProblemError


@cache
def when_data_changes() -> dg.AutomationCondition:
    """Return the condition of an asset that is to follow what it reads; every dbt model has one like it by default.

    Write it on a Python asset as ``automation_condition=when_data_changes()``. The asset, or those of its partitions
    that it concerns, is started once when

    - something that it reads was updated, or is started in the same moment,
    - it was never built, or
    - its ``code_version`` changed;

    but not before every asset that it reads has data, and not while one of them is being updated, has a blocking check
    that failed or still runs, or the asset itself is being built. It is started in a run after that of the dbt models
    that it reads, and not while one of these failed or was skipped. A failed run is not repeated: the next change
    starts the asset again. Of what this project, or another one of the same Dagster, does not build, no data is
    awaited.
    """
    # All models of a run are one step of dbt. Where one of them fails, Dagster runs nothing that reads any of them.
    models = dg.AssetSelection.kind("dbt")
    stale = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.execution_failed()).allow(models)
    return (_follows(models) & ~stale.with_label("any_model_failed")).with_label("when_data_changes")


@cache
def when_sources_change(*sources: dg.AssetKey) -> dg.AutomationCondition:
    """Return the condition of a dbt model, of whose own deps ``sources`` are those that are no dbt models.

    It is started in the run of the models that it reads, and in one after that of its sources: where one of them fails,
    Dagster does not run the step of dbt at all.
    """
    return _follows(dg.AssetSelection.assets(*sources)).with_label("when_data_changes")


def _follows(apart: dg.AssetSelection) -> dg.AutomationCondition:
    """Return the condition of an asset that follows what it reads, in a later run than those of ``apart``."""
    condition = dg.AutomationCondition
    # Not `eager()`. That one waits for every partition upstream, and a day without trade never comes; it looks at the
    # latest day only, and files land late; what is missing when the sensor starts stays missing; and it forgets an
    # update that ends between the same two looks as the asset's own run: only a bare `newly_updated` knows its time.
    updated = condition.any_deps_match(condition.newly_updated())
    since_last_run = updated.since(condition.newly_requested()) & updated.since(condition.newly_updated())
    # What was updated by the run that failed to build this asset would only fail it again: unless the run never came to
    # the asset, after a check upstream that failed, or what is apart in a run that someone started of all at once.
    elsewhere = condition.any_deps_match(condition.newly_updated() & ~condition.executed_with_root_target())
    skipped_after = updated.allow(apart) | condition.any_deps_match(
        condition.any_checks_match(condition.check_failed(), blocking_only=True)
    )
    another_cause = elsewhere | skipped_after
    # Dagster keeps what a `since` remembers under the names of its two operators alone: no two may have the same pair.
    not_in_vain = ~condition.execution_failed() | another_cause | another_cause.since(condition.newly_requested())
    itself = (condition.missing().newly_true() | condition.code_version_changed()).since(
        condition.newly_requested() | condition.newly_updated()
    )
    together = condition.any_deps_match(condition.will_be_requested())
    has_data = ~condition.missing() | condition.will_be_requested()
    # "Not passed" would wait for ever for a check that nobody ran since it was written.
    doubtful = condition.any_checks_match(condition.check_failed() | condition.in_progress(), blocking_only=True)
    return (
        ((since_last_run & not_in_vain) | itself | together).with_label("changed")
        & condition.all_deps_match(has_data).allow(dg.AssetSelection.all()).with_label("all_deps_have_data")
        & ~together.allow(apart).with_label("any_dep_comes_first")
        & ~condition.any_deps_match(doubtful).with_label("any_dep_is_doubtful")
        & ~condition.any_deps_in_progress()
        & ~condition.in_progress()
    )


def default_status() -> dg.DefaultSensorStatus:
    """Return whether the platform's sensors run without being switched on: anywhere but under ``poe start``.

    There a person looks at the graph and would be surprised by runs that nobody asked for.
    """
    stopped = os.environ.get("DAGSTER_IS_DEV_CLI")
    return dg.DefaultSensorStatus.STOPPED if stopped else dg.DefaultSensorStatus.RUNNING


def automation_sensor(others: Iterable[object]) -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that starts assets by their conditions, all but those that one of ``others`` watches."""
    watched = dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks()
    for other in others:
        # Dagster refuses an asset that two such sensors watch, and a unit may have one of its own.
        if isinstance(other, dg.AutomationConditionSensorDefinition):
            watched -= other.asset_selection
    return dg.AutomationConditionSensorDefinition(
        "bb_automation",
        target=watched,
        default_status=default_status(),
        description="Starts assets by their conditions: ingest by cron, what follows when its data changes.",
    )


# How old a table may become, as an ingest file says it and, below ``config.meta``, a dbt model ------------------------


def policy(longest: timedelta | None) -> dg.FreshnessPolicy | None:
    """Return Dagster's policy: overdue when the last materialisation is longer ago."""
    return longest and dg.FreshnessPolicy.time_window(fail_window=longest)


def of_models(manifest: Mapping[str, Any]) -> dict[str, timedelta]:
    """Return how old the table of each dbt node may become whose meta says so, by the node's id.

    Raises:
        ProblemError: with every value that is not a span.
    """
    found: dict[str, timedelta] = {}
    problems: list[Problem] = []
    for unique_id, node in manifest["nodes"].items():
        # In a package of someone else's the word may mean anything.
        own = node["package_name"] == manifest["metadata"]["project_name"]
        value = node["config"].get("meta", {}).get("freshness") if own else None
        if value is None:
            continue
        try:
            found[unique_id] = span(value)
        except ValueError as error:
            where = f"dbt/{node['original_file_path']}"
            problems.append(Problem(Code.DBT_FRESHNESS, where, str(error), HOW_TO_WRITE, "config.meta.freshness"))
    ProblemError.raise_any(problems)
    return found
