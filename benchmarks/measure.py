"""Runs commands as child processes and counts what they cost; keeps the results that the page is written from."""

import datetime as dt
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import gettempdir

from benchmarks.page import RESULTS, write

SCRATCH = Path(os.environ.get("BENCHMARKS_SCRATCH", Path(gettempdir()) / "building-block-benchmarks"))
"""Generated data and stamped projects; each benchmark starts with an empty folder of its own in it."""
STACK = ("dagster", "dagster-dbt", "dbt-core", "dbt-duckdb", "duckdb", "pyarrow")


@dataclass(frozen=True)
class Usage:
    """What a process and its children cost."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds, user and system, of all processes."""
    peak: float
    """Resident megabytes (10^6 bytes) of the largest process."""


def run(command: Sequence[str | Path], cwd: Path, **environment: str) -> Usage:
    """Run a command to its end and return what it cost; its output goes to ``<cwd>.log``.

    Raises:
        RuntimeError: the command failed, with the end of its output.
    """
    log = cwd.with_name(f"{cwd.name}.log")
    with log.open("wb") as output:
        start = time.monotonic()
        process = subprocess.Popen(
            command, cwd=cwd, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT
        )
        # The child's own account: that of RUSAGE_CHILDREN would hold the peak of every child so far.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}\n{output_of(cwd)[-4000:]}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Usage(round(wall, 3), round(usage.ru_utime + usage.ru_stime, 3), round(peak / 1e6, 1))


def output_of(cwd: Path) -> str:
    """Return what the last command that ran in ``cwd`` printed."""
    return cwd.with_name(f"{cwd.name}.log").read_text(encoding="utf-8", errors="replace")


def interleaved(cases: Mapping[str, Callable[[], Usage]], runs: int) -> dict[str, list[Usage]]:
    """Run every case ``runs`` times, in turn, so that a slow minute of the machine meets them all."""
    measured: dict[str, list[Usage]] = {name: [] for name in cases}
    for turn in range(1, runs + 1):
        for name, case in cases.items():
            usage = case()
            measured[name].append(usage)
            say(f"{name}, run {turn} of {runs}: {usage.wall:.2f} s, CPU {usage.cpu:.2f} s, peak {usage.peak:.0f} MB")
    return measured


def say(line: str) -> None:
    """Print a line of progress at once."""
    print(line, flush=True)


def scratch(name: str) -> Path:
    """Return an empty folder for one benchmark."""
    folder = SCRATCH / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def save(name: str, cases: Mapping[str, Sequence[Usage]], packages: Sequence[str] = (), **facts: object) -> None:
    """Write a benchmark's result, with machine and versions, and the page anew."""
    result = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": _machine(),
        "versions": {package: importlib.metadata.version(package) for package in (*STACK, *packages)},
        **facts,
        "cases": {case: [asdict(usage) for usage in usages] for case, usages in cases.items()},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write()
    say(f"wrote benchmarks/results/{name}.json")


def _machine() -> dict[str, object]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cpuinfo = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model n")]
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9, 1),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }
