"""Whether a central Dagster shows the fleet as it is meant, asked of itself: no domain's code is imported here.

Dagster shows two mistakes without a word. A location that runs in another domain's environment shows that domain's
assets once more, and equal keys become one node. And a dependency on a key that nobody has becomes a node of its own.
"""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException

from building_block.messages import Problem, ProblemError, nearest, one_line

from fleet.messages import FleetCode
from fleet.registry import DOMAINS, Fleet

_QUERY = """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
    ... on PythonError { message errorChain { error { message } } }
    ... on RepositoryLocation { repositories { assetNodes {
        assetKey { path } isExecutable isAutoCreatedStub dependencyKeys { path }
    } } }
} } } } }"""
_SECONDS = 60


@dataclass(frozen=True)
class Shown:
    """One code location as the central Dagster has it."""

    error: str
    """Why it could not be loaded; empty when it was."""
    reads: Mapping[str, frozenset[str]]
    """What each asset that it builds depends on."""
    declared: frozenset[str]
    """The assets that it names on purpose, built by it or not."""

    @property
    def published(self) -> set[str]:
        """What it builds for other domains."""
        return {key for key in self.reads if key.split("/")[1:2] == ["published"]}


def ask(address: str) -> dict[str, Shown]:
    """Return the code locations, by name, of the Dagster whose webserver has this address.

    Raises:
        ProblemError: it does not answer, or not as Dagster does.
    """
    try:
        body = json.dumps({"query": _QUERY}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{address.rstrip('/')}/graphql", body, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            entries = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
        return {entry["name"]: _shown(entry["locationOrLoadError"]) for entry in entries}
    except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
        what = f"no Dagster answers there: {one_line(f'{type(error).__name__}: {error}')}"
        write = "write where its webserver listens, for example http://127.0.0.1:3000"
        raise ProblemError(Problem(FleetCode.CENTRAL, address, what, write)) from None


def _shown(location: dict | None) -> Shown:
    if location is None:
        return Shown("it is still being loaded", {}, frozenset())
    if "repositories" not in location:
        innermost = [link["error"]["message"] for link in location["errorChain"]][-1:]
        return Shown(one_line("".join(innermost) or location["message"]), {}, frozenset())
    nodes = [node for repository in location["repositories"] for node in repository["assetNodes"]]
    return Shown(
        "",
        {
            _key(node["assetKey"]): frozenset(map(_key, node["dependencyKeys"]))
            for node in nodes
            if node["isExecutable"]
        },
        frozenset(_key(node["assetKey"]) for node in nodes if not node["isAutoCreatedStub"]),
    )


def _key(asset: dict) -> str:
    return "/".join(asset["path"])


def faults(fleet: Fleet, shown: Mapping[str, Shown]) -> list[Problem]:
    """Return what is wrong with the locations of a fleet, and with what they read of one another."""
    slugs = {domain.name.replace("-", "_"): domain.name for domain in fleet.domains}
    problems = [*_not_loaded(fleet, shown)]
    for name, location in shown.items():
        problems += _of_others(name, location, slugs)
        problems += _unpublished(name, location, shown, slugs)
    return problems


def _not_loaded(fleet: Fleet, shown: Mapping[str, Shown]) -> Iterator[Problem]:
    for domain in fleet.domains:
        if domain.skip or not domain.location:
            continue
        if domain.name not in shown:
            what, write = (
                "the central Dagster does not have it",
                "write `fleet workspace` and let the webserver reload it",
            )
        elif error := shown[domain.name].error:
            what, write = f"it does not load: {error}", f"put that right, or ask {domain.contact}"
        else:
            continue
        yield Problem(FleetCode.LOCATION_FAILED, DOMAINS, what, write, f"{domain.name}.location")


def _of_others(name: str, location: Shown, slugs: Mapping[str, str]) -> Iterator[Problem]:
    builds = {slugs.get(key.split("/")[0], name) for key in location.reads}
    for other in sorted(builds - {name}):
        what = f"it has the assets of {other}, and each is shown once, as whichever of them was loaded last"
        write = f"write the folder, the python or the server of {name}'s own project"
        yield Problem(FleetCode.LOCATION_FOREIGN, DOMAINS, what, write, f"{name}.location")


def _unpublished(name: str, location: Shown, shown: Mapping[str, Shown], slugs: Mapping[str, str]) -> Iterator[Problem]:
    declared = {key for one in shown.values() for key in one.declared}
    for key, reads in sorted(location.reads.items()):
        for read in sorted(reads):
            slug = read.split("/")[0]
            other = slugs.get(slug)
            if slug == key.split("/")[0] or (other is None and read in declared):
                continue
            if other is None:
                what, write = "which nobody declares", "write <domain>/published/<port>"
            elif other not in shown or shown[other].error or read in shown[other].published:
                continue  # of a domain that is not there nobody can say what it publishes
            else:
                what = f"which {other} does not publish"
                write = f"write {nearest(read, shown[other].published)}" if shown[other].published else f"ask {other}"
            yield Problem(FleetCode.UNPUBLISHED, name, f"depends on `{read}`, {what}", write, key)
