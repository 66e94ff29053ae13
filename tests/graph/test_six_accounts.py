"""Mondays on which six accounts trade, four of them as their policies say."""

import email
import email.policy
import math
from decimal import Decimal

import pytest
from tiny_forecasts import PLAIN
from tiny_policies import LEARNED, LEARNING

from learnfinance_dagster.allocation import ALLOCATORS
from learnfinance_dagster.calendar import session_close, week_from_key
from learnfinance_dagster.evaluation.drift import Health
from learnfinance_dagster.reporting.policies import drift_caveats
from learnfinance_dagster.values import Mode
from learnfinance_dagster.wiring import ledger_door, market_door, models_door

ACCOUNTS = [allocator.name for allocator in ALLOCATORS]
MODELS = ("lstm", "patchtst", *LEARNED)


def ledger_of(house):
    return ledger_door(house.settings).open()


def letter_of(house, week):
    """Text and page of the week's letter."""
    content = (house.root / "outbox" / f"weekly-{week}.eml").read_bytes()
    letter = email.message_from_bytes(content, policy=email.policy.default)
    return [letter.get_body((form,)).get_content() for form in ("plain", "html")]


# ---- what is traded ------------------------------------------------------------------------------------------------


def test_six_accounts_trade_and_every_branch_is_completed(six):
    assert sorted(ACCOUNTS) == sorted({*PLAIN, *LEARNED})
    for week, went in zip(six.weeks, six.went, strict=True):
        assert went.success, went.errors
        assert [asset for asset, (passed, _) in went.checks.items() if not passed] == []
        for account in ACCOUNTS:
            attempt = ledger_of(six.house).latest_attempt(account, f"paper:{week}")
            assert (attempt.number, attempt.plan.mode) == (1, Mode.LIVE)
            assert attempt.orders


@pytest.mark.parametrize("account", LEARNED)
def test_weights_name_the_policy_that_decided(six, account):
    current = models_door(six.house.settings).open().current(account)
    for week, went in zip(six.weeks, six.went, strict=True):
        target = six.house.read(f"{account}_weights", week)
        assert target.provenance["policy"] == current
        assert went.metadata[f"{account}_weights"]["policy"].value == current
        assert went.metadata[f"{account}_weights"]["trained_for"].value == six.weeks[0]
        assert max(target.weights.values()) <= 0.2 + 1e-9
        assert target.cash >= 0.02 - 1e-9


def test_no_two_accounts_want_the_same(six):
    for week in six.weeks:
        wanted = [tuple(sorted(six.house.read(f"{account}_weights", week).weights.items())) for account in ACCOUNTS]
        assert len(set(wanted)) == len(ACCOUNTS)


def test_the_second_monday_is_decided_on_what_the_first_one_bought(six):
    """D4: the weights that a policy saw were always the same."""
    for account in LEARNED:
        before, after = (six.house.read(f"{account}_experience", week) for week in six.weeks)
        portfolio = six.house.read(f"{account}_portfolio", six.weeks[1])
        assert before.state.weights == {}
        shares = {each.symbol: float(each.market_value / portfolio.nav) for each in portfolio.positions}
        assert after.state.weights == pytest.approx(shares)
        assert set(after.state.weights) == {symbol for symbol, weight in before.executed.items() if weight}


# ---- what is remembered --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", LEARNED)
def test_experience_holds_what_the_ledger_says_was_executed(six, account):
    """D2: what was intended was stored as if it had been executed."""
    ledger = ledger_of(six.house)
    for week in six.weeks:
        found, run_id = six.house.read(f"{account}_experience", week), week_from_key(week).run_id
        mark = next(
            mark for mark in ledger.marks(account, week_from_key(week).monday) if mark.monday.isoformat() == week
        )
        held = {each.symbol: float(each.market_value / mark.nav) for each in ledger.positions(account, run_id)}
        fills = ledger.fills(account, run_id)
        costs = sum((fill.cost for fill in fills), Decimal(0))
        assert found.pending == ""
        assert found.executed == pytest.approx(held, abs=1e-12)
        assert found.cost == pytest.approx(float(costs / (mark.nav + costs)))
        assert found.intended == six.house.read(f"{account}_weights", week).weights
        assert found.version == six.house.read(f"{account}_weights", week).provenance["policy"]


def test_the_job_rewards_labels_the_week_that_is_over_as_the_equity_marks_say(six, build_house):
    house, (week, following) = build_house(six.house).with_settings(**LEARNING), six.weeks
    before = house.money()
    went = house.run("rewards", week)
    assert went.success, went.errors
    assert house.money() == before
    for account in LEARNED:
        label = house.read(f"{account}_reward", week)
        assert math.exp(label.log_return) == pytest.approx(growth(house, account, week, following), abs=1e-6)
        assert label.next_state == house.read(f"{account}_experience", following).state


