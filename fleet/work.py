"""The work on one repository: fetched, updated, verified, and on request pushed. Nothing of the repository's is run."""

import re
import subprocess
import sys
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from building_block.messages import Problem, ProblemError, shown

from fleet.locks import relocked
from fleet.messages import FleetCode
from fleet.remote import Heads, Remote
from fleet.variables import passed_on
from upgrade.aside import Aside
from upgrade.template import Template
from upgrade.tree import ANSWERS, Tree, printable
from upgrade.update import Derived, bring, failures

_TRIES = 3
"""How often the work is begun anew where the remote has moved on meanwhile."""
_VERSION = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+(-rc\.[0-9]+)?(-[0-9]+-g[0-9a-f]+)?")
"""What a project may have recorded: a release, or what `git describe` says after one. It is told to everybody."""
_GENERATE = (
    "import sys; from pathlib import Path\n"
    "from building_block.generate import write; from building_block.messages import ProblemError\n"
    "from building_block.project import Project\n"
    "try: write(Project(Path(sys.argv[1])))\n"
    "except ProblemError as error: sys.exit('\\n'.join(map(str, error.problems)))"
)


@dataclass(frozen=True)
class Job:
    """What is to be done in one repository."""

    domain: str
    remote: Remote
    below: str
    """The project's folder in it, ending in a slash; empty where it is the root."""
    template: Path
    """The campaign's own clone of the template."""
    ref: str
    committed_at: str
    """The time that the commits have: that of the release."""
    push: bool = False
    python: Path = Path(sys.executable)
    """What runs the release's own code."""

    def __str__(self) -> str:
        """Return its name in messages."""
        return self.domain


@dataclass(frozen=True)
class Outcome:
    """What became of it."""

    domain: str
    became: Literal["current", "updated"]
    """Updated: a commit stands that may be proposed, pushed or not."""
    branch: str = ""
    """The default branch."""
    base: str = ""
    """The commit of it that the update is of."""
    commit: str = ""
    """The update."""
    pushed: bool = False
    """Whether this run pushed it: not where it stood there already."""
    before: str = ""
    """The version that the project has."""
    changed: tuple[str, ...] = ()
    """The paths that the update changes."""
    restored: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    """The platform's files that the unit had changed: taken back, and excepted."""
    asks: tuple[str, ...] = ()
    """Messages about what the release asks of the unit's own files, which the unit has to do."""
    notices: tuple[str, ...] = field(default=())


def work(job: Job) -> Outcome:
    """Do a job.

    Raises:
        ProblemError: the repository cannot be brought to the release; nothing was pushed.
    """
    for _ in range(_TRIES):
        heads = job.remote.heads()
        with job.remote.checked_out(heads.head, job.below, job.committed_at) as aside:
            outcome = _updated(job, heads, aside)
            if outcome.became == "current" or not job.push or outcome.commit == heads.proposed:
                return outcome
            if heads.proposed and not job.remote.is_ours(aside, heads.proposed):
                what = "somebody committed to the branch of the fleet, and it is not written over"
                write = "merge its pull request, or take their commits off the branch, then `fleet apply --resume`"
                raise ProblemError(Problem(FleetCode.BRANCH, job.remote.url, what, write))
            if job.remote.heads() == heads:
                job.remote.push(aside, outcome.commit, heads.proposed)
                return replace(outcome, pushed=True)
    what = f"the repository has moved on {_TRIES} times while it was worked on"
    raise ProblemError(Problem(FleetCode.BRANCH, job.remote.url, what, "begin again when less goes on there"))


def enrolled(aside: Aside, url: str) -> Tree:
    """Return the project in a checkout; raise ProblemError when none was stamped there from a release."""
    project = aside.head()
    if ANSWERS not in project.entries:
        what = f"has no {aside.below}{ANSWERS}: no project of this template"
        write = "adopt it (docs/how-to/adopt-an-existing-dbt-project.md), or write `skip:` with the reason"
        raise ProblemError(Problem(FleetCode.NOT_ENROLLED, url, what, write))
    if not _VERSION.fullmatch(version := project.answers["_commit"]):
        what = f"{aside.below}{ANSWERS} has {shown(version)} as its version, which is none of a release"
        write = "write the release that it is nearest to, for example `_commit: v0.1.0`, and commit it"
        raise ProblemError(Problem(FleetCode.NOT_ENROLLED, url, what, write))
    return project


def _updated(job: Job, heads: Heads, aside: Aside) -> Outcome:
    start = enrolled(aside, job.remote.url)
    version = start.answers["_commit"]
    template = Template(job.template, job.ref)
    outcome = Outcome(job.domain, "current", branch=heads.branch, base=heads.head, before=version)
    has = template.commit(version)
    if has and template.git.tried("merge-base", "--is-ancestor", f"{job.ref}^{{commit}}", has).returncode == 0:
        return outcome
    done = bring(template, aside, derive=partial(_by_the_release, job.python, aside.git.folder))
    after = aside.head()
    return replace(
        outcome,
        became="updated",
        commit=after.commit,
        changed=tuple(start.changed(after)),
        restored=tuple(done.restored),
        kept=tuple(done.kept),
        asks=tuple(map(printable, done.failures)),
        notices=tuple(map(printable, done.notices)),
    )


def _by_the_release(python: Path, repository: Path, project: Path, release: Path) -> Derived:
    """Write what is derived by the release's own code: that in the project's folder may have been changed."""
    generated = subprocess.run(
        [python, "-P", "-c", _GENERATE, str(project)],
        cwd=release,
        env=passed_on() | {"PYTHONPATH": str(release / "platform")},
        capture_output=True,
        text=True,
        check=False,
    )
    return Derived(failures(generated), relocked(project, repository, release))
