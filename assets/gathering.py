"""How evidence is made: not again for a traded week, with a stand-in where the Monday must go on, never for worse."""

from collections.abc import Callable

import dagster as dg
import pandas as pd

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.orchestration.failures import Outcome, isolated, translated
from learnfinance_dagster.orchestration.floor import Shelf
from learnfinance_dagster.orchestration.partitions import weeks_of
from learnfinance_dagster.schemas.artifacts import FRAMES
from learnfinance_dagster.signals.sentiment import FAILED
from learnfinance_dagster.values import Week

Frames = dict[str, pd.DataFrame]
"""Asset → frame. Most steps make one; news makes two that belong together."""


def gathered(
    context: dg.AssetExecutionContext,
    shelf: Shelf,
    assets: tuple[str, ...],
    produce: Callable[[list[Week]], Frames],
    stand_in: Callable[[Week, str], Frames],
    *,
    says_nothing: Callable[[Frames], bool] | None = None,
) -> Outcome[Frames]:
    """Frames of all weeks of a run, and why the newest is only a stand-in if it is.

    Args:
        context: of the step.
        shelf: what is stored.
        assets: what the step makes; the first one's `reason` or `missing` tells a stored stand-in.
        produce: makes the frames of some weeks.
        stand_in: makes a week's frames without any signal; its second argument goes into the reasons.
        says_nothing: whether a week's frames hold no evidence at all; they never replace frames that do.

    Returns:
        The stored frames of traded weeks, whatever settings are now, and fresh ones of the others. In the run that
        trades, a failure becomes a stand-in, because the accounts that read no signals have traded by then and the
        report must tell of it. Every other run fails: nobody waits for it.
    """
    weeks = weeks_of(context)
    found = {week.key: _kept(shelf, assets, week) for week in weeks}
    todo = [week for week in weeks if not found[week.key]]
    failure = _failure_of(found[weeks[-1].key], assets[0])
    if todo:
        made = _made(context, shelf, todo, produce, stand_in)
        failure = failure if found[weeks[-1].key] else made.failure
        parts = {asset: dict(list(frame.groupby("week", sort=False))) for asset, frame in made.value.items()}
        for week in todo:
            found[week.key] = {asset: parts[asset].get(week.key, made.value[asset].iloc[:0]) for asset in made.value}
            if says_nothing and says_nothing(found[week.key]):
                found[week.key] = _better(context, shelf, assets, week, says_nothing) or found[week.key]
    joined = {asset: pd.concat([found[week.key][asset] for week in weeks], ignore_index=True) for asset in assets}
    return Outcome(joined, failure)


def _kept(shelf: Shelf, assets: tuple[str, ...], week: Week) -> Frames:
    """The frames that a traded week was traded on; empty when it may be made anew."""
    if not all(shelf.artifacts.has(asset, week.key) for asset in assets):  # before the ledger is asked of each week
        return {}
    frames = {asset: frame for asset in assets if (frame := shelf.kept(asset, week.key)) is not None}
    return frames if len(frames) == len(assets) else {}


def _better(
    context: dg.AssetExecutionContext,
    shelf: Shelf,
    assets: tuple[str, ...],
    week: Week,
    says_nothing: Callable[[Frames], bool],
) -> Frames:
    """What is stored, where it holds evidence; else empty."""
    frames = {asset: frame for asset in assets if (frame := shelf.stored(asset, week.key)) is not None}
    if len(frames) < len(assets) or says_nothing(frames):
        return {}
    context.log.warning("nothing was fetched for %s; what was stored before stays", week.key)
    return frames


def _failure_of(frames: Frames, asset: str) -> str:
    """Why stored frames are only a stand-in; empty when they are evidence."""
    if asset not in frames:
        return ""
    told = frames[asset]["reason" if "reason" in frames[asset] else "missing"]
    failed = told[told.str.startswith(FAILED)]
    return failed.iloc[0].removeprefix(FAILED) if len(failed) else ""


def _made(
    context: dg.AssetExecutionContext,
    shelf: Shelf,
    weeks: list[Week],
    produce: Callable[[list[Week]], Frames],
    stand_in: Callable[[Week, str], Frames],
) -> Outcome[Frames]:
    def fitting() -> Frames:
        frames = produce(weeks)
        for asset, frame in frames.items():
            if faults := misfit(asset, frame):  # the store would refuse it too, but too late for a stand-in
                msg = f"{asset} does not fit its schema: {faults}"
                raise DataError(msg)
        return frames

    if len(weeks) == 1 and shelf.may_stand_in(context):
        return isolated(context, fitting, lambda why: stand_in(weeks[0], f"{FAILED}{why}"))
    with translated(context):
        return Outcome(fitting(), "")


def misfit(asset: str, frame: pd.DataFrame) -> str:
    """Where a frame is not what its schema says (columns, types, ranges); empty when it is."""
    from pandera.errors import SchemaErrors

    try:
        FRAMES[asset].validate(frame, lazy=True)
    except SchemaErrors as error:
        return str(error.failure_cases[["column", "check", "failure_case"]].head(5).to_dict("records"))
    return ""
