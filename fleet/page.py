"""The page of the fleet for who wants to know and not to do: one HTML file that loads nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from building_block.messages import ProblemError

from fleet.forges import Forge
from fleet.log import Log
from fleet.registry import Fleet
from fleet.releases import Releases
from fleet.standing import version_of
from fleet.status import Row


@dataclass(frozen=True)
class Adoption:
    """How one domain came to a release by a pull request of the fleet."""

    domain: str
    version: str
    proposed: datetime
    merged: datetime | None


def histories(fleet: Fleet, forge: Forge) -> list[Adoption]:
    """Return what the forge remembers of every proposal."""
    found = []
    for domain in fleet.domains:
        try:
            for one in forge.pull_requests(domain.repository, domain.branch):
                merged = one.ended if one.state == "merged" else None
                found.append(Adoption(domain.name, version_of(one), one.created, merged))
        except ProblemError:  # told in the domain's row
            continue
    return found


def page(rows: Sequence[Row], releases: Releases, log: Log, adoptions: Sequence[Adoption]) -> str:
    """Return the page."""
    return f"<!doctype html><title>Fleet</title>{len(rows)}"
