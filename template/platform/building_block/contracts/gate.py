# platform-owned: changed by `copier update` only; see platform/README.md
"""``poe contracts gate``: may the contracts change as they do, with the versions that they have?"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import yaml
from pydantic import BaseModel, ConfigDict, Field
from rich.table import Table

from building_block.contracts.changes import Bump, Change, Kind
from building_block.contracts.contract import SUFFIX, contract
from building_block.contracts.difference import changes
from building_block.contracts.load import APPROVALS, Agreed, agreed_in, ports
from building_block.contracts.standard import of_text
from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project
from building_block.yaml_nodes import Kind as FileKind
from building_block.yaml_nodes import entries

_Approved = set[tuple[str, str, str]]
"""Port, version and change of each approval."""


@dataclass(frozen=True)
class Port:
    """What became of one port."""

    name: str
    file: str
    before: Agreed | None
    after: Agreed | None
    changes: list[Change]
    faulty: Problem | None = None
    """What was wrong with its contract before, so that nothing can be compared."""

    @property
    def bump(self) -> Bump:
        """Return which number of the version has to be raised."""
        return max((change.kind.value.bump for change in self.changes), default=Bump.NONE)


def gate(project: Project, ref: str) -> list[Port]:
    """Return what became of each port since a git ref.

    Raises:
        ProblemError: a version is raised too little, compliance has not approved what it must, or something cannot be
            read; the error carries every problem.
    """
    found = became(project, ref)
    approved = _approvals(project)
    problems: list[Problem] = []
    for port in found:
        if port.faulty is None:
            problems += [*_version(port, ref), *_unapproved(port, ref, approved)]
        elif write := _ask(port, port.changes[0], approved):
            what = f"nothing can be compared, for at {ref} the contract is faulty: {port.faulty}"
            problems.append(Problem(Code.CONTRACT_UNREADABLE, f"{port.file}:1", what, write))
    ProblemError.raise_any(problems)
    return found


def became(project: Project, ref: str) -> list[Port]:
    """Return what became of each port since a git ref, whether it may or not.

    Raises:
        ProblemError: the contracts as they are cannot be read, or there is no such commit.
    """
    now, then = ports(project), contracts_at(project, ref)
    folder = project.relative(project.contracts)
    return [
        _port(project, f"{folder}/{name}{SUFFIX}", name, now.get(name), then.get(name), ref)
        for name in sorted(now.keys() | then.keys())
    ]


def table(found: list[Port], ref: str) -> Table:
    """Return what became of the ports, to print."""
    shown = Table("contract", f"at {ref}", "now", "requires", "changes")
    for port in found:
        versions = [str(one.contract.version) if one else "-" for one in (port.before, port.after)]
        told = [f"{change.what} (approved)" if change.kind.value.approval else change.what for change in port.changes]
        shown.add_row(port.name, *versions, port.bump.name.lower(), "\n".join(told) or "none")
    return shown


def _port(project: Project, file: str, name: str, after: Agreed | None, then: bytes | None, ref: str) -> Port:
    if then is None:
        return Port(name, file, None, after, [Change(Kind.PORT_ADDED, "port added", ())])
    if after and (project.root / file).read_bytes() == then:
        return Port(name, file, after, after, [])
    try:
        before = agreed_in(contract(of_text(then, f"{ref}:{file}")))
    except ProblemError as error:
        unreadable = Change(Kind.PORT_UNREADABLE, "unreadable before", ())
        return Port(name, file, None, after, [unreadable], error.problems[0])
    if after:
        return Port(name, file, before, after, changes(before, after))
    kind = Kind.PORT_WITHDRAWN if before.contract.source.content.status == "retired" else Kind.PORT_REMOVED
    return Port(name, file, before, None, [Change(kind, "port removed", ())])


def _version(port: Port, ref: str) -> Iterator[Problem]:
    """Yield a problem when the version does not say how much has changed."""
    if port.before is None or port.after is None:
        return
    before, after = port.before.contract.version, port.after.contract.version
    least = port.bump.least(before)
    if after >= least:
        return
    what = f"{after} is lower than {before} at {ref}"
    if after >= before:
        gravest = [change.what for change in port.changes if change.kind.value.bump is port.bump]
        shown = ", ".join(gravest[:3]) + (f" and {len(gravest) - 3} more" if len(gravest) > 3 else "")
        what = f"{after} after {before} at {ref} is too little, for this is a {port.bump.name.lower()}: {shown}"
    yield port.after.contract.source.problem(Code.CONTRACT_BUMP, ("version",), what, f"write `version: {least}`")


def _unapproved(port: Port, ref: str, approved: _Approved) -> Iterator[Problem]:
    """Yield a problem for each change that compliance has to approve and has not."""
    for change in port.changes:
        if not (write := _ask(port, change, approved)):
            continue
        if port.after:
            what = f"{change.what} since {ref}, which compliance has not approved"
            write = f"take it back, or {write}"
            yield port.after.contract.source.problem(Code.CONTRACT_APPROVAL, change.loc, what, write)
        else:
            status = port.before.contract.source.content.status
            what = f"the port is {status} at {ref} and gone now; a port renamed is another port"
            write = f"bring it back with `status: retired` as a major and delete it after that; or {write}"
            yield Problem(Code.CONTRACT_REMOVED, port.file, what, write)


# Approvals ------------------------------------------------------------------------------------------------------------


class Approval(BaseModel):
    """One change that the compliance team allows: to one port, with one version."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    port: str
    version: str
    what: str
    """The change, as the gate writes it."""
    reason: str = Field(min_length=1)
    date: date


