"""The forecast of a fresh project, whether it is worth anything, and the page that says so."""

import csv
import datetime as dt
import importlib
import json
import random
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import StampedProject
from tools import sample

DAY = dt.timedelta(days=1)
START = dt.date(2024, 1, 1)  # a Monday
SATURDAY = 5


def weeks(number: int, week: tuple[int | None, ...]) -> dict[dt.date, int]:
    """A history of equal weeks; None for a weekday without trade."""
    days = (START + passed * DAY for passed in range(7 * number))
    return {day: orders for day in days if (orders := week[day.weekday()]) is not None}


def orders_in(folder: Path) -> dict[dt.date, int]:
    """Orders a day in a folder of invoices, counted without SQL."""
    history = {}
    for file in sorted(folder.glob("*.csv")):
        with file.open(newline="") as rows:
            sold = [row for row in csv.DictReader(rows) if float(row["UnitPrice"]) > 0 and int(row["Quantity"]) > 0]
        history[dt.date.fromisoformat(file.stem)] = len({row["InvoiceNo"] for row in sold})
    return history


@pytest.fixture(scope="session")
def unit(rendered) -> StampedProject:
    """A rendered project whose package can be imported."""
    project = rendered("minimal")
    sys.path.insert(0, str(project.root / "src"))
    return project


@pytest.fixture(scope="session")
def forecast(unit) -> ModuleType:
    return importlib.import_module("sales.forecast")


@pytest.fixture(scope="session")
def order_report(unit) -> ModuleType:
    return importlib.import_module("sales.order_report")


@pytest.fixture(scope="session")
def real_history(real_data) -> dict[dt.date, int]:
    return orders_in(real_data)


# The backtest ---------------------------------------------------------------------------------------------------------


def test_on_the_real_data_the_forecast_beats_the_baseline_that_is_computed_by_hand(forecast, real_history):
    judged = forecast.backtest(real_history)
    errors = []
    for origin in real_history:
        if (origin - min(real_history)).days + 1 < 14:
            continue
        for ahead in range(1, 31):
            day = origin + ahead * DAY
            same = origin - (origin.weekday() - day.weekday()) % 7 * DAY
            while same not in real_history and same >= min(real_history):
                same -= 7 * DAY
            if day <= max(real_history) and day.weekday() != SATURDAY:
                errors.append(abs(real_history.get(day, 0) - real_history[same]))
    assert judged.forecasts == len(errors) == 507
    assert judged.baseline_error == pytest.approx(sum(errors) / len(errors))
    assert judged.error < 0.9 * judged.baseline_error
    assert 0.7 < judged.coverage < 0.8  # Christmas, which nobody told it of, lies outside


def test_a_forecast_of_days_that_never_come_costs_error(forecast, monkeypatch):
    history = weeks(8, (20, 21, 22, 23, 24, None, 25)) | {START + 5 * DAY: 12}
    before = forecast.backtest(history)
    assert before.error < 0.5
    monkeypatch.setattr(forecast, "open_weekdays", lambda known: {day.weekday() for day in known})
    after = forecast.backtest(history)
    assert after.error > before.error + 1
    assert after.baseline_error > before.baseline_error + 1


def test_a_closed_day_on_which_nothing_was_sold_flatters_nobody(forecast):
    history = weeks(6, (10, 12, 14, 12, 10, None, 8))
    judged = forecast.backtest(history)
    days = [START + passed * DAY for passed in range(42)]
    open_ahead = [
        day
        for origin in history
        if (origin - START).days >= 13
        for day in days
        if 0 < (day - origin).days <= 30 and day.weekday() != SATURDAY
    ]
    assert judged.forecasts == len(open_ahead)


def test_a_day_inside_the_history_without_figures_counts_as_nothing_sold(forecast):
    whole = weeks(8, (20, 20, 20, 20, 20, None, 20))
    holiday = START + 50 * DAY
    gap = {day: orders for day, orders in whole.items() if day != holiday}
    judged = forecast.backtest(gap)
    missed = sum(0 < (holiday - origin).days <= 30 and (origin - START).days >= 13 for origin in gap)
    assert judged.baseline_error == pytest.approx(20 * missed / judged.forecasts)
    assert judged.error == pytest.approx(judged.baseline_error, rel=0.05)


def test_most_samples_that_the_script_could_have_drawn_are_forecast_better_than_by_the_baseline(forecast, tmp_path):
    won = []
    for seed in range(8):
        sample.write_sample(tmp_path / str(seed), seed)
        won.append(forecast.backtest(orders_in(tmp_path / str(seed))).beats_baseline)
    assert sum(won) >= 6


