"""How long GitHub asks to wait; https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api.

PyGithub's own ``GithubRetry`` does a part of it: it waits for no 429 without ``Retry-After`` and for no PATCH, no bound
holds for ``Retry-After``, and it waits within one request, whose token may expire in the meantime. So it is not used.
"""

import time
from email.utils import parsedate_to_datetime

from github.GithubException import GithubException
from github.Requester import Requester

_MINUTE = 60.0
"""At least so long for a secondary limit that does not say how long."""


def wait(error: GithubException, times: int) -> float | None:
    """Return how many seconds to wait after a limit was met so many ``times`` in a row; None if it is no limit."""
    headers = {name.lower(): str(value) for name, value in (error.headers or {}).items()}
    after, remaining = headers.get("retry-after", ""), headers.get("x-ratelimit-remaining")
    said = str(error.data.get("message")) if isinstance(error.data, dict) else ""
    if error.status != 429 and not (
        error.status == 403 and (after or remaining == "0" or Requester.isRateLimitError(said))
    ):
        return None
    if after.isdigit():
        return max(float(after), 1.0)
    reset = headers.get("x-ratelimit-reset", "")
    if remaining == "0" and reset.isdigit():
        return max(float(reset) - _now(headers.get("date")), 0.0) + 1  # it is reset in the course of that second
    return _MINUTE * 2 ** (times - 1)


def _now(date: str | None) -> float:
    """Return what the forge's clock says, which need not be what this machine's does."""
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return time.time()
