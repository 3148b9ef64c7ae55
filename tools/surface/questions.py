"""What copier.yml declares: questions, ownership, seeds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pathspec import GitIgnoreSpec

from tools.surface.entry import Entries, Entry, Part

CLASSES = ("platform", "domain", "derived")
_OURS = ("/platform/", "/platform-", "/.github/workflows/platform-")
"""How a path begins that no file of a unit can have."""


def questions_and_paths(root: Path) -> Entries:
    """Yield the entries of a checkout's copier.yml and of the files that it classifies."""
    text = (root / "copier.yml").read_text(encoding="utf-8")
    settings: dict[str, Any] = {}
    for document in yaml.safe_load_all(text):
        settings |= document
    yield "copier.at_least", Entry(Part.LOWER, str(settings["_min_copier_version"]))
    lists = {f"{name}_paths" for name in CLASSES}
    for name, question in settings.items():
        if not name.startswith("_") and name not in lists:
            yield from _question(f"answer.{name}", question)
    reserved = root / "jinja" / "reserved-names.txt"
    for name in reserved.read_text(encoding="utf-8").split():
        yield f"answer.domain_name.reserved.{name}", Entry(Part.RESERVED)
    yield from _paths(root, {name: settings[f"{name}_paths"]["default"] for name in CLASSES})


def _question(name: str, question: dict[str, Any]) -> Entries:
    asked = question.get("when") is not False
    needed = asked and "default" not in question
    yield name, Entry(Part.QUESTION, f"{question['type']}, {'asked' if asked else 'computed'}", needed=needed)
    if "default" in question:
        yield f"{name}.default", Entry(Part.DEFAULT, str(question["default"]), of=name)
    if "validator" in question:
        yield f"{name}.validator", Entry(Part.VALIDATOR, " ".join(question["validator"].split()), of=name)
    choices = question.get("choices", ())
    for choice in choices.values() if isinstance(choices, dict) else choices:
        yield f"{name}.choice.{choice}", Entry(Part.CHOICE, of=name)


def _paths(root: Path, patterns: dict[str, list[str]]) -> Entries:
    for owner, lines in patterns.items():
        for line in lines:
            claimed = owner != "domain" and not line.startswith(_OURS)
            yield f"path.{line}", Entry(Part.CLAIM if claimed else Part.PATH, owner)
    specs = {name: GitIgnoreSpec.from_lines(lines) for name, lines in patterns.items()}
    for path in _rendered(root / "template"):
        if specs["domain"].match_file(path):
            yield f"seed./{path}", Entry(Part.SEED)
        elif specs["platform"].match_file(path) and not path.startswith("platform/"):
            yield f"file./{path}", Entry(Part.FILE)


def _rendered(template: Path) -> Iterator[str]:
    for file in sorted(template.rglob("*")):
        if file.is_file():
            yield file.relative_to(template).as_posix().removesuffix(".jinja")
