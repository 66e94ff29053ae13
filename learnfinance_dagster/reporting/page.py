"""E-mail-safe HTML: tables, inlined styles, nothing fetched from the net, never clipped by Gmail."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

from markupsafe import Markup, escape

from learnfinance_dagster.reporting import formats

if TYPE_CHECKING:
    from css_inline import CSSInliner
    from jinja2 import Environment

MOST_BYTES = 95_000
"""Gmail clips a message whose HTML exceeds 102 kB; pictures do not count."""
Detail = TypeVar("Detail")


def fitted(render: Callable[[Detail], str], details: Sequence[Detail], sources: Mapping[str, str]) -> str:
    """The page in the first detail that stays below `MOST_BYTES`, else in the last; pictures do not count."""
    room = MOST_BYTES + sum(len(source) for source in sources.values())
    page = ""
    for detail in details:
        page = render(detail)
        if len(page.encode()) < room:
            break
    return page


def rendered(template: str, words: Mapping[str, object]) -> str:
    """A template as a finished page: styles inlined, no empty lines."""
    page = _environment().get_template(template).render(**words)
    tight = "\n".join(line for line in (raw.strip() for raw in page.splitlines()) if line)
    return _inliner().inline(tight)


def picture_sources(name: str, light: bytes | None, dark: bytes | None) -> dict[str, str]:
    """Data URIs of a picture for light and for dark surroundings, as templates want them; none where none is."""
    return {name: _data_uri(light), f"{name}_dark": _data_uri(dark)} if light and dark else {}


@cache
def _inliner() -> "CSSInliner":
    """Writes `inline.css` into the elements and leaves the page's own sheet, which is for dark screens and phones."""
    from css_inline import CSSInliner

    css = files("learnfinance_dagster.reporting").joinpath("templates", "inline.css").read_text(encoding="utf-8")
    return CSSInliner(
        inline_style_tags=False, keep_style_tags=True, load_remote_stylesheets=False, extra_css=css, minify_css=True
    )


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("learnfinance_dagster.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "percent": formats.percent,
        "signed": formats.signed_percent,
        "usd": formats.usd,
        "points": formats.points,
        "price": formats.price,
        "margin": formats.margin,
        "ratio": formats.ratio,
        "score": formats.score,
        "breakable": _breakable,
        "line": lambda text: formats.shortened(formats.plain(text), formats.LONGEST_LINE),
        "name": lambda text: formats.shortened(formats.plain(text), formats.LONGEST_NAME),
        "ticker": lambda text: formats.shortened(formats.plain(text), formats.LONGEST_TICKER),
    }
    environment.filters |= filters
    environment.globals |= {"formats": formats}
    return environment


def _breakable(text: str) -> Markup:
    """Let a narrow column break `ppo_patchtst` after its underscore."""
    return Markup("_<wbr>").join(escape(part) for part in text.split("_"))


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"
