# platform-owned: changed by `copier update` only; see platform/README.md
"""CSV, plain or gzipped. Columns are found by the names in the header line; an empty field, quoted or not, is NULL."""

import csv
import glob
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb
from pydantic import Field

from building_block.ingest.kinds.file import FileSource
from building_block.ingest.kinds.plain_text import Encoding, decoded, plain_utf8
from building_block.ingest.landed_file import Landed, LandedColumn, first_few
from building_block.messages import Code, Problem, ProblemError
from building_block.sql import literal


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
