"""The page about orders: one HTML file that needs no network and no script, its charts drawn as SVG."""

import calendar
import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

import altair as alt
import vl_convert

from .forecast import HORIZON, INTERVAL, Model, Prediction, open_weekdays

PAGE = Template(Path(__file__).with_name("order_report.html").read_text(encoding="utf-8"))
DAYS_SHOWN = {"wide": 90, "narrow": 45}
"""Days of the past in the chart of a screen and in that of a phone, where a bar would become thinner than a line."""
DAYS_OF_THE_WEEKS_AVERAGE = 91
WIDTHS = {"wide": 700, "narrow": 310}
FONT_SIZE = 12


@dataclass(frozen=True)
class OrderReport:
    """What the page tells; ``predictions`` are sorted by day and follow the history."""

    domain: str
    history: dict[dt.date, int]
    predictions: Sequence[Prediction]
    model: Model
    made: dt.datetime

    def write(self, file: Path) -> Path:
        """Write the page to ``file``: whoever reads it meanwhile sees the old page or the new one, whole."""
        page = self.html()
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(f".{os.getpid()}.tmp")
        new.write_text(page, encoding="utf-8", newline="\n")
        return new.replace(file)

    def html(self) -> str:
        """Return the page."""
        first, last = min(self.history), max(self.history)
        until = self.predictions[-1].day
        text = {
            "title": f"Orders of {self.domain}",
            "range": f"Data from {_day(first)} to {_day(last)}; forecast to {_day(until)}",
            "verdict": self.model.verdict,
            "doubt": "" if self.model.backtest and self.model.backtest.beats_baseline else "doubtful",
            "interval": f"{INTERVAL:.0%}",
            "history_text": f"Bar chart of the orders a day up to {_day(last)} and of the forecast to {_day(until)}. "
            f"{self._so_far[0]}: {self._so_far[1]}. {self._to_come[0]}: {self._to_come[1]}.",
            "history_caption": self._history_caption,
            "week_text": f"Bar chart of the average orders by weekday: "
            f"{', '.join(f'{name} {average:,.0f}' for name, average in self._week().items())}.",
            "week_caption": "Average orders of a day with figures, over the last "
            f"{DAYS_OF_THE_WEEKS_AVERAGE // 7} weeks of data or as many as there are; 0 for a closed weekday.",
            "made": f"Made {_day(self.made)}, {self.made:%H:%M %Z}, from marts.daily_order_summary and "
            "ml.predicted_orders.",
        }
        drawn = {
            f"{name}_{width}": chart(width)
            for name, chart in (("history", self._history_chart), ("week", self._week_chart))
            for width in WIDTHS
        }
        figures = "".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in self._figures()
        )
        rows = "".join(
            f'<tr><th scope="row">{_weekday(one.day)[:3]} {_day(one.day)}</th>{_cells(one)}</tr>'
            for one in self.predictions
        )
        escaped = {name: escape(value) for name, value in text.items()}
        return PAGE.substitute(escaped, **drawn, figures=figures, rows=rows)

    def markdown(self) -> str:
        """Return the headline figures as a table, and the verdict, for Dagster's page of the asset."""
        lines = [f"| {name} | {value} |" for name, value in self._figures()]
        return "\n".join(["| | |", "|---|---|", *lines, "", self.model.verdict])

    def _figures(self) -> list[tuple[str, str]]:
        judged = self.model.backtest
        busiest, average = max(self._week().items(), key=lambda day: day[1])
        return [
            self._so_far,
            self._to_come,
            (f"Busiest weekday, {average:,.0f} orders on average", busiest),
            ("Average error of the forecast, orders a day", f"{judged.error:.1f}" if judged else "unknown"),
        ]

    @property
    def _so_far(self) -> tuple[str, str]:
        last = max(self.history)
        orders = sum(orders for day, orders in self.history.items() if (last - day).days < HORIZON)
        return f"Orders in the last {HORIZON} days", f"{orders:,}"

    @property
    def _to_come(self) -> tuple[str, str]:
        # Not "expected": the orders of a day are skewed, so that the medians add up to less than that.
        return (
            f"Sum of the daily medians, next {len(self.predictions)} days",
            f"{sum(one.orders for one in self.predictions):,.0f}",
        )

    @property
    def _history_caption(self) -> str:
        caption = (
            "A day without a bar has no figures, or its weekday is closed. The forecast of a day is its median: more "
            "orders are as likely as fewer. It knows no holidays to come."
        )
        if judged := self.model.backtest:
            caption += f" In the past, holidays included, {judged.coverage:.0%} of the days lay within its interval."
        return caption

    def _week(self) -> dict[str, float]:
        """Return the average orders of each weekday by its name, 0 for a closed one."""
        last, open_days = max(self.history), open_weekdays(self.history)
        orders: dict[str, list[int]] = {name: [] for name in calendar.day_name}
        for day, number in self.history.items():
            if (last - day).days < DAYS_OF_THE_WEEKS_AVERAGE and day.weekday() in open_days:
                orders[_weekday(day)].append(number)
        return {name: sum(numbers) / len(numbers) if numbers else 0.0 for name, numbers in orders.items()}

    def _history_chart(self, width: str) -> str:
        last = max(self.history)
        past = [
            {"day": _moment(day), "orders": orders}
            for day, orders in sorted(self.history.items())
            if (last - day).days < DAYS_SHOWN[width]
        ]
        ahead = [
            {"day": _moment(one.day), "orders": one.orders, "lower": one.lower, "upper": one.upper}
            for one in self.predictions
            if one.upper > 0
        ]
        day = alt.X(
            "yearmonthdate(day):T",
            title=None,
            axis=alt.Axis(
                format="%-d %b", tickCount=8 if width == "wide" else 4, grid=False, labelFlush=False, labelPadding=6
            ),
        )
        orders = alt.Y("orders:Q", title=None, axis=alt.Axis(tickCount=5, domain=False, ticks=False, format=",d"))
        so_far = alt.Chart(alt.Data(values=past)).mark_bar(color="var(--past)").encode(day, orders)
        forecast = alt.Chart(alt.Data(values=ahead)).encode(day)
        interval = forecast.mark_bar(color="var(--ahead)", opacity=0.3).encode(alt.Y("lower:Q"), alt.Y2("upper:Q"))
        # A bar and not a tick, which has no width on an axis of time; of no height, so that its line is all there is.
        median = forecast.mark_bar(stroke="var(--ahead)", strokeWidth=3).encode(orders, alt.Y2("orders:Q"))
        return _svg(so_far + interval + median, WIDTHS[width], 280 if width == "wide" else 220)

    def _week_chart(self, width: str) -> str:
        week = [
            {"day": name if width == "wide" else name[:3], "orders": average} for name, average in self._week().items()
        ]
        base = alt.Chart(alt.Data(values=week)).encode(
            alt.Y("day:N", title=None, sort=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=8)),
            alt.X("orders:Q", title=None, axis=None),
        )
        bars = base.mark_bar(color="var(--past)", height={"band": 0.7})
        labels = base.mark_text(align="left", dx=6, color="var(--ink)", fontSize=FONT_SIZE).encode(
            text=alt.Text("orders:Q", format=",.0f")
        )
        return _svg(bars + labels, WIDTHS[width], 210)


