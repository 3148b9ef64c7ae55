"""``poe update``: a project brought to a release, in commits of nothing but the platform's files and derived ones.

The release is rendered with the project's answers and its platform's files are laid over the project's, so that nothing
has to be merged and no path of the unit's is ever written.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from shutil import which

import yaml
from building_block.doctor import Examination
from building_block.messages import Code, Problem, ProblemError, one_line
from building_block.project import Project
from pathspec import GitIgnoreSpec

from upgrade.aside import Aside, Home
from upgrade.environment import Environment
from upgrade.landing import Landing
from upgrade.template import Template
from upgrade.tree import ANSWERS, Tree, printable
from upgrade.verify import Update, verify


@dataclass(frozen=True)
class Derived:
    """What became of the derived files."""

    failures: list[str]
    """The messages because of which they could not be written; then none was."""
    notices: list[str]
    """Sentences about lock files that are as they were."""


@dataclass
class Prepared:
    """An update that is ready to land."""

    before: str
    after: str
    """The versions."""
    restored: list[str] = field(default_factory=list)
    """The platform's files that had been edited, deleted or moved, and are the platform's again."""
    kept: list[str] = field(default_factory=list)
    """Those that the unit has excepted."""
    failures: list[str] = field(default_factory=list)
    """What the project's own check finds after the update and did not find before it."""
    notices: list[str] = field(default_factory=list)


def update(template: Template, aside: Aside, source: str = "") -> Prepared:
    """Update the checkout aside, and tell what its own check finds after it that it did not find before.

    ``source`` is the template's new URL, where it has moved.

    Raises:
        ProblemError: as ``bring`` does.
    """
    start = aside.head()
    done = bring(template, aside, source)
    if after := [*dict.fromkeys([*done.failures, *_asked(aside.root, "check")])]:
        with aside.at(start.commit):  # only now: nobody needs to know what was wrong where nothing is
            before = {line for command in ("generate", "check") for line in _asked(aside.root, command)}
        done.failures = [line for line in after if line not in before]
    return done


def bring(
    template: Template, aside: Aside, source: str = "", derive: Callable[[Path, Path], Derived] | None = None
) -> Prepared:
    """Bring the checkout aside to the release: one commit of what had drifted, if anything had, and one of the update.

    ``derive`` writes what is derived, in a project's folder, when it is given that and a fresh render of the release;
    without it the project's own platform does.

    Raises:
        ProblemError: the project cannot be brought to that release, or the update did not keep what it must; the
            error carries every reason.
    """
    start = aside.head()
    version = start.answers["_commit"]
    excepted = Examination(Project(aside.root)).exceptions
    done = Prepared(version, template.ref)
    _may_go(template, start)

    old, new = (_Fresh.of(template, ref, start, aside) for ref in (template.commit(version), template.ref))
    classes = template.classes()
    derived = classes["derived"]
    ProblemError.raise_any(_nobodys(new.tree, classes))
    ProblemError.raise_any(_collisions(old.tree, new.tree, start))
    ProblemError.raise_any(_obstacles(start, old.tree, new.tree, derived))
    drifted = [path for path in old.tree.platform - {ANSWERS} if start.entries.get(path) != old.tree.entries.get(path)]
    done.kept = sorted(path for path in drifted if path in excepted)
    done.restored = sorted({*drifted} - {*done.kept})
    old.give(aside, done.restored)
    aside.commit("Restore files of the platform\n\n" + "\n".join(done.restored), author(start))
    based = aside.head()

    new.give(aside, (old.tree.platform | new.tree.platform) - {*done.kept})
    record_source(aside.root / ANSWERS, source or start.answers["_src_path"])
    anew = (derive or _by_the_project)(aside.root, new.folder)
    done.failures, done.notices = anew.failures, anew.notices
    aside.commit(f"Update the building block from {done.before} to {done.after}", author(start))
    updated = aside.head()

    ProblemError.raise_any(_beside(start, based, done.restored, aside))
    ProblemError.raise_any(verify(Update(based, updated, new.tree, derived, excepted=done.kept)))
    return done


def record_source(answers: Path, source: str) -> None:
    """Write into rendered answers from where the project is updated: not the clone that they were rendered from."""
    line = yaml.safe_dump({"_src_path": source}, width=sys.maxsize, allow_unicode=True).strip()
    text = re.sub(r"^_src_path:.*(\n[ ].*)*$", lambda _: line, answers.read_text(encoding="utf-8"), flags=re.MULTILINE)
    answers.write_text(text, encoding="utf-8", newline="\n")


def author(project: Tree) -> tuple[str, str]:
    """Return in whose name is committed where git knows nobody."""
    return str(project.given.get("domain_name", "Unit")), str(project.given.get("owner_email", "unit@localhost"))


def land(home: Home, aside: Aside) -> None:
    """Give the unit's branch and files what stands aside."""
    Landing(home, home.git("rev-parse", "HEAD"), aside.git("rev-parse", "HEAD")).land(aside.git.folder)


