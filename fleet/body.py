"""What a pull request of the fleet says: to the unit's analyst first, then to who wants to know more."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from fleet.proposals import mark
from fleet.work import Outcome

_LONGEST = 40_000
"""Signs of the changelog; GitHub takes 65,536 in all."""


def title(version: str) -> str:
    """Return the title of the pull request that brings a release."""
    return f"Update the building block to {version}"


def body(done: Outcome, version: str, branch: str, news: Sequence[str]) -> str:
    """Return the text of the pull request, in Markdown; ``news`` are the changelog's sections, the newest first."""
    # It is Markdown: what a unit has written stands in code, and nothing is escaped for HTML.
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), trim_blocks=True, autoescape=False)  # noqa: S701
    environment.filters["code"] = _code
    template = environment.get_template("pull_request.md.jinja")
    return template.render(done=done, version=version, branch=branch, news=_nested(news), mark=mark(version))


def _nested(news: Sequence[str]) -> str:
    """Return the sections, their titles two levels lower, as far as there is room for whole ones."""
    lower = [section.replace("\n### ", "\n##### ").replace("## [", "#### [", 1) for section in news]
    lengths = accumulate(map(len, lower))
    return "\n\n".join(section for section, so_far in zip(lower, lengths, strict=True) if so_far <= _LONGEST)


def _code(text: str) -> str:
    """Return text of a unit's as code, which it can neither end nor break."""
    return f"`{text.replace('`', chr(39)).replace(chr(10), ' ')}`"