def test_a_forecast_of_the_past_does_not_look_at_what_came_later(forecast, real_history, monkeypatch):
    def made(history: dict) -> dict:
        seen, predict = {}, forecast.predict

        def recording(known, parameters):
            seen[max(known)] = predict(known, parameters)
            return seen[max(known)]

        with monkeypatch.context() as patch:
            patch.setattr(forecast, "predict", recording)
            forecast.backtest(history)
        return seen

    day = dt.date(2011, 1, 12)
    changed = {known: orders if known <= day else 1000 - orders for known, orders in real_history.items()}
    before, after = made(real_history), made(changed)
    assert {origin for origin in before if before[origin] != after[origin]} == {o for o in before if o > day}
    assert sum(origin <= day for origin in before) > 10


def test_the_baseline_is_the_latest_same_weekday_that_is_known(forecast):
    history = weeks(2, (1, 2, 3, 4, 5, None, 7)) | {START + 14 * DAY: 99}
    monday, saturday = START + 28 * DAY, START + 19 * DAY
    assert forecast.seasonal_naive(history, monday) == 99
    assert forecast.seasonal_naive(history, monday + DAY) == 2
    assert forecast.seasonal_naive(history, saturday) == 0
    assert forecast.seasonal_naive(weeks(3, (1, 2, 3, 4, 5, None, 7)) | {START + 5 * DAY: 50}, saturday) == 0


def test_a_baseline_that_cannot_be_beaten_is_not_beaten(forecast, order_report):
    model = forecast.Model.of(weeks(6, (10, 12, 14, 12, 10, None, 8)))
    assert model.backtest.baseline_error == 0
    assert not model.backtest.beats_baseline
    assert model.verdict.startswith("The forecast does not beat the seasonal-naive baseline")
    page = report_of(order_report, forecast, weeks(6, (10, 12, 14, 12, 10, None, 8))).html()
    assert 'class="verdict doubtful"' in page
    assert "does not beat" in page


@pytest.mark.parametrize(
    ("error", "says", "beats"),
    [
        (9.91, "is about as good as the seasonal-naive baseline (the latest same weekday repeated): from", False),
        (10.1, "is about as good as the seasonal-naive baseline (the latest same weekday repeated): from", False),
        (9.89, "beats the seasonal-naive baseline (the latest same weekday repeated) by 1%: from", True),
        (10.11, "does not beat the seasonal-naive baseline (the latest same weekday repeated): from", False),
    ],
)
def test_the_verdict_makes_nothing_of_less_than_a_per_cent(forecast, error, says, beats):
    judged = forecast.Backtest(origins=20, forecasts=300, error=error, baseline_error=10.0, coverage=0.8)
    assert judged.beats_baseline is beats
    assert forecast.Model({}, judged).verdict.startswith(f"The forecast {says} 20 starting points")
    nothing = forecast.Backtest(origins=20, forecasts=300, error=0.0, baseline_error=0.0, coverage=1.0)
    assert "is about as good as" in forecast.Model({}, nothing).verdict


# Open weekdays --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("saturdays", "is_open"), [(1, False), (3, False), (4, True), (8, True)])
def test_a_weekday_is_open_that_traded_in_half_of_the_last_eight_weeks(forecast, saturdays, is_open):
    history = weeks(12, (20, 21, 22, 23, 24, None, 25))
    history |= {START + (7 * week + 5) * DAY: 12 for week in range(12 - saturdays, 12)}
    assert (SATURDAY in forecast.open_weekdays(history)) is is_open
    predictions = forecast.predict(history, forecast.fit(history))
    assert {one.upper > 0 for one in predictions if one.day.weekday() == SATURDAY} == {is_open}
    assert all(one.upper > 0 for one in predictions if one.day.weekday() != SATURDAY)


def test_a_weekday_that_was_given_up_closes(forecast):
    history = weeks(12, (20, 21, 22, 23, 24, 12, 25))
    for week in range(11, 6, -1):
        assert SATURDAY in forecast.open_weekdays(history)
        del history[START + (7 * week + 5) * DAY]
    assert SATURDAY not in forecast.open_weekdays(history)


