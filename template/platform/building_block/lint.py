# platform-owned: changed by `copier update` only; see platform/README.md
"""``poe lint``: the hooks of a commit, on every file."""

import os
import subprocess
import sys

from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project


def lint(project: Project) -> int:
    """Run pre-commit's hooks on all files that git does not ignore; return its exit code.

    Not ``pre-commit run --all-files``: that leaves out what was never added, so a new model would pass unread.

    Raises:
        ProblemError: the project's folder is not the root of a git repository, or one of the hooks called this.
    """
    if os.environ.get(
        "PRE_COMMIT"
    ):  # pre-commit sets it for its hooks; without this they would call each other for ever
        what = "a hook calls `poe lint`, which runs all hooks"
        write = "write `poe generate`, and take such a hook out of settings/pre-commit-config.yaml"
        raise ProblemError(Problem(Code.DERIVED_STALE, ".pre-commit-config.yaml", what, write))
    above = _git(project, "rev-parse", "--show-cdup")
    if above is None:
        what, write = "is no git repository, and hooks see only what git sees", "write `git init` in that folder"
        raise ProblemError(Problem(Code.NO_REPOSITORY, str(project.root), what, write))
    if above.strip():
        top = (project.root / above.strip()).resolve()
        what = f"is a folder of the git repository {top}, and hooks, CI and code owners work at the root of one"
        write = "move the project out of that repository, and write `git init` in it"
        raise ProblemError(Problem(Code.NO_REPOSITORY, str(project.root), what, write))
    listed = _git(project, "ls-files", "-z", "--cached", "--others", "--exclude-standard") or ""
    files = sorted({path for path in listed.split("\0") if (project.root / path).is_file()})
    command = [sys.executable, "-m", "pre_commit", "run", "--files", *files]
    return subprocess.run(command, cwd=project.root, check=False).returncode


def _git(project: Project, *arguments: str) -> str | None:
    """Return what git prints, or None when it fails."""
    done = subprocess.run(
        ["git", *arguments],  # noqa: S607 - the machine's own git
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None
