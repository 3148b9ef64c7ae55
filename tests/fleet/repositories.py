"""Clones of a forge's repositories, to push from as the fleet and the units do."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from fleet.forges import Forge
from upgrade.git import settings


@dataclass(frozen=True)
class Clone:
    """A clone with the settings of its forge."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, forge: Forge, repository: str, folder: Path) -> "Clone":
        folder.mkdir()
        clone = cls(folder, dict(forge.git_settings(repository)))
        clone.git("init", "--quiet", "--initial-branch=main")
        clone.git("remote", "add", "origin", forge.clone_url(repository))
        clone.git("fetch", "--quiet", "origin")
        return clone

    def git(self, *arguments: str) -> str:
        """Run git; return what it prints, or raise what it says."""
        identity = {"user.name": "Unit", "user.email": "unit@example.org", "commit.gpgsign": "false"}
        environment = os.environ | settings(identity | self.settings) | {"GIT_TERMINAL_PROMPT": "0"}
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commit(self, branch: str, path: str, text: str) -> str:
        """Commit one file on a branch, which begins at main, and return the commit."""
        if self.git("branch", "--list", branch):
            self.git("checkout", "--quiet", branch)
        elif branch != "main":
            self.git("checkout", "--quiet", "-b", branch, "main")
        (self.folder / path).write_text(text, encoding="utf-8")
        self.git("add", path)
        self.git("commit", "--quiet", "--message", f"Change {path}")
        return self.git("rev-parse", "HEAD").strip()

    def push(self, branch: str) -> None:
        self.git("push", "--quiet", "origin", branch)

    def fetched(self, branch: str) -> str:
        """Return the commit of a branch as the forge has it now."""
        self.git("fetch", "--quiet", "origin", branch)
        return self.git("rev-parse", "FETCH_HEAD").strip()
