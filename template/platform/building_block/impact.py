# platform-owned: changed by `copier update` only; see platform/README.md
"""``poe impact``: what differs in the unit's graph between a commit and the working tree, as Markdown."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from building_block.contracts.gate import Port, became, commit_at
from building_block.messages import Code, Problem, ProblemError, one_line
from building_block.project import DATA_VARIABLE, Project

Things = Mapping[str, Mapping[str, Any]]
"""Things of one kind by name, each with what is compared of it."""

GRAPH = {kind: f"{kind}s" for kind in ("asset", "asset check", "job", "schedule", "sensor", "contract")}
PACKAGES = {"dependency": "dependencies", "locked package": "locked packages"}
_PLURAL = GRAPH | PACKAGES

RULES = "rules of its start"
_OPAQUE = {"code version": "other code, so the next build makes it anew", RULES: "starts by other rules"}
"""Values that say nothing to a reader, and what it means that they differ."""

_NAMES = 20
"""How many names a line lists."""
_LONGEST = 60_000
"""How many bytes the report has at most: a comment on GitHub holds 65,536 characters."""


@dataclass(frozen=True)
class Kind:
    """What became of all things of one kind."""

    name: str
    before: Things
    after: Things
    notes: Mapping[str, list[str]] = field(default_factory=dict)
    """What is said of a changed thing besides its values."""

    @property
    def added(self) -> list[str]:
        """The names that are new."""
        return sorted(self.after.keys() - self.before.keys())

    @property
    def removed(self) -> list[str]:
        """The names that are gone."""
        return sorted(self.before.keys() - self.after.keys())

    @property
    def changed(self) -> list[str]:
        """The names of what is there before and after and differs."""
        both = self.before.keys() & self.after.keys()
        return sorted(name for name in both if self.before[name] != self.after[name] or self.notes.get(name))

    @property
    def differing(self) -> int:
        """How many things differ."""
        return len(self.added) + len(self.removed) + len(self.changed)

    @property
    def same(self) -> int:
        """How many things are as they were."""
        return len(self.after) - len(self.added) - len(self.changed)


@dataclass(frozen=True)
class Report:
    """What a change means for the unit's graph."""

    ref: str
    kinds: Sequence[Kind]
    before: Sequence[str]
    """What kept the project from loading as it was at ``ref``."""
    after: Sequence[str]
    """What keeps the project from loading as it is."""
    contracts: Sequence[str]
    """What keeps the contracts from being compared."""

    @property
    def markdown(self) -> str:
        """The report; its first line is a sentence that says all there is to know to whom it does not concern."""
        lines = [self._verdict()]
        lines += _quoted(f"What keeps it from loading at {code(self.ref)}:", self.before)
        lines += _quoted("What keeps it from loading:", self.after)
        for kind in self.kinds:
            lines += _section(kind)
        lines += _quoted("The contracts cannot be compared:", self.contracts)
        return _cut("\n".join(lines).splitlines())

    def _verdict(self) -> str:
        graph = [kind for kind in self.kinds if kind.name in GRAPH]
        packages = [kind for kind in self.kinds if kind.name in PACKAGES and kind.differing]
        same = [_counted(kind.same, kind.name) for kind in self.kinds if kind.same and kind.name != "locked package"]
        kept = f"{_listed(same)} are as they were" if same else ""
        told = "; ".join(filter(None, [_listed(_became(packages)), kept]))
        if self.after:
            return f"**The project does not load**, so nothing of it can run. Besides: {told or 'nothing differs'}."
        if self.before:
            return (
                f"**The graph cannot be compared**, for the project does not load at {code(self.ref)}. {_begun(told)}."
            )
        if not (differing := sum(kind.differing for kind in graph)):
            told = "; ".join(filter(None, [kept, _listed(_became(packages))]))
            return f"**Nothing changes in your graph**: {told or 'it is empty'}."
        counted = f"{differing} change{'s' if differing > 1 else ''}"
        told = "; ".join(filter(None, [_listed(_became(graph)), told]))
        return f"**{counted} in your graph**: {told}."


def impact(project: Project, ref: str) -> Report:
    """Compare the project as it was at a git ref with the working tree.

    Each side is loaded in a process of its own with its own packages, and with the libraries of this environment.

    Raises:
        ProblemError: there is no git, no repository, or no such commit in this clone.
    """
    commit = commit_at(project, ref)
    with TemporaryDirectory(prefix="building-block-") as scratch:
        folder = Path(scratch) / project.root.name
        _export(project, commit, ref, folder)
        data = {DATA_VARIABLE: str(Path(scratch) / "data")}
        sides = [
            _Side(project.root, Path(scratch) / "after.json", {}),
            _Side(folder, Path(scratch) / "before.json", data),
        ]
        now, then = (side.inventory() for side in sides)
        required = [*packages(folder, project.root)]
    loaded = "problems" not in now and "problems" not in then
    kinds = [Kind(name, then[name], now[name]) for name in GRAPH if name in now and name in then] if loaded else []
    contracts: Sequence[str] = ()
    try:
        kinds.append(_contracts(became(project, ref)))
    except ProblemError as error:
        contracts = [str(problem) for problem in error.problems if str(problem) not in now.get("problems", ())]
    return Report(ref, [*kinds, *required], then.get("problems", ()), now.get("problems", ()), contracts)


