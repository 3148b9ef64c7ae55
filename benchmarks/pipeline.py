"""What do 10^5 to 10^8 invoice lines cost from the landing folder to the published table?

``poe build`` of a stamped project, with its tests and records, beside a script of bare SQL that does the same work: it
reads the same Parquet files into the same raw table and runs the SQL that dbt compiled, models and tests.
"""

import json
import shutil
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from benchmarks.measure import Usage, interleaved, run, save, say, scratch
from benchmarks.stamped import environment, stamp
from tools.ownership import ROOT

SIZES = (100_000, 1_000_000, 10_000_000, 100_000_000)
RUNS = 3
LARGEST = 100_000_000
"""Takes minutes and 20 GB of disk: measured once."""
DAYS = [date(2024, 1, 1) + timedelta(days=number) for number in range(20)]
LAYERS = ("raw", "staging", "intermediate", "marts", "published")
WORKER = (sys.executable, "-W", "ignore", "-m", "benchmarks.pipeline")


def land(folder: Path, rows: int) -> None:
    """Write ``rows`` invoice lines as one Parquet file a day, with the quirks of the sample.

    Parquet, because of 10^8 lines of CSV, 8 GB, the reading would be most of what is measured.
    """
    import duckdb

    share = rows // len(DAYS)
    for number, day in enumerate(DAYS):
        with duckdb.connect() as connection:
            connection.execute(
                f"""
                COPY (
                    WITH lines AS (
                        -- One line in 140 is landed twice; an invoice has 18 lines.
                        SELECT {number * share} + i - (i % 140 = 139)::INT AS n, hash(n) AS chance, n // 18 AS invoice,
                            hash(invoice) % 50 = 0 AS cancels
                        FROM range({share}) AS t(i)
                    )
                    SELECT
                        if(cancels, 'C', '') || (540000 + invoice) AS "InvoiceNo",
                        (20000 + chance % 4000)::VARCHAR AS "StockCode",
                        'ARTICLE NUMBER ' || chance % 4000 AS "Description",
                        (1 + chance % 24)::INTEGER * if(cancels, -1, 1) AS "Quantity",
                        TIMESTAMP '{day} 08:00:00' + INTERVAL (invoice % 36000) SECOND AS "InvoiceDate",
                        (if(chance % 200 = 0, 0, chance % 1500) / 100)::DECIMAL(18, 4) AS "UnitPrice",
                        if(invoice % 3 = 0, NULL, (12000 + hash(invoice) % 5000) || '.0') AS "CustomerID",
                        if(chance % 10 = 0, 'Germany', 'United Kingdom') AS "Country"
                    FROM lines
                ) TO '{folder / f"{day}.parquet"}' (FORMAT parquet)
                """
            )


def bare(landing: Path, base: Path, compiled: Path, with_tests: bool) -> None:
    """Do in plain SQL what the build does."""
    import duckdb

    plan = json.loads(compiled.read_text(encoding="utf-8"))
    with duckdb.connect(base) as connection:
        for layer in LAYERS:
            connection.execute(f"CREATE SCHEMA {layer}")
        connection.execute(
            "CREATE TABLE raw.invoices AS"
            " SELECT * EXCLUDE filename, parse_filename(filename) AS _source_file, parse_filename(filename, true)"
            f" AS _partition_key FROM read_parquet('{landing}/*.parquet', filename = true)"
        )
        for kind, name, sql in plan["models"]:
            connection.execute(f"CREATE {kind} {name} AS {sql}")
        for sql in plan["tests"] if with_tests else ():
            (rows,) = connection.execute(f"SELECT count(*) FROM ({sql})").fetchone()
            assert not rows, sql  # noqa: S101


def _compile(project: Path, target: Path) -> None:
    """Write the SQL of all models, in the order of the graph, and of all tests."""
    run(["dbt", "--quiet", "compile"], project / "dbt", **environment(project))
    manifest = json.loads((project / "dbt" / "target" / "manifest.json").read_text(encoding="utf-8"))
    nodes = manifest["nodes"]
    models = [node for node in nodes.values() if node["resource_type"] == "model"]
    done: list[dict] = []
    while len(done) < len(models):
        there = {node["unique_id"] for node in done}
        done += [
            node
            for node in models
            if node["unique_id"] not in there
            and all(other in there for other in node["depends_on"]["nodes"] if other.startswith("model."))
        ]
    plan = {
        "models": [
            [node["config"]["materialized"].upper(), f"{node['schema']}.{node['name']}", node["compiled_code"]]
            for node in done
        ],
        "tests": [node["compiled_code"] for node in nodes.values() if node["resource_type"] == "test"],
    }
    target.write_text(json.dumps(plan), encoding="utf-8")


def _project(folder: Path, landing: Path) -> tuple[Path, dict[str, str]]:
    project = stamp(folder)
    ingest = project / "ingest" / "invoices.yaml"
    text = ingest.read_text(encoding="utf-8").replace("format: csv", "format: parquet").replace(".csv", ".parquet")
    ingest.write_text(text, encoding="utf-8")
    return project, environment(project) | {"LANDING": str(landing)}


def main() -> None:
    """Measure every size and keep the result."""
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    folder = scratch("pipeline")
    landing, compiled = folder / "landing", folder / "compiled.json"
    project, variables = _project(folder / "sales", landing)
    build = ["building-block", "build", *LAYERS]

    def lay_out(size: int) -> None:
        shutil.rmtree(landing, ignore_errors=True)
        landing.mkdir()
        say(f"writing {size:,} lines")
        run([*WORKER, "land", landing, str(size)], folder, PYTHONPATH=str(ROOT))

    # Not measured: parses dbt, as the first command in a new project does once; and again, since compiling did it anew.
    lay_out(2000)
    run(build, project, **variables)
    _compile(project, compiled)
    run(build, project, **variables)
    measured: dict[str, list[Usage]] = {}
    for size in sizes:
        lay_out(size)

        def ours() -> Usage:
            shutil.rmtree(project / "data")
            return run(build, project, **variables)

        def script(*tests: str) -> Callable[[], Usage]:
            def measure() -> Usage:
                base = folder / "bare" / "warehouse.duckdb"
                shutil.rmtree(base.parent, ignore_errors=True)
                base.parent.mkdir()
                usage = run([*WORKER, "bare", landing, base, compiled, *tests], folder, PYTHONPATH=str(ROOT))
                shutil.rmtree(base.parent)
                return usage

            return measure

        cases = {"ours": ours, "bare SQL": script("tests"), "bare SQL, no tests": script()}
        runs = 1 if size >= LARGEST else RUNS
        measured |= interleaved({f"{size} {name}": case for name, case in cases.items()}, runs)
        save("pipeline", measured, sizes=sizes[: sizes.index(size) + 1])  # each, as the largest may not end well
    shutil.rmtree(folder)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["land", landing, rows]:
            land(Path(landing), int(rows))
        case ["bare", landing, base, compiled, *tests]:
            bare(Path(landing), Path(base), Path(compiled), bool(tests))
        case _:
            main()
