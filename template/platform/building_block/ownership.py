# platform-owned: changed by `copier update` only; see platform/README.md
"""Who owns which path of a project, and whether the platform's files are as they came."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from building_block.messages import Code, Problem
from building_block.project import Project

MANIFEST = "platform/manifest.sha256"


def manifest(project: Project) -> dict[str, str]:
    """Return the sha256 of every platform file as it was rendered, by its path."""
    lines = (project.root / MANIFEST).read_text(encoding="utf-8").splitlines()
    return {path: digest for digest, path in (line.split(maxsplit=1) for line in lines)}


def drift(project: Project) -> Iterator[Problem]:
    """Yield a problem for each platform file that was edited, deleted or added by hand. Reads no network."""
    expected = manifest(project)
    for path, digest in expected.items():
        file = project.root / path
        if not file.is_file():
            yield _drift(path, "the platform's file is missing")
        elif hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            yield _drift(path, "the platform's file was edited")
    for file in _files(project.root / "platform"):
        path = project.relative(file)
        if path not in expected and path != MANIFEST:
            yield Problem(
                Code.OWNERSHIP_DRIFT, path, "a file of yours lies in the platform's folder", "move it out of platform/"
            )


def _drift(path: str, what: str) -> Problem:
    write = f"take the platform's back with `git checkout <commit> -- {path}`, and use its slot (platform/README.md)"
    return Problem(Code.OWNERSHIP_DRIFT, path, what, write)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, without what Python, its builds and the Finder leave behind."""
    for file in sorted(folder.rglob("*")):
        left = file.relative_to(folder).parts
        leftover = any(part.startswith((".", "__pycache__")) or part.endswith(".egg-info") for part in left)
        if file.is_file() and not leftover:
            yield file
