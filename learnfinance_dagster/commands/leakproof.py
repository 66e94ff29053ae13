"""`make leakproof WEEK=…`: spoil everything that became known after the decision, and compare every artifact.

Two horizons are tried. At `decision`, the market stands still at 18:00 in Kolkata, as it does live: every artifact of
the Monday must be byte-identical, whatever the future holds, and so must be small forecasters and policies trained for
it. At `first_session`, simulated orders learn their fate from the week's first session, so everything after that
session's close is spoilt instead.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg

from learnfinance_dagster.calendar import week_from_key, week_of
from learnfinance_dagster.commands.running import run_monday
from learnfinance_dagster.commands.small_models import (
    OpenDoor,
    put_policies_in_use,
    small,
    train_forecasters,
    train_policies,
)
from learnfinance_dagster.definitions import artifact_store, build, defs
from learnfinance_dagster.errors import ConfigurationError, DataError
from learnfinance_dagster.parameters import MailParameters
from learnfinance_dagster.ports import Market
from learnfinance_dagster.settings import Settings
from learnfinance_dagster.values import Week
from learnfinance_dagster.wiring import market_door
from resources.market_directory import DirectoryMarket, MarketFrames
from resources.market_directory.poison import Poison, poisoned

MarketMaker = Callable[[MarketFrames], Market]
HORIZONS = ("decision", "first_session")


@dataclass(frozen=True, slots=True)
class Leak:
    """The first artifact that knew the future, in the order of the graph."""

    horizon: str
    poison: Poison
    artifact: str


def leakproof(key: str) -> int:
    """Check one week of the market that settings name; 0 when nothing leaks."""
    week, settings = week_from_key(key), Settings.from_environment()
    market = market_door(settings).open()
    if not isinstance(market, DirectoryMarket):
        msg = "leakproof needs a market directory: only what lies in files can be spoilt"
        raise ConfigurationError(msg)
    sys.stdout.write(f"{market.info.name}, week {week.key}\n")
    checked, leak = find_leak(settings, market.frames, week, say=sys.stdout.write)
    if leak:
        sys.stdout.write(f"LEAK: {leak.artifact} differs when the future after {leak.horizon} is {leak.poison.value}\n")
        return 1
    sys.stdout.write(f"no leak: {checked} artifacts byte-identical under {len(Poison) * len(HORIZONS)} futures\n")
    return 0


def find_leak(  # noqa: PLR0913 - two of them are for tests
    settings: Settings,
    frames: MarketFrames,
    week: Week,
    make: MarketMaker = DirectoryMarket.from_frames,
    say: Callable[[str], object] = lambda _: None,
    horizons: Sequence[str] = HORIZONS,
) -> tuple[int, Leak | None]:
    """Run the week on the true and on spoilt markets.

    Args:
        settings: whose parameters to use; nothing is written to its data folder.
        frames: the true market.
        week: the week to check; the week before is traded first, so that accounts hold something.
        make: turns frames into a market; tests plant leaks here.
        say: called with lines of progress.
        horizons: which of `HORIZONS` to try.

    Returns:
        How many artifacts were compared a future, and the first leak, if any.
    """
    count = 0
    for horizon in horizons:
        known_at = week.first_close if horizon == "first_session" else week.as_of
        with _before_the_week(settings, make(frames), week, horizon) as start:
            truth, failures = _artifacts_of(start, make(frames), week)
            if failures:
                msg = f"the week fails on the true market, so there is nothing to compare: {'; '.join(failures)}"
                raise DataError(msg)
            count = max(count, len(truth))
            for poison in Poison:
                found, _ = _artifacts_of(start, make(poisoned(frames, known_at or week.as_of, poison)), week)
                first = next((name for name, content in truth.items() if found.get(name) != content), None)
                say(f"  future after {horizon} {poison.value}: {first or f'{len(truth)} artifacts identical'}\n")
                if first:
                    return count, Leak(horizon, poison, first)
    return count, None


@contextmanager
def _before_the_week(settings: Settings, market: Market, week: Week, horizon: str) -> Iterator[Settings]:
    """A data folder in which the week before has been traded."""
    with tempfile.TemporaryDirectory(prefix="leakproof-") as folder:
        start = settings.model_copy(
            update={
                "data": Path(folder) / "start",
                "market_clock": horizon,
                "ledger_url": None,
                "news": "market",  # only what lies in files can be spoilt, and no vendor is asked ten times
                "fundamentals": "market",
                "models": "local",
                "mail": MailParameters(),  # nobody gets ten reports of one week
                **small(settings, market),
            }
        )
        previous = week_of(week.monday - timedelta(days=7))
        if failures := (*train_forecasters(start, market, previous), *put_policies_in_use(start, market, previous)):
            msg = f"no model can be trained on the true market: {'; '.join(failures)}"
            raise DataError(msg)
        _run(start, market, previous)
        yield start


def _artifacts_of(start: Settings, market: Market, week: Week) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Run the week on a copy of `start`; what it stored, by name and in the order of the graph, and what failed."""
    with tempfile.TemporaryDirectory(prefix="leakproof-") as folder:
        copy = start.model_copy(update={"data": Path(folder) / "copy"})
        shutil.copytree(start.root, copy.root)
        failures: tuple[str, ...] = ()
        if copy.market_clock == "decision":
            failures = (*train_forecasters(copy, market, week), *train_policies(copy, market, week))
        failures += _run(copy, market, week)
        store = artifact_store(copy)
        order = [key.path[-1] for key in defs.resolve_asset_graph().toposorted_asset_keys]
        stored = {name: store.path(name, week.key) for name in order}
        stored |= {path.name: path for path in sorted((copy.root / "outbox").glob(f"*{week.key}*"))}
        return {name: path.read_bytes() for name, path in stored.items() if path.exists()}, failures


def _run(settings: Settings, market: Market, week: Week) -> tuple[str, ...]:
    """Materialize one Monday without keeping Dagster's records; one line per failed step."""
    defs = build(settings, OpenDoor(market), clock=lambda: week.as_of)  # the forward record tells the time
    jobs = [defs.resolve_job_def(name) for name in ("monday", "fill_sentiment_gaps")]
    with dg.DagsterInstance.ephemeral() as instance:
        return tuple(failure for job in jobs for failure in run_monday(job, instance, week.key).failures)
