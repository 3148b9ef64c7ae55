"""GitHub, and GitHub Enterprise, as a forge."""

import os
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from threading import RLock
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from building_block.messages import Problem, ProblemError, one_line
from github import Github
from github.GithubException import GithubException, UnknownObjectException
from github.PullRequest import PullRequest as Pull
from github.Repository import Repository as Found

from fleet.forges import Checks, PullRequest, Repository, limits
from fleet.forges.credentials import APP, TOKEN, Credentials
from fleet.forges.mentions import as_written, silenced
from fleet.messages import FleetCode

_GITHUB = "https://github.com"
_HARMLESS = ("success", "neutral", "skipped")
_GATE = "pass"
"""The job of a stamped project's platform-ci.yml that ends when all others have, and fails where one did."""
_TRIES = 5
"""How often in a row a server that fails is asked."""
_T = TypeVar("_T")


class GithubForge:
    """Implements ``Forge``.

    One request is made at a time, whatever number of threads asks; all that it does can be done again, and is done
    again after a failure of the server or the network.
    """

    def __init__(
        self,
        url: str = _GITHUB,
        environment: Mapping[str, str] = os.environ,
        longest_wait: float = 3600,
        between_writes: float = 1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take credentials from the environment.

        Args:
            url: the server, without a path
            environment: see ``Credentials``
            longest_wait: how many seconds one call may wait for limits and failures, all in all
            between_writes: how many seconds GitHub wants between two requests that change something
            sleep: how to wait

        Raises:
            ProblemError: there are no credentials, or they would travel in the clear.
        """
        self._url = url.rstrip("/")
        host = urlsplit(self._url)
        if host.scheme != "https" and host.hostname not in ("localhost", "127.0.0.1", "::1"):
            what, write = "credentials would travel in the clear", f"write https://{host.netloc}"
            raise ProblemError(Problem(FleetCode.FORGE_ACCESS, self._url, what, write))
        self._api = "https://api.github.com" if self._url == _GITHUB else f"{self._url}/api/v3"
        self._credentials = Credentials(environment, self._api)
        self._longest_wait, self._between_writes, self._sleep = longest_wait, between_writes, sleep
        self._clients: dict[str, Github] = {}
        self._turn = RLock()

    def clone_url(self, repository: str) -> str:
        """Return the HTTPS address."""
        return f"{self._url}/{repository}.git"

    def git_settings(self, repository: str) -> Mapping[str, str]:
        """Return the header that lets git in."""
        token = self._tried(repository, lambda: self._credentials.of(_organisation(repository)).token)
        basic = b64encode(f"x-access-token:{token}".encode()).decode()
        # No helper of the user's is asked for a password, or told one to keep.
        return {f"http.{self._url}/.extraHeader": f"Authorization: Basic {basic}", "credential.helper": ""}

    def look_up(self, repository: str) -> Repository:
        """Return the repository as it is called now: GitHub says so to who asks by an old name."""

        def ask() -> Repository:
            found = self._found(repository)
            return Repository(found.full_name, found.default_branch, found.archived)

        return self._tried(repository, ask)

    def pull_requests(self, repository: str, branch: str) -> list[PullRequest]:
        """Return all pull requests from a branch of the repository itself, the newest first."""
        return self._tried(repository, lambda: list(self._pulls(self._found(repository), branch, "all")))

    def open(self, repository: str, branch: str, base: str, title: str, body: str) -> PullRequest:
        """Propose a pushed branch for ``base``; return the pull request that GitHub says exists already."""

        def ask() -> PullRequest:
            found = self._found(repository)
            try:
                return _shown(found.create_pull(base, branch, title=silenced(title), body=silenced(body)))
            except GithubException as error:
                if error.status != 422:
                    raise
                for pull in self._pulls(found, branch, "open", base):
                    return pull
                raise

        return self._tried(repository, ask)

    def edit(self, repository: str, number: int, title: str, body: str) -> PullRequest:
        """Give a pull request another title and body."""

        def ask() -> PullRequest:
            pull = _pull(self._found(repository), number)
            pull.edit(title=silenced(title), body=silenced(body))
            return _shown(pull)

        return self._tried(repository, ask)

    def close(self, repository: str, number: int, comment: str) -> None:
        """Say why and close a pull request; one that has ended stays as it is."""
        text = silenced(comment)

        def ask() -> None:
            pull = _pull(self._found(repository), number)
            if pull.state != "open":
                return
            if not any(as_written(said.body or "") == comment for said in pull.get_issue_comments()):
                pull.create_issue_comment(text)
            pull.edit(state="closed")

        self._tried(repository, ask)

    def checks(self, repository: str, commit: str) -> Checks:
        """Return what check runs and commit statuses say: of each name the latest, in each run of a workflow.

        Pending until the project's own ``pass`` has ended too: a check of others may be the first, or the only one.
        """

        def ask() -> Checks:
            found = self._client(repository).get_repo(repository).get_commit(commit)
            # Two workflows may each have a job `test`; what was run again stands beside the first in the same suite.
            runs = {
                (run.check_suite.id, run.name): run for run in sorted(found.get_check_runs(), key=lambda run: run.id)
            }
            statuses = {one.context: one for one in sorted(found.get_statuses(), key=lambda one: one.id)}
            running = [run for run in runs.values() if run.status != "completed"]
            running += [one for one in statuses.values() if one.state == "pending"]
            passes = [run for (_, name), run in runs.items() if name == _GATE and run.conclusion != "skipped"]
            if running or not passes:
                return Checks("pending")
            failed = [name for (_, name), run in runs.items() if run.conclusion not in _HARMLESS]
            failed += [name for name, one in statuses.items() if one.state != "success"]
            ended = [run.completed_at or run.started_at for run in runs.values()] + [
                one.updated_at for one in statuses.values()
            ]
            return Checks("failed" if failed else "passed", max(ended), tuple(dict.fromkeys(failed)))

        return self._tried(repository, ask)

    def _client(self, repository: str) -> Github:
        organisation = _organisation(repository)
        if organisation not in self._clients:
            self._clients[organisation] = Github(
                auth=self._credentials.of(organisation),
                base_url=self._api,
                per_page=100,
                lazy=True,
                retry=None,
                seconds_between_requests=None,
                seconds_between_writes=self._between_writes,
            )
        return self._clients[organisation]

    def _found(self, repository: str) -> Found:
        # Asked anew each time: by an old name the library would lose a list's filter, and GitHub takes no write.
        return self._client(repository).get_repo(repository).complete()

    def _pulls(self, found: Found, branch: str, state: str, base: str = "") -> Iterator[PullRequest]:
        owner = _organisation(found.full_name)
        narrowed = {"base": base} if base else {}
        listed = found.get_pulls(state=state, head=f"{owner}:{branch}", sort="created", direction="desc", **narrowed)
        pulls = {pull.number: pull for pull in listed}  # one may stand on two pages, when another was opened meanwhile
        for number in sorted(pulls, reverse=True):
            head = pulls[number].head
            if head.ref == branch and head.repo and head.repo.full_name == found.full_name:
                yield _shown(pulls[number])

    def _tried(self, repository: str, call: Callable[[], _T]) -> _T:
        """Call, and again as long as GitHub asks to wait or fails; raise ProblemError for all that it refuses."""
        with self._turn:
            waited, limited, failed = 0.0, 0, 0
            while True:
                try:
                    return call()
                except GithubException as error:
                    seconds = limits.wait(error, limited + 1)
                    if seconds is not None:
                        limited += 1
                        problem = self._limit(repository, error)
                    elif error.status >= 500:
                        failed, seconds = failed + 1, 2.0**failed
                        problem = self._failure(repository, f"answered {error.status}")
                    else:
                        raise ProblemError(self._refusal(repository, error)) from None
                except requests.RequestException as error:
                    failed, seconds = failed + 1, 2.0**failed
                    problem = self._failure(repository, f"could not be asked ({type(error).__name__})")
                except RuntimeError as error:  # the library's word for a redirect to somewhere else
                    what, write = f"redirects elsewhere: {one_line(str(error))}", "put `url` of the forge right"
                    raise ProblemError(Problem(FleetCode.FORGE, self._url, what, write)) from None
                if failed >= _TRIES or waited + seconds > self._longest_wait:
                    raise ProblemError(problem)
                waited += seconds
                self._sleep(seconds)

    def _limit(self, repository: str, error: GithubException) -> Problem:
        what = f"the forge still asks to wait, after the {self._longest_wait:g} seconds that are waited: {_said(error)}"
        return Problem(FleetCode.FORGE_LIMIT, repository, what, "begin again later, or let `prs_per_hour` be fewer")

    def _failure(self, repository: str, what: str) -> Problem:
        return Problem(FleetCode.FORGE, repository, f"{self._url} {what}", "begin again when it is well")

    def _refusal(self, repository: str, error: GithubException) -> Problem:
        match error.status:
            case 401:
                write = f"renew {TOKEN}, or the key of {APP}"
                return Problem(FleetCode.FORGE_ACCESS, repository, "the forge refuses the credentials", write)
            case 403:
                what = f"the forge does not allow it: {_said(error)}"
                write = (
                    "grant the fleet's token or App read and write of contents and pull requests, and read of checks"
                )
                return Problem(FleetCode.FORGE_ACCESS, repository, what, write)
            case 404 | 410 | 451:
                what = "the forge has no such repository, or does not show it"
                write = "put its name right in domains.yaml, or let the fleet's token or App see it"
                return Problem(FleetCode.REMOTE, repository, what, write)
        what = f"the forge refuses it: {_said(error)}"
        return Problem(FleetCode.FORGE, repository, what, "put that right and begin again")


def _organisation(repository: str) -> str:
    return repository.split("/")[0]


def _pull(found: Found, number: int) -> Pull:
    try:
        return found.get_pull(number).complete()
    except UnknownObjectException:
        problem = Problem(
            FleetCode.FORGE, found.full_name, f"there is no pull request {number}", "put its number right"
        )
        raise ProblemError(problem) from None


def _shown(pull: Pull) -> PullRequest:
    state = "merged" if pull.merged_at else pull.state
    ended: datetime | None = pull.merged_at or pull.closed_at
    return PullRequest(
        pull.number,
        pull.html_url,
        state,
        pull.head.sha,
        as_written(pull.title),
        as_written(pull.body or ""),
        pull.created_at,
        ended,
        pull.base.ref,
    )


def _said(error: GithubException) -> str:
    """Return what the forge says, on one line."""
    data: Any = error.data if isinstance(error.data, dict) else {}
    words = [str(data.get("message") or error.status)]
    for one in data.get("errors") or ():
        named = isinstance(one, dict) and (one.get("message") or f"{one.get('field')} is {one.get('code')}")
        words.append(str(named or one))
    return one_line("; ".join(words))
