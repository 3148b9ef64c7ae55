# platform-owned: changed by `copier update` only; see platform/README.md
"""``poe update`` and its like: fetch the template, and call the updater of the newest release, which is not stamped.

So a mistake in an updater is put right for every project, whatever release it has.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
import yaml

from building_block.messages import Code, Problem, ProblemError, one_line
from building_block.project import Project

ANSWERS = ".copier-answers.yml"
_RELEASE = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_HOSTS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}

commands = typer.Typer()
To = Annotated[str, typer.Option(help="A release, such as v1.2.0, instead of the newest.")]
From = Annotated[str, typer.Option("--from", help="The template's new URL, where it has moved.")]
Paths = Annotated[list[str], typer.Argument(help="Files of the platform, as `git status` writes them.")]


@commands.command()
def update(
    to: To = "",
    source: From = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the diff and touch nothing.")] = False,
) -> None:
    """Bring the project to a release; your own files stay as they are, and if anything fails, all does."""
    given = [f"--to={to}"] * bool(to) + [f"--from={source}"] * bool(source) + ["--dry-run"] * dry_run
    _call("update", given, to=to, source=source)


@commands.command()
def migrate(to: To = "", apply: Annotated[bool, typer.Option("--apply", help="Commit it, too.")] = False) -> None:
    """Show what a release asks of your own files; on request do it, in a commit of its own."""
    _call("migrate", [f"--to={to}"] * bool(to) + ["--apply"] * apply, to=to)


@commands.command()
def restore(paths: Paths) -> None:
    """Take back files of the platform as they came."""
    _call("restore", paths)


@commands.command()
def add(seeds: Annotated[list[str] | None, typer.Argument(help="Seeds, or folders of such.")] = None) -> None:
    """List the seeds of your release that the project does not have, or write those that are named."""
    _call("add", seeds or [])


@commands.command()
def propose(paths: Annotated[list[str] | None, typer.Argument(help="Files of the platform.")] = None) -> None:
    """Print what you changed in files of the platform as a patch of the template, to bring it back."""
    _call("propose", paths or [])


def clone_url(source: str) -> str:
    """Return what git clones from, of what copier recorded: it may be short, as `gh:acme/building-block`."""
    for short, host in _HOSTS.items():
        if source.startswith(short):
            return f"{host}{source.removeprefix(short).strip('/').removesuffix('.git')}.git"
    return source.removeprefix("git+")


def _call(command: str, arguments: list[str], *, to: str = "", source: str = "") -> None:
    project = Project.here()
    with TemporaryDirectory(prefix="building-block-") as scratch:
        template = Path(scratch) / "template"
        _fetch(source or _source(project), template, to)
        path = os.pathsep.join(map(str, (template, template / "template" / "platform")))
        done = subprocess.run(
            [sys.executable, "-P", "-m", "upgrade", command, str(project.root), *arguments],
            env=os.environ | {"PYTHONPATH": path},
            check=False,
        )
    raise SystemExit(done.returncode)


def _source(project: Project) -> str:
    file = project.root / ANSWERS
    try:
        return str(yaml.safe_load(file.read_text(encoding="utf-8"))["_src_path"])
    except (OSError, yaml.YAMLError, TypeError, KeyError):
        what, write = "does not say where the template is: `_src_path`", f"take it back: `git log -- {ANSWERS}`"
        raise ProblemError(Problem(Code.UPGRADE_ANSWERS, ANSWERS, what, write)) from None


def _fetch(source: str, folder: Path, to: str) -> None:
    """Clone the template at a version, or at its newest release; raise ProblemError when that cannot be."""
    cloned = _git("clone", "--quiet", "--", clone_url(source), str(folder))
    if cloned.returncode:
        what = f"the template cannot be fetched: {one_line(cloned.stderr)}"
        write = "look whether you can reach and read it; where it has moved, write `poe update --from <its new URL>`"
        raise ProblemError(Problem(Code.UPGRADE_GIT, source, what, write))
    releases = [tag for tag in _git("-C", str(folder), "tag", "--list").stdout.split() if _RELEASE.fullmatch(tag)]
    newest = max(releases, key=lambda tag: tuple(map(int, _RELEASE.fullmatch(tag).groups())), default="")
    known = ", ".join(releases[-3:]) or "none"
    version = to or newest
    if not version or _git("-C", str(folder), "checkout", "--quiet", "--detach", version).returncode:
        what, write = f"the template has no version `{version}`", f"write one of its releases: {known}"
        raise ProblemError(Problem(Code.UPGRADE_VERSION, source, what, write))
    if not (folder / "upgrade").is_dir():
        what, write = f"{version} came before `poe update`", "write `uvx copier update`, or a later release"
        raise ProblemError(Problem(Code.UPGRADE_VERSION, source, what, write))


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    # A hook or an alias of git names its repository so; here another one is meant.
    named = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
    environment = {key: value for key, value in os.environ.items() if key not in named} | {"LC_ALL": "C"}
    try:
        return subprocess.run(["git", *arguments], env=environment, capture_output=True, text=True, check=False)  # noqa: S607
    except FileNotFoundError:
        raise ProblemError(Problem(Code.UPGRADE_GIT, "git", "git is not installed", "install git")) from None
