# platform-owned: changed by `copier update` only; see platform/README.md
"""Files that only a library reads: Parquet and Excel.

Of Parquet stored types are kept where they are the declared ones, else cast if nothing is lost. Of Excel the first row
that is not blank has the names; blank rows are skipped; numbers have Excel's own 15 digits.
"""

import glob
import posixpath
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import duckdb
import fastexcel
import pyarrow as pa
from pydantic import Field

from building_block.ingest.landed_file import Landed, LandedColumn, first_few
from building_block.ingest.source import FileSource, broken, empty
from building_block.messages import Code, Problem, ProblemError
from building_block.sql import literal, quoted

# Parquet --------------------------------------------------------------------------------------------------------------


class LandedParquet(Landed):
    """One Parquet file."""

    def damage(self) -> list[Problem]:
        """Return nothing: DuckDB's message says it all."""
        return []

    def places(self, rows: list[int]) -> list[tuple[str, str]]:
        """Return the row's number, from 1."""
        return [(self.shown, f"row {row}") for row in rows]


class ParquetFile(FileSource):
    """A Parquet file."""

    format: Literal["parquet"] = Field(description="a Parquet file; its types are kept", examples=["parquet"])

    def open(self, con: duckdb.DuckDBPyConnection, path: Path, shown: str, scratch: Path) -> LandedParquet:
        """Open the file and read its schema."""
        relation = f"read_parquet({literal(glob.escape(str(path)))}, hive_partitioning = false)"
        try:
            schema = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        except duckdb.Error as error:
            raise ProblemError(broken(shown, f"not a Parquet file: {error}")) from error
        columns = [LandedColumn(name, quoted(name), kind) for name, kind, *_ in schema]
        return LandedParquet(con, shown, relation, columns)


# Excel ----------------------------------------------------------------------------------------------------------------

_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


@dataclass(frozen=True)
class LandedXlsx(Landed):
    """One sheet, as text, registered on the connection."""

    row_number = "n"

    def damage(self) -> list[Problem]:
        """Return nothing: the sheet is in memory."""
        return []

    def places(self, rows: list[int]) -> list[tuple[str, str]]:
        """Return the row's number as Excel shows it."""
        return [(self.shown, f"row {row}") for row in rows]


class XlsxFile(FileSource):
    """One sheet of an Excel file."""

    format: Literal["xlsx"] = Field(description="one sheet of an Excel file", examples=["xlsx"])
    sheet: str | None = Field(
        None, min_length=1, description="name of the sheet; default: the first", examples=["Stores"]
    )

    def open(self, con: duckdb.DuckDBPyConnection, path: Path, shown: str, scratch: Path) -> LandedXlsx:
        """Load the sheet; cells are text at first, as in CSV."""
        try:
            book = fastexcel.read_excel(path)
            sheet = self.sheet or book.sheet_names[0]
            if sheet not in book.sheet_names:
                write = f"write `sheet: {book.sheet_names[0]}` or another of {book.sheet_names}"
                raise ProblemError(Problem(Code.LANDING_FILE_BROKEN, shown, f"there is no sheet `{sheet}`", write))
            loaded = book.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string")
            cells = pa.table(loaded.to_arrow())
            ProblemError.raise_any(first_few(_error_cells(path, sheet, shown), shown))
        except ProblemError:
            raise
        except Exception as error:  # a damaged archive makes fastexcel, zipfile and zlib raise nearly anything
            raise ProblemError(broken(shown, f"not an Excel file: {error}")) from error
        numbered = cells.rename_columns([f"c{i}" for i in range(cells.num_columns)])
        numbered = numbered.append_column("n", pa.array(range(1, cells.num_rows + 1), pa.int64()))
        con.register("sheet", numbered)
        filled = " OR ".join(f"c{i} IS NOT NULL" for i in range(cells.num_columns)) or "false"
        first = con.execute(f"SELECT * FROM sheet WHERE {filled} ORDER BY n LIMIT 1").fetchone()
        if first is None:
            raise ProblemError(empty(shown))
        columns = [LandedColumn(name or "", f"c{i}", "VARCHAR") for i, name in enumerate(first[:-1])]
        return LandedXlsx(con, shown, f"(FROM sheet WHERE n > {first[-1]} AND ({filled}))", columns)


def _error_cells(path: Path, sheet: str, shown: str) -> list[Problem]:
    """Return a problem for each #N/A, #DIV/0! and the like, which fastexcel reads as an empty cell."""
    # A bomb of entities does no harm: expat, which every supported Python brings, stops their amplification.
    with zipfile.ZipFile(path) as book:
        sheets = ElementTree.fromstring(book.read("xl/workbook.xml")).iterfind(".//{*}sheet")  # noqa: S314
        wanted = next(found.get(_RELATION) for found in sheets if found.get("name") == sheet)
        links = ElementTree.fromstring(book.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
        target = next(link.get("Target", "") for link in links if link.get("Id") == wanted)
        xml = book.read(posixpath.join("/xl", target).lstrip("/"))
    what, write = "the cell holds an Excel error, not a value", "correct the formula, or empty the cell"
    cells = (found[1].decode() for found in re.finditer(rb'<c (?=[^>]*\bt="e")[^>]*\br="([A-Z]+\d+)"', xml))
    return [Problem(Code.LANDING_ROW, shown, what, write, f"cell {cell}") for cell in cells]
