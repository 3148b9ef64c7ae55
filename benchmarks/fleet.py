"""What does it cost to bring a release to 10, 30 and 100 repositories, beside a loop of plain copier?

Each repository is a bare one with a project of the last release but one and its own answers; the working tree is what
it is brought to. The loop does what one writes first: clone, ``copier update``, commit, push, one after another.
Ours is ``fleet apply`` with two repositories at a time: it renders both releases, restores drift, writes what is
derived, verifies, pushes, and opens a pull request. Numbers of repositories may follow the command.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from benchmarks.measure import Usage, save, say, scratch
from benchmarks.update import BIN, NEXT, git
from fleet import work as of_work
from fleet.forges.local import LocalForge
from fleet.registry import Fleet
from fleet.remote import Remote, remote_of
from tools.ownership import ROOT
from tools.releases import recorded
from upgrade import update as of_update
from upgrade.template import Template

SIZES = (10, 30, 100)
SAMPLED = 10
"""Repositories whose work is timed phase by phase."""
LOOP = """
set -e
for repository in "$1"/*.git; do
  rm -rf clone
  git clone --quiet "$repository" clone
  cd clone
  git switch --quiet --create platform-update
  copier update --quiet --defaults --vcs-ref "$2"
  git commit --quiet --all --message "Update to $2"
  git push --quiet origin platform-update
  cd ..
done
"""
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)


class Bench:
    """A template's clone, and forges with as many repositories as are asked for."""

    def __init__(self, repositories: int) -> None:
        self.folder = scratch("fleet")
        self.release = [*recorded(ROOT)][-2]  # the last may be the tree itself, but for what was fixed since
        self.template = self.folder / "template"
        git(self.folder, "clone", "--no-hardlinks", str(ROOT), str(self.template))
        for path in filter(None, git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")):
            (self.template / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, self.template / path)
        for version, commit in recorded(ROOT).items():
            git(self.template, "tag", "--force", version, commit)
        git(self.template, "add", "--all")
        git(self.template, "commit", "--allow-empty", "--message", "The working tree")
        git(self.template, "tag", NEXT)
        self.units = [self._unit(number) for number in range(repositories)]

    def _unit(self, number: int) -> Path:
        """Return a committed project, stamped from that release."""
        folder = self.folder / "units" / f"unit-{number:03}"
        answers = {
            "domain_name": f"Unit {number:03}",
            "repository_url": f"https://github.com/acme/unit-{number:03}",
            "owner_email": f"unit-{number:03}@acme.com",
        }
        Template(self.template, self.release).render(self.release, answers, folder)
        git(folder, "init", "--initial-branch=main")
        git(folder, "add", "--all")
        git(folder, "commit", "--message", "Stamp")
        return folder

    def fleet(self, size: int) -> Path:
        """Return the folder of a fresh fleet of so many repositories."""
        folder = self.folder / "fleet"
        shutil.rmtree(folder, ignore_errors=True)
        forge, domains = LocalForge(folder / "forge"), []
        for unit in self.units[:size]:
            bare = forge.create(f"acme/{unit.name}")
            git(unit, "push", "--quiet", str(bare), "main")
            domains.append({"name": unit.name, "repository": f"acme/{unit.name}", "ring": "all", "contact": "acme"})
        declared = {"forge": {"kind": "local", "folder": "forge"}, "domains": domains}
        (folder / "domains.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
        (folder / "rings.yaml").write_text("rings:\n- {name: all, at_once: 2}\n", encoding="utf-8")
        return folder

    def loop(self, size: int) -> Usage:
        """Measure the loop."""
        folder = self.fleet(size)
        (folder / "loop").mkdir()
        usage = whole(["bash", "-c", LOOP, "loop", str(folder / "forge" / "acme"), NEXT], folder / "loop")
        self._must_have_arrived(folder, size)
        return usage

    def ours(self, size: int) -> tuple[Usage, Usage]:
        """Measure a campaign, and a look at the fleet after it, when nothing has moved."""
        folder = self.fleet(size)
        path = f"{self.template}:{self.template / 'template' / 'platform'}"
        fleet = [sys.executable, "-W", "ignore", "-m", "fleet", "--fleet", str(folder)]
        usage = whole([*fleet, "apply", "--to", NEXT], folder, PYTHONPATH=path)
        self._must_have_arrived(folder, size)
        whole([*fleet, "status"], folder, PYTHONPATH=path, expected=2)
        return usage, whole([*fleet, "status"], folder, PYTHONPATH=path, expected=2)

    def phases(self) -> dict[str, float]:
        """Return the seconds of each phase of the work on one repository, in one process with nothing beside it."""
        folder = self.fleet(SAMPLED)
        spent: dict[str, float] = defaultdict(float)
        fleet = Fleet.read(folder)
        forge = LocalForge(folder / "forge")
        at = git(self.template, "show", "--no-patch", "--format=%cI", NEXT).strip()
        jobs = [
            of_work.Job(one.name, remote_of(forge, one), "", self.template, NEXT, at, push=True)
            for one in fleet.domains
        ]
        places = (
            (Remote, "heads", "look"),
            (Remote, "push", "push"),
            (Template, "render", "render"),
            (of_update, "verify", "verify"),
            (of_work, "_by_the_release", "derive"),
        )
        of_work.work(jobs.pop())  # imports, and the first compile of each template
        with timed(spent, places):
            start = time.monotonic()
            for job in jobs:
                of_work.work(job)
            whole_ = time.monotonic() - start
        spent["fetch, check out, commit"] = whole_ - sum(spent.values())
        return {name: round(seconds / len(jobs), 3) for name, seconds in spent.items()}

    def _must_have_arrived(self, folder: Path, size: int) -> None:
        """Raise unless every repository has a branch with the platform's files of the working tree."""
        for unit in self.units[:size]:
            bare = folder / "forge" / "acme" / f"{unit.name}.git"
            found = git(bare, "show", "platform-update:platform/building_block/doctor.py")
            if found != (self.template / "template/platform/building_block/doctor.py").read_text(encoding="utf-8"):
                raise RuntimeError(f"{unit.name} has not got it")


def whole(command: list[str], cwd: Path, expected: int = 0, **environment: str) -> Usage:
    """Run a command and return what it and all that it has started cost, what outlives it as well."""
    who = {f"GIT_{role}_{key}": "bench@example.org" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    variables = os.environ | {"PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin"} | who | environment
    with cwd.with_name(f"{cwd.name}.log").open("wb") as log:
        start = time.monotonic()
        process = subprocess.Popen(command, cwd=cwd, env=variables, stdout=log, stderr=subprocess.STDOUT)
        cpu, peak, wall = 0.0, 0, 0.0
        while True:
            try:
                pid, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                break
            cpu += usage.ru_utime + usage.ru_stime
            peak = max(peak, usage.ru_maxrss)
            if pid == process.pid:
                wall = time.monotonic() - start
                process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != expected:
        raise RuntimeError(f"{command} ended with {process.returncode}: see {cwd}.log")
    return Usage(round(wall, 3), round(cpu, 3), round(peak * 1024 / 1e6, 1))


@contextmanager
def timed(spent: dict[str, float], places: tuple[tuple[object, str, str], ...]) -> Iterator[None]:
    """Add to ``spent`` the seconds that each of these functions takes."""

    def clocked(function: Callable, phase: str) -> Callable:
        def call(*arguments: object, **named: object) -> object:
            start = time.monotonic()
            try:
                return function(*arguments, **named)
            finally:
                spent[phase] += time.monotonic() - start

        return call

    before = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, phase in places:
        setattr(owner, name, clocked(getattr(owner, name), phase))
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


def main() -> None:
    """Measure all sizes, and keep the result."""
    sizes = [*map(int, sys.argv[1:])] or [*SIZES]
    bench = Bench(max(*sizes, SAMPLED))
    phases = bench.phases()
    say(f"phases: {phases}")
    cases: dict[str, list[Usage]] = {}
    for size in sizes:
        cases[f"{size}, loop"] = [bench.loop(size)]
        say(f"loop over {size}: {cases[f'{size}, loop'][0]}")
        ours, look = bench.ours(size)
        cases[f"{size}, ours"], cases[f"{size}, status"] = [ours], [look]
        say(f"ours on {size}: {ours}; status after it: {look}")
    save("fleet", cases, ("copier",), release=bench.release, phases=phases)


if __name__ == "__main__":
    main()
