# platform-owned: changed by `copier update` only; see platform/README.md
"""Where a table's data comes from: what a sensor and an asset ask of a source, and its one kind, a file in a folder."""

import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import duckdb
import pyarrow as pa
from pydantic import AfterValidator, Field

from building_block.ingest.declared import DailyPartitions, DeclaredTable, Strict, wrong
from building_block.ingest.landed_file import Landed, typed_batches
from building_block.messages import Code, Problem, ProblemError
from building_block.project import Project


class Folders:
    """What lay in landing folders when each was first asked for; make a new one for each look.

    Each folder is listed once, however many tables and partitions lie in it.
    """

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


class Source(Strict, ABC):
    """Where a table's data comes from. ``root`` is the project's root; every method raises ProblemError only."""

    kind: str
    when_missing: Literal["skip", "fail"] = Field(
        description="what it means when the data is not there; skip: a day without trade, fail: a mistake",
        examples=["fail"],
    )

    @abstractmethod
    def check(self, partitioned: bool) -> None:
        """Raise ``wrong(…)`` when the source does not fit a table that is, or is not, partitioned."""

    @abstractmethod
    def landed(self, root: Path, table: DeclaredTable, folders: Folders) -> dict[str | None, str]:
        """Return the fingerprint of all data that is there now, by valid partition key; by None when unpartitioned."""

    @abstractmethod
    def fingerprint(self, root: Path, key: str | None) -> str | None:
        """Return a cheap identity of the data behind ``key``, None when there is none."""

    @abstractmethod
    def read(self, root: Path, key: str | None, table: DeclaredTable) -> pa.RecordBatchReader:
        """Stream the data behind ``key`` in the schema ``table.arrow_schema``; raise when it is missing.

        A fault deep in the data raises while the batches are iterated, so write them in one transaction.
        """


# The kind ``file``: one file a partition in a folder, whatever its format ---------------------------------------------

PLACEHOLDER = "{partition_key}"


def _variables_closed(folder: str) -> str:
    if not is_well_formed(folder):
        raise wrong(f"`{folder}` has a variable that is not closed", "write `${VAR}` or `${VAR:-default}`")
    return folder


def _inside_folder(pattern: str) -> str:
    path = PurePosixPath(pattern)
    if path.is_absolute() or ".." in path.parts or "\\" in pattern or ":" in path.parts[0]:
        raise wrong(f"`{pattern}` leads out of the folder", "write a path below `folder`, with /")
    if any(sign in pattern.replace(PLACEHOLDER, "") for sign in "*?[]{}"):
        raise wrong(f"`{pattern}` has one of * ? [ ] {{ }}", f"write the file's name with {PLACEHOLDER} only")
    return pattern


