# platform-owned: changed by `copier update` only; see platform/README.md
"""Is the project such that an update can come? Offline, and light: neither dbt nor Dagster is loaded."""

import hashlib
import json
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from rich.console import Console
from rich.markup import escape

from building_block.messages import WARNINGS, Code, Problem, ProblemError, shown
from building_block.project import Domain, Project
from building_block.yaml_nodes import Kind, entries, parse

MANIFEST = "platform/manifest.sha256"
ANSWERS = ".copier-answers.yml"
EXCEPTIONS = "settings/exceptions.yaml"

Checks = dict[str, Callable[[], Iterable[Problem]]]
"""What is looked at, in words that are true when nothing is wrong, and what finds its problems."""


def run(checks: Checks, console: Console) -> list[Problem]:
    """Print a line for each of the checks, and every problem that only warns; return the others."""
    found: dict[Problem, None] = {}
    for name, look in checks.items():
        problems: list[Problem] = []
        try:
            problems.extend(look())
        except ProblemError as error:
            problems.extend(error.problems)
        failing = [problem for problem in problems if problem.code not in WARNINGS]
        console.print("[red]✗[/]" if failing else "[yellow]![/]" if problems else "[green]✓[/]", name)
        for problem in problems:
            if problem.code in WARNINGS:
                warn(problem, console)
        found |= dict.fromkeys(failing)
    return list(found)


def warn(problem: Problem, console: Console) -> None:
    """Print what fails nothing."""
    console.print(f"[yellow]![/] {escape(str(problem))}", soft_wrap=True)


