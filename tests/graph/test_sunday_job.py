"""The Sunday before a Monday: policies are trained and judged, a letter tells of it, and nothing is traded."""

import email
import email.policy
from dataclasses import dataclass
from datetime import date

import pytest
from mail_server import HERE, MailServer
from tiny_policies import LEARNED, LEARNING, SMALL

from assets.policies.models import lived_before
from learnfinance_dagster.allocation.rl.card import METADATA
from learnfinance_dagster.calendar import week_from_key, week_of
from learnfinance_dagster.orchestration.labels import Records
from learnfinance_dagster.parameters import MailParameters
from learnfinance_dagster.ports import TrialKind
from learnfinance_dagster.wiring import ledger_door, models_door, trials_door

FOLDERS = ("artifacts", "outbox", "models", "checkpoints")
JOB = {
    "policy_history",
    "training_summary",
    "training_mail",
    "ppo_certificate",
    "sac_certificate",
    *(f"{name}_policy" for name in LEARNED),
}


def store_of(house):
    return models_door(house.settings).open()


def outcomes(house, week):
    return {name: house.read(f"{name}_policy", week) for name in LEARNED}


def text_of(house, week):
    """The letter's plain text."""
    content = (house.root / "outbox" / f"training-{week}.eml").read_bytes()
    return email.message_from_bytes(content, policy=email.policy.default).get_body(("plain",)).get_content()


def without_trials(money):
    rows, accounts = money
    return {table: content for table, content in rows.items() if table != "trials"}, accounts


# ---- the first Sunday ----------------------------------------------------------------------------------------------


def test_it_trains_four_policies_for_the_monday_to_come(taught):
    assert taught.went.success, taught.went.errors
    assert set(taught.went.metadata) - {"daily_bars"} == JOB, "and the bars that nobody had stored yet"
    week = week_from_key(taught.week)
    for name, outcome in outcomes(taught.house, taught.week).items():
        card = outcome.card
        assert (outcome.failure, outcome.is_cached) == ("", False)
        assert (card.allocator, card.kind, card.serves) == (name, TrialKind.TRAINING, week.monday)
        assert card.promoted, card.decision.reason
        assert store_of(taught.house).current(name) == card.version


def test_every_version_has_its_trial_and_its_files_hold_no_pickle(taught):
    register = trials_door(taught.house.settings).open()
    for name, outcome in outcomes(taught.house, taught.week).items():
        (trial,) = register.trials(name)
        assert (trial.version, trial.kind, trial.promoted) == (outcome.card.version, TrialKind.TRAINING, True)
        files = store_of(taught.house).read(name, outcome.card.version)
        assert {path.rpartition(".")[2] for path in files} == {"json", "safetensors"}


def test_a_version_knows_nothing_of_the_monday(taught):
    """Neither its own week nor the one before, whose return needs the open of that Monday."""
    week, rows = week_from_key(taught.week), taught.house.read("policy_history", taught.week)
    assert max(rows["monday"]) < week.monday
    known = rows.loc[rows["holding_return"].notna(), "monday"].unique()
    assert max(week_of(monday).next_session for monday in known) <= week.last_session
    assert len(known) == rows["monday"].nunique() - 1
    for outcome in outcomes(taught.house, taught.week).values():
        card = outcome.card
        assert card.known_until == week.last_session
        assert card.trained_on.last < date.fromisoformat(card.decision.first_week)
        assert date.fromisoformat(card.decision.last_week) == max(known)
        assert len(card.weekly_excess) == SMALL.held_out_weeks


def test_a_policy_decides_no_week_that_it_knows(taught, build_house):
    house, earlier = build_house(taught.house).with_settings(**LEARNING), "2021-05-31"
    went = house.run("research", earlier, select=["ppo_lstm_portfolio", "lstm_forecast", "ppo_lstm_weights"])
    assert went.success, went.errors
    told = f"no ppo_lstm policy had been put in use by {earlier}: run make sunday WEEK={earlier}"
    assert house.read("ppo_lstm_weights", earlier).failure == told


def test_it_writes_the_training_letter(taught):
    letter = text_of(taught.house, taught.week)
    page = (taught.house.root / "outbox" / f"training-{taught.week}.html").read_text(encoding="utf-8")
    for name, outcome in outcomes(taught.house, taught.week).items():
        for told in (letter, page):
            assert name in told
            assert outcome.card.version in told


