"""A campaign: one release on its way through the rings. How far it has come is asked of the remotes, every time."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from building_block.messages import Problem, ProblemError, shown
from filelock import FileLock, Timeout

from fleet import drift
from fleet.body import body, title
from fleet.forges import Forge, PullRequest
from fleet.log import LOG, Log
from fleet.messages import FleetCode
from fleet.pool import Ended, run
from fleet.pool import scratch as scratch_folder
from fleet.registry import Domain, Fleet, Ring
from fleet.remote import Remote, remote_of
from fleet.standing import RingStanding, Standing, State, Verdict, mark, standing
from fleet.survey import survey
from fleet.variables import of_uv
from fleet.work import Job, Outcome, work
from upgrade.environment import Environment
from upgrade.git import Git
from upgrade.template import Template, is_release

HERE = Path(__file__).resolve().parents[1]
"""The template's repository."""
AnyJob = TypeVar("AnyJob")


@dataclass(frozen=True)
class Result:
    """What became of a domain."""

    domain: str
    what: str
    """In a few words."""
    problems: tuple[str, ...] = ()
    """Messages for a person."""
    needs_person: bool = False
    waits: bool = False
    """It is left for a later call, as when enough was opened in this hour."""


@dataclass(frozen=True)
class Campaign:
    """A release, and the fleet that it is brought to."""

    fleet: Fleet
    forge: Forge
    template: Template
    """The campaign's own clone, at the release."""
    scratch: Path
    limit: float = 600.0
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
        looked_at = [one for one in self.fleet.domains if not one.skip]
        facts = dict(survey(self.forge, looked_at, self.fleet.cache, self.limit / 10))
        return [
            RingStanding(ring, tuple(self._standing(domain, facts) for domain in self.fleet.of_ring(ring)))
            for ring in self.fleet.rings
        ]

    def plan(self, domains: Sequence[Domain]) -> Iterator[Ended[Job, Outcome]]:
        """Yield what an update of each domain would be; nothing outside of the scratch folder is touched."""
        jobs = self._of_each(domains, partial(self._job, push=False))
        return run(work, jobs, at_once=os.cpu_count() or 2, limit=self.limit, scratch=self.scratch)

    def drift(self, domains: Sequence[Domain]) -> Iterator[Ended[drift.Job, list[drift.Change]]]:
        """Yield what each domain changed in the platform's files."""
        jobs = self._of_each(domains, lambda one, at: drift.Job(one.name, at, one.folder, self.template.root))
        return run(drift.changes, jobs, at_once=os.cpu_count() or 2, limit=self.limit, scratch=self.scratch)

    def may_open(self, rings: Sequence[RingStanding], ring: Ring) -> None:
        """Raise ProblemError unless every ring before this one has passed, or this one is begun and none failed."""
        before = rings[: [one.ring for one in rings].index(ring)]
        this = rings[len(before)]
        if before and "-rc." in self.version:
            what = f"{self.version} is a candidate, and candidates reach the ring {rings[0].ring.name} alone"
            raise ProblemError(Problem(FleetCode.RING_CLOSED, ring.name, what, "release it first"))
        for one in before:
            verdict, why = one.verdict(datetime.now(UTC))
            if verdict is Verdict.FAILED:
                write = "put that right there, `fleet apply --resume`, or release a correction"
                raise ProblemError(Problem(FleetCode.RING_FAILED, one.ring.name, why, write))
            if verdict is not Verdict.PASSED and not this.is_begun:
                what = f"the ring {ring.name} is not open yet: {why}"
                raise ProblemError(Problem(FleetCode.RING_CLOSED, one.ring.name, what, "wait, then `fleet promote`"))

    def apply(self, ring: RingStanding, only: Sequence[Domain] = (), *, resume: bool = False) -> Iterator[Result]:
        """Propose the release to the domains of a ring, or to some of them, and yield what became of each.

        With ``resume`` those are passed over of which the log says that nothing has moved since they were done.
        """
        wanted = [one for one in ring.domains if not only or one.domain in only]
        done = self._done() if resume else {}
        to_do: dict[str, Standing] = {}
        for one in wanted:
            if result := self._left(one, done.get(one.domain.name)):
                yield self._told(result)
            else:
                to_do[one.domain.name] = one
        waiting: list[Result] = []
        jobs = self._jobs([*to_do.values()], ring, waiting)
        for ended in run(work, jobs, at_once=ring.ring.at_once, limit=self.limit, scratch=self.scratch):
            yield self._told(self._proposed(to_do[ended.job.domain], ended))
        for result in waiting:
            yield self._told(result)

    def close(self, comment: str) -> Iterator[Result]:
        """Withdraw the release: close its open pull requests, so that they are not taken for the teams' own doing."""
        for domain in self.fleet.domains:
            try:
                for one in self.forge.pull_requests(domain.repository, domain.branch):
                    if one.state == "open" and mark(self.version) in one.body:
                        text = one.body.replace(mark(self.version), mark(self.version, withdrawn=True))
                        self.forge.edit(domain.repository, one.number, one.title, text)
                        self.forge.close(domain.repository, one.number, comment)
                        self.log.add(self.version, "closed", domain.name, pull_request=one.number)
                        yield Result(domain.name, f"closed {one.url}")
            except ProblemError as error:
                yield Result(domain.name, "not closed", tuple(map(str, error.problems)), needs_person=True)

    # One domain -------------------------------------------------------------------------------------------------------

    def _standing(self, domain: Domain, facts: dict) -> Standing:
        known = facts.get(domain.name)
        try:
            return standing(self.forge, domain, known, self.version)
        except ProblemError as error:
            reason = "\n".join(map(str, error.problems))
            return Standing(domain, State.UNREACHABLE, known, reason=reason)

    def _left(self, one: Standing, done: tuple[str, str] | None) -> Result | None:
        """Return why there is nothing to do, or nothing that the fleet can do."""
        name = one.domain.name
        match one.state:
            case State.SKIPPED | State.PINNED | State.DECLINED:
                return Result(name, f"left: {one.reason}")
            case State.UNREACHABLE:
                self._keep(one.facts.crash, name)
                return Result(name, "needs a person", (one.reason,), needs_person=True)
            case State.WELL if one.checks is None:
                return Result(name, one.reason or f"merged {one.pull_request.url}")
        if one.taken and done == (one.facts.heads.head, one.facts.heads.proposed) and one.pull_request == one.taken:
            return Result(name, f"stands as it was: {one.taken.url}")
        try:
            repository = self.forge.look_up(one.domain.repository)
        except ProblemError as error:
            return Result(name, "needs a person", tuple(map(str, error.problems)), needs_person=True)
        if repository.is_archived:
            what, write = "the repository is archived", "write `skip:` with the reason, or remove the domain"
            problem = Problem(FleetCode.NOT_ENROLLED, one.domain.repository, what, write)
            return Result(name, "needs a person", (str(problem),), needs_person=True)
        if repository.name.lower() != one.domain.repository.lower():
            what = f"the repository is called {repository.name} now"
            write = f"write `repository: {repository.name}` if it is still the one that is meant"
            problem = Problem(FleetCode.REMOTE, one.domain.repository, what, write)
            return Result(name, "needs a person", (str(problem),), needs_person=True)
        return None

    def _jobs(self, to_do: Sequence[Standing], ring: RingStanding, waiting: list[Result]) -> Iterator[Job | Ended]:
        """Yield jobs as long as pull requests may be opened in this hour; the others go to ``waiting``."""
        an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
        opened = [one for one in ring.domains if one.pull_request and one.pull_request.created > an_hour_ago]
        left = ring.ring.prs_per_hour - len(opened)
        for one in to_do:
            if one.taken is None:
                if left < 1:
                    what = f"waits: {ring.ring.prs_per_hour} pull requests an hour were opened in {ring.ring.name}"
                    waiting.append(Result(one.domain.name, what, waits=True))
                    continue
                left -= 1
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

    def _proposed(self, one: Standing, ended: Ended[Job, Outcome]) -> Result:
        """Open the pull request of a pushed update, or bring it up to date."""
        name, done = one.domain.name, ended.result
        self._keep(ended.crash, name)
        if done is None:
            return Result(name, "needs a person", ended.problems, needs_person=True)
        if done.became == "current":
            return Result(name, f"has {done.before}")
        try:
            pull_request, what = self._pull_request(one, done)
        except ProblemError as error:
            return Result(name, "needs a person", tuple(map(str, error.problems)), needs_person=True)
        about = {"base": done.base, "commit": done.commit, "pull_request": pull_request.number}
        self.log.add(self.version, "proposed", name, **about, pushed=done.pushed, seconds=round(ended.seconds, 2))
        if done.asks:
            return Result(name, f"{what} {pull_request.url}; its unit has to act first", done.asks, needs_person=True)
        return Result(name, f"{what} {pull_request.url}")

    def _pull_request(self, one: Standing, done: Outcome) -> tuple[PullRequest, str]:
        repository, name = one.domain.repository, title(self.version)
        text = body(done, self.version, one.domain.branch, self.template.news(done.before))
        if one.taken is None:
            return self.forge.open(repository, one.domain.branch, done.branch, name, text), "opened"
        if (one.taken.title, one.taken.body) == (name, text):
            return one.taken, "brought up to date" if done.pushed else "stands as it was:"
        return self.forge.edit(repository, one.taken.number, name, text), "brought up to date"

    # The log ----------------------------------------------------------------------------------------------------------

    def _keep(self, crash: str, name: str) -> None:
        """Keep the traceback of a defect of the fleet's, where a domain has met one."""
        if crash:
            self.log.add(self.version, "crashed", name, traceback=crash)

    def _told(self, result: Result) -> Result:
        if result.problems:
            self.log.add(self.version, "refused", result.domain, problems=result.problems)
        elif not result.what.startswith(("opened", "brought", "stands")):
            self.log.add(self.version, "left", result.domain, why=result.what)
        return result

    def _done(self) -> dict[str, tuple[str, str]]:
        """Return the commits of the last proposal to each domain: what it was of, and what was proposed."""
        events = (event for event in self.log.events(self.version) if event.what == "proposed")
        return {event.domain: (event.about["base"], event.about["commit"]) for event in events}


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
            stack.enter_context(_alone(fleet))
        folder = stack.enter_context(scratch_folder())
        clone = folder / "template"
        Git(HERE)("clone", "--quiet", "--no-checkout", str(HERE), str(clone))  # its tags may be set
        yield Campaign(fleet, forge, Template.of(clone, to), folder)


def _alone(fleet: Fleet) -> FileLock:
    fleet.cache.mkdir(parents=True, exist_ok=True)
    lock = FileLock(fleet.cache / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        what, write = "another roll-out of this fleet is under way", "wait until it has ended"
        raise ProblemError(Problem(FleetCode.PAUSED, str(fleet.folder), what, write)) from None
    return lock
