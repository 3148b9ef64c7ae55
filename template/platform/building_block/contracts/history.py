# platform-owned: changed by `copier update` only; see platform/README.md
"""The contracts as git has them at an earlier commit."""

import os
import subprocess

from building_block.contracts.contract import SUFFIX
from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project


def contracts_at(project: Project, ref: str) -> dict[str, bytes]:
    """Return the text of each port's contract at a git ref by port; none where it had no contract yet.

    Raises:
        ProblemError: there is no git, no repository, or no such commit in this clone.
    """
    at = f"--against {ref}"
    try:
        shallow = _git(project, "rev-parse", "--is-shallow-repository")
    except FileNotFoundError:
        what, write = "git is not installed, and it has the contracts as they were", "install git"
        raise ProblemError(Problem(Code.CONTRACT_REF, at, what, write)) from None
    if shallow.returncode:
        reason = shallow.stderr.decode(errors="replace").partition("\n")[0].removeprefix("fatal: ")
        what = f"git reads no repository here: {reason}"
        write = "call it in a clone, or write `git init` and commit the contracts"
        raise ProblemError(Problem(Code.CONTRACT_REF, at, what, write))
    commit = _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if commit.returncode:
        what, write = f"`{ref}` is no commit of this clone", "write a branch, tag or commit that `git log` shows"
        if shallow.stdout.strip() == b"true":
            what = f"`{ref}` is no commit of this clone, which is shallow: the history before it was left out"
            write = "write `git fetch --unshallow`, or in a workflow `fetch-depth: 0` under `actions/checkout`"
        raise ProblemError(Problem(Code.CONTRACT_REF, at, what, write))
    folder = f"{project.relative(project.contracts)}/"
    listed = _git(project, "ls-tree", "-z", commit.stdout.decode().strip(), "--", folder).stdout.decode()
    blobs: dict[str, str] = {}
    for line in filter(None, listed.split("\0")):
        about, _, path = line.partition("\t")
        if path.endswith(SUFFIX):
            blobs[path.removeprefix(folder).removesuffix(SUFFIX)] = about.split()[2]
    return dict(zip(blobs, _contents(project, list(blobs.values())), strict=True))


def _contents(project: Project, blobs: list[str]) -> list[bytes]:
    """Return the bytes of the blobs, which one process reads."""
    rest = _git(project, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs)).stdout
    found = []
    for _ in blobs:
        header, _, rest = rest.partition(b"\n")
        size = int(header.split()[2])
        found.append(rest[:size])
        rest = rest[size + 1 :]
    return found


def _git(project: Project, *arguments: str, given: str = "") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["git", *arguments],  # noqa: S607 - the machine's own git
        cwd=project.root,
        env=os.environ | {"LC_ALL": "C"},
        input=given.encode(),
        capture_output=True,
        check=False,
    )