@pytest.mark.parametrize("closed", [1, 5, 10, 20])
def test_weeks_without_any_trade_close_no_weekday(forecast, closed):
    before = weeks(10, (20, 21, 22, 23, 24, None, 25))
    reopening = START + (70 + 7 * closed) * DAY
    assert forecast.open_weekdays(before | {reopening: 20}) == {0, 1, 2, 3, 4, 6}
    assert forecast.open_weekdays(before | {reopening + 5 * DAY: 20}) == {0, 1, 2, 3, 4, 6}


def test_weekdays_before_the_first_day_are_not_held_against_them(forecast):
    history = {day: orders for day, orders in weeks(3, (1, 2, 3, 4, 5, None, 7)).items() if day >= START + 4 * DAY}
    assert forecast.open_weekdays(history) == {0, 1, 2, 3, 4, 6}


# The forecast ---------------------------------------------------------------------------------------------------------


def test_thirty_days_follow_the_history_and_days_without_trade_are_zero(forecast, real_history):
    predictions = forecast.predict(real_history, forecast.fit(real_history))
    assert [one.day for one in predictions] == [dt.date(2011, 1, 31) + ahead * DAY for ahead in range(1, 31)]
    for one in predictions:
        assert 0 <= one.lower <= one.orders <= one.upper
        assert (one.orders == one.upper == 0) == (one.day.weekday() == SATURDAY)


def test_days_without_figures_are_unknown_and_not_zero(forecast):
    whole = weeks(6, (10, 20, 30, 40, 50, None, 70))
    gap = {day: orders for day, orders in whole.items() if not 20 <= (day - START).days <= 30}
    for history in (whole, gap):
        for one in forecast.predict(history, forecast.fit(history)):
            assert one.orders == pytest.approx((10, 20, 30, 40, 50, 0, 70)[one.day.weekday()], rel=0.01)


def test_four_of_five_days_lie_within_the_interval(forecast):
    chance = random.Random(7)  # noqa: S311
    within = []
    for _ in range(60):
        level, made = 40.0, {}
        for passed in range(90):
            day = START + passed * DAY
            level *= chance.lognormvariate(0, 0.02)
            if day.weekday() != SATURDAY:
                made[day] = round(
                    level * (1, 1.2, 1.1, 1.3, 0.9, 0, 0.6)[day.weekday()] * chance.lognormvariate(0, 0.2)
                )
        history = {day: orders for day, orders in made.items() if (day - START).days < 60}
        predictions = forecast.predict(history, forecast.fit(history))
        within += [one.lower <= made[one.day] <= one.upper for one in predictions if one.day in made]
    assert len(within) > 1000
    assert 0.7 < sum(within) / len(within) < 0.9


def test_a_stored_model_is_the_model(forecast, real_history):
    for history in (real_history, weeks(3, (3, 4, 5, 4, 3, None, 2))):
        model = forecast.Model.of(history)
        assert forecast.Model.from_rows(reversed(model.rows())) == model


@pytest.mark.parametrize(
    ("history", "what"),
    [
        ({}, "there are no orders yet"),
        (dict.fromkeys(weeks(8, (1, 1, 1, 1, 1, 1, 1)), 0), "there are no orders yet"),
        (
            weeks(1, (1, 2, 3, 4, 5, None, 7)),
            "it spans 7 days, 6 of them with orders on an open weekday; 14 and 10 are",
        ),
        (
            weeks(3, (5, None, None, None, None, None, None)),
            "it spans 15 days, 3 of them with orders on an open weekday",
        ),
        ({START + 8 * week * DAY: 3 for week in range(20)}, "no weekday has any in half of the last 8 weeks"),
    ],
    ids=["empty", "nothing but zeros", "one week", "three Mondays", "a different day each week"],
)
def test_a_history_that_is_too_short_is_told(forecast, history, what):
    assert what in forecast.shortage(history)
    assert forecast.backtest(history) is None


# The page -------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def report_of(order_report: ModuleType, forecast: ModuleType, history: dict, name: str = "Sales"):
    model = forecast.Model.of(history)
    made = dt.datetime(2024, 5, 6, 7, 8, tzinfo=dt.UTC)
    return order_report.OrderReport(name, history, forecast.predict(history, model.parameters), model, made)


@pytest.fixture(scope="session")
def page(order_report, forecast, real_history) -> str:
    return report_of(order_report, forecast, real_history).html()


