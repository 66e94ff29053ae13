"""A small practice market, and houses that live on it: the real graph, each with a data folder of its own."""

import shutil
import sqlite3
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from tiny_forecasts import PLAIN, TINY
from tiny_policies import LEARNING, PAST_WEEKS, certify, speak

from learnfinance_dagster.commands.running import QUIET
from learnfinance_dagster.definitions import artifact_store, build
from learnfinance_dagster.orchestration.failures import COMPLETED
from learnfinance_dagster.orchestration.jobs import POLICY_EVIDENCE
from learnfinance_dagster.parameters import OrderParameters, UniverseParameters
from learnfinance_dagster.settings import Settings
from resources.practice_market import PracticeSpec, ensure


@dataclass(frozen=True)
class OpenDoor:
    """A market door that is open already."""

    market: object

    def open(self):
        return self.market


@dataclass(frozen=True)
class Went:
    """How a run went, by asset."""

    result: dg.ExecuteInProcessResult

    @property
    def success(self):
        return self.result.success

    @property
    def errors(self):
        """Asset → the innermost error's text, of failed steps."""
        found = {}
        for event in self.result.all_events:
            if event.event_type is dg.DagsterEventType.STEP_FAILURE:
                error = event.step_failure_data.error
                while error.cause is not None:
                    error = error.cause
                found[event.step_key] = error.message.strip()
        return found

    @property
    def checks(self):
        """Asset → whether its check `completed` passed, and what it says."""
        done = self.result.get_asset_check_evaluations()
        return {c.asset_key.path[-1]: (c.passed, c.description) for c in done if c.check_name == COMPLETED}

    @property
    def red(self):
        """(asset, check) → what it says, of every check that did not pass."""
        done = self.result.get_asset_check_evaluations()
        return {(c.asset_key.path[-1], c.check_name): c.description for c in done if not c.passed}

    @property
    def retries(self):
        """Assets' steps that were tried again, once for each time."""
        return [e.step_key for e in self.result.all_events if e.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY]

    @property
    def metadata(self):
        """Asset → metadata of its materialization in this run."""
        events = self.result.get_asset_materialization_events()
        return {e.asset_key.path[-1]: e.materialization.metadata for e in events}


