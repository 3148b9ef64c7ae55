# platform-owned: changed by `copier update` only; see platform/README.md
"""Everything that a domain's code location holds; ``dg.toml`` points here, so a unit has no wiring to keep."""

import gc
import os
import textwrap
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import dagster as dg

from building_block.automation import automation_sensor
from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project
from building_block.warehouse.io_manager import WarehouseIOManager


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Make in the block what lives as long as the process, without the garbage collector walking it again and again.

    Of a location with 1000 ingest files and 1000 models the collector took a third of all CPU seconds: while it was
    made, and once more when the process ended.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if enabled:
            gc.enable()


@dg.definitions
@collector_at_rest()
def defs() -> dg.Definitions:
    """Return ingest, dbt and the domain's own definitions with the warehouse as their IO manager.

    Raises:
        ProblemError: a file of the domain is wrong; nothing is loaded.
    """
    # Here and not above: with the collector at rest dagster-dbt is imported a quarter of a second faster.
    from building_block import generate
    from building_block.components import DbtModels, IngestFolder, PublishedPorts
    from building_block.contracts.assets import retention
    from building_block.contracts.load import ports

    project = Project.here()
    project.enter()
    if os.environ.get("DAGSTER_IS_DEV_CLI"):
        # `dg dev` loads anew when someone asks for it: a source that was added meanwhile is there, too.
        generate.write(project, below="dbt/")
    merged = dg.Definitions.merge(
        dg.build_defs_for_component(IngestFolder()),
        dg.build_defs_for_component(DbtModels()),
        dg.build_defs_for_component(PublishedPorts()),
        dg.load_from_defs_folder(path_within_project=project.root),
        dg.Definitions(resources={"io_manager": WarehouseIOManager(path=str(project.warehouse))}),
    )
    keys = merged.resolve_asset_graph().executable_asset_keys
    ProblemError.raise_any(_misnamed(keys, project))
    contracts = [port.contract for port in ports(project).values()]
    sensors = dg.Definitions(sensors=[automation_sensor(merged.sensors or ())])
    return dg.Definitions.merge(merged, retention(project, contracts, keys), sensors)


def _misnamed(keys: Iterable[dg.AssetKey], project: Project) -> list[Problem]:
    """Return a problem for each asset whose key is not domain, layer, name."""
    slug = project.domain.slug
    return [
        Problem(
            Code.ASSET_KEY,
            f"src/{slug}/defs",
            f"the asset key {key.to_user_string()} is not {slug}/<layer>/<name>",
            f'write @dg.asset(key_prefix=["{slug}", "<layer>"], group_name="<layer>")',
        )
        # What other domains publish keeps their names.
        for key in sorted(keys)
        if key.path[0] != slug or len(key.path) != 3
    ]


# Loading them for a command: what a person wrote wrong becomes a message ----------------------------------------------


def load(project: Project) -> dg.Definitions:
    """Return the definitions of the project's code location.

    Raises:
        ProblemError: whatever went wrong, with the line of the domain's Python that it came from.
    """
    try:
        definitions = defs()
        dg.Definitions.validate_loadable(definitions)
    except ProblemError:
        raise
    except Exception as error:
        # Dagster can put half a megabyte of a manifest into one message.
        what = f"{type(error).__name__}: {textwrap.shorten(str(error), 500)}"
        problem = Problem(Code.DEFINITIONS, _where(error, project), what, "put that right and try again")
        raise ProblemError(problem) from error
    return definitions


def _where(error: Exception, project: Project) -> str:
    """Return the innermost line below ``src/`` that the error came from, or that it is about."""
    lines = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((error.filename, error.lineno))
    root = f"{project.root}/"
    own = [f"{name.removeprefix(root)}:{line}" for name, line in lines if name.startswith(f"{root}src/")]
    return own[-1] if own else "src"
