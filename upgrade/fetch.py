"""Single files of the template, for a project as it is: take one back, add a seed, propose one's own improvement."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from building_block.messages import Code, Problem, ProblemError, nearest

from upgrade.aside import Home
from upgrade.template import Template
from upgrade.tree import ANSWERS, MANIFEST, Tree


@dataclass(frozen=True)
class Files:
    """The files that the release of a project renders with its answers, and the project's own."""

    template: Template
    project: Path
    tree: Tree
    """As it is committed."""
    folder: Path
    """The render."""

    @classmethod
    def of(cls, template: Template, home: Home, scratch: Path) -> "Files":
        """Render the release that the project has.

        Raises:
            ProblemError: the template does not have it, or it refuses the project's answers.
        """
        tree, folder = home.head(), scratch / "rendered"
        version = tree.answers["_commit"]
        commit = template.commit(version)
        if commit is None:
            what = f"the project was stamped from `{version}`, which the template's repository does not have"
            raise ProblemError(Problem(Code.UPGRADE_VERSION, ANSWERS, what, "write `poe update`"))
        template.render(commit, tree.given, folder)
        return cls(template, home.root, tree, folder)

    def restore(self, paths: Iterable[str]) -> list[str]:
        """Write files of the platform as they were rendered, and return those that were otherwise.

        Raises:
            ProblemError: one of them is none of the platform's; nothing is written.
        """
        platform = (self.folder / MANIFEST).read_text(encoding="utf-8")
        known = [line.split(maxsplit=1)[1] for line in platform.splitlines()] + [MANIFEST]
        wanted = [*dict.fromkeys(paths)]
        ProblemError.raise_any(
            Problem(Code.UPGRADE_PATH, path, "is no file of the platform", f"write {nearest(path, known)}")
            for path in wanted
            if path not in known
        )
        differing = [path for path in wanted if not _same(self.folder / path, self.project / path)]
        ProblemError.raise_any(self._in_the_way(differing))
        for path in differing:
            _copy(self.folder / path, self.project / path)
        return differing

    def seeds(self) -> list[str]:
        """Return the seeds of the release that the project does not have."""
        domain = self.template.classes()["domain"]
        rendered = (file.relative_to(self.folder).as_posix() for file in self.folder.rglob("*") if file.is_file())
        return sorted(path for path in rendered if domain.match_file(path) and not (self.project / path).exists())

    def add(self, names: Iterable[str]) -> list[str]:
        """Write seeds that the project does not have, each named by its path or by a folder of it; return the paths.

        Raises:
            ProblemError: a name is that of no such seed; nothing is written.
        """
        missing, wanted = self.seeds(), []
        for name in names:
            found = [path for path in missing if path == name or path.startswith(f"{name.rstrip('/')}/")]
            if not found:
                what = "is there already" if (self.project / name).exists() else "is no seed of this release"
                write = f"write {nearest(name, missing)}" if missing else "nothing is missing"
                raise ProblemError(Problem(Code.UPGRADE_PATH, name, what, write))
            wanted += found
        ProblemError.raise_any(self._in_the_way(wanted))
        for path in dict.fromkeys(wanted):
            _copy(self.folder / path, self.project / path)
        return [*dict.fromkeys(wanted)]

    def _in_the_way(self, paths: Iterable[str]) -> Iterator[Problem]:
        """Yield what would be lost, or written through, if these files were written."""
        for path in paths:
            parents = (self.project / parent for parent in PurePosixPath(path).parents)
            if link := next((parent for parent in parents if parent.is_symlink() and parent != self.project), None):
                what = f"would be written through the symbolic link {link.relative_to(self.project).as_posix()}"
            elif (self.project / path).is_dir() and any((self.project / path).iterdir()):
                what = "is a folder with files of yours"
            else:
                continue
            yield Problem(Code.UPGRADE_COLLISION, path, what, "move it out of the way and begin again")


def _same(one: Path, other: Path) -> bool:
    if not other.is_file() or other.is_symlink() or (one.stat().st_mode ^ other.stat().st_mode) & 0o111:
        return False
    return one.read_bytes() == other.read_bytes()


def _copy(source: Path, target: Path) -> None:
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