def test_the_page_of_a_policy_shows_how_it_learned_what_it_held_and_how_it_was_judged(taught):
    for name in LEARNED:
        told = taught.went.metadata[f"{name}_policy"]
        for picture in ("learning_curve", "weights_over_time", "gate_picture"):
            assert told[picture].value.startswith("![picture](data:image/png;base64,")
        assert "| equal_weight | 12 |" in told["gate"].value
        assert told["in_use"].value == told["version"].value


def test_it_trades_nothing(taught):
    """Not even an account is opened."""
    rows, accounts = without_trials(taught.house.money())
    assert accounts == {}
    assert not any(content for table, content in rows.items() if table != "alembic_version")
    assert not list((taught.house.root / "outbox").glob("weekly-*"))


def test_a_second_run_trains_nothing_and_changes_nothing(taught, build_house):
    house = build_house(taught.house).with_settings(**LEARNING)
    files, rows = house.files(*FOLDERS), house.ledger_rows()
    went = house.run("sunday", taught.week)
    assert went.success, went.errors
    assert all(went.metadata[f"{name}_policy"]["cached"].value for name in LEARNED)
    after = house.files(*FOLDERS)
    assert {name for name in files | after if files.get(name) != after.get(name)} == set()
    assert house.ledger_rows() == rows


# ---- the Sunday after two traded Mondays ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Later:
    """A house two Mondays later, what its money was before the Sunday, and how that went."""

    house: object
    week: str
    before: tuple
    went: object


@pytest.fixture(scope="module")
def later(six, build_house):
    house = build_house(six.house).with_settings(**LEARNING)
    before = house.money()
    return Later(house, six.next_week, before, house.run("sunday", six.next_week))


def test_policies_go_on_from_the_version_in_use(later, taught):
    assert later.went.success, later.went.errors
    first = outcomes(taught.house, taught.week)
    for name, outcome in outcomes(later.house, later.week).items():
        card = outcome.card
        assert (card.kind, card.start) == (TrialKind.FINE_TUNE, first[name].card.version)
        assert card.trained_on.last == date(2021, 6, 7), "the newest week that was over"
        judged = {date.fromisoformat(week) for week in card.weekly_excess}
        assert len(judged) >= SMALL.min_judged_weeks
        assert not any(span.first <= week <= span.last for span in card.seen for week in judged)
        assert card.decision.current == first[name].card.version


def test_a_week_that_is_over_is_labelled_in_passing(later, six):
    for name in LEARNED:
        assert later.house.read(f"{name}_reward", six.weeks[0]).log_return is not None
        assert not later.house.store.has(f"{name}_reward", six.weeks[1]), "its holding week is not over"
    stored = {event.asset_key.path[-1] for event in later.went.result.get_asset_materialization_events()}
    assert {f"{name}_reward" for name in LEARNED} <= stored


def test_no_account_is_touched(later):
    assert without_trials(later.house.money()) == without_trials(later.before)


def test_what_the_account_lived_through_is_learned_from(later, six, build_house):
    """Planted: the same Sunday in a house that forgot it. Its version is another one, of the same history."""
    house = build_house(later.house).with_settings(**LEARNING)
    records = Records(house.store, ledger_door(house.settings).open())
    ((experience, reward),), damaged = lived_before(
        records, "sac_lstm", house.read("policy_history", later.week), week_from_key(later.week)
    )
    assert damaged == {}
    assert (experience.week, reward.next_state) == (
        six.weeks[0],
        house.read("sac_lstm_experience", six.weeks[1]).state,
    )
    for week in six.weeks:
        house.store.path("sac_lstm_experience", week).unlink()
    assert house.run("policies", later.week, select=["sac_lstm_policy"]).success
    forgot, learned = (outcomes(each, later.week)["sac_lstm"].card for each in (house, later.house))
    assert (forgot.start, forgot.trained_on, forgot.config_hash) == (
        learned.start,
        learned.trained_on,
        learned.config_hash,
    )
    assert forgot.data_hash != learned.data_hash
    assert forgot.version != learned.version


