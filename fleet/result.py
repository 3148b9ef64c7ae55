"""What became of a domain in one call, as a word for programs and the log, and as a sentence for people."""

from dataclasses import dataclass
from enum import StrEnum


class Became(StrEnum):
    """What became of it."""

    OPENED = "opened"
    UPDATED = "updated"
    STANDS = "stands"
    """What is proposed is as it was."""
    CURRENT = "current"
    """It has the release, or is to get it by nothing but its team's doing."""
    LEFT = "left"
    WAITS = "waits"
    """It is left for a later call, as when enough was opened in this hour."""
    REFUSED = "refused"
    """A person has to see to it first."""
    CLOSED = "closed"


PROPOSED = (Became.OPENED, Became.UPDATED, Became.STANDS)

_SAYS = {
    Became.OPENED: "opened {}",
    Became.UPDATED: "brought up to date {}",
    Became.STANDS: "stands as it was: {}",
    Became.LEFT: "left: {}",
    Became.WAITS: "waits: {}",
    Became.REFUSED: "needs a person",
    Became.CLOSED: "closed {}",
}


@dataclass(frozen=True)
class Result:
    """What became of a domain."""

    domain: str
    became: Became
    about: str = ""
    """The address of its pull request, or the reason."""
    problems: tuple[str, ...] = ()
    """Messages for a person."""

    @property
    def what(self) -> str:
        """Return it in a few words."""
        return _SAYS.get(self.became, "{}").format(self.about)

    @property
    def needs_person(self) -> bool:
        """Whether nothing goes on here by itself."""
        return bool(self.problems)
