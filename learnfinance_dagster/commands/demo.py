"""`make demo` and `make monday`: the market's last complete Mondays, traded in order, and where to look afterwards."""

import os
import socket
import sys
import time
from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from learnfinance_dagster.allocation import chosen
from learnfinance_dagster.calendar import week_from_key, week_of
from learnfinance_dagster.commands.env_file import refuse_quarrels
from learnfinance_dagster.commands.following import World, follow_until_sent
from learnfinance_dagster.commands.learning import learn
from learnfinance_dagster.commands.running import run_monday, short
from learnfinance_dagster.commands.train import train_all
from learnfinance_dagster.definitions import artifact_store, build
from learnfinance_dagster.errors import ConfigurationError
from learnfinance_dagster.orchestration.choices import RunChoices, config_of
from learnfinance_dagster.orchestration.follow import SHARED, followed, look, steps_of
from learnfinance_dagster.orchestration.job_names import FOLLOW_JOB
from learnfinance_dagster.ports import MarketInfo
from learnfinance_dagster.settings import REPOSITORY, Settings
from learnfinance_dagster.trading.following import Standing
from learnfinance_dagster.values import Week
from learnfinance_dagster.wiring import ledger_door, market_door, trading_floor
from resources.files import sweep

HOUR = 3600
WEEKS = 8
"""Mondays that the demo trades: enough for an equity curve, few enough for a minute."""
LEARNED_WEEKS = 156
SNAPSHOT_EPOCHS = 3
SMALL = {
    "history_weeks": LEARNED_WEEKS,
    "held_out_weeks": 60,
    "min_judged_weeks": 52,
    "min_training_weeks": 78,
}
"""Of policies: enough to see how they learn, not to trust them."""


def say(line: str = "") -> None:
    """One line to the person at the terminal."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def last_complete_weeks(market: MarketInfo, count: int) -> list[Week]:
    """The newest `count` weeks whose whole holding period the market knows, oldest first."""
    week = week_of(market.last_session - timedelta(days=market.last_session.weekday()))
    while week.next_session > market.last_session:
        week = week_of(week.monday - timedelta(days=7))
    return [week_of(week.monday - timedelta(days=7 * n)) for n in range(count - 1, -1, -1)]


def prepare(port: int | None = None) -> int:
    """Generate the market if absent, and initialise Dagster's storage once: several processes at once break it.

    Raises:
        ConfigurationError: `port`, where the web UI is to listen, is in use.
    """
    if port is not None:
        _check_free(port)
        refuse_quarrels()
    os.environ.setdefault("DAGSTER_HOME", str(REPOSITORY))
    settings = Settings.from_environment()
    sweep(settings.root, time.time() - HOUR)
    started = time.perf_counter()
    market = market_door(settings).open()
    say(
        f"market: {market.info.name}, {market.info.first_session} to {market.info.last_session}"
        f" ({time.perf_counter() - started:.1f} s)"
    )
    with dg.DagsterInstance.get():
        return 0


def _check_free(port: int) -> None:
    """A second UI on a port would not say that it is deaf, and its daemon would quarrel with the first one's."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            msg = f"port {port} is in use: is the web UI running already? Otherwise: make ui PORT={port + 1}"
            raise ConfigurationError(msg) from error


def demo() -> int:
    """Trade what has not been traded yet, then show the newest report."""
    started = time.perf_counter()
    prepare()
    settings = Settings.from_environment()
    weeks = last_complete_weeks(market_door(settings).open().info, WEEKS)
    done, missed = _progress(settings, weeks)
    todo = [week for week in weeks if week not in done and week not in missed]
    if todo:
        _train(settings, weeks[0])
        _learn(settings, weeks[0])
        if _trade(settings, todo) or _fill_history(settings, todo):
            return 1
    _show(settings, weeks[-1])
    say()
    if missed:
        say(f"{len(missed)} earlier Mondays were never traded and will not be: time runs one way for an account.")
    if todo:
        took = time.perf_counter() - started
        say(f"done: {len(todo)} Mondays run in {took:.0f} s. Run it again: nothing changes.")
    else:
        newest = weeks[-1].key
        say(f"nothing to do: all {len(done)} Mondays up to {newest} are traded and reported; nothing was changed.")
    return 0


def _progress(settings: Settings, weeks: list[Week]) -> tuple[list[Week], list[Week]]:
    """Which weeks are traded and reported, and which cannot be traded any more because later ones were."""
    ledger, store = ledger_door(settings).open(), artifact_store(settings)
    accounts = [allocator.name for allocator in chosen(settings.allocators)]
    newest = max([day for account in accounts if (day := ledger.latest_traded(account))], default=None)
    traded = [week for week in weeks if any(ledger.latest_attempt(account, week.run_id) for account in accounts)]
    done = [week for week in traded if store.has("weekly_report", week.key)]
    missed = [week for week in weeks if week not in traded and newest is not None and week.monday < newest]
    return done, missed


def one_monday(key: str, choices: RunChoices | None = None) -> int:
    """Run the job for one week and show its report; a week that was traded is shown again.

    Where a broker lives on the wall clock, go on until its orders are sent: sells, then buys.
    """
    prepare()
    settings, week, choices = Settings.from_environment(), week_from_key(key), choices or RunChoices()
    if _progress(settings, [week])[0]:
        say(f"{week.key} was traded before: it is shown again as it was, and nothing is sent")
    if _trade(settings, [week], choices):
        return 1
    if not choices.dry_run and not _follow(settings, week):
        return 1
    _show(settings, week)
    return 0


