"""The letter about a run that failed for good: one line for each step, and where to look."""

from html import escape

from learnfinance_dagster.reporting.eml import Letter, mailed
from learnfinance_dagster.reporting.post import FailedRun

MOST = 20
"""Steps that are told."""


def failure_text(run: FailedRun) -> str:
    """The letter in plain words."""
    lines = [_headline(run), ""]
    lines += [f"{step}: {error}" if step else error for step, error in run.failures[:MOST]]
    if len(run.failures) > MOST:
        lines.append(f"and {len(run.failures) - MOST} more")
    return "\n".join([*lines, "", f"The run, with its log: {run.link}", f"Market: {run.market}", ""])


def failure_page(run: FailedRun) -> str:
    """The same as a page."""
    told = "".join(f"<p>{escape(line)}</p>" if line else "" for line in failure_text(run).splitlines())
    return told.replace(escape(run.link), f'<a href="{escape(run.link)}">{escape(run.link)}</a>')


def render_failure_eml(run: FailedRun, sender: str, to: tuple[str, ...], cc: tuple[str, ...]) -> bytes:
    """A complete message; its identity is the run's, so a run is told once."""
    letter = Letter(
        subject=f"LearnFinance: {_headline(run)}",
        sent=run.ended,
        run=f"failure:{run.run_id}",
        market=run.market,
        text=failure_text(run),
        markup=lambda _sources: failure_page(run),
        name="none",
        picture=None,
    )
    return mailed(letter, sender, to, cc)


def _headline(run: FailedRun) -> str:
    return f"{run.job} {run.partition} failed".replace("  ", " ")
