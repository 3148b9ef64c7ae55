# platform-owned: changed by `copier update` only; see platform/README.md
"""Runs whose process is gone: Dagster would show them as started, and let others wait for them, for ever."""

import json
import socket

import dagster as dg

BUILD_TAG = "bb_build"
"""On the runs of `poe build`, with the id of its process."""
_SERVER_TAG = ".dagster/grpc_info"  # which code server runs it; Dagster's default launcher writes it to cancel by
_UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def end_abandoned_runs(instance: dg.DagsterInstance, *, building: bool, again: bool) -> None:
    """End the runs of this machine whose process was killed, or went down with the machine.

    Dagster's run monitoring sees a killed run only while the code server lives that started it. Such a run is reported
    as failed when the daemon is to run it ``again``, else as cancelled; a run of `poe build` as cancelled, since the
    next build does its work: unless another process is ``building`` right now.
    """
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY)):
        if _SERVER_TAG in run.tags and not _answers(json.loads(run.tags[_SERVER_TAG])):
            end = instance.report_run_failed if again else instance.report_run_canceled
            end(run, "The process of this run is gone.")
        elif BUILD_TAG in run.tags and not building:
            instance.report_run_canceled(run, "The process of this build is gone; the next build does its work.")


def _answers(server: dict[str, str | int]) -> bool:
    """Say whether a code server listens at its socket, or at its port where there are no such sockets (Windows)."""
    try:
        if path := server.get("socket"):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
        else:
            socket.create_connection((server["host"], server["port"]), timeout=5).close()
    except OSError:
        return False
    return True
