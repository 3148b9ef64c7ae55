"""``poe update``: a project brought to a release, in commits of nothing but the platform's files and derived ones."""

import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from shutil import which

from building_block.doctor import Examination
from building_block.messages import Code, Problem, ProblemError, one_line
from building_block.project import Project
from building_block.upgrade import clone_url
from copier._main import Worker
from pathspec import GitIgnoreSpec

from upgrade.aside import Aside, Home
from upgrade.environment import Environment
from upgrade.landing import Landing
from upgrade.template import IN_USE, Copier, Template, said
from upgrade.tree import ANSWERS, Tree
from upgrade.verify import Update, verify


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


def bring(template: Template, aside: Aside, source: str = "") -> Prepared:
    """Bring the checkout aside to the release: one commit of what had drifted, if anything had, and one of the update.

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
    derived = template.classes()["derived"]
    ProblemError.raise_any(_obstacles(start, old.tree, new.tree, derived))
    drifted = [path for path in old.tree.platform - {ANSWERS} if start.entries.get(path) != old.tree.entries.get(path)]
    done.kept = sorted(path for path in drifted if path in excepted)
    done.restored = sorted({*drifted} - {*done.kept})
    old.give(aside, done.restored)
    aside.commit("Restore files of the platform\n\n" + "\n".join(done.restored), author(start))
    based = aside.head()

    old.give(aside, done.kept)  # so that nothing has to be merged
    if source:
        _record(aside.root / ANSWERS, start.answers["_src_path"], source)
    aside.commit("For the time of the update", author(start))
    _copier(template, aside, source or start.answers["_src_path"])
    aside.git("reset", "--quiet", "--soft", based.commit)
    for path in done.kept:
        if path in based.entries:
            aside.git("checkout", "--quiet", based.commit, "--", f"{aside.below}{path}")
        else:
            (aside.root / path).unlink(missing_ok=True)

    generated = Environment.of_platform(aside.root).building_block(aside.root, "generate")
    done.failures = failures(generated)
    done.notices += _locked(aside.root, based)
    aside.commit(f"Update the building block from {done.before} to {done.after}", author(start))
    updated = aside.head()

    ProblemError.raise_any(_collisions(old.tree, new.tree, start))
    ProblemError.raise_any(_beside(start, based, done.restored, aside))
    ProblemError.raise_any(verify(Update(based, updated, new.tree, derived, excepted=done.kept)))
    return done


def _record(answers: Path, old: str, new: str) -> None:
    text = answers.read_text(encoding="utf-8").replace(f"_src_path: {old}", f"_src_path: {new}")
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
        elif taken := places & {f"{parent}" for parent in PurePosixPath(path).parents}:
            what, write = f"lies in a folder where the platform has a file, {min(taken)}", "move it out of there"
        else:
            continue
        shown = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in path)
        yield Problem(Code.UPGRADE_COLLISION, shown, what, f"{write}, commit, and begin again")


def _beside(start: Tree, based: Tree, restored: Collection[str], aside: Aside) -> Iterator[Problem]:
    """Yield what changed beside what the verifier looks at: when drift was restored, and outside of the project."""
    whole = Tree(aside.git, start.commit).changed(Tree(aside.git, aside.git("rev-parse", "HEAD")))
    changed = [path for path in start.changed(based) if path not in restored]
    for path in [*changed, *(path for path in whole if not path.startswith(aside.below))]:
        write = "nothing was changed in your project; tell the platform team"
        yield Problem(Code.UPGRADE_VERIFY, path, "is the unit's own and was changed", write)


def _collisions(old: Tree, new: Tree, start: Tree) -> Iterator[Problem]:
    """Yield each file of the unit where the new release has one of its own; before the verifier finds it replaced."""
    for path in sorted((new.platform - old.platform) & start.entries.keys()):
        write = "move it out of the way, commit, and begin again; your file was not touched"
        yield Problem(Code.UPGRADE_COLLISION, path, "is a file of yours, and the new release has one there", write)


def _copier(template: Template, aside: Aside, source: str) -> None:
    """Run copier's update; the template is fetched from the clone at hand instead of over the network again."""
    instead = {f"url.{template.root}.insteadOf": clone_url(source)}
    # The person's own cache shall hold what the network gives.
    with said(f"the update to {template.ref}", instead, COPIER_CACHE_DIR=str(aside.scratch / "cache")):
        of = Worker if aside.git.tried("config", "core.fileMode").stdout.strip() == "false" else Copier
        options = {"data": IN_USE, "defaults": True, "overwrite": True, "quiet": True, "conflict": "rej"}
        with of(dst_path=aside.root, vcs_ref=template.ref, **options) as copier:
            copier.run_update()


def _locked(root: Path, before: Tree) -> list[str]:
    """Bring the lock files up to date that the unit has committed; return a sentence for each that could not be."""
    notices = []
    for lock, tool in (("uv.lock", "uv"), ("pixi.lock", "pixi")):
        if lock not in before.entries:
            continue
        command = which(tool)
        done = command and subprocess.run([command, "lock"], cwd=root, capture_output=True, text=True, check=False)
        if not done or done.returncode:
            why = one_line(done.stderr) if done else f"{tool} is not installed"
            notices.append(f"{lock} is as it was ({why}): write `{tool} lock` and commit it")
    return notices


# What the project's own check says ------------------------------------------------------------------------------------


def _asked(root: Path, command: str) -> list[str]:
    return failures(Environment.of(root).building_block(root, command))


def failures(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the messages of a failed command, a line each, or the last line where it ended otherwise."""
    if done.returncode == 0:
        return []
    lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
    return [line for line in lines if re.match(r"BB\d{3} ", line)] or lines[-1:]
