"""Git in one folder, in one language, and without a write where a look is all that is wanted."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from building_block.messages import Code, Problem, ProblemError, one_line

PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")
"""What `git diff` is told, so that its output is a patch whatever a person has set."""


def settings(values: Mapping[str, str], after: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables by which git takes settings, such as core.hooksPath, before those of every file.

    They take the place of such settings in this process's own variables, or come ``after`` those that are given.
    """
    first = int((after or {}).get("GIT_CONFIG_COUNT") or 0)
    variables = {"GIT_CONFIG_COUNT": str(first + len(values))}
    for number, (name, value) in enumerate(values.items(), first):
        variables |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


ALOOF = {"core.hooksPath": os.devnull, "core.excludesFile": os.devnull}
"""A person's hooks and what a person ignores are for a person's work."""
ALONE = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_ATTR_NOSYSTEM": "1",
}
"""The variables with which git has no settings but its repository's, and does the same on every machine."""


@dataclass(frozen=True)
class Git:
    """Runs git in a folder."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, given: str | None = None, **environment: str) -> str:
        """Return what git prints, without the line break at the end.

        Raises:
            ProblemError: git is not installed, or fails; with what it says.
        """
        done = self.tried(*arguments, given=given, **environment)
        if done.returncode:
            what = f"`git {arguments[0]}` failed: {one_line(done.stderr.removeprefix('fatal: '))}"
            problem = Problem(Code.UPGRADE_GIT, str(self.folder), what, "put that right and begin again")
            raise ProblemError(problem)
        return done.stdout.removesuffix("\n")

    def tried(self, *arguments: str, given: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run git and return how it went."""
        try:
            return subprocess.run(
                ["git", *arguments],  # noqa: S607 - the machine's own git
                cwd=self.folder,
                env=self._environment() | environment,
                input=given,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                check=False,
            )
        except FileNotFoundError:
            problem = Problem(Code.UPGRADE_GIT, str(self.folder), "git is not installed", "install git")
            raise ProblemError(problem) from None

    def bytes(self, *arguments: str) -> bytes:
        """Return what a call that cannot fail prints, as it is."""
        command = ["git", *arguments]
        return subprocess.run(command, cwd=self.folder, env=self._environment(), capture_output=True, check=True).stdout

    def _environment(self) -> dict[str, str]:
        # Without optional locks a look at the state writes no index.
        return os.environ | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"} | self.environment

    def path(self, name: str) -> Path:
        """Return where git keeps a file of its own for this checkout, be it of a clone or of a worktree."""
        return (self.folder / self("rev-parse", "--git-path", name)).resolve()
