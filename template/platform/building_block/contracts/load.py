# platform-owned: changed by `copier update` only; see platform/README.md
"""Load the folder of contracts."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import yaml

from building_block.contracts.contract import SUFFIX, Contract, contract
from building_block.contracts.policy import breaches
from building_block.contracts.rules import Rule, rules
from building_block.contracts.standard import content, of_text
from building_block.messages import Code, Problem, ProblemError, nearest
from building_block.project import Project
from building_block.yaml_nodes import Loader

CONSUMES = "consumes"
"""The folder, below that of the contracts, of what the domain reads from others."""
APPROVALS = "approvals.yaml"
"""The file, beside the contracts, of what compliance allows: see ``gate``."""
DBT_MODELS = "dbt/models/"


@dataclass(frozen=True)
class Agreed:
    """A contract with its rules."""

    contract: Contract
    rules: list[Rule]


def ports(project: Project) -> dict[str, Agreed]:
    """Return the contracts of the domain's output ports by port.

    Raises:
        ProblemError: any of them cannot be read or breaks the policy, or they are not those of the published models;
            the error carries every problem of every file.
    """
    found, problems = _folder(project, project.contracts, _with_policy)
    ProblemError.raise_any([*problems, *_unmatched(project, found, problems), *_described_twice(project)])
    return found


def consumed(project: Project) -> dict[str, Agreed]:
    """Return the contracts of what the domain consumes by table; their owners answer for the policy.

    Raises:
        ProblemError: any of them cannot be read; the error carries every problem of every file.
    """
    found, problems = _folder(project, project.contracts / CONSUMES, agreed)
    ProblemError.raise_any(problems)
    return found


def consumed_table(project: Project, name: str, where: str) -> Agreed:
    """Return the contract of one table that the domain consumes; ``where`` is the line that asks for it.

    Raises:
        ProblemError: there is none of that name, or it cannot be read.
    """
    folder = project.contracts / CONSUMES
    path = folder / f"{name}{SUFFIX}"
    if path.is_file():
        return agreed(path, project.relative(path))
    known = _names(folder)
    write = f"write {nearest(name, known)}" if known else f"write {project.relative(path)}"
    raise ProblemError(Problem(Code.CONTRACT_PORT, where, f"no contract `{name}`", write))


def _names(*folders: Path) -> list[str]:
    return [path.name.removesuffix(SUFFIX) for folder in folders for path in sorted(folder.glob(f"[!.]*{SUFFIX}"))]


def named(project: Project, name: str) -> Agreed:
    """Return the contract of one port, or of one table that the domain consumes; no other file is read.

    Raises:
        ProblemError: there is none of that name, or it cannot be read.
    """
    folders = (project.contracts, project.contracts / CONSUMES)
    for folder in folders:
        if (path := folder / f"{name}{SUFFIX}").is_file():
            return agreed(path, project.relative(path))
    known = _names(*folders)
    write = f"write {nearest(name, known)}" if known else f"write contracts/{name}{SUFFIX}"
    raise ProblemError(Problem(Code.CONTRACT_PORT, project.relative(folders[0]), f"no contract `{name}`", write))


def agreed(path: Path, file: str) -> Agreed:
    """Return the contract in a file with its rules; raises ProblemError with every problem of it."""
    return _agreed_in(content(path, file), file)


@lru_cache(maxsize=1024)
def _agreed_in(text: bytes, file: str) -> Agreed:
    """Remembered, since ingest, publishing and what is derived each ask for the same contracts."""
    return agreed_in(contract(of_text(text, file)))


def agreed_in(found: Contract) -> Agreed:
    """Return a contract with its rules; raises ProblemError with every problem of them."""
    return Agreed(found, rules(found))


def _with_policy(path: Path, file: str) -> Agreed:
    found = agreed(path, file)
    ProblemError.raise_any(breaches(found.contract, found.rules))
    return found


def _folder(
    project: Project, folder: Path, load: Callable[[Path, str], Agreed]
) -> tuple[dict[str, Agreed], list[Problem]]:
    found: dict[str, Agreed] = {}
    problems = list(_misplaced(project, folder))
    files = sorted(folder.glob(f"[!.]*{SUFFIX}"))
    for path in files:
        file, stem = project.relative(path), path.name.removesuffix(SUFFIX)
        try:
            one = load(path, file)
        except ProblemError as error:
            problems += error.problems
            continue
        if (name := one.contract.name) == stem:
            found[stem] = one
            continue
        what = f"the table is called `{name}` and the file {path.name}"
        write = f"write `name: {stem}`, or rename the file to {name}{SUFFIX}"
        if (other := folder / f"{name}{SUFFIX}") in files:
            what = f"`{name}` is under contract in {project.relative(other)} already"
            write = f"write `name: {stem}`, or drop one of the two files"
        problems.append(one.contract.source.problem(Code.CONTRACT_PORT, ("schema", 0, "name"), what, write))
    return found, problems


def _misplaced(project: Project, folder: Path) -> Iterator[Problem]:
    """Yield a problem for each YAML file whose folder or name keeps it from being read as a contract."""
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".yaml", ".yml") or path.name.startswith(".") or (folder / CONSUMES) in path.parents:
            continue
        if path == project.contracts / APPROVALS:
            continue
        file, name = f"{project.relative(path)}:1", f"{path.name.partition('.')[0]}{SUFFIX}"
        if path.parent != folder:
            what, write = "a contract in this folder is not read", f"move it to {project.relative(folder)}/{name}"
            yield Problem(Code.CONTRACT_PORT, file, what, write)
        elif not path.name.endswith(SUFFIX):
            yield Problem(Code.CONTRACT_PORT, file, "a contract's name ends otherwise", f"rename it to {name}")


def published_models(project: Project) -> dict[str, Path]:
    """Return the files of the published models by their names."""
    folder = project.dbt / "models" / "published"
    return {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix in (".sql", ".py")}


def _unmatched(project: Project, found: Mapping[str, Agreed], problems: Sequence[Problem]) -> Iterator[Problem]:
    """Yield a problem for each contract without a model and each published model without a contract."""
    if any(problem.code is Code.CONTRACT_PORT for problem in problems):
        return  # which file is whose has been asked already
    models = published_models(project)
    files = {path.name.removesuffix(SUFFIX) for path in project.contracts.glob(f"*{SUFFIX}")}
    orphans = sorted({*models} - files)
    for port, one in found.items():
        if port in models:
            continue
        write = f"write dbt/models/published/{port}.sql"
        if near := next(iter(get_close_matches(port, orphans, 1)), None):
            orphans.remove(near)
            write += f", or rename the contract to {near}"
        what = f"no model gives what the contract of `{port}` promises"
        yield one.contract.source.problem(Code.CONTRACT_PORT, ("schema", 0, "name"), what, write)
    for name in orphans:
        what, write = "the model is published without a contract", f"begin it by `poe contracts draft {name}`"
        yield Problem(Code.CONTRACT_PORT, f"{project.relative(models[name])}:1", what, write)


def _described_twice(project: Project) -> Iterator[Problem]:
    """Yield a problem for each model that a YAML file of dbt describes beside its contract: dbt takes one of the two.

    Whoever published before there were contracts has such files.
    """
    ports = {path.name.removesuffix(SUFFIX) for path in project.contracts.glob(f"[!.]*{SUFFIX}")}
    # Most files name none, and parsing them all would take longer than the contracts do.
    names = b"|".join(re.escape(port).encode() for port in sorted(ports))
    named = re.compile(rb"\bname[\"']?\s*:\s*[\"']?(%s)\b" % names)
    for path in sorted((project.root / DBT_MODELS).rglob("*.y*ml")) if ports else ():
        content = path.read_bytes()
        if not named.search(content):
            continue
        models, alone = _described(content)
        for port in sorted(models.keys() & ports):
            what = f"`{port}` is described by contracts/{port}{SUFFIX} now, and dbt takes one description of a model"
            write = "remove the file" if alone else f"remove `{port}` from it"
            yield Problem(Code.CONTRACT_DESCRIBED, f"{project.relative(path)}:{models[port]}", what, write)


@lru_cache(maxsize=1024)
def _described(content: bytes) -> tuple[dict[str, int], bool]:
    """Return the line of each model that a YAML file of dbt describes, and whether it says nothing else than of one."""
    try:
        root = yaml.compose(content, Loader=Loader)
    except yaml.YAMLError:
        return {}, False  # which dbt tells
    names = [name for model in _values(root, "models") for name in _values(model, "name")]
    models = {name.value: name.start_mark.line + 1 for name in names if isinstance(name, yaml.ScalarNode)}
    return models, len(models) == 1 and {key.value for key, _ in root.value} <= {"version", "models"}


def _values(node: yaml.Node | None, key: str) -> list[yaml.Node]:
    """Return the values of a key: those of its list, the one that is none, or nothing."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    found = next((value for name, value in pairs if name.value == key), None)
    return found.value if isinstance(found, yaml.SequenceNode) else [found] if found else []
