"""The equity curve as a small PNG: one line for each account, named at its end, the same bytes every time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from typing import TYPE_CHECKING

from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.formats import month, plain, short_day, shortened, signed_percent, usd

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Okabe and Ito (2008): told apart with any kind of colour vision."""
LABEL_GAP = 0.1
"""Least distance between two names, as a share of the picture's height."""
PALETTE = 128
"""Colours in the picture, the shades of smooth edges included."""
MOST_DATES = 5
LONG = 300
"""From this many days on, dates are told by month and year."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of everything but the lines."""

    paper: str
    ink: str
    faint: str


LIGHT = Theme(paper="#fdfdfe", ink="#3c4650", faint="#d5dae0")
DARK = Theme(paper="#1d2125", ink="#c3cad1", faint="#3d444c")


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
    """Draw the curves and a dotted line at `start` USD; PNG of 1080 by 540 pixels, shown at half that or less."""
    import matplotlib.style
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.style.context("default"):
        figure = Figure(figsize=(5.4, 2.7), dpi=200, facecolor=theme.paper)
        axes = figure.add_axes((0.125, 0.11, 0.555, 0.86), facecolor=theme.paper)
        axes.axhline(start, color=theme.ink, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
        for line in lines:
            xs = [day.toordinal() for day in line.days]
            axes.plot(xs, line.navs, color=line.colour, linewidth=2.0, solid_capstyle="round", zorder=3)
            axes.plot(xs[-1:], line.navs[-1:], "o", color=line.colour, markersize=4.5, zorder=4)
        _dress(axes, lines, start, theme)
        _name_ends(axes, lines, start, theme)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return _small_png(np.asarray(canvas.buffer_rgba()))


def _small_png(pixels: "NDArray[np.uint8]") -> bytes:
    """Pixels as a PNG of few colours: a third of the size, and nothing in it tells when or with what it was made."""
    from PIL import Image

    buffer = BytesIO()
    flat = Image.fromarray(pixels).convert("RGB")
    flat.quantize(PALETTE, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _dress(axes: "Axes", lines: Sequence[Curve], start: float, theme: Theme) -> None:
    """Few dates, few amounts, faint rules and nothing else."""
    from matplotlib.ticker import MaxNLocator

    days = sorted({day for line in lines for day in line.days})
    ticks = _spaced(days, (days[-1] - days[0]) / MOST_DATES)
    name = month if (days[-1] - days[0]).days > LONG else short_day
    axes.set_xticks([day.toordinal() for day in ticks], [name(day) for day in ticks])
    low, high = min(start, *(min(line.navs) for line in lines)), max(start, *(max(line.navs) for line in lines))
    margin = 0.08 * (high - low) or 0.01 * start
    axes.set_ylim(low - margin, high + margin)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(lambda value, _: usd(value))
    axes.tick_params(colors=theme.ink, labelsize=8, length=0, pad=4)
    axes.grid(axis="y", color=theme.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def _spaced(days: Sequence[date], gap: timedelta) -> list[date]:
    """The newest day, and those before it that leave room for each other's names."""
    kept = [days[-1]]
    for day in reversed(days[:-1]):
        if kept[-1] - day >= gap:
            kept.append(day)
    return kept[::-1]


def _name_ends(axes: "Axes", lines: Sequence[Curve], start: float, theme: Theme) -> None:
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
    heights = spread([(value - low) / (high - low) for value, *_ in ends], LABEL_GAP)
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
            arrowprops={"arrowstyle": "-", "color": tint, "linewidth": 0.9, "shrinkA": 1, "shrinkB": 3},
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
