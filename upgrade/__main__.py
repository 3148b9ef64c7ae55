"""``python -m upgrade <command> <project>``: what `poe update` and its like in a stamped project call."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from building_block.messages import Code, Problem, ProblemError
from rich.console import Console
from rich.markdown import Markdown

from upgrade.aside import Home
from upgrade.fetch import Files
from upgrade.git import PLAIN, Git
from upgrade.landing import alone, unfinished
from upgrade.migrate import migrate as migrations_of
from upgrade.propose import patch
from upgrade.template import Template
from upgrade.update import Prepared, land
from upgrade.update import update as prepare

HERE = Path(__file__).parents[1]
_console = Console(highlight=False, soft_wrap=True)

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
    with _work(project, to, writes=not dry_run) as (home, template, _):
        before = home.head().answers["_commit"]
        if before == template.ref and not source:
            _console.print(f"The project has {template.ref} already; `poe doctor` says whether it is whole.")
            return
        _console.print(f"[bold]{before} → {template.ref}[/]")
        for section in template.news(before):
            _console.print(Markdown(section))
        with home.aside() as aside:
            done = prepare(template, aside, source)
            if dry_run:
                _print(aside.git.bytes("diff", *PLAIN, home.head().commit, "HEAD"))
            _tell(done)
            _raise_failures(done, _how(home, "migrate"))
            if not dry_run:
                land(home, aside)
                _console.print(f"[green]✓[/] {done.after}, committed. Next: `uv sync` (`pixi install`), `poe build`.")


@app.command()
def migrate(
    project: Where = Path(),
    to: To = "",
    apply: Annotated[bool, typer.Option("--apply", help="Commit it, too.")] = False,
) -> None:
    """Show what a release asks of the project's own files; on request do it, in a commit of its own."""
    with _work(project, to, writes=apply) as (home, template, _), home.aside() as aside:
        done = migrations_of(template, aside)
        if not done.what:
            _console.print(f"{template.ref} asks nothing of the project's own files.")
            return
        _print(aside.git.bytes("show", "--format=", *PLAIN, "HEAD"))
        for sentence in [*done.what, *done.left]:
            _console.print(sentence, markup=False)
        if apply:
            land(home, aside)
            _console.print("[green]✓[/] committed. Next: `" + _how(home, "update") + "`")
        else:
            _console.print(f"Nothing was written; `{_how(home, 'migrate')} --apply` commits it.")


@app.command()
def restore(project: Where, paths: Annotated[list[str], typer.Argument(help="Files of the platform.")]) -> None:
    """Take back files of the platform as they came with the project's release."""
    with _work(project, "", writes=False) as (home, template, scratch):
        for path in Files.of(template, home, scratch).restore(paths):
            _console.print(f"[green]✓[/] {path} is the platform's again")


@app.command()
def add(
    project: Where, seeds: Annotated[list[str] | None, typer.Argument(help="Seeds or folders of such.")] = None
) -> None:
    """List the seeds that the project does not have, or write those that are named."""
    with _work(project, "", writes=False) as (home, template, scratch):
        files = Files.of(template, home, scratch)
        for path in files.add(seeds) if seeds else files.seeds():
            _console.print(f"added {path}" if seeds else path, markup=False)


@app.command()
def propose(
    project: Where, paths: Annotated[list[str] | None, typer.Argument(help="Files of the platform.")] = None
) -> None:
    """Print what the project changed in files of the platform as a patch of the template."""
    with _work(project, "", writes=False) as (home, template, scratch):
        print(patch(Files.of(template, home, scratch), scratch, paths or ()), end="")


@app.command()
def adopt(
    project: Where,
    data_file: Annotated[Path | None, typer.Option(help="A YAML file of answers.", dir_okay=False, exists=True)] = None,
    data: Annotated[list[str] | None, typer.Option(help="An answer, such as domain_name=Sales.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Commit the platform's files, if nothing collides.")] = False,
    to: To = "",
) -> None:
    """List what an existing dbt project has to make way for, or give it the platform's files."""
    from upgrade.adopt.command import Adoption, given, origin, tell  # needs more than a unit's environment must have

    with _work(project, to, writes=apply) as (home, template, _), home.aside() as aside:
        home.must_be_clean()
        adoption = Adoption.of(template, home, aside, given(data_file, data or ()))
        plan = adoption.plan
        if not apply or plan.stops:
            tell(plan)
            raise SystemExit(1 if apply else 0)
        left = adoption.stage(origin(HERE))
        land(home, aside)
        for message in [*plan.notes, *left]:
            print(message)
        next_ = "put right the last messages" if left else "`uv sync` (`pixi install`), `poe build`"
        _console.print(f"[green]✓[/] adopted, committed. Next: {next_}")


@contextmanager
def _work(project: Path, to: str, *, writes: bool) -> Iterator[tuple[Home, Template, Path]]:
    """Yield where the project lies, the template in a clone of its own, and a scratch folder.

    Who writes is alone, ends what was broken off, and finds all committed.
    """
    home = Home.of(project)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="building-block-")))
        if writes:
            stack.enter_context(alone(home))
            if unfinished(home):
                _console.print("An update that was broken off has been ended.")
            home.must_be_clean()
        Git(HERE)("clone", "--quiet", "--no-checkout", str(HERE), str(scratch / "template"))  # its tags may be set
        yield home, Template.of(scratch / "template", to), scratch


def _tell(done: Prepared) -> None:
    for path in done.restored:
        _console.print(f"restored {path}, in a commit of its own")
    for path in done.kept:
        _console.print(f"kept {path} as you have it: excepted in settings/exceptions.yaml")
    for notice in done.notices:
        _console.print(notice, markup=False)


def _how(home: Home, command: str) -> str:
    """Return how a command is called in a project: the first release had no task for it."""
    has_tasks = (home.root / "platform" / "building_block" / "upgrade.py").is_file()
    return f"poe {command}" if has_tasks else f"python -m upgrade {command} <project>"


def _print(diff: bytes) -> None:
    """Print a difference as it is, whatever encoding its files have."""
    sys.stdout.flush()
    sys.stdout.buffer.write(diff)
    sys.stdout.flush()


def _raise_failures(done: Prepared, migrate: str) -> None:
    if done.failures:
        print(*done.failures, sep="\n", file=sys.stderr)
        what = f"`poe check` would say the above, which it does not say with {done.before}; nothing was changed"
        write = f"write `{migrate}`, which shows what the release asks of your own files and does it on request"
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
