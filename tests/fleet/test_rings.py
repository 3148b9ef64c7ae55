"""What opens the next ring and what stops it, on the states that domains have."""

from datetime import UTC, datetime, timedelta

import pytest

from fleet.forges import Checks, PullRequest
from fleet.proposals import mark, proposal, version_of
from fleet.registry import Domain, Ring
from fleet.remote import Heads
from fleet.rings import RingStanding, Verdict
from fleet.standing import Standing, State, has
from fleet.survey import Facts

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
FACTS = Facts(Heads("main", "a" * 40, ""), "v0.3.0")


def ring(*states: State | tuple[State, float], **settings: float) -> RingStanding:
    """Return a ring with a domain for each state; with hours, since when it is well."""
    domains = []
    for number, state in enumerate(states):
        state, hours = state if isinstance(state, tuple) else (state, None)
        since = None if hours is None else NOW - timedelta(hours=hours)
        named = Domain(name=f"d{number}", repository=f"acme/d{number}", ring="canary", contact="acme")
        domains.append(Standing(named, state, FACTS, since=since))
    return RingStanding(Ring(name="canary", **settings), tuple(domains))


WELL, FAILED, RUNNING = (State.WELL, 100), State.FAILED, State.RUNNING


@pytest.mark.parametrize(
    ("standing", "verdict"),
    [
        (ring(WELL, WELL), Verdict.PASSED),
        (ring(WELL, RUNNING), Verdict.PENDING),
        (ring(WELL, State.UNTOUCHED), Verdict.PENDING),
        (ring(WELL, FAILED), Verdict.FAILED),
        (ring(WELL, State.UNREACHABLE), Verdict.FAILED),
        (ring(WELL, State.TAKEN_BACK), Verdict.FAILED),
        (ring(WELL, WELL, WELL, FAILED, must_succeed=0.75), Verdict.PASSED),
        (ring(WELL, WELL, RUNNING, FAILED, must_succeed=0.75), Verdict.PENDING),
        (ring(WELL, RUNNING, FAILED, FAILED, must_succeed=0.75), Verdict.FAILED),
        (ring(*[WELL] * 7, *[FAILED] * 3, must_succeed=0.7), Verdict.PASSED),  # 0.7 * 10 is more than 7 in floats
        (ring(WELL, State.PINNED, State.SKIPPED, State.DECLINED), Verdict.PASSED),
        (ring(State.DECLINED, State.PINNED), Verdict.FAILED),
        (ring(State.PINNED, State.SKIPPED), Verdict.PASSED),
        (ring(), Verdict.PASSED),
        (ring((State.WELL, 5), (State.WELL, 30), bake_hours=24), Verdict.BAKING),
        (ring((State.WELL, 25), (State.WELL, 30), bake_hours=24), Verdict.PASSED),
        (ring((State.WELL, 1), (State.WELL, 30), must_succeed=0.5, bake_hours=24), Verdict.PASSED),
        (ring(State.WELL, bake_hours=24), Verdict.PASSED),  # it had the release before anybody looked
    ],
)
def test_a_ring_passes_when_enough_of_it_is_well_for_long_enough(standing, verdict):
    assert standing.verdict(NOW)[0] is verdict


def test_a_ring_that_failed_names_who_and_why():
    assert ring(WELL, FAILED).verdict(NOW)[1] == "1 of 2 failed: d1 (checks failed)"


def test_a_ring_that_bakes_says_until_when():
    why = ring((State.WELL, 1), bake_hours=24).verdict(NOW)[1]
    assert why == "bakes for 23 h 1 min more, until 2026-03-03 11:00 UTC"


@pytest.mark.parametrize(
    ("version", "wanted", "there"),
    [
        ("v0.4.0", "v0.4.0", True),
        ("v0.10.0", "v0.9.0", True),
        ("v0.3.0", "v0.4.0", False),
        ("v0.4.0-rc.1", "v0.4.0", False),
        ("v0.4.0-3-gabc1234", "v0.4.0", True),
        ("", "v0.4.0", False),
        ("main", "v0.4.0", False),
    ],
)
def test_a_version_is_compared_as_a_version(version, wanted, there):
    assert has(version, wanted) is there


def pull_request(number: int, state: str, body: str) -> PullRequest:
    return PullRequest(number, f"https://example.org/{number}", state, "a" * 40, "Update", body, NOW, None, "main")


def test_a_pull_request_is_told_by_the_release_that_it_brings_and_an_open_one_first():
    found = [
        pull_request(4, "open", mark("v0.5.0")),
        pull_request(3, "closed", mark("v0.4.0")),
        pull_request(2, "open", f"Text\n\n{mark('v0.4.0')}\n"),
        pull_request(1, "merged", "by hand"),
    ]
    assert proposal(found, "v0.4.0").number == 2
    assert proposal(found, "v0.3.0") is None
    assert version_of(found[-1]) == ""
    assert version_of(pull_request(5, "closed", mark("v0.4.0", withdrawn=True))) == "v0.4.0"
    assert Checks("pending").failed == ()
