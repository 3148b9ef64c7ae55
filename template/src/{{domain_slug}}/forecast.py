"""The forecast of orders a day: a model, its prediction, and the proof that it is worth more than a plain guess.

A history maps each day that has figures to its number of orders. To learn from, a day that is missing is unknown and
not zero: it may be a holiday, or a file that has not landed. To be judged by, it is a day on which nothing was sold:
else nobody would notice that a forecast promises orders on days that never bring any. A weekday that hardly ever trades
is closed, and its forecast is zero.

The model is a level that drifts from day to day plus an effect for each open weekday, on the logarithm of the orders,
since a busy season scales every weekday alike. The level is carried forward as it is: weeks of history cannot tell a
slope from the season of the year. It does not know the holidays to come.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from statsmodels.tsa.statespace.structural import UnobservedComponents

HORIZON = 30
"""Calendar days that are forecast, from the day after the last one of the history."""

INTERVAL = 0.8
"""Share of the days that should end up between the lower and the upper bound."""

LEAST_DAYS = 14
"""Calendar days of history without which there is no forecast: each weekday has been seen twice."""

LEAST_DAYS_TO_JUDGE = 28
"""Calendar days of history without which there is no backtest: it needs two weeks to learn from, two to be judged."""

OPEN_WEEKS = 8
"""Latest weeks that decide which weekdays are open: those that traded in at least half of them.

A stray sale opens no weekday, a holiday closes none. The price: a new opening day is forecast from its fourth week on.
"""

MOST_ORIGINS = 60
"""The backtest takes the latest days as starting points; each costs a fit."""

MEANINGS = {
    "sigma2.irregular": "Variance of a single day around the level, on the logarithm of the orders.",
    "sigma2.level": "Variance of the level's drift from one open day to the next, on the logarithm of the orders.",
    "backtest.origins": "Days of the past from which a forecast was made.",
    "backtest.forecasts": "Forecasts of a day made from them, without closed days on which nothing was sold.",
    "backtest.error": "Mean absolute error of the forecast, in orders a day; a day without figures sold 0.",
    "backtest.baseline_error": "Mean absolute error of the latest same weekday repeated, on the same days.",
    "backtest.coverage": "Share of these days that lay within the interval.",
}
"""What is stored of a model, and what each figure means."""


@dataclass(frozen=True)
class Prediction:
    """The forecast of one day; the median, so that more is as likely as less."""

    day: dt.date
    orders: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Backtest:
    """How far off forecasts from days of the past were, in orders a day, beside the seasonal-naive baseline."""

    origins: int
    """Days of the past from which a forecast was made."""
    forecasts: int
    """Forecasts of a day made from them, without the closed days on which nothing was sold, which prove nothing."""
    error: float
    """Mean absolute error of the forecast."""
    baseline_error: float
    """Mean absolute error of the baseline on the same days."""
    coverage: float
    """Share of those days that lay within the interval."""

    @property
    def beats_baseline(self) -> bool:
        """Whether the forecast was closer than the baseline, and not by next to nothing."""
        return self.error < self.baseline_error and not self.equals_baseline

    @property
    def equals_baseline(self) -> bool:
        """Whether both were equally close, give or take a per cent."""
        return abs(self.error - self.baseline_error) <= 0.01 * self.baseline_error


@dataclass(frozen=True)
class Model:
    """What has been learned of a history: enough, together with the history, to forecast without learning again."""

    parameters: dict[str, float]
    """The variances by the names that statsmodels gives them."""
    backtest: Backtest | None
    """None when the history is too short to judge the model by."""

    @classmethod
    def of(cls, history: Mapping[dt.date, int]) -> "Model":
        """Return the model of a history that is long enough."""
        return cls(fit(history), backtest(history))

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, object]]) -> "Model":
        """Return the model that ``rows`` were made of."""
        values = {row["name"]: row["value"] for row in rows}
        judged = {
            name.removeprefix("backtest."): values.pop(name) for name in [*values] if name.startswith("backtest.")
        }
        if not judged:
            return cls(values, None)
        counts = {name: int(judged[name]) for name in ("origins", "forecasts")}
        return cls(values, Backtest(**judged | counts))

    def rows(self) -> list[dict[str, object]]:
        """Return a row for each figure: name, value, meaning."""
        judged = asdict(self.backtest) if self.backtest else {}
        values = self.parameters | {f"backtest.{name}": float(value) for name, value in judged.items()}
        return [{"name": name, "value": value, "meaning": MEANINGS[name]} for name, value in values.items()]

    @property
    def verdict(self) -> str:
        """Whether the forecast is worth more than repeating the latest same weekday, in words."""
        judged = self.backtest
        if judged is None:
            return (
                f"The history is too short to judge the forecast by: it takes {LEAST_DAYS_TO_JUDGE} days. "
                "Until then nothing says that it is better than repeating the latest same weekday."
            )
        baseline = "the seasonal-naive baseline (the latest same weekday repeated)"
        if judged.equals_baseline:
            compared = f"is about as good as {baseline}"
        elif judged.beats_baseline:
            compared = f"beats {baseline} by {1 - judged.error / judged.baseline_error:.0%}"
        else:
            compared = f"does not beat {baseline}"
        return (
            f"The forecast {compared}: from {judged.origins} starting points in the past, up to {HORIZON} days ahead, "
            f"it was off by {judged.error:.1f} orders a day on average, the baseline by {judged.baseline_error:.1f}."
        )


def history_of(rows: Iterable[Mapping[str, object]]) -> dict[dt.date, int]:
    """Return the history in the rows of ``marts.daily_order_summary``."""
    return {row["order_date"]: row["orders"] for row in rows}


def predictions_of(rows: Iterable[Mapping[str, object]]) -> list[Prediction]:
    """Return the forecast in the rows of ``ml.predicted_orders``, by day."""
    columns = ("order_date", "predicted_orders", "lower_bound", "upper_bound")
    return sorted((Prediction(*(row[name] for name in columns)) for row in rows), key=lambda one: one.day)


def shortage(history: Mapping[dt.date, int]) -> str | None:
    """Return what is wrong with a history that is too short for a forecast; None when it is long enough."""
    if not any(history.values()):
        return "there are no orders yet"
    open_days = open_weekdays(history)
    if not open_days:
        return f"the orders are too irregular for a forecast: no weekday has any in half of the last {OPEN_WEEKS} weeks"
    trading = sum(orders > 0 and day.weekday() in open_days for day, orders in history.items())
    # One value for each weekday's effect, and a few to tell noise from drift.
    needed = len(open_days) + 4
    if _span(history) >= LEAST_DAYS and trading >= needed:
        return None
    return (
        f"the history is too short for a forecast: it spans {_span(history)} days, {trading} of them with orders on an "
        f"open weekday; {LEAST_DAYS} and {needed} are needed"
    )


def open_weekdays(history: Mapping[dt.date, int]) -> set[int]:
    """Return the weekdays that trade, 0 for Monday: see ``OPEN_WEEKS``.

    Weeks are counted back from the last day. One in which nothing at all was sold says nothing about its weekdays and
    is passed over: a summer break closes none.
    """
    if not history:
        return set()
    first, last = min(history), max(history)
    starts = range(0, _span(history), 7)
    weeks = ([last - dt.timedelta(days=start + passed) for passed in range(7)] for start in starts)
    traded = [week for week in weeks if any(history.get(day) for day in week)][:OPEN_WEEKS]
    seen = Counter(day.weekday() for week in traded for day in week if day >= first)
    sold = Counter(day.weekday() for week in traded for day in week if history.get(day))
    return {weekday for weekday, times in sold.items() if times >= seen[weekday] / 2}


def fit(history: Mapping[dt.date, int]) -> dict[str, float]:
    """Return the parameters by name: the variances of the day-to-day noise and of the level's drift."""
    model = _model(history)
    # A variance of zero, of a level that stands still, is a fine answer that the optimiser warns of.
    parameters = model.fit(disp=False, maxiter=200, cov_type="none", warn_convergence=False).params
    return dict(zip(model.param_names, map(float, parameters), strict=True))


