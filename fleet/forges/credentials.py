"""By what right the fleet works on GitHub: a token, or an App. Neither is ever shown."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from building_block.messages import Problem, ProblemError
from github import GithubIntegration
from github.Auth import AppAuth, Auth, Token
from github.GithubException import UnknownObjectException
from github.InstallationAuthorization import InstallationAuthorization

from fleet.forges import LONGEST
from fleet.messages import FleetCode

TOKEN, APP, KEY = "GITHUB_TOKEN", "FLEET_APP_ID", "FLEET_APP_PRIVATE_KEY"
_MARGIN = LONGEST + timedelta(minutes=1)
"""The work that begins with a token ends with a push by it."""


def _is_not_debug(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


# The library logs every answer there, and one of them is the token of an installation.
logging.getLogger("github.Requester").addFilter(_is_not_debug)


class Credentials:
    """Those of the environment: ``GITHUB_TOKEN``, or ``FLEET_APP_ID`` with ``FLEET_APP_PRIVATE_KEY``."""

    def __init__(self, environment: Mapping[str, str], api: str) -> None:
        """Raise ProblemError where there are none, or none that can be ones."""
        self._token = Token(token) if (token := environment.get(TOKEN, "").strip()) else None
        self._app: GithubIntegration | None = None
        self._installations: dict[str, _Installation] = {}
        if self._token:
            return
        if not environment.get(APP) or not environment.get(KEY):
            what, write = "there are no credentials for the forge", f"set it, or {APP} and {KEY}"
            raise ProblemError(Problem(FleetCode.FORGE_ACCESS, TOKEN, what, write))
        # An environment holds a key on one line where nothing else is possible.
        auth = AppAuth(environment[APP], environment[KEY].replace("\\n", "\n"))
        try:
            auth.create_jwt()
        except Exception:  # whatever the library for keys raises, some of it with what it was given
            what, write = "is no private key", "set it to what the App's .pem file holds"
            raise ProblemError(Problem(FleetCode.FORGE_ACCESS, KEY, what, write)) from None
        self._app = GithubIntegration(auth=auth, base_url=api, seconds_between_requests=None)

    def of(self, organisation: str) -> Auth:
        """Return those for an organisation.

        Raises:
            ProblemError: the App is not installed there.
            GithubException: the forge cannot be asked now.
        """
        if self._token:
            return self._token
        if organisation not in self._installations:
            try:
                number = self._app.get_org_installation(organisation).id
            except UnknownObjectException:
                what, write = "the fleet's App is not installed there", "install it, and grant it the repositories"
                raise ProblemError(Problem(FleetCode.FORGE_ACCESS, organisation, what, write)) from None
            self._installations[organisation] = _Installation(self._app, number)
        return self._installations[organisation]


class _Installation(Auth):
    """The App in one organisation; its token is renewed in time."""

    def __init__(self, app: GithubIntegration, number: int) -> None:
        self._app, self._number = app, number
        self._authorization: InstallationAuthorization | None = None

    @property
    def token_type(self) -> str:
        return "token"

    @property
    def token(self) -> str:
        held = self._authorization
        if held is None or held.expires_at - _MARGIN < datetime.now(UTC):
            held = self._authorization = self._app.get_access_token(self._number)
        return held.token
