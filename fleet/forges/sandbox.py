"""A process that has no network, no credentials and no other process to look at: where a project's own code runs."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from building_block.messages import Problem, ProblemError, one_line

from fleet.messages import FleetCode

_ALOOF = ("--net", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Its own processes: those of others show their environments in /proc, and the last one's end is the end of all."""
_POLL = 0.1


@dataclass(frozen=True)
class Outcome:
    """How a process ended."""

    code: int | None
    """None when its time was up."""
    out: str
    err: str


def must_be_had() -> None:
    """Raise ProblemError where this machine cannot keep a process from the network."""
    ours = Path("/proc/self/ns/net")
    try:
        command = [*_unshare(), "readlink", str(ours)]
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        what = f"is not to be had here: {one_line(str(error))}"
    else:
        if tried.returncode == 0 and tried.stdout.strip() not in ("", os.readlink(ours)):
            return
        what = f"left a process with the network: {one_line(tried.stderr) or 'no error'}"
    write = "run checks on Linux with util-linux, as root or where a user may make namespaces (`unshare --user true`)"
    raise ProblemError(Problem(FleetCode.FORGE, "unshare", what, write))


def run(
    command: list[str], folder: Path, environment: Mapping[str, str], seconds: float, stop: Event | None = None
) -> Outcome:
    """Run a command with this environment alone; it and all that it started end with it, with its time, or by ``stop``.

    Files are not kept from it: what this user may read and change, it may. Whoever calls it has asked ``must_be_had``.
    """
    with TemporaryDirectory(prefix="fleet-") as scratch:
        out, err = Path(scratch, "out"), Path(scratch, "err")
        with out.open("wb") as out_file, err.open("wb") as err_file:
            process = subprocess.Popen(
                [*_unshare(), *command],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=out_file,
                stderr=err_file,
                start_new_session=True,
            )
            code = _ended(process, seconds, stop)
        return Outcome(code, *(file.read_text(encoding="utf-8", errors="replace") for file in (out, err)))


def _ended(process: subprocess.Popen, seconds: float, stop: Event | None) -> int | None:
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end and not (stop and stop.is_set()):
            with suppress(subprocess.TimeoutExpired):
                return process.wait(_POLL)
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _unshare() -> list[str]:
    # Whoever is killed takes its processes along.
    lifeline = ("setpriv", "--pdeathsig", "KILL")
    return [*lifeline, "unshare", *_ALOOF, *(() if os.geteuid() == 0 else ("--map-root-user",)), "--"]