def _svg(chart: alt.LayerChart, width: int, height: int) -> str:
    """Draw a chart of this size; its colours are variables of the page, so that they follow a dark screen."""
    styled = chart.properties(
        width=width,
        height=height,
        autosize=alt.AutoSizeParams(type="fit", contains="padding"),
        background="transparent",
    ).configure(
        aria=False,  # the page says it in a sentence
        font="system-ui, sans-serif",
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelColor="var(--quiet)",
            labelFontSize=FONT_SIZE,
            gridColor="var(--line)",
            domainColor="var(--line)",
            tickColor="var(--line)",
        ),
    )
    return vl_convert.vegalite_to_svg(styled.to_dict())


def _cells(one: Prediction) -> str:
    if one.upper == 0:
        return '<td colspan="3">closed</td>'
    return "".join(f"<td>{orders:,.0f}</td>" for orders in (one.orders, one.lower, one.upper))


def _day(day: dt.date) -> str:
    return f"{day.day} {calendar.month_name[day.month]} {day.year}"


def _weekday(day: dt.date) -> str:
    return calendar.day_name[day.weekday()]


def _moment(day: dt.date) -> str:
    """Return midnight without a zone, which a chart takes as it is; a bare date it would take for one of Greenwich."""
    return f"{day}T00:00:00"