# The two sides --------------------------------------------------------------------------------------------------------


class _Side:
    """A project that is being loaded."""

    def __init__(self, root: Path, file: Path, environment: dict[str, str]) -> None:
        self._root = root
        self._file = file
        self._process: subprocess.Popen[str] | None = None
        # Without a platform the one of this environment would be found, and with it the other side.
        if not (root / "platform" / "domain.toml").is_file():
            return
        unwanted = {"DAGSTER_IS_DEV_CLI", "DAGSTER_HOME"} if environment else {"DAGSTER_IS_DEV_CLI"}
        surroundings = {key: value for key, value in os.environ.items() if key not in unwanted}
        tools = os.pathsep.join(filter(None, (str(Path(sys.executable).parent), os.environ.get("PATH"))))
        packages = os.pathsep.join(map(str, (root / "platform", root / "src")))
        # With one seed for hashes both sides print sets in one order.
        own = {"PYTHONPATH": packages, "PATH": tools, "PYTHONHASHSEED": "0", "PYTHONSAFEPATH": "1"}
        self._process = subprocess.Popen(
            # This release's file, whatever release the side has.
            [sys.executable, str(Path(__file__).with_name("inventory.py")), str(file)],
            cwd=root,
            env=surroundings | environment | own,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def inventory(self) -> dict[str, Any]:
        """Return what the graph holds, or below ``problems`` what keeps it from loading."""
        if self._process is None:
            return {"problems": ["it had no platform/ then"]}
        _, said = self._process.communicate()
        if self._file.is_file():
            return json.loads(self._file.read_text(encoding="utf-8").replace(f"{self._root}/", ""))
        last = next(reversed(said.strip().splitlines()), "")
        what = (
            f"the process ended with {self._process.returncode} while it loaded: {one_line(last) or 'it said nothing'}"
        )
        return {"problems": [str(Problem(Code.DEFINITIONS, "src", what, "put that right and try again"))]}


def _export(project: Project, commit: str, ref: str, folder: Path) -> None:
    """Write the project as it is in a commit into a folder, past the person's index, working tree and hooks."""
    folder.mkdir()
    below = _git(project.root, "rev-parse", "--show-prefix").stdout.strip()
    own = {
        "GIT_DIR": _git(project.root, "rev-parse", "--absolute-git-dir").stdout.strip(),
        "GIT_WORK_TREE": str(folder),
        "GIT_INDEX_FILE": f"{folder}.index",
        "GIT_LFS_SKIP_SMUDGE": "1",  # large files are data, which loading does not read
    }
    for arguments in (("read-tree", f"{commit}:{below.rstrip('/')}"), ("checkout-index", "--all", "--quiet")):
        done = _git(folder, "-c", "core.hooksPath=/dev/null", *arguments, **own)
        if done.returncode:
            what = f"the project cannot be read from it: {one_line(done.stderr.removeprefix('fatal: '))}"
            write = "write a branch, tag or commit that has the project"
            raise ProblemError(Problem(Code.CONTRACT_REF, f"--against {ref}", what, write))


def _git(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments],  # noqa: S607 - the machine's own git
        cwd=folder,
        env=os.environ | {"LC_ALL": "C"} | environment,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )


# Contracts and packages, for which nothing is loaded ------------------------------------------------------------------


def _contracts(ports: Iterable[Port]) -> Kind:
    before: dict[str, dict[str, str]] = {}
    after: dict[str, dict[str, str]] = {}
    notes: dict[str, list[str]] = {}
    for port in ports:
        if port.before or port.faulty:
            before[port.name] = {"version": str(port.before.contract.version) if port.before else "a faulty one"}
        if port.after:
            after[port.name] = {"version": str(port.after.contract.version)}
        notes[port.name] = [code(change.what) for change in port.changes]
    return Kind("contract", before, after, notes)


def packages(before: Path, after: Path) -> Iterator[Kind]:
    """Yield what became of the dependencies of two folders, and of the locked versions where both have a lock."""
    yield Kind("dependency", _required(before), _required(after))
    locks = [_toml(root / "uv.lock").get("package", []) for root in (before, after)]
    if all(locks):
        yield Kind("locked package", *map(_locked, locks))