_APPROVALS = FileKind(
    name="a file of approvals",
    begins="write `approvals:` and below it entries with port, version, what, reason and date",
    syntax=Code.CONTRACT_APPROVALS,
    key=Code.CONTRACT_APPROVALS,
    dates=True,
)


def _ask(port: Port, change: Change, approved: _Approved) -> str | None:
    """Return how to ask for the approval that a change lacks; None when it has it or needs none."""
    versions = [port.before.contract.version] if port.before else []
    if port.after:
        versions = [port.after.contract.version, *(port.bump.least(version) for version in versions)]
    version = str(max(versions, default="none"))
    if not change.kind.value.approval or (port.name, version, change.what) in approved:
        return None
    entry = {"port": port.name, "version": version, "what": change.what, "reason": "…", "date": date.today()}  # noqa: DTZ011
    line = yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000).strip()
    return f"write `- {line}` below `approvals:` in contracts/{APPROVALS}, which the compliance team reviews"


def _approvals(project: Project) -> _Approved:
    path = project.contracts / APPROVALS
    if not path.is_file():
        return set()
    file = project.relative(path)
    found = entries(path.read_bytes(), file, _APPROVALS, "approvals", Approval)
    return {(entry.port, entry.version, entry.what) for entry, _ in found}


# The contracts as git has them at an earlier commit -------------------------------------------------------------------


def commit_at(project: Project, ref: str) -> str:
    """Return the commit that a git ref names.

    Raises:
        ProblemError: there is no git, no repository, or no such commit in this clone.
    """
    at = f"--against {ref}"
    try:
        shallow = _git(project, "rev-parse", "--is-shallow-repository")
    except FileNotFoundError:
        what, write = "git is not installed, and it has the project as it was", "install git"
        raise ProblemError(Problem(Code.CONTRACT_REF, at, what, write)) from None
    if shallow.returncode:
        reason = shallow.stderr.decode(errors="replace").partition("\n")[0].removeprefix("fatal: ")
        what = f"git reads no repository here: {reason}"
        write = "call it in a clone, or write `git init` and commit the project"
        raise ProblemError(Problem(Code.CONTRACT_REF, at, what, write))
    commit = _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if commit.returncode:
        what, write = f"`{ref}` is no commit of this clone", "write a branch, tag or commit that `git log` shows"
        if shallow.stdout.strip() == b"true":
            what = f"`{ref}` is no commit of this clone, which is shallow: the history before it was left out"
            write = "write `git fetch --unshallow`, or in a workflow `fetch-depth: 0` under `actions/checkout`"
        raise ProblemError(Problem(Code.CONTRACT_REF, at, what, write))
    return commit.stdout.decode().strip()


def contracts_at(project: Project, ref: str) -> dict[str, bytes]:
    """Return the text of each port's contract at a git ref by port; none where it had no contract yet.

    Raises:
        ProblemError: as ``commit_at`` does.
    """
    commit = commit_at(project, ref)
    folder = f"{project.relative(project.contracts)}/"
    listed = _git(project, "ls-tree", "-z", commit, "--", folder).stdout.decode()
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
