"""The sheet on which measurements are drawn: few colours, faint rules, and the same bytes always."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Okabe and Ito (2008): told apart with any kind of colour vision."""
BLUE, ORANGE, GREEN = COLOURS[:3]
PALETTE = 128
"""Colours in a picture, the shades of smooth edges included."""
DOTTED = (0, (1, 2))
WIDTH, DPI = 7.0, 150
"""Inches and pixels an inch: what a dialog of the web UI shows."""
MINUS = "\N{MINUS SIGN}"
"""As the axes write it."""
STEPS = (1, 2, 2.5, 5, 10)
"""Distances of ticks that read well."""
MOST_DATES = 6


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of everything but what is measured."""

    paper: str
    ink: str
    faint: str
    quiet: str


LIGHT = Theme(paper="#fdfdfe", ink="#3c4650", faint="#d5dae0", quiet="#7d8791")
DARK = Theme(paper="#1d2125", ink="#c3cad1", faint="#3d444c", quiet="#8d97a1")


@dataclass(slots=True)
class Sheet:
    """A figure while it is drawn, and its bytes afterwards."""

    figure: "Figure"
    png: bytes = b""


@contextmanager
def sheet(height: float, theme: Theme = LIGHT, *, width: float = WIDTH, dpi: int = DPI) -> Iterator[Sheet]:
    """An empty figure, in inches; when the block ends, it is drawn."""
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.style.context("default"):
        paper = Sheet(Figure(figsize=(width, height), dpi=dpi, facecolor=theme.paper))
        yield paper
        canvas = FigureCanvasAgg(paper.figure)
        canvas.draw()
        paper.png = _small_png(np.asarray(canvas.buffer_rgba()))


def _small_png(pixels: np.ndarray) -> bytes:
    """Pixels as a PNG of few colours: a third of the size, and nothing in it tells when or with what it was made."""
    from PIL import Image

    buffer = BytesIO()
    flat = Image.fromarray(pixels).convert("RGB")
    flat.quantize(PALETTE, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def axes_on(figure: "Figure", place: tuple[float, float, float, float], theme: Theme = LIGHT) -> "Axes":
    """Faint rules and nothing else; `place` is left, bottom, width and height as shares of the figure."""
    from matplotlib.ticker import MaxNLocator

    axes = figure.add_axes(place, facecolor=theme.paper)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=STEPS))
    axes.tick_params(colors=theme.ink, labelsize=8.5, length=0, pad=4)
    axes.grid(axis="y", color=theme.faint, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    return axes


def legend_above(axes: "Axes") -> None:
    """One row above the picture."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.012, 0.99),
        ncols=4,
        frameon=False,
        fontsize=8.5,
        labelcolor=LIGHT.ink,
        handlelength=1.6,
        columnspacing=1.6,
        handletextpad=0.5,
    )


def days_below(axes: "Axes", days: np.ndarray) -> None:
    """At most six dates, evenly spread over the increasing days, (W,) datetime64[D]; drawn at their numbers."""
    ticks = days[np.unique(np.linspace(0, len(days) - 1, min(MOST_DATES, len(days))).round().astype(int))]
    axes.set_xticks(ticks.astype(np.int64).tolist(), [str(day) for day in ticks])
    axes.set_xlim(int(days[0].astype(np.int64)), int(days[-1].astype(np.int64)))


def write(axes: "Axes", words: str, x: float, y: float, theme: Theme = LIGHT) -> None:
    """On the paper's colour, so that no line runs through it."""
    box = {"facecolor": theme.paper, "edgecolor": "none", "pad": 0.8}
    axes.text(x, y, words, ha="center", va="center", fontsize=8, color=theme.ink, bbox=box, zorder=2)


def named_rows(axes: "Axes", names: Sequence[str], theme: Theme = LIGHT) -> None:
    """Rows of dots, the first at the top; names are words, never formulas."""
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.7)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color=theme.faint, linewidth=0.6)
