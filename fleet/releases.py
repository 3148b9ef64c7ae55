"""The releases of the template and when each was made, as its repository says."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from packaging.version import Version

from fleet.standing import has
from upgrade.template import Template


@dataclass(frozen=True)
class Releases:
    """Those up to the one that a template's clone is at."""

    template: Template

    @cached_property
    def all(self) -> dict[str, date]:
        """Return the day of each release, the oldest first; candidates are none."""
        listed = self.template.git("tag", "--list", "v*", "--format=%(refname:short) %(creatordate:short)")
        pairs = [line.split() for line in listed.splitlines()]
        days = {tag: date.fromisoformat(day) for tag, day in pairs if "-" not in tag and has(self.template.ref, tag)}
        return dict(sorted(days.items(), key=lambda pair: Version(pair[0])))

    def date(self, version: str) -> date | None:
        """Return the day of a version that a project has recorded; None where it is no release."""
        return self.all.get(version)

    def after(self, version: str) -> int:
        """Return how many releases came after a version; after what is no version, all of them."""
        return sum(not has(version, release) for release in self.all)
