# platform-owned: changed by `copier update` only; see platform/README.md
"""What the graph of a project holds, as JSON: ``python inventory.py <file>`` in a process of its own.

``impact`` runs this file on a project's own packages, which may be those of any release: of ``building_block`` it needs
what every release has, and nothing that is newer.
"""

import hashlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dagster as dg

_HIDDEN = "__"  # what Dagster calls the jobs that it makes itself begins so


def _loaded() -> dg.Definitions:
    from building_block.project import Project

    if find_spec("building_block.loading"):  # in 0.1.0; not tried by importing, which fails for a missing library, too
        from building_block.loading import load
    else:
        from building_block.definitions import load
    project = Project.here()
    project.enter()
    return load(project)


def inventory(definitions: dg.Definitions) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what people know a graph by, by kind and name; each value is a text, a list of texts or a truth."""
    graph = definitions.resolve_asset_graph()
    repository = definitions.get_repository_def()
    return {
        "asset": {key.to_user_string(): _asset(graph.get(key)) for key in sorted(graph.get_all_asset_keys())},
        "asset check": {
            f"{key.asset_key.to_user_string()}: {key.name}": {"blocks what follows": graph.get(key).blocking}
            for key in sorted(graph.asset_check_keys, key=str)
        },
        "job": {
            job.name: {"assets": _names(job.asset_layer.executable_asset_keys)}
            for job in repository.get_all_jobs()
            if not job.name.startswith(_HIDDEN)
        },
        "schedule": {
            schedule.name: {
                "cron": str(schedule.cron_schedule),
                "time zone": schedule.execution_timezone or "UTC",
                "job": schedule.job_name,
                "runs unless switched off": schedule.default_status.value == "RUNNING",
            }
            for schedule in repository.schedule_defs
        },
        "sensor": {
            sensor.name: {
                "kind": sensor.sensor_type.value.lower(),
                "runs unless switched off": sensor.default_status.value == "RUNNING",
            }
            for sensor in repository.sensor_defs
        },
    }


def _asset(node: Any) -> dict[str, Any]:
    condition = node.automation_condition
    return {
        "built here": node.is_executable,
        "group": node.group_name,
        "reads": _names(node.parent_keys),
        "kinds": sorted(node.kinds),
        "partitions": str(node.partitions_def or "none"),
        "starts": _name(condition) if condition else "by hand",
        # Two releases may mean two things by one name.
        "rules of its start": hashlib.sha256(repr(condition).encode()).hexdigest(),
        "may be as old as": _freshness(node.freshness_policy),
        "owners": sorted(node.owners),
        "code version": node.code_version or "none",
    }


def _names(keys: Any) -> list[str]:
    return sorted(key.to_user_string() for key in keys)


def _name(condition: Any) -> str:
    return condition.get_label() or condition.name or type(condition).__name__


def _freshness(policy: Any) -> str:
    if window := getattr(policy, "fail_window", None):
        return str(window.to_timedelta())
    return repr(policy) if policy else "any"


def main(file: Path) -> None:
    """Write the inventory of the project whose packages this process has, or what keeps it from loading."""
    try:
        found = inventory(_loaded())
    except Exception as error:
        problems = getattr(error, "problems", None)
        found = {"problems": [*map(str, problems)] if problems else [f"{type(error).__name__}: {error}"]}
    file.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
