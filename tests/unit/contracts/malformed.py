"""Malformed variants of the good contract: the same ones at every run."""

import copy
import random
from collections.abc import Iterator
from typing import Any

import yaml

from tests.unit.contracts.conftest import GOOD

ODD = (
    None, True, 0, -1, 7, 1.5, 10**400, float("inf"), float("nan"), "", " ", "x", "x" * 3000, "naïve \u202e\u0007☃",
    "line\nbreak", "2010-12-01", "'; DROP TABLE x; --", '"', "{object}", "(", "(a{1000}){1000}", [], {}, [[]], [1, 2],
    [None], ["a", "a"], {"a": {"b": None}}, "null", "-1",
)  # fmt: skip
SIGNS = (
    "\t",
    "\x00",
    "\ufeff",
    "\u2028",
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "#",
    "&a ",
    "*a",
    "!!bool ",
    "|",
    ">",
    "%",
    "'",
)


def of_values(count: int, seed: int = 4) -> Iterator[tuple[str, str]]:
    """Yield what was done to which key, and the contract with it: dropped, renamed, doubled, moved or an odd value."""
    rng = random.Random(seed)  # noqa: S311
    good = yaml.safe_load(GOOD)
    paths = [path for path in _paths(good) if path]
    for _ in range(count):
        data, path = copy.deepcopy(good), rng.choice(paths)
        parent, key = _at(data, path[:-1]), path[-1]
        done = rng.choice(("drop", "rename", "wrap", "hoist", *["odd"] * 6))
        match done:
            case "drop":
                del parent[key]
            case "rename" if isinstance(parent, dict):
                parent[rng.choice((f"{key}x", str(key).upper(), "", "ключ", key[::-1]))] = parent.pop(key)
            case "rename":
                parent.append(copy.deepcopy(parent[key]))
            case "wrap":
                parent[key] = rng.choice(([parent[key]], {"value": parent[key]}))
            case "hoist":
                data[str(key)] = parent[key]
            case "odd":
                parent[key] = copy.deepcopy(rng.choice(ODD))
        yield f"{done} {'.'.join(map(str, path))}", yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


def of_text(count: int, seed: int = 4) -> Iterator[tuple[str, str]]:
    """Yield what was done to which line, and the text with it: cut off, swapped, indented, doubled, a sign put in."""
    rng = random.Random(seed)  # noqa: S311
    for _ in range(count):
        lines = GOOD.splitlines(keepends=True)
        number = rng.randrange(len(lines))
        line = lines[number]
        done = rng.choice(("cut", "drop", "double", "indent", "outdent", "swap", "sign", "chop"))
        match done:
            case "cut":
                lines = [*lines[:number], line[: rng.randrange(len(line))]]
            case "drop":
                del lines[number]
            case "double":
                lines.insert(number, line)
            case "indent":
                lines[number] = " " * rng.randrange(1, 5) + line
            case "outdent":
                lines[number] = line.removeprefix("  ")
            case "swap":
                other = rng.randrange(len(lines))
                lines[number], lines[other] = lines[other], line
            case "sign":
                place = rng.randrange(len(line))
                lines[number] = line[:place] + rng.choice(SIGNS) + line[place:]
            case "chop":
                place = rng.randrange(len(line))
                lines[number] = line[:place] + line[place + 1 :]
        yield f"{done} line {number + 1}", "".join(lines)


def _paths(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield at
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from _paths(inner, (*at, key))


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value
