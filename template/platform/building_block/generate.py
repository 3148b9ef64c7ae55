# platform-owned: changed by `copier update` only; see platform/README.md
"""Derived files: each is written from the platform's half and the domain's half, and from nothing else.

What is derived from settings needs no more than YAML and TOML, and `doctor` asks of it. Contracts and ingest files need
DuckDB and half of Dagster to be read, more than a second: where they are, those are imported.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from building_block.messages import Code, Problem, ProblemError
from building_block.project import LAYERS, Project

if TYPE_CHECKING:
    from building_block.contracts.load import Agreed

OF_SETTINGS = {
    ".github/CODEOWNERS": "CODEOWNERS",
    ".pre-commit-config.yaml": "pre-commit-config.yaml",
    ".yamllint": "yamllint.yaml",
    "_typos.toml": "typos.toml",
    "dbt/dbt_project.yml": "dbt_project.yml",
    "dbt/profiles.yml": "profiles.yml",
    "pixi.toml": "pixi.toml",
}
"""Derived file → name of its two halves, in ``platform/settings/`` and in ``settings/``."""

RAW_SOURCES = "dbt/generated/raw.yml"
PUBLISHED_MODELS = "dbt/generated/published.yml"


def derived(project: Project) -> dict[str, str]:
    """Return the text of every derived file by its path, lock files apart: their own tools write those.

    Raises:
        ProblemError: a domain's half cannot be read or sets what the platform has locked, an ingest file or a contract
            is wrong, or a file of the domain stands where a contract's page belongs.
    """
    from building_block.contracts.derived import pages
    from building_block.contracts.load import ports
    from building_block.contracts.retention import faults

    files = of_settings(project)
    agreed = ports(project)
    ProblemError.raise_any(faults(project, [port.contract for port in agreed.values()]))
    published = {PUBLISHED_MODELS: _published_models(agreed)} | pages(agreed, project.domain.slug)
    ProblemError.raise_any(_taken(project, published))
    return files | {RAW_SOURCES: _raw_sources(project)} | published


def of_settings(project: Project) -> dict[str, str]:
    """Return the text of each file that is joined from the two folders of settings, by its path.

    Raises:
        ProblemError: a domain's half cannot be read or sets what the platform has locked.
    """
    return {path: _joined(project, name) for path, name in OF_SETTINGS.items()}


def stale(project: Project) -> Iterator[Problem]:
    """Yield a problem for each derived file that differs from what ``poe generate`` would write."""
    files = derived(project)
    for path in _left_over(project, files):
        yield Problem(Code.DERIVED_STALE, f"{path}:1", "is derived from nothing any more", "write `poe generate`")
    yield from differing(project, files)


def differing(project: Project, files: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each of the derived files that has not the text that it would be given."""
    for path, text in files.items():
        file = project.root / path
        now = file.read_text(encoding="utf-8") if file.is_file() else ""
        if now != text:
            line = _first_difference(now, text)
            yield Problem(Code.DERIVED_STALE, f"{path}:{line}", "differs from what derives it", "write `poe generate`")


def write(project: Project, below: str = "") -> list[str]:
    """Write the derived files that are stale, all or those in the folder ``below``, and return their paths.

    A page of a contract that is gone is removed.
    """
    files, written = derived(project), []
    for path in _left_over(project, files):
        if path.startswith(below):
            (project.root / path).unlink()
            written.append(path)
    for path, text in files.items():
        file = project.root / path
        if path.startswith(below) and (not file.is_file() or file.read_text(encoding="utf-8") != text):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
            written.append(path)
    return written


