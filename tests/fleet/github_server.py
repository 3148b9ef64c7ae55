"""A GitHub on loopback: its REST API as documented, and its git over HTTP, on real repositories.

Its state is a forge in a folder, which tests may change behind its back, as people do on the web. Its clock is its own:
``sleep`` moves it. What a test plants in ``faults`` is met by the next request that it fits.
"""

import base64
import json
import os
import re
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import jwt
from building_block.messages import ProblemError

from fleet.forges.local import LocalForge, Pull
from fleet.messages import FleetCode
from upgrade.git import Git

PREFIX = "/api/v3"
ZERO = "0" * 40


@dataclass(frozen=True)
class Request:
    """A request that was made."""

    method: str
    path: str
    query: dict[str, str]
    at: float
    """In seconds of the machine's clock."""
    body: Any


@dataclass
class Fault:
    """What goes wrong once, or so many times."""

    status: int = 0
    """Zero drops the connection."""
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    method: str = ""
    path: str = ""
    """A part of it."""
    times: int = 1
    done: bool = False
    """Whether the request is carried out all the same, and only its answer is lost."""


@dataclass
class Right:
    """What a token may do."""

    organisations: tuple[str, ...] = ("acme",)
    writes: bool = True
    expires: float = float("inf")


class Refusal(Exception):  # noqa: N818 - the forge's, not the program's
    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.body = (
            status,
            {"message": message, "documentation_url": "https://docs.github.com/rest"} | more,
        )


