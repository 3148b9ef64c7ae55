"""Runs jobs side by side, each in a process of its own with a time limit: one that hangs or dies stops no other."""

import multiprocessing
import os
import signal
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from shutil import rmtree
from tempfile import gettempdir, mkdtemp
from typing import Any, Generic, TypeVar

from building_block.messages import Problem, ProblemError, one_line
from filelock import FileLock, Timeout

from fleet.messages import FleetCode
from upgrade.tree import printable

Job = TypeVar("Job")
Result = TypeVar("Result")

_PREFIX = "building-block-fleet-"
_LAST_BREATH = 10.0
_PRELOADED = ["fleet.__main__", "fleet.work", "fleet.survey", "copier", "plumbum", "jinja2"]
"""The first, since each child of a console script imports what that imports."""


@dataclass(frozen=True)
class Ended(Generic[Job, Result]):
    """How a job ended."""

    job: Job
    seconds: float
    result: Result | None = None
    problems: tuple[str, ...] = ()
    """Messages, where it has no result."""
    crash: str = ""
    """What is for whoever maintains the fleet: the traceback of what should not have happened."""


def run(
    work: Callable[[Job], Result],
    jobs: Iterable[Job | Ended[Job, Result]],
    *,
    at_once: int,
    limit: float,
    scratch: Path,
) -> Iterator[Ended[Job, Result]]:
    """Yield how each job ended, as they end; the next one is only taken from ``jobs`` when there is room for it.

    One of them may have ended before it begins, as where it is known by then that it cannot be done.
    ``str(job)`` names it in messages. ``limit`` is how many seconds one may take; ``scratch`` is where each gets a
    folder for temporary files of its own.
    A job's process and all that it started are gone when it has ended, and when this process ends.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    running: dict[Connection, _Running] = {}
    waiting = iter(jobs)
    exhausted = False
    try:
        while True:
            while not exhausted and len(running) < at_once:
                try:
                    job = next(waiting)
                except StopIteration:
                    exhausted = True
                    break
                if isinstance(job, Ended):
                    yield job
                    continue
                one = _Running.start(context, work, job, scratch)
                running[one.answer] = one
            if not running:
                return
            soonest = min(one.started for one in running.values()) + limit - time.monotonic()
            for answer in wait([*running], timeout=max(0, soonest)):
                yield running.pop(answer).ended()
            for answer, one in [*running.items()]:
                # One that has answered meanwhile has ended in time.
                if time.monotonic() - one.started > limit and not answer.poll():
                    one.kill()
                    del running[answer]
                    what = f"took longer than {limit:.0f} s and was ended; nothing was pushed by halves"
                    problem = Problem(
                        FleetCode.TIME, str(one.job), what, "look whether the remote answers, and begin again"
                    )
                    yield Ended(one.job, time.monotonic() - one.started, problems=(str(problem),))
    finally:
        for one in running.values():
            one.kill()


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield an empty folder for ``run``, gone after the block; that of a killed process goes with the next."""
    for lock in Path(gettempdir()).glob(f"{_PREFIX}*.lock"):
        _sweep(lock)
    own = Path(gettempdir(), f"{_PREFIX}{uuid.uuid4().hex}")
    # The system lets go of it when the process ends, however it ends; so a folder whose lock is free is nobody's.
    with FileLock(own.with_suffix(".lock")):
        own.mkdir(mode=0o700)
        try:
            yield own
        finally:
            _remove(own)


def _sweep(lock: Path) -> None:
    with suppress(Timeout, OSError):  # in use, or gone already
        if lock.lstat().st_uid == os.getuid():
            with FileLock(lock, timeout=0):
                _remove(lock.with_suffix(""))


def _remove(folder: Path) -> None:
    rmtree(folder, ignore_errors=True)
    folder.with_suffix(".lock").unlink(missing_ok=True)


@dataclass
class _Running(Generic[Job]):
    job: Job
    process: Any
    answer: Connection
    folder: str
    """For what it writes; gone when it has ended."""
    started: float

    @classmethod
    def start(cls, context: Any, work: Callable[[Job], Any], job: Job, scratch: Path) -> "_Running[Job]":
        answer, ours = context.Pipe(duplex=False)
        folder = mkdtemp(dir=scratch)
        process = context.Process(target=_child, args=(work, job, ours, folder), daemon=True)
        process.start()
        ours.close()
        return cls(job, process, answer, folder, time.monotonic())

    def ended(self) -> Ended[Job, Any]:
        try:
            result, problems, crash = self.answer.recv()
        except (EOFError, OSError):  # nothing, or half an answer
            self.process.join(_LAST_BREATH)
            result, problems, crash = None, (), f"the process ended with {self.process.exitcode}"
        if crash:
            what = f"the fleet itself failed here: {one_line(crash.strip().splitlines()[-1])}"
            write = "tell who maintains the fleet; the others went on"
            problems = (str(Problem(FleetCode.CRASH, str(self.job), what, write)),)
        self.kill()
        return Ended(self.job, time.monotonic() - self.started, result, problems, crash)

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.answer.close()
        rmtree(self.folder, ignore_errors=True)


def _child(work: Callable[[Any], Any], job: Any, answer: Connection, folder: str) -> None:
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ |= {"TMPDIR": folder, "COPIER_CACHE_DIR": folder}
    import tempfile

    tempfile.tempdir = folder
    try:
        answer.send((work(job), (), ""))
    except ProblemError as error:
        answer.send((None, tuple(printable(str(problem)) for problem in error.problems), ""))
    except BaseException:
        answer.send((None, (), traceback.format_exc()))
    answer.close()


def _end_with_parent() -> None:
    """End this process and what it started when the one that gave the job is gone, killed perhaps."""
    parent = multiprocessing.parent_process()
    if parent:
        wait([parent.sentinel])
    os.killpg(0, signal.SIGKILL)
