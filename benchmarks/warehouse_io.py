"""What do 10 million rows of 5 columns cost on their way into a table and out of it?

Each case is an asset in a process of its own, materialised by Dagster: ours and the peers through their IO manager, raw
DuckDB by the asset's own two lines. The clock runs from the call of ``materialize`` to its end; what the asset returns
was made before, except a stream, which is read from an Arrow file meanwhile.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Usage, interleaved, output_of, run, save, say, scratch
from tools.ownership import ROOT

ROWS = 10_000_000
FEW = 2_500_000
RUNS = 3
WAYS = ("raw", "raw-stream", "ours", "ours-stream", "dagster-duckdb-pandas", "dagster-duckdb-polars")
WORKER = (sys.executable, "-W", "ignore", "-m", "benchmarks.warehouse_io")
KEY = ["sales", "marts", "lines"]
PEERS = ("dagster-duckdb-pandas", "dagster-duckdb-polars", "pandas", "polars")


def write_arrow(path: Path, rows: int) -> None:
    """Write ``rows`` invoice lines to an Arrow file, in batches of the size that DuckDB hands over."""
    import duckdb
    import pyarrow as pa

    with duckdb.connect() as connection:
        reader = connection.execute(
            "SELECT i AS line, i % 100000 AS customer, TIMESTAMP '2020-01-01' + INTERVAL (i % 31536000) SECOND AS at,"
            " CAST(((i * 7919) % 1000000) / 100 AS DECIMAL(18, 2)) AS amount, 'article ' || (i * 31) % 5000 AS article"
            f" FROM range({rows}) AS t(i)"
        ).to_arrow_reader(122_880)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)


def main() -> None:
    """Measure every way in and out, and keep the result."""
    folder = scratch("warehouse_io")
    rows = {"": int(sys.argv[1]) if sys.argv[1:] else ROWS}
    rows[" few"] = rows[""] // 4
    for name, count in rows.items():
        run([*WORKER, "make", folder / f"data{name}.arrow", str(count)], folder, PYTHONPATH=str(ROOT))
    cases: dict[str, Callable[[], Usage]] = {}
    for way in WAYS:
        for name in rows:
            if name and not way.endswith("stream"):
                continue
            for verb in ("write", "read"):
                cases[f"{verb}, {way}{name}"] = _case(folder, verb, way, name)
    measured = interleaved(cases, RUNS)
    save("warehouse_io", measured, PEERS, rows=rows[""], few=rows[" few"])


def _case(folder: Path, verb: str, way: str, name: str) -> Callable[[], Usage]:
    data, base = folder / f"data{name}.arrow", folder / f"{way}{name}.duckdb"

    def measure() -> Usage:
        if verb == "write":
            base.unlink(missing_ok=True)
        whole = run([*WORKER, verb, way, data, base], folder, PYTHONPATH=str(ROOT))
        inside = json.loads(output_of(folder).splitlines()[-1])
        return Usage(inside["wall"], inside["cpu"], whole.peak)

    return measure


def _clocked(action: Callable[[], object]) -> None:
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    action()
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    say(json.dumps({"wall": round(wall, 3), "cpu": round(cpu, 3)}))


def _manager(way: str, base: str) -> dict[str, object]:
    if way.startswith("ours"):
        from building_block.warehouse.io_manager import WarehouseIOManager

        return {"io_manager": WarehouseIOManager(path=base)}
    if way.endswith("pandas"):
        from dagster_duckdb_pandas import DuckDBPandasIOManager

        return {"io_manager": DuckDBPandasIOManager(database=base)}
    if way.endswith("polars"):
        from dagster_duckdb_polars import DuckDBPolarsIOManager

        return {"io_manager": DuckDBPolarsIOManager(database=base)}
    return {}


def _given(way: str, data: str) -> object:
    """Return the data as an asset of that way would."""
    import pyarrow as pa

    file = pa.ipc.open_file(pa.OSFile(data))
    if way.endswith("stream"):
        batches = (file.get_batch(index) for index in range(file.num_record_batches))
        return pa.RecordBatchReader.from_batches(file.schema, batches)
    table = file.read_all()
    if way.endswith("pandas"):
        return table.to_pandas()
    if way.endswith("polars"):
        import polars

        return polars.from_arrow(table)
    return table


def _write(way: str, data: str, base: str) -> None:
    import dagster as dg
    import duckdb

    given = _given(way, data)

    @dg.asset(name="lines", key_prefix=KEY[:-1])
    def by_the_manager():
        return given

    @dg.asset(name="lines", key_prefix=KEY[:-1])
    def by_itself() -> None:
        with duckdb.connect(base) as connection:
            connection.execute("CREATE SCHEMA marts")
            # A reader as the bare capsule: as an object pyarrow would read it ahead, without bound.
            connection.register("given", given.__arrow_c_stream__() if way.endswith("stream") else given)
            connection.execute("CREATE TABLE marts.lines AS FROM given")

    asset = by_itself if way.startswith("raw") else by_the_manager
    _clocked(lambda: dg.materialize([asset], resources=_manager(way, base)))


def _read(way: str, base: str) -> None:
    import dagster as dg
    import duckdb
    import pandas
    import polars
    import pyarrow as pa

    frames = {"ours": pa.Table, "ours-stream": pa.RecordBatchReader}
    kind = frames.get(way) or (pandas if way.endswith("pandas") else polars).DataFrame

    def counted(data: object) -> int:
        return sum(map(len, data)) if isinstance(data, pa.RecordBatchReader) else len(data)

    @dg.asset(ins={"lines": dg.AssetIn(KEY)})
    def from_the_manager(lines: kind) -> None:
        counted(lines)

    @dg.asset(deps=[dg.AssetKey(KEY)])
    def by_itself() -> None:
        with duckdb.connect(base, read_only=True) as connection:
            result = connection.execute("FROM marts.lines")
            counted(result.to_arrow_reader(122_880) if way.endswith("stream") else result.to_arrow_table())

    asset = by_itself if way.startswith("raw") else from_the_manager
    _clocked(lambda: dg.materialize([asset, dg.AssetSpec(KEY)], selection=[asset], resources=_manager(way, base)))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", path, rows]:
            write_arrow(Path(path), int(rows))
        case ["write", way, data, base]:
            _write(way, data, base)
        case ["read", way, _, base]:
            _read(way, base)
        case _:
            main()
