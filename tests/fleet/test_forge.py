"""What the fleet may rely on, whatever the forge: each sentence holds for a folder and for GitHub."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from building_block.messages import ProblemError

from fleet.forges import Forge, place
from fleet.forges.github import GithubForge
from fleet.forges.local import LocalForge, Result
from fleet.messages import FleetCode
from fleet.registry import GithubPlace, LocalPlace
from tests.fleet.repositories import Clone

SALES = "acme/sales-data"


@dataclass(frozen=True)
class Place:
    """A forge with one repository, and what its people do there."""

    forge: Forge
    people: LocalForge
    """The state behind the forge."""
    check: Callable[[str, str, bool], None]
    """Report of a commit that a check has passed or failed."""
    clone: Clone

    def proposed(self, branch: str = "update") -> int:
        """Push a branch with one commit and open a pull request."""
        self.clone.commit(branch, f"{branch}.txt", "new\n")
        self.clone.push(branch)
        return self.forge.open(SALES, branch, "main", "Update to v1", "All of it.").number


@pytest.fixture(params=["local", "github"])
def there(request, tmp_path) -> Place:
    if request.param == "local":
        people = forge = LocalForge(tmp_path / "forge")
        people.create(SALES)

        def check(commit: str, name: str, passed: bool) -> None:
            result = Result(commit=commit, name=name, passed=passed, ended=datetime.now(UTC), output="")
            people.change(SALES, 1, lambda pull: pull.checks.append(result))
    else:
        forge, server = request.getfixturevalue("github_forge"), request.getfixturevalue("github")
        people = server.forge
        people.create(SALES)

        def check(commit: str, name: str, passed: bool) -> None:
            server.check(commit, name, "success" if passed else "failure")
            server.check(commit, "pass")

    clone = Clone.of(forge, SALES, tmp_path / "clone")
    clone.commit("main", "README.md", "# Sales\n")
    clone.push("main")
    return Place(forge, people, check, clone)


def refused(call: Callable[[], object]) -> FleetCode:
    with pytest.raises(ProblemError) as error:
        call()
    (problem,) = error.value.problems
    return problem.code


# Repositories ---------------------------------------------------------------------------------------------------------


def test_a_repository_is_looked_up_by_the_name_that_it_had(there):
    assert there.forge.look_up(SALES).name == SALES
    assert there.forge.look_up(SALES).default_branch == "main"
    there.people.rename(SALES, "acme/orders-data")
    assert there.forge.look_up(SALES).name == "acme/orders-data"
    assert there.clone.fetched("main")


def test_a_renamed_repository_has_its_pull_requests_still_and_takes_new_ones(there):
    first = there.proposed()
    there.people.close(SALES, first, "")
    there.people.rename(SALES, "acme/orders-data")
    second = there.proposed("again")
    there.forge.edit(SALES, second, "Edited", "")
    assert [(one.number, one.state) for one in there.forge.pull_requests(SALES, "update")] == [(first, "closed")]
    assert [one.title for one in there.forge.pull_requests(SALES, "again")] == ["Edited"]


def test_an_archived_repository_says_so_and_takes_no_write(there):
    number = there.proposed()
    there.people.archive(SALES)
    assert there.forge.look_up(SALES).is_archived
    writes = [
        lambda: there.forge.open(SALES, "update", "main", "", ""),
        lambda: there.forge.edit(SALES, number, "", ""),
        lambda: there.forge.close(SALES, number, ""),
    ]
    assert [refused(write) for write in writes] == [FleetCode.FORGE_ACCESS] * 3


def test_a_repository_that_is_not_there_is_an_error_of_its_own(there):
    calls = [
        lambda: there.forge.look_up("acme/gone"),
        lambda: there.forge.pull_requests("acme/gone", "update"),
        lambda: there.forge.open("acme/gone", "update", "main", "", ""),
        lambda: there.forge.checks("acme/gone", "0" * 40),
    ]
    assert [refused(call) for call in calls] == [FleetCode.REMOTE] * 4


def test_git_fetches_and_pushes_with_the_settings_of_the_forge(there):
    commit = there.clone.commit("update", "new.txt", "new\n" * 500_000)
    there.clone.push("update")
    fresh = Clone.of(there.forge, SALES, there.clone.folder.parent / "fresh")
    assert fresh.fetched("update") == commit


# Pull requests --------------------------------------------------------------------------------------------------------


def test_an_opened_pull_request_is_listed_as_it_was_written(there):
    number = there.proposed()
    (listed,) = there.forge.pull_requests(SALES, "update")
    assert (listed.number, listed.state, listed.ended) == (number, "open", None)
    assert (listed.title, listed.body, listed.base) == ("Update to v1", "All of it.", "main")
    assert listed.head == there.clone.fetched("update")
    assert listed.url
    assert datetime.now(UTC) - listed.created < timedelta(minutes=1)


@pytest.mark.parametrize("text", ["for @acme/sales, as #12 says", "one\n\ntwo\n", "a@b.c", "", "`@x` acme/x#1 GH-3"])
def test_a_text_is_read_as_it_was_written(there, text):
    number = there.proposed()
    assert there.forge.edit(SALES, number, text or "Title", text).body == text
    (listed,) = there.forge.pull_requests(SALES, "update")
    assert (listed.title, listed.body) == (text or "Title", text)


def test_only_pull_requests_from_the_branch_are_listed_the_newest_first(there):
    first = there.proposed()
    there.proposed("other")
    there.forge.close(SALES, first, "Again.")
    second = there.forge.open(SALES, "update", "main", "Again", "").number
    listed = there.forge.pull_requests(SALES, "update")
    assert [(one.number, one.state) for one in listed] == [(second, "open"), (first, "closed")]
    assert there.forge.pull_requests(SALES, "nobody's") == []


def test_a_second_pull_request_of_a_branch_is_the_first(there):
    first = there.proposed()
    again = there.forge.open(SALES, "update", "main", "Other", "Other.")
    assert (again.number, again.title) == (first, "Update to v1")


@pytest.mark.parametrize(("branch", "base"), [("nowhere", "main"), ("update", "nowhere"), ("main", "main")])
def test_what_has_no_commits_to_propose_is_refused(there, branch, base):
    there.clone.commit("update", "new.txt", "new\n")
    there.clone.push("update")
    assert refused(lambda: there.forge.open(SALES, branch, base, "Update", "")) == FleetCode.FORGE


def test_a_closed_pull_request_says_why_and_when(there):
    number = there.proposed()
    there.forge.close(SALES, number, "v2 is out.")
    there.forge.close(SALES, number, "v2 is out.")
    (closed,) = there.forge.pull_requests(SALES, "update")
    assert closed.state == "closed"
    assert closed.ended >= closed.created
    assert [comment.text for comment in there.people.comments(SALES, number)] == ["v2 is out."]


def test_a_merged_pull_request_says_so_and_its_head_stays(there):
    number = there.proposed()
    head = there.clone.fetched("update")
    there.people.merge(SALES, number)
    there.clone.commit("update", "more.txt", "more\n")
    there.clone.push("update")
    (merged,) = there.forge.pull_requests(SALES, "update")
    assert (merged.state, merged.head) == ("merged", head)
    assert merged.ended


def test_the_head_follows_what_is_pushed(there):
    there.proposed()
    commit = there.clone.commit("update", "more.txt", "more\n")
    there.clone.push("update")
    assert there.forge.pull_requests(SALES, "update")[0].head == commit


@pytest.mark.parametrize("act", ["edit", "close"])
def test_a_pull_request_that_is_not_there_is_refused(there, act):
    call = {"edit": lambda: there.forge.edit(SALES, 9, "", ""), "close": lambda: there.forge.close(SALES, 9, "")}
    assert refused(call[act]) == FleetCode.FORGE


# Checks ---------------------------------------------------------------------------------------------------------------


def test_checks_are_pending_until_they_have_begun_and_are_of_one_commit(there):
    there.proposed()
    head = there.clone.fetched("update")
    assert there.forge.checks(SALES, head).state == "pending"
    there.check(head, "check", True)
    passed = there.forge.checks(SALES, head)
    assert (passed.state, passed.failed) == ("passed", ())
    assert abs(datetime.now(UTC) - passed.ended) < timedelta(minutes=1)
    assert there.forge.checks(SALES, there.clone.fetched("main")).state == "pending"


def test_one_failed_check_fails_and_is_named(there):
    there.proposed()
    head = there.clone.fetched("update")
    there.check(head, "check", True)
    there.check(head, "build", False)
    failed = there.forge.checks(SALES, head)
    assert (failed.state, failed.failed) == ("failed", ("build",))


# The place ------------------------------------------------------------------------------------------------------------


def test_the_forge_that_a_file_names_lies_beside_it(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "any")
    local = place.at(LocalPlace(kind="local", folder="forge"), tmp_path)
    assert local == LocalForge(Path(tmp_path, "forge"))
    github = place.at(GithubPlace(kind="github", url="https://github.acme.example"), tmp_path)
    assert isinstance(github, GithubForge)
    assert github.clone_url(SALES) == "https://github.acme.example/acme/sales-data.git"
