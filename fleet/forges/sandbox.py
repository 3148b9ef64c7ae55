"""A process that has no network, no credentials, no other process and no file but its own: where a project's code runs.

What keeps it from them is bubblewrap, by which Flatpak does the same.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from building_block.messages import Problem, ProblemError, one_line

from fleet.messages import FleetCode

_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store"),
    *("/etc/alternatives", "/etc/fonts", "/etc/hosts", "/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf"),
    *("/etc/group", "/etc/passwd"),
)
"""What programs need of a machine, so far as it is there; all else of it, such as homes, is not to be seen."""
_POLL = 0.1


@dataclass(frozen=True)
class Outcome:
    """How a process ended."""

    code: int | None
    """None when its time was up."""
    out: str
    err: str


def must_be_had() -> None:
    """Raise ProblemError where this machine cannot keep a process from files and network."""
    ours = Path("/proc/self/ns/net")
    try:
        command = [*_shut_in(), "readlink", str(ours)]
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        what = f"is not to be had here: {one_line(str(error))}"
    else:
        if tried.returncode == 0 and tried.stdout.strip() not in ("", os.readlink(ours)):
            return
        what = f"left a process with the network: {one_line(tried.stderr) or 'no error'}"
    write = "run checks on Linux with bubblewrap (`apt install bubblewrap`), as root or where users may make namespaces"
    raise ProblemError(Problem(FleetCode.FORGE, "bwrap", what, write))


def run(
    command: list[str],
    folder: Path,
    environment: Mapping[str, str],
    seconds: float,
    own: Path,
    stop: Event | None = None,
) -> Outcome:
    """Run a command with this environment alone; it and all that it started end with it, with its time, or by ``stop``.

    It sees the programs of this machine, this Python, and the folder ``own``, which is all that it may change. Whoever
    calls it has asked ``must_be_had``.
    """
    with TemporaryDirectory(prefix="fleet-") as scratch:
        out, err = Path(scratch, "out"), Path(scratch, "err")
        with out.open("wb") as out_file, err.open("wb") as err_file:
            process = subprocess.Popen(
                [*_shut_in("--bind", str(own), str(own), "--chdir", str(folder)), *command],
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


def _shut_in(*more: str) -> list[str]:
    """Return what to put before a command; whoever is killed takes its processes along."""
    alone = ["--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]
    # An environment may be made of a Python that it names by a link.
    pythons = {os.path.realpath(sys.base_prefix), sys.base_prefix, sys.prefix}
    shown = [option for path in (*_SYSTEM, *sorted(pythons)) for option in ("--ro-bind-try", path, path)]
    return ["bwrap", *alone, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", *shown, *more, "--"]  # noqa: S108
