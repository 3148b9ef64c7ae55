"""A campaign: one release on its way through the rings. How far it has come is asked of the remotes, every time."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from building_block.messages import Problem, ProblemError, shown

from fleet import drift
from fleet.alone import alone as alone_in
from fleet.forges import LONGEST, Forge
from fleet.log import LOG, Event, Log
from fleet.messages import FleetCode
from fleet.pool import Ended, run
from fleet.pool import scratch as scratch_folder
from fleet.proposals import version_of
from fleet.propose import propose, withdraw
from fleet.registry import Domain, Fleet
from fleet.remote import Heads, Remote, remote_of
from fleet.result import PROPOSED, Became, Result
from fleet.rings import RingStanding
from fleet.standing import Standing, State, standing
from fleet.survey import Facts, survey
from fleet.variables import of_uv
from fleet.work import Job, Outcome, work
from upgrade.environment import Environment
from upgrade.git import Git
from upgrade.template import Template, is_release

HERE = Path(__file__).resolve().parents[1]
"""The template's repository."""
AnyJob = TypeVar("AnyJob")


@dataclass(frozen=True)
class Campaign:
    """A release, and the fleet that it is brought to."""

    fleet: Fleet
    forge: Forge
    template: Template
    """The campaign's own clone, at the release."""
    scratch: Path
    limit: float = LONGEST.total_seconds()
    """Seconds that the work on one repository may take; a look at it, a tenth of that."""

    @property
    def version(self) -> str:
        """The release."""
        return self.template.ref

    @property
    def log(self) -> Log:
        """What was done, in this campaign and in others."""
        return Log(self.fleet.folder / LOG)

    def rings(self) -> list[RingStanding]:
        """Return where the release stands in each ring."""
        found = {one.domain: one for one in self._standings(self.fleet.domains, self.fleet.cache)}
        return [RingStanding(ring, tuple(map(found.get, self.fleet.of_ring(ring)))) for ring in self.fleet.rings]

    def plan(self, domains: Sequence[Domain]) -> Iterator[Result | Ended[Job, Outcome]]:
        """Yield what ``apply`` would leave, and what an update of each other one would be.

        Nothing outside of the scratch folder is touched: what was seen of the domains is remembered there, too.
        """
        seen = self.scratch / "seen"
        if self.fleet.cache.is_dir():
            shutil.copytree(self.fleet.cache, seen)
        to_do = []
        for one in self._standings(domains, seen):
            if result := self._left(one, None):
                yield result
            else:
                to_do.append(one.domain)
        jobs = self._of_each(to_do, partial(self._job, push=False))
        yield from run(work, jobs, at_once=os.cpu_count() or 2, limit=self.limit, scratch=self.scratch)

    def drift(self, domains: Sequence[Domain]) -> Iterator[Ended[drift.Job, list[drift.Change]]]:
        """Yield what each domain changed in the platform's files."""
        jobs = self._of_each(domains, lambda one, at: drift.Job(one.name, at, one.folder, self.template.root))
        return run(drift.changes, jobs, at_once=os.cpu_count() or 2, limit=self.limit, scratch=self.scratch)

    def apply(self, ring: RingStanding, only: Sequence[Domain] = (), *, resume: bool = False) -> Iterator[Result]:
        """Propose the release to the domains of a ring, or to some of them, and yield what became of each.

        With ``resume`` those are passed over of which the log says that nothing has moved since they were done.
        """
        wanted = [one for one in ring.domains if not only or one.domain in only]
        done = self._done() if resume else {}
        to_do: dict[str, Standing] = {}
        for one in wanted:
            if result := self._needless(one) or self._left(one, done.get(one.domain.name)):
                yield self._told(result)
            else:
                to_do[one.domain.name] = one
        waiting: list[Result] = []
        jobs = self._jobs([*to_do.values()], ring, waiting)
        for ended in run(work, jobs, at_once=ring.ring.at_once, limit=self.limit, scratch=self.scratch):
            yield self._told(self._proposed(to_do[ended.job.domain].domain, ended))
        for result in waiting:
            yield self._told(result)

    def close(self, comment: str) -> Iterator[Result]:
        """Withdraw the release: pause its campaign and close its open pull requests."""
        self.log.add(self.version, "paused", why=f"withdrawn: {comment}")
        for domain in self.fleet.domains:
            try:
                for one in self.forge.pull_requests(domain.repository, domain.branch):
                    if one.state == "open" and version_of(one) == self.version:
                        withdraw(self.forge, domain, one, comment)
                        yield self._told(Result(domain.name, Became.CLOSED, one.url))
            except ProblemError as error:
                yield self._told(_refused(domain, error))

    # One domain -------------------------------------------------------------------------------------------------------

    def _standings(self, domains: Sequence[Domain], cache: Path) -> list[Standing]:
        looked_at = [one for one in domains if not one.skip]
        facts = dict(survey(self.forge, looked_at, cache, self.limit / 10))
        return [self._standing(one, facts.get(one.name), cache) for one in domains]

    def _standing(self, domain: Domain, facts: Facts | None, cache: Path) -> Standing:
        try:
            found = standing(self.forge, domain, facts, self.version)
            if found.state is not State.TAKEN_BACK:
                return found
            # Or it was merged after the look at it.
            ((_, facts),) = survey(self.forge, [domain], cache, self.limit / 10)
            return standing(self.forge, domain, facts, self.version)
        except ProblemError as error:
            return Standing(domain, State.UNREACHABLE, facts, reason="\n".join(map(str, error.problems)))

    def _needless(self, one: Standing) -> Result | None:
        """Close the fleet's pull request where nobody needs it any more, and return that."""
        if not one.needless:
            return None
        try:
            withdraw(self.forge, one.domain, one.taken, f"This is not needed any more: {one.needless}.")
        except ProblemError as error:
            return _refused(one.domain, error)
        return Result(one.domain.name, Became.CLOSED, f"{one.taken.url}: {one.needless}")

    def _left(self, one: Standing, done: Event | None) -> Result | None:
        """Return why there is nothing to do, or nothing that the fleet can do."""
        name = one.domain.name
        match one.state:
            case State.SKIPPED | State.PINNED | State.DECLINED | State.TAKEN_BACK:
                return Result(name, Became.LEFT, one.reason)
            case State.UNREACHABLE:
                if one.facts:
                    self._keep(one.facts.crash, name)
                return Result(name, Became.REFUSED, problems=(one.reason,))
        if one.pull_request and one.pull_request.state == "merged":
            return Result(name, Became.CURRENT, f"merged {one.pull_request.url}")
        if one.state is State.WELL and one.checks is None:
            return Result(name, Became.CURRENT, one.reason)
        if one.taken and one.pull_request == one.taken and done and _is_of(done, one.facts.heads):
            return Result(name, Became.STANDS, one.taken.url, done.problems)
        try:
            repository = self.forge.look_up(one.domain.repository)
        except ProblemError as error:
            return _refused(one.domain, error)
        if repository.is_archived:
            what, write = "the repository is archived", "write `skip:` with the reason, or remove the domain"
            problem = Problem(FleetCode.NOT_ENROLLED, one.domain.repository, what, write)
            return Result(name, Became.REFUSED, problems=(str(problem),))
        if repository.name.lower() != one.domain.repository.lower():
            what = f"the repository is called {repository.name} now"
            write = f"write `repository: {repository.name}` if it is still the one that is meant"
            problem = Problem(FleetCode.REMOTE, one.domain.repository, what, write)
            return Result(name, Became.REFUSED, problems=(str(problem),))
        return None

    def _jobs(self, to_do: Sequence[Standing], ring: RingStanding, waiting: list[Result]) -> Iterator[Job | Ended]:
        """Yield jobs as long as the campaign may go on and pull requests be opened; the others go to ``waiting``."""
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        opened = [one for one in ring.domains if one.pull_request and one.pull_request.created > an_hour_ago]
        left = ring.ring.prs_per_hour - len(opened)
        for one in to_do:
            why = ""
            if (paused := self.log.paused(self.version)) is not None:  # since it has begun
                why = f"the campaign is paused: {paused}"
            elif one.taken is None and ring.refuted:
                why = f"{ring.ring.name} has failed: {ring.refuted}"
            elif one.taken is None and left < 1:
                why = f"{ring.ring.prs_per_hour} pull requests an hour were opened in {ring.ring.name}"
            if why:
                waiting.append(Result(one.domain.name, Became.WAITS, why))
                continue
            left -= one.taken is None
            yield from self._of_each([one.domain], partial(self._job, push=True))

    def _of_each(self, domains: Iterable[Domain], job: Callable[[Domain, Remote], AnyJob]) -> Iterator[AnyJob | Ended]:
        """Yield the job of each domain; that of one of which the forge knows nothing has ended."""
        for domain in domains:
            try:
                remote = remote_of(self.forge, domain)
            except ProblemError as error:
                nowhere = job(domain, Remote(domain.repository, domain.branch))
                yield Ended(nowhere, 0.0, problems=tuple(map(str, error.problems)))
            else:
                yield job(domain, remote)

    def _job(self, domain: Domain, remote: Remote, *, push: bool) -> Job:
        release = (self.template.root, self.version, self._committed_at)
        return Job(domain.name, remote, domain.folder, *release, push, self._python)

    @cached_property
    def _committed_at(self) -> str:
        return self.template.git("show", "--no-patch", "--format=%cI", f"{self.version}^{{commit}}")

    @cached_property
    def _python(self) -> Path:
        """Return what runs the release's own code in every project; where it has to be made, that is done once.

        Raises:
            ProblemError: it cannot be made.
        """
        platform = self.template.git("show", f"{self.version}:template/platform/pyproject.toml")
        return Environment.of_release(platform, self.scratch / "environment", of_uv()).python

    def _proposed(self, domain: Domain, ended: Ended[Job, Outcome]) -> Result:
        """Open the pull request of a pushed update, or bring it up to date."""
        name, done = domain.name, ended.result
        self._keep(ended.crash, name)
        if done is None:
            return Result(name, Became.REFUSED, problems=ended.problems)
        if done.became == "current":
            return Result(name, Became.CURRENT, f"has {done.before}")
        try:
            became, of = propose(self.forge, domain, done, self.version, self.template.news(done.before))
        except ProblemError as error:
            return _refused(domain, error)
        match became:
            case Became.CURRENT:
                return Result(name, became, f"merged {of.url}")
            case Became.LEFT:
                return Result(name, became, "its team closed the pull request")
        about = {"base": done.base, "commit": done.commit, "pull_request": of.number, "problems": done.asks}
        self.log.add(self.version, "proposed", name, **about, pushed=done.pushed, seconds=round(ended.seconds, 2))
        return Result(name, became, f"{of.url}; its unit has to act first" if done.asks else of.url, done.asks)

    # The log ----------------------------------------------------------------------------------------------------------

    def _keep(self, crash: str, name: str) -> None:
        """Keep the traceback of a defect of the fleet's, where a domain has met one."""
        if crash:
            self.log.add(self.version, "crashed", name, traceback=crash)

    def _told(self, result: Result) -> Result:
        if result.became not in PROPOSED:  # which is told with its commit
            about = {"why": result.about} if result.about else {}
            about |= {"problems": result.problems} if result.problems else {}
            self.log.add(self.version, result.became, result.domain, **about)
        return result

    def _done(self) -> dict[str, Event]:
        """Return the last proposal to each domain."""
        return {event.domain: event for event in self.log.events(self.version) if event.what == "proposed"}


