"""Takes the README's picture of the graph: a fresh project, stamped, built on its sample and started.

``python -m tools.graph``, whenever the graph of a fresh project has changed.
"""

import subprocess
import tempfile
from pathlib import Path

import copier
import yaml
from playwright.sync_api import Page

from tools.browser import chromium, environment, started
from tools.ownership import ROOT

PICTURE = ROOT / "docs" / "images" / "graph.png"
MARGIN = 12  # the tools of the view begin 15 to the right of the graph


def open_graph(page: Page, address: str) -> None:
    """Show the whole graph, every layer opened."""
    page.goto(f"{address}/asset-groups")
    page.locator("foreignObject").get_by_text("reporting").wait_for()
    page.keyboard.press("Alt+e")
    page.locator("foreignObject").get_by_text("order_report").wait_for()
    # Opening moves the view; a reload fits it to the window.
    page.reload()
    page.locator("foreignObject").get_by_text("order_report").wait_for()


def _take(folder: Path) -> None:
    answers = yaml.safe_load((ROOT / "tests" / "answers" / "minimal.yml").read_text(encoding="utf-8"))
    copier.run_copy(str(ROOT), folder, data=answers, defaults=True, vcs_ref="HEAD", quiet=True)
    subprocess.run(["poe", "--quiet", "build"], cwd=folder, env=environment(folder), check=True)  # noqa: S607
    with started(folder) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 2300, "height": 900})
        page.set_default_timeout(60_000)
        open_graph(page, address)
        page.wait_for_load_state("networkidle")
        boxes = [node.bounding_box() for node in page.locator("foreignObject").all()]
        left, top = (min(box[side] for box in boxes) - MARGIN for side in ("x", "y"))
        right = max(box["x"] + box["width"] for box in boxes) + MARGIN
        bottom = max(box["y"] + box["height"] for box in boxes) + MARGIN
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURE, clip={"x": left, "y": top, "width": right - left, "height": bottom - top})


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        _take(Path(folder) / "sales")
