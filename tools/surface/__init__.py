"""The public surface of a release: all that a unit's files, commands and habits can depend on.

It is read from a checkout, and no line of that release is run, so that any two releases can be compared in any clone.
"""

import os
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.surface import code, stack
from tools.surface.entry import Surface
from tools.surface.package import Package
from tools.surface.questions import questions_and_paths
from tools.surface.schemas import schema

WORKING_TREE = ""
"""In the place of a commit: the files as they lie there, those too that git does not know yet."""


def surface(root: Path) -> Surface:
    """Return the surface of the template repository that lies in a folder."""
    template = root / "template"
    platform = template / "platform"
    package = Package(platform / "building_block")
    pyproject = tomllib.loads((platform / "pyproject.toml").read_text(encoding="utf-8"))
    entries = pyproject["project"].get("entry-points", {})
    listed, fixtures = ([*entries.get(group, {}).values()] for group in ("dagster_dg_cli.registry_modules", "pytest11"))
    main = [script.partition(":")[0] for script in pyproject["project"]["scripts"].values()]
    readers = [
        questions_and_paths(root),
        schema(platform / "schemas" / "ingest.json", "ingest"),
        schema(platform / "schemas" / "contract.json", "contract"),
        stack.tasks(template),
        stack.macros(template),
        stack.slots(template),
        stack.lint(template),
        stack.stack(pyproject),
        code.messages(package),
        code.tables(package),
        code.names(package, root, listed, fixtures),
        *(code.commands(package, module) for module in main),
        code.dagster(package),
    ]
    return {name: entry for reader in readers for name, entry in reader}


@contextmanager
def checkout(repository: Path, commit: str) -> Iterator[Path]:
    """Give a folder with the files of a commit, or of the working tree, of a clone of the template repository."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if commit == WORKING_TREE:
            listed = _git(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard").decode()
            for path in filter(None, listed.split("\0")):
                if (repository / path).is_file():
                    (root / path).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(repository / path, root / path)
        else:
            index = {"GIT_INDEX_FILE": str(root / ".index")}
            _git(repository, "read-tree", commit, **index)
            _git(repository, "checkout-index", "--all", f"--prefix={root}/", **index)
            (root / ".index").unlink()
        yield root


def _git(repository: Path, *arguments: str, **environment: str) -> bytes:
    command = ["git", *arguments]
    given = os.environ | environment
    return subprocess.run(command, cwd=repository, env=given, capture_output=True, check=True).stdout