def _required(root: Path) -> Things:
    """Return what the project and its platform ask for, by the package's name, and of each where it is asked for."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for owner, file in (("project", "pyproject.toml"), ("platform", "platform/pyproject.toml")):
        said = _toml(root / file)
        own = said.get("project", {})
        lines = {
            owner: own.get("dependencies", []),
            **{f"{owner}, extra {name}": extra for name, extra in own.get("optional-dependencies", {}).items()},
            **{f"{owner}, group {name}": group for name, group in said.get("dependency-groups", {}).items()},
        }
        if python := own.get("requires-python"):
            found["python"][owner] = str(python)
        for place, line in ((place, line) for place, some in lines.items() for line in some if isinstance(line, str)):
            name, asked = _split(line)
            found[name][place] = ", ".join(filter(None, (found[name].get(place), asked)))
    return found


def _split(line: str) -> tuple[str, str]:
    """Return the name of a requirement, written as an index does, and what is asked of it."""
    try:
        requirement = Requirement(line)
    except InvalidRequirement:  # which whoever installs it tells
        return line, "as written"
    name = re.sub(r"[-_.]+", "-", requirement.name).lower()
    return name, str(requirement).removeprefix(requirement.name).strip() or "any version"


def _locked(packages: Iterable[Mapping[str, Any]]) -> Things:
    """Return the versions of a lock; a package may have several, by platform or Python."""
    found: dict[str, set[str]] = defaultdict(set)
    for package in packages:
        if "version" in package:
            found[str(package.get("name"))].add(str(package["version"]))
    return {name: {"version": ", ".join(sorted(versions))} for name, versions in found.items()}


def _toml(file: Path) -> dict[str, Any]:
    """Return what a file says; nothing when it says nothing that can be read, which ``poe check`` tells."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


# Markdown -------------------------------------------------------------------------------------------------------------


def code(text: str) -> str:
    """Return text of others as code, in which Markdown reads nothing, and which mentions nobody."""
    return f"`{_harmless(one_line(text)).replace('`', chr(39)) or ' '}`"


def _harmless(text: str) -> str:
    return text.replace("@", "@\u200b")  # a space of no width, for forges that look for names in code, too


def _quoted(title: str, messages: Sequence[str]) -> Iterator[str]:
    """Yield messages of others below a title, in a block that none of them can end."""
    if messages:
        told = [_harmless(one_line(line, 500)) for message in messages for line in message.splitlines()]
        longest = max((len(ticks) for ticks in re.findall("`+", "\n".join(told))), default=0)
        fence = "`" * max(3, longest + 1)
        yield f"\n{title}\n\n{fence}text"
        yield from told
        yield fence


def _section(kind: Kind) -> Iterator[str]:
    """Yield a heading and a line for each group of things that became the same; nothing when none differs."""
    if not kind.differing:
        return
    plural = _PLURAL[kind.name]
    yield f"\n### {plural[0].upper()}{plural[1:]}\n"
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in kind.changed:
        values = _differences(kind.before[name], kind.after[name])
        alike[*values, *kind.notes.get(name, ())].append(name)
    for what, names in (("added", kind.added), ("removed", kind.removed)):
        if names:
            yield f"- {what}: {_names(names)}"
    for sentences, names in alike.items():
        yield f"- changed: {_names(names)}: {'; '.join(sentences)}"


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs, in words."""
    for name in dict.fromkeys([*before, *after]):
        match before.get(name), after.get(name):
            case was, now if was == now:
                continue
            case _, _ if name == RULES and before["starts"] != after["starts"]:
                continue  # by another name they are others
            case _, _ if name in _OPAQUE:
                yield _OPAQUE[name]
            case bool(), bool() as now:
                yield f"{'now' if now else 'no longer'} {name}"
            case list() as was, list() as now:
                more = [code(one) for one in now if one not in was]
                less = [code(one) for one in was if one not in now]
                told = [f"{_listed(more)} added" if more else "", f"{_listed(less)} removed" if less else ""]
                yield f"{name}: {', '.join(filter(None, told))}"
            case None, now:
                yield f"{name}: {code(now)} added"
            case was, None:
                yield f"{name}: {code(was)} removed"
            case was, now:
                yield f"{name}: {code(was)} → {code(now)}"


def _became(kinds: Iterable[Kind]) -> list[str]:
    """Return how many things of each kind were added, removed, changed."""
    return [
        f"{_counted(len(names), kind.name)} {what}"
        for kind in kinds
        for what, names in (("added", kind.added), ("removed", kind.removed), ("changed", kind.changed))
        if names
    ]


def _counted(number: int, kind: str) -> str:
    return f"{number:,} {kind if number == 1 else _PLURAL[kind]}"


def _names(names: Sequence[str]) -> str:
    shown = [code(name) for name in names[:_NAMES]]
    return ", ".join(shown) + (f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else "")


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def _begun(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _cut(lines: Iterable[str]) -> str:
    """Join lines as long as a comment can hold them."""
    kept, size = [], 0
    for line in lines:
        size += len(line.encode(errors="replace")) + 1
        if size > _LONGEST:
            kept.append("- and more than a comment can hold")
            break
        kept.append(line)
    return "\n".join(kept)
