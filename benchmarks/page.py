"""Writes docs/reference/benchmarks.md from benchmarks/results/: ``python -m benchmarks.page``."""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.ownership import ROOT

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
Runs = Sequence[Mapping[str, float]]
Result = Mapping[str, Any]

HEAD = """\
# Benchmarks

Written from `benchmarks/results/` by `python -m benchmarks.page`; each benchmark runs on demand, its peer in the same
run and in turn with it. A figure is the median of the runs, with the least and the greatest in brackets where there
were several. *CPU* are seconds of user and system of all processes, *wall* is the clock's, *peak* the resident memory
of the largest process. Trust CPU more than wall.
"""


def page() -> str:
    """Return the text of the page."""
    parts = [HEAD]
    for name, section in SECTIONS.items():
        file = RESULTS / f"{name}.json"
        if file.is_file():
            parts.append("\n".join(section(json.loads(file.read_text(encoding="utf-8")))))
    return "\n".join(parts)


def _head(title: str, name: str, result: Result, text: str) -> Iterator[str]:
    machine, versions = result["machine"], result["versions"]
    yield f"## {title}\n"
    yield f"{text}\n"
    yield f"    uv run --no-default-groups --group benchmarks python -m benchmarks.{name}\n"
    packages = ", ".join(f"{package} {version}" for package, version in versions.items())
    yield (
        f"{result['date']}: {machine['system']}, {machine['cpu']}, {machine['cores']} cores,"
        f" {machine['memory_gb']} GB; load before the run {machine['load_before']}."
        f" Python {machine['python']}, {packages}.\n"
    )


def _median(runs: Runs, what: str) -> float:
    return statistics.median(run[what] for run in runs)


def _shown(runs: Runs, what: str) -> str:
    form = "{:,.0f}" if what == "peak" else "{:.2f}"
    values = sorted(run[what] for run in runs)
    spread = f" ({form.format(values[0])} to {form.format(values[-1])})" if len(values) > 1 else ""
    return form.format(_median(runs, what)) + spread


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|---{'|---:' * (len(heads) - 1)}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _aim(aim: str, found: str, met: bool) -> str:
    return f"- Aim: {aim}. Found: {found}. **{'Met' if met else 'Missed'}.**"


def _ratio(cases: Mapping[str, Runs], one: str, other: str, what: str) -> float:
    return _median(cases[one], what) / _median(cases[other], what)


def _first_run(result: Result) -> Iterator[str]:
    cases = result["cases"]
    yield from _head(
        "Time to the first materialisation",
        "first_run",
        result,
        "From nothing to the last green asset on the sample: ours is `copier copy` (render), `uv sync` (install),"
        " `poe check` (load), `poe build` of the layers raw to published (run) and `poe build` of what a fresh project"
        " has beyond them (rest). The peer is `create-dagster project` with an asset that reads the same files, a"
        " `DbtProjectComponent` and our dbt models and tests, written by hand while no clock runs. Both end with the"
        " same rows. Wall seconds.",
    )
    steps = ("render", "install", "load", "run", "rest")
    totals = {}
    rows = []
    for kind in ("ours, warm", "peer, warm", "ours, cold", "peer, cold"):
        parts = [cases.get(f"{kind}, {step}") for step in steps]
        totals[kind] = sum(_median(part, "wall") for part in parts if part)
        rows.append([kind, *(_shown(part, "wall") if part else "" for part in parts), f"{totals[kind]:.1f}"])
    yield from _table(["", *steps, "in all"], rows)
    found = f"{totals['ours, warm']:.1f} s, the peer {totals['peer, warm']:.1f} s"
    yield _aim("at most 60 s in all with a warm cache", found, totals["ours, warm"] <= 60)
    yield (
        "\nCold means an empty cache of uv: the index and the line decide that figure. What is left is importing:"
        " the load and each build import dagster, dagster-dbt and dbt anew, and the first of them compiles them.\n"
    )


