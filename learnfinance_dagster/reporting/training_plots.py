"""The picture of a training: how each new version did on weeks that it did not learn from."""

from typing import TYPE_CHECKING, Literal, TypedDict

from learnfinance_dagster.evaluation.gate import GateDecision
from learnfinance_dagster.evaluation.pictures import (
    BLUE,
    DOTTED,
    LIGHT,
    MINUS,
    ORANGE,
    STEPS,
    Theme,
    axes_on,
    named_rows,
    sheet,
    write,
)
from learnfinance_dagster.reporting.formats import plain, shortened
from learnfinance_dagster.reporting.training import TrainingSummary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, DPI = 4.8, 225
"""Inches and pixels an inch: 1080 pixels, and words that can still be read on a phone."""
ROW = 0.4
"""Inches between two rows."""
HEAD, FOOT = 0.3, 0.55
"""Inches above and below the rows."""
LONGEST = 16
"""Characters of a policy's name."""


class _Style(TypedDict):
    """A kind of dot."""

    linestyle: Literal["none"]
    marker: str
    color: str
    markerfacecolor: str
    markeredgewidth: float
    markersize: float


def training_picture(summary: TrainingSummary, theme: Theme = LIGHT) -> bytes | None:
    """One row a judged policy: a week beyond equal weight, and the Sharpe ratio; None when nobody was judged."""
    judged = [
        (policy.name, policy.new.decision)
        for policy in summary.policies
        if policy.new and policy.new.decision and "candidate" in policy.new.decision.rows
    ]
    if not judged:
        return None
    height = ROW * len(judged) + HEAD + FOOT
    bottom, tall = FOOT / height, ROW * len(judged) / height
    with sheet(height, theme, width=WIDTH, dpi=DPI) as paper:
        left = axes_on(paper.figure, (0.2, bottom, 0.36, tall), theme)
        right = axes_on(paper.figure, (0.62, bottom, 0.36, tall), theme)
        names = [shortened(plain(name), LONGEST) for name, _ in judged]
        for axes, title in ((left, "A week beyond equal weight"), (right, "Sharpe ratio")):
            named_rows(axes, names, theme)
            axes.tick_params(labelsize=8)
            axes.set_title(title, loc="left", fontsize=8.5, color=theme.ink, pad=3)
            axes.axvline(0.0, color=theme.ink, linewidth=0.9, linestyle=DOTTED, zorder=1)
        right.set_yticklabels([])
        for place, (_, decision) in enumerate(judged):
            _excess(left, place, decision, theme)
            _sharpe(right, place, decision, theme)
        _scale(left, "{:.2f} %", 100.0)
        _scale(right, "{:g}", 1.0)
        _legend(paper.figure, theme)
    return paper.png


def _excess(axes: "Axes", place: int, decision: GateDecision, theme: Theme) -> None:
    figure = decision.weekly_excess
    _interval(axes, place, (figure.low, figure.value, figure.high), theme, filled=decision.promoted)
    write(axes, f"{100 * figure.value:+.2f} %".replace("-", MINUS), figure.value, place - 0.34, theme)


def _sharpe(axes: "Axes", place: int, decision: GateDecision, theme: Theme) -> None:
    own = decision.rows["candidate"].sharpe
    _interval(axes, place, (own.low, own.value, own.high), theme, filled=decision.promoted)
    write(axes, f"{own.value:.2f}".replace("-", MINUS), own.value, place - 0.34, theme)
    if "current" in decision.rows:
        axes.plot([decision.rows["current"].sharpe.value], [place], zorder=4, **_style("D", ORANGE, theme.paper))
    if "equal_weight" in decision.rows:
        axes.plot([decision.rows["equal_weight"].sharpe.value], [place], zorder=4, **_style("|", theme.ink, theme.ink))


def _interval(axes: "Axes", place: int, figure: tuple[float, float, float], theme: Theme, *, filled: bool) -> None:
    """A bar from end to end; a full dot is a version that took over."""
    low, value, high = figure
    axes.plot([low, high], [place, place], color=BLUE, linewidth=2.0, zorder=3)
    axes.plot([value], [place], zorder=5, **_style("o", BLUE, BLUE if filled else theme.paper))


def _style(marker: str, colour: str, face: str) -> _Style:
    size = 11.0 if marker == "|" else 5.5
    return {
        "linestyle": "none",
        "marker": marker,
        "color": colour,
        "markerfacecolor": face,
        "markeredgewidth": 1.5,
        "markersize": size,
    }


def _scale(axes: "Axes", written: str, factor: float) -> None:
    from matplotlib.ticker import MaxNLocator

    low, high = axes.get_xlim()
    room = 0.05 * (high - low)
    axes.set_xlim(low - room, high + room)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=STEPS))
    axes.xaxis.set_major_formatter(lambda value, _: written.format(value * factor).replace("-", MINUS))


def _legend(figure: "Figure", theme: Theme) -> None:
    from matplotlib.lines import Line2D

    samples = {
        "promoted": _style("o", BLUE, BLUE),
        "not promoted": _style("o", BLUE, theme.paper),
        "in use until now": _style("D", ORANGE, theme.paper),
        "equal weight": _style("|", theme.ink, theme.ink),
    }
    figure.legend(
        [Line2D([], [], **style) for style in samples.values()],
        list(samples),
        loc="lower center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=4,
        frameon=False,
        fontsize=8,
        labelcolor=theme.ink,
        handletextpad=0.1,
        columnspacing=1.0,
        borderaxespad=0.2,
    )
