"""What does it cost to load a code location of 10, 100, 1000 ingest files and as many dbt models?

The peer has the same files: dagster-dbt's ``DbtProjectComponent`` loads the models, and the loop that everyone writes
first loads the ingest files (``yaml.safe_load`` and an asset each, nothing checked).
"""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.growth import write_ingest, write_models
from benchmarks.measure import Usage, interleaved, output_of, run, save, scratch
from benchmarks.stamped import emptied, environment, stamp

SIZES = (10, 100, 1000)
RUNS = 3
COUNTED = """
import dagster as dg
dg.Definitions.validate_loadable(defs)
graph = defs.resolve_asset_graph()
print(len(graph.executable_asset_keys), "assets", len(graph.asset_check_keys), "checks")
"""
OURS = (
    f"from building_block.project import Project\nfrom building_block.definitions import defs\ndefs = defs()\n{COUNTED}"
)
PEER = f"from peer.definitions import defs\ndefs = defs()\n{COUNTED}"

LOOP = """
from pathlib import Path

import dagster as dg
import yaml


def ingest(file: Path) -> dg.AssetsDefinition:
    spec = yaml.safe_load(file.read_text())

    @dg.asset(
        key=["raw", file.stem],
        group_name="raw",
        description=spec["description"],
        partitions_def=dg.DailyPartitionsDefinition(start_date=str(spec["partitions"]["start"])),
        automation_condition=dg.AutomationCondition.on_cron(spec["schedule"]),
        metadata={
            "dagster/column_schema": dg.TableSchema(
                columns=[dg.TableColumn(c["name"], c["type"], c["description"]) for c in spec["columns"]]
            )
        },
    )
    def asset(context: dg.AssetExecutionContext) -> None: ...

    return asset


files = sorted((Path(__file__).parents[3] / "ingest").glob("*.yaml"))
defs = dg.Definitions(assets=[ingest(file) for file in files])
"""


def ours(folder: Path, ingest: int, models: int) -> Path:
    """Stamp a project of that size."""
    project = emptied(stamp(folder))
    write_ingest(project / "ingest", ingest)
    write_models(project / "dbt" / "models", models, sources=ingest)
    run(["building-block", "generate"], project, **environment(project))
    return project


def peer(folder: Path, ingest: int, models: int, like: Path) -> Path:
    """Write a project as ``create-dagster project`` lays it out, with the dbt files of ``like``."""
    package = folder / "src" / "peer"
    (package / "defs").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "peer"\n', encoding="utf-8"
    )
    (package / "__init__.py").touch()
    (package / "defs" / "__init__.py").touch()
    (package / "definitions.py").write_text(
        "from pathlib import Path\n\nfrom dagster import definitions, load_from_defs_folder\n\n\n"
        "@definitions\ndef defs():\n    return load_from_defs_folder(path_within_project=Path(__file__).parent)\n",
        encoding="utf-8",
    )
    if ingest:
        shutil.copytree(like / "ingest", folder / "ingest")
        (package / "defs" / "ingest.py").write_text(LOOP, encoding="utf-8")
    if models:
        shutil.copytree(like / "dbt", folder / "dbt", ignore=shutil.ignore_patterns("target"))
        shutil.copytree(like / "platform" / "dbt" / "macros", folder / "dbt" / "macros")
        settings = folder / "dbt" / "dbt_project.yml"
        settings.write_text(settings.read_text(encoding="utf-8").replace(", ../platform/dbt/macros", ""))
        (package / "defs" / "dbt").mkdir()
        (package / "defs" / "dbt" / "defs.yaml").write_text(
            "type: dagster_dbt.DbtProjectComponent\nattributes:\n  project: '{{ project_root }}/dbt'\n",
            encoding="utf-8",
        )
    return folder


def loaded(project: Path, code: str, cold: bool) -> Callable[[], Usage]:
    """Return the measurement of one load; cold: nothing of dbt's is prepared."""
    home = project.with_name(f"{project.name}.home")
    home.mkdir(exist_ok=True)
    variables = environment(project) | {"DAGSTER_HOME": str(home)}

    def measure() -> Usage:
        if cold:
            shutil.rmtree(project / "dbt" / "target", ignore_errors=True)
            shutil.rmtree(project / "src" / "peer" / "defs" / ".local_defs_state", ignore_errors=True)
        # The component of the peer prepares dbt in `dg dev` and its like only.
        dev = {"DAGSTER_IS_DEV_CLI": "1"} if cold and code is PEER else {}
        return run([sys.executable, "-W", "ignore", "-c", code], project, **variables, **dev)

    return measure


def main() -> None:
    """Measure every size, warm and cold, and keep the result."""
    folder = scratch("load")
    found: dict[str, list[Usage]] = {}
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    for size in sizes:
        for what, ingest, models in (("ingest", size, 0), ("dbt", 0, size), ("both", size, size)):
            name = f"{what} {size}"
            our = ours(folder / f"ours-{what}-{size}", ingest, models)
            other = peer(folder / f"peer-{what}-{size}", ingest, models, like=our)
            sides = {"ours": (our, OURS), "peer": (other, PEER)}
            for project, code in sides.values():
                loaded(project, code, cold=True)()
            print(name, *(f"{side}: {output_of(project).splitlines()[-1]}" for side, (project, _) in sides.items()))
            found |= interleaved(
                {f"{name}, {side}, warm": loaded(project, code, cold=False) for side, (project, code) in sides.items()},
                RUNS,
            )
            if models:
                found |= interleaved(
                    {
                        f"{name}, {side}, cold": loaded(project, code, cold=True)
                        for side, (project, code) in sides.items()
                    },
                    1,
                )
    save("load", found)


if __name__ == "__main__":
    main()