def _is_of(proposed: Event, heads: Heads) -> bool:
    """Say whether a repository still has what a proposal was of, and what was proposed."""
    return (proposed.about["base"], proposed.about["commit"]) == (heads.head, heads.proposed)


def _refused(domain: Domain, error: ProblemError) -> Result:
    return Result(domain.name, Became.REFUSED, problems=tuple(map(str, error.problems)))


@contextmanager
def campaign(fleet: Fleet, forge: Forge, to: str = "", *, alone: bool = False) -> Iterator[Campaign]:
    """Yield the campaign of a release, or of the newest; ``alone`` is who writes: one at a time.

    Raises:
        ProblemError: the template has no such release, or another roll-out is under way.
    """
    if to and not is_release(to):  # `python -m upgrade` takes a branch or commit as well: for one project, by its unit
        what, write = f"{shown(to)} is no release, and every domain would get it", "write a release, such as v1.2.0"
        raise ProblemError(Problem(FleetCode.NAME_UNKNOWN, "--to", what, write))
    with ExitStack() as stack:
        if alone:
            stack.enter_context(alone_in(fleet.folder))
        folder = stack.enter_context(scratch_folder())
        clone = folder / "template"
        Git(HERE)("clone", "--quiet", "--no-checkout", str(HERE), str(clone))  # its tags may be set
        yield Campaign(fleet, forge, Template.of(clone, to), folder)
