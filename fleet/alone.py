"""One roll-out of a fleet at a time: its log and its pull requests have one writer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from building_block.messages import Problem, ProblemError
from filelock import FileLock, Timeout

from fleet.log import LOG
from fleet.messages import FleetCode

_LOCK = f"{LOG}.lock"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep every other roll-out of the fleet in a folder from beginning while the block runs.

    Raises:
        ProblemError: another one is under way.
    """
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        what, write = "another roll-out of this fleet is under way", "wait until it has ended"
        raise ProblemError(Problem(FleetCode.PAUSED, str(folder), what, write)) from None
    try:
        yield
    finally:
        lock.release()
