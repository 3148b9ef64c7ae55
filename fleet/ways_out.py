"""What in a repository leads out of it: a file of this machine would be read there, and be told in a pull request."""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from building_block.messages import Problem, shown

from fleet.messages import FleetCode
from upgrade.aside import Aside
from upgrade.tree import printable

_REQUIREMENTS = ("dependencies", "optional-dependencies")
_NOT_READ = ("cache-dir", "pip")
"""Settings of uv that hold paths, and of which locking reads none: where the cache lies a variable says."""


def links(aside: Aside) -> Iterator[Problem]:
    """Yield each symbolic link through which a file outside of the checkout would be read."""
    root = aside.git.folder.resolve()
    for path, entry in aside.head().entries.items():
        if not entry.is_link:
            continue
        leads_to = Path(os.path.realpath(aside.root / path))  # which follows a circle once
        if not leads_to.is_relative_to(root) or ".git" in leads_to.relative_to(root).parts:
            what, write = "is a symbolic link that leads out of the repository", "put a file or a folder there"
            yield Problem(FleetCode.HOSTILE, printable(path), what, write)


def declared(root: Path) -> list[Path]:
    """Return the files of a checkout in which uv is told what to lock; it goes from project to project, so of all."""
    return sorted(path for name in ("pyproject.toml", "uv.toml") for path in root.rglob(name) if path.is_file())


def sources(root: Path, files: Iterable[Path]) -> Iterator[Problem]:
    """Yield each place in such files, or in a lock, that uv reads outside of their checkout."""
    given, root = root, root.resolve()
    aliased = {path.resolve() for path in root.rglob("*") if path.is_symlink() and path.is_dir()}
    for file in files:
        folder = file.parent.resolve()
        where = printable(file.relative_to(given).as_posix())
        try:
            said = tomllib.loads(file.read_text(encoding="utf-8"))
        except (ValueError, RecursionError):
            what, write = "is no TOML 1.0 in UTF-8, and uv may read more of it than the fleet can judge", "correct it"
            yield Problem(FleetCode.HOSTILE, where, what, write)
            continue
        # uv takes `..` off the path by which it came, which through a link may be as short as one folder.
        is_aliased = folder != root and any(folder.is_relative_to(target) for target in aliased)
        depth = 1 if is_aliased else len(folder.relative_to(root).parts)
        for key, text in _texts(_KINDS[file.name](said)):
            if any(_leads_out(piece.strip(), folder, root, depth) for piece in text.split("@")):
                what = f"{shown(text)} leads out of the repository, and uv would read it"
                write = "write the path of a folder in the repository, or a URL of https"
                yield Problem(FleetCode.HOSTILE, where, what, write, printable(key))


def _leads_out(place: str, folder: Path, root: Path, depth: int) -> bool:
    """Say whether a text, if it is a place, is one outside of the root, which is so many folders above."""
    # uv puts the value of a variable in; the URL of a file is absolute; and what has a null byte is no place at all.
    if "${" in place or "\0" in place or place.lower().startswith("file:"):
        return True
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", place):
        return False
    up = os.path.normpath(place).split(os.sep).count("..")
    return os.path.isabs(place) or up > depth or not Path(os.path.realpath(folder / place)).is_relative_to(root)


def _of_project(said: dict[str, Any]) -> dict[str, Any]:
    project, tool = (said.get(key) if isinstance(said.get(key), dict) else {} for key in ("project", "tool"))
    return {
        "project": {key: project[key] for key in _REQUIREMENTS if key in project},
        "dependency-groups": said.get("dependency-groups"),
        "tool": {"uv": _settings(tool["uv"])} if isinstance(tool.get("uv"), dict) else {},
    }


def _settings(said: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key not in _NOT_READ}


def _locked(said: dict[str, Any]) -> dict[str, Any]:
    return {str(one.get("name")): [one.get("source"), one.get("metadata")] for one in said.get("package", ())}


_KINDS = {"pyproject.toml": _of_project, "uv.toml": _settings, "uv.lock": _locked}
"""The name of a file → what returns that of it which names places."""


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in a value of TOML, and where it stands."""
    match value:
        case str():
            yield key, value
        case list():
            for number, one in enumerate(value):
                yield from _texts(one, f"{key}[{number}]")
        case dict():
            for name, one in value.items():
                yield from _texts(one, f"{key}.{name}".removeprefix("."))
