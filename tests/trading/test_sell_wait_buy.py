"""Sells, wait, then buys: one account's Monday at a broker on the wall clock."""

from datetime import timedelta
from decimal import Decimal

import pytest
from wall_scene import (
    BUYS,
    CLOSE,
    DEADLINE,
    DECISION,
    MINUTE,
    NEXT,
    OPEN,
    SELLS,
    WEEK,
    Account,
    fresh_broker,
    split_bars,
    symbols,
    with_rows,
)

from learnfinance_dagster.errors import DataError, RefusedError, SilentError, TransientError
from learnfinance_dagster.parameters import OrderParameters
from learnfinance_dagster.trading.guard import GRACE
from learnfinance_dagster.values import Mode, OrderStatus

ACCEPTED, INTENDED, FILLED = OrderStatus.ACCEPTED, OrderStatus.INTENDED, OrderStatus.FILLED
LATE = OPEN + GRACE + MINUTE
WINDOW = "the submission window closed"


@pytest.fixture
def account() -> Account:
    return Account()


# ---- the order of things -------------------------------------------------------------------------------------------


def test_before_the_open_the_sells_are_sent_and_the_buys_say_what_they_wait_for(account):
    sent = account.monday()
    assert symbols(sent.accepted) == SELLS == symbols(account.broker.sent)
    assert {symbols([name])[0]: why for name, why in sent.waiting.items()} == dict.fromkeys(
        BUYS, "waits for the sells of A and B"
    )
    assert account.status() == {"A": ACCEPTED, "B": ACCEPTED, "C": INTENDED, "D": INTENDED}


def test_running_the_monday_again_before_the_open_sends_nothing_more(account):
    first = account.monday()
    assert account.monday(DECISION + MINUTE) == first
    assert symbols(account.broker.sent) == SELLS


def test_a_monday_without_sells_sends_its_buys_at_once():
    account = Account(fresh_broker(cash=Decimal(100_000), positions={}))
    sent = account.monday()
    assert symbols(sent.accepted) == ["C", "D", "B"]
    assert sent.waiting == {}


def test_the_buys_go_when_the_last_sell_is_final_and_not_before(account):
    account.monday()
    account.broker.fill("A")
    still = account.follow(OPEN + MINUTE)
    assert set(still.waiting.values()) == {"waits for the sells of B"}
    assert symbols(account.broker.sent) == SELLS

    account.broker.fill("B")
    done = account.follow(OPEN + 2 * MINUTE)
    assert (symbols(account.broker.sent), done.waiting) == ([*SELLS, *BUYS], {})
    assert symbols(done.accepted) == [*SELLS, *BUYS]

    account.follow(OPEN + 3 * MINUTE)
    assert len(account.broker.sent) == 4, "each once"


def test_following_sends_nothing_that_was_not_recorded(account):
    """A plan that was stored and never recorded is no intent."""
    account.decide()
    with pytest.raises(DataError, match="nothing to follow"):
        account.follow(OPEN)
    assert account.broker.sent == []


def test_following_does_not_plan_anew_when_all_is_dead(account):
    account.broker.refuses = dict.fromkeys("ABCD", "account is restricted")
    account.monday()
    account.broker.refuses = {}
    account.follow(OPEN)
    assert account.broker.sent == []
    assert account.attempt().number == 1


# ---- money ---------------------------------------------------------------------------------------------------------


def test_a_sell_that_brought_less_leaves_out_the_last_buy_and_says_why(account):
    """A is sold out for 39 200 USD at least; it dies, so 20 000 in cash and B's 29 000 are there."""
    account.monday()
    account.broker.die("A")
    account.broker.fill("B")
    account.follow(OPEN + MINUTE)
    assert symbols(account.broker.sent) == [*SELLS, "C"], "in the plan's order"
    assert account.status()["D"] is INTENDED, "C may still cost less than its limit"

    account.broker.fill("C")
    done = account.follow(OPEN + 2 * MINUTE)
    assert account.status()["D"] is OrderStatus.CANCELLED
    assert done.waiting == {}
    assert account.reasons()["D"].startswith("never sent: needs 30,000")
    assert "are there above the cash buffer" in account.reasons()["D"]
    assert account.broker.cash > 0.02 * 100_000 - 1


def test_a_buy_that_did_not_fit_goes_after_all_when_the_one_before_it_dies(account):
    account.monday()
    account.broker.die("A")
    account.broker.fill("B")
    account.follow(OPEN + MINUTE)
    account.broker.die("C", OrderStatus.REJECTED, "halted")
    account.follow(OPEN + 2 * MINUTE)
    assert symbols(account.broker.sent) == [*SELLS, "C", "D"]


