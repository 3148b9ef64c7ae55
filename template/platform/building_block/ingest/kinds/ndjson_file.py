# platform-owned: changed by `copier update` only; see platform/README.md
"""Newline-delimited JSON: one object a line. A key that a line lacks is NULL there; null is NULL, "" is empty text.

A JSON number has a double's 15 digits; one that needs more must be landed as text.
"""

import glob
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb
from pydantic import Field

from building_block.ingest.kinds.file import FileSource, broken
from building_block.ingest.kinds.plain_text import plain_utf8
from building_block.ingest.landed_file import Landed, LandedColumn, first_few
from building_block.messages import Code, Problem, ProblemError
from building_block.sql import literal, quoted


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