def _load(result: Result) -> Iterator[str]:
    cases = result["cases"]
    sizes = sorted({int(name.split()[1].rstrip(",")) for name in cases})
    yield from _head(
        "Loading a code location",
        "load",
        result,
        "A process that imports, loads and validates the definitions. *ingest*: that many ingest files; *dbt*: that"
        " many models with two tests each; *both*: that many of each. The peer loads the models by"
        " `DbtProjectComponent` and the ingest files by the loop that one writes first: `yaml.safe_load` and an asset"
        " each, nothing checked."
        " Cold: dbt's manifest is made first; warm: it is there.",
    )
    rows = []
    for size in sizes:
        for what in ("ingest", "dbt", "both"):
            for state in ("warm", "cold"):
                one, other = (cases.get(f"{what} {size}, {side}, {state}") for side in ("ours", "peer"))
                if one and other:
                    share = _median(one, "cpu") / _median(other, "cpu")
                    row = [f"{what} {size}, {state}", _shown(one, "cpu"), _shown(other, "cpu"), f"{share:.2f}"]
                    rows.append([*row, _shown(one, "peak"), _shown(other, "peak")])
    yield from _table(["", "CPU s, ours", "CPU s, peer", "ours / peer", "peak MB, ours", "peak MB, peer"], rows)
    share = _ratio(cases, f"both {sizes[-1]}, ours, warm", f"both {sizes[-1]}, peer, warm", "cpu")
    aim = f"{sizes[-1]} + {sizes[-1]} in at most half of the peer's CPU seconds, manifest prepared"
    yield _aim(aim, f"{share:.2f}", share <= 0.5)
    yield (
        "\nMade for it: the garbage collector rests while a location is loaded and what was loaded is frozen; dbt's"
        " selection engine, which selects everything, is not asked; YAML is read by libyaml. What is left is Dagster's"
        " own: importing it with dagster-dbt is some 2 CPU seconds whatever the size, the rest is an `OpDefinition` an"
        " ingest file, an `AssetSpec` a model and the asset graph over all of them. Cold is dbt's parser.\n"
    )


def _warehouse_io(result: Result) -> Iterator[str]:
    cases = result["cases"]
    yield from _head(
        "IO manager",
        "warehouse_io",
        result,
        f"{result['rows']:,} rows of 5 columns (two integers, a timestamp, a decimal, a text) out of an asset and into"
        f" the next one, by way of a DuckDB file; each in a process of its own, materialised by Dagster. *raw* is the"
        " asset's own `CREATE TABLE … AS FROM` an Arrow table and its own `to_arrow_table()`. *stream* hands a"
        f" `RecordBatchReader` over; *few* is a stream of {result['few']:,} rows, to show what its memory depends on.",
    )
    ways = ("raw", "ours", "dagster-duckdb-pandas", "dagster-duckdb-polars", "raw-stream", "ours-stream")
    rows = []
    for way in (*ways, "raw-stream few", "ours-stream few"):
        row = [way]
        for verb in ("write", "read"):
            row += [_shown(cases[f"{verb}, {way}"], what) for what in ("wall", "cpu", "peak")]
        rows.append(row)
    heads = [f"{verb}: {what}" for verb in ("write", "read") for what in ("wall s", "CPU s", "peak MB")]
    yield from _table(["", *heads], rows)
    for verb, most in (("write", 1.3), ("read", 1.5)):
        for kind in ("", "-stream"):
            shares = {w: _ratio(cases, f"{verb}, ours{kind}", f"{verb}, raw{kind}", w) for w in ("cpu", "wall")}
            aim = f"{verb} a {'stream' if kind else 'table'} in at most {most} times raw DuckDB"
            found = f"{shares['wall']:.2f} times by the clock, {shares['cpu']:.2f} times the CPU seconds"
            yield _aim(aim, found, shares["wall"] <= most)
    growth = max(
        _median(cases[f"{verb}, ours-stream"], "peak") / _median(cases[f"{verb}, ours-stream few"], "peak")
        for verb in ("write", "read")
    )
    aim = (
        "peak memory of a stream is bounded by the batch, which we take to hold while 4 times the rows need at most 1.3"
    )
    yield _aim(f"{aim} times the memory", f"{growth:.2f} times", growth <= 1.3)
    yield (
        "\nA stream that is read goes through a temporary Arrow file, because a stream straight from DuckDB would keep"
        " the warehouse locked while the asset runs; that file is the difference to raw DuckDB.\n"
    )


