"""Pictures of a policy: how it learned, what it held, and how it was judged. 1050 pixels; the same bytes always."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from learnfinance_dagster.allocation.rl.card import CurvePoint
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation.gate import GateDecision, Measured, Performance
from learnfinance_dagster.evaluation.pictures import (
    BLUE,
    DOTTED,
    GREEN,
    LIGHT,
    MINUS,
    ORANGE,
    STEPS,
    Sheet,
    axes_on,
    days_below,
    named_rows,
    sheet,
    write,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MUTED = ("#332288", "#88ccee", "#44aa99", "#117733", "#999933", "#ddcc77", "#cc6677", "#882255", "#aa4499")
"""Tol (2021), scheme `muted`: nine colours told apart with any kind of colour vision."""
OTHERS, CASH = "#9aa3ac", "#dfe3e8"
ROUNDING = 1e-6
"""Weights that miss zero or one by less are rounded."""
ROW = 0.42
"""Inches between two rows of dots."""
NAMES = {"candidate": "candidate", "current": "in use until now"}
COLOURS = {"candidate": BLUE, "current": ORANGE}


@dataclass(frozen=True, slots=True)
class _Panel:
    """One measure of the gate."""

    title: str
    of: Callable[[Performance], Measured]
    written: str
    """Format of a value."""
    tick: str


PANELS = {
    "sharpe": _Panel("Sharpe ratio", lambda row: row.sharpe, "{:.2f}", "{:g}"),
    "cagr": _Panel("Growth a year", lambda row: row.cagr, "{:.1%}", "{:.0%}"),
    "drawdown": _Panel("Deepest fall", lambda row: row.max_drawdown, "{:.1%}", "{:.0%}"),
}


def learning_curve(points: Sequence[CurvePoint]) -> bytes:
    """Reward, result beyond equal weight and spread of the weights by step, below each other.

    Raises:
        DataError: there is no point.
    """
    if not points:
        raise DataError("a training without a point of its learning curve: nothing to draw")
    steps = [point.step for point in points]
    panels = (
        ("Reward of a week in training, in the trainer's units", BLUE, [point.reward for point in points], "{:g}"),
        ("A training week beyond equal weight, net", GREEN, [point.train_excess for point in points], "{:.2%}"),
        ("Spread of the weights: 0 one name, 1 all alike", ORANGE, [point.entropy for point in points], "{:.2f}"),
    )
    with sheet(4.8) as paper:
        for place, (title, colour, values, written) in enumerate(panels):
            axes = axes_on(paper.figure, (0.09, 0.745 - 0.31 * place, 0.865, 0.2))
            axes.plot(steps, values, marker="." if len(points) == 1 else "", color=colour, linewidth=1.8, zorder=3)
            axes.set_title(title, loc="left", fontsize=9.5, color=LIGHT.ink, pad=7)
            axes.yaxis.set_major_formatter(_formatter(written))
            _steps_below(axes, steps, named=place == len(panels) - 1)
            if place == 1:
                axes.axhline(0.0, color=LIGHT.ink, linewidth=0.9, linestyle=DOTTED, zorder=1)
            if place == len(panels) - 1:
                axes.set_ylim(-0.04, 1.04)
    return paper.png


def weights_over_time(mondays: np.ndarray, weights: np.ndarray, names: Sequence[str]) -> bytes:
    """What a policy held week by week: the nine names with the largest mean weight, the others together, and cash.

    Args:
        mondays: (T,) datetime64[D], increasing.
        weights: (T, N) shares of NAV; what a week's weights leave over is cash.
        names: N symbols.

    Raises:
        DataError: fewer than two weeks, other shapes, or a week's weights are no portfolio.
    """
    _check_weights(mondays, weights, names)
    order = np.lexsort((np.array(names), -weights.mean(axis=0)))
    order = order[weights.mean(axis=0)[order] > ROUNDING]
    top, rest = order[: len(MUTED)], order[len(MUTED) :]
    bands = [(names[int(column)], MUTED[place], weights[:, column]) for place, column in enumerate(top)]
    if len(rest):
        bands.append((f"{len(rest)} others", OTHERS, weights[:, rest].sum(axis=1)))
    bands.append(("cash", CASH, 1.0 - weights.sum(axis=1)))
    days = mondays.astype("datetime64[D]")
    until = np.append(days, days[-1] + np.timedelta64(7, "D"))
    with sheet(3.3) as paper:
        axes = axes_on(paper.figure, (0.075, 0.1, 0.745, 0.76))
        heights = [np.clip(np.append(band, band[-1]), 0.0, 1.0) for _, _, band in bands]
        colours = [colour for _, colour, _ in bands]
        labels = [name for name, _, _ in bands]
        axes.stackplot(until.astype(np.int64), *heights, colors=colours, labels=labels, step="post", linewidth=0)
        axes.set_ylim(0.0, 1.0)
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.tick_params(axis="x", pad=9)
        days_below(axes, days)
        axes.set_xlim(right=int(until[-1].astype(np.int64)))
        paper.figure.text(0.075, 0.93, _span(days), fontsize=9.5, color=LIGHT.ink, va="center")
        _legend_beside(axes)
    return paper.png


def gate_picture(decision: GateDecision) -> bytes:
    """Candidate, version in use and baselines on the same weeks: a dot each, its interval, in three measures.

    Raises:
        DataError: nobody was measured.
    """
    rows = list(decision.rows.values())
    if not rows:
        msg = f"the decision on {decision.candidate} measured nobody: nothing to draw"
        raise DataError(msg)
    height = ROW * len(rows) + 1.2
    bottom, tall = 0.38 / height, ROW * len(rows) / height
    with sheet(height) as paper:
        for place, (key, panel) in enumerate(PANELS.items()):
            axes = axes_on(paper.figure, (0.16 + 0.285 * place, bottom, 0.255, tall))
            named_rows(axes, [NAMES.get(name, name.replace("_", " ")) for name in decision.rows])
            _intervals(axes, list(decision.rows), [panel.of(row) for row in rows], panel)
            weight = "bold" if key == decision.score else "normal"
            axes.set_title(panel.title, loc="left", fontsize=9.5, fontweight=weight, color=LIGHT.ink, pad=4)
            if place:
                axes.set_yticklabels([])
            else:
                axes.get_yticklabels()[0].set_fontweight("bold")
        _gate_words(paper, decision, rows[0].weeks, height)
    return paper.png


def _check_weights(mondays: np.ndarray, weights: np.ndarray, names: Sequence[str]) -> None:
    if weights.shape != (len(mondays), len(names)) or len(mondays) < 2:  # noqa: PLR2004 - time needs two weeks
        msg = f"weights of shape {weights.shape} for {len(mondays)} weeks and {len(names)} names: nothing to draw"
        raise DataError(msg)
    odd = ~np.isfinite(weights).all(axis=1) | (weights < -ROUNDING).any(axis=1) | (weights.sum(axis=1) > 1 + ROUNDING)
    if odd.any():
        msg = f"the weights of {mondays[np.argmax(odd)]} are no portfolio"
        raise DataError(msg)


def _span(days: np.ndarray) -> str:
    return f"Weights from week to week, {len(days)} weeks, {days[0]} to {days[-1]}"


def _legend_beside(axes: "Axes") -> None:
    """In the order of the bands, so that a name is found without its colour."""
    handles, labels = axes.get_legend_handles_labels()
    legend = axes.legend(
        handles[::-1],
        labels[::-1],
        loc="upper left",
        bbox_to_anchor=(1.005, 1.03),
        frameon=False,
        fontsize=8.5,
        labelcolor=LIGHT.ink,
        handlelength=1.0,
        handletextpad=0.6,
        labelspacing=0.42,
    )
    for words in legend.get_texts():
        words.set_parse_math(False)


def _steps_below(axes: "Axes", steps: Sequence[int], *, named: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    room = 0.5 if len(steps) == 1 else 0.0
    axes.set_xlim(steps[0] - room, steps[-1] + room)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=STEPS, integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    if named:
        axes.set_xlabel("step", fontsize=8.5, color=LIGHT.ink, labelpad=2)
    else:
        axes.set_xticklabels([])


def _intervals(axes: "Axes", contenders: Sequence[str], figures: Sequence[Measured], panel: _Panel) -> None:
    from matplotlib.ticker import MaxNLocator

    low = min(0.0, *(each.low for each in figures), *(each.value for each in figures))
    high = max(0.0, *(each.high for each in figures), *(each.value for each in figures))
    room = 0.12 * (high - low) or 0.01
    axes.axvline(0.0, color=LIGHT.ink, linewidth=0.9, linestyle=DOTTED, zorder=1)
    for place, (name, figure) in enumerate(zip(contenders, figures, strict=True)):
        colour = COLOURS.get(name, LIGHT.quiet)
        axes.plot([figure.low, figure.high], [place, place], color=colour, linewidth=2.0, zorder=3)
        axes.plot([figure.value], [place], "o", color=colour, markersize=6, zorder=4)
        write(axes, panel.written.format(figure.value).replace("-", MINUS), figure.value, place - 0.32)
    axes.set_xlim(low - room, high + room)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=STEPS))
    axes.xaxis.set_major_formatter(_formatter(panel.tick))


def _gate_words(paper: Sheet, decision: GateDecision, weeks: int, height: float) -> None:
    """The verdict in two lines above the dots."""
    verdict = "promoted" if decision.promoted else "not promoted"
    beyond = ""
    if decision.effect is not None and decision.p_value is not None:
        effect = f"{decision.effect:+.1%} a year" if decision.score == "cagr" else f"Sharpe {decision.effect:+.2f}"
        beyond = f": {effect} against the version in use, p = {decision.p_value:.3f}".replace("-", MINUS)
    span = f"{weeks} weeks that it never saw, {decision.first_week} to {decision.last_week}, net"
    top, below = 1 - 0.18 / height, 1 - 0.4 / height
    said = {"va": "center", "parse_math": False}
    paper.figure.text(0.02, top, f"{decision.candidate} {verdict}{beyond}", fontsize=9.5, color=LIGHT.ink, **said)
    paper.figure.text(
        0.02, below, f"{span}; bars: bootstrap intervals; bold: judged by", fontsize=8.5, color=LIGHT.quiet, **said
    )


def _formatter(written: str) -> Callable[[float, float], str]:
    """With a minus sign that is one."""
    return lambda value, _: written.format(value).replace("-", MINUS)
