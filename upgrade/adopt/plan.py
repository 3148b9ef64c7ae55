"""What a unit's project has to make way for before it is adopted, and the commands that do it."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

import tomlkit
import yaml
from building_block.messages import Code, Problem, ProblemError, one_line

from upgrade.aside import Aside
from upgrade.git import PLAIN


@dataclass
class Plan:
    """Collected by the modules beside this one; paths are from the project's root, and as they are before it."""

    aside: Aside
    """A checkout of the project, to read."""
    home: Path
    """The project's own folder, which may have files that git does not know."""
    rendered: Path
    """The release, rendered with the unit's answers."""
    slug: str
    stops: list[Problem] = field(default_factory=list)
    """What has to be put right first."""
    notes: list[Problem] = field(default_factory=list)
    """What is different afterwards."""
    edits: dict[str, str] = field(default_factory=dict)
    """The text that a file gets, before it is moved."""
    moves: dict[str, str] = field(default_factory=dict)
    drops: set[str] = field(default_factory=set)
    shell: list[str] = field(default_factory=list)
    """Commands about files that git does not know."""

    @cached_property
    def tracked(self) -> list[str]:
        """Return the files that are committed."""
        return sorted(self.aside.head().entries)

    def has(self, path: str) -> bool:
        """Say whether a file or folder is there, known to git or not."""
        return (self.home / path).exists() or (self.home / path).is_symlink()

    def below(self, folder: str) -> list[str]:
        """Return the committed files below a folder."""
        return [path for path in self.tracked if path.startswith(f"{folder}/")] if folder else self.tracked

    def text(self, path: str) -> str:
        """Return a file's text as it is planned so far.

        Raises:
            ProblemError: it is not UTF-8.
        """
        try:
            return self.edits[path] if path in self.edits else (self.aside.root / path).read_bytes().decode()
        except UnicodeDecodeError:
            problem = Problem(Code.ADOPT_PROJECT, path, "the file is not UTF-8", "save it as UTF-8, and begin again")
            raise ProblemError(problem) from None

    def yaml(self, path: str) -> dict:
        """Return what a YAML file holds; nothing when it holds no keys.

        Raises:
            ProblemError: it cannot be read.
        """
        try:
            found = yaml.safe_load(self.text(path))
        except yaml.YAMLError as error:
            what = f"cannot be read: {one_line(str(error))}"
            raise ProblemError(Problem(Code.ADOPT_PROJECT, path, what, "correct it, and begin again")) from None
        return found if isinstance(found, dict) else {}

    def toml(self, path: str) -> tomlkit.TOMLDocument:
        """Return a TOML file, to be changed with its comments kept.

        Raises:
            ProblemError: it cannot be read.
        """
        try:
            return tomlkit.parse(self.text(path))
        except tomlkit.exceptions.ParseError as error:
            what = f"cannot be read: {one_line(str(error))}"
            raise ProblemError(Problem(Code.ADOPT_PROJECT, path, what, "correct it, and begin again")) from None

    def move(self, path: str, to: str, *, text: str | None = None) -> bool:
        """Plan that a file goes elsewhere, with another text where one is given; say whether the place is free."""
        if text is not None and text != self.text(path):
            self.edits[path] = text
        if path == to:
            return True
        if self.has(to) or to in self.moves.values() or to in self.edits:
            return False
        self.moves[path] = to
        return True

    # The commands -----------------------------------------------------------------------------------------------------

    def commands(self) -> list[str]:
        """Return what makes way, for a shell in the project's folder."""
        moves = self._grouped()
        folders = {PurePosixPath(to).parent.as_posix() for _, to in moves} - {"."}
        new = sorted(one for one in folders if not any(other.startswith(f"{one}/") for other in folders))
        drops = sorted(self.drops)
        lines = [
            *self._patch(),
            *([f"git rm --quiet -- {shlex.join(drops)}"] if drops else []),
            *([f"mkdir -p {shlex.join(new)}"] if new else []),
            *(f"git mv {shlex.join(pair)}" for pair in moves),
            *self.shell,
        ]
        return [*lines, "git add --all . && git commit --quiet -m 'Make way for the building block'"] if lines else []

    def _patch(self) -> list[str]:
        edits = {path: text for path, text in self.edits.items() if path not in self.drops}
        if not edits:
            return []
        git, root = self.aside.git, self.aside.root
        for path, text in edits.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(text.encode())
        # By intent alone: what is added becomes an object, and the unit's own of the same content would be touched.
        git("add", "--intent-to-add", "--force", "--", *(f"{self.aside.below}{path}" for path in edits))
        # Bytes, for the sake of the line ends.
        patch = git.bytes("diff", "--no-renames", *PLAIN, "HEAD", "--", self.aside.below or ".").decode()
        git("reset", "--quiet", "--hard", "HEAD")
        return [f"git apply --index <<'PATCH'\n{patch}PATCH"]

    def _grouped(self) -> list[tuple[str, str]]:
        """Return the moves, whole folders at once where all in one goes to one that is new."""
        left, grouped = dict(sorted(self.moves.items())), []
        folders = {parent.as_posix() for path in left for parent in PurePosixPath(path).parents} - {"."}
        for folder in sorted(folders, key=lambda name: (name.count("/"), name)):
            inside = [path for path in self.below(folder) if path not in self.drops]
            if not inside or not all(path in left for path in inside):
                continue
            to = left[inside[0]].removesuffix(inside[0].removeprefix(folder))
            as_they_are = all(left[path] == to + path.removeprefix(folder) for path in inside)
            others = [*self.edits, *(target for path, target in left.items() if path not in inside)]
            if as_they_are and not self.has(to) and not any(path.startswith(f"{to}/") for path in others):
                grouped.append((folder, to))
                left = {path: target for path, target in left.items() if path not in inside}
        return [*grouped, *left.items()]

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield each path that changes, and what becomes of it."""
        for path, to in self._grouped():
            yield path, f"{to}, changed" if path in self.edits else to
        for path in sorted(self.edits.keys() - self.moves.keys() - self.drops):
            yield path, "is changed" if path in self.tracked else "is new"
        for path in sorted(self.drops):
            yield path, "is deleted"
