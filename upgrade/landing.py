"""Moves the unit's branch and files from one commit to another so that, killed at any moment, it can be ended later."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from building_block.messages import Code, Problem, ProblemError
from filelock import FileLock, Timeout

from upgrade.aside import Home
from upgrade.git import ALOOF, Git, settings
from upgrade.tree import Entry, Tree

_JOURNAL = "building-block-update.json"


@dataclass(frozen=True)
class Landing:
    """What is under way in a repository."""

    home: Home
    before: str
    after: str

    def land(self, aside: Path) -> None:
        """Take the commits of the checkout aside, and move branch, index and files to the last of them.

        Raises:
            ProblemError: a file that git ignores, or that was changed meanwhile, stands in the way; nothing is changed.
        """
        self.home.must_be_clean()
        if self.home.git("rev-parse", "HEAD") != self.before:
            what, write = "was committed to while the update was under way", "begin again"
            raise ProblemError(Problem(Code.UPGRADE_TREE, "HEAD", what, write))
        if (lock := self.home.git.path("index.lock")).exists():
            what, write = "another git is at work here", f"wait until it has ended; if there is none, delete {lock}"
            raise ProblemError(Problem(Code.UPGRADE_TREE, str(self.home.root), what, write))
        self.home.git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(aside), "HEAD")
        self._nothing_in_the_way()
        journal = _journal(self.home)
        new = journal.with_suffix(".new")
        new.write_text(json.dumps({"before": self.before, "after": self.after}), encoding="utf-8")
        new.replace(journal)
        self._end(self.after, self.before)
        journal.unlink()

    def _end(self, wanted: str, head: str) -> None:
        """Bring the files that the update is about to a commit, then the branch, which is still at ``head``."""
        git = Git(self.home.git.folder, settings(ALOOF) | {"GIT_LITERAL_PATHSPECS": "1"})
        tree = Tree(git, wanted)
        paths = [*self._changed()]
        there = "\0".join(path for path in paths if path in tree.entries)
        gone = "\0".join(path for path in paths if path not in tree.entries)
        if gone:
            git(
                "rm",
                "--quiet",
                "--force",
                "--ignore-unmatch",
                "--pathspec-from-file=-",
                "--pathspec-file-nul",
                given=gone,
            )
        if there:
            git("checkout", "--quiet", wanted, "--pathspec-from-file=-", "--pathspec-file-nul", given=there)
        git("update-ref", "-m", "poe update", "HEAD", wanted, head)

    def _content(self, entry: Entry) -> bytes:
        return self.home.git.bytes("cat-file", "blob", entry.blob)

    def _changed(self) -> dict[str, tuple[Entry | None, Entry | None]]:
        return Tree(self.home.git, self.before).changed(Tree(self.home.git, self.after))

    def _nothing_in_the_way(self, *, begun: bool = False) -> None:
        """Raise ProblemError when a file that the update is about is neither as before nor as after it.

        Where writing them was begun, one may be half written as well: a git that is killed leaves a file so.
        """
        ProblemError.raise_any(self._in_the_way(begun))

    def _in_the_way(self, begun: bool) -> Iterator[Problem]:
        for path, (before, after) in self._changed().items():
            file = self.home.git.folder / path
            if not file.exists() and not file.is_symlink():
                continue  # deleted, or not yet written
            blob = self.home.git.tried("hash-object", "--path", path, "--", path).stdout.strip()
            half = begun and after and file.is_file() and self._content(after).startswith(file.read_bytes())
            if not half and blob not in [entry.blob for entry in (before, after) if entry]:
                what = "is in the way of a file of the platform, and is neither as before nor as after the update"
                yield Problem(Code.UPGRADE_COLLISION, path, what, "move it out of the way and begin again")


def unfinished(home: Home) -> bool:
    """End what a killed update has begun; say whether there was anything.

    Where the unit has committed meanwhile, its files go back to that commit instead.

    Raises:
        ProblemError: a file that the update was about has been changed since; nothing is changed.
    """
    journal = _journal(home)
    if not journal.is_file():
        return False
    landing = Landing(home, **json.loads(journal.read_bytes()))
    head = home.git("rev-parse", "HEAD")
    went_on = head not in (landing.before, landing.after)
    is_clean = not home.git("status", "--porcelain", "--untracked-files=no")
    gone = home.git.tried("cat-file", "-e", f"{landing.after}^{{commit}}").returncode
    if gone or (went_on and is_clean):  # a person has undone it, and perhaps cleared up
        journal.unlink()
        return False
    landing._nothing_in_the_way(begun=True)
    home.git.path("index.lock").unlink(missing_ok=True)  # of the git that was killed
    landing._end(head if went_on else landing.after, head)
    journal.unlink()
    return True


def alone(home: Home) -> FileLock:
    """Return the lock that one update at a time holds.

    Raises:
        ProblemError: another one is under way.
    """
    lock = FileLock(home.git.path("building-block-update.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        what, write = "another update of this project is under way", "wait until it has ended"
        raise ProblemError(Problem(Code.UPGRADE_TREE, str(home.root), what, write)) from None
    return lock


def _journal(home: Home) -> Path:
    return home.git.path(_JOURNAL)
