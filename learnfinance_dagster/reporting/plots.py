"""The equity curve as a small PNG: one line for each account, named at its end, the same bytes every time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from learnfinance_dagster.evaluation.pictures import COLOURS, DOTTED, LIGHT, Theme, axes_on, sheet
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.formats import month, plain, short_day, shortened, signed_percent, usd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, DPI = 4.8, 225
"""Inches and pixels an inch: 1080 pixels, and words that can still be read on a phone."""
BASE, NAME, FEW = 2.5, 0.17, 3
"""Inches of height: with few lines, and for each line more."""
LABEL_GAP = 0.21
"""Least distance between two names, in inches."""
MOST_DATES = 5
LONG = 300
"""From this many days on, dates are told by month and year."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One account's worth over time."""

    name: str
    colour: str
    days: tuple[date, ...]
    navs: tuple[float, ...]


def colour(position: int) -> str:
    """The colour of the account at that position, in every picture and table of a report."""
    return COLOURS[position % len(COLOURS)]


def curves(report: WeeklyReport) -> tuple[Curve, ...]:
    """The accounts that can be drawn: those with two marks or more."""
    return tuple(
        Curve(
            section.name,
            colour(position),
            tuple(mark.session for mark in section.marks),
            tuple(float(mark.nav) for mark in section.marks),
        )
        for position, section in enumerate(report.accounts)
        if len(section.marks) > 1
    )


def equity_curve(lines: Sequence[Curve], start: float, theme: Theme = LIGHT) -> bytes:
    """Draw the curves and a dotted line at `start` USD; shown at half its pixels or less.

    The more lines, the taller, so that their names stay apart.
    """
    height = BASE + NAME * max(0, len(lines) - FEW)
    with sheet(height, theme, width=WIDTH, dpi=DPI) as paper:
        tall = height - 0.38
        axes = axes_on(paper.figure, (0.135, 0.3 / height, 0.505, tall / height), theme)
        axes.axhline(start, color=theme.ink, linewidth=0.9, linestyle=DOTTED, zorder=1)
        for line in lines:
            xs = [day.toordinal() for day in line.days]
            axes.plot(xs, line.navs, color=line.colour, linewidth=2.0, solid_capstyle="round", zorder=3)
            axes.plot(xs[-1:], line.navs[-1:], "o", color=line.colour, markersize=4.5, zorder=4)
        _dress(axes, lines, start)
        _name_ends(axes, lines, start, theme, LABEL_GAP / tall)
    return paper.png


def _dress(axes: "Axes", lines: Sequence[Curve], start: float) -> None:
    """Few dates and few amounts."""
    days = sorted({day for line in lines for day in line.days})
    ticks = _spaced(days, (days[-1] - days[0]) / MOST_DATES)
    name = month if (days[-1] - days[0]).days > LONG else short_day
    axes.set_xticks([day.toordinal() for day in ticks], [name(day) for day in ticks])
    low, high = min(start, *(min(line.navs) for line in lines)), max(start, *(max(line.navs) for line in lines))
    margin = 0.08 * (high - low) or 0.01 * start
    axes.set_ylim(low - margin, high + margin)
    axes.yaxis.set_major_formatter(lambda value, _: usd(value))
    axes.tick_params(labelsize=8)


def _spaced(days: Sequence[date], gap: timedelta) -> list[date]:
    """The newest day, and those before it that leave room for each other's names."""
    kept = [days[-1]]
    for day in reversed(days[:-1]):
        if kept[-1] - day >= gap:
            kept.append(day)
    return kept[::-1]


def _name_ends(axes: "Axes", lines: Sequence[Curve], start: float, theme: Theme, gap: float) -> None:
    """Write each name beside its line's end, so that nobody has to look colours up in a legend."""
    low, high = axes.get_ylim()
    ends = [
        (
            line.navs[-1],
            line.days[-1].toordinal(),
            f"{shortened(plain(line.name), 14)} {_growth(line, start)}",
            line.colour,
        )
        for line in lines
    ]
    first_day = min(line.days[0].toordinal() for line in lines)
    last_day = max(line.days[-1].toordinal() for line in lines)
    axes.set_xlim(first_day, last_day + 0.01 * (last_day - first_day))
    ends.append((start, last_day, f"start {usd(start)}", theme.faint))
    ends.sort()
    heights = spread([(value - low) / (high - low) for value, *_ in ends], gap)
    for (value, at, label, tint), height in zip(ends, heights, strict=True):
        axes.annotate(
            label,
            xy=(at, value),
            xytext=(1.045, height),
            textcoords="axes fraction",
            va="center",
            fontsize=8.5,
            color=theme.ink,
            parse_math=False,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": tint,
                "linewidth": 0.9,
                "shrinkA": 1,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
        )


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Positions in [0, 1] at least `gap` apart and as near as possible to the ascending `wanted`.

    Least squares under an order: pool neighbours that would collide and give the pool their mean.
    """
    pools: list[tuple[float, int]] = []
    for rank, value in enumerate(wanted):
        mean, size = value - rank * gap, 1
        while pools and pools[-1][0] > mean:
            other, members = pools.pop()
            mean, size = (mean * size + other * members) / (size + members), size + members
        pools.append((mean, size))
    ceiling = 1.0 - (len(wanted) - 1) * gap
    levels = [max(0.0, min(mean, ceiling)) for mean, size in pools for _ in range(size)]
    return [level + rank * gap for rank, level in enumerate(levels)]


def _growth(line: Curve, start: float) -> str:
    return signed_percent(line.navs[-1] / start - 1.0)
