"""The history of sentiment is filled from the command line, and a run that is killed loses and repeats nothing."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from alpaca_scene import KEY, NEWS, SECRET, Alpaca, item, noon
from vendor_server import Reply, VendorServer

from learnfinance_dagster.calendar import news_days, week_from_key

ROOT = Path(__file__).resolve().parents[2]
WEEKS = ("2021-05-24", "2021-05-31")
ASSETS = ("halal_universe", "daily_sentiment", "sentiment_gaps")
DAYS = 14
BEFORE_THE_KILL = 5


def command(home):
    """What the README says."""
    tool = Path(sys.executable).with_name("dagster")
    chosen = ["--select", ",".join(ASSETS), "--partition-range", "...".join(WEEKS)]
    return subprocess.Popen(
        [tool, "asset", "materialize", "-m", "learnfinance_dagster.definitions", *chosen],
        cwd=ROOT,
        env=home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def scene(practice_folder, tmp_path_factory):
    """Alpaca on this machine with an article a day about every name, a data folder, and two runs: killed, and again."""
    folder = tmp_path_factory.mktemp("gaps")
    names = sorted(pd.read_parquet(practice_folder / "holdings.parquet", columns=["symbol"])["symbol"].unique())
    days = [day for week in WEEKS for day in news_days(week_from_key(week))]
    articles = [item(n, noon(day), *names, headline=f"Great profit, day {n}") for n, day in enumerate(days)]
    honest = Alpaca(articles)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DAGSTER_HOME": str(folder / "dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "LEARNFINANCE_DATA": str(folder / "data"),
        "LEARNFINANCE_MARKET": "directory",
        "LEARNFINANCE_MARKET_DIRECTORY": str(practice_folder),
        "LEARNFINANCE_NEWS": "alpaca",
        "ALPACA_API_KEY": KEY,
        "ALPACA_API_SECRET": SECRET,
    }
    (folder / "dagster").mkdir()
    with VendorServer() as vendor:
        environment["LEARNFINANCE_ENDPOINTS__ALPACA_DATA"] = vendor.url
        in_flight = lambda seen: Reply(honest(seen).body, delay=60)  # noqa: E731 - an answer that never comes
        vendor.answers(NEWS, *[honest] * (BEFORE_THE_KILL - 1), in_flight)
        first = command(environment)
        try:
            while len(vendor.seen) < BEFORE_THE_KILL:
                assert first.poll() is None, "it ended by itself"
                time.sleep(0.05)
        finally:
            os.kill(first.pid, signal.SIGKILL)
            first.wait()
        vendor.answers(NEWS, honest)
        status = command(environment).wait()
        asked = Counter(seen.query["start"] for seen in vendor.seen)
        yield folder / "data", status, asked, environment, vendor


def frames(data, asset):
    folder = next(data.glob(f"directory-*/artifacts/{asset}"))
    return pd.concat([pd.read_parquet(folder / f"{week}.parquet") for week in WEEKS])


def test_the_run_after_the_kill_fetches_every_day_once_but_for_the_one_in_flight(scene):
    _, status, asked, *_ = scene
    assert status == 0
    assert len(asked) == DAYS
    assert sorted(asked.values()) == [1] * (DAYS - 1) + [2]


def test_no_article_is_lost_and_every_day_of_every_name_is_covered(scene):
    data, *_ = scene
    daily = frames(data, "daily_sentiment")
    assert set(daily["state"]) == {"articles"}
    assert (daily["article_count"] == 1).all()
    assert daily.groupby("symbol").size().eq(DAYS).all()
    assert (daily["sentiment"] > 0).all()
    assert len(frames(data, "sentiment_gaps")) == 0


def test_a_third_run_asks_for_nothing_and_changes_nothing(scene):
    data, _, _, environment, vendor = scene
    before = frames(data, "daily_sentiment")
    count = len(vendor.seen)
    assert command(environment).wait() == 0
    assert len(vendor.seen) == count
    pd.testing.assert_frame_equal(frames(data, "daily_sentiment"), before)


def test_no_secret_is_written_anywhere(scene):
    data, *_ = scene
    for path in data.parent.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert KEY.encode() not in content, path
            assert SECRET.encode() not in content, path
