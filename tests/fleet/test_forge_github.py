"""GitHub as a forge, at a loopback server: limits, failures, credentials, and what only GitHub has."""

import base64
import json
import logging
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
import requests
from building_block.messages import ProblemError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from fleet.forges import LONGEST
from fleet.forges.github import GithubForge
from fleet.forges.local import LocalForge
from fleet.forges.mentions import as_written, silenced
from fleet.messages import FleetCode
from tests.fleet.conftest import TOKEN, forge_at
from tests.fleet.github_server import Fault, GithubServer, Right
from tests.fleet.repositories import Clone

SALES = "acme/sales-data"
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@pytest.fixture(scope="session")
def pushed(tmp_path_factory) -> Path:
    """A folder with a forge and a clone of its repository, which has the branches main and update."""
    folder = tmp_path_factory.mktemp("pushed")
    forge = LocalForge(folder / "forge")
    forge.create(SALES)
    clone = Clone.of(forge, SALES, folder / "clone")
    clone.commit("main", "README.md", "# Sales\n")
    clone.commit("update", "new.txt", "new\n")
    clone.git("push", "--quiet", "origin", "main", "update")
    return folder


@pytest.fixture
def clone(github, github_forge, pushed, tmp_path) -> Clone:
    """A clone of the loopback server's repository, which has the branches main and update."""
    shutil.copytree(pushed / "forge", github.forge.folder)
    shutil.copytree(pushed / "clone", tmp_path / "clone")
    clone = Clone(tmp_path / "clone", dict(github_forge.git_settings(SALES)))
    clone.git("remote", "set-url", "origin", github_forge.clone_url(SALES))
    return clone


@pytest.fixture
def head(clone) -> str:
    return clone.git("rev-parse", "update").strip()


@pytest.fixture
def waits(github, monkeypatch) -> list[float]:
    """What the forge has waited, in seconds."""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        github.now += seconds

    monkeypatch.setattr(github, "sleep", sleep)
    return waited


def refused(call: Callable[[], object], code: FleetCode) -> str:
    with pytest.raises(ProblemError) as error:
        call()
    assert [problem.code for problem in error.value.problems] == [code]
    return str(error.value)


# Where ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://github.com", "https://api.github.com:443/repos/acme/x"),
        ("https://github.acme.example", "https://github.acme.example:443/api/v3/repos/acme/x"),
    ],
)
def test_the_api_of_a_server_is_where_github_says(url, api, monkeypatch):
    asked = []

    def get(_: requests.Session, url: str, **__: object) -> None:
        asked.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "get", get)
    forge = GithubForge(url, {"GITHUB_TOKEN": TOKEN}, sleep=lambda _: None)
    said = refused(lambda: forge.look_up("acme/x"), FleetCode.FORGE)
    assert set(asked) == {api}
    assert f"{url} could not be asked (ConnectionError)" in said


def test_credentials_do_not_travel_in_the_clear():
    said = refused(lambda: GithubForge("http://github.acme.example", {"GITHUB_TOKEN": TOKEN}), FleetCode.FORGE_ACCESS)
    assert "write https://github.acme.example" in said