@dataclass(frozen=True)
class House:
    """The graph, a data folder, and a Dagster instance that is forgotten with the test."""

    settings: Settings
    instance: dg.DagsterInstance
    clock: Callable[[], datetime] | None = None
    """Stands for the wall's."""

    @property
    def root(self):
        return self.settings.root

    @property
    def store(self):
        return artifact_store(self.settings)

    def with_settings(self, **changes):
        return replace(self, settings=self.settings.model_copy(update=changes))

    def run(self, job, week, *, select=None, tags=None, market=None):
        """Run a job for a Monday, quietly; a failure is told by the answer, not raised."""
        defs = build(self.settings, OpenDoor(market) if market else None, self.clock)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as `run_monday` does
            result = defs.resolve_job_def(job).execute_in_process(
                partition_key=week,
                instance=self.instance,
                asset_selection=[dg.AssetKey(name) for name in select] if select else None,
                tags=tags,
                run_config=QUIET,
                raise_on_error=False,
            )
        return Went(result)

    def run_range(self, weeks, select, *, market=None):
        """Materialize assets for all weeks from the first to the last in one run."""
        defs = build(self.settings, OpenDoor(market) if market else None)
        span = {"dagster/asset_partition_range_start": weeks[0], "dagster/asset_partition_range_end": weeks[-1]}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
                instance=self.instance,
                asset_selection=[dg.AssetKey(name) for name in select],
                tags=span,
                run_config=QUIET,
                raise_on_error=False,
            )
        return Went(result)

    def read(self, asset, week):
        return self.store.read(asset, [week])

    def files(self, *folders):
        """Every file in those folders of the house, by name."""
        roots = [self.root / folder for folder in folders]
        found = sorted(path for root in roots for path in root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in found}

    def ledger_rows(self):
        """Every row of every table."""
        with sqlite3.connect(self.root / "ledger.sqlite") as connection:
            tables = [row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")]
            return {table: sorted(map(repr, connection.execute(f"select * from {table}"))) for table in tables}

    def money(self):
        """All that a run without side effects must leave alone."""
        return self.ledger_rows(), self.files("broker")


@pytest.fixture(scope="session")
def house_of():
    """A house of settings and an instance of the test's own."""
    return House


@pytest.fixture(scope="session")
def practice_folder(tmp_path_factory):
    """Twenty invented names, thirty months."""
    folder = tmp_path_factory.mktemp("market") / "practice"
    first, last = date(2019, 1, 7), date(2021, 6, 30)
    ensure(folder, PracticeSpec(seed=3, symbols=20, first=first, last=last, signal_strength=0.15))
    return folder


def settings_of(data, market):
    return Settings(
        data=data,
        market="directory",
        market_directory=market,
        universe=UniverseParameters(top=8, min_dollar_volume=0, min_price=1),
        orders=OrderParameters(dead_band=0),  # so that every Monday has orders
        forecasting=TINY,
        allocators=PLAIN,
    )


TRAINED_FOR = "2019-12-30"
"""The Monday for which every house has forecasters: the earliest with enough history."""


@pytest.fixture(scope="session")
def trained_models(practice_folder, tmp_path_factory):
    """A folder of forecasters, trained once for all houses; houses begin with a copy of it."""
    settings = settings_of(tmp_path_factory.mktemp("school"), practice_folder)
    with dg.DagsterInstance.ephemeral() as instance:
        went = House(settings, instance).run("retrain", TRAINED_FOR)
    assert went.success, went.errors
    return settings.root / "models"


@pytest.fixture(scope="session")
def build_house(practice_folder, trained_models, tmp_path_factory):
    """Makes houses: `build_house()` an empty one, `build_house(other)` one that starts where `other` stands."""
    with ExitStack() as stack:

        def build_one(like=None, market=None):
            settings = settings_of(tmp_path_factory.mktemp("house"), market or practice_folder)
            if like is not None:
                shutil.copytree(like.root, settings.root)
            else:
                shutil.copytree(trained_models, settings.root / "models")
            return House(settings, stack.enter_context(dg.DagsterInstance.ephemeral()))

        yield build_one


@dataclass(frozen=True)
class Traded:
    """A house, the Mondays that it traded, and how the runs went."""

    house: House
    weeks: tuple[str, str]
    went: tuple[Went, Went]
    next_week: str = "2021-06-21"


@pytest.fixture(scope="session")
def traded(build_house):
    """Two Mondays in a row. Look only: to run something, `build_house(traded.house)`."""
    house, weeks = build_house(), ("2021-06-07", "2021-06-14")
    return Traded(house, weeks, tuple(house.run("monday", week) for week in weeks))


@dataclass(frozen=True)
class Taught:
    """A house whose policies were trained on a Sunday, for the Monday after it, and how the runs went."""

    house: House
    week: str
    gathered: Went
    went: Went


@pytest.fixture(scope="session")
def taught(build_house):
    """Half a year of past Mondays, and the first policies of all learned allocators. Look only."""
    house, week = build_house().with_settings(**LEARNING), "2021-06-07"
    mondays = [(date.fromisoformat(week) - timedelta(weeks=ago)).isoformat() for ago in range(PAST_WEEKS, 0, -1)]
    gathered = house.run_range(mondays, POLICY_EVIDENCE)
    assert gathered.success, gathered.errors
    speak(house.store, mondays)
    certify(house.settings)
    return Taught(house, week, gathered, house.run("sunday", week))


@pytest.fixture(scope="session")
def six(taught, build_house):
    """The two Mondays after that Sunday, with six accounts. Look only."""
    house, weeks = build_house(taught.house).with_settings(**LEARNING), (taught.week, "2021-06-14")
    return Traded(house, weeks, tuple(house.run("monday", week) for week in weeks))


@pytest.fixture(scope="session")
def shared_market():
    """The real market directory, which is never copied into the repository."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "market"
    if not folder.is_dir():
        pytest.skip("no real market beside the repository (../shared/data/market)")
    return folder
