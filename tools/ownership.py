"""Reads the one declaration of ownership, in copier.yml, for the tools and the tests."""

import subprocess
from functools import cache
from pathlib import Path

import yaml
from pathspec import GitIgnoreSpec

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "template"
CLASSES = ("platform", "domain", "derived")
HEADER = "platform-owned: changed by `copier update` only; see platform/README.md"


@cache
def patterns() -> dict[str, list[str]]:
    """Return the patterns of each class."""
    documents = list(yaml.safe_load_all((ROOT / "copier.yml").read_text(encoding="utf-8")))
    return {name: next(d[f"{name}_paths"]["default"] for d in documents if f"{name}_paths" in d) for name in CLASSES}


def classes_of(path: str) -> list[str]:
    """Return every class whose patterns match a path of a stamped project; exactly one, if all is well."""
    return [name for name, lines in patterns().items() if GitIgnoreSpec.from_lines(lines).match_file(path)]


def rendered_path(file: Path) -> str:
    """Return the path that a file of the template has in a stamped project."""
    return file.relative_to(TEMPLATE).as_posix().removesuffix(".jinja")


def template_files() -> list[Path]:
    """Return every file of the template as git sees it, uncommitted ones too."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "template"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    return sorted(file for path in listed if (file := ROOT / path).is_file())