def test_a_picture_that_cannot_be_drawn_hides_no_version_that_was_put_in_use(taught, build_house, monkeypatch):
    """Planted: no picture can be drawn, and what was told of that Monday before is damaged."""

    def out_of_ink(*_):
        raise ValueError("out of ink")

    for picture in ("learning_curve", "weights_over_time", "gate_picture"):
        monkeypatch.setattr(f"learnfinance_dagster.allocation.rl.plots.{picture}", out_of_ink)
    house = build_house(taught.house).with_settings(**LEARNING)
    house.store.path("ppo_lstm_policy", taught.week).write_text("{", encoding="utf-8")
    went = house.run("policies", taught.week, select=["ppo_lstm_policy"])
    assert (went.errors, went.red) == ({}, {})
    card = house.read("ppo_lstm_policy", taught.week).card
    assert card == outcomes(taught.house, taught.week)["ppo_lstm"].card
    told = went.metadata["ppo_lstm_policy"]
    assert told["in_use"].value == card.version == store_of(house).current("ppo_lstm")
    assert told["learning_curve"].value == "not drawn: unexpected ValueError: out of ink"
    assert "| equal_weight | 12 |" in told["gate"].value


@pytest.mark.parametrize("step", ["experience", "reward"])
def test_a_damaged_week_is_named_on_the_page_and_left_out_and_the_training_goes_on(later, six, build_house, step):
    house, week = build_house(later.house).with_settings(**LEARNING), six.weeks[0]
    house.store.path(f"sac_lstm_{step}", week).write_bytes(b'{"allocator": "sac_l\xff')
    went = house.run("policies", later.week, select=["sac_lstm_policy"])
    assert went.success, went.errors
    assert went.red == {}
    told = went.metadata["sac_lstm_policy"]["weeks_without_a_label"].value
    assert f"{week}: damaged: sac_lstm_{step} {week}: " in told
    without, learned = (outcomes(each, later.week)["sac_lstm"].card for each in (house, later.house))
    assert without.data_hash != learned.data_hash


def test_a_policy_that_fails_leaves_the_others_and_is_a_box_in_the_letter(later, build_house):
    """Planted: the card of the version in use is damaged."""
    house = build_house(later.house).with_settings(**LEARNING)
    store = store_of(house)
    (path,) = house.root.rglob(f"sac_lstm/{store.current('sac_lstm')}/{METADATA}")
    path.write_text('{"allocator": "sac_l', encoding="utf-8")
    went = house.run("sunday", later.week)
    assert went.success, went.errors
    assert {asset for asset, _ in went.red} == {"sac_lstm_policy"}
    found = outcomes(house, later.week)
    assert found["sac_lstm"].card is None
    assert [name for name, outcome in found.items() if outcome.failure] == ["sac_lstm"]
    letter = text_of(house, later.week)
    assert "sac_lstm could not be trained" in letter
    assert "".join(found["sac_lstm"].failure.split()) in "".join(letter.split())
    assert all(outcome.card.version in letter for name, outcome in found.items() if name != "sac_lstm")


def test_a_monday_that_was_traded_stays_as_it_was_whatever_sunday_put_in_use(later, six, build_house):
    """Planted: the new versions are in use, also where the gate kept them out."""
    house, week = build_house(later.house).with_settings(**LEARNING), six.weeks[1]
    for name, outcome in outcomes(house, later.week).items():
        store_of(house).set_current(name, outcome.card.version)
    files, money = house.files("artifacts", "outbox"), house.money()
    went = house.run("monday", week)
    assert went.success, went.errors
    assert {name for name, content in house.files("artifacts", "outbox").items() if files.get(name) != content} == set()
    assert house.money() == money


def test_its_summary_is_mailed_where_settings_say_so(taught, build_house):
    with MailServer() as server:
        told = MailParameters(
            send="smtp", host=HERE, port=server.port, security="none", to=("bob@localhost",), sender="desk@localhost"
        )
        house = build_house(taught.house).with_settings(**LEARNING, mail=told)
        went = house.run("sunday", taught.week, select=["training_mail"])
        assert went.success, went.errors
        assert went.red == {}
        (message,) = server.handler.messages
    assert message["X-LearnFinance-Run"] == f"training:{taught.week}:attempt-1"