class Excepted(BaseModel):
    """A platform file that keeps the unit's content through updates, for a reason and for a time."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    path: str
    reason: str = Field(min_length=1)
    until: date


class Examination:
    """One look at a project; what its manifest, its exceptions and git say is read once."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.root = project.root

    @property
    def checks(self) -> Checks:
        """What an update has to do with."""
        return {
            "the project is the domain's": self.identity,
            "the platform's files are as they came": self.drift,
            "the exceptions from that can be read, and none is for good": self.lasting,
            "no file of the domain lies where the platform's may come": self.collisions,
            "no merge is half done": self.merges,
            "the answers are those of the platform's files": self.answers,
        }

    # What is read once ------------------------------------------------------------------------------------------------

    @cached_property
    def manifest(self) -> dict[str, str]:
        """The sha256 of every platform file as it was rendered, by its path.

        Raises:
            ProblemError: there is no manifest, or one that the template did not render.
        """
        file = self.root / MANIFEST
        if not file.is_file():
            raise ProblemError(_drift(MANIFEST, "is missing"))
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        read = [re.fullmatch(r"([0-9a-f]{64})  (\S.*)", line) for line in lines]
        if None in read:
            raise ProblemError(_drift(MANIFEST, f"was edited at line {read.index(None) + 1}"))
        return {line[2]: line[1] for line in read if line}

    @cached_property
    def exceptions(self) -> dict[str, tuple[Excepted, int]]:
        """Each exception, and the line that it begins at, by the path of the platform file.

        Raises:
            ProblemError: their file cannot be read, or names a path twice.
        """
        file = self.root / EXCEPTIONS
        found: dict[str, tuple[Excepted, int]] = {}
        read = entries(file.read_bytes(), EXCEPTIONS, _EXCEPTIONS, "exceptions", Excepted) if file.is_file() else []
        for one, line in read:
            if one.path in found:
                what = f"{one.path} is excepted in line {found[one.path][1]} already"
                raise ProblemError(Problem(Code.EXCEPTIONS, f"{EXCEPTIONS}:{line}", what, "keep one of the two"))
            found[one.path] = one, line
        return found

    @cached_property
    def _index(self) -> list[tuple[str, str, str, str]] | None:
        """Mode, blob, stage and path of what git has; only a path of what it would take. None where there is no git."""
        listed = git(self.project, "ls-files", "-z", "--cached", "--others", "--stage", "--exclude-standard")
        if listed is None:
            return None
        return [
            (*line[1].split(), line[2]) if (line := _STAGED.fullmatch(text)) else ("", "", "", text)
            for text in listed.split("\0")[:-1]
        ]

    @cached_property
    def files(self) -> list[str]:
        """Every file that git has or would take; none where there is no git."""
        return sorted({path for *_, path in self._index or () if (self.root / path).is_file()})

    # The platform's files ---------------------------------------------------------------------------------------------

    def drift(self) -> Iterator[Problem]:
        """Yield a problem for each platform file that is not as it came and not excepted."""
        try:
            excepted = self.exceptions.keys()
        except ProblemError:
            excepted = set[str]()
        for path, what in self.drifted.items():
            if path not in excepted:
                yield _drift(path, what)

    @cached_property
    def drifted(self) -> dict[str, str]:
        """What became of each platform file that is not as it came, by its path."""
        modes = {path: file.stat().st_mode & 0o111 for path in self.manifest if (file := self.root / path).is_file()}
        # Where the file system has no such bit, all of them look executable.
        executable = {path for path, mode in modes.items() if mode and not all(modes.values())}
        executable |= {path for mode, *_, path in self._index or () if mode == "100755"}
        return {
            path: what
            for path, digest in self.manifest.items()
            if (what := self._change(path, digest) or ("was made executable" if path in executable else None))
        }

    def _change(self, path: str, digest: str) -> str | None:
        file = self.root / path
        if file.is_symlink():
            return "was replaced by a symbolic link"
        if file.is_dir():
            return "was replaced by a folder"
        if not file.is_file():
            return f"was moved to {self._others[digest]}" if digest in self._others else "is missing"
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() == digest:
            return None
        if hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest() != digest:
            return "was edited"
        # A checkout may write line endings as it likes, but git stores them as they came.
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        stored = any(blob == entry[1] and path == entry[3] for entry in self._index or ())
        return "is stored in git with the line endings of Windows" if stored else None

    @cached_property
    def _others(self) -> dict[str, str]:
        """What is no platform file by its sha256; asked for when one of those is missing."""
        small = (path for path in self.files if (self.root / path).stat().st_size < _LARGEST)
        others = (path for path in small if path not in self.manifest)
        return {hashlib.sha256((self.root / path).read_bytes()).hexdigest(): path for path in others}

    def lasting(self) -> Iterator[Problem]:
        """Yield a problem for each exception that nobody would look at again within a year."""
        latest = datetime.now(UTC).date() + _LONGEST_EXCEPTION
        for path, (one, line) in self.exceptions.items():
            if one.until > latest:
                what, write = f"{path} is excepted until {one.until}", "write a day within a year from now"
                yield Problem(Code.EXCEPTION_LONG, f"{EXCEPTIONS}:{line}", what, write)

    def collisions(self) -> Iterator[Problem]:
        """Yield a problem for each file of the domain with a path or a name that is the platform's."""
        moved = {what.removeprefix("was moved to ") for what in self.drifted.values()}
        workflows = self.root / ".github" / "workflows"
        for file in [*_files(self.root / "platform"), *sorted(workflows.glob("platform-*"))]:
            path = self.project.relative(file)
            if path in self.manifest or path == MANIFEST or path in moved or file.suffix in _REJECTED:
                continue
            what, write = "a file of yours lies in the platform's folder", "move it out of platform/"
            if path == "platform/__init__.py":
                what, write = "hides the module `platform` of Python's standard library", "delete it"
            elif workflows in file.parents:
                what, write = "has a name that is kept for the platform's workflows", "rename it: without `platform-`"
            yield Problem(Code.COLLISION, path, what, write)
        for folder in ("macros", "tests"):
            for file in sorted((self.project.dbt / folder).rglob("*.sql")):
                text = file.read_text(encoding="utf-8", errors="replace")
                for found in re.finditer(r"\{%-?\s*(macro|test|materialization)\s+(bb_\w*)", text):
                    where = f"{self.project.relative(file)}:{text[: found.start()].count(chr(10)) + 1}"
                    what = f"the {found[1]} `{found[2]}` has a name that is kept for the platform's"
                    yield Problem(Code.COLLISION, where, what, "rename it: without `bb_`")

    # What an update or a merge may leave ------------------------------------------------------------------------------

    def merges(self) -> Iterator[Problem]:
        """Yield a problem for each file that git holds unmerged, that holds conflict markers or what did not apply."""
        unmerged = {path for *_, stage, path in self._index or () if stage not in ("", "0")}
        for path in sorted(unmerged):
            what, write = "git holds two versions of it", f"join them, and write `git add {path}`"
            yield Problem(Code.MERGE, path, what, write)
        for path in self.files:
            file = self.root / path
            if file.suffix in _REJECTED:
                what, write = "was left by an update or a merge", "write what it holds into its file, and delete it"
                yield Problem(Code.MERGE, path, what, write)
            elif path not in unmerged and file.stat().st_size < _LARGEST and (line := _conflict(file.read_bytes())):
                what, write = "conflict markers", "keep what is right of the two parts, and delete the three lines"
                yield Problem(Code.MERGE, f"{path}:{line}", what, write)

    @cached_property
    def answered(self) -> dict[str, Any]:
        """The answers.

        Raises:
            ProblemError: they are missing or cannot be read.
        """
        file = self.root / ANSWERS
        if not file.is_file():
            what = "is missing, and without it no update comes"
            raise ProblemError(Problem(Code.ANSWERS, ANSWERS, what, _ANSWERS.begins))
        return parse(file.read_bytes(), ANSWERS, _ANSWERS)[0]

    def answers(self) -> Iterator[Problem]:
        """Yield a problem for each answer that is missing, or that the platform's files were not rendered with."""
        answered = self.answered
        text = (self.root / ANSWERS).read_text(encoding="utf-8")

        def problem(key: str, what: str, write: str) -> Problem:
            return Problem(Code.ANSWERS, f"{ANSWERS}:{line_of(text, key) or 1}", what, write, key)

        for key in ("_commit", "_src_path"):
            if not isinstance(answered.get(key), str):
                yield problem(key, "is missing, and without it no update comes", _ANSWERS.begins)
        source = answered.get("_src_path")
        if isinstance(source, str) and not re.match(r"[\w.+-]+:|[^/:]+@[^/:]+:|[/~\\]", source):
            what, write = f"`{source}` leads elsewhere from each folder", "write the template's URL, or its whole path"
            yield problem("_src_path", what, write)
        for key, name in _RENDERED.items() if "platform/domain.toml" not in self.drifted else ():
            value, rendered = answered.get(key), getattr(self._domain, name)
            if value != rendered:
                what = f"the platform's files were rendered with {shown(rendered)}, not with {shown(value)}"
                other = "the name stays for good"
                if key != "domain_name":
                    other = f"another one comes by `copier update --vcs-ref :current: --data {key}=…`"
                yield problem(key, what, f"write `{key}: {json.dumps(rendered, ensure_ascii=False)}`; {other}")

    @cached_property
    def _domain(self) -> Domain | None:
        """Whose project it is by the platform's files, when these can tell."""
        try:
            return self.project.domain
        except (OSError, ProblemError):  # edited, which `drift` tells
            return None

    def identity(self) -> Iterator[Problem]:
        """Yield a problem when the domain has not the folder of its name."""
        if self._domain and not (self.root / "src" / self._domain.slug).is_dir():
            what = f"the domain is called {self._domain.slug} and has no folder src/{self._domain.slug}"
            write = "take the old name back: `copier update --vcs-ref :current: --data domain_name=<old name>`"
            yield Problem(Code.DOMAIN_NAME, "platform/domain.toml", what, write)

    # What is only said ------------------------------------------------------------------------------------------------

    def reminders(self) -> Iterator[Problem]:
        """Yield a warning for each exception that is of no use, or whose time is over."""
        today = datetime.now(UTC).date()
        for path, (one, line) in self.exceptions.items():
            if path not in self.manifest:
                what, write = f"`{path}` is no platform file", f"remove the entry, or write a path of {MANIFEST}"
            elif path not in self.drifted:
                what, write = f"{path} is as the platform has it", "remove the entry"
            elif one.until < today:
                what = f"the time of {path} is over ({one.until}): {one.reason}"
                write = f"write `poe restore {path}` and remove the entry, or write a later `until`"
            else:
                continue
            yield Problem(Code.EXCEPTION_DUE, f"{EXCEPTIONS}:{line}", what, write)

    def remind(self, console: Console) -> None:
        """Print the warnings; where the exceptions or the manifest cannot be read, a check has told that."""
        with suppress(ProblemError):
            for warning in self.reminders():
                warn(warning, console)

    def about(self) -> Iterator[str]:
        """Yield what is no warning: the platform's version and age, the exceptions in use, a lack of git."""
        with suppress(ProblemError):
            yield f"Platform {self.answered.get('_commit', 'of an unknown version')}{self._age()}"
        with suppress(ProblemError):
            for path, (one, _) in self.exceptions.items():
                if path in self.drifted:
                    yield f"Excepted until {one.until}: {path} {self.drifted[path]}; {one.reason}"
        if self._index is None:
            yield "Git tells nothing here: neither moved files nor half-done merges were looked for."

    def _age(self) -> str:
        # In a shallow clone git would name the day of the oldest commit that the clone has.
        shallow = (self.root / ".git" / "shallow").is_file()
        seconds = None if shallow else git(self.project, "log", "-1", "--format=%ct", "--", MANIFEST)
        if not seconds:
            return ""
        since = datetime.fromtimestamp(int(seconds), UTC).date()
        days = (datetime.now(UTC).date() - since).days
        return f", in this project since {since} ({days} {'day' if days == 1 else 'days'})"