# Credentials ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def key() -> str:
    """The private key of an App."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kinds = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    return made.private_bytes(*kinds).decode()


def public(key: str) -> str:
    half = serialization.load_pem_private_key(key.encode(), None).public_key()
    kinds = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return half.public_bytes(*kinds).decode()


@pytest.fixture
def app(github, key) -> dict[str, str]:
    """The environment of a fleet that works as an App."""
    github.apps["4711"] = public(key)
    return {"FLEET_APP_ID": "4711", "FLEET_APP_PRIVATE_KEY": key}


def test_a_fleet_without_credentials_is_told_which_to_set(github):
    said = refused(lambda: GithubForge(github.url, {"FLEET_APP_ID": "4711"}), FleetCode.FORGE_ACCESS)
    assert "GITHUB_TOKEN" in said
    assert "FLEET_APP_PRIVATE_KEY" in said


def test_a_key_that_is_none_is_refused_before_anything_is_asked_and_not_shown(github, key):
    broken = key.replace("MII", "XXX", 1)
    app = {"FLEET_APP_ID": "4711", "FLEET_APP_PRIVATE_KEY": broken}
    assert broken.splitlines()[1] not in refused(lambda: GithubForge(github.url, app), FleetCode.FORGE_ACCESS)


def test_a_key_may_stand_on_one_line(github, clone, app):
    app["FLEET_APP_PRIVATE_KEY"] = app["FLEET_APP_PRIVATE_KEY"].replace("\n", "\\n")
    assert forge_at(github, app).look_up(SALES).name == SALES


def test_bad_credentials_are_an_error_that_says_so_and_are_not_tried_again(github, clone, waits):
    forge = forge_at(github, {"GITHUB_TOKEN": "ghp_wrong"})
    before = len(github.requests)
    said = refused(lambda: forge.look_up(SALES), FleetCode.FORGE_ACCESS)
    assert "renew GITHUB_TOKEN" in said
    assert len(github.requests) == before + 1
    assert waits == []


def test_a_token_that_may_only_read_is_refused_the_write(github, clone):
    github.tokens["ghp_reads"] = Right(writes=False)
    forge = forge_at(github, {"GITHUB_TOKEN": "ghp_reads"})
    said = refused(lambda: forge.open(SALES, "update", "main", "Update", ""), FleetCode.FORGE_ACCESS)
    assert "Resource not accessible by integration" in said


def test_an_app_asks_once_where_it_is_installed_and_for_a_token(github, clone, app):
    forge = forge_at(github, app)
    forge.open(SALES, "update", "main", "Update", "")
    forge.pull_requests(SALES, "update")
    assert github.count("GET", "/orgs/acme/installation") == 1
    assert github.count("POST", "/access_tokens") == 1


def test_an_app_renews_a_token_before_it_ends(github, clone, app):
    github.token_seconds = LONGEST.total_seconds()
    forge = forge_at(github, app)
    for expected in (1, 2):
        forge.look_up(SALES)
        assert github.count("POST", "/access_tokens") == expected


def test_git_works_with_the_token_of_an_app(github, clone, app, tmp_path):
    fresh = Clone.of(forge_at(github, app), SALES, tmp_path / "fresh")
    fresh.git("checkout", "--quiet", "-b", "main", "origin/main")
    commit = fresh.commit("other", "other.txt", "other\n")
    fresh.push("other")
    assert clone.fetched("other") == commit


def test_an_organisation_without_the_app_is_named(github, app):
    said = refused(lambda: forge_at(github, app).look_up("elsewhere/data"), FleetCode.FORGE_ACCESS)
    assert "elsewhere: the fleet's App is not installed there" in said


def test_a_repository_that_the_token_does_not_show_is_as_one_that_is_not_there(github, github_forge):
    github.forge.create("elsewhere/data")
    refused(lambda: github_forge.look_up("elsewhere/data"), FleetCode.REMOTE)


# Secrets --------------------------------------------------------------------------------------------------------------


def everything(github: GithubServer, forge: GithubForge, folder: Path) -> str:
    """Work with the forge, let it fail in every way, and return all that it said."""
    said = [repr(forge), repr(vars(forge)), repr(vars(forge._credentials)), forge.clone_url(SALES)]
    forge.open(SALES, "update", "main", "Update", "")
    clone = Clone.of(forge, SALES, folder)
    clone.git("checkout", "--quiet", "-b", "main", "origin/main")
    clone.commit("pushed", "pushed.txt", "pushed\n")
    clone.push("pushed")
    said += [repr(clone), clone.git("config", "--local", "--list"), clone.git("remote", "--verbose")]
    for status in (401, 403, 404, 422, 429, 500, 0):
        github.faults = [Fault(status, "No.", {"X-RateLimit-Remaining": "7"}, times=99)]
        with pytest.raises(ProblemError) as error:
            forge.pull_requests(SALES, "update")
        said.append(str(error.value))
    return "\n".join(said)


@pytest.mark.parametrize("kind", ["token", "app"])
def test_no_credential_occurs_in_an_error_a_log_a_repr_or_an_argument_of_a_process(
    github, clone, app, kind, tmp_path, caplog, monkeypatch
):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="github.Requester")
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "more"))
    forge = forge_at(github, app if kind == "app" else None)
    said = everything(github, forge, tmp_path / "fresh")
    argued = [json.loads(line).get("argv", []) for line in trace.read_text().splitlines()]
    assert any("remote-http" in word for words in argued for word in words)
    assert any(record.name.startswith("urllib3") for record in caplog.records)
    whole = said + caplog.text + json.dumps(argued) + (tmp_path / "more").read_text()
    secrets = {*github.tokens, *app["FLEET_APP_PRIVATE_KEY"].splitlines()[1:-1]}
    secrets |= {base64.b64encode(f"x-access-token:{token}".encode()).decode() for token in github.tokens}
    assert len(github.tokens) == (2 if kind == "app" else 1)
    assert [secret for secret in secrets if secret in whole] == []


def test_the_library_would_log_the_token_of_an_installation(github, clone, app, caplog):
    """Shows that the test above looks where a token would be."""
    from fleet.forges.credentials import _is_not_debug

    logger = logging.getLogger("github.Requester")
    caplog.set_level(logging.DEBUG, logger=logger.name)
    logger.removeFilter(_is_not_debug)
    try:
        forge_at(github, app).look_up(SALES)
    finally:
        logger.addFilter(_is_not_debug)
    assert any(token in caplog.text for token in github.tokens)


# Limits ---------------------------------------------------------------------------------------------------------------

ACTS = {
    "GET": lambda forge: forge.pull_requests(SALES, "update"),
    "POST": lambda forge: forge.open(SALES, "update", "main", "Update", ""),
    "PATCH": lambda forge: forge.edit(SALES, 1, "Edited", ""),
}


@pytest.mark.parametrize("method", ACTS)
@pytest.mark.parametrize(
    ("status", "message", "headers", "expected"),
    [
        (403, SECONDARY, {"Retry-After": "37"}, [37]),
        (429, SECONDARY, {"Retry-After": "37"}, [37]),
        (429, "Too many requests", {"Retry-After": "0"}, [1]),
        (403, SECONDARY, {"X-RateLimit-Remaining": "4000"}, [60]),
        (429, SECONDARY, {}, [60]),
        (403, SECONDARY, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "{in 90}"}, [91]),
        (429, "Too many requests", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "{in 90}"}, [91]),
    ],
)
def test_the_forge_waits_as_long_as_it_is_asked_and_goes_on(
    github, github_forge, clone, waits, method, status, message, headers, expected
):
    if method == "PATCH":
        github_forge.open(SALES, "update", "main", "Update", "")
    forge = forge_at(github)
    headers = {name: value.replace("{in 90}", str(int(github.now) + 90)) for name, value in headers.items()}
    github.faults.append(Fault(status, message, headers, method=method, path="/pulls"))
    assert ACTS[method](forge) is not None
    assert waits == expected


def test_a_used_up_hour_is_waited_for_by_the_clock_of_the_server(github, clone, waits):
    github.now -= 86_400  # a day behind this machine's
    github.remaining, github.reset = 0, github.now + 1800
    assert forge_at(github).look_up(SALES).name == SALES
    assert waits == [1801]


def test_a_limit_that_does_not_say_how_long_is_waited_for_ever_longer(github, clone, waits):
    github.faults.append(Fault(403, SECONDARY, times=3))
    forge_at(github).look_up(SALES)
    assert waits == [60, 120, 240]


def test_a_wait_beyond_the_bound_is_an_error_at_once(github, clone, waits):
    github.faults.append(Fault(403, SECONDARY, {"Retry-After": "3601"}))
    assert SECONDARY[:20] in refused(lambda: forge_at(github).look_up(SALES), FleetCode.FORGE_LIMIT)
    assert waits == []


def test_waits_that_add_up_to_the_bound_are_an_error(github, clone, waits):
    github.faults.append(Fault(429, SECONDARY, {"Retry-After": "1000"}, times=99))
    refused(lambda: forge_at(github).look_up(SALES), FleetCode.FORGE_LIMIT)
    assert waits == [1000, 1000, 1000]


def test_what_is_forbidden_is_not_waited_for(github, clone, waits):
    github.faults.append(Fault(403, "Resource protected by organization SAML enforcement."))
    said = refused(lambda: forge_at(github).look_up(SALES), FleetCode.FORGE_ACCESS)
    assert "SAML" in said
    assert waits == []


def test_threads_make_one_request_at_a_time(github, clone):
    github.slow = 0.02
    forge = forge_at(github)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: forge.look_up(SALES), range(8)))
    assert github.most_at_once == 1


def test_writes_keep_their_distance_and_reads_do_not(github, github_forge, clone):
    forge = GithubForge(github.url, {"GITHUB_TOKEN": TOKEN}, between_writes=0.4)
    number = forge.open(SALES, "update", "main", "Update", "").number
    forge.close(SALES, number, "Not now.")
    wrote = [one.at for one in github.requests if one.method != "GET"]
    assert len(wrote) == 3
    assert all(later - earlier >= 0.4 for earlier, later in pairwise(wrote))
    began = time.monotonic()
    for _ in range(4):
        forge.look_up(SALES)
    assert time.monotonic() - began < 0.4


def test_a_second_lies_between_two_writes_unless_told_otherwise(github, clone):
    forge = GithubForge(github.url, {"GITHUB_TOKEN": TOKEN})
    forge.close(SALES, forge.open(SALES, "update", "main", "Update", "").number, "Not now.")
    first, second = [one.at for one in github.requests if one.method == "POST"]
    assert second - first >= 1


# Failures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503, 0])
@pytest.mark.parametrize("done", [False, True])
def test_what_fails_is_done_again_and_never_twice(github, clone, waits, status, done):
    forge = forge_at(github)
    github.faults = [
        Fault(status, method="POST", path="/pulls", done=done, times=2),
        Fault(status, method="POST", path="/comments", done=done, times=2),
        Fault(status, method="PATCH", done=done, times=2),
        Fault(status, method="GET", done=done, times=2),
    ]
    number = forge.open(SALES, "update", "main", "Update", "").number
    forge.edit(SALES, number, "Edited", "")
    forge.close(SALES, number, "Not now.")
    (pull,) = forge.pull_requests(SALES, "update")
    assert (pull.title, pull.state) == ("Edited", "closed")
    assert [comment.text for comment in github.forge.comments(SALES, number)] == ["Not now."]
    assert waits


def test_a_server_that_keeps_failing_is_given_up(github, clone, waits):
    github.faults.append(Fault(502, times=99))
    before = len(github.requests)
    assert "answered 502" in refused(lambda: forge_at(github).look_up(SALES), FleetCode.FORGE)
    assert len(github.requests) == before + 5
    assert waits == [1, 2, 4, 8]


def test_a_validation_error_says_what_is_wrong(github_forge, clone):
    no_commits = refused(lambda: github_forge.open(SALES, "main", "main", "Update", ""), FleetCode.FORGE)
    assert "No commits between main and main" in no_commits
    no_branch = refused(lambda: github_forge.open(SALES, "nowhere", "main", "Update", ""), FleetCode.FORGE)
    assert "head is invalid" in no_branch


def test_a_server_that_sends_elsewhere_is_not_followed(github, clone):
    github.faults.append(Fault(301, headers={"Location": "https://elsewhere.example/api/v3/repos/acme/x"}))
    assert "put `url` of the forge right" in refused(lambda: forge_at(github).look_up(SALES), FleetCode.FORGE)


# Pages ----------------------------------------------------------------------------------------------------------------


def test_all_pages_are_read(github, github_forge, clone, head):
    for _ in range(3):
        number = github_forge.open(SALES, "update", "main", "Update", "").number
        github.forge.close(SALES, number, "")
    for number in range(3):
        github.check(head, f"run {number}", "failure" if number == 2 else "success")
        github.report(head, f"status {number}", "success" if number else "failure")
    github.per_page = 1
    assert [one.number for one in github_forge.pull_requests(SALES, "update")] == [3, 2, 1]
    github.check(head, "pass", "failure")
    assert sorted(github_forge.checks(SALES, head).failed) == ["pass", "run 2", "status 0"]
    asked = [one.query for one in github.requests if one.method == "GET" and one.path.endswith("/pulls")]
    assert {query["per_page"] for query in asked} == {"100"}
    assert {(query["state"], query["head"]) for query in asked[-3:]} == {("all", "acme:update")}


def test_a_comment_on_a_later_page_is_not_said_again(github, github_forge, clone):
    number = github_forge.open(SALES, "update", "main", "Update", "").number
    for text in ("One.", "Not now."):
        github.forge.comment(SALES, number, text)
    github.per_page = 1
    github_forge.close(SALES, number, "Not now.")
    assert [comment.text for comment in github.forge.comments(SALES, number)] == ["One.", "Not now."]


def test_pull_requests_from_elsewhere_are_not_the_fleets(github, github_forge, clone):
    for number, origin in enumerate(("acme/fork-of-sales", None, SALES), 1):
        assert github_forge.open(SALES, "update", "main", "Update", "").number == number
        github.forge.close(SALES, number, "")
        if origin != SALES:
            github.foreign[number] = origin
    assert [one.number for one in github_forge.pull_requests(SALES, "update")] == [3]


# Checks ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conclusion", "state"),
    [
        *((one, "failed") for one in ("failure", "timed_out", "cancelled", "action_required", "startup_failure")),
        ("stale", "failed"),
        *((one, "passed") for one in ("success", "neutral", "skipped")),
        (None, "pending"),
    ],
)
def test_a_check_run_counts_by_its_conclusion(github, github_forge, head, conclusion, state):
    github.check(head, "pass")
    github.check(head, "build", conclusion)
    assert github_forge.checks(SALES, head).state == state


@pytest.mark.parametrize(
    ("said", "state"), [("success", "passed"), ("failure", "failed"), ("error", "failed"), ("pending", "pending")]
)
def test_a_commit_status_counts_by_its_state(github, github_forge, head, said, state):
    github.check(head, "pass")
    github.report(head, "ci/other", said)
    assert github_forge.checks(SALES, head).state == state


def test_of_two_workflows_with_a_job_of_the_same_name_both_count(github, github_forge, head):
    github.check(head, "pass")
    github.check(head, "test", "failure", suite=1)
    github.check(head, "test", "success", suite=2)
    assert github_forge.checks(SALES, head).failed == ("test",)


@pytest.mark.parametrize(
    "checks", [{"license/cla": "success"}, {"lint": "success", "build": "success"}, {"pass": "skipped"}]
)
def test_what_does_not_end_with_the_projects_own_pass_is_pending(github, github_forge, head, checks):
    for name, conclusion in checks.items():
        github.check(head, name, conclusion)
    assert github_forge.checks(SALES, head).state == "pending"


def test_of_each_name_the_latest_counts(github, github_forge, head):
    github.check(head, "pass", "failure")
    github.check(head, "pass", "success", at=60)
    github.report(head, "ci/other", "failure")
    github.report(head, "ci/other", "success", at=90)
    checks = github_forge.checks(SALES, head)
    assert (checks.state, checks.failed) == ("passed", ())
    assert checks.ended.timestamp() == int(github.now) + 90


@pytest.mark.parametrize("status", ["queued", "in_progress", "waiting", "requested", "pending"])
def test_as_long_as_one_runs_all_is_pending(github, github_forge, head, status):
    github.check(head, "build", "failure")
    github.check(head, "pass", "failure")
    github.check(head, "test", None, status=status)
    github.report(head, "ci/other", "success")
    checks = github_forge.checks(SALES, head)
    assert (checks.state, checks.ended, checks.failed) == ("pending", None, ())


def test_a_commit_that_the_forge_does_not_know_is_refused(github_forge, clone):
    assert "No commit found" in refused(lambda: github_forge.checks(SALES, "1" * 40), FleetCode.FORGE)


# Mentions -------------------------------------------------------------------------------------------------------------

B = "\u200b"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("for @acme/sales", f"for @{B}acme/sales"),
        ("@acme", f"@{B}acme"),
        ("(@acme) _@acme_ é@acme", f"(@{B}acme) _@{B}acme_ é@{B}acme"),
        ("`@dg.asset`", f"`@{B}dg.asset`"),
        ("&#64;acme &commat;acme &#x40;acme @&#97;cme", f"@{B}acme @{B}acme @{B}acme @{B}&#97;cme"),
        ("fixes #12, acme/x#3, GH-4", f"fixes #{B}12, acme/x#{B}3, GH-{B}4"),
        ("https://x.example/@acme/page#1", "https://x.example/%40acme/page#1"),
        ("[a](https://x.example/p#12) #3", f"[a](https://x.example/p#12) #{B}3"),
        ("https://@acme", f"https://@{B}acme"),
        ("https://localhost/@acme", f"https://localhost/@{B}acme"),
    ],
)
def test_nobody_is_mentioned_and_no_issue_is_linked(text, safe):
    assert silenced(text) == safe
    assert silenced(safe) == safe


@pytest.mark.parametrize(
    "text", ["sales@acme.example", "building-block @ file:///x", "# Title\n## 2", "C# and #ab", ""]
)
def test_what_is_no_mention_stays_as_it_is(text):
    assert silenced(text) == text


@pytest.mark.parametrize("text", ["for @acme/sales, #12", "GH-3\n`@x`\n"])
def test_a_silenced_text_is_read_as_it_was_written(text):
    assert as_written(silenced(text).replace("\n", "\r\n")) == text


def test_titles_bodies_and_comments_reach_github_silenced(github, github_forge, clone):
    number = github_forge.open(SALES, "update", "main", "For @acme", "See #1").number
    github_forge.edit(SALES, number, "For @acme again", "See #2")
    github_forge.close(SALES, number, "Asked by @acme")
    sent = [one.body for one in github.requests if one.method != "GET"]
    assert sent[0] == {"base": "main", "head": "update", "title": f"For @{B}acme", "body": f"See #{B}1"}
    assert sent[1] == {"title": f"For @{B}acme again", "body": f"See #{B}2"}
    assert sent[2] == {"body": f"Asked by @{B}acme"}