def _may_go(template: Template, start: Tree) -> None:
    version = start.answers["_commit"]
    commit = template.commit(version)
    if commit is None:
        what = f"the project was stamped from `{version}`, which the template's repository does not have"
        write = "write the release that it is nearest to, for example `_commit: v0.1.0`, commit it, and begin again"
        raise ProblemError(Problem(Code.UPGRADE_VERSION, ANSWERS, what, write))
    if template.git.tried("merge-base", "--is-ancestor", commit, f"{template.ref}^{{commit}}").returncode:
        what, write = f"the project has `{version}`, after which {template.ref} does not come", "write a newer `--to`"
        raise ProblemError(Problem(Code.UPGRADE_VERSION, ANSWERS, what, write))


@dataclass(frozen=True)
class _Fresh:
    """A release as it renders with a project's answers."""

    folder: Path
    tree: Tree

    @classmethod
    def of(cls, template: Template, version: str, project: Tree, aside: Aside) -> "_Fresh":
        folder = aside.scratch / f"rendered-{len([*aside.scratch.glob('rendered-*')])}"
        template.render(version, project.given, folder)
        return cls(folder, aside.tree_of(folder))

    def give(self, aside: Aside, paths: Iterable[str]) -> None:
        """Let the files of the checkout aside be those of the render; what that has not, the checkout has no more."""
        for path in paths:
            file, own = aside.root / path, self.folder / path
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file)
            else:
                file.unlink(missing_ok=True)
            if own.is_file():
                file.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(own, file)


def _obstacles(start: Tree, old: Tree, new: Tree, derived: GitIgnoreSpec) -> Iterator[Problem]:
    """Yield what stands where the platform's files or derived ones are written, and would be lost or lead elsewhere."""
    places = {*old.platform, *new.platform, *derived.match_files(new.entries)}
    folders = {f"{parent}" for place in places for parent in PurePosixPath(place).parents}
    for path, entry in sorted(start.entries.items()):
        if not path.isprintable():
            what, write = "has a name that copier cannot read: it is not UTF-8, or has control characters", "rename it"
        elif entry.is_link and (path in folders or derived.match_file(path)):
            what, write = "is a symbolic link where the platform writes", "put a folder or a file of its own there"
        elif path in folders:
            what, write = f"is {entry.kind} where the platform has a folder", "move it out of the way"
        elif taken := places & {f"{parent}" for parent in PurePosixPath(path).parents}:
            what, write = f"lies in a folder where the platform has a file, {min(taken)}", "move it out of there"
        else:
            continue
        yield Problem(Code.UPGRADE_COLLISION, printable(path), what, f"{write}, commit, and begin again")


def _beside(start: Tree, based: Tree, restored: Collection[str], aside: Aside) -> Iterator[Problem]:
    """Yield what changed beside what the verifier looks at: when drift was restored, and outside of the project."""
    whole = Tree(aside.git, start.commit).changed(Tree(aside.git, aside.git("rev-parse", "HEAD")))
    changed = [path for path in start.changed(based) if path not in restored]
    for path in [*changed, *(path for path in whole if not path.startswith(aside.below))]:
        write = "nothing was changed in your project; tell the platform team"
        yield Problem(Code.UPGRADE_VERIFY, path, "is the unit's own and was changed", write)


def _nobodys(new: Tree, classes: Mapping[str, GitIgnoreSpec]) -> Iterator[Problem]:
    """Yield each rendered file that the release has forgotten to call somebody's."""
    for path in sorted(new.entries.keys() - new.platform):
        if not (classes["domain"].match_file(path) or classes["derived"].match_file(path)):
            write = "nothing was changed in your project; tell the platform team"
            yield Problem(Code.UPGRADE_VERIFY, path, "comes with the release and is in no list of owners", write)


def _collisions(old: Tree, new: Tree, start: Tree) -> Iterator[Problem]:
    """Yield each file of the unit where the new release has one of its own."""
    for path in sorted((new.platform - old.platform) & start.entries.keys()):
        write = "move it out of the way, commit, and begin again; your file was not touched"
        yield Problem(Code.UPGRADE_COLLISION, path, "is a file of yours, and the new release has one there", write)


def _by_the_project(root: Path, _: Path) -> Derived:
    generated = Environment.of_platform(root).building_block(root, "generate")
    return Derived(failures(generated), [*filter(None, map(partial(locked, root), LOCKS))])


LOCKS = {"uv.lock": ("uv", "lock"), "pixi.lock": ("pixi", "lock")}
"""Lock file → the command that brings it up to date."""


def locked(root: Path, lock: str, *options: str, **environment: str) -> str:
    """Bring a lock file up to date, if the project has one; return a sentence when that could not be done."""
    if not (root / lock).is_file():
        return ""
    tool, *arguments = LOCKS[lock]
    if not (command := which(tool)):
        why = f"{tool} is not installed"
    else:
        done = subprocess.run(
            [command, *arguments, *options],
            cwd=root,
            env=environment or None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return ""
        why = one_line(done.stderr)
    return f"{lock} is as it was ({why}): write `{tool} lock` and commit it"


# What the project's own check says ------------------------------------------------------------------------------------


def _asked(root: Path, command: str) -> list[str]:
    return failures(Environment.of(root).building_block(root, command))


def failures(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the messages of a failed command, a line each, or the last line where it ended otherwise."""
    if done.returncode == 0:
        return []
    lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
    return [line for line in lines if re.match(r"BB\d{3} ", line)] or lines[-1:]
