"""The campaign log: what was done, a line of JSON each. It is a memory of one machine; the remotes are the truth.

Only a pause stands nowhere else.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOG = "campaigns.jsonl"


@dataclass(frozen=True)
class Event:
    """One thing that happened."""

    at: datetime
    version: str
    """The release that the campaign is about."""
    what: str
    """Begun, paused, resumed; of a domain proposed, crashed, or what became of it: see ``fleet.result``."""
    domain: str = ""
    about: dict[str, Any] | None = None
    """More of it, such as the commit and the number of the pull request."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Return the messages for a person."""
        return tuple(map(str, (self.about or {}).get("problems", ())))


@dataclass(frozen=True)
class Log:
    """The file."""

    file: Path

    def add(self, version: str, what: str, domain: str = "", **about: Any) -> None:
        """Write that something happened now; when this returns, it is on the disk."""
        event = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "version": version, "what": what}
        event |= {"domain": domain} if domain else {}
        line = json.dumps(event | about) + "\n"
        with self.file.open("ab+") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
            torn = file.read(1) not in (b"", b"\n")
            file.write(("\n" * torn + line).encode())
            file.flush()
            os.fsync(file.fileno())

    def events(self, version: str = "") -> Iterator[Event]:
        """Yield what happened in the campaign of a version, or in all, but for a line that a kill or a hand spoilt."""
        if not self.file.is_file():
            return
        for line in self.file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                said = json.loads(line)
                event = Event(
                    datetime.fromisoformat(said.pop("at")),
                    said.pop("version"),
                    said.pop("what"),
                    said.pop("domain", ""),
                    said,
                )
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
            if version in ("", event.version):
                yield event

    def paused(self, version: str) -> str | None:
        """Return why the campaign of a version is paused, None when it is not."""
        reason = None
        for event in self.events(version):
            if event.what == "paused":
                reason = (event.about or {}).get("why", "")
            elif event.what == "resumed":
                reason = None
        return reason
