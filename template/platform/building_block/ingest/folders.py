# platform-owned: changed by `copier update` only; see platform/README.md
"""One look at landing folders: each folder is listed once, however many tables and partitions lie in it."""

import os
from pathlib import Path


class Folders:
    """What lay in folders when each was first asked for; make a new one for each look."""

    def __init__(self) -> None:
        self._entries: dict[Path, dict[str, os.DirEntry[str]]] = {}

    def names(self, folder: Path) -> list[str]:
        """Return the names of all that lies directly in ``folder``, in no order; none when there is no such folder."""
        return list(self._listed(folder))

    def stat(self, file: Path) -> os.stat_result | None:
        """Return size and time of a file, None when there is none."""
        try:
            entry = self._listed(file.parent).get(file.name)
            return entry and entry.stat()
        except FileNotFoundError:  # a link to nowhere, or gone since its folder was listed
            return None

    def _listed(self, folder: Path) -> dict[str, os.DirEntry[str]]:
        if folder not in self._entries:
            try:
                with os.scandir(folder) as entries:
                    self._entries[folder] = {entry.name: entry for entry in entries}
            except (FileNotFoundError, NotADirectoryError):
                self._entries[folder] = {}
        return self._entries[folder]