def git(project: Project, *arguments: str) -> str | None:
    """Return what git prints in the project's folder, or None when there is no git or it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607 - the machine's own git
            cwd=project.root,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return done.stdout.decode(errors="surrogateescape") if done.returncode == 0 else None


_STAGED = re.compile(r"(\d{6} [0-9a-f]+ [0-3])\t(.*)", re.DOTALL)
_REJECTED = {".rej", ".orig"}
_LONGEST_EXCEPTION = timedelta(days=366)
_LARGEST = 10_000_000
"""What is larger is data, which nobody merges."""
_MARKERS = re.compile(rb"^<{7} .*?^={7}\r?$.*?^>{7} ", re.MULTILINE | re.DOTALL)

_EXCEPTIONS = Kind(
    name="a file of exceptions",
    begins="write `exceptions:` and below it entries with path, reason and until",
    syntax=Code.EXCEPTIONS,
    key=Code.EXCEPTIONS,
    dates=True,
)
_ANSWERS = Kind(
    name="a file of answers",
    begins=f"take it back: `git checkout <commit> -- {ANSWERS}`; `git log -- {ANSWERS}` lists the commits",
    syntax=Code.ANSWERS,
    key=Code.ANSWERS,
    dates=False,
)
_RENDERED = {
    "domain_name": "name",
    "domain_purpose": "purpose",
    "repository_url": "repository_url",
    "owner_team": "owner_team",
    "owner_email": "owner_email",
    "domain_timezone": "timezone",
}
"""Answer → where platform/domain.toml has it."""


def _drift(path: str, what: str) -> Problem:
    write = f"write `poe restore {path}` and use its slot (platform/README.md)"
    if path != MANIFEST:
        write += f", or `- {{path: {path}, reason: …, until: …}}` below `exceptions:` in {EXCEPTIONS}"
    return Problem(Code.OWNERSHIP_DRIFT, path, f"the platform's file {what}", write)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, without what Python, its builds and the Finder leave behind."""
    for file in sorted(folder.rglob("*")):
        left = file.relative_to(folder).parts
        leftover = any(part.startswith((".", "__pycache__")) or part.endswith(".egg-info") for part in left)
        if file.is_file() and not leftover:
            yield file


def _conflict(content: bytes) -> int | None:
    """Return the line where conflict markers begin, all three of them in their order."""
    found = _MARKERS.search(content) if b"<<<<<<< " in content and b"\0" not in content else None
    return content[: found.start()].count(b"\n") + 1 if found else None


def line_of(text: str, begins: str) -> int | None:
    """Return the first line, from 1, that begins with a pattern."""
    return next((number for number, line in enumerate([*text.splitlines(), ""], 1) if re.match(begins, line)), None)