def test_at_the_deadline_buys_go_as_far_as_the_money_pays_for_them_and_the_rest_is_given_up(account):
    account.monday()
    account.broker.fill("B")
    waiting = account.follow(DEADLINE - MINUTE)
    assert len(waiting.waiting) == 2
    done = account.follow(DEADLINE)
    assert symbols(account.broker.sent) == [*SELLS, "C"]
    assert account.status() == {"A": ACCEPTED, "B": FILLED, "C": ACCEPTED, "D": OrderStatus.CANCELLED}
    assert account.reasons()["D"].endswith(f"at the deadline {DEADLINE:%H:%M} UTC")
    assert symbols(done.refused) == ["D"], "and the report has the reason"


def test_the_deadline_is_a_setting():
    account = Account(parameters=OrderParameters(max_position=1.0, buy_deadline_minutes=5))
    account.monday()
    account.follow(OPEN + 5 * MINUTE)
    assert INTENDED not in account.status().values()


def test_no_buy_ever_touches_the_cash_buffer(account):
    account.monday()
    account.broker.fill(*SELLS)
    account.broker.cash = Decimal(62_000) - 1  # 60 000 USD to buy, and 2 000 of buffer
    account.follow(OPEN + MINUTE)
    assert symbols(account.broker.sent) == [*SELLS, "C"]


def test_what_open_buys_may_still_take_is_not_spent_twice(account):
    """The first buy went out, the process died, and a part of it is filled by the time it is looked at again."""
    account.monday()
    account.broker.die("A")
    account.broker.fill("B")
    account.follow(OPEN + MINUTE)
    account.broker.part("C", "100")
    account.follow(OPEN + 2 * MINUTE)
    assert symbols(account.broker.sent) == [*SELLS, "C"]


def test_a_partly_filled_sell_is_waited_for_and_counts_for_what_it_brought(account):
    account.monday()
    account.broker.fill("B")
    account.broker.part("A", "150", "100")
    assert account.follow(OPEN + MINUTE).waiting
    account.broker.die("A", OrderStatus.CANCELLED, "partly filled: 150 of 400")
    account.follow(OPEN + 2 * MINUTE)
    assert symbols(account.broker.sent) == [*SELLS, *BUYS]


# ---- who may send --------------------------------------------------------------------------------------------------


def test_when_the_window_has_closed_what_was_not_sent_is_given_up(account):
    account.monday()
    account.broker.fill(*SELLS)
    sent = account.follow(LATE, refusal=WINDOW)
    assert symbols(account.broker.sent) == SELLS
    assert set(sent.refused.values()) == {f"never sent: {WINDOW}"}


def test_a_switch_that_is_thrown_between_two_orders_stops_the_second(account):
    """The file appears after the first sell has gone."""
    inner = account.broker.take

    def take(order, day):
        account.objection = "trading is switched off (the file TRADING_OFF in the data folder)"
        return inner(order, day)

    account.broker.take = take
    sent = account.monday()
    assert symbols(account.broker.sent) == ["A"]
    assert symbols(sent.refused) == ["B"]
    assert "TRADING_OFF" in account.reasons()["B"]
    assert account.status()["B"] is OrderStatus.REJECTED
    assert symbols(sent.waiting) == BUYS, "A is still open"

    account.broker.fill("A")
    done = account.follow(OPEN + MINUTE)
    assert symbols(account.broker.sent) == ["A"]
    assert all("TRADING_OFF" in reason for reason in done.refused.values())


def test_the_followers_claim_excludes_others(account):
    account.monday()
    with account.ledger.claim("hrp", WEEK.run_id), pytest.raises(RefusedError, match="another run is trading it now"):
        account.follow(OPEN)


def test_an_account_that_lives_on_the_wall_clock_must_be_told_the_time(account):
    with pytest.raises(DataError, match="nobody said what time it is"):
        account.monday(now=None)


def test_a_week_that_was_traded_since_is_not_followed(account):
    account.monday()
    account.broker.die("A")
    account.broker.die("B")
    account.broker.today = NEXT.monday
    account.monday(NEXT.as_of, NEXT)
    before = list(account.broker.sent)
    account.follow(NEXT.as_of, WEEK)
    assert account.broker.sent == before


def test_a_dead_attempt_of_which_a_part_was_filled_is_not_tried_again(account):
    account.monday()
    account.broker.part("A", "150")
    for name in SELLS:
        account.broker.die(name, OrderStatus.CANCELLED, "by hand")
    account.follow(LATE, refusal=WINDOW)
    assert all(status.is_dead for status in account.status().values())
    assert account.decide()[1].attempt == 1
    account.monday(DEADLINE)
    assert symbols(account.broker.sent) == SELLS


