"""The history of daily sentiment on the Hub: completed by every machine, and no fetched day is ever lost."""

import pandas as pd
import pytest
from hub_server import ALICE, BROKEN, MALLORY, HubServer, instead
from sentiment_days import days
from vendor_server import Reply

from learnfinance_dagster.errors import ConfigurationError, DataError, LearnFinanceError
from resources.artifacts import parquet
from resources.sentiment_history import HERE_ONLY, SentimentHistoryDoor

REPO = "alice/learnfinance-practice-daily-sentiment"


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", ALICE)
    with HubServer() as hub:
        yield hub


def door(hub):
    return SentimentHistoryDoor(hub.url, "alice", "practice")


def test_what_is_pushed_is_pulled_on_another_machine_and_only_its_owner_sees_it(hub, monkeypatch):
    both = pd.concat(
        [days("2024-12-30", "AAA", ["articles", "not_fetched"]), days("2025-01-06", "AAA", ["no_articles"])],
        ignore_index=True,
    )
    assert "3 days of names sent to" in door(hub).push(both)
    assert hub.repos[REPO].private
    assert {"daily_sentiment-2024.parquet", "daily_sentiment-2025.parquet"} < set(hub.files(REPO, "main"))
    pd.testing.assert_frame_equal(door(hub).pull(), both)
    monkeypatch.setenv("HF_TOKEN", MALLORY)
    assert door(hub).pull() is None


def test_pushing_again_sends_nothing(hub):
    rows = days("2025-01-06", "AAA", ["articles"])
    door(hub).push(rows)
    commits = len(hub.repos[REPO].commits)
    assert "are there already" in door(hub).push(rows)
    assert len(hub.repos[REPO].commits) == commits


def test_two_machines_complete_each_other_and_no_fetched_day_is_lost(hub):
    door(hub).push(days("2025-01-06", "AAA", ["articles", "not_fetched", "articles"], sentiment=0.1))
    door(hub).push(days("2025-01-06", "AAA", ["not_fetched", "articles", "articles"], sentiment=0.2))
    door(hub).push(days("2025-01-13", "BBB", ["not_fetched"]))
    door(hub).push(days("2025-01-06", "AAA", ["not_fetched"] * 3))
    there = door(hub).pull()
    assert there["state"].tolist() == ["articles"] * 3 + ["not_fetched"]
    assert there["sentiment"].tolist()[:3] == [0.1, 0.2, 0.2]


def test_whoever_is_faster_loses_nothing(hub):
    """Between our look and our commit somebody else's rows arrive: the commit is refused, and made upon theirs."""
    door(hub).push(days("2025-01-06", "AAA", ["articles"]))

    other = days("2025-01-06", "CCC", ["articles"])
    name = "daily_sentiment-2025.parquet"

    def overtaken(honest):
        mine = hub.files(REPO, "main")
        hub.put(REPO, "main", mine | {name: parquet(pd.concat([days("2025-01-06", "AAA", ["articles"]), other]))})
        return honest()

    hub.plant("POST", "/commit/", overtaken)
    door(hub).push(days("2025-01-06", "BBB", ["articles"]))
    assert set(door(hub).pull()["symbol"]) == {"AAA", "BBB", "CCC"}


@pytest.mark.parametrize("fault", [BROKEN, instead(Reply({"error": "no"}, 503)), instead(Reply(b"<html>", 200))])
@pytest.mark.parametrize("call", [("GET", "/revision/"), ("POST", "/commit/")])
def test_a_hub_that_fails_changes_nothing_or_all(hub, fault, call):
    door(hub).push(days("2025-01-06", "AAA", ["articles"]))
    hub.plant(*call, *[fault] * 20)
    with pytest.raises(LearnFinanceError) as failed:
        door(hub).push(days("2025-01-06", "BBB", ["articles"]))
    assert ALICE not in str(failed.value)
    hub.heal()
    assert set(door(hub).pull()["symbol"]) == {"AAA"}


def test_a_file_that_is_no_history_is_refused_by_its_name(hub):
    door(hub).push(days("2025-01-06", "AAA", ["articles"]))
    hub.put(REPO, "main", {"daily_sentiment-2025.parquet": b"no parquet"})
    with pytest.raises(DataError, match=r"daily_sentiment-2025\.parquet: no history"):
        door(hub).pull()


def test_where_everything_is_kept_here_nothing_is_asked():
    assert SentimentHistoryDoor("", "", "practice").push(days("2025-01-06", "AAA", ["articles"])) == HERE_ONLY
    assert SentimentHistoryDoor("", "", "practice").pull() is None


@pytest.mark.parametrize(("token", "owner", "missing"), [("", "alice", "HF_TOKEN"), (ALICE, "", "HUB_OWNER")])
def test_what_is_missing_is_named(hub, monkeypatch, token, owner, missing):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(ConfigurationError, match=missing):
        SentimentHistoryDoor(hub.url, owner, "practice").push(days("2025-01-06", "AAA", ["articles"]))
    assert hub.seen == []
