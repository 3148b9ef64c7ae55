# platform-owned: changed by `copier update` only; see platform/README.md
"""Text files: CSV, plain or gzipped, and newline-delimited JSON.

Of CSV columns are found by the names in the header line; an empty field, quoted or not, is NULL. Of JSON a line is one
object; a key that a line lacks is NULL there; null is NULL, "" is empty text. A JSON number has a double's 15 digits;
one that needs more must be landed as text.
"""

import codecs
import csv
import glob
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import duckdb
from pydantic import Field

from building_block.ingest.landed_file import Landed, LandedColumn, first_few
from building_block.ingest.source import FileSource, broken, empty
from building_block.messages import Code, Problem, ProblemError
from building_block.sql import literal, quoted

# Plain UTF-8 ----------------------------------------------------------------------------------------------------------
#
# The only form in which DuckDB can be trusted to read all of them: DuckDB 1.5 takes half of a cut-off .gz without a
# word, reads no row of big-endian UTF-16, and refuses characters outside of the Basic Multilingual Plane. The standard
# library does these right, at about the speed of a disk.

Encoding = Literal["utf-8", "latin-1", "windows-1252", "utf-16"]
_CHUNK = 1 << 20


def plain_utf8(path: Path, shown: str, scratch: Path, encoding: Encoding = "utf-8", zipped: bool = False) -> Path:
    """Return ``path`` if it is plain UTF-8 already, else a copy in ``scratch`` that is; check that it has content."""
    plain = path
    if zipped or encoding != "utf-8":
        plain = scratch / "plain"
        try:
            with gzip.open(path) if zipped else path.open("rb") as source, plain.open("wb") as target:
                for text in decoded(source, encoding, shown):
                    target.write(text.encode())
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ProblemError(broken(shown, f"the gzip file is broken: {error}")) from error
    with plain.open("rb") as source:
        chunks = iter(lambda: source.read(_CHUNK), b"")
        if not any(chunk.replace(codecs.BOM_UTF8, b"").strip() for chunk in chunks):
            raise ProblemError(empty(shown))
    return plain


def decoded(source: IO[bytes], encoding: Encoding, shown: str) -> Iterator[str]:
    """Yield the text in pieces; raise ProblemError with the line of the first bytes that are not of the encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line, chunk = 1, b"-"
    while chunk:
        chunk = source.read(_CHUNK)
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].count(b"\n")
            raise ProblemError(_undecodable(shown, line, encoding, error.object[error.start :])) from None
        # True Latin-1 has control characters where Windows has €, quotes and dashes; nobody lands control characters.
        if encoding == "latin-1" and (control := re.search("[\x80-\x9f]", text)):
            line += text.count("\n", 0, control.start())
            raise ProblemError(_undecodable(shown, line, encoding, control[0].encode(encoding)))
        line += text.count("\n")
        yield text


def _undecodable(shown: str, line: int, encoding: Encoding, rest: bytes) -> Problem:
    guess = "windows-1252" if 0x80 <= rest[0] < 0xA0 else "latin-1" if encoding == "utf-8" else "utf-8"
    if line == 1 and rest.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        guess = "utf-16"
    write = f"write `encoding: {guess}` under `source`, or export the file as UTF-8"
    what = f"byte 0x{rest[0]:02X} is not {encoding}"
    return Problem(Code.LANDING_ENCODING, f"{shown}:{line}", what, write)


# CSV ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LandedCsv(Landed):
    """One CSV file; ``plain`` is its text as UTF-8."""

    plain: Path
    delimiter: str
    header = ":1"

    def damage(self) -> list[Problem]:
        """Walk the file with the standard library's parser, whose line numbers count quoted line breaks too."""
        try:
            return first_few(self._bad_rows(), self.shown)
        except UnicodeDecodeError:
            return _not_utf8(self.plain, self.shown)

    def places(self, rows: list[int]) -> list[tuple[str, str]]:
        """Return the line on which each row begins."""
        wanted = set(rows)
        numbered = enumerate(self._records(), 1)
        return [(f"{self.shown}:{line}", "") for n, (line, _) in numbered if n in wanted]

    def _bad_rows(self) -> Iterator[Problem]:
        width = len(self.columns)
        for line, row in self._records():
            where = f"{self.shown}:{line}"
            if row is None:
                what = "a quote is not closed, or text follows a closing quote"
                yield Problem(Code.LANDING_ROW, where, what, 'write a quote inside of a quoted value twice: ""')
            elif len(row) != width and not (len(row) == width + 1 and not row[-1]):  # DuckDB allows one `,` at the end
                what = f"the row has {len(row)} fields, the header has {width}"
                yield Problem(Code.LANDING_ROW, where, what, f"quote values that contain `{self.delimiter}`")

    def _records(self) -> Iterator[tuple[int, list[str] | None]]:
        """Yield each row below the header that DuckDB counts, with its line; None, as the last, for a broken one."""
        with self.plain.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, delimiter=self.delimiter, strict=True)
            next(reader)
            while True:
                line = reader.line_num + 1
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error:
                    yield line, None
                    return
                if row or len(self.columns) == 1:
                    yield line, row or [""]