def _pipeline(result: Result) -> Iterator[str]:
    cases = result["cases"]
    yield from _head(
        "The whole pipeline",
        "pipeline",
        result,
        "Invoice lines from the landing folder to the published table: `poe build` of the layers raw to published, with"
        " all checks, tests and records, beside a script that reads the same files into the same raw table and runs the"
        " SQL that dbt compiled, models and tests, one after another. They land as Parquet, one file a day: of 10^8"
        " lines as CSV the reading would be most of what is measured. dbt's manifest is prepared, the warehouse empty.",
    )
    rows = []
    for size in result["sizes"]:
        for name in ("ours", "bare SQL", "bare SQL, no tests"):
            runs = cases[f"{size} {name}"]
            rows.append([f"{size:,}: {name}", *(_shown(runs, what) for what in ("wall", "cpu", "peak"))])
    yield from _table(["", "wall s", "CPU s", "peak MB"], rows)
    for size in result["sizes"]:
        share, cpu = (_ratio(cases, f"{size} ours", f"{size} bare SQL", what) for what in ("wall", "cpu"))
        found = f"{share:.2f} times by the clock, {cpu:.2f} times the CPU seconds"
        yield _aim(f"{size:,} lines in at most 1.5 times the bare SQL", found, share <= 1.5)
    largest = result["sizes"][-1]
    peak = _median(cases[f"{largest} ours"], "peak")
    if largest == 100_000_000:
        yield _aim("at most 2.5 GB at 10^8 lines", f"{peak / 1000:.2f} GB", peak <= 2500)
    yield (
        "\nWhat ours costs more is nearly the same at every size: importing dagster and dagster-dbt, dbt's own start,"
        " and Dagster's records. It is most of a small build and little of a large one. The memory of dbt is bounded by"
        " the platform's `memory_limit`, which `settings/profiles.yml` raises; beyond it DuckDB goes on in a file. The"
        " bare script has no such bound. `intermediate/int_orders__judged` is a view that three readers run anew: as a"
        " table it would be computed once.\n"
    )


def _contract_checks(result: Result) -> Iterator[str]:
    cases, sizes = result["cases"], result["sizes"]
    yield from _head(
        "Checking a contract",
        "contract_checks",
        result,
        f"{result['columns']} columns held against {result['checks']} checks, in a DuckDB table and in a parquet file:"
        " values that must be there, bounds, lengths, enumerations, two patterns and a format, two columns that never"
        " repeat (a number and a text), a rule of own SQL. The *floor* is one bare scan of all columns and a `SELECT"
        " DISTINCT` for each of the two. *One query a check* sends the same SQL check by check. dbt runs the same"
        f" checks as tests by its `dbtRunner`, on two threads, its manifest parsed; datacontract-cli"
        f" {result['datacontract']} its `DataContract.test()`, in an environment of its own, which compares the types"
        " of columns too, as reading does for us. Only the checking is on the clock: no import, no parsing.",
    )
    ways = ("ours", "floor", "one query a check", "dbt", "datacontract-cli")
    rows = []
    for size in sizes:
        for form in ("table", "parquet"):
            for way in ways:
                runs = cases[f"{size} {form}, {way}"]
                name = f"{size:,} {form}: {way}"
                rows.append([name, *(_shown(runs, what) for what in ("wall", "cpu", "peak"))])
    yield from _table(["", "wall s", "CPU s", "peak MB"], rows)
    largest = sizes[-1]
    for form in ("table", "parquet"):
        ours = f"{largest} {form}, ours"
        for peer in ("datacontract-cli", "dbt"):
            shares = {what: _ratio(cases, f"{largest} {form}, {peer}", ours, what) for what in ("wall", "cpu")}
            found = f"{shares['wall']:.1f} times by the clock, {shares['cpu']:.1f} times the CPU seconds"
            yield _aim(f"{form} of {largest:,} rows: at least 2 times ahead of {peer}", found, shares["wall"] >= 2)
        shares = {what: _ratio(cases, ours, f"{largest} {form}, floor", what) for what in ("wall", "cpu")}
        found = f"{shares['wall']:.2f} times by the clock, {shares['cpu']:.2f} times the CPU seconds"
        yield _aim(f"{form} of {largest:,} rows: at most 1.3 times the floor", found, shares["wall"] <= 1.3)
    sample = cases[f"sample {sizes[0]}"]
    seconds = _median(sample, "wall")
    aim = f"`poe contracts sample` makes {sizes[0]:,} rows of this contract in at most 10 s, checks and file included"
    yield _aim(aim, f"{_shown(sample, 'wall')} s", seconds <= 10)
    yield (
        "\nMade for it: what count, min and max settle is asked of DuckDB's statistics; all other rules over single"
        " rows take one scan; numbers and days that never repeat take a bit for each value between their ends, in that"
        " same scan, where hashing would be most of the work; a text that never repeats is hashed in a query of its"
        " own. What is left is that hashing and the regular expressions, which every tool here pays for. Where 2 times"
        " ahead is missed it cannot be had: ours takes what the floor takes, and the floor is within 2 times of them.\n"
    )