def growth(house, account, week, following):
    """Of an account from before a week's trades to before the next week's, both at the open; from its equity marks.

    A mark is worth what is left after that week's trades: costs are added, and so is what a sale got less than the
    open, because the label values everything at the open.
    """
    first, second = (house.read(f"{account}_fills", each) for each in (week, following))
    session = week_from_key(week).next_session
    bars = market_door(house.settings).open().bars(session, session, session_close(session))
    opens = dict(zip(bars["symbol"], bars["open"], strict=True))
    costs = [sum((fill.cost for fill in report.fills), Decimal(0)) for report in (first, second)]
    sold = [fill for fill in second.fills if fill.side.value == "sell"]
    better = sum(float(fill.qty) * (float(fill.price) - opens[fill.symbol]) for fill in sold)
    return (float(second.mark.nav + costs[1]) - better) / float(first.mark.nav + costs[0])


# ---- what is told --------------------------------------------------------------------------------------------------


def test_the_letter_compares_six_accounts_and_names_their_policies(six):
    store = models_door(six.house.settings).open()
    for week in six.weeks:
        report = six.house.read("weekly_report", week)
        assert [section.name for section in report.accounts] == ACCOUNTS
        assert {line.name: line.version for line in report.policies} == {name: store.current(name) for name in LEARNED}
        text, page = letter_of(six.house, week)
        for account in ACCOUNTS:
            assert account in text
            assert account in page


def test_the_drift_report_has_two_findings_for_every_model(six):
    for week, went in zip(six.weeks, six.went, strict=True):
        report = six.house.read("drift", week)
        assert [(each.model, each.kind) for each in report.findings] == [
            (model, kind) for model in MODELS for kind in ("skill", "inputs")
        ]
        checks = {
            check.check_name
            for check in went.result.get_asset_check_evaluations()
            if check.asset_key.path[-1] == "drift"
        }
        assert checks == {f"{model}_{kind}" for model in MODELS for kind in ("skill", "inputs")}
    known = {each.model: each.figures.get("1_weeks_ago") for each in report.findings if each.kind == "skill"}
    assert None not in known.values(), "the first week is over"
    assert all(each.version for each in report.findings)


# ---- what fails ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hurt(six, build_house):
    """The third Monday: `sac_patchtst` never got a policy, and the model of the forecaster `lstm` is damaged."""
    house, week = build_house(six.house).with_settings(**LEARNING), six.next_week
    models = house.root / "models"
    (models / "sac_patchtst").rename(house.root / "nowhere")
    current = models_door(house.settings).open().current("lstm")
    next((models / "lstm" / current).rglob("*.safetensors")).write_bytes(b"damaged")
    return house, week, house.run("monday", week)


def test_whoever_has_no_policy_is_left_alone_and_the_letter_says_what_to_run(hurt):
    house, week, went = hurt
    assert went.success, went.errors
    failure = house.read("sac_patchtst_weights", week).failure
    assert failure == f"no sac_patchtst policy had been put in use by {week}: run make sunday WEEK={week}"
    assert house.read("sac_patchtst_order_plan", week).skipped.startswith("no weights: ")
    for told in letter_of(house, week):
        assert f"make sunday WEEK={week}" in " ".join(told.split())


def test_a_forecaster_that_fails_stops_its_readers_alone(hurt):
    house, week, went = hurt
    assert not went.checks["lstm_forecast"][0]
    for account in ("ppo_lstm", "sac_lstm"):
        assert "lstm gave no forecast of any name" in house.read(f"{account}_weights", week).failure


def test_the_others_trade(hurt):
    house, week, _ = hurt
    ledger = ledger_of(house)
    attempts = {account: ledger.latest_attempt(account, f"paper:{week}") for account in ACCOUNTS}
    assert {name for name, attempt in attempts.items() if attempt.orders} == {*PLAIN, "ppo_patchtst"}
    held = {account: len(ledger.positions(account, f"paper:{week}")) for account in ("ppo_lstm", "sac_patchtst")}
    assert all(held.values()), "left alone is not sold"


def test_what_did_not_decide_lived_through_nothing_and_is_not_measured(hurt):
    house, week, _ = hurt
    found = house.read("ppo_lstm_experience", week)
    assert (found.state, found.executed) == (None, {})
    assert found.pending.startswith("no weights: ")
    report = house.read("drift", week)
    findings = {(each.model, each.kind): each for each in report.findings}
    for model in ("lstm", "ppo_lstm", "sac_lstm", "sac_patchtst"):
        assert findings[model, "skill"].health is Health.DEGRADED
        assert findings[model, "skill"].told.startswith("not measured: nobody ")
    assert findings["ppo_patchtst", "skill"].version
    letter = "".join(letter_of(house, week)[0].split())
    warned = drift_caveats(report)
    assert len(warned) >= 8
    assert all("".join(sentence.split()) in letter for sentence in warned)