def predict(history: Mapping[dt.date, int], parameters: Mapping[str, float]) -> list[Prediction]:
    """Return the forecast of the ``HORIZON`` days after the history, by the model that has these parameters."""
    model = _model(history)
    last, open_days = max(history), open_weekdays(history)
    days = [last + dt.timedelta(days=ahead) for ahead in range(1, HORIZON + 1)]
    fitted = model.smooth([parameters[name] for name in model.param_names])
    ahead = fitted.get_forecast(sum(day.weekday() in open_days for day in days))
    bounds = ahead.conf_int(alpha=1 - INTERVAL)
    on_open_days = iter(np.expm1(np.column_stack([ahead.predicted_mean, bounds])).clip(min=0).tolist())
    closed = (0.0, 0.0, 0.0)
    return [Prediction(day, *(next(on_open_days) if day.weekday() in open_days else closed)) for day in days]


def seasonal_naive(history: Mapping[dt.date, int], day: dt.date) -> int:
    """Return the baseline's forecast of a day: the latest figure of its weekday, 0 for a closed one."""
    if day.weekday() not in open_weekdays(history):
        return 0
    return history[max(known for known in history if known.weekday() == day.weekday())]


def backtest(history: Mapping[dt.date, int]) -> Backtest | None:
    """Judge the model by the past; None when the history is too short to.

    From each of the latest ``MOST_ORIGINS`` days the model is fitted anew on what was known on that day, and its
    forecast compared with what came, which is 0 on a day without figures. It is the forecast that would have been made:
    nothing later is looked at.
    """
    if not history or _span(history) < LEAST_DAYS_TO_JUDGE:
        return None
    errors, baseline_errors, within = [], [], []
    origins, last = 0, max(history)
    for known in _pasts(history):
        origins += 1
        for prediction in predict(known, fit(known)):
            actual = history.get(prediction.day, 0)
            if prediction.day > last or prediction.upper == actual == 0:  # still to come, or closed and rightly so
                continue
            errors.append(abs(prediction.orders - actual))
            baseline_errors.append(abs(seasonal_naive(known, prediction.day) - actual))
            within.append(prediction.lower <= actual <= prediction.upper)
    if not errors:
        return None
    means = (float(np.mean(values)) for values in (errors, baseline_errors, within))
    return Backtest(origins, len(errors), *means)


def _pasts(history: Mapping[dt.date, int]) -> Iterator[dict[dt.date, int]]:
    """Yield what was known on each day of the past from which a forecast could have been made."""
    for origin in sorted(history)[-MOST_ORIGINS - 1 : -1]:
        known = {day: orders for day, orders in history.items() if day <= origin}
        if shortage(known) is None:
            yield known


def _model(history: Mapping[dt.date, int]) -> UnobservedComponents:
    """Return the model on the open weekdays from the first day to the last; those without figures are missing."""
    open_days = open_weekdays(history)
    days = (min(history) + dt.timedelta(days=passed) for passed in range(_span(history)))
    values = [history.get(day, np.nan) for day in days if day.weekday() in open_days]
    season = len(open_days)
    return UnobservedComponents(
        np.log1p(values),
        level="local level",
        seasonal=season if season > 1 else None,
        stochastic_seasonal=False,
        use_exact_diffuse=True,
    )


def _span(history: Mapping[dt.date, int]) -> int:
    return (max(history) - min(history)).days + 1 if history else 0
