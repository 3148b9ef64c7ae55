"""What do a copy and an update cost beside plain copier's and cruft's?

All three bring a project of the release before the last one to the working tree. Plain copier is ``copier copy`` and
``copier update`` of this very template. Cruft gets a cookiecutter template of the same files, as they are rendered, so
that it has nothing to fill in. Ours is ``poe update`` from the template's clone on: it restores drift, runs copier,
writes what is derived, compares the result with a fresh render and asks ``poe check``. Its copy is copier's.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from benchmarks.measure import Usage, interleaved, run, save, say, scratch
from tools.ownership import ROOT
from tools.releases import recorded
from upgrade.template import Template

RUNS = 5
BIN = Path(sys.executable).parent
CRUFT = "cruft==2.16.0"
ANSWERS = ROOT / "tests" / "answers" / "minimal.yml"
NEXT = "v999.0.0"
COUNTER = """
import os, sys

if count := os.environ.get("COUNT_PROCESSES"):
    started = {"subprocess.Popen", "os.fork", "os.posix_spawn"}

    def hook(event, _):
        if event in started:
            with open(count, "a") as file:
                file.write("x")

    sys.addaudithook(hook)
"""
"""Counts what Python processes start, in a file: a byte each. What git starts by itself is counted for none of them."""


def git(folder: Path, *arguments: str) -> str:
    """Run git in the name of somebody, and return what it prints."""
    who = ("-c", "user.name=Bench", "-c", "user.email=bench@example.org")
    done = subprocess.run(
        ["git", *who, *arguments],  # noqa: S607 - the machine's own git
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


class Bench:
    """The folders that the cases work in."""

    def __init__(self) -> None:
        self.folder = scratch("update")
        self.release = [*recorded(ROOT)][-1]
        self.template = self._template()
        self.cookie = self._cookie()
        self.cruft = self._cruft()
        (self.folder / "counter").mkdir()
        (self.folder / "counter" / "sitecustomize.py").write_text(COUNTER)
        self.count: Path | None = None
        """Where processes are counted, while they are."""

    def _template(self) -> Path:
        """Return a clone of the working tree, which is tagged as a release after the others."""
        clone = self.folder / "template"
        git(self.folder, "clone", "--no-hardlinks", str(ROOT), str(clone))
        listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for path in filter(None, listed.split("\0")):
            (clone / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, clone / path)
        for version, commit in recorded(ROOT).items():
            git(clone, "tag", "--force", version, commit)
        git(clone, "add", "--all")
        git(clone, "commit", "--allow-empty", "--message", "The working tree")
        git(clone, "tag", NEXT)
        return clone

    def _cookie(self) -> Path:
        """Return a cookiecutter template with a commit for the release and one for the working tree."""
        cookie = self.folder / "cookie"
        tree = cookie / "{{cookiecutter.slug}}"
        cookie.mkdir()
        git(cookie, "init", "--initial-branch", "main")
        settings = {"slug": "sales", "_copy_without_render": ["*"]}
        (cookie / "cookiecutter.json").write_text(json.dumps(settings))
        answers = yaml.safe_load(ANSWERS.read_text(encoding="utf-8"))
        for version in (self.release, NEXT):
            shutil.rmtree(tree, ignore_errors=True)
            Template(self.template, version).render(version, answers, tree)
            git(cookie, "add", "--all", "--force")
            git(cookie, "commit", "--message", version)
            git(cookie, "tag", version)
        return cookie

    def _cruft(self) -> Path:
        folder = self.folder / "cruft"
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", folder], check=True)
        python = folder / "bin" / "python"
        subprocess.run([*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, CRUFT], check=True)
        return folder / "bin" / "cruft"

    @property
    def rendered(self) -> Path:
        """The working tree as it renders."""
        return self.cookie / "{{cookiecutter.slug}}"

    def stamp(self) -> None:
        """Stamp the projects that are updated and asked, and commit them."""
        for way, version, name in (
            (self.copied_by_copier, self.release, "stamped by copier"),
            (self.copied_by_cruft, self.release, "stamped by cruft"),
            (self.copied_by_copier, NEXT, "asked"),
        ):
            project = self.folder / name
            way(version, project)
            git(project, "init", "--initial-branch", "main")
            git(project, "config", "user.name", "Bench")
            git(project, "config", "user.email", "bench@example.org")
            git(project, "add", "--all")
            git(project, "commit", "--message", "Stamp")

    # The cases --------------------------------------------------------------------------------------------------------

    def copied_by_copier(self, version: str, folder: Path) -> Usage:
        """Stamp a project."""
        command = [BIN / "copier", "copy", "--quiet", "--defaults", "--vcs-ref", version, "--data-file", ANSWERS]
        return self._run([*command, self.template, folder], self.folder)

    def copied_by_cruft(self, version: str, folder: Path) -> Usage:
        """Stamp a project."""
        command = [self.cruft, "create", "--no-input", "--checkout", version, "--output-dir", folder.parent]
        usage = self._run([*command, str(self.cookie)], self.folder)
        if folder.name != "sales":
            (folder.parent / "sales").rename(folder)
        return usage

    def copy(self, way: Callable[[str, Path], Usage]) -> Usage:
        """Measure a copy of the working tree."""
        target = self.folder / "copied" / "sales"
        shutil.rmtree(target.parent, ignore_errors=True)
        target.parent.mkdir()
        return way(NEXT, target)

    def updated(self, way: str) -> Usage:
        """Measure an update from the last release to the working tree, of a committed project as it was stamped."""
        stamped = self.folder / f"stamped by {'cruft' if way == 'cruft' else 'copier'}"
        project = self.folder / "updated"
        shutil.rmtree(project, ignore_errors=True)
        shutil.copytree(stamped, project, symlinks=True)
        commands = {
            "copier": [BIN / "copier", "update", "--quiet", "--defaults", "--vcs-ref", NEXT],
            "cruft": [self.cruft, "update", "--skip-apply-ask", "--checkout", NEXT],
            "ours": [sys.executable, "-W", "ignore", "-m", "upgrade", "update", project, f"--to={NEXT}"],
        }
        path = f"{self.template}:{self.template / 'template' / 'platform'}" if way == "ours" else ""
        usage = self._run(commands[way], project, path)
        self._must_have_arrived(project, way)
        return usage

    def checked(self) -> Usage:
        """Measure what an update of ours asks of the project's own code: ``poe check``, in a fresh checkout."""
        git(self.folder / "asked", "clean", "-fdxq")
        return self._asked("check")

    def looked_at(self) -> Usage:
        """Measure ``poe doctor`` without poe."""
        return self._asked("doctor")

    def _asked(self, command: str) -> Usage:
        project = self.folder / "asked"
        return self._run([BIN / "building-block", command], project, f"{project / 'platform'}:{project / 'src'}")

    def _must_have_arrived(self, project: Path, way: str) -> None:
        """Raise unless the platform's files are those of the working tree."""
        for path in ("platform/manifest.sha256", "platform/building_block/doctor.py", "poe_tasks.toml"):
            if (project / path).read_bytes() != (self.rendered / path).read_bytes():
                raise RuntimeError(f"{way} has not brought {path}")

    def _run(self, command: list[str | Path], cwd: Path, path: str = "") -> Usage:
        variables = {"PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin"}
        if self.count:
            variables["COUNT_PROCESSES"] = str(self.count)
            path = f"{self.folder / 'counter'}:{path}"
        return run(command, cwd, PYTHONPATH=path, **variables)

    def processes(self, name: str, case: Callable[[], Usage]) -> int:
        """Run a case once with the processes counted, which costs it something."""
        self.count = self.folder / "count"
        self.count.write_bytes(b"")
        case()
        started = self.count.stat().st_size
        self.count = None
        say(f"{name}: {started} processes")
        return started


def main() -> None:
    """Measure all of them in turn, and keep the result."""
    bench = Bench()
    bench.stamp()
    cases = {
        "copy, copier": lambda: bench.copy(bench.copied_by_copier),
        "copy, cruft": lambda: bench.copy(bench.copied_by_cruft),
        "update, copier": lambda: bench.updated("copier"),
        "update, cruft": lambda: bench.updated("cruft"),
        "update, ours": lambda: bench.updated("ours"),
        "check": bench.checked,
        "doctor": bench.looked_at,
    }
    processes = {name: bench.processes(name, case) for name, case in cases.items()}  # and warms what has a cache
    files = sum(1 for file in bench.rendered.rglob("*") if file.is_file())
    facts = {"release": bench.release, "files": files, "processes": processes, "cruft": CRUFT.partition("==")[2]}
    save("update", interleaved(cases, RUNS), ("copier",), **facts)


if __name__ == "__main__":
    main()
