# platform-owned: changed by `copier update` only; see platform/README.md
"""Text files as plain UTF-8, the only form in which DuckDB can be trusted to read all of them.

DuckDB 1.5 takes half of a cut-off .gz without a word, reads no row of big-endian UTF-16, and refuses characters
outside of the Basic Multilingual Plane. The standard library does these right, at about the speed of a disk.
"""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

from building_block.ingest.kinds.file import broken, empty
from building_block.messages import Code, Problem, ProblemError

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
