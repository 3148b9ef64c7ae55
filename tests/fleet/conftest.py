"""A loopback GitHub, with one token that may write to acme."""

from collections.abc import Iterator

import pytest

from fleet.forges.github import GithubForge
from tests.fleet.fleets import Fleets
from tests.fleet.github_server import GithubServer, Right

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
