"""``python -m upgrade <command> <project>``: what `poe update` and its like in a stamped project call."""

import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from building_block.messages import Code, Problem, ProblemError
from rich.console import Console
from rich.markdown import Markdown

from upgrade.aside import Home
from upgrade.git import Git
from upgrade.landing import alone, unfinished
from upgrade.template import Template
from upgrade.update import Prepared, land
from upgrade.update import update as prepare

HERE = Path(__file__).parents[1]

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
Where = Annotated[Path, typer.Argument(help="The project's folder.", file_okay=False, exists=True)]
To = Annotated[str, typer.Option(help="A release, such as v1.2.0, instead of the newest.")]


@app.callback()
def _commands() -> None:
    """Bring stamped projects to this release of the template."""


@app.command()
def update(
    project: Where = Path(),
    to: To = "",
    source: Annotated[str, typer.Option("--from", help="The template's new URL, where it has moved.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the diff and touch nothing.")] = False,
) -> None:
    """Bring a project to a release; its own files stay as they are, and if anything fails, all does."""
    console = Console(highlight=False, soft_wrap=True)
    home = Home.of(project)
    with alone(home) if not dry_run else nothing(), TemporaryDirectory(prefix="building-block-") as scratch:
        if not dry_run:
            if unfinished(home):
                console.print("An update that was broken off has been ended.")
            home.must_be_clean()
        template = _template(Path(scratch) / "template", to)
        start = home.head()
        if start.answers["_commit"] == template.ref and not source:
            console.print(f"The project has {template.ref} already; `poe doctor` says whether it is whole.")
            return
        console.print(f"[bold]{start.answers['_commit']} → {template.ref}[/]")
        for section in template.news(start.answers["_commit"]):
            console.print(Markdown(section))
        with home.aside() as aside:
            done = prepare(template, aside, source)
            if dry_run:
                print(aside.git("diff", start.commit, "HEAD"))
            _tell(done, console)
            _raise_failures(done)
            if not dry_run:
                land(home, aside)
                console.print(
                    f"[green]✓[/] {done.after}, committed. Next: `uv sync` (or `pixi install`), then `poe build`."
                )


@contextmanager
def nothing():
    """Do nothing."""
    yield


def _template(folder: Path, to: str) -> Template:
    """Return the template in a clone of its own, whose tags may be set right."""
    Git(HERE)("clone", "--quiet", "--no-checkout", str(HERE), str(folder))
    return Template.of(folder, to)


def _tell(done: Prepared, console: Console) -> None:
    for path in done.restored:
        console.print(f"restored {path}, in a commit of its own")
    for path in done.kept:
        console.print(f"kept {path} as you have it: excepted in settings/exceptions.yaml")
    for notice in done.notices:
        console.print(notice, markup=False)


def _raise_failures(done: Prepared) -> None:
    if done.failures:
        print(*done.failures, sep="\n", file=sys.stderr)
        what = f"`poe check` would say the above, which it does not say with {done.before}; nothing was changed"
        write = "write `poe migrate`, which shows what the release asks of your own files and does it on request"
        raise ProblemError(Problem(Code.UPGRADE_FAILURES, done.after, what, write))


def main() -> None:
    """Run a command; what a person can put right ends in its messages and exit code 1."""
    try:
        app()
    except ProblemError as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
