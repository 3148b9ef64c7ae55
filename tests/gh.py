"""A stand-in for ``gh`` that keeps its repository in the JSON file that ``GH_STATE`` names.

It knows the few calls of the workflows, each with exactly its options, and ends with an error at any other.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

STATE = Path(os.environ["GH_STATE"])
LIST = ["repo", "head", "base", "state", "limit", "json", "jq"]


def main(words: list[str]) -> None:
    state: dict[str, Any] = json.loads(STATE.read_text(encoding="utf-8"))
    assert os.environ["GH_TOKEN"], "not logged in"
    match words:
        case ["auth", "setup-git"]:
            pass
        case ["pr", "list", *rest]:
            given = options(rest, LIST)
            assert given["state"] == "all"
            pulls = [one for one in state["pulls"] if (one["head"], one["base"]) == (given["head"], given["base"])]
            print(filtered([{key: one[key] for key in given["json"].split(",")} for one in pulls], given["jq"]), end="")
        case ["pr", "create", *rest]:
            given = options(rest, ["repo", "head", "base", "title", "body-file"])
            one = {"number": len(state["pulls"]) + 1, "state": "OPEN", "isCrossRepository": False}
            body = Path(given["body-file"]).read_text(encoding="utf-8")
            state["pulls"].append(one | {key: given[key] for key in ("head", "base", "title")} | {"body": body})
        case ["api", "--paginate", path, "--jq", jq] if path.endswith("/comments"):
            print(filtered(state["comments"], jq), end="")
        case ["api", "--silent", "--method", method, path, *fields]:
            call(state, method, path, dict(value(*pair) for pair in zip(fields[::2], fields[1::2], strict=True)))
        case _:
            raise SystemExit(f"no call of gh that is known here: {words}")
    STATE.write_text(json.dumps(state), encoding="utf-8")


def call(state: dict[str, Any], method: str, path: str, fields: dict[str, str]) -> None:
    """Do what GitHub's API does."""
    match method, path.split("/")[3:]:
        case "POST", ["issues", _, "comments"]:
            one = {"id": len(state["comments"]) + 1, "user": {"type": "Bot"}}
            state["comments"].append(one | fields)
        case "PATCH", ["issues", "comments", number]:
            next(one for one in state["comments"] if one["id"] == int(number)).update(fields)
        case "PATCH", ["pulls", number]:
            next(one for one in state["pulls"] if one["number"] == int(number)).update(fields)
        case _:
            raise SystemExit(f"no path of the API that is known here: {method} {path}")


def value(option: str, said: str) -> tuple[str, str]:
    name, _, text = said.partition("=")
    if option == "--raw-field":
        return name, text
    assert option == "--field"
    assert text.startswith("@"), "a typed field, which gh would read as a number or a word of JSON"
    return name, Path(text[1:]).read_text(encoding="utf-8")


def options(words: list[str], known: list[str]) -> dict[str, str]:
    given = {re.sub("^--", "", name): said for name, said in zip(words[::2], words[1::2], strict=True)}
    assert given.keys() == set(known), given
    return given


def filtered(found: list[dict[str, Any]], jq: str) -> str:
    """Return what gh, which has a jq of its own, prints of a list."""
    command = ["jq", "--raw-output", jq]
    return subprocess.run(command, input=json.dumps(found), capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main(sys.argv[1:])
