"""A checkout aside of the unit's repository, in which an update may fail without anybody noticing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from building_block.messages import Code, Problem, ProblemError

from upgrade.git import ALOOF, Git, settings
from upgrade.tree import Tree


@dataclass(frozen=True)
class Home:
    """Where a project lies: its repository and its folder in it."""

    git: Git
    below: str
    """The project's folder in the repository, ending in a slash; empty where it is the repository's root."""

    @classmethod
    def of(cls, root: Path) -> "Home":
        """Return where the project in a folder lies.

        Raises:
            ProblemError: the folder is in no git repository, or its repository has no commit.
        """
        git = Git(root)
        if git.tried("rev-parse", "--verify", "--quiet", "HEAD").returncode:
            what, write = "is no git repository with a commit", "write `git init`, and commit the project"
            raise ProblemError(Problem(Code.UPGRADE_TREE, str(root), what, write))
        return cls(Git(Path(git("rev-parse", "--show-toplevel"))), git("rev-parse", "--show-prefix"))

    @property
    def root(self) -> Path:
        """Return the project's folder."""
        return self.git.folder / self.below

    def head(self) -> Tree:
        """Return the project as it is committed."""
        return Tree(self.git, self.git("rev-parse", "HEAD"), self.below)

    def must_be_clean(self) -> None:
        """Raise ProblemError unless all is committed, nothing is being merged, and a branch is checked out."""
        if self.git.tried("symbolic-ref", "--quiet", "HEAD").returncode:
            what, write = "no branch is checked out, and the update would be on none", "write `git switch <branch>`"
            raise ProblemError(Problem(Code.UPGRADE_TREE, "HEAD", what, write))
        status = self.git("status", "--porcelain", "-z", "--untracked-files=all")
        if paths := [line[3:] for line in status.split("\0") if line]:
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            what, write = f"is not committed{more}", "commit or `git stash --include-untracked` it first"
            raise ProblemError(Problem(Code.UPGRADE_TREE, paths[0], what, write))

    @contextmanager
    def aside(self) -> Iterator["Aside"]:
        """Yield a checkout of HEAD; the unit's folder and repository are only read."""
        kept = ("core.fileMode", "core.longpaths", "core.symlinks")
        found = {setting: self.git.tried("config", "--local", setting).stdout.strip() for setting in kept}
        local = {setting: value for setting, value in found.items() if value}
        with checked_out(self.git.folder.as_uri(), "HEAD", self.below, local=local) as aside:
            yield aside


@contextmanager
def checked_out(
    source: str,
    revision: str,
    below: str = "",
    *,
    local: Mapping[str, str] | None = None,
    reach: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    shallow: bool = False,
) -> Iterator["Aside"]:
    """Yield a checkout aside of a revision of another repository, in which nothing of that repository's is run.

    ``local`` are settings of the checkout, ``environment`` more variables of every git in it, ``reach`` those of the
    one that fetches instead. With ``shallow`` its history is left where it is.

    Raises:
        ProblemError: it cannot be fetched.
    """
    with TemporaryDirectory(prefix="building-block-") as scratch:
        folder = Path(scratch) / "repository"
        git = Git(folder, settings(ALOOF) | dict(environment or {}))
        folder.mkdir()
        git("init", "--quiet", "--template=")
        # Fetched and not borrowed: writing an object that is there already would touch the file that it lies in.
        depth = ["--depth=1"] if shallow else ["--update-shallow"]
        reaching = Git(folder, reach or git.environment)
        reaching("fetch", "--quiet", "--no-tags", *depth, source, revision)
        for setting, value in (local or {}).items():
            git("config", setting, value)
        # Bytes are compared: nobody needs what git or a filter would make of a file, or fetch for it, as git-lfs does.
        attributes = git.path("info/attributes")
        attributes.parent.mkdir(exist_ok=True)
        attributes.write_text("* -text -ident -working-tree-encoding -filter\n", encoding="utf-8")
        git("reset", "--quiet", "--hard", "FETCH_HEAD")
        yield Aside(git, below, Path(scratch))


@dataclass(frozen=True)
class Aside:
    """The checkout aside."""

    git: Git
    below: str
    scratch: Path
    """A folder for more; gone with the checkout."""

    @property
    def root(self) -> Path:
        """Return the project's folder."""
        return self.git.folder / self.below

    def head(self) -> Tree:
        """Return the project as it is committed here."""
        return Tree(self.git, self.git("rev-parse", "HEAD"), self.below)

    @contextmanager
    def at(self, commit: str) -> Iterator[None]:
        """Have the files of another commit for a while."""
        self.git("checkout", "--quiet", "--force", "--detach", commit)
        try:
            yield
        finally:
            self.git("checkout", "--quiet", "--force", "-")

    def commit(self, message: str, author: tuple[str, str]) -> bool:
        """Commit all that has changed, in the name of ``author`` where git knows nobody; say whether anything had."""
        self.git("add", "--all", "--", self.below or ".")
        if self.git.tried("diff", "--cached", "--quiet").returncode == 0:
            return False
        known = {}
        if self.git.tried("var", "GIT_COMMITTER_IDENT").returncode:
            known = {f"GIT_{role}_NAME": author[0] for role in ("AUTHOR", "COMMITTER")}
            known |= {f"GIT_{role}_EMAIL": author[1] for role in ("AUTHOR", "COMMITTER")}
        committing = ("commit", "--quiet", "--no-verify", "--message", message)
        if self.git.tried(*committing, **known).returncode:  # as where the key of the signature is not at hand
            self.git(*committing, "--no-gpg-sign", **known)
        return True

    def tree_of(self, folder: Path) -> Tree:
        """Return a rendered folder as a tree of this repository."""
        return Tree.of_folder(self.git, folder, self.scratch / "index")
