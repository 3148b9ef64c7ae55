"""What was released, in tests/releases.yml, and what CHANGELOG.md says of it."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml
from building_block.contracts.changes import Bump
from packaging.version import Version

CHANGELOG = "CHANGELOG.md"
RELEASES = "tests/releases.yml"
UNRELEASED = "Unreleased"
VERSION = re.compile(r"(?P<release>(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*))(?P<candidate>-rc\.[1-9]\d*)?")
"""Versions as they are written: 1.2.3, of a candidate 1.2.3-rc.1; their tags begin with v."""
_TITLE = re.compile(r"^## \[(?P<title>[^\]]+)\](?: - (?P<day>\d{4}-\d\d-\d\d))?[ \t]*\n", re.MULTILINE)
_RAISES = {
    "Removed": Bump.MAJOR,
    "Breaking": Bump.MAJOR,
    "Added": Bump.MINOR,
    "Changed": Bump.MINOR,
    "Deprecated": Bump.MINOR,
    "Fixed": Bump.PATCH,
    "Security": Bump.PATCH,
}


@dataclass(frozen=True)
class Section:
    """What the changelog says of a version."""

    title: str
    """The version, without v, or Unreleased."""
    day: str
    """When it was cut; empty for what was not."""
    body: str

    @property
    def bump(self) -> Bump:
        """Return which number the headings of the section raise: `Removed` and `Breaking` the first of them."""
        headings = re.findall(r"^### (\w+)", self.body, re.MULTILINE)
        return max((_RAISES.get(heading, Bump.NONE) for heading in headings), default=Bump.NONE)


def sections(root: Path) -> dict[str, Section]:
    """Return the sections of a checkout's changelog by their titles, the newest first."""
    text = (root / CHANGELOG).read_text(encoding="utf-8")
    heads = [*_TITLE.finditer(text)]
    ends = [head.start() for head in heads[1:]] + [len(text)]
    found = [
        Section(head["title"], head["day"] or "", text[head.end() : end].strip())
        for head, end in zip(heads, ends, strict=True)
    ]
    return {section.title: section for section in found}


def recorded(root: Path) -> dict[str, str]:
    """Return the commit of each release by its tag, the oldest first."""
    entries = yaml.safe_load((root / RELEASES).read_text(encoding="utf-8"))
    return {entry["version"]: entry["commit"] for entry in entries}


def implied(last: Version, raised: Bump) -> Version:
    """Return the version after ``last`` that raises this number; below 1.0.0 what breaks raises the second."""
    if raised is Bump.MAJOR and last.major:
        return Version(f"{last.major + 1}.0.0")
    if raised in (Bump.MAJOR, Bump.MINOR):
        return Version(f"{last.major}.{last.minor + 1}.0")
    return Version(f"{last.major}.{last.minor}.{last.micro + 1}") if raised is Bump.PATCH else last