def _follow(settings: Settings, week: Week) -> bool:
    """Complete the sending at brokers on the wall clock; whether everything was sent or given up."""
    market = market_door(settings)
    floor = trading_floor(settings, market)
    accounts, failures = followed(floor)
    for account, why in failures.items():
        say(f"  {account}: {why}")
    if not accounts:
        return True
    learned = [allocator.name for allocator in chosen(settings.allocators) if allocator.policy]
    job = build(settings).resolve_job_def(FOLLOW_JOB)
    with dg.DagsterInstance.get() as instance:

        def act(each: Standing) -> bool:
            result = run_monday(job, instance, week.key, [*steps_of(each.account, learned), *SHARED])
            for line in (*result.failures, *result.complaints):
                say(f"    {line}")
            return not result.failures and not any(line.startswith(f"{each.account}_") for line in result.complaints)

        world = World(floor.clock, time.sleep, say, lambda names: look(floor, market, week, names), act)
        return follow_until_sent(world, week, accounts)


def train(key: str, forecasters: Sequence[str]) -> int:
    """`make train`: candidates for one Monday."""
    prepare()
    settings, week = Settings.from_environment(), week_from_key(key)
    names = forecasters or settings.forecasting.enabled
    say(f"training {' and '.join(names)}, profile {settings.forecasting.profile}, for {week.key}")
    with dg.DagsterInstance.get() as instance:
        return 0 if train_all(settings, names, week, instance) else 1


def _train(settings: Settings, week: Week) -> None:
    """Small forecasters that know nothing of the weeks to come. Accounts trade without them, and the report says so."""
    began = time.perf_counter()
    quick = settings.forecasting.model_copy(update={"profile": "quick"})
    say(f"training {' and '.join(quick.enabled)}, in small ({week.key} and after is hidden from them)")
    with dg.DagsterInstance.get() as instance:
        done = train_all(settings.model_copy(update={"forecasting": quick}), quick.enabled, week, instance)
    say(f"  {'ok' if done else 'failed: there will be no forecasts'}  {time.perf_counter() - began:.1f} s")


def _learn(settings: Settings, week: Week) -> None:
    """Small policies on three years of past Mondays, made with small yearly forecasters."""
    if not any(allocator.policy for allocator in chosen(settings.allocators)):
        return
    began = time.perf_counter()
    say(f"training policies, in small, on the {LEARNED_WEEKS} Mondays before {week.key}")
    small = settings.model_copy(
        update={
            "forecasting": settings.forecasting.model_copy(update={"profile": "quick", "max_epochs": SNAPSHOT_EPOCHS}),
            "policies": settings.policies.model_copy(update={"profile": "quick", **SMALL}),
        }
    )
    with dg.DagsterInstance.get() as instance:
        done = learn(small, week, instance)
    say(f"  {'ok' if done else 'failed: learned allocators will be left alone'}  {time.perf_counter() - began:.1f} s")


def _trade(settings: Settings, weeks: list[Week], choices: RunChoices | None = None) -> bool:
    """Run the job for each week in order; True when one failed."""
    say("on paper; the first Monday fetches the history that is absent")
    extra = config_of(choices) if choices else {}
    job = build(settings).resolve_job_def("monday")
    with dg.DagsterInstance.get() as instance:
        for week in weeks:
            began = time.perf_counter()
            result = run_monday(job, instance, week.key, extra=extra)
            say(f"  {week.key}  {'failed' if result.failures else 'ok'}  {time.perf_counter() - began:.1f} s")
            for line in (*result.failures, *result.complaints):
                say(f"    {line}")
            if result.failures:
                return True
    return False


def _fill_history(settings: Settings, weeks: list[Week]) -> bool:
    """The daily sentiment that training will read; True when a step failed."""
    began = time.perf_counter()
    job = build(settings).resolve_job_def("fill_sentiment_gaps")
    with dg.DagsterInstance.get() as instance:
        results = [run_monday(job, instance, week.key) for week in weeks]
    failures = [failure for result in results for failure in result.failures]
    say(f"  history of daily sentiment  {'failed' if failures else 'ok'}  {time.perf_counter() - began:.1f} s")
    for line in failures:
        say(f"    {line}")
    return bool(failures)


def _show(settings: Settings, week: Week) -> None:
    from learnfinance_dagster.reporting.content import WeeklyReport
    from learnfinance_dagster.reporting.text import comparison_table

    report: WeeklyReport = artifact_store(settings).read("weekly_report", [week.key])
    outbox = settings.root / "outbox"
    say()
    say(comparison_table(report))
    say()
    for section in report.accounts:
        if section.plan.mode_reason:
            say(f"{section.name}: {section.plan.mode_reason}")
    say(f"report:    {short(outbox / f'weekly-{week.key}.html')}   (open it in a browser)")
    say(f"e-mail:    {short(outbox / f'weekly-{week.key}.eml')}")
    say(f"artifacts: {short(settings.root / 'artifacts')}")
    say("web UI:    make ui   then http://127.0.0.1:3000")
