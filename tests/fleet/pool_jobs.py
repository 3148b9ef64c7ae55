"""Jobs for the pool, of every kind; they lie apart so that a process imports little for them."""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from building_block.messages import Problem, ProblemError

from fleet.messages import FleetCode
from fleet.pool import run


@dataclass(frozen=True)
class Job:
    name: str
    folder: Path
    """For what it leaves behind."""
    does: str = "answer"

    def __str__(self) -> str:
        return self.name


def do(job: Job) -> Any:
    return globals()[f"_{job.does}"](job)


def _answer(job: Job) -> dict[str, Any]:
    Path(tempfile.gettempdir(), "left").touch()
    return {
        "name": job.name,
        "pid": os.getpid(),
        "parent": os.getppid(),
        "temporary": tempfile.gettempdir(),
        "had": "fleet.work" in sys.modules and "copier" in sys.modules,
    }


def _hang(job: Job) -> None:
    """Hang with a child and a grandchild, as git does with what it starts."""
    Path(tempfile.gettempdir(), "left").touch()
    child = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
    pids = f"{os.getpid()} {child.pid} {child.stdout.readline()}"
    scratch = job.folder / f".{job.name}"
    scratch.write_text(f"{pids} {tempfile.gettempdir()}")
    scratch.rename(job.folder / job.name)
    time.sleep(1000)


def _die(job: Job) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise(job: Job) -> None:
    raise KeyError("x\n\N{ESCAPE}[2J")


def _exit(job: Job) -> None:
    sys.exit("bye")


def _refuse(job: Job) -> None:
    raise ProblemError(
        *(Problem(FleetCode.REMOTE, f"caf\udce9\n{number}", "is not there", "look") for number in (1, 2))
    )


def _answer_what_cannot_be_sent(job: Job) -> Any:
    return lambda: None


def _raise_what_cannot_be_sent(job: Job) -> None:
    class Local(Exception):  # noqa: N818
        pass

    raise Local("here")


def _answer_by_half(job: Job) -> None:
    """Write what a process that is killed while it answers has written."""
    said = pickle.dumps("a long answer")
    os.write(sys._getframe(2).f_locals["answer"].fileno(), (len(said) + 100).to_bytes(4, "big") + said)
    os._exit(1)


def _answer_slowly(job: Job) -> str:
    mark = job.folder / f"{job.name}.at-work"
    mark.touch()
    at_work = len([*job.folder.glob("*.at-work")])
    time.sleep(0.3)
    mark.unlink()
    return str(at_work)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    jobs = [Job(name, folder, "hang") for name in ("one", "two")]
    for _ in run(do, jobs, at_once=2, limit=1000, scratch=folder):
        pass
