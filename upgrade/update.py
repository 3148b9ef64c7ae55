"""``poe update``: a project brought to a release, in commits of nothing but the platform's files and derived ones."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which

import plumbum
from building_block.doctor import Examination
from building_block.messages import Code, Problem, ProblemError, one_line
from building_block.project import Project
from building_block.upgrade import clone_url
from copier._main import Worker

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
    if after := done.failures or _checked(aside.root):
        with aside.at(start.commit):  # only now: nobody needs to know what was wrong where nothing is
            before = _checked(aside.root)
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

    old = _Fresh.of(template, template.commit(version), start, aside)
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
        aside.git("checkout", "--quiet", based.commit, "--", f"{aside.below}{path}")

    generated = Environment.of_platform(aside.root).building_block(aside.root, "generate")
    done.failures = failures(generated)
    done.notices += _locked(aside.root, based)
    aside.commit(f"Update the building block from {done.before} to {done.after}", author(start))
    updated = aside.head()

    new = _Fresh.of(template, template.ref, updated, aside)
    judged = Update(
        based,
        updated,
        new.tree,
        template.classes()["derived"],
        excepted=done.kept,
        asked=new.tree.given.keys() - old.tree.given.keys(),
        renamed=old.tree.given.keys() - new.tree.given.keys(),
    )
    ProblemError.raise_any(_collisions(old.tree, new.tree, start))
    ProblemError.raise_any(verify(judged))
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


def _collisions(old: Tree, new: Tree, start: Tree) -> Iterator[Problem]:
    """Yield each file of the unit where the new release has one of its own; before the verifier finds it replaced."""
    for path in sorted((new.platform - old.platform) & start.entries.keys()):
        write = "move it out of the way, commit, and begin again; your file was not touched"
        yield Problem(Code.UPGRADE_COLLISION, path, "is a file of yours, and the new release has one there", write)


def _copier(template: Template, aside: Aside, source: str) -> None:
    """Run copier's update; the template is fetched from the clone at hand instead of over the network again."""
    instead = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{template.root}.insteadOf",
        "GIT_CONFIG_VALUE_0": clone_url(source),
        "COPIER_CACHE_DIR": str(aside.scratch / "cache"),  # the person's own shall hold what the network gives
    }
    with said(f"the update to {template.ref}"), plumbum.local.env(**instead), _environment(instead):
        of = Worker if aside.git.tried("config", "core.fileMode").stdout.strip() == "false" else Copier
        options = {"data": IN_USE, "defaults": True, "overwrite": True, "quiet": True, "conflict": "rej"}
        with of(dst_path=aside.root, vcs_ref=template.ref, **options) as copier:
            copier.run_update()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for a while; copier reads some of them here and others by plumbum, which has copied all."""
    before = dict(os.environ)
    os.environ |= variables
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name)
        os.environ |= before


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


def _checked(root: Path) -> list[str]:
    return failures(Environment.of(root).building_block(root, "check"))


def failures(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the messages of a failed command, a line each, or the last line where it ended otherwise."""
    if done.returncode == 0:
        return []
    lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
    return [line for line in lines if re.match(r"BB\d{3} ", line)] or lines[-1:]