def test_a_dead_attempt_of_which_nothing_was_filled_is_tried_again(account):
    account.broker.refuses = dict.fromkeys("ABCD", "account is restricted")
    account.monday()
    account.broker.refuses = {}
    account.monday(DECISION + MINUTE)
    assert account.attempt().number == 2
    assert symbols(account.broker.sent) == SELLS


# ---- fills ---------------------------------------------------------------------------------------------------------


def test_while_an_order_is_open_the_week_is_not_over_and_the_fills_so_far_are_told(account):
    account.monday()
    account.broker.fill("A")
    account.broker.part("B", "10")
    account.follow(OPEN + MINUTE)
    seen = account.settle(OPEN + MINUTE)
    assert seen.pending == "1 order is open at the broker and 2 orders are waiting to be sent"
    assert [(fill.symbol, fill.qty) for fill in seen.fills] == [("A", 400), ("B", 10)]
    assert (seen.mark, account.marks()) == (None, ())
    assert account.status()["A"] is FILLED
    assert account.settle(OPEN + MINUTE) == seen


def test_an_order_that_is_still_open_after_the_close_keeps_the_week_from_being_over(account):
    account.monday()
    account.broker.fill("A")
    account.follow(LATE, refusal=WINDOW)
    assert account.settle(CLOSE + MINUTE).pending == "1 order is open at the broker"
    assert account.marks() == ()
    account.broker.die("B")
    assert account.settle(CLOSE + 2 * MINUTE).mark is not None


def test_a_whole_monday_is_marked_after_the_close_at_the_opens_of_its_session(account):
    account.bars = with_rows(
        *[(name, WEEK.sessions[0], 101.0, 105.0, 90.0, 104.0, 1, 1.0, 0.0, 0.0) for name in "ABCD"]
    )
    account.monday()
    account.broker.fill(*SELLS, price="101")
    account.follow(OPEN + MINUTE)
    account.broker.fill(*BUYS, price="101")
    waits = account.settle(OPEN + 10 * MINUTE)
    assert waits.pending == f"all orders are final; the account is marked after the close of {WEEK.sessions[0]}"

    done = account.settle(CLOSE)

    assert done.pending == ""
    assert {record.status for record in done.orders} == {FILLED}
    held = {position.symbol: (position.qty, position.price) for position in done.positions}
    assert held == {name: (account.broker.positions[name], 101) for name in "BCD"}
    assert done.mark.nav == account.broker.cash + sum(account.broker.positions.values()) * 101 == Decimal(100_800)
    assert account.settle(CLOSE + timedelta(days=1)) == done, "and stays as it is"
    assert len(account.ledger.fills("hrp", WEEK.run_id)) == 4


def test_a_market_source_that_is_late_is_waited_for(account):
    account.monday()
    account.broker.fill(*SELLS)
    account.follow(OPEN + MINUTE)
    account.broker.fill(*BUYS)
    whole = account.bars
    account.bars = whole[whole["date"] < WEEK.sessions[0]]
    assert account.settle(CLOSE).pending == "the market source ends with 2025-03-07, before the session of the mark"
    account.bars = whole
    assert account.settle(CLOSE + timedelta(hours=9)).mark is not None


@pytest.mark.parametrize("status", [OrderStatus.REJECTED, OrderStatus.EXPIRED, OrderStatus.CANCELLED])
def test_an_order_that_dies_after_it_was_accepted_is_told_with_its_reason(account, status):
    account.monday()
    account.broker.fill("A")
    account.broker.die("B", status, "the broker's words")
    account.follow(DEADLINE)
    account.broker.fill_all()
    done = account.settle(CLOSE)
    assert (account.status()["B"], account.reasons()["B"]) == (status, "the broker's words")
    assert {position.symbol: position.qty for position in done.positions}["B"] == 400


def test_a_partial_fill_is_in_the_positions_and_in_the_fills(account):
    account.monday()
    account.broker.part("A", "150", "99")
    account.broker.part("A", "50", "98")
    account.broker.die("A", OrderStatus.EXPIRED, "200 of 400 filled")
    account.broker.fill("B")
    account.follow(OPEN + MINUTE)
    account.broker.fill_all()
    account.follow(OPEN + 2 * MINUTE)
    account.broker.fill_all()
    done = account.settle(CLOSE)
    assert {position.symbol: position.qty for position in done.positions}["A"] == 200
    assert [fill.qty for fill in done.fills if fill.symbol == "A"] == [150, 50]
    assert done.mark.nav == account.broker.cash + sum(account.broker.positions.values()) * 100


