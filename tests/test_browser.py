"""What a person sees: the graph of a started project, and the report on a screen and on a phone."""

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import StampedProject
from tools.browser import chromium, started
from tools.graph import open_graph

pytestmark = pytest.mark.slow
expect.set_options(timeout=60_000)  # of a busy machine; what is there is seen at once

LAYERS = {"raw", "staging", "intermediate", "marts", "published", "ml", "reporting"}
WIDTHS = {"wide": 1200, "narrow": 360}

# Each text of the visible charts: what it says, its box on the screen, its contrast to the card that it stands on.
TEXTS = """
() => {
  const light = colour => {
    const part = colour.match(/[\\d.]+/g).slice(0, 3).map(Number)
      .map(value => value / 255).map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
  };
  const texts = [...document.querySelectorAll("svg text")].filter(text => text.textContent && text.checkVisibility());
  return texts.map(text => {
    const {x, y, width, height} = text.getBoundingClientRect();
    const card = getComputedStyle(text.closest("section")).backgroundColor;
    const [high, low] = [light(getComputedStyle(text).fill), light(card)].sort((one, other) => other - one);
    return {says: text.textContent, chart: [...document.querySelectorAll("svg")].indexOf(text.closest("svg")),
            x, y, width, height, contrast: (high + 0.05) / (low + 0.05)};
  });
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_a_machine_without_chromium_is_told_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="apt-get install -y chromium"), chromium():
        pass


def test_the_graph_shows_the_layers_a_failed_check_and_the_way_to_the_report(built_once, browser, tmp_path):
    project = StampedProject(shutil.copytree(built_once.root, tmp_path / "sales"))
    day = project.root / "sample" / "retail" / "2010-12-02.csv"
    day.write_text(day.read_text() + ",20112,TEAPOT,1,2010-12-02 09:00:00,1.5,12437.0,EIRE\n")
    result = project.build()
    assert (
        "BB506 dbt/models/staging/stg_retail__invoices.yml: test not_null_stg_retail__invoices_invoice_number"
        in result.stderr
    )
    assert project.build("reporting/order_report").returncode == 0
    page = browser.new_page(viewport={"width": 1900, "height": 800})
    page.set_default_timeout(60_000)
    with started(project.root) as address:
        page.goto(f"{address}/asset-groups")
        for layer in LAYERS:
            expect(page.locator("foreignObject").get_by_text(layer, exact=True)).to_be_visible()
        open_graph(page, address)
        expect(page.locator("foreignObject").get_by_text("predicted_orders")).to_be_visible()
        page.screenshot(path=tmp_path / "graph.png")

        page.goto(f"{address}/assets/sales/staging/stg_retail__invoices?view=checks")
        checks = page.locator("body")
        expect(checks).to_contain_text("Checks (4)")
        expect(checks).to_contain_text(
            re.compile("not_null_stg_retail__invoices_invoice_number.{0,60}Failed", re.DOTALL)
        )
        expect(checks).to_contain_text(re.compile("not_null_stg_retail__invoices_quantity.{0,60}Succeeded", re.DOTALL))
        page.screenshot(path=tmp_path / "checks.png")

        page.goto(f"{address}/assets/sales/reporting/order_report")
        file = project.root / "data" / "reporting" / "order_report.html"
        expect(page.get_by_text(str(file))).to_be_visible()
        expect(page.get_by_role("cell", name="Sum of the daily medians, next 30 days", exact=True)).to_be_visible()
        page.screenshot(path=tmp_path / "asset.png")
    page.close()


@pytest.fixture(params=["light", "dark"])
def scheme(request) -> str:
    return request.param


@pytest.fixture(params=WIDTHS)
def width(request) -> str:
    return request.param


@pytest.fixture
def report(built_once, browser, scheme, width, tmp_path) -> Iterator[Page]:
    """The report of a built project, opened without a network."""
    context = browser.new_context(viewport={"width": WIDTHS[width], "height": 740}, color_scheme=scheme, offline=True)
    page = context.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    file = built_once.root / "data" / "reporting" / "order_report.html"
    page.goto(file.as_uri())
    page.screenshot(path=tmp_path / "report.png", full_page=True)
    yield page
    context.close()
    assert asked == [file.as_uri()]
    assert errors == []


def test_the_charts_of_the_report_are_visible_and_nothing_runs_out_of_the_window(report, width):
    for name in WIDTHS:
        charts = report.locator(f".{name} svg")
        expect(charts).to_have_count(2)
        for chart in charts.all():
            expect(chart).to_be_visible(visible=name == width)
    report.get_by_text("The forecast day by day").click()
    expect(report.get_by_role("row")).to_have_count(31)
    assert report.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]


def test_the_labels_of_the_charts_can_be_read(report, width):
    texts = report.evaluate(TEXTS)
    days = ("Monday", "Saturday") if width == "wide" else ("Mon", "Sat")
    assert {*days, "0"} <= {text["says"] for text in texts}
    for text in texts:
        assert text["height"] >= 12, text
        assert text["contrast"] >= 4.5, text
        assert text["x"] >= 0, text
        assert text["x"] + text["width"] <= WIDTHS[width], text
    for at, one in enumerate(texts):
        for other in texts[at + 1 :]:
            assert not (one["chart"] == other["chart"] and overlap(one, other)), (one["says"], other["says"])


def overlap(one: dict, other: dict) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "width"), ("y", "height"))
    )
