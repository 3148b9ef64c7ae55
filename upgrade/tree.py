"""A project's files as one commit has them, and whose each is."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from building_block.messages import Code, Problem, ProblemError

from upgrade.git import Git

MANIFEST = "platform/manifest.sha256"
ANSWERS = ".copier-answers.yml"


def printable(text: str) -> str:
    """Return a text of the unit's, such as a path, as every terminal and file can hold it."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


class Entry(NamedTuple):
    """One file: its mode as git writes it, and the id of its content."""

    mode: str
    blob: str

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return self.mode == "120000"

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return {"120000": "a symbolic link", "160000": "a submodule"}.get(self.mode, "a file")


@dataclass(frozen=True)
class Tree:
    """The project in one commit of its repository."""

    git: Git
    """In the repository that has the commit."""
    commit: str
    """Or any other name that git has for a tree."""
    below: str = ""
    """The project's folder in the repository, ending in a slash; empty where it is the repository's root."""

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Return every file by its path from the project's root."""
        found = {}
        for line in filter(None, self.git("ls-tree", "-r", "-z", self.commit, "--", self.below or ".").split("\0")):
            about, _, path = line.partition("\t")
            mode, _, blob = about.split()
            found[path.removeprefix(self.below)] = Entry(mode, blob)
        return found

    def content(self, path: str) -> bytes:
        """Return a file's bytes."""
        return self.git.bytes("cat-file", "blob", self.entries[path].blob)

    def read(self, path: str) -> str:
        """Return a file's text."""
        return self.content(path).decode()

    @cached_property
    def platform(self) -> set[str]:
        """Return the platform's paths: those that the manifest lists, itself and the answers."""
        lines = self.read(MANIFEST).splitlines() if MANIFEST in self.entries else []
        pairs = (line.split(maxsplit=1) for line in lines)
        return {pair[1] for pair in pairs if len(pair) == 2} | {MANIFEST, ANSWERS}

    @cached_property
    def answers(self) -> dict[str, Any]:
        """Return what `.copier-answers.yml` holds.

        Raises:
            ProblemError: it is missing, is no YAML, or does not say from where and from which version it was stamped.
        """
        write = f"take it back: `git log -- {ANSWERS}` shows the commits that have it"
        if ANSWERS not in self.entries:
            raise ProblemError(Problem(Code.UPGRADE_ANSWERS, ANSWERS, "the file is missing", write))
        try:
            values = yaml.safe_load(self.read(ANSWERS))
        except (yaml.YAMLError, UnicodeDecodeError):
            raise ProblemError(Problem(Code.UPGRADE_ANSWERS, ANSWERS, "the file is no YAML in UTF-8", write)) from None
        for key in ("_commit", "_src_path"):
            if not isinstance(values, dict) or not isinstance(values.get(key), str):
                raise ProblemError(Problem(Code.UPGRADE_ANSWERS, ANSWERS, f"the key `{key}` is missing", write))
        return values

    @property
    def given(self) -> dict[str, Any]:
        """Return the answers alone."""
        return {key: value for key, value in self.answers.items() if not key.startswith("_")}

    def changed(self, other: "Tree") -> dict[str, tuple[Entry | None, Entry | None]]:
        """Return the files that differ in content, mode or presence, each as it is here and there."""
        paths = self.entries.keys() | other.entries.keys()
        pairs = {path: (self.entries.get(path), other.entries.get(path)) for path in sorted(paths)}
        return {path: pair for path, pair in pairs.items() if pair[0] != pair[1]}

    @classmethod
    def of_folder(cls, git: Git, folder: Path, index: Path) -> "Tree":
        """Return the files of a folder as git would store them; ``index`` is a file that it may write for that."""
        own = {"GIT_WORK_TREE": str(folder), "GIT_INDEX_FILE": str(index)}
        git("add", "--all", "--force", str(folder), **own)
        return cls(git, git("write-tree", **own))
