"""The report as e-mail-safe HTML: tables, inlined styles, nothing fetched from the net, never clipped by Gmail."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from learnfinance_dagster.reporting import (
    evidence_rows,
    fates,
    forecast_rows,
    formats,
    halal_rows,
    plots,
    skill_rows,
    wording,
)
from learnfinance_dagster.reporting.content import WeeklyReport
from learnfinance_dagster.reporting.weights import weight_table

if TYPE_CHECKING:
    from css_inline import CSSInliner
    from jinja2 import Template

MOST_BYTES = 95_000
"""Gmail clips a message whose HTML exceeds 102 kB; pictures do not count."""


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of the long lists is shown."""

    orders: int
    """Rows for each account."""
    names: int
    """Names in one compact list."""
    lines: int
    """Warnings, reasons and lines of provenance in one list."""
    told: int
    """Names whose news and filings are told, and as many whose forecasts are."""
    headline: int
    """Characters of a headline."""


DETAILS = (
    Detail(1000, 1000, 1000, 1000, 140),
    Detail(1000, 1000, 1000, 60, 80),
    Detail(60, 40, 40, 35, 80),
    Detail(60, 40, 40, 24, 60),
    Detail(25, 20, 20, 20, 80),
    Detail(8, 8, 12, 10, 60),
    Detail(2, 3, 6, 3, 40),
)
"""From everything down; the first that stays below `MOST_BYTES` is used. The plain twin always tells everything."""


def render_html(report: WeeklyReport) -> str:
    """The whole report in one file: its pictures are data URIs, for light and for dark surroundings."""
    light, dark = picture(report), picture(report, plots.DARK)
    sources = {"equity": _data_uri(light), "equity_dark": _data_uri(dark)} if light and dark else {}
    return render_markup(report, sources)


def picture(report: WeeklyReport, theme: plots.Theme = plots.LIGHT) -> bytes | None:
    """The equity curve as PNG; None while no account has two marks."""
    lines = plots.curves(report)
    return plots.equity_curve(lines, float(report.initial_cash), theme) if lines else None


def render_markup(report: WeeklyReport, sources: Mapping[str, str]) -> str:
    """The report with the given picture addresses (`equity`, and `equity_dark` where the reader is a browser)."""
    room = MOST_BYTES + sum(len(source) for source in sources.values())
    page = ""
    for detail in DETAILS:
        page = _render(report, sources, detail)
        if len(page.encode()) < room:
            break
    return page


def _render(report: WeeklyReport, sources: Mapping[str, str], detail: Detail) -> str:
    account_fates = [fates.fates(section) for section in report.accounts]
    page = _template().render(
        report=report,
        sources=sources,
        detail=detail,
        table=weight_table(report.accounts),
        told=evidence_rows.weighed_rows(report),
        forecasts=forecast_rows.rows(report),
        differing=halal_rows.differing(report),
        accounts=list(zip(report.accounts, account_fates, strict=True)),
    )
    tight = "\n".join(line for line in (raw.strip() for raw in page.splitlines()) if line)
    return _inliner().inline(tight)


@cache
def _inliner() -> "CSSInliner":
    """Writes `inline.css` into the elements and leaves the page's own sheet, which is for dark screens and phones."""
    from css_inline import CSSInliner

    css = files("learnfinance_dagster.reporting").joinpath("templates", "inline.css").read_text(encoding="utf-8")
    return CSSInliner(
        inline_style_tags=False, keep_style_tags=True, load_remote_stylesheets=False, extra_css=css, minify_css=True
    )


@cache
def _template() -> "Template":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("learnfinance_dagster.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": formats.percent,
        "signed": formats.signed_percent,
        "usd": formats.usd,
        "points": formats.points,
        "candidate": wording.candidate,
        "price": formats.price,
        "margin": formats.margin,
        "ratio": formats.ratio,
        "score": formats.score,
        "breakable": _breakable,
        "line": lambda text: formats.shortened(formats.plain(text), wording.LONGEST_LINE),
        "name": lambda text: formats.shortened(formats.plain(text), wording.LONGEST_NAME),
        "ticker": lambda text: formats.shortened(formats.plain(text), wording.LONGEST_TICKER),
    }
    environment.globals |= {
        "wording": wording,
        "fates": fates,
        "formats": formats,
        "evidence_rows": evidence_rows,
        "forecast_rows": forecast_rows,
        "halal_rows": halal_rows,
        "skill_rows": skill_rows,
        "colour": plots.colour,
    }
    return environment.get_template("weekly.html.j2")


def _breakable(text: str) -> Markup:
    """Let a narrow column break `ppo_patchtst` after its underscore."""
    return Markup("_<wbr>").join(escape(part) for part in text.split("_"))


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"
