"""The docs build strictly, hold together and load nothing from elsewhere; so do the pages that are read on a forge."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.ownership import ROOT, TEMPLATE

DOCS = ROOT / "docs"
PAGES = {file.relative_to(DOCS).as_posix() for file in DOCS.rglob("*.md")}
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
READ_ON_A_FORGE = ["README.md", *sorted(f"docs/{page}" for page in PAGES)]
READ_IN_A_PROJECT = ["README.md", "AGENTS.md", "settings/README.md", "platform/README.md"]


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the docs of a folder as `make docs` does."""
    command = [Path(sys.executable).with_name("zensical"), "build", "--strict"]
    environment = os.environ | {"NO_COLOR": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copied(tmp_path) -> Path:
    """The docs alone, to change at will."""
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy2(ROOT / "zensical.toml", tmp_path)
    return tmp_path


def in_navigation(entry: object) -> Iterator[str]:
    match entry:
        case str():
            yield entry
        case list():
            for one in entry:
                yield from in_navigation(one)
        case dict():
            for one in entry.values():
                yield from in_navigation(one)


def missing_links(file: Path) -> set[str]:
    """Return the relative links of a page that lead nowhere."""
    text = re.sub(r"`[^`\n]*`", "", file.read_text(encoding="utf-8"))  # a pattern in code may look like a link
    links = {link for link in LINK.findall(text) if "://" not in link}
    return {link for link in links if not (file.parent / link).exists()}


def test_the_docs_build_and_every_page_is_made_and_loads_nothing_from_another_host(copied):
    result = build(copied)
    assert result.returncode == 0, result.stdout + result.stderr
    site = copied / "build" / "site"
    assert {page.replace(".md", ".html") for page in PAGES} <= {
        file.relative_to(site).as_posix() for file in site.rglob("*.html")
    }
    for file in [*site.rglob("*.html"), *site.rglob("*.css")]:
        loaded = re.findall(
            r"<(?:script|img|link)[^>]*(?:src|href)=\"?(?:https?:)?//[^\">]+|url\((?:https?:)?//[^)]+", file.read_text()
        )
        assert not loaded, f"{file}: {loaded}"


@pytest.mark.parametrize(
    ("link", "complaint"),
    [("[there](nowhere.md)", "page does not exist"), ("[there](reference/messages.md#bb999)", "anchor does not exist")],
)
def test_a_broken_link_stops_the_build(copied, link, complaint):
    page = copied / "docs" / "index.md"
    page.write_text(f"{page.read_text(encoding='utf-8')}\n{link}\n", encoding="utf-8")
    result = build(copied)
    assert result.returncode != 0
    assert complaint in result.stdout + result.stderr


def test_the_navigation_has_every_page_and_no_other():
    navigation = set(
        in_navigation(tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"])
    )
    # Decisions are reached by their list, which is written from the folder.
    listed = {page for page in PAGES if re.match(r"decisions/\d", page)}
    assert navigation == PAGES - listed


@pytest.mark.parametrize("page", READ_ON_A_FORGE)
def test_links_of_the_repositorys_pages_lead_somewhere(page):
    assert missing_links(ROOT / page) == set()


@pytest.mark.parametrize("page", READ_IN_A_PROJECT)
def test_links_of_a_stamped_projects_pages_lead_somewhere(rendered, page):
    assert missing_links(rendered("minimal").root / page) == set()


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "[a](nowhere.md#there) [b](page.md) ![c](images/no.png) [d](https://example.org/x)", encoding="utf-8"
    )
    assert missing_links(page) == {"nowhere.md", "images/no.png"}


def test_an_assistant_is_told_what_it_must_know_in_five_lines(rendered):
    root = rendered("minimal").root
    short = (root / "platform" / "README.md").read_text().partition("## In short\n")[2].partition("\n## ")[0]
    lines = (root / "AGENTS.md").read_text().splitlines() + short.splitlines()
    assert len([line for line in lines if line]) == 5


def test_renovate_is_told_to_use_the_copiers_that_the_platform_asks_for():
    page = (DOCS / "how-to" / "pull-updates.md").read_text(encoding="utf-8")
    renovate = json.loads(page.partition('```json title="renovate.json"\n')[2].partition("```")[0])
    platform = tomllib.loads((TEMPLATE / "platform" / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [line for line in platform["project"]["optional-dependencies"]["dev"] if line.startswith("copier")]
    assert [f"copier{renovate['constraints']['copier']}"] == asked
