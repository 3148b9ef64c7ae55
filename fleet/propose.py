"""What the fleet does to the pull request of one domain: it opens it, keeps it up to date, and withdraws it.

A roll-out takes hours, so what is there is asked just before, and what is not the fleet's is left as it is.
"""

from collections.abc import Sequence

from building_block.messages import Problem, ProblemError

from fleet.body import body, title
from fleet.forges import Forge, PullRequest
from fleet.messages import FleetCode
from fleet.proposals import is_withdrawn, proposal, taken, version_of, withdrawn
from fleet.registry import Domain
from fleet.result import Became
from fleet.work import Outcome


def propose(
    forge: Forge, domain: Domain, done: Outcome, version: str, news: Sequence[str]
) -> tuple[Became, PullRequest]:
    """Propose a pushed update, and return what became of its pull request; ``news`` are the changelog's sections.

    One that its team has merged or closed while the update was made stays as it is.

    Raises:
        ProblemError: the forge refuses it, or somebody else's pull request is in its place.
    """
    found = forge.pull_requests(domain.repository, domain.branch)
    last = proposal(found, version)
    if last and last.state == "merged":
        return Became.CURRENT, last
    if last and last.state == "closed" and not is_withdrawn(last):
        return Became.LEFT, last
    name, text = title(version), body(done, version, domain.branch, news)
    there = taken(found, done.branch)
    if there is None:
        opened = forge.open(domain.repository, domain.branch, done.branch, name, text)
        if not version_of(opened):
            what = f"somebody's own pull request {opened.url} proposes the branch of the fleet"
            write = "close that one, then `fleet apply --resume`"
            raise ProblemError(Problem(FleetCode.BRANCH, domain.repository, what, write))
        return Became.OPENED, opened
    if (there.title, there.body) != (name, text):
        return Became.UPDATED, forge.edit(domain.repository, there.number, name, text)
    return Became.UPDATED if done.pushed else Became.STANDS, there


def withdraw(forge: Forge, domain: Domain, pull_request: PullRequest, comment: str) -> None:
    """Close a pull request so that it is not taken for its team's own doing.

    It is marked first: where this breaks off between the two it is still open, and found again.
    """
    forge.edit(domain.repository, pull_request.number, pull_request.title, withdrawn(pull_request))
    forge.close(domain.repository, pull_request.number, comment)
