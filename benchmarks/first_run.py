"""How long does a newcomer wait, from nothing to the last green asset?

Ours: ``copier copy``, ``uv sync``, ``poe check``, ``poe build``. The peer: ``create-dagster project``, with an asset
that reads the same CSV files, a ``DbtProjectComponent`` and our dbt models and tests, written by hand while no clock
runs. Both must end with the same rows.
"""

import os
import shutil
import sys
import tomllib
from pathlib import Path

import duckdb
import yaml

from benchmarks.measure import Usage, run, save, say, scratch
from tools.ownership import ROOT

RUNS = 3
LAYERS = ("raw", "staging", "intermediate", "marts", "published")
BIN = Path(sys.executable).parent
PEERS = ("create-dagster", "copier", "uv")
COMPARED = ("raw.invoices", "marts.orders_cleaned", "marts.orders_rejected", "published.daily_orders")

INGEST = """
import os
from pathlib import Path

import dagster as dg
import duckdb

COLUMNS = {columns}


@dg.asset(key=["raw", "invoices"])
def invoices() -> None:
    base = Path(os.environ["BUILDING_BLOCK_DATA"]) / "warehouse.duckdb"
    base.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(base) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS raw")
        connection.execute(
            "CREATE OR REPLACE TABLE raw.invoices AS SELECT * EXCLUDE filename,"
            " parse_filename(filename) AS _source_file, parse_filename(filename, true) AS _partition_key"
            f" FROM read_csv('{landing}/*.csv', columns = {{COLUMNS}}, header = true, filename = true)"
        )
"""


def _environment(cache: Path | None) -> dict[str, str]:
    """Return what a newcomer's shell has: uv, and nothing of this Python environment."""
    gone = dict.fromkeys(("VIRTUAL_ENV", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT", "UV_COMPILE_BYTECODE"), "")
    for name in gone:
        os.environ.pop(name, None)
    variables = {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "UV_PYTHON": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    return variables | ({"UV_CACHE_DIR": str(cache)} if cache else {})


def ours(folder: Path, cache: Path | None) -> dict[str, Usage]:
    """Go from nothing to the last asset of a stamped project; return what each step cost."""
    variables = _environment(cache)
    folder.mkdir()
    project = folder / "sales"
    copy = [BIN / "copier", "copy", "--quiet", "--defaults", "--vcs-ref", "HEAD"]
    copy += ["--data-file", ROOT / "tests" / "answers" / "minimal.yml", ROOT, project]
    steps = {"render": run(copy, folder, **variables)}
    steps["install"] = run(["uv", "sync", "--quiet"], project, **variables)
    steps["load"] = run(["uv", "run", "poe", "check"], project, **variables)
    steps["run"] = run(["uv", "run", "poe", "build", *LAYERS], project, **variables)
    # What a fresh project has beyond the tables that the peer builds, too.
    steps["rest"] = run(["uv", "run", "poe", "build"], project, **variables)
    return steps


def peer(folder: Path, like: Path, cache: Path | None) -> dict[str, Usage]:
    """Go from nothing to the last asset of a project as ``create-dagster`` makes it."""
    variables = _environment(cache) | {
        "BUILDING_BLOCK_DATA": str(folder / "data"),
        "DAGSTER_HOME": str(folder / "home"),
    }
    (folder / "home").mkdir(parents=True)
    project = folder / "peer"
    steps = {"render": run([BIN / "create-dagster", "project", "--no-uv-sync", project], folder, **variables)}
    _write_peer(project, like)
    steps["install"] = run(["uv", "sync", "--quiet"], project, **variables)
    steps["load"] = run(["uv", "run", "dg", "check", "defs"], project, **variables)
    steps["run"] = run(["uv", "run", "dg", "launch", "--assets", "*"], project, **variables)
    return steps


def _write_peer(project: Path, like: Path) -> None:
    """Write by hand what a newcomer would: dependencies, the asset that reads the files, the dbt project."""
    pins = tomllib.loads((ROOT / "template/platform/pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [pin for pin in pins["dependencies"] if pin.startswith(("dagster-dbt", "dbt-", "duckdb"))]
    file = project / "pyproject.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("dependencies = [\n", "dependencies = [\n" + "".join(f'    "{pin}",\n' for pin in wanted), 1)
    )
    defs = project / "src" / "peer" / "defs"
    declared = yaml.safe_load((like / "ingest" / "invoices.yaml").read_text(encoding="utf-8"))["columns"]
    columns = {column["name"]: column["type"].replace("string", "varchar") for column in declared}
    text = INGEST.replace("{columns}", repr(columns)).replace("{landing}", str(like / "sample" / "retail"))
    (defs / "ingest.py").write_text(text.replace("{{", "{").replace("}}", "}"), encoding="utf-8")
    shutil.copytree(like / "dbt", project / "dbt", ignore=shutil.ignore_patterns("target"))
    shutil.copytree(like / "platform" / "dbt" / "macros", project / "dbt" / "macros")
    settings = project / "dbt" / "dbt_project.yml"
    settings.write_text(settings.read_text(encoding="utf-8").replace(", ../platform/dbt/macros", ""), encoding="utf-8")
    (defs / "dbt").mkdir()
    component = "type: dagster_dbt.DbtProjectComponent\nattributes:\n  project: '{{ project_root }}/dbt'\n"
    (defs / "dbt" / "defs.yaml").write_text(component, encoding="utf-8")


def _compare(one: Path, other: Path) -> None:
    """Raise when the two warehouses do not hold the same rows."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{one}' AS one (READ_ONLY); ATTACH '{other}' AS other (READ_ONLY)")
        for table in COMPARED:
            columns = "* EXCLUDE (_source_file, _partition_key)" if table == "raw.invoices" else "*"
            left, right = (f"(SELECT {columns} FROM {side}.{table})" for side in ("one", "other"))
            for query in (f"{left} EXCEPT ALL {right}", f"{right} EXCEPT ALL {left}"):
                if found := connection.execute(query).fetchone():
                    raise RuntimeError(f"{table} differs, for example in {found}")


def main() -> None:
    """Measure both, warm and cold, and keep the result."""
    folder = scratch("first_run")
    measured: dict[str, list[Usage]] = {}
    # The first turn is cold: uv's cache is empty, everything is fetched from the package index.
    for turn in range(RUNS + 1):
        temperature = "warm" if turn else "cold"
        found = {}
        for side in ("ours", "peer"):
            cache = None if turn else folder / f"cache-{side}"
            base = folder / f"{side}-{turn}"
            found[side] = ours(base, cache) if side == "ours" else peer(base, folder / f"ours-{turn}" / "sales", cache)
            for step, usage in found[side].items():
                measured.setdefault(f"{side}, {temperature}, {step}", []).append(usage)
            shutil.rmtree(cache or folder / "none", ignore_errors=True)
            parts = ", ".join(f"{step} {usage.wall:.1f} s" for step, usage in found[side].items())
            say(f"{side}, {temperature}, run {turn or 1}: {sum(u.wall for u in found[side].values()):.1f} s: {parts}")
        warehouses = (folder / f"{side}-{turn}" / place for side, place in (("ours", "sales/data"), ("peer", "data")))
        _compare(*(warehouse / "warehouse.duckdb" for warehouse in warehouses))
        for side in ("ours", "peer"):
            shutil.rmtree(folder / f"{side}-{turn}")
    save("first_run", measured, PEERS)


if __name__ == "__main__":
    main()
