"""Where the domains' repositories live: one small interface, behind which a folder or GitHub stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

LONGEST = timedelta(minutes=10)
"""How long the work on one repository may take."""


@dataclass(frozen=True)
class Repository:
    """What a forge says of a repository."""

    name: str
    """As the forge calls it now, ``acme/sales-data``: it may have been renamed since it was registered."""
    default_branch: str
    is_archived: bool


@dataclass(frozen=True)
class PullRequest:
    """One pull request from the fleet's branch."""

    number: int
    url: str
    state: Literal["open", "merged", "closed"]
    head: str
    """The commit that it proposes."""
    title: str
    body: str
    created: datetime
    """In UTC, as every time here."""
    ended: datetime | None
    """When it was merged or closed."""
    base: str
    """The branch for which it is proposed."""


@dataclass(frozen=True)
class Checks:
    """What the domain's own CI says of a commit."""

    state: Literal["pending", "passed", "failed"]
    """Pending as long as one runs, and while none has begun."""
    ended: datetime | None = None
    """When the last of them ended; None while pending."""
    failed: tuple[str, ...] = ()
    """The names of those that failed."""


class Forge(Protocol):
    """What the fleet asks of a place for repositories; ``repository`` is a name such as ``acme/sales-data``.

    Every method raises ``ProblemError`` with one sentence for what the forge refuses, and for a repository that is not
    there. Requests are made one after another, as forges ask for; each waits as long as the forge asks.
    """

    def clone_url(self, repository: str) -> str:
        """Return what git fetches from and pushes to; without a credential in it."""

    def git_settings(self, repository: str) -> Mapping[str, str]:
        """Return the settings by which git may read and push there, for ``LONGEST`` from now on.

        They hold credentials, and are never logged.
        """

    def look_up(self, repository: str) -> Repository:
        """Return what the forge says of a repository."""

    def pull_requests(self, repository: str, branch: str) -> list[PullRequest]:
        """Return all pull requests from a branch of the repository itself, the newest first, closed ones too."""

    def open(self, repository: str, branch: str, base: str, title: str, body: str) -> PullRequest:
        """Propose a pushed branch for ``base``; return the open pull request that does so already, if there is one."""

    def edit(self, repository: str, number: int, title: str, body: str) -> PullRequest:
        """Give a pull request another title and body."""

    def close(self, repository: str, number: int, comment: str) -> None:
        """Close a pull request and say why; one that has ended stays as it is."""

    def checks(self, repository: str, commit: str) -> Checks:
        """Return what CI says of a commit."""
