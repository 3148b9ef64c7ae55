"""The pool: whatever one job does, the others are done, and nothing of any is left."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.messages import FleetCode
from fleet.pool import Ended, run, scratch
from tests.conftest import ROOT
from tests.fleet.pool_jobs import Job, do

PATIENCE = 60.0


def ended(folder: Path, *kinds: str, at_once: int = 2, limit: float = PATIENCE) -> dict[str, Ended]:
    """Run a job of each kind, and return how each ended."""
    jobs = [Job(f"{number}-{kind}", folder, kind) for number, kind in enumerate(kinds)]
    return {one.job.does: one for one in run(do, jobs, at_once=at_once, limit=limit, scratch=folder)}


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(happens: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_job_that_hangs_is_ended_with_all_that_it_started_and_the_others_are_done(tmp_path):
    ended(tmp_path, "answer")  # so that what is imported once does not count
    found = ended(tmp_path, "hang", "answer", limit=10)
    (problem,) = found["hang"].problems
    assert problem.startswith(f"{FleetCode.TIME} 0-hang: took longer than 10 s and was ended")
    assert found["answer"].result["name"] == "1-answer"
    *pids, temporary = (tmp_path / "0-hang").read_text().split()
    assert len(pids) == 3
    until(lambda: not any(is_alive(int(pid)) for pid in pids))
    assert not Path(temporary).exists()


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("die", "the process ended with -9"),
        ("answer_by_half", "the process ended with 1"),
        ("raise", "KeyError: 'x\\n\\x1b[2J'"),
        ("exit", "SystemExit: bye"),
        ("answer_what_cannot_be_sent", "Can't"),
        ("raise_what_cannot_be_sent", "Local: here"),
    ],
)
def test_a_job_that_fails_as_none_should_is_told_and_the_others_are_done(tmp_path, kind, why):
    found = ended(tmp_path, kind, "answer", at_once=1)
    (problem,) = found[kind].problems
    assert problem.startswith(f"{FleetCode.CRASH} 0-{kind}: the fleet itself failed here: ")
    assert why in problem
    assert problem.isprintable()
    assert found[kind].result is None
    assert found[kind].crash
    assert found["answer"].problems == ()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_what_a_job_is_refused_for_is_told_so_that_everything_can_print_it(tmp_path):
    one = ended(tmp_path, "refuse")["refuse"]
    assert (one.result, one.crash) == (None, "")
    assert one.problems == tuple(f"FL201 caf\\udce9\\n{number}: is not there; look" for number in (1, 2))


def test_so_many_are_at_work_at_once_and_no_more_and_each_is_taken_when_there_is_room(tmp_path):
    taken, most = [], 0

    def jobs():
        for number in range(6):
            taken.append(number)
            yield Job(f"{number}", tmp_path, "answer_slowly")

    for done, one in enumerate(run(do, jobs(), at_once=2, limit=PATIENCE, scratch=tmp_path)):
        most = max(most, int(one.result))
        assert len(taken) <= done + 2
    assert (most, len(taken)) == (2, 6)


def test_each_job_is_one_process_that_has_imported_nothing_and_has_temporary_files_of_its_own(tmp_path):
    jobs = [Job(f"{number}", tmp_path) for number in range(4)]
    found = [one.result for one in run(do, jobs, at_once=2, limit=PATIENCE, scratch=tmp_path)]
    assert len({one["pid"] for one in found}) == len({one["temporary"] for one in found}) == 4
    assert len({one["parent"] for one in found}) == 1, "they come from one process, which has imported all"
    assert all(one["had"] for one in found)
    assert [*tmp_path.iterdir()] == []


def test_what_has_ended_before_it_begins_is_told_in_its_turn(tmp_path):
    before = Ended(Job("gone", tmp_path), 0.0, problems=("FL201 gone",))
    jobs = iter([Job("first", tmp_path), before, Job("last", tmp_path)])
    found = [one.job.name for one in run(do, jobs, at_once=1, limit=PATIENCE, scratch=tmp_path)]
    assert found == ["first", "gone", "last"]


def test_who_does_not_ask_further_ends_what_is_at_work(tmp_path):
    jobs = [Job("hangs", tmp_path, "hang"), Job("answers", tmp_path)]
    pool = run(do, jobs, at_once=2, limit=PATIENCE, scratch=tmp_path)
    assert next(pool).job.name == "answers"
    until((tmp_path / "hangs").exists)
    pool.close()
    *pids, temporary = (tmp_path / "hangs").read_text().split()
    until(lambda: not any(is_alive(int(pid)) for pid in pids))
    assert not Path(temporary).exists()


def test_a_slow_reader_takes_no_time_from_a_job(tmp_path):
    ended(tmp_path, "answer")
    found = []
    jobs = [Job(f"{number}", tmp_path, "answer") for number in range(2)]
    for one in run(do, jobs, at_once=2, limit=8, scratch=tmp_path):
        found.append(one.problems)
        time.sleep(9 if len(found) == 1 else 0)
    assert found == [(), ()]


@pytest.mark.parametrize("whole_group", [False, True], ids=["alone", "with its group"])
def test_what_is_at_work_ends_when_who_gave_it_is_killed(tmp_path, whole_group):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fleet.pool_jobs", str(tmp_path)],
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    until(lambda: (tmp_path / "one").exists() and (tmp_path / "two").exists())
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    pids = [int(pid) for name in ("one", "two") for pid in (tmp_path / name).read_text().split()[:3]]
    until(lambda: not any(is_alive(pid) for pid in pids))


def test_the_folder_of_a_killed_process_goes_with_the_next_and_that_of_one_at_work_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = "import time; from fleet.pool import scratch\nwith scratch() as own: print(own, flush=True); time.sleep(99)"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        killed, at_work = (Path(process.stdout.readline().strip()) for process in processes)
        (killed / "file").touch()
        processes[0].kill()
        processes[0].wait()
        with scratch() as own:
            assert (killed.exists(), at_work.exists(), own.exists()) == (False, True, True)
            assert own.stat().st_mode & 0o077 == 0
    finally:
        processes[1].kill()
        processes[1].wait()
    assert not own.exists()


def test_a_child_of_the_console_script_imports_nothing_that_the_others_have(tmp_path):
    """Counted by the interpreter's own list of imports, which every process writes."""
    script = tmp_path / "fleet-script.py"
    script.write_text(
        "from pathlib import Path\nimport fleet.__main__\nfrom fleet.pool import run\n"
        "from tests.fleet.pool_jobs import Job, do\n"
        "if __name__ == '__main__':\n"
        f"    folder = Path({str(tmp_path)!r})\n"
        "    jobs = [Job(str(number), folder) for number in range(3)]\n"
        "    print(sum(bool(one.result) for one in run(do, jobs, at_once=2, limit=60, scratch=folder)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(script)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "3\n"
    assert [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()].count("typer") == 2