class CsvFile(FileSource):
    """A text file with a header line."""

    format: Literal["csv", "csv.gz"] = Field(
        description="a text file with a header line, plain or gzipped", examples=["csv"]
    )
    encoding: Encoding = Field("utf-8", description="how the file writes letters as bytes", examples=["latin-1"])
    delimiter: str = Field(",", pattern=r'^[^"\r\n]$', description="the one sign between two fields", examples=[";"])

    def open(self, con: duckdb.DuckDBPyConnection, path: Path, shown: str, scratch: Path) -> LandedCsv:
        """Open the file; every field is text at first, since DuckDB's own typed reading rounds in silence."""
        plain = plain_utf8(path, shown, scratch, self.encoding, zipped=self.format == "csv.gz")
        names = self._header(plain, shown)
        columns = [LandedColumn(name, f"c{index}", "VARCHAR") for index, name in enumerate(names)]
        types = ", ".join(f"{column.sql}: 'VARCHAR'" for column in columns)
        relation = (
            f"read_csv({literal(glob.escape(str(plain)))}, columns = {{{types}}}, header = true, auto_detect = false,"
            f" delim = {literal(self.delimiter)}, quote = '\"', escape = '\"', hive_partitioning = false)"
        )
        return LandedCsv(con, shown, relation, columns, plain, self.delimiter)

    def _header(self, plain: Path, shown: str) -> list[str]:
        try:
            with plain.open(encoding="utf-8-sig", newline="") as text:
                names = next(csv.reader(text, delimiter=self.delimiter, strict=True), [])
        except UnicodeDecodeError:
            raise ProblemError(*_not_utf8(plain, shown)) from None
        except csv.Error as error:
            what = f"the header line is broken: {error}"
            raise ProblemError(Problem(Code.LANDING_ROW, f"{shown}:1", what, "close its quotes")) from error
        if not any(name.strip() for name in names):
            what, write = "the first line is blank", "write the names of the columns there"
            raise ProblemError(Problem(Code.LANDING_ROW, f"{shown}:1", what, write))
        return names


def _not_utf8(plain: Path, shown: str) -> list[Problem]:
    try:
        with plain.open("rb") as source:
            for _ in decoded(source, "utf-8", shown):
                pass
    except ProblemError as error:
        return list(error.problems)
    return []


# JSON lines -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LandedNdjson(Landed):
    """One file of JSON lines."""

    path: Path

    def damage(self) -> list[Problem]:
        """Parse line by line: DuckDB's own line numbers are off by one."""
        return first_few(self._bad_lines(), self.shown)

    def places(self, rows: list[int]) -> list[tuple[str, str]]:
        """Return each row's line."""
        wanted = set(rows)
        numbered = enumerate(self._lines(), 1)
        return [(f"{self.shown}:{number}", "") for n, (number, _) in numbered if n in wanted]

    def _bad_lines(self) -> Iterator[Problem]:
        for number, line in self._lines():
            where = f"{self.shown}:{number}"
            try:
                if not isinstance(json.loads(line.decode()), dict):
                    yield Problem(Code.LANDING_ROW, where, "the line is not an object", 'write {"column": value, …}')
            except UnicodeDecodeError:
                yield Problem(Code.LANDING_ENCODING, where, "the line is not UTF-8", "write JSON as UTF-8")
            except (ValueError, RecursionError) as error:
                yield Problem(Code.LANDING_ROW, where, f"the line is not JSON: {error}", "write one object a line")

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with self.path.open("rb") as lines:
            yield from ((number, line) for number, line in enumerate(lines, 1) if line.strip())


class NdjsonFile(FileSource):
    """A file of JSON lines."""

    format: Literal["ndjson"] = Field(description="JSON lines in UTF-8, one object a line", examples=["ndjson"])

    def open(self, con: duckdb.DuckDBPyConnection, path: Path, shown: str, scratch: Path) -> LandedNdjson:
        """Open the file; its columns are all keys of all lines, each read as text."""
        file = literal(glob.escape(str(plain_utf8(path, shown, scratch))))
        try:
            keys = con.execute(
                f"SELECT DISTINCT unnest(json_keys(json)) AS k FROM read_ndjson_objects({file}) ORDER BY k"
            )
            columns = [LandedColumn(key, quoted(key), "VARCHAR") for (key,) in keys.fetchall()]
        except duckdb.Error as error:
            faults = LandedNdjson(con, shown, "", [], path).damage() or [broken(shown, str(error))]
            raise ProblemError(*faults) from error
        types = ", ".join(f"{literal(column.name)}: 'VARCHAR'" for column in columns)
        relation = f"read_ndjson({file}, columns = {{{types}}}, hive_partitioning = false)"
        return LandedNdjson(con, shown, relation, columns, path)
