"""A forge in a folder: bare repositories, and beside each its pull requests as JSON records."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from building_block.messages import Problem, ProblemError, one_line
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from fleet.forges import Checks, PullRequest, Repository
from fleet.messages import FleetCode
from upgrade.git import Git

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*/[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_IDENTITY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Forge"), ("EMAIL", "forge@localhost"))
}
_HOOK = """#!/bin/sh
# What a branch's protection and an archive refuse; see fleet/forges/local.py.
if [ "$(git config --type=bool --get fleet.archived)" = true ]; then
  echo "this repository is archived, and read only" >&2
  exit 1
fi
while read -r old new ref; do
  if git config --get-all fleet.protected | grep -Fqx "${ref#refs/heads/}"; then
    echo "${ref#refs/heads/} is protected: open a pull request" >&2
    exit 1
  fi
done
"""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Result(_Record):
    """What one check said of one commit."""

    commit: str
    name: str
    passed: bool
    ended: datetime
    output: str
    """Its last lines."""


class Comment(_Record):
    """What somebody, or CI, said under a pull request."""

    author: Literal["person", "ci"]
    text: str
    written: datetime


class Pull(_Record):
    """A pull request as it is recorded."""

    number: int
    state: Literal["open", "merged", "closed"]
    branch: str
    base: str
    head: str
    """Follows the branch as long as the pull request is open."""
    title: str
    body: str
    created: datetime
    ended: datetime | None = None
    comments: list[Comment] = []
    checks: list[Result] = []


@dataclass(frozen=True)
class LocalForge:
    """Implements ``Forge`` on a folder, and what the people of a forge do there.

    A repository lies at ``<org>/<name>.git``, its pull request 1 at ``<org>/<name>.pulls/1.json``. Any number of
    processes may use the folder at a time: whoever reads or writes records has the repository's lock.
    """

    folder: Path

    # What the fleet asks ----------------------------------------------------------------------------------------------

    def clone_url(self, repository: str) -> str:
        """Return the bare repository's ``file://``."""
        return self.path(repository).as_uri()

    def git_settings(self, repository: str) -> Mapping[str, str]:
        """Return none: who may write to the folder may push."""
        self.path(repository)
        return {}

    def look_up(self, repository: str) -> Repository:
        """Return the repository as it is called now."""
        path = self.path(repository)
        git = Git(path)
        return Repository(
            name=f"{path.parent.name}/{path.name.removesuffix('.git')}",
            default_branch=git("symbolic-ref", "--short", "HEAD"),
            is_archived=git.tried("config", "--type=bool", "--get", "fleet.archived").stdout.strip() == "true",
        )

    def pull_requests(self, repository: str, branch: str) -> list[PullRequest]:
        """Return all pull requests from a branch, the newest first."""
        return [self._shown(repository, pull) for pull in self.pulls(repository) if pull.branch == branch]

    def open(self, repository: str, branch: str, base: str, title: str, body: str) -> PullRequest:
        """Propose a branch for ``base``; refuse one that is not there or has nothing new."""
        self._must_be_writable(repository)
        with self._records(repository) as records:
            pulls = records.all()
            for pull in pulls:
                if (pull.state, pull.branch, pull.base) == ("open", branch, base):
                    return self._shown(repository, pull)
            for name in (branch, base):
                if not records.commit(name):
                    what, write = f"there is no branch `{name}`", "push it first"
                    raise ProblemError(Problem(FleetCode.FORGE, repository, what, write))
            head = records.commit(branch)
            if records.holds(base, head):
                what = f"`{branch}` has no commit that `{base}` has not"
                raise ProblemError(Problem(FleetCode.FORGE, repository, what, "push one first"))
            number = max((pull.number for pull in pulls), default=0) + 1
            pull = Pull(
                number=number,
                state="open",
                branch=branch,
                base=base,
                head=head,
                title=title,
                body=body,
                created=datetime.now(UTC),
            )
            records.write(pull)
        return self._shown(repository, pull)

    def edit(self, repository: str, number: int, title: str, body: str) -> PullRequest:
        """Give a pull request another title and body."""
        self._must_be_writable(repository)

        def change(pull: Pull) -> None:
            pull.title, pull.body = title, body

        return self._shown(repository, self.change(repository, number, change))

    def close(self, repository: str, number: int, comment: str) -> None:
        """Close a pull request, as its team or the fleet does, and say why."""
        self._must_be_writable(repository)

        def change(pull: Pull) -> None:
            if pull.state == "open":
                pull.state, pull.ended = "closed", datetime.now(UTC)
                pull.comments.append(Comment(author="person", text=comment, written=datetime.now(UTC)))

        self.change(repository, number, change)

    def checks(self, repository: str, commit: str) -> Checks:
        """Return what the checks said that were run of a commit; see ``fleet.forges.checks``."""
        found = [result for pull in self.pulls(repository) for result in pull.checks if result.commit == commit]
        if not found:
            return Checks("pending")
        failed = tuple(dict.fromkeys(result.name for result in found if not result.passed))
        return Checks("failed" if failed else "passed", max(result.ended for result in found), failed)

    # What others do there ---------------------------------------------------------------------------------------------

    def create(self, repository: str) -> Path:
        """Make an empty repository with the default branch main, and return where it lies."""
        path = self._named(repository)
        if path.is_dir() and not path.is_symlink():
            what, write = "is there already", "take another name"
            raise ProblemError(Problem(FleetCode.FORGE, repository, what, write))
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent) as scratch:  # so that there is a whole one or none
            made = Path(scratch) / path.name
            made.mkdir()
            git = Git(made)
            git("init", "--quiet", "--bare", "--initial-branch=main", "--template=")
            # Whatever hooks a person has set for all repositories, these are the forge's.
            git("config", "core.hooksPath", "hooks")
            # As forges allow it: a pull request's head can be fetched after its branch is gone.
            git("config", "uploadpack.allowAnySHA1InWant", "true")
            hook = made / "hooks" / "pre-receive"
            hook.parent.mkdir()
            hook.write_text(_HOOK, encoding="utf-8")
            hook.chmod(0o755)
            path.unlink(missing_ok=True)  # where one was renamed, the name is free again
            os.replace(made, path)
        return path

    def archive(self, repository: str) -> None:
        """Make a repository read only, its pull requests too."""
        Git(self.path(repository))("config", "fleet.archived", "true")

    def protect(self, repository: str, branch: str) -> None:
        """Refuse every push to a branch; only ``merge`` moves it."""
        Git(self.path(repository))("config", "--add", "fleet.protected", branch)

    def rename(self, repository: str, name: str) -> None:
        """Give a repository another name; it is found by the one that it had, too."""
        path, new = self.path(repository), self._named(name)
        if new.is_dir() and not new.is_symlink():
            raise ProblemError(Problem(FleetCode.FORGE, name, "is there already", "take another name"))
        with self._lock(path):
            new.parent.mkdir(parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            os.replace(path, new)
            if path.with_suffix(".pulls").exists():
                os.replace(path.with_suffix(".pulls"), new.with_suffix(".pulls"))
            path.symlink_to(os.path.relpath(new, path.parent))  # git finds it by that, too, as it does on forges

    def merge(self, repository: str, number: int) -> str:
        """Merge an open pull request into its base and return the merge's commit; refuse conflicts."""
        self._must_be_writable(repository)
        with self._records(repository) as records:
            pull = records.one(number)
            if pull.state != "open":
                what = f"pull request {number} is {pull.state}"
                raise ProblemError(Problem(FleetCode.FORGE, repository, what, "open a new one"))
            base, git = records.commit(pull.base), records.git
            merged = git.tried("merge-tree", "--write-tree", "--no-messages", base, pull.head)
            if merged.returncode:
                what = f"pull request {number} conflicts with `{pull.base}`"
                write = f"merge `{pull.base}` into `{pull.branch}`, and push that"
                raise ProblemError(Problem(FleetCode.FORGE, repository, what, write))
            message = f"Merge pull request #{number} from {pull.branch}\n\n{pull.title}"
            tree = merged.stdout.split()[0]
            commit = git("commit-tree", tree, "-p", base, "-p", pull.head, "-m", message)
            git("update-ref", f"refs/heads/{pull.base}", commit, base)
            pull.state, pull.ended = "merged", datetime.now(UTC)
            records.write(pull)
        return commit

    def comment(self, repository: str, number: int, text: str) -> None:
        """Say something under a pull request."""

        def change(pull: Pull) -> None:
            pull.comments.append(Comment(author="person", text=text, written=datetime.now(UTC)))

        self.change(repository, number, change)

    def comments(self, repository: str, number: int) -> list[Comment]:
        """Return what was said under a pull request, the oldest first."""
        return self.pull(repository, number).comments

    # Records ----------------------------------------------------------------------------------------------------------

    def repositories(self) -> list[str]:
        """Return the names of all repositories."""
        found = (path for path in self.folder.glob("*/*.git") if not path.is_symlink())
        return sorted(f"{path.parent.name}/{path.stem}" for path in found)

    def path(self, repository: str) -> Path:
        """Return where a repository lies, by its name or one that it had; raise ProblemError if there is none."""
        path = self._named(repository).resolve()
        if not path.is_dir():
            what, write = "the forge has no such repository", f"put its name right, or make it in {self.folder}"
            raise ProblemError(Problem(FleetCode.REMOTE, repository, what, write))
        return path

    def pulls(self, repository: str) -> list[Pull]:
        """Return all records, the newest first."""
        if not _Records(self.path(repository)).folder.is_dir():  # then a look writes nothing, not even a lock
            return []
        with self._records(repository) as records:
            return records.all()

    def pull(self, repository: str, number: int) -> Pull:
        """Return one record."""
        with self._records(repository) as records:
            return records.one(number)

    def change(self, repository: str, number: int, change: Callable[[Pull], None]) -> Pull:
        """Change one record while nobody else does, and return it."""
        with self._records(repository) as records:
            pull = records.one(number)
            change(pull)
            records.write(pull)
            return pull

    def _named(self, repository: str) -> Path:
        if not _NAME.fullmatch(repository):
            what, write = "is no name of a repository", "write `<organisation>/<name>`, for example `acme/sales-data`"
            raise ProblemError(Problem(FleetCode.REMOTE, repository, what, write))
        return self.folder.resolve() / f"{repository}.git"

    def _must_be_writable(self, repository: str) -> None:
        if self.look_up(repository).is_archived:
            what, write = "is archived, and read only", f"write `skip: archived` for it, or revive it in {self.folder}"
            raise ProblemError(Problem(FleetCode.FORGE_ACCESS, repository, what, write))

    def _lock(self, path: Path) -> FileLock:
        return FileLock(path.with_suffix(".lock"))

    @contextmanager
    def _records(self, repository: str) -> Iterator["_Records"]:
        path = self.path(repository)
        with self._lock(path):
            yield _Records(self.path(repository))  # it may have been renamed in the meantime

    def _shown(self, repository: str, pull: Pull) -> PullRequest:
        url = (self.path(repository).with_suffix(".pulls") / f"{pull.number}.json").as_uri()
        fields = ("number", "state", "head", "title", "body", "created", "ended", "base")
        return PullRequest(url=url, **{field: getattr(pull, field) for field in fields})


@dataclass(frozen=True)
class _Records:
    """The pull requests of one repository, to whoever has its lock."""

    path: Path

    @property
    def folder(self) -> Path:
        return self.path.with_suffix(".pulls")

    @property
    def git(self) -> Git:
        return Git(self.path, _IDENTITY)

    def all(self) -> list[Pull]:
        numbers = (int(file.stem) for file in self.folder.glob("*.json") if file.stem.isdecimal())
        return [self.one(number) for number in sorted(numbers, reverse=True)]

    def one(self, number: int) -> Pull:
        file = self.folder / f"{number}.json"
        if not file.is_file():
            name = f"{self.path.parent.name}/{self.path.stem}"
            problem = Problem(FleetCode.FORGE, name, f"there is no pull request {number}", "put its number right")
            raise ProblemError(problem)
        try:
            pull = Pull.model_validate_json(file.read_bytes())
        except ValidationError as error:
            what = f"is no record of a pull request: {one_line(error.errors(include_url=False)[0]['msg'])}"
            raise ProblemError(Problem(FleetCode.FORGE, str(file), what, "put it right, or delete it")) from None
        if pull.state == "open" and self._follow(pull):
            self.write(pull)
        return pull

    def write(self, pull: Pull) -> None:
        self.folder.mkdir(exist_ok=True)
        # Left by a git that was killed, since nobody else writes these while this one has the repository's lock.
        (self.path / "refs" / "pull" / str(pull.number) / "head.lock").unlink(missing_ok=True)
        self.git("update-ref", f"refs/pull/{pull.number}/head", pull.head)
        _write(self.folder / f"{pull.number}.json", pull.model_dump_json(indent=1))

    def commit(self, branch: str) -> str:
        """Return the commit of a branch; empty if there is none."""
        return self.git.tried("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}").stdout.strip()

    def holds(self, branch: str, commit: str) -> bool:
        """Return whether a commit is in a branch."""
        return self.git.tried("merge-base", "--is-ancestor", commit, f"refs/heads/{branch}").returncode == 0

    def _follow(self, pull: Pull) -> bool:
        """Let a pull request become what pushes have made of it, as forges do; return whether it has changed."""
        head = self.commit(pull.branch)
        if self.holds(pull.base, pull.head):  # somebody merged it and pushed that
            pull.state = "merged"
        elif not head or self.holds(pull.base, head):  # deleted, or nothing is left that it proposes
            pull.state = "closed"
        elif head != pull.head:
            pull.head = head
            return True
        else:
            return False
        pull.ended = datetime.now(UTC)
        return True


def _write(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    scratch = file.with_name(f".{file.name}.{os.getpid()}")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, file)
