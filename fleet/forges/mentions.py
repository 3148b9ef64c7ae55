"""What GitHub makes of `@name` and `#12` in a text: a notification, a link to an issue. The fleet wants neither."""

import re

_BREAK = "\N{ZERO WIDTH SPACE}"
"""Dependabot and Renovate separate by it, too: it is not seen, and survives Markdown, in code and in titles as well."""
_AT = r"(?:@|&commat;|&#0*64;|&#[xX]0*40;)"
# The address of a page may hold both, and has to stay one; what is not a domain with a dot is no address to GitHub.
_FOUND = re.compile(
    r"(?P<address>\bhttps?://(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+(?::\d+)?(?:/[^\s<>()\[\]\"'`]*)?)"
    rf"|(?P<mention>(?<![A-Za-z0-9]){_AT})(?=[A-Za-z0-9&])"
    r"|(?P<issue>(?<!&)#(?=\d)|\b[Gg][Hh]-(?=\d))"
)
_SILENT = re.compile(rf"(?<=[@#-]){_BREAK}")


def silenced(text: str) -> str:
    """Return text in which nobody is mentioned and no issue is linked; what a reader sees is the same."""
    return _FOUND.sub(_silent, text)


def as_written(text: str) -> str:
    """Return what ``silenced`` was given, whatever line ends a forge has made of it."""
    return _SILENT.sub("", text).replace("\r\n", "\n")


def _silent(found: re.Match) -> str:
    match found.lastgroup:
        case "address":
            return found[0].replace("@", "%40")
        case "mention":
            return "@" + _BREAK
    return found[0] + _BREAK
