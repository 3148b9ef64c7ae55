"""Tutorials and how-tos are followed literally: every file is written, every command run, every shown line compared.

A tutorial begins in an empty folder, a how-to in a built project. Of a page's fenced blocks ``sh`` is run by bash, one
with a ``title`` is a file to write, a ``diff`` what to change in one that is there, and ``text`` is what the commands
before it print: ``…`` stands for anything, on a line of its own for any lines; blanks count as one, and the command
that poe repeats before it runs it is left out. A text titled "It is refused" expects the commands to fail.

Two things stand for others: the addresses in ``standing_for``, and `uv`, which runs a command in the shared environment
instead of in one that it makes (tests/test_install.py runs the real one).
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import preloaded
from tests.conftest import StampedProject
from tests.environment import give_environment
from tools.ownership import ROOT

DOCS = ROOT / "docs"
TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))
OF_FIRST_RELEASE = DOCS / "how-to" / "put-published-models-under-contract.md"
"""Begins in a project of version 0.1.0 that was updated: tests/test_update.py follows it."""
OF_RELEASE = DOCS / "how-to" / "cut-a-release.md"
"""Begins in this repository: tests/test_release.py follows it."""
OF_ADOPTION = DOCS / "how-to" / "adopt-an-existing-dbt-project.md"
"""Begins beside a dbt project that is none of the template's: tests/test_adopt.py follows it."""
OF_LAST_RELEASE = [DOCS / "how-to" / f"{name}.md" for name in ("propose-an-improvement", "update-a-project")]
"""Begin in a project of the last release, after which the tree under test is the next."""
OF_ALL_DOMAINS = DOCS / "how-to" / "see-all-domains-in-one-dagster.md"
"""Begins with three projects: tests/fleet/test_workspace.py follows it."""
OF_FLEET = DOCS / "how-to" / "roll-out-a-release.md"
"""Begins in this repository: tests/fleet/test_roll_out.py follows it."""
OTHERS = {OF_ADOPTION, OF_ALL_DOMAINS, OF_FIRST_RELEASE, OF_FLEET, OF_RELEASE, *OF_LAST_RELEASE}
HOW_TOS = sorted({*(DOCS / "how-to").glob("*.md")} - OTHERS)
BLOCK = re.compile(r"^```(?P<kind>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
REFUSED = "It is refused"
REPEATED = "Poe => "
TEMPLATE_ADDRESS = "https://git.example.org/data-platform/building-block.git"
LANDING = "/mnt/landing"


@dataclass(frozen=True)
class Reader:
    """Someone who does what a page says, in a folder."""

    start: Path
    tools: Path
    standing_for: dict[str, str]
    packages: tuple[Path, ...] = ()
    """Where Python looks first; the project's own, if none are named."""

    def follow(self, page: str) -> None:
        """Do all that a page says; raise AssertionError at the first line that is not as the page has it."""
        folder, printed = self.start, None
        for block in BLOCK.finditer(page):
            kind, title, text = block["kind"], block["title"], block["text"]
            if kind == "sh":
                refused = re.match(rf'\s*```text title="{REFUSED}"', page[block.end() :]) is not None
                folder, printed = self._run(text, folder, refused)
            elif kind == "text":
                assert printed is not None, f"no command prints this:\n{text}"
                assert shows(printed, text), f"the page shows\n{text}\nand this was printed:\n{printed}"
                printed = None
            else:
                assert title, f"a file without a name, or a kind of block that is not followed: {kind}"
                file = folder / title
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(changed(file, text) if kind == "diff" else text, encoding="utf-8")

    def _run(self, commands: str, folder: Path, refused: bool) -> tuple[Path, str]:
        for address, other in self.standing_for.items():
            commands = commands.replace(address, other)
        ended_in = self.tools / "folder"
        project = folder if (folder / "platform").is_dir() else folder / "sales"
        if project.is_dir() and not (project / ".venv").is_dir():  # as the first `uv run` in it does
            give_environment(StampedProject(project))
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f'{commands}\npwd > "{ended_in}"'],
            cwd=folder,
            env=os.environ
            | {
                "PATH": os.pathsep.join([str(self.tools), str(preloaded.tools()), os.environ["PATH"]]),
                "PYTHONPATH": os.pathsep.join(map(str, self.packages or (project / "platform", project / "src"))),
                "COLUMNS": "120",
                **{f"GIT_{who}_{what}": "unit" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (result.returncode != 0) is refused, f"{commands}\nended with {result.returncode}:\n{result.stdout}"
        return folder if refused else Path(ended_in.read_text().strip()), result.stdout


def changed(file: Path, diff: str) -> str:
    """Return the text of a file with its one place that a page shows changed."""
    lines = diff.splitlines(keepends=True)
    old, new = ("".join(line[1:] for line in lines if line[0] != sign) for sign in "+-")
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file.name} has this {text.count(old)} times:\n{old}"
    return text.replace(old, new)


def shows(printed: str, shown: str) -> bool:
    """Say whether a page shows what was printed."""
    lines = [" ".join(line.split()) for line in shown.splitlines() if line.strip()]
    pattern = ""
    for line in lines:
        anything = re.escape(line).replace("…", ".*").replace(r"\ .*", ".*").replace(r".*\ ", ".*")
        pattern += r"(?:.*\n)*" if line == "…" else f"{anything}\n"
    seen = (line for line in printed.splitlines() if line.strip() and not line.startswith(REPEATED))
    text = "".join(f"{' '.join(line.split())}\n" for line in seen)
    return re.fullmatch(pattern, text) is not None


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_newcomer_who_does_what_a_tutorial_says_sees_what_it_shows(page, template, tools, tmp_path):
    (tmp_path / "empty").mkdir()
    reader = Reader(tmp_path / "empty", tools, {TEMPLATE_ADDRESS: str(template.root)})
    reader.follow(page.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("page", HOW_TOS, ids=lambda page: page.stem)
def test_who_does_what_a_how_to_says_sees_what_it_shows(page, built_whole, tools, tmp_path):
    landing = shutil.copytree(built_whole.root / "sample" / "retail", tmp_path / "landing")
    Reader(built_whole.root, tools, {LANDING: str(landing)}).follow(page.read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("page", OF_LAST_RELEASE, ids=lambda page: page.stem)
def test_who_updates_as_a_how_to_says_sees_what_it_shows(page, template, tools, tmp_path):
    from tests.stamping import RELEASES, stamp

    project = stamp(template, [*RELEASES][-1], tmp_path / "sales")
    Reader(project.root, tools, {}).follow(page.read_text(encoding="utf-8"))


PAGE = """
```yaml title="greeting.yaml"
hello: worlds
```

```diff title="greeting.yaml"
-hello: worlds
+hello: world
```

```sh
mkdir inner
cat greeting.yaml
cd inner
```

```text
hello: …
```

```sh
uv run cat nowhere
```

```text title="It is refused"
cat: nowhere: No such file or directory
```
"""


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("hello: …", "hello: moon", "the page shows"),
        ("-hello: worlds", "-hello: moon", "greeting.yaml has this 0 times"),
        ("hello: …", "…\nhello: world\nand more", "the page shows"),
        ("mkdir inner", "mkdir inner/deeper", "ended with 1"),
        (' title="It is refused"', "", "ended with 1"),
        ("uv run cat nowhere", "uv run pwd", "ended with 0"),
        ("uv run cat nowhere", "uv sync", "not uv run: sync"),
        (' title="greeting.yaml"', "", "a file without a name"),
    ],
)
def test_a_page_that_is_wrong_is_found(tools, tmp_path, old, new, complaint):
    folder = tmp_path / "folder"
    folder.mkdir()
    Reader(folder, tools, {}).follow(PAGE)
    shutil.rmtree(folder)
    folder.mkdir()
    assert old in PAGE
    with pytest.raises(AssertionError, match=complaint):
        Reader(folder, tools, {}).follow(PAGE.replace(old, new))
