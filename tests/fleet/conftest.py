"""A loopback GitHub, with one token that may write to acme; fleets of projects, and of what stands for them."""

from collections.abc import Iterator

import pytest

from fleet.forges.github import GithubForge
from tests.fleet.fleets import Fleets
from tests.fleet.github_server import GithubServer, Right
from tests.fleet.units import ByHand, Units

TOKEN = "ghp_loopback0token0of0the0tests"  # noqa: S105 - of the loopback server


@pytest.fixture
def github(tmp_path) -> Iterator[GithubServer]:
    server = GithubServer(tmp_path / "github")
    server.tokens[TOKEN] = Right()
    with server.running():
        yield server


@pytest.fixture
def github_forge(github) -> GithubForge:
    """The forge at the loopback server; it sleeps by that server's clock."""
    return forge_at(github)


def forge_at(server: GithubServer, environment: dict[str, str] | None = None) -> GithubForge:
    given = environment or {"GITHUB_TOKEN": TOKEN}
    return GithubForge(server.url, given, between_writes=0, sleep=server.sleep)


@pytest.fixture(scope="session")
def fleets(template, tmp_path_factory) -> Fleets:
    """What makes fleets from the releases of the template."""
    return Fleets(template, tmp_path_factory.mktemp("rendered"))


@pytest.fixture
def units(tmp_path) -> Units:
    """Domains without a project, for what does not depend on one."""
    (tmp_path / "units").mkdir()
    return Units(tmp_path / "units")


@pytest.fixture
def by_hand(units, monkeypatch) -> ByHand:
    """The pool of the campaigns: no release is run."""
    pool = ByHand(units)
    monkeypatch.setattr("fleet.campaign.run", pool)
    return pool