def test_the_page_loads_nothing_and_runs_nothing(page):
    tags = Page(page).tags
    assert {tag for tag, _ in tags} & {"script", "link", "iframe", "img", "object", "embed", "base", "form"} == set()
    loading = {"src", "href", "xlink:href", "srcset", "action", "data", "poster", "style"}
    assert [attributes for _, attributes in tags if attributes.keys() & loading] == []
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
    assert "url(" not in page
    assert "@import" not in page
    assert len(page) < 200_000


def test_the_page_says_what_it_is_to_someone_who_does_not_see_it(page):
    parsed = Page(page)
    assert parsed.all("html") == [{"lang": "en"}]
    assert len(parsed.all("title")) == len(parsed.all("h1")) == len(parsed.all("main")) == 1
    described = [attributes["aria-label"] for _, attributes in parsed.tags if attributes.get("role") == "img"]
    assert [text.split(" of ")[0] for text in described] == ["Bar chart"] * 2
    assert "Saturday 0" in described[1]
    assert len(parsed.all("svg")) == 4  # two charts, each for a screen and for a phone
    assert [attributes for _, attributes in parsed.tags if "id" in attributes] == []  # equal ids of charts would clash


def test_the_page_tells_the_range_of_the_data_the_verdict_and_when_it_was_made(page, real_history):
    last_thirty = sum(orders for day, orders in real_history.items() if day > dt.date(2011, 1, 1))
    for text in (
        "Data from 1 December 2010 to 31 January 2011; forecast to 2 March 2011",
        f"<dd>{last_thirty:,}</dd>",
        "The forecast beats the seasonal-naive baseline",
        "where 80% of the days should lie",
        "Made 6 May 2024, 07:08 UTC",
    ):
        assert text in page
    assert page.count('<th scope="row">') == 30


def test_the_sum_of_the_medians_is_called_that_and_not_what_is_expected(page, order_report, forecast, real_history):
    report = report_of(order_report, forecast, real_history)
    total = sum(one.orders for one in report.predictions)
    assert f"<div><dt>Sum of the daily medians, next 30 days</dt><dd>{total:,.0f}</dd></div>" in page
    assert "| Sum of the daily medians, next 30 days |" in report.markdown()
    assert "xpected" not in page + report.markdown()


def test_a_stray_sale_shows_where_it_was_made_and_nowhere_else(order_report, forecast):
    history = weeks(6, (20, 21, 22, 23, 24, None, 25)) | {START + 33 * DAY: 140}
    assert (START + 33 * DAY).weekday() == SATURDAY
    report = report_of(order_report, forecast, history)
    html = report.html()
    assert "Saturday 0, Sunday 25" in html
    assert "<dt>Busiest weekday, 25 orders on average</dt><dd>Sunday</dd>" in html
    rows = re.findall(r'<th scope="row">(\w+) [^<]*</th>(.*?)</tr>', html)
    assert {cells for day, cells in rows if day == "Sat"} == {'<td colspan="3">closed</td>'}
    assert not any("closed" in cells for day, cells in rows if day != "Sat")
    open_days = sum(one.day.weekday() != SATURDAY for one in report.predictions)
    assert html.count('stroke="var(--ahead)"') == 2 * open_days  # in the chart of a screen and in that of a phone


def test_a_name_that_is_markup_is_shown_as_it_is_written(order_report, forecast):
    report = report_of(order_report, forecast, weeks(3, (3, 4, 5, 4, 3, None, 2)), "<script>alert(1)</script> & $made")
    html = report.html()
    assert Page(html).all("script") == []
    assert "<h1>Orders of &lt;script&gt;alert(1)&lt;/script&gt; &amp; $made</h1>" in html


def test_a_page_that_cannot_be_drawn_leaves_the_old_one(order_report, forecast, tmp_path, monkeypatch):
    report = report_of(order_report, forecast, weeks(3, (3, 4, 5, 4, 3, None, 2)))
    file = report.write(tmp_path / "reporting" / "page.html")
    before = file.read_bytes()

    def fail(*_):
        raise RuntimeError

    monkeypatch.setattr(order_report, "_svg", fail)
    with pytest.raises(RuntimeError):
        report.write(file)
    assert [(one.name, one.read_bytes()) for one in file.parent.iterdir()] == [("page.html", before)]


# In a project ---------------------------------------------------------------------------------------------------------

LATEST = """
import json
import dagster as dg
from building_block.project import Project
Project.here().enter()
with dg.DagsterInstance.get() as instance:
    event = instance.get_latest_materialization_event(dg.AssetKey({key!r}))
values = {{name: value.value for name, value in event.asset_materialization.metadata.items()}}
print(json.dumps({{name: value for name, value in values.items() if isinstance(value, str | float)}}))
"""