class FileSource(Source):
    """A file, or one file a partition, in a folder of the project or of a mounted disk."""

    kind: Literal["file"] = Field(description="where the data comes from: a file in a folder", examples=["file"])
    folder: Annotated[str, AfterValidator(_variables_closed)] = Field(
        min_length=1,
        description="relative to the project's root; ${VAR} and ${VAR:-default} as in a shell",
        examples=["${LANDING:-sample}"],
    )
    pattern: Annotated[str, AfterValidator(_inside_folder)] = Field(
        min_length=1, description=f"the file below the folder; {PLACEHOLDER} once when partitioned", examples=["x.csv"]
    )

    @abstractmethod
    def open(self, con: duckdb.DuckDBPyConnection, path: Path, shown: str, scratch: Path) -> Landed:
        """Open ``path``; ``scratch`` is a folder that lives as long as the reading."""

    def check(self, partitioned: bool) -> None:
        """Raise when the pattern does not name exactly one file a partition, or one file."""
        if partitioned and self.pattern.count(PLACEHOLDER) != 1:
            what = f"`{self.pattern}` must contain {PLACEHOLDER} exactly once, since the table has `partitions`"
            raise wrong(what, f'write `pattern: "{PLACEHOLDER}.csv"`', "source", "pattern")
        if not partitioned and PLACEHOLDER in self.pattern:
            what = f"`{self.pattern}` contains {PLACEHOLDER}, but the table has no `partitions`"
            raise wrong(what, "write `partitions`, or the name of one file", "source", "pattern")

    def landed(self, root: Path, table: DeclaredTable, folders: Folders) -> dict[str | None, str]:
        """Return the fingerprints by key; files whose key is not a valid partition are ignored."""
        folder = self._folder(root)
        try:
            keys = self._keys(folder, table.partitions, folders) if table.partitions else [None]
            found = {key: folders.stat(folder / self._name(key)) for key in keys}
        except OSError as error:
            raise ProblemError(self._unreadable(error)) from error
        return {key: self._identity(key, stat) for key, stat in found.items() if stat}

    def fingerprint(self, root: Path, key: str | None) -> str | None:
        """Return a short hash of the file's name, size and time of change."""
        try:
            return self._identity(key, (self._folder(root) / self._name(key)).stat())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ProblemError(self._unreadable(error)) from error

    def read(self, root: Path, key: str | None, table: DeclaredTable) -> pa.RecordBatchReader:
        """Stream the file. What can be known without reading all rows raises here, the rest while iterating."""
        folder, name = self._folder(root), self._name(key)
        path = folder / name
        shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        if not path.is_file():
            write = "land the file, or write `when_missing: skip` if a day may have none"
            raise ProblemError(Problem(Code.LANDING_FILE_MISSING, shown, "the file does not exist", write))
        if not path.stat().st_size:
            raise ProblemError(empty(shown))
        origin = {"_source_file": name} | ({"_partition_key": key} if key is not None else {})
        with ExitStack() as opening:
            aside = opening.enter_context(Project(root).scratch())
            con = opening.enter_context(duckdb.connect())
            con.execute("SET TimeZone = 'UTC'")  # a Parquet timestamp with a zone shall not depend on the machine's
            batches = typed_batches(self.open(con, path, shown, aside), table, origin)
            return pa.RecordBatchReader.from_batches(table.arrow_schema, _closing(opening.pop_all(), batches))

    def _folder(self, root: Path) -> Path:
        place = f"folder {self.folder}"
        try:
            folder = root / expand(self.folder)
        except KeyError as variable:
            write = f"set it, or write `${{{variable.args[0]}:-default}}`"
            what = f"the environment variable {variable.args[0]} is not set"
            raise ProblemError(Problem(Code.LANDING_FOLDER, place, what, write)) from None
        if not os.path.isdir(folder):  # which is False, too, for what this user may not see
            what = f"`{expand(self.folder)}` is not a folder"
            write = "create it, or correct `folder` or the variable in it"
            raise ProblemError(Problem(Code.LANDING_FOLDER, place, what, write))
        return folder

    def _keys(self, folder: Path, partitions: DailyPartitions, folders: Folders) -> list[str]:
        """Return the keys for which there is a file, or a folder where the key names one."""
        before, after = self.pattern.split(PLACEHOLDER)
        above, _, begin = before.rpartition("/")
        end = after.partition("/")[0]
        names = [name for name in folders.names(folder / above) if name.startswith(begin) and name.endswith(end)]
        keys = (name[len(begin) : len(name) - len(end)] for name in names)
        return [key for key in keys if partitions.has(key)]

    def _identity(self, key: str | None, stat: os.stat_result) -> str:
        return hashlib.sha256(f"{self._name(key)}|{stat.st_size}|{stat.st_mtime_ns}".encode()).hexdigest()[:16]

    def _unreadable(self, error: OSError) -> Problem:
        what = f"`{error.filename}` cannot be read: {error.strerror}"
        write = "let the user that runs this read it, or land it again"
        return Problem(Code.LANDING_FOLDER, f"folder {self.folder}", what, write)

    def _name(self, key: str | None) -> str:
        return self.pattern if key is None else self.pattern.replace(PLACEHOLDER, key)


def empty(shown: str) -> Problem:
    """Return the problem of a file that has no content, which a reader would take for no rows."""
    write = "land it again; a day without rows is no file, or a file with its header line only"
    return Problem(Code.LANDING_FILE_EMPTY, shown, "the file is empty", write)


def broken(shown: str, what: str) -> Problem:
    """Return the problem of a file that is cut off, or is not of its declared format."""
    return Problem(Code.LANDING_FILE_BROKEN, shown, what.partition("\n")[0], "land it again, or correct `format`")


def _closing(opened: ExitStack, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    with opened:
        yield from batches


# ``${VAR}`` and ``${VAR:-default}`` in an ingest file, as a shell reads them ------------------------------------------

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}")


def is_well_formed(text: str) -> bool:
    """Tell whether every ``${`` begins a variable."""
    return "${" not in _VARIABLE.sub("", text)


def expand(text: str) -> str:
    """Return ``text`` with its variables' values; raise KeyError with a variable that is unset and has no default."""

    def value(found: re.Match[str]) -> str:
        name, default = found.groups()
        return os.environ.get(name) or (os.environ[name] if default is None else default)

    return _VARIABLE.sub(value, text)