class GithubServer:
    """Runs while its ``running`` block does."""

    def __init__(self, folder: Path) -> None:
        self.forge = LocalForge(folder)
        self.tokens: dict[str, Right] = {}
        self.apps: dict[str, str] = {}
        """Public keys by the App's number."""
        self.installations: dict[str, int] = {"acme": 71}
        self.ids: dict[str, int] = {}
        self.check_runs: dict[str, list[dict]] = {}
        self.statuses: dict[str, list[dict]] = {}
        self.foreign: dict[int, str | None] = {}
        """Numbers of pull requests from elsewhere, and the repository that they come from, None if it is gone."""
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.token_seconds = 3600.0
        self.remaining, self.limit, self.reset = 5000, 5000, 0.0
        self.per_page = 30
        self.slow = 0.0
        self.now = float(int(time.time()))
        self.asked, self.most_at_once = 0, 0
        self.lock = threading.Lock()
        self.url = ""

    @contextmanager
    def running(self) -> Iterator["GithubServer"]:
        handler = type("Handler", (_Handler,), {"github": self})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            server.daemon_threads = True
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def count(self, method: str, path: str = "") -> int:
        return sum(one.method == method and path in one.path for one in self.requests)

    def check(
        self, commit: str, name: str, conclusion: str | None = "success", at: float = 0, suite: int = 1, **more: Any
    ) -> None:
        """Report a check run; without a conclusion it runs. Each run of a workflow is a suite of its own."""
        runs = self.check_runs.setdefault(commit, [])
        runs.append(
            {
                "id": len(runs) + 1,
                "name": name,
                "head_sha": commit,
                "check_suite": {"id": suite},
                "status": "completed" if conclusion else "in_progress",
                "conclusion": conclusion,
                "started_at": _time(self.now + at),
                "completed_at": _time(self.now + at) if conclusion else None,
                **more,
            }
        )

    def report(self, commit: str, context: str, state: str = "success", at: float = 0) -> None:
        """Report a commit status."""
        statuses = self.statuses.setdefault(commit, [])
        said = {"id": len(statuses) + 1, "context": context, "state": state}
        statuses.insert(0, said | {"created_at": _time(self.now + at), "updated_at": _time(self.now + at)})

    def id_of(self, repository: str) -> int:
        """Return the number of a repository, by whatever name it had."""
        path = str(self.forge.path(repository))
        # A folder keeps its number when it is renamed.
        return self.ids.setdefault(str(Path(path).stat().st_ino), len(self.ids) + 1)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Handler(BaseHTTPRequestHandler):
    github: GithubServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PATCH = do_PUT = do_GET  # noqa: N815

    def _answer(self) -> None:
        url = urlsplit(self.path)
        body = self._body()
        if not url.path.startswith(PREFIX):
            self._git(url.path, url.query, body)
            return
        path, query = unquote(url.path.removeprefix(PREFIX)), dict(parse_qsl(url.query))
        github = self.github
        with github.lock:
            github.asked += 1
            github.most_at_once = max(github.most_at_once, github.asked)
        time.sleep(github.slow)
        try:
            with github.lock:
                given = json.loads(body) if body else None
                github.requests.append(Request(self.command, path, query, time.time(), given))
                fault = self._fault(path)
                if fault is None or fault.done:
                    status, answer, headers = self._carried_out(path, query, given)
                if fault is None:
                    self._send(status, answer, headers)
                elif fault.status:
                    self._send(fault.status, {"message": fault.message}, fault.headers)
                else:
                    self.close_connection = True
        finally:
            with github.lock:
                github.asked -= 1

    def _fault(self, path: str) -> Fault | None:
        for fault in self.github.faults:
            if fault.times and fault.method in ("", self.command) and fault.path in path:
                fault.times -= 1
                return fault
        return None

    def _carried_out(self, path: str, query: dict[str, str], given: Any) -> tuple[int, Any, dict[str, str]]:
        github = self.github
        if github.now >= github.reset:
            github.remaining, github.reset = github.limit, github.now + 3600
        limits = {
            "X-RateLimit-Limit": str(github.limit),
            "X-RateLimit-Reset": str(int(github.reset)),
        }
        try:
            right = self._right(path)
            if github.remaining == 0:
                refusal = Refusal(403, "API rate limit exceeded for installation ID 71.")
                return refusal.status, refusal.body, limits | {"X-RateLimit-Remaining": "0"}
            github.remaining -= 1
            status, answer, headers = self._route(path, query, given, right)
        except Refusal as refusal:
            status, answer, headers = refusal.status, refusal.body, {}
        return status, answer, headers | limits | {"X-RateLimit-Remaining": str(github.remaining)}

    # Who asks ---------------------------------------------------------------------------------------------------------

    def _right(self, path: str) -> Right:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if not token:
            raise Refusal(401, "Requires authentication")
        if path.startswith(("/app/", "/orgs/")):
            return self._app(token)
        right = self.github.tokens.get(token)
        if kind.lower() not in ("token", "bearer") or right is None or right.expires <= self.github.now:
            raise Refusal(401, "Bad credentials")
        return right

    def _app(self, token: str) -> Right:
        try:
            number = jwt.decode(token, options={"verify_signature": False})["iss"]
            key = self.github.apps[number]
            claims = jwt.decode(token, key, algorithms=["RS256"], options={"require": ["exp", "iat", "iss"]})
        except (jwt.PyJWTError, KeyError):
            raise Refusal(401, "A JSON web token could not be decoded") from None
        if claims["exp"] - claims["iat"] > 660:
            raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
        return Right(writes=False)

    # What is asked ----------------------------------------------------------------------------------------------------

    def _route(self, path: str, query: dict[str, str], given: Any, right: Right) -> tuple[int, Any, dict[str, str]]:
        if found := re.fullmatch(r"/orgs/([^/]+)/installation", path):
            if (number := self.github.installations.get(found[1])) is None:
                raise Refusal(404, "Not Found")
            return 200, {"id": number, "account": {"login": found[1]}}, {}
        if found := re.fullmatch(r"/app/installations/(\d+)/access_tokens", path):
            return self._installation_token(int(found[1]))
        name, rest = self._repository(path, query)
        if name.split("/")[0] not in right.organisations:
            raise Refusal(404, "Not Found")
        if self.command != "GET":
            if not right.writes:
                raise Refusal(403, "Resource not accessible by integration")
            if self.github.forge.look_up(name).is_archived:
                raise Refusal(403, "Repository was archived so is read-only.")
        for pattern, methods in self._routes().items():
            if (found := re.fullmatch(pattern, rest)) and self.command in methods:
                return methods[self.command](name, *found.groups(), query=query, given=given)
        raise Refusal(404, "Not Found")

    def _repository(self, path: str, query: dict[str, str]) -> tuple[str, str]:
        """Return whose request it is, and the rest of its path; send on who asks by an old name."""
        forge = self.github.forge
        if found := re.fullmatch(r"/repositories/(\d+)(/.*)?", path):
            for name in forge.repositories():
                if self.github.id_of(name) == int(found[1]):
                    return name, found[2] or ""
        if found := re.fullmatch(r"/repos/([^/]+/[^/]+)(/.*)?", path):
            try:
                now = forge.look_up(found[1]).name
            except ProblemError:
                raise Refusal(404, "Not Found") from None
            if now == found[1]:
                return now, found[2] or ""
            there = f"{self.github.url}{PREFIX}/repositories/{self.github.id_of(now)}{found[2] or ''}"
            there += f"?{urlencode(query)}" if query else ""
            raise Refusal(301 if self.command == "GET" else 307, "Moved Permanently", url=there)
        raise Refusal(404, "Not Found")

    def _routes(self) -> dict[str, dict[str, Callable]]:
        return {
            "": {"GET": self._get_repository},
            "/pulls": {"GET": self._list_pulls, "POST": self._create_pull},
            r"/pulls/(\d+)": {"GET": self._get_pull, "PATCH": self._edit_pull},
            r"/pulls/(\d+)/merge": {"PUT": self._merge_pull},
            r"/issues/(\d+)/comments": {"GET": self._list_comments, "POST": self._create_comment},
            "/commits/([^/]+)": {"GET": self._get_commit},
            "/commits/([^/]+)/check-runs": {"GET": self._list_check_runs},
            "/statuses/([^/]+)": {"GET": self._list_statuses},
        }

    def _installation_token(self, number: int) -> tuple[int, Any, dict[str, str]]:
        organisation = next((name for name, one in self.github.installations.items() if one == number), None)
        if organisation is None:
            raise Refusal(404, "Not Found")
        token, expires = f"ghs_{uuid.uuid4().hex}", self.github.now + self.github.token_seconds
        self.github.tokens[token] = Right((organisation,), expires=expires)
        return 201, {"token": token, "expires_at": _time(expires), "permissions": {"contents": "write"}}, {}

    def _get_repository(self, name: str, **_: Any) -> tuple[int, Any, dict[str, str]]:
        return 200, self._repository_body(name), {}

    def _repository_body(self, name: str) -> dict[str, Any]:
        found = self.github.forge.look_up(name)
        return {
            "id": self.github.id_of(name),
            "name": name.split("/")[1],
            "full_name": name,
            "owner": {"login": name.split("/")[0]},
            "default_branch": found.default_branch,
            "archived": found.is_archived,
            "url": f"{self.github.url}{PREFIX}/repos/{name}",
            "html_url": f"{self.github.url}/{name}",
        }

    def _pull_body(self, name: str, pull: Pull) -> dict[str, Any]:
        here = f"{self.github.url}{PREFIX}/repos/{name}"
        head_of = self.github.foreign.get(pull.number, name)
        part = {"label": f"{name.split('/')[0]}:{pull.branch}", "ref": pull.branch, "sha": pull.head}
        closed = pull.ended and _time(pull.ended.timestamp())
        return {
            "number": pull.number,
            "state": "open" if pull.state == "open" else "closed",
            "title": pull.title,
            "body": pull.body.replace("\n", "\r\n") or None,
            "url": f"{here}/pulls/{pull.number}",
            "html_url": f"{self.github.url}/{name}/pull/{pull.number}",
            "issue_url": f"{here}/issues/{pull.number}",
            "head": part | {"repo": head_of and {"full_name": head_of, "url": here}},
            "base": {"ref": pull.base, "sha": ZERO, "repo": self._repository_body(name)},
            "created_at": _time(pull.created.timestamp()),
            "updated_at": _time(pull.created.timestamp()),
            "closed_at": closed,
            "merged_at": closed if pull.state == "merged" else None,
        }

    def _list_pulls(self, name: str, query: dict[str, str], **_: Any) -> tuple[int, Any, dict[str, str]]:
        state, base = query.get("state", "open"), query.get("base")
        organisation, _, branch = query.get("head", "").partition(":")
        bodies = []
        for pull in self.github.forge.pulls(name):
            body = self._pull_body(name, pull)
            of = (self.github.foreign.get(pull.number, name) or name).split("/")[0]
            # A filter that is no `organisation:branch` is ignored.
            if (state in ("all", body["state"]) and base in (None, pull.base)) and (
                not branch or (of, pull.branch) == (organisation, branch)
            ):
                bodies.append(body)
        if query.get("direction", "desc") == "asc":
            bodies.reverse()
        return self._page(bodies, query)

    def _create_pull(self, name: str, given: Any, **_: Any) -> tuple[int, Any, dict[str, str]]:
        branch, base = given["head"].split(":")[-1], given["base"]
        error = {"resource": "PullRequest", "code": "custom"}
        for pull in self.github.forge.pulls(name):
            if (pull.state, pull.branch, pull.base) == ("open", branch, base):
                message = f"A pull request already exists for {name.split('/')[0]}:{branch}."
                raise Refusal(422, "Validation Failed", errors=[error | {"message": message}])
        git = Git(self.github.forge.path(name))
        for field_, ref in (("head", branch), ("base", base)):
            if git.tried("rev-parse", "--verify", "--quiet", f"refs/heads/{ref}").returncode:
                error = {"resource": "PullRequest", "field": field_, "code": "invalid"}
                raise Refusal(422, "Validation Failed", errors=[error])
        if git("rev-list", "--count", f"{base}..{branch}") == "0":
            message = f"No commits between {base} and {branch}"
            raise Refusal(422, "Validation Failed", errors=[error | {"message": message}])
        opened = self.github.forge.open(name, branch, base, given["title"], given.get("body") or "")
        return 201, self._pull_body(name, self.github.forge.pull(name, opened.number)), {}

    def _pull(self, name: str, number: str) -> Pull:
        try:
            return self.github.forge.pull(name, int(number))
        except ProblemError:
            raise Refusal(404, "Not Found") from None

    def _get_pull(self, name: str, number: str, **_: Any) -> tuple[int, Any, dict[str, str]]:
        return 200, self._pull_body(name, self._pull(name, number)), {}

    def _edit_pull(self, name: str, number: str, given: Any, **_: Any) -> tuple[int, Any, dict[str, str]]:
        pull, forge = self._pull(name, number), self.github.forge
        if "title" in given or "body" in given:
            forge.edit(name, pull.number, given.get("title", pull.title), given.get("body", pull.body))
        if given.get("state") == "closed" and pull.state == "open":

            def change(record: Pull) -> None:
                record.state, record.ended = "closed", datetime.now(UTC)

            forge.change(name, pull.number, change)
        return self._get_pull(name, number)

    def _merge_pull(self, name: str, number: str, **_: Any) -> tuple[int, Any, dict[str, str]]:
        pull = self._pull(name, number)
        try:
            return 200, {"sha": self.github.forge.merge(name, pull.number), "merged": True}, {}
        except ProblemError as error:
            assert error.problems[0].code == FleetCode.FORGE
            raise Refusal(405, "Pull Request is not mergeable") from None

    def _list_comments(
        self, name: str, number: str, query: dict[str, str], **_: Any
    ) -> tuple[int, Any, dict[str, str]]:
        said = self._pull(name, number).comments
        return self._page([{"id": at, "body": one.text} for at, one in enumerate(said, 1)], query)

    def _create_comment(self, name: str, number: str, given: Any, **_: Any) -> tuple[int, Any, dict[str, str]]:
        self._pull(name, number)
        self.github.forge.comment(name, int(number), given["body"])
        return 201, {"id": len(self._pull(name, number).comments), "body": given["body"]}, {}

    def _get_commit(self, name: str, commit: str, **_: Any) -> tuple[int, Any, dict[str, str]]:
        git = Git(self.github.forge.path(name))
        if git.tried("cat-file", "-e", f"{commit}^{{commit}}").returncode:
            raise Refusal(422, f"No commit found for SHA: {commit}")
        return 200, {"sha": commit, "url": f"{self.github.url}{PREFIX}/repos/{name}/commits/{commit}"}, {}

    def _list_check_runs(
        self, name: str, commit: str, query: dict[str, str], **_: Any
    ) -> tuple[int, Any, dict[str, str]]:
        self._get_commit(name, commit)
        runs = self.github.check_runs.get(commit, [])
        status, page, headers = self._page(runs, query)
        return status, {"total_count": len(runs), "check_runs": page}, headers

    def _list_statuses(
        self, name: str, commit: str, query: dict[str, str], **_: Any
    ) -> tuple[int, Any, dict[str, str]]:
        self._get_commit(name, commit)
        return self._page(self.github.statuses.get(commit, []), query)

    def _page(self, items: list, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        size = min(int(query.get("per_page", 30)), 100)
        size = min(size, self.github.per_page)  # so that few items fill many pages
        page = int(query.get("page", 1))
        headers = {}
        if page * size < len(items):
            there = f"{self.github.url}{urlsplit(self.path).path}"
            links = {"next": page + 1, "last": -(-len(items) // size)}
            headers["Link"] = ", ".join(
                f'<{there}?{urlencode(query | {"page": number})}>; rel="{rel}"' for rel, number in links.items()
            )
        return 200, items[(page - 1) * size : page * size], headers

    # Git --------------------------------------------------------------------------------------------------------------

    def _git(self, path: str, query: str, body: bytes) -> None:
        """Do what `git http-backend` does, for whom the token lets in."""
        found = re.fullmatch(r"/([^/]+/[^/]+?)(?:\.git)?(/.*)", unquote(path))
        kind, _, encoded = self.headers.get("Authorization", "").partition(" ")
        _, _, token = base64.b64decode(encoded).decode().partition(":") if kind == "Basic" else ("", "", "")
        right = self.github.tokens.get(token)
        if not found or right is None or right.expires <= self.github.now:
            self._send(401, {"message": "Bad credentials"}, {"WWW-Authenticate": 'Basic realm="GitHub"'})
            return
        try:
            now = self.github.forge.look_up(found[1])
        except ProblemError:
            now = None
        if now is None or now.name.split("/")[0] not in right.organisations:
            self._send(404, {"message": "Repository not found."}, {})
            return
        if now.name != found[1]:
            there = f"{self.github.url}/{now.name}.git{found[2]}" + (f"?{query}" if query else "")
            self._send(301, {}, {"Location": there})
            return
        pushes = "git-receive-pack" in path + query
        if pushes and (now.is_archived or not right.writes):
            self._send(403, {"message": "This repository was archived so it is read-only."}, {})
            return
        environment = os.environ | {
            "GIT_PROJECT_ROOT": str(self.github.forge.folder.absolute()),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{now.name}.git{found[2]}",
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "REMOTE_USER": "x-access-token",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=True)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(headers.pop("Status", "200").split()[0])
        self._send_bytes(status, rest, headers)

    # HTTP -------------------------------------------------------------------------------------------------------------

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def _send(self, status: int, answer: Any, headers: dict[str, str]) -> None:
        if status in (301, 307) and "url" in answer:
            headers = headers | {"Location": answer["url"]}
        self._send_bytes(status, json.dumps(answer).encode(), {"Content-Type": "application/json"} | headers)

    def _send_bytes(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        self.send_header("Date", formatdate(self.github.now, usegmt=True))
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