def test_a_split_between_decision_and_open_is_told_beside_the_order_and_the_mark_is_right(account):
    account.bars = split_bars("B", 4, WEEK.sessions[0])
    account.monday()
    account.broker.split("B", 4)
    account.broker.fill("A")
    account.broker.die("B", OrderStatus.CANCELLED, "")
    account.follow(DEADLINE)
    account.broker.fill_all()
    account.follow(DEADLINE + MINUTE)
    done = account.settle(CLOSE)
    assert account.reasons()["B"] == "split 4 to 1 on 2025-03-10, after the decision"
    assert {p.symbol: (p.qty, p.price) for p in done.positions}["B"] == (1600, 25)
    assert done.mark.nav == account.broker.cash + 1600 * 25 + account.broker.positions["C"] * 100


def test_a_name_that_is_gone_by_the_open_is_told_and_what_it_paid_is_in_cash(account):
    gone = ("A", WEEK.sessions[0], 97.0, 97.0, 97.0, 97.0, 1, 1.0, 0.0, 97.0)
    account.bars = with_rows(gone)
    account.monday()
    account.broker.die("A", OrderStatus.REJECTED, "asset A is not active")
    account.broker.positions.pop("A")
    account.broker.cash += 400 * 97
    account.broker.fill("B")
    account.follow(OPEN + MINUTE)
    account.broker.fill_all()
    done = account.settle(CLOSE)
    assert account.reasons()["A"] == "asset A is not active; delisted on 2025-03-10"
    assert "A" not in {position.symbol for position in done.positions}
    assert done.mark.nav == account.broker.cash + sum(account.broker.positions.values()) * 100


# ---- weeks that nobody followed ------------------------------------------------------------------------------------


def test_what_nobody_followed_is_found_out_by_the_next_monday_and_marked_in_the_shares_of_then(account):
    """The account is read a week later, after a split: the mark is in shares and prices of its own session."""
    account.bars = split_bars("B", 4, WEEK.sessions[2])
    account.monday()
    account.broker.fill(*SELLS)
    left = account.broker.positions["B"]
    account.broker.split("B", 4)
    account.broker.today = NEXT.monday

    account.monday(NEXT.as_of, NEXT)

    (mark,) = account.marks()
    assert mark.monday == WEEK.monday
    assert mark.nav == account.broker.cash + left * 100
    assert set(account.status().values()) == {FILLED, OrderStatus.CANCELLED}
    assert account.reasons()["C"] == "never sent: the week of 2025-03-10 is over"
    assert symbols(account.broker.sent[2:])[0] == "B", "and the account trades on"


def test_an_account_whose_old_orders_are_still_open_is_left_alone(account):
    account.monday()
    account.broker.fill("A")
    sent = account.monday(NEXT.as_of, NEXT)
    assert account.marks() == ()
    assert account.attempt(NEXT).plan.skipped == "1 orders are still open at the broker"
    assert sent.accepted == ()
    assert len(account.broker.sent) == 2


def test_a_past_week_and_a_dry_run_send_nothing_and_write_nothing(account):
    sent = account.monday(refusal="back-fills never trade")
    assert (sent.mode, sent.accepted, account.broker.sent) == (Mode.DRY_RUN, (), [])
    assert account.ledger.latest_attempt("hrp", WEEK.run_id) is None


def test_a_dry_run_beside_a_recorded_week_does_not_give_up_what_waits(account):
    account.monday()
    why = "this run was asked to be a dry run"
    portfolio, plan = account.decide(refusal=why)
    shown = account.desk().submit(WEEK, portfolio, plan, why, read_only=why, now=OPEN)
    assert symbols(shown.waiting) == BUYS
    assert account.desk().follow(WEEK, why, read_only=why, now=OPEN) == shown
    assert account.status()["C"] is INTENDED


# ---- a vendor that does not answer ---------------------------------------------------------------------------------


def test_a_broker_that_does_not_answer_keeps_the_buys_waiting_and_nothing_is_given_up(account):
    account.monday()
    account.broker.fill(*SELLS)
    account.broker.dead = True
    with pytest.raises(TransientError):
        account.follow(OPEN + MINUTE)
    account.broker.dead = False
    assert account.status()["C"] is INTENDED
    account.follow(OPEN + 2 * MINUTE)
    assert symbols(account.broker.sent) == [*SELLS, *BUYS]


def test_a_broker_that_falls_silent_is_asked_once_and_not_once_for_each_order(account):
    """Each silence costs a minute, in which the next account waits for its turn."""
    portfolio, plan = account.decide()
    asked = []

    def silent(name):
        asked.append(name)
        raise SilentError("paper-api.alpaca.markets: took too long (tried 3x)")

    account.broker.find = silent
    with pytest.raises(TransientError, match=r"not known whether .* took too long"):
        account.desk().submit(WEEK, portfolio, plan, "", now=DECISION)
    assert len(asked) == 1

    del account.broker.find
    account.monday(DECISION + MINUTE)
    assert symbols(account.broker.sent) == SELLS