def metadata(project: StampedProject, *key: str) -> dict:
    result = project.python(LATEST.format(key=list(key)))
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_dagster_shows_the_verdict_the_page_and_its_figures(built_once):
    stored = dict(built_once.query("select name, value from ml.order_forecast_model"))
    model = metadata(built_once, "sales", "ml", "order_forecast_model")
    assert model["mean_absolute_error"] == stored["backtest.error"] < stored["backtest.baseline_error"]
    assert model["error_ratio_to_baseline"] == stored["backtest.error"] / stored["backtest.baseline_error"]
    report = metadata(built_once, "sales", "reporting", "order_report")
    assert report["page"] == str(built_once.root / "data" / "reporting" / "order_report.html")
    assert report["summary"].endswith(model["verdict"])
    assert model["verdict"] in (built_once.root / "data" / "reporting" / "order_report.html").read_text()


def test_the_libraries_of_forecast_and_page_are_not_loaded_with_the_definitions(built_once):
    code = """
import sys
from building_block.definitions import defs
defs()
print(sorted({name.partition(".")[0] for name in sys.modules} & {"statsmodels", "pandas", "altair", "vl_convert"}))
"""
    assert built_once.run(sys.executable, "-W", "ignore", "-c", code).stdout.splitlines()[-1] == "[]"


def test_the_forecast_uses_the_stored_model_and_does_not_fit_another(built_whole):
    import duckdb

    width = "select avg(upper_bound - lower_bound) from ml.predicted_orders"
    [(before,)] = built_whole.query(width)
    with duckdb.connect(built_whole.root / "data" / "warehouse.duckdb") as connection:
        connection.sql("update ml.order_forecast_model set value = 4 * value where name like 'sigma2.%'")
    result = built_whole.build("predicted_orders")
    assert result.returncode == 0, result.stderr
    assert built_whole.query(width)[0][0] > 1.5 * before


def test_the_forecast_comes_with_the_days_and_its_verdict_later_still(project):
    landing, data = project.root / "few", project.root / "other"
    landing.mkdir()
    files = sorted((project.root / "sample" / "retail").iterdir())

    def build_with(days: int):
        for file in files[:days]:
            shutil.copy2(file, landing)
        result = project.build(LANDING=str(landing), BUILDING_BLOCK_DATA=str(data))
        assert "Traceback" not in result.stdout + result.stderr
        return result

    result = build_with(5)
    assert result.returncode == 1
    line = 1 + (project.root / "src/sales/defs/ml.py").read_text().split("raise dg.Failure")[0].count("\n")
    assert result.stderr == (
        f"BB504 src/sales/defs/ml.py:{line}: the history is too short for a forecast: it spans 6 days, 5 of them with "
        "orders on an open weekday; 14 and 9 are needed; let more days land, or do without it: delete "
        "src/sales/defs/ml.py, src/sales/defs/reporting.py and tests/test_forecast.py\n"
    )
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if "/" in line}
    assert rows["ml/order_forecast_model"].endswith("failed")
    assert rows["reporting/order_report"].endswith("waits for ml/order_forecast_model")
    assert re.search(r"\d+ passed", rows["published/daily_orders"])

    result = build_with(18)
    assert result.returncode == 0, result.stderr
    assert "ml/order_forecast_model: check beats_seasonal_naive warns" in result.stdout
    file = data / "reporting" / "order_report.html"
    assert f"reporting/order_report: {file}" in result.stdout.splitlines()
    page = file.read_text(encoding="utf-8")
    assert "too short to judge the forecast by" in page
    assert "<dd>unknown</dd>" in page
    assert not (project.root / "data").exists()


def test_who_does_without_a_forecast_as_the_message_says_has_a_project_that_is_well(project):
    landing = project.root.parent / "few"
    landing.mkdir()
    for file in sorted((project.root / "sample" / "retail").iterdir())[:5]:
        shutil.copy2(file, landing)
    message = project.build(LANDING=str(landing)).stderr
    for file in re.findall(r"[\w/]+\.py\b", message.partition(": delete ")[2]):
        (project.root / file).unlink()
    for task in ("build", "check"):
        result = project.preloaded(task, LANDING=str(landing))
        assert result.returncode == 0, (task, result.stdout, result.stderr)
    result = project.python("import pytest, sys; sys.exit(pytest.main())", LANDING=str(landing))
    assert result.returncode == 0, result.stdout + result.stderr
