"""The reference page of the fleet, written from its commands, the models of its files and its messages."""

import inspect
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from fleet.__main__ import app
from fleet.explanations import EXPLANATIONS
from fleet.log import LOG
from fleet.registry import DOMAINS, RINGS, Checkout, Domain, GithubPlace, LocalPlace, Ring, Server
from tools.reference import FOLDER, message, page, table

INTRODUCTION = """Written from the package `fleet`. It brings a release to every registered domain
([how](../how-to/roll-out-a-release.md)). `fleet <command> --help` tells the options."""
EXIT_CODES = """A command ends with 0 when all is well, with 2 when something is pending, with 3 when something needs a
person, and with 1 when it could not do its work."""
FILES = f"""All lie in one folder, `rollout/` or what `--fleet` or the variable `FLEET` says: `{DOMAINS}` and `{RINGS}`,
which you write and commit, and `{LOG}`, in which the fleet notes what it did, a line of JSON each. The log is a memory
of one machine: all but a pause is asked anew of the repositories and the forge, so it may be lost. Below `.cache/` is
what was seen of each repository at its last commit; delete it when you like. `{LOG}.lock` is held by whoever is at
work: one roll-out of a fleet goes on at a time."""
PASSED = """A ring has passed when so many of its domains are *well*, and were for so long: the checks of what was
proposed have passed, merged or not, or they had the release before it was proposed. Of what was merged with a failure
the checks of the default branch count as well, where it was put right. Who is skipped, pinned, or has declined by
closing the pull request does not count. It has failed when so many cannot be reached any more: checks failed, a
repository cannot be read, or what was merged was taken back. Where so many checks failed or merges were taken back, the
release is proposed to nobody else in the ring; what is proposed there already is brought up to date.

On GitHub the checks of a commit have passed when its check `pass` has, the last job of a project's `platform-ci.yml`,
and every other check and status has ended and none has failed. Until there is a `pass` they are pending: the CI of a
monorepo needs a job of that name of its own."""


def pages() -> dict[Path, str]:
    """Return the text of the page by its file."""
    names = ((one.name or one.callback.__name__, one.callback) for one in app.registered_commands)
    commands = ((f"`fleet {name}`", (inspect.getdoc(does) or "").partition("\n")[0]) for name, does in names)
    codes = ((f"[{code}](#{code.lower()})", explained.what) for code, explained in EXPLANATIONS.items())
    text = page(
        "Fleet",
        INTRODUCTION,
        table(("command", "what"), commands),
        EXIT_CODES,
        "## Files",
        FILES,
        f"### {DOMAINS}",
        "`forge:` says where the repositories are, `domains:` is a list of them.",
        _keys("forge", LocalPlace, GithubPlace),
        _keys("domain", Domain),
        _keys("location", Checkout, Server),
        f"### {RINGS}",
        "`rings:` is a list, in the order in which a release reaches them.",
        _keys("ring", Ring),
        PASSED,
        "## Messages",
        table(("code", "what"), codes),
        *(message(code, explained) for code, explained in EXPLANATIONS.items()),
    )
    return {FOLDER / "fleet.md": text}


def _keys(of: str, *models: type[BaseModel]) -> str:
    """Return a table of the keys of one kind of entry."""
    rows = [
        (
            f"`{name}`",
            field.description or " or ".join(f"`{choice}`" for choice in get_args(field.annotation)),
            "yes" if field.is_required() else _shown(field.default),
            _shown(next(iter(field.examples or ()), None)),
        )
        for model in models
        for name, field in model.model_fields.items()
    ]
    return table((f"key of a {of}", "what", "needed, or default", "for example"), rows)


def _shown(value: Any) -> str:
    return "" if value in (None, "") else f"`{value}`"
