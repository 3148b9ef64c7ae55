"""Files of the unit at places where the platform has its own, or before which a tool would not read the platform's."""

import shlex
from collections.abc import Iterable

import tomlkit
from building_block.messages import Code, Problem
from pathspec import GitIgnoreSpec

from upgrade.adopt.plan import Plan
from upgrade.git import Git

_SLOTS = {
    ".editorconfig": "dbt/.editorconfig",
    ".gitattributes": "dbt/.gitattributes",
    ".github/CODEOWNERS": "settings/CODEOWNERS",
    "CODEOWNERS": "settings/CODEOWNERS",
    "docs/CODEOWNERS": "settings/CODEOWNERS",
    ".pre-commit-config.yaml": "settings/pre-commit-config.yaml",
    ".sqlfluff": "dbt/models/.sqlfluff",
    ".yamllint": "settings/yamllint.yaml",
    ".yamllint.yaml": "settings/yamllint.yaml",
    ".yamllint.yml": "settings/yamllint.yaml",
    "_typos.toml": "settings/typos.toml",
    "typos.toml": "settings/typos.toml",
    ".typos.toml": "settings/typos.toml",
    "pixi.toml": "settings/pixi.toml",
    "poe_tasks.toml": "settings/tasks.toml",
    "ruff.toml": "src/ruff.toml",
    ".ruff.toml": "src/ruff.toml",
}
"""Where a tool looks at the root → the slot of platform/README.md."""
_FOLDERS = {
    "platform": "own-platform",
    "docs/contracts": "docs/own-contracts",
    "data": "sample",
    "dbt/generated": "dbt/own-generated",
}
"""Folders that are the platform's or derived, or that git does not keep → where the unit's files go."""
_EXCLUDE = '"$(git rev-parse --git-path info/exclude)"'


def root_files(plan: Plan, taken: Iterable[str]) -> None:
    """Plan where the unit's files go that stand at the paths ``taken`` or are read before those."""
    _ignored(plan)
    for path, slot in _SLOTS.items():
        if path in plan.tracked:
            if plan.move(path, slot, text=_TEXTS[slot](plan, path) if slot in _TEXTS else None):
                _stop(plan, path, f"write `git mv {path} {slot}`, changed as the patch shows")
            else:
                _stop(plan, path, f"{slot} is there, too: write both into it, `git rm {path}`, and commit")
    for folder, elsewhere in _FOLDERS.items():
        _folder(plan, folder, elsewhere)
    for path in sorted(taken):
        if path in plan.moves or path in plan.drops or not plan.has(path) or _same(plan, path):
            continue
        if path.startswith(".github/workflows/") and path in plan.tracked:
            own = path.replace("/platform-", "/own-")
            plan.move(path, own)
            _stop(plan, path, f"write `git mv {path} {own}`")
        elif path == "dg.toml":
            plan.drops.add(path)
            _stop(plan, path, f"write `git rm {path}`: what lies in src/{plan.slug}/defs is found without it")
        else:
            _stop(plan, path, "move it out of the way, and commit")
    if (plan.home / "data" / "warehouse.duckdb").exists():
        _stop(plan, "data/warehouse.duckdb", "write `mv data data-before`, and let git ignore that, too")


def _stop(plan: Plan, path: str, write: str) -> None:
    plan.stops.append(Problem(Code.ADOPT_TAKEN, path, "stands where the platform has a file of its own", write))


def _same(plan: Plan, path: str) -> bool:
    own, fresh = plan.home / path, plan.rendered / path
    regular = own.is_file() and not own.is_symlink() and fresh.is_file()
    return regular and own.read_bytes() == fresh.read_bytes()


def _folder(plan: Plan, folder: str, elsewhere: str) -> None:
    inside = [path for path in plan.below(folder) if path not in plan.moves]
    for path in inside:
        plan.move(path, elsewhere + path.removeprefix(folder))
    if inside:
        if folder == "data":
            what = "is a folder that git ignores here, and that is deleted to start over"
        else:
            what = "is a folder of the platform"
        write = f"write `git mv {folder} {elsewhere}`, and adapt what names it"
        plan.stops.append(Problem(Code.ADOPT_TAKEN, folder, what, write))


# The text that a slot takes -------------------------------------------------------------------------------------------


def _sqlfluff(plan: Plan, path: str) -> str:
    """Return the settings without the templater, which sqlfluff takes from the root alone."""
    kept, section = [], ""
    for line in plan.text(path).splitlines(keepends=True):
        section = line.strip() if line.startswith("[") else section
        if not section.startswith("[sqlfluff:templater") and not line.replace(" ", "").startswith("templater="):
            kept.append(line)
    return "".join(kept)


def _pixi(plan: Plan, path: str) -> str:
    """Return the tables that pixi's platform half does not have, and the dependencies."""
    half = plan.rendered / "platform" / "settings" / "pixi.toml"
    document, platform = plan.toml(path), tomlkit.parse(half.read_text(encoding="utf-8"))
    for table in {"project", "workspace", *platform} - {"dependencies"}:
        document.pop(table, None)
    for table in [key for key, value in document.items() if not isinstance(value, dict)]:
        document.pop(table)
    for name in platform.get("dependencies", {}):
        document.get("dependencies", {}).pop(name, None)
    return tomlkit.dumps(document)


def _pre_commit(plan: Plan, path: str) -> str:
    return plan.text(path) if plan.yaml(path) else "repos: []\n"


def _ruff(plan: Plan, path: str) -> str:
    return ruff(plan.text(path))


def ruff(text: str) -> str:
    """Return ruff's settings on top of the platform's."""
    return text if "\nextend =" in f"\n{text}" else f'extend = "../ruff.toml"\n{text}'


_TEXTS = {
    "dbt/models/.sqlfluff": _sqlfluff,
    "settings/pixi.toml": _pixi,
    "settings/pre-commit-config.yaml": _pre_commit,
    "src/ruff.toml": _ruff,
}


# What git ignores: never may a file become visible to it by the adoption ----------------------------------------------


def _ignored(plan: Plan) -> None:
    path, platform = ".gitignore", (plan.rendered / ".gitignore").read_text(encoding="utf-8")
    if path not in plan.tracked or plan.text(path) == platform:
        return
    own = plan.text(path)
    plan.edits[path] = platform
    if plan.has("dbt/.gitignore"):
        plan.edits["dbt/.gitignore"] = plan.text("dbt/.gitignore").rstrip("\n") + "\n" + own
    else:
        plan.edits["dbt/.gitignore"] = own
    _stop(
        plan, path, "let its lines go on in dbt/.gitignore, as the patch has it, or in the folder that they are about"
    )
    git = Git(plan.home)
    listed = git("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z").split("\0")
    now, then = GitIgnoreSpec.from_lines(own.splitlines()), GitIgnoreSpec.from_lines(platform.splitlines())
    for entry in sorted(filter(None, listed)):
        if now.match_file(entry) and not then.match_file(entry) and not entry.startswith("dbt/"):
            what = f"{entry} would be seen by git, which ignores it by a line of this file"
            plan.stops.append(Problem(Code.ADOPT_TAKEN, path, what, "let each clone ignore it, by the last commands"))
            plan.shell.append(f"echo {shlex.quote(f'/{entry}')} >> {_EXCLUDE}")
