"""The template's repository: its releases, what their changelog says, and what they render."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import plumbum
import yaml
from building_block.messages import Code, Problem, ProblemError, one_line
from copier._main import Worker
from copier.errors import CopierError
from jinja2.sandbox import SandboxedEnvironment
from packaging.version import InvalidVersion, Version
from pathspec import GitIgnoreSpec
from plumbum import ProcessExecutionError

from upgrade.git import ALOOF, Git, settings

RELEASES = "tests/releases.yml"
_IN_USE = {"name_in_use": True}
"""By which a validator knows that a name that has become reserved is one that a project has."""
_TAG = re.compile(r"v(\d+)\.(\d+)\.(\d+)(-rc\.\d+)?")


def is_release(ref: str) -> bool:
    """Say whether a name is that of a release, or of a candidate for one."""
    return bool(_TAG.fullmatch(ref))


class Copier(Worker):
    """Copier, for a folder where git sees by itself which files are executable, so without ``core.fileMode=false``.

    There copier (9.19) asks git of each file that it writes whether it does, half of its processes, and compiles each
    part of each path anew. These are names of its inside; if they go, nothing but what they save does.
    """

    @cached_property
    def jinja_env(self) -> SandboxedEnvironment:
        """Return its environment, which compiles a text once."""
        environment = super().jinja_env
        environment.from_string = cache(environment.from_string)
        return environment

    def _sync_git_index_executable_bit(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Template:
    """A clone of the template's repository that is ours alone: its tags are set as the releases are recorded."""

    root: Path
    ref: str
    """The release that a project is brought to: a tag."""

    @classmethod
    def of(cls, root: Path, ref: str = "") -> "Template":
        """Return the template in a clone, at a tag or at its newest release.

        Raises:
            ProblemError: the repository has no such tag, or no release.
        """
        git = Git(root)
        cls(root, "HEAD")._pin()
        tags = git("tag", "--list").split()
        releases = sorted((tag for tag in tags if _TAG.fullmatch(tag) and "-" not in tag), key=Version)
        if not ref and not releases:
            write = "write `--to` with a branch or commit of it"
            raise ProblemError(Problem(Code.UPGRADE_VERSION, str(root), "the template has no release", write))
        ref = ref or releases[-1]
        if git.tried("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").returncode:
            newest = ", ".join(releases[-3:]) or "none"
            what, write = f"the template has no version `{ref}`", f"write one of its releases; the newest are {newest}"
            raise ProblemError(Problem(Code.UPGRADE_VERSION, f"--to {ref}", what, write))
        template = cls(root, ref)
        template._pin()
        return template

    @cached_property
    def git(self) -> Git:
        """Return git in the clone."""
        return Git(self.root, settings(ALOOF))

    @cached_property
    def recorded(self) -> dict[str, str]:
        """Return the commit of each release as the release itself recorded it, which a moved tag does not change."""
        found = self.git.tried("show", f"{self.ref}:{RELEASES}")
        entries = yaml.safe_load(found.stdout) if found.returncode == 0 else None
        return {entry["version"]: entry["commit"] for entry in entries or ()}

    def commit(self, version: str) -> str | None:
        """Return the commit of a version, be it a tag or what `git describe` says; None when it is not there."""
        described = re.fullmatch(r".*-g([0-9a-f]+)", version)
        found = self.git.tried(
            "rev-parse", "--verify", "--quiet", f"{described[1] if described else version}^{{commit}}"
        )
        return found.stdout.strip() or None

    def classes(self) -> dict[str, GitIgnoreSpec]:
        """Return the patterns of the platform's, the domain's and the derived paths, as copier.yml declares them."""
        questions = self._questions(self.ref)
        names = ("platform", "domain", "derived")
        return {name: GitIgnoreSpec.from_lines(questions[f"{name}_paths"]["default"]) for name in names}

    def render(self, version: str, answers: Mapping[str, Any], folder: Path) -> None:
        """Render a version into an empty folder with those of the answers that a person may give.

        What the version computes is none of them: copier would take such an answer, and no validator looks at it.

        Raises:
            ProblemError: the version refuses the answers.
        """
        computed = {name for name, question in self._questions(version).items() if question.get("when") is False}
        with _said(f"rendering {version}"):
            data = {name: value for name, value in answers.items() if name not in computed} | _IN_USE
            # Without settings: those of copier's that a person has answer questions, too.
            alike = {"defaults": True, "quiet": True, "overwrite": True, "settings": {}}
            with Copier(str(self.root), folder, data=data, vcs_ref=version, **alike) as copier:
                copier.run_copy()

    def news(self, before: str) -> list[str]:
        """Return the sections of the changelog after a version, the newest first, as far as it has any."""
        text = self.git("show", f"{self.ref}:CHANGELOG.md")
        sections = re.split(r"^(?=## \[)", text, flags=re.MULTILINE)[1:]
        return [section.strip() for section in sections if _is_after(_title(section), before)]

    def _questions(self, version: str) -> dict[str, dict[str, Any]]:
        """Return what a version asks and what it computes, by its name, as its copier.yml declares it."""
        documents = yaml.safe_load_all(self.git("show", f"{version}:copier.yml"))
        return {key: said for document in documents for key, said in document.items() if not key.startswith("_")}

    def _pin(self) -> None:
        """Let each release's tag be the commit that it was cut from, though somebody moved or deleted it."""
        for version, commit in self.recorded.items():
            if self.git.tried("cat-file", "-e", f"{commit}^{{commit}}").returncode == 0:
                self.git("update-ref", f"refs/tags/{version}", commit)


def _title(section: str) -> str:
    return section[len("## [") :].partition("]")[0]


def _is_after(title: str, before: str) -> bool:
    try:
        return Version(title) > Version(before)
    except InvalidVersion:  # [Unreleased]
        return True


@contextmanager
def _said(doing: str) -> Iterator[None]:
    """Have copier run while git has no hooks and makes no line ends, and turn what copier raises into one sentence.

    Raises:
        ProblemError: instead of any error of copier.
    """
    alike = {"core.autocrlf": "false", "core.eol": "lf", "core.attributesFile": os.devnull}
    variables = settings(ALOOF | alike) | {"GIT_CONFIG_PARAMETERS": ""}
    try:
        with plumbum.local.env(**variables), _environment(variables):
            yield
    except (CopierError, ProcessExecutionError, ValueError, TypeError) as error:
        what, write = f"{doing} failed: {one_line(str(error))}", "correct the answer, or tell the platform team"
        raise ProblemError(Problem(Code.UPGRADE_ANSWERS, ".copier-answers.yml", what, write)) from error


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
