"""The CI of the forge in a folder: what a project's own checks say of every open pull request's head."""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from building_block.messages import ProblemError

from fleet.forges import sandbox
from fleet.forges.local import Comment, LocalForge, Pull, Result
from upgrade.git import ALOOF, Git, settings

_LINES = 40
_LONGEST = 60_000
"""Signs of a comment; GitHub takes 65,536."""


@dataclass(frozen=True)
class Checked:
    """What the checks of a pull request's head said."""

    repository: str
    number: int
    commit: str
    failed: tuple[str, ...]
    """The names of the checks that did."""
    why: tuple[str, ...] = ()
    """The last line of what each of them printed."""

    @classmethod
    def of(cls, repository: str, pull: Pull) -> "Checked":
        """Return what a record says."""
        failed = [result for result in pull.checks if result.commit == pull.head and not result.passed]
        why = tuple(result.output.rpartition("\n")[2] for result in failed)
        return cls(repository, pull.number, pull.head, tuple(result.name for result in failed), why)


def run(folder: Path, repository: str | None = None, at_once: int = 2, seconds: float = 600) -> list[Checked]:
    """Check every pull request in a forge's folder, or of one repository there, whose head was not checked yet.

    So many are checked at once, and each step may take so many seconds. What they say goes into the records. One that
    was merged before its checks ran is checked as well, and what is open and has failed before is told again.

    Raises:
        ProblemError: this machine cannot run a project's code without files and network; none was run.
    """
    forge = LocalForge(folder)
    names = [repository] if repository else forge.repositories()
    pulls = [(name, pull) for name in names for pull in forge.pulls(name) if pull.state != "closed"]
    due = [(name, pull) for name, pull in pulls if not any(result.commit == pull.head for result in pull.checks)]
    known = [Checked.of(name, pull) for name, pull in pulls if pull.state == "open" and (name, pull) not in due]
    failed = [checked for checked in known if checked.failed]
    if not due:
        return failed
    sandbox.must_be_had()
    stop = Event()
    with ThreadPoolExecutor(at_once) as pool:
        checking = [pool.submit(_check, forge, name, pull, seconds, stop) for name, pull in due]
        try:
            return [*failed, *(one.result() for one in checking)]
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _check(forge: LocalForge, repository: str, pull: Pull, seconds: float, stop: Event) -> Checked:
    with TemporaryDirectory(prefix="fleet-", ignore_cleanup_errors=True) as scratch:
        try:
            checkout = _Checkout.of(forge.path(repository), pull, Path(scratch))
        except ProblemError as error:
            results, said = [_result(pull.head, "checkout", False, str(error))], ""
        else:
            results, said = checkout.check(seconds, stop)
    if stop.is_set():
        raise InterruptedError

    def change(record: Pull) -> None:
        record.checks = [one for one in record.checks if one.commit != pull.head] + results
        if record.head == pull.head:
            record.comments = [one for one in record.comments if one.author != "ci"]
            if said:
                record.comments.append(Comment(author="ci", text=said, written=datetime.now(UTC)))

    checked = forge.change(repository, pull.number, change)
    return Checked.of(repository, checked.model_copy(update={"head": pull.head}))


@dataclass(frozen=True)
class _Checkout:
    """A fresh clone at the head of a pull request."""

    folder: Path
    scratch: Path
    head: str
    fork: str
    """The commit at which its branch left the base."""

    @classmethod
    def of(cls, bare: Path, pull: Pull, scratch: Path) -> "_Checkout":
        folder = scratch / "repository"
        for path in (folder, scratch / "home", scratch / "tmp"):
            path.mkdir()
        # Nor what this user has told git to run on a checkout, such as git-lfs.
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        git = Git(folder, settings(ALOOF) | alone)
        git("init", "--quiet")
        git("fetch", "--quiet", "--no-tags", bare.as_uri(), pull.head, f"refs/heads/{pull.base}:refs/heads/base")
        git("checkout", "--quiet", "--detach", pull.head)
        return cls(folder, scratch, pull.head, git("merge-base", pull.head, "base"))

    def check(self, seconds: float, stop: Event) -> tuple[list[Result], str]:
        """Return what each step said, and what is to be said under the pull request."""
        projects = sorted(file.parents[1] for file in self.folder.rglob("platform/domain.toml"))
        if not projects:
            return [_result(self.head, "checkout", False, "There is no project: platform/domain.toml is missing.")], ""
        results, said = [], []
        for project in projects:
            below = project.relative_to(self.folder).as_posix()
            for name, arguments in self._steps(project):
                if stop.is_set():
                    break
                environment = self._environment(project)
                outcome = sandbox.run(_command(*arguments), project, environment, seconds, self.scratch, stop)
                if name == "impact" and outcome.code == 0 and outcome.out.strip():
                    said.append(outcome.out.strip())
                text = outcome.out + outcome.err
                if outcome.code is None:
                    text += f"\nended after {seconds:g} seconds\n"
                full_name = name if below == "." else f"{below}: {name}"
                results.append(_result(self.head, full_name, outcome.code == 0, text))
        return results, _cut("\n\n".join(said))

    def _steps(self, project: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
        yield "check", ("check",)
        yield "build", ("build",)
        has_it = (project / "platform" / "building_block" / "impact.py").is_file()  # a later release brought it
        if has_it and self.fork != self.head:  # what is merged differs in nothing from its base
            yield "impact", ("impact", "--against", self.fork)

    def _environment(self, project: Path) -> dict[str, str]:
        """Return all that a step has: nothing of this process's but where programs are."""
        return {
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
            "HOME": str(self.scratch / "home"),
            "TMPDIR": str(self.scratch / "tmp"),
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(map(str, (project / "platform", project / "src"))),
            "BUILDING_BLOCK_DATA": str(project / "data"),
            "COLUMNS": "200",
        }


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-c", "from building_block.cli import main; main()", *arguments]


def _result(commit: str, name: str, passed: bool, text: str) -> Result:
    last = "\n".join(text.splitlines()[-_LINES:])
    return Result(commit=commit, name=name, passed=passed, ended=datetime.now(UTC), output=last[-_LONGEST:])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "\n\n… and more, which was cut off.\n"
