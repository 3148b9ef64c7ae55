# platform-owned: changed by `copier update` only; see platform/README.md
"""A run that finds the warehouse held tries again later: where nobody watches, a day must not be lost by that."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from building_block.messages import Code, ProblemError

SECONDS_BETWEEN_TRIES = 30
MOST_RETRIES = 40
"""An hour, with the minute that each try waits for the lock: a forgotten SQL client does not stop the queue all day."""


@contextmanager
def tried_again(run: dg.DagsterRun | None) -> Iterator[None]:
    """Let Dagster try the step of the block again when another process holds the warehouse; no other error.

    Only in a ``run`` that Dagster launched, by itself or for a click: it shows what is awaited. `poe build`, a test or
    a script runs in the process of who asked for it: they read who holds the warehouse, and close that sooner.
    """
    try:
        yield
    except ProblemError as error:
        held = any(problem.code is Code.WAREHOUSE_LOCKED for problem in error.problems)
        if not held or run is None or run.remote_job_origin is None:
            raise
        raise dg.RetryRequested(MOST_RETRIES, SECONDS_BETWEEN_TRIES) from error
