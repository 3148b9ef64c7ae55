# platform-owned: changed by `copier update` only; see platform/README.md
"""How old a table may become, as an ingest file says it and, below ``config.meta``, a dbt model."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg

from building_block.messages import Code, Problem, ProblemError

HOW_TO_WRITE = "write hours as `36h` or days as `2d`"


def span(value: Any) -> timedelta:
    """Return the span that is written as `36h` or `2d`.

    Raises:
        ValueError: it is written in another way; the error says so in a sentence of the house.
    """
    text = str(value)
    if text[:-1].isascii() and text[:-1].isdigit() and len(text) <= 6 and int(text[:-1]) and text[-1] in "hd":
        return timedelta(**{{"h": "hours", "d": "days"}[text[-1]]: int(text[:-1])})
    raise ValueError(f"`{value}` is not a span of hours or days")


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
