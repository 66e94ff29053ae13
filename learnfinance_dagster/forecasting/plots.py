"""Pictures of a training and of a skill: 1050 pixels, what a dialog of the web UI shows; the same bytes always."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.evaluation.pictures import (
    BLUE,
    DOTTED,
    GREEN,
    LIGHT,
    MINUS,
    ORANGE,
    axes_on,
    days_below,
    legend_above,
    sheet,
    write,
)
from learnfinance_dagster.forecasting.forecaster import EpochLosses
from learnfinance_dagster.forecasting.skill import SkillTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW = 0.36
"""Inches between two rows of dots."""
BARS = 2
"""Standard errors that a bar or a band reaches to either side."""
FEW = 2
"""Numbers that have a spread."""


def loss_curve(history: Sequence[EpochLosses], best_epoch: int) -> bytes:
    """Losses by epoch in standard scores, and the epoch whose weights were kept.

    Raises:
        DataError: there is no epoch, or the best one is none of them.
    """
    best = next((losses for losses in history if losses.epoch == best_epoch), None)
    if best is None:
        msg = f"epoch {best_epoch} is none of the {len(history)} that were trained"
        raise DataError(msg)
    epochs = [losses.epoch for losses in history]
    lines = {
        "training": (BLUE, [losses.train for losses in history]),
        "validation": (ORANGE, [losses.validation for losses in history]),
        "validation, close only": (GREEN, [losses.close for losses in history]),
    }
    with sheet(2.9) as paper:
        axes = axes_on(paper.figure, (0.07, 0.14, 0.90, 0.70))
        axes.axhline(1.0, color=LIGHT.ink, linewidth=0.9, linestyle=DOTTED, zorder=1, label="1: the training mean")
        axes.axvline(best_epoch, color=LIGHT.faint, linewidth=0.9, zorder=1)
        for name, (colour, values) in lines.items():
            marker = "." if len(history) == 1 else ""
            axes.plot(epochs, values, marker=marker, color=colour, linewidth=1.8, zorder=3, label=name)
        axes.plot([best_epoch], [best.validation], "o", color=ORANGE, markersize=6, zorder=4)
        paper.figure.text(
            0.07,
            0.94,
            f"Mean squared error by epoch; kept: epoch {best_epoch}",
            fontsize=9.5,
            color=LIGHT.ink,
            va="center",
        )
        legend_above(axes)
        _whole_epochs(axes, epochs)
    return paper.png


def skill_picture(table: SkillTable) -> bytes:
    """Rank IC and hit rate of the model and the baselines, with bars of two standard errors to either side."""
    ranks = [(row.rank_ic, row.rank_ic_se) for _, row in table.rows]
    hits = [(row.hit_rate, row.hit_rate_se) for _, row in table.rows]
    height = ROW * len(table.rows) + 0.95
    bottom, tall = 0.42 / height, ROW * len(table.rows) / height
    with sheet(height) as paper:
        left = axes_on(paper.figure, (0.17, bottom, 0.385, tall))
        right = axes_on(paper.figure, (0.60, bottom, 0.385, tall))
        _dots(left, ranks, 0.0, "{:+.3f}")
        _dots(right, hits, 0.5, "{:.1%}")
        names = [name.replace("_", " ") for name, _ in table.rows]
        left.set_yticks(range(len(names)), names, parse_math=False)
        left.get_yticklabels()[0].set_fontweight("bold")
        right.set_yticks([])
        head = 1 - 0.45 / height
        paper.figure.text(0.17, head, "Rank IC", fontsize=9.5, color=LIGHT.ink, va="center")
        paper.figure.text(0.60, head, "Hit rate", fontsize=9.5, color=LIGHT.ink, va="center")
        span = f"{table.model.weeks} held-out weeks, {table.first_week} to {table.last_week}"
        told = f"{span}; bars: ±{BARS} standard errors"
        paper.figure.text(0.02, 1 - 0.2 / height, told, fontsize=8.5, color=LIGHT.quiet, va="center")
    return paper.png


def ic_over_time(monday: np.ndarray, ic: np.ndarray) -> bytes:
    """Weekly rank IC, (W,) for the (W,) weeks that have one, added up.

    The band is what luck alone would do: two standard deviations of a weekly rank IC, times √weeks.

    Raises:
        DataError: fewer than two weeks, or one is missing or infinite.
    """
    if ic.shape != monday.shape or len(ic) < FEW or not np.isfinite(ic).all():
        msg = f"{len(ic)} rank ICs of {len(monday)} weeks, {int((~np.isfinite(ic)).sum())} not finite: nothing to draw"
        raise DataError(msg)
    order = np.argsort(monday, kind="stable")
    days, total = monday[order].astype("datetime64[D]"), np.cumsum(ic[order])
    band = BARS * ic.std(ddof=1) * np.sqrt(np.arange(1, len(ic) + 1))
    mean, error = ic.mean(), ic.std(ddof=1) / np.sqrt(len(ic))
    with sheet(2.9) as paper:
        axes = axes_on(paper.figure, (0.07, 0.12, 0.87, 0.72))
        xs = days.astype(np.int64)
        axes.fill_between(
            xs, -band, band, color=LIGHT.faint, alpha=0.55, linewidth=0, label=f"luck: ±{BARS} standard errors"
        )
        axes.axhline(0.0, color=LIGHT.ink, linewidth=0.9, linestyle=DOTTED, zorder=1)
        axes.plot(xs, total, color=BLUE, linewidth=1.8, solid_capstyle="round", zorder=3, label="rank IC, added up")
        head = f"Rank IC {mean:+.3f} ± {error:.3f} a week (± one standard error), {len(ic)} weeks"
        paper.figure.text(0.07, 0.94, head, fontsize=9.5, color=LIGHT.ink, va="center")
        legend_above(axes)
        days_below(axes, days)
    return paper.png


def _whole_epochs(axes: "Axes", epochs: Sequence[int]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=12, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch", fontsize=8.5, color=LIGHT.ink, labelpad=2)


def _dots(axes: "Axes", figures: Sequence[tuple[float | None, float | None]], nothing: float, written: str) -> None:
    """One row a figure, the first at the top and in colour; what is not defined is written out."""
    from matplotlib.ticker import MaxNLocator

    known = [(value, error) for value, error in figures if value is not None and error is not None]
    reach = max((abs(value - nothing) + BARS * error for value, error in known), default=0.0) or 0.01
    axes.axvline(nothing, color=LIGHT.ink, linewidth=0.9, linestyle=DOTTED, zorder=1)
    for place, (value, error) in enumerate(figures):
        colour = BLUE if place == 0 else LIGHT.quiet
        if value is None or error is None:
            write(axes, "n/a", nothing, place)
            continue
        axes.plot([value - BARS * error, value + BARS * error], [place, place], color=colour, linewidth=2.0, zorder=3)
        axes.plot([value], [place], "o", color=colour, markersize=6, zorder=4)
        write(axes, written.format(value).replace("-", MINUS), value, place - 0.3)
    axes.set_xlim(nothing - 1.1 * reach, nothing + 1.1 * reach)
    axes.set_ylim(len(figures) - 0.5, -0.7)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter("{x:.0%}" if "%" in written else "{x:.2f}")
    axes.grid(visible=False, axis="y")