def _taken(project: Project, paths: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem for each page that would replace what a person wrote: projects had a docs/ before we did."""
    from building_block.contracts.derived import FOLDER, HEADER

    for path in paths:
        file = project.root / path
        if path.startswith(f"{FOLDER}/") and file.is_file() and not file.read_bytes().startswith(HEADER.encode()):
            what, write = "stands where the page of a contract belongs", f"move it out of {FOLDER}/"
            yield Problem(Code.DERIVED_TAKEN, f"{path}:1", what, write)


def _left_over(project: Project, files: Mapping[str, str]) -> list[str]:
    """Return the pages that an earlier generation wrote and this one does not; what a person wrote stays."""
    from building_block.contracts.derived import FOLDER, HEADER

    there = sorted((project.root / FOLDER).glob("*.md"))
    ours = (file for file in there if file.read_bytes().startswith(HEADER.encode()))
    return [path for file in ours if (path := project.relative(file)) not in files]


def _joined(project: Project, name: str) -> str:
    """Join the two halves: YAML by keys, text as text. Without a domain's half the platform's stays as it is."""
    header = f"# derived by `poe generate` from platform/settings/ and settings/{name}: edit the latter\n"
    slug = project.domain.slug
    # A distribution's name is written with hyphens, every other name of the domain with underscores.
    domain_name = slug.replace("_", "-") if name == "pixi.toml" else slug
    text = (project.platform_settings / name).read_text(encoding="utf-8")
    platform = text.partition("\n")[2].replace("<domain>", domain_name)  # without the line that says whose it is
    file = project.settings / name
    if not file.is_file():
        return header + platform
    where = project.relative(file)
    try:
        domain = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        problem = Problem(Code.SETTING_SYNTAX, f"{where}:{line}", "the file is not UTF-8", "save it as UTF-8")
        raise ProblemError(problem) from None
    match file.suffix:
        case ".toml":
            return header + _joined_toml(platform, domain, where)
        case ".yml" | ".yaml":
            return header + _joined_yaml(platform, domain, where, _locked(name, slug))
        case _:
            return header + platform.replace(f"# <settings/{name}>\n", domain.rstrip("\n") + "\n")


def _joined_toml(platform: str, domain: str, where: str) -> str:
    text = f"{platform}\n# from {where}\n{domain}"
    try:
        half = tomllib.loads(domain)
    except tomllib.TOMLDecodeError as error:
        at = f"{where}:{getattr(error, 'lineno', 1)}"  # the standard library tells the line from 3.14 on
        raise ProblemError(Problem(Code.SETTING_SYNTAX, at, f"not TOML: {error}", "write valid TOML")) from None
    if bare := next((key for key, value in half.items() if not isinstance(value, dict)), None):
        # Appended to the platform's half it would become a key of that half's last table.
        what, write = f"`{bare}` stands in no table", "write it under a table, for example [dependencies]"
        raise ProblemError(Problem(Code.SETTING_SYNTAX, f"{where}:1", what, write))
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        taken = ", ".join(f"[{table}]" for table in tomllib.loads(platform))
        what = f"opens a table that the platform's half has ({taken})"
        write = "write another table, for example [dependencies] or [feature.<name>.dependencies]"
        raise ProblemError(Problem(Code.SETTING_LOCKED, where, what, write)) from None
    return text


def _joined_yaml(platform: str, domain: str, where: str, locked: set[tuple[str, ...]]) -> str:
    try:
        half = yaml.safe_load(domain) or {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = Problem(Code.SETTING_SYNTAX, f"{where}:{line}", f"not YAML: {error.problem}", "write valid YAML")
        raise ProblemError(problem) from None
    if not isinstance(half, dict):
        raise ProblemError(Problem(Code.SETTING_SYNTAX, where, "not a mapping of keys", "write `key: value` lines"))
    ProblemError.raise_any(
        Problem(Code.SETTING_LOCKED, f"{where}:{line}", "the platform decides this key", "remove it", ".".join(key))
        for key in sorted(locked)
        if (line := _line(yaml.compose(domain), key))
    )
    return yaml.safe_dump(_merged(yaml.safe_load(platform), half), sort_keys=False, width=120, allow_unicode=True)


def _merged(platform: Any, domain: Any) -> Any:
    """Merge mappings key by key and append lists; elsewhere the domain's value wins."""
    match platform, domain:
        case dict(), dict():
            return platform | {
                key: _merged(platform[key], domain[key]) if key in platform else domain[key] for key in domain
            }
        case list(), list():
            return [*platform, *domain]
        case _:
            return domain


def _locked(name: str, slug: str) -> set[tuple[str, ...]]:
    """Return the keys that make layers, names and contracts what the platform promises to other domains."""
    if name != "dbt_project.yml":
        return set()
    schemas = {("models", slug, layer, "+schema") for layer in LAYERS}
    published = {("models", slug, "published", key) for key in ("+access", "+contract", "+group")}
    return {("name",), ("profile",), ("models", "+schema")} | schemas | published


def _line(node: yaml.Node | None, key: tuple[str, ...]) -> int | None:
    """Return the line, from 1, of a key by its path; None when it is not there."""
    line = None
    for part in key:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        line, node = next(
            ((name.start_mark.line + 1, value) for name, value in pairs if name.value == part), (None, None)
        )
    return line


def _raw_sources(project: Project) -> str:
    """Return the dbt sources of the raw layer, so that a new source is one YAML file and no more."""
    from building_block.ingest.declared import BROKEN_RULES
    from building_block.ingest.spec import load_specs

    tables = []
    for spec in load_specs(project.ingest, project.root):
        columns = [
            {"name": column.name, "data_type": column.type}
            | ({"description": column.description} if column.description else {})
            for column in spec.columns
        ]
        tables.append({"name": spec.table, "description": spec.description, "columns": columns})
        if spec.quarantine:
            rules = {
                "name": BROKEN_RULES,
                "data_type": "varchar[]",
                "description": f"Names of the rules of {spec.agreed.contract.file} that the row breaks.",
            }
            what = f"Rows of {spec.table} that break a rule of its contract."
            tables.append({"name": spec.quarantine, "description": what, "columns": [*columns, rules]})
    source = {"version": 2, "sources": [{"name": "raw", "schema": "raw", "tables": tables}]}
    header = "# derived by `poe generate` from ingest/*.yaml: edit those\n"
    return header + yaml.safe_dump(source, sort_keys=False, width=120, allow_unicode=True)


def _published_models(agreed: Mapping[str, "Agreed"]) -> str:
    """Return the dbt models of the published layer as their contracts have them."""
    from building_block.contracts.derived import models

    header = "# derived by `poe generate` from contracts/*.odcs.yaml: edit those\n"
    return header + yaml.safe_dump(models(agreed.values()), sort_keys=False, width=120, allow_unicode=True)


def _first_difference(now: str, text: str) -> int:
    """Return the first line, from 1, that differs."""
    pairs = zip(now.splitlines(), text.splitlines(), strict=False)
    return next((number for number, (left, right) in enumerate(pairs, start=1) if left != right), 1)
