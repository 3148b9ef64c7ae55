"""The work on one repository: fetched, updated, verified, and on request pushed. Nothing of the repository's is run."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from building_block.messages import Problem, ProblemError

from fleet.messages import FleetCode
from fleet.remote import Heads, Remote
from upgrade.aside import Aside
from upgrade.environment import Environment
from upgrade.template import Template
from upgrade.tree import ANSWERS, Tree
from upgrade.update import Derived, bring, failures, locked

_TRIES = 3
"""How often the work is begun anew where the remote has moved on meanwhile."""
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE")
"""The variables that commands see which read a unit's files: none of them is a credential."""
_OF_UV = re.compile(r"UV_(INDEX|DEFAULT_INDEX|EXTRA_INDEX_URL|INDEX_URL|NATIVE_TLS|OFFLINE|CACHE_DIR)")
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
    """Return the project in a checkout; raise ProblemError when none was stamped there."""
    project = aside.head()
    if ANSWERS not in project.entries:
        what = f"has no {aside.below}{ANSWERS}: no project of this template"
        write = "adopt it (docs/how-to/adopt-an-existing-dbt-project.md), or write `skip:` with the reason"
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
    done = bring(template, aside, derive=_by_the_release)
    after = aside.head()
    return replace(
        outcome,
        became="updated",
        commit=after.commit,
        changed=tuple(start.changed(after)),
        restored=tuple(done.restored),
        kept=tuple(done.kept),
        asks=tuple(done.failures),
        notices=tuple(done.notices),
    )


def _by_the_release(project: Path, release: Path) -> Derived:
    """Write what is derived by the release's own code: that in the project's folder may have been changed."""
    environment = Environment.of_platform(release)
    variables = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    generated = subprocess.run(
        [environment.python, "-P", "-c", _GENERATE, str(project)],
        cwd=release,
        env=variables | {"PYTHONPATH": str(release / "platform")},
        capture_output=True,
        text=True,
        check=False,
    )
    return Derived(failures(generated), [*filter(None, (_locked(project, release), _not_locked(project)))])


def _locked(project: Path, release: Path) -> str:
    """Bring uv's lock up to date without a build and without the interpreter that a repository may bring along."""
    variables = {name: value for name, value in os.environ.items() if name in _PASSED_ON or _OF_UV.fullmatch(name)}
    variables |= {
        "UV_PROJECT_ENVIRONMENT": str(release / ".venv"),
        "GIT_ALLOW_PROTOCOL": "https",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    return locked(project, "uv.lock", "--no-build", f"--python={sys.executable}", **variables)


def _not_locked(project: Path) -> str:
    """Return what is left to a person where pixi's lock is committed: pixi builds the packages that it locks."""
    if not (project / "pixi.lock").is_file():
        return ""
    return "pixi.lock is as it was: write `pixi lock` and commit it to the branch of this pull request"