def _update(result: Result) -> Iterator[str]:
    cases = result["cases"]
    yield from _head(
        "Stamping and updating a project",
        "update",
        result,
        f"A project of {result['files']} files, stamped, and one of {result['release']} brought to the working tree."
        " *copier* is plain `copier copy` and `copier update` of this template. *cruft* is cruft"
        f" {result['cruft']} with a cookiecutter template of the same files as they are rendered, so that it has"
        " nothing to fill in. *ours* is what `poe update` starts once the template is fetched: both releases are"
        " rendered, drift is restored, what is derived written, the result verified, and `poe check` asked. What"
        " that last step costs by itself stands below. Ours has no copy of its own: a project is stamped by copier."
        " *Processes* are those that Python starts.",
    )
    names = {"check": "`poe check`, part of ours", "doctor": "`poe doctor`"}
    rows = [
        [names.get(name, name), _shown(runs, "cpu"), _shown(runs, "wall"), str(result["processes"][name])]
        for name, runs in cases.items()
    ]
    yield from _table(["", "CPU s", "wall s", "processes"], rows)
    seconds = _median(cases["doctor"], "wall")
    yield _aim("`poe doctor` in less than a second", f"{seconds:.2f} s", seconds < 1)
    yield (
        "\nOurs renders twice instead of three times, by copier's API without the question to git that copier has for"
        " each file that it writes, and merges nothing: what is new is laid over what was.\n"
    )


def _fleet(result: Result) -> Iterator[str]:
    cases = result["cases"]
    sizes = sorted({int(name.partition(",")[0]) for name in cases})
    yield from _head(
        "Bringing a release to a fleet",
        "fleet",
        result,
        f"That many bare repositories with projects of {result['release']}, each with answers of its own, are brought"
        " to the working tree. *loop* is what one writes first: clone, `copier update`, commit, push, one after"
        " another. *ours* is `fleet apply` with two repositories at a time, with all that it verifies and the pull"
        " requests. *status* is `fleet status` after it, when nothing has moved. Seconds are those of all processes; a"
        " repository's are the whole divided by their number.",
    )
    rows = []
    for size in sizes:
        for way in ("loop", "ours", "status"):
            runs = cases[f"{size}, {way}"]
            wall, cpu = _median(runs, "wall"), _median(runs, "cpu")
            each = [f"{wall / size:.2f}", f"{cpu / size:.2f}"]
            rows.append([f"{size}, {way}", f"{wall:.1f}", f"{cpu:.1f}", *each, _shown(runs, "peak")])
    heads = ["", "wall s", "CPU s", "wall s a repository", "CPU s a repository", "peak MB"]
    yield from _table(heads, rows)
    phases = result["phases"]
    yield f"The work on one repository takes {sum(phases.values()):.2f} s with nothing beside it, the imports apart:\n"
    yield from _table(["phase", "wall s"], [[name, f"{seconds:.2f}"] for name, seconds in phases.items()])
    last = sizes[-1]
    faster = _ratio(cases, f"{last}, loop", f"{last}, ours", "wall")
    yield _aim("1.5 times the throughput of the loop", f"{faster:.1f} times at {last}", faster >= 1.5)
    each = {size: _median(cases[f"{size}, ours"], "wall") / size for size in sizes}
    found = ", ".join(f"{seconds:.2f} s a repository at {size}" for size, seconds in each.items())
    yield _aim("linear in the number of repositories", found, each[last] <= 1.15 * each[sizes[0]])
    peaks = [_median(cases[f"{size}, ours"], "peak") for size in sizes]
    found = f"{peaks[0]:.0f} MB at {sizes[0]}, {peaks[-1]:.0f} MB at {last}"
    yield _aim("memory flat", found, peaks[-1] <= 1.15 * peaks[0])
    idle = _median(cases[f"{last}, status"], "wall")
    yield _aim(f"the state of {last} in seconds when nothing moved", f"{idle:.1f} s", idle < 10)
    yield ""


SECTIONS = {
    "first_run": _first_run,
    "load": _load,
    "warehouse_io": _warehouse_io,
    "pipeline": _pipeline,
    "contract_checks": _contract_checks,
    "update": _update,
    "fleet": _fleet,
}


def write() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
