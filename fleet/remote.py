"""A domain's repository as the fleet reaches it: looked at, fetched from and pushed to by git, never trusted."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

from building_block.messages import Problem, ProblemError, one_line

from fleet.forges import Forge
from fleet.messages import FleetCode
from fleet.registry import Domain
from fleet.ways_out import links
from upgrade.aside import Aside, checked_out
from upgrade.git import ALONE, ALOOF, Git, settings

AUTHOR = ("Building block", "building-block@noreply.invalid")
"""In whose name the fleet commits, everywhere, so that the same input makes the same commit."""

_LOCAL = {"gc.auto": "0"}
_REACHING = {
    "core.fsmonitor": "false",
    "fetch.fsckObjects": "true",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    # A remote that says nothing any more is given up.
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "120",
    "push.followTags": "false",
    "push.gpgSign": "false",
    "push.recurseSubmodules": "no",
}
"""How git reaches a remote; on the way there a person's own settings hold as well, such as those of a proxy."""
_VARIABLES = {
    "GIT_ALLOW_PROTOCOL": "file:http:https:ssh",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
}


@dataclass(frozen=True)
class Heads:
    """What a repository has at one moment."""

    branch: str
    """Its default branch."""
    head: str
    """The commit of that."""
    proposed: str
    """The commit of the fleet's branch; empty where there is none."""


@dataclass(frozen=True)
class Remote:
    """Where a repository is, and how git reaches it."""

    url: str
    branch: str
    """The fleet's in it."""
    reach: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Settings of git, which may hold a credential."""

    def heads(self) -> Heads:
        """Return what is there now.

        Raises:
            ProblemError: it cannot be reached, or has no commit.
        """
        wanted = ("HEAD", f"refs/heads/{self.branch}")
        listed = self._git(Path()).tried("ls-remote", "--symref", "--quiet", self.url, *wanted)
        if listed.returncode:
            raise self._unreachable(listed.stderr)
        branch, found = "", {}
        for line in listed.stdout.splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: "):
                branch = value.removeprefix("ref: refs/heads/")
            else:
                found[name] = value
        if "HEAD" not in found:
            what, write = "the repository has no commit", "push the project to it, or remove it from domains.yaml"
            raise ProblemError(Problem(FleetCode.NOT_ENROLLED, self.url, what, write))
        return Heads(branch, found["HEAD"], found.get(f"refs/heads/{self.branch}", ""))

    @contextmanager
    def checked_out(self, commit: str, below: str, committed_at: str) -> Iterator[Aside]:
        """Yield a checkout of a commit, alone, whose commits are the same whenever and wherever they are made.

        Raises:
            ProblemError: it cannot be fetched, or something in it leads out of the checkout.
        """
        who = {}
        for role in ("AUTHOR", "COMMITTER"):
            who |= {f"GIT_{role}_NAME": AUTHOR[0], f"GIT_{role}_EMAIL": AUTHOR[1], f"GIT_{role}_DATE": committed_at}
        with ExitStack() as stack:
            try:
                aside = stack.enter_context(
                    checked_out(
                        self.url,
                        commit,
                        below,
                        local=_LOCAL,
                        reach=self._variables(),
                        environment=ALONE | who,
                        shallow=True,
                    )
                )
            except ProblemError as error:
                raise self._unreachable(error.problems[0].what) from None
            ProblemError.raise_any(links(aside))
            yield aside

    def is_ours(self, aside: Aside, commit: str) -> bool:
        """Say whether the fleet made a commit that the remote has.

        Raises:
            ProblemError: it cannot be fetched.
        """
        fetched = self._git(aside.git.folder).tried("fetch", "--quiet", "--no-tags", "--depth=1", self.url, commit)
        if fetched.returncode:
            raise self._unreachable(fetched.stderr)
        return aside.git("show", "--no-patch", "--format=%ae%n%ce", commit).split() == [AUTHOR[1], AUTHOR[1]]

    def push(self, aside: Aside, commit: str, expected: str) -> None:
        """Let the fleet's branch be a commit of the checkout, where it still is ``expected``; empty: where none is.

        Raises:
            ProblemError: the remote refuses it, or has another one meanwhile; then nothing was pushed.
        """
        lease = f"--force-with-lease=refs/heads/{self.branch}:{expected}"
        refspec = f"{commit}:refs/heads/{self.branch}"
        options = ["--quiet", "--no-verify", lease]
        if self.url.startswith("file:") and which("setsid"):
            # There the remote's half is a process of this machine, and is to end what it has begun as one elsewhere
            # does when this one is killed: git leaves locks and half a pack behind otherwise.
            options.append("--receive-pack=setsid git-receive-pack")
        pushed = self._git(aside.git.folder).tried("push", *options, self.url, refspec)
        if pushed.returncode and self.heads().proposed != commit:  # a connection may break when all was done
            what = f"the push of {self.branch} was refused: {one_line(_reason(pushed.stderr))}"
            write = f"let the fleet push {self.branch} there, then `fleet apply --resume`"
            raise ProblemError(Problem(FleetCode.PUSH, self.url, what, write))

    def _git(self, folder: Path) -> Git:
        return Git(folder, self._variables())

    def _variables(self) -> dict[str, str]:
        return settings(ALOOF | _REACHING | dict(self.reach), after=os.environ) | _VARIABLES

    def _unreachable(self, said: str) -> ProblemError:
        what = f"the repository cannot be read: {one_line(_reason(said))}"
        write = "look whether it is there and the fleet may read it, then begin again"
        return ProblemError(Problem(FleetCode.REMOTE, self.url, what, write))


def remote_of(forge: Forge, domain: Domain) -> Remote:
    """Return where a registered domain's repository is."""
    reach = forge.git_settings(domain.repository)
    return Remote(forge.clone_url(domain.repository), domain.branch, reach)


def _reason(said: str) -> str:
    """Return what git said without its advice, and without a credential: the lines of the remote and of what failed."""
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.startswith("hint:")]
    return re.sub(r"(?<=://)[^/\s@]+@", "", " ".join(lines))
