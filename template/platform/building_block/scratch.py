# platform-owned: changed by `copier update` only; see platform/README.md
"""Folders for rows in the clear on their way: below ``data/``, where who may read them is settled already."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from building_block.project import Project


@contextmanager
def scratch(project: Project) -> Iterator[Path]:
    """Yield an empty folder that is gone after the block; what a killed process left goes when the next one begins."""
    folder = project.data / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    for lock in folder.glob("*.lock"):
        _sweep(lock)
    own = folder / uuid.uuid4().hex
    # The system lets go of it when the process ends, however it ends; a stream may be closed by another thread.
    with FileLock(own.with_suffix(".lock"), thread_local=False):
        own.mkdir()
        try:
            yield own
        finally:
            _remove(own)


def _sweep(lock: Path) -> None:
    try:
        with FileLock(lock, timeout=0):
            _remove(lock.with_suffix(""))
    except Timeout:  # its process is at work
        return


def _remove(own: Path) -> None:
    shutil.rmtree(own, ignore_errors=True)
    own.with_suffix(".lock").unlink(missing_ok=True)
