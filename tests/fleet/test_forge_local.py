"""The forge in a folder: real repositories, records beside them, and what its people do there."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from building_block.messages import ProblemError

from fleet.forges.local import LocalForge
from fleet.messages import FleetCode
from tests.fleet.repositories import Clone
from upgrade.git import ALOOF, Git, settings

SALES = "acme/sales-data"


@pytest.fixture
def forge(tmp_path) -> LocalForge:
    forge = LocalForge(tmp_path / "forge")
    forge.create(SALES)
    return forge


@pytest.fixture
def clone(forge, tmp_path) -> Clone:
    """A clone of the repository with one commit on main, pushed."""
    clone = Clone.of(forge, SALES, tmp_path / "clone")
    clone.commit("main", "README.md", "# Sales\n")
    clone.push("main")
    return clone


@pytest.fixture
def proposed(forge, clone) -> int:
    """The number of an open pull request of the branch update."""
    clone.commit("update", "platform.txt", "new\n")
    clone.push("update")
    return forge.open(SALES, "update", "main", "Update", "All of it.").number


def refusal(of: pytest.ExceptionInfo[ProblemError]) -> FleetCode:
    (problem,) = of.value.problems
    return problem.code


# Repositories ---------------------------------------------------------------------------------------------------------


def test_a_repository_lies_where_its_name_says_and_its_default_branch_is_main(forge, clone):
    assert (forge.folder / "acme" / "sales-data.git").is_dir()
    assert forge.look_up(SALES).default_branch == "main"
    assert forge.repositories() == [SALES]


def test_no_second_repository_takes_a_name(forge):
    with pytest.raises(ProblemError) as error:
        forge.create(SALES)
    assert refusal(error) == FleetCode.FORGE


@pytest.mark.parametrize("name", ["../../etc/passwd", "sales-data", "acme/..", "acme/.git", "/acme/x", "acme/x/y", ""])
def test_a_name_that_leaves_the_folder_is_refused(forge, name):
    with pytest.raises(ProblemError, match="no name of a repository"):
        forge.clone_url(name)


def test_a_push_to_a_protected_branch_is_refused_whatever_hooks_the_pusher_has_set(forge, clone):
    forge.protect(SALES, "main")
    clone.commit("main", "README.md", "# Ours\n")
    pushed = Git(clone.folder, settings(ALOOF)).tried("push", "origin", "main")
    assert pushed.returncode, pushed.stderr
    assert "main is protected: open a pull request" in pushed.stderr
    clone.commit("update", "platform.txt", "new\n")
    clone.push("update")


def test_only_a_merge_moves_a_protected_branch(forge, clone, proposed):
    forge.protect(SALES, "main")
    merged = forge.merge(SALES, proposed)
    assert clone.fetched("main") == merged


def test_a_push_to_an_archived_repository_is_refused(forge, clone):
    forge.archive(SALES)
    clone.commit("update", "platform.txt", "new\n")
    assert "archived" in Git(clone.folder).tried("push", "origin", "update").stderr


def test_a_renamed_repository_keeps_its_pull_requests_and_is_found_by_every_name_that_it_had(forge, clone, proposed):
    forge.rename(SALES, "acme/orders-data")
    forge.rename("acme/orders-data", "units/orders")
    for name in (SALES, "acme/orders-data", "units/orders"):
        assert forge.look_up(name).name == "units/orders"
        assert [pull.number for pull in forge.pull_requests(name, "update")] == [proposed]
    clone.git("fetch", forge.clone_url(SALES))


def test_the_name_of_a_renamed_repository_can_be_taken_again(forge, clone):
    forge.rename(SALES, "units/orders")
    forge.create(SALES)
    assert forge.look_up(SALES).name == SALES
    with pytest.raises(ProblemError):
        forge.rename(SALES, "units/orders")


# Pull requests --------------------------------------------------------------------------------------------------------


def test_the_head_of_an_open_pull_request_follows_its_branch_and_that_of_an_ended_one_is_kept(forge, clone, proposed):
    second = clone.commit("update", "platform.txt", "newer\n")
    clone.push("update")
    assert forge.pull(SALES, proposed).head == second
    forge.close(SALES, proposed, "Not now.")
    clone.commit("update", "platform.txt", "newest\n")
    clone.push("update")
    clone.git("push", "--quiet", "origin", ":update")
    assert forge.pull(SALES, proposed).head == second
    fresh = Clone.of(forge, SALES, clone.folder.parent / "fresh")
    fresh.git("fetch", "--quiet", "origin", f"refs/pull/{proposed}/head")


def test_a_pull_request_whose_branch_is_deleted_is_closed(forge, clone, proposed):
    clone.git("push", "--quiet", "origin", ":update")
    assert forge.pull(SALES, proposed).state == "closed"


def test_a_pull_request_that_somebody_merged_and_pushed_is_merged(forge, clone, proposed):
    clone.git("checkout", "--quiet", "main")
    clone.git("merge", "--quiet", "--no-ff", "update")
    clone.push("main")
    assert forge.pull(SALES, proposed).state == "merged"


def test_a_pull_request_whose_branch_was_taken_back_to_its_base_is_closed(forge, clone, proposed):
    clone.git("push", "--quiet", "--force", "origin", "main:update")
    assert forge.pull(SALES, proposed).state == "closed"


def test_a_merge_joins_both_sides_in_one_commit(forge, clone, proposed):
    ours = clone.commit("main", "ours.txt", "ours\n")
    clone.push("main")
    head = forge.pull(SALES, proposed).head
    merged = forge.merge(SALES, proposed)
    assert clone.fetched("main") == merged
    assert clone.git("rev-parse", f"{merged}^1", f"{merged}^2").split() == [ours, head]
    assert clone.git("show", f"{merged}:ours.txt", f"{merged}:platform.txt") == "ours\nnew\n"
    with pytest.raises(ProblemError, match="is merged"):
        forge.merge(SALES, proposed)


def test_a_merge_with_a_conflict_is_refused_and_changes_nothing(forge, clone, proposed):
    ours = clone.commit("main", "platform.txt", "ours\n")
    clone.push("main")
    with pytest.raises(ProblemError, match="conflicts with `main`"):
        forge.merge(SALES, proposed)
    assert clone.fetched("main") == ours
    assert forge.pull(SALES, proposed).state == "open"


def test_a_closed_pull_request_says_why_once(forge, clone, proposed):
    forge.comment(SALES, proposed, "We look at it.")
    forge.close(SALES, proposed, "Not now.")
    forge.close(SALES, proposed, "Not now.")
    assert [comment.text for comment in forge.comments(SALES, proposed)] == ["We look at it.", "Not now."]


# Records --------------------------------------------------------------------------------------------------------------


def test_a_record_is_read_by_the_next_process(forge, proposed):
    record = json.loads((forge.folder / "acme" / "sales-data.pulls" / f"{proposed}.json").read_text())
    assert (record["title"], record["state"], record["branch"]) == ("Update", "open", "update")
    assert LocalForge(forge.folder).pull(SALES, proposed).title == "Update"


@pytest.mark.parametrize("text", ["", "5", '{"number": 1', '{"number": 1}'])
def test_a_damaged_record_is_told_by_its_file(forge, proposed, text):
    record = forge.path(SALES).with_suffix(".pulls") / f"{proposed}.json"
    record.write_text(text)
    with pytest.raises(ProblemError) as error:
        forge.pull_requests(SALES, "update")
    assert str(error.value).startswith(f"FL301 {record}: is no record of a pull request: ")


def test_what_else_lies_beside_the_records_is_none(forge, proposed):
    records = forge.path(SALES).with_suffix(".pulls")
    for name in ("notes.json", "1 (copy).json", "².json"):
        (records / name).write_text("{")
    assert [pull.number for pull in forge.pulls(SALES)] == [proposed]


def test_of_many_at_a_time_each_gets_a_number_of_its_own_and_no_change_is_lost(forge, clone, proposed):
    for number in range(4):
        clone.commit(f"update-{number}", "platform.txt", f"{number}\n")
        clone.push(f"update-{number}")

    def work(number: int) -> int:
        forge.comment(SALES, proposed, f"{number}")
        return forge.open(SALES, f"update-{number}", "main", "Update", "").number

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(work, range(4)))
    assert sorted(numbers) == [2, 3, 4, 5]
    assert sorted(comment.text for comment in forge.comments(SALES, proposed)) == ["0", "1", "2", "3"]


def test_a_process_that_dies_while_it_writes_leaves_the_record_whole(forge, proposed):
    record = forge.folder / "acme" / "sales-data.pulls" / f"{proposed}.json"
    before = record.read_bytes()
    code = f"""
import os
from pathlib import Path
from fleet.forges.local import LocalForge
os.replace = lambda *names: os._exit(9)
LocalForge(Path({str(forge.folder)!r})).comment({SALES!r}, {proposed}, "lost")
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=False)
    assert done.returncode == 9
    assert record.read_bytes() == before
    forge.comment(SALES, proposed, "kept")
    assert [comment.text for comment in forge.comments(SALES, proposed)] == ["kept"]
