# platform-owned: changed by `copier update` only; see platform/README.md
"""The published files of a port: written aside, checked there, and switched to by one rename.

``published/<port>/v<major>/current.json`` names the release that is valid; a release is a folder whose files never
change, so that who reads one while the next is published reads it to the end.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

from filelock import FileLock

from building_block.contracts.contract import Contract
from building_block.project import Project

DATA = "data.parquet"
CONTRACT = "contract.odcs.yaml"
POINTER = "current.json"
_ASIDE = ".candidate-"


@dataclass(frozen=True)
class Release:
    """What ``current.json`` says."""

    data: str
    """The parquet file, relative to the folder of the pointer."""
    contract: str
    version: str
    sha256: str
    """Of the parquet file."""
    rows: int
    published_at: str


class Publication:
    """The releases of one major version of a port, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, project: Project, contract: Contract) -> "Publication":
        """Return where the data of a contract is published."""
        return cls(project.published / contract.name / f"v{contract.version.major}")

    def current(self) -> Release | None:
        """Return the valid release, None before the first."""
        pointer = self.folder / POINTER
        return Release(**json.loads(pointer.read_bytes())) if pointer.is_file() else None

    @contextmanager
    def candidate(self) -> Iterator[Path]:
        """Yield a folder for the next release's parquet file; what is not switched to is gone after the block.

        One process at a time: the others wait.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".lock"):
            for left in self.folder.glob(f"{_ASIDE}*"):  # by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            aside = Path(mkdtemp(prefix=_ASIDE, dir=self.folder))
            try:
                yield aside
            finally:
                shutil.rmtree(aside, ignore_errors=True)

    def switch(self, aside: Path, rows: int, contract: bytes, version: str) -> Release:
        """Make the parquet file in a candidate's folder the valid release; until the rename the last one is.

        ``contract`` is the text of the contract that its data keeps.
        """
        with (aside / DATA).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        (aside / CONTRACT).write_bytes(contract)
        (aside / f"{DATA}.sha256").write_text(f"{digest}  {DATA}\n", encoding="ascii")
        name = hashlib.sha256(digest.encode() + contract).hexdigest()[:16]
        release = Release(
            data=f"{name}/{DATA}",
            contract=f"{name}/{CONTRACT}",
            version=version,
            sha256=digest,
            rows=rows,
            published_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        for file in aside.iterdir():
            _to_disk(file)
        before = self.current()
        if not (self.folder / name).is_dir():
            aside.rename(self.folder / name)
        pointer = self.folder / f".{POINTER}"
        pointer.write_text(json.dumps(asdict(release), indent=2) + "\n", encoding="utf-8")
        _to_disk(pointer)
        pointer.replace(self.folder / POINTER)
        self._remove_all_but(release, before)
        return release

    def _remove_all_but(self, *kept: Release | None) -> None:
        """Remove older releases; the one before stays for whoever has just read the pointer."""
        names = {release.data.partition("/")[0] for release in kept if release}
        for entry in self.folder.iterdir():
            if entry.is_dir() and entry.name not in names and not entry.name.startswith(_ASIDE):
                shutil.rmtree(entry, ignore_errors=True)


def _to_disk(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
