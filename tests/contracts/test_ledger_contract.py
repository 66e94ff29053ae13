"""What every ledger must do, whatever it is written on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pytest

from learnfinance_dagster.errors import DataError, RefusedError
from learnfinance_dagster.ports import Ledger
from learnfinance_dagster.trading.memory_ledger import MemoryLedger
from learnfinance_dagster.values import (
    EquityMark,
    Fill,
    Mode,
    NotSent,
    Order,
    OrderPlan,
    OrderRecord,
    OrderStatus,
    Portfolio,
    Position,
    Side,
    Week,
)

MONDAY = date(2025, 12, 29)
RUN = "paper:2025-12-29"


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def reopen(request, tmp_path) -> Callable[[], Ledger]:
    """Opens the same store again, as another object where the ledger outlives its object."""
    return request.getfixturevalue(f"{request.param}_store")


@pytest.fixture
def ledger(reopen) -> Ledger:
    return reopen()


@pytest.fixture
def memory_store() -> Callable[[], Ledger]:
    ledger = MemoryLedger()
    return lambda: ledger


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Callable[[], Ledger]:
    from resources.ledger import open_ledger

    return lambda: open_ledger(f"sqlite:///{tmp_path}/ledger.sqlite")


@pytest.fixture
def postgres_store(postgres_ledger: str) -> Callable[[], Ledger]:
    from resources.ledger import open_ledger

    return lambda: open_ledger(postgres_ledger)


def week(monday: date = MONDAY) -> Week:
    opened = datetime(monday.year, monday.month, monday.day, 14, 30, tzinfo=UTC)
    return Week(
        monday=monday,
        as_of=opened - timedelta(hours=2),
        sessions=(monday,),
        last_session=monday - timedelta(days=3),
        next_session=monday + timedelta(days=7),
        first_open=opened,
        first_close=opened + timedelta(hours=6),
    )


def order(symbol: str, side: Side = Side.BUY, attempt: int = 1, run_id: str = RUN) -> Order:
    return Order(
        client_order_id=f"{run_id}:attempt-{attempt}:{symbol}:{side.name}",
        symbol=symbol,
        side=side,
        qty=Decimal("7.000000001"),
        limit_price=Decimal("123.40"),
        last_price=Decimal(121),
        current_weight=0.1,
        target_weight=1 / 3,
    )


def intent(
    account: str = "hrp", attempt: int = 1, monday: date = MONDAY, symbols: tuple[str, ...] = ("MSFT", "AAPL")
) -> tuple[Portfolio, OrderPlan]:
    run_id = f"paper:{monday}"
    held = (Position("TSLA", Decimal("1.10"), Decimal(10), monday - timedelta(days=3)),)
    portfolio = Portfolio(account, run_id, Decimal("1E+5"), held, open_orders=0, mode=Mode.LIVE, note="größer")
    plan = OrderPlan(
        account=account,
        run_id=run_id,
        attempt=attempt,
        mode=Mode.LIVE,
        mode_reason="",
        nav=portfolio.nav,
        cash=portfolio.cash,
        orders=tuple(order(symbol, attempt=attempt, run_id=run_id) for symbol in symbols),
        not_sent=(NotSent("NVDA", Side.SELL, Decimal("3.1"), "below 10 USD"),),
    )
    return portfolio, plan


def end(ledger: Ledger, plan: OrderPlan, status: OrderStatus = OrderStatus.EXPIRED) -> None:
    for planned in plan.orders:
        ledger.record_order(plan.account, OrderRecord(planned, status))


def fill_of(planned: Order, session: date = MONDAY) -> Fill:
    return Fill(
        planned.client_order_id,
        planned.symbol,
        planned.side,
        planned.qty,
        planned.last_price,
        Decimal("0.42"),
        session,
    )


def mark_of(account: str = "hrp", monday: date = MONDAY, nav: str = "100010.00") -> EquityMark:
    return EquityMark(account, monday, monday, Decimal(nav), Decimal("0.10"))


def holding(symbol: str, qty: str = "3.50") -> Position:
    return Position(symbol, Decimal(qty), Decimal("99.990"), MONDAY)


def marked(ledger: Ledger, account: str, monday: date, *held: Position) -> None:
    ledger.record_outcome(account, week(monday), (), held, mark_of(account, monday))


def weeks(count: int) -> timedelta:
    return timedelta(days=7 * count)


# ---- intents -------------------------------------------------------------------------------------------------------


def test_an_empty_ledger_knows_nothing(ledger):
    assert ledger.latest_traded("hrp") is None
    assert ledger.latest_attempt("hrp", RUN) is None
    assert ledger.fills("hrp", RUN) == ()
    assert ledger.positions("hrp", RUN) == ()
    assert ledger.marks("hrp", MONDAY) == ()
    assert ledger.held_before(MONDAY) == frozenset()


def test_an_intent_is_shown_again_exactly_with_its_orders_in_plan_order(reopen):
    portfolio, plan = intent(symbols=("MSFT", "AAPL", "ZTS", "ABT"))
    reopen().record_intent(portfolio, plan)

    attempt = reopen().latest_attempt("hrp", RUN)

    assert repr((attempt.portfolio, attempt.plan)) == repr((portfolio, plan)), "to the last digit"
    assert (attempt.number, attempt.is_over) == (1, False)
    assert attempt.orders == tuple(OrderRecord(o, OrderStatus.INTENDED) for o in plan.orders)


def test_recording_the_same_intent_again_changes_nothing(ledger):
    portfolio, plan = intent()
    ledger.record_intent(portfolio, plan)
    ledger.record_order("hrp", OrderRecord(plan.orders[0], OrderStatus.ACCEPTED, "", "b-1"))
    before = ledger.latest_attempt("hrp", RUN)

    ledger.record_intent(*intent())

    assert ledger.latest_attempt("hrp", RUN) == before


@pytest.mark.parametrize("changed", ["portfolio", "plan"])
def test_recording_an_attempt_with_other_content_is_refused_and_changes_nothing(ledger, changed):
    portfolio, plan = intent()
    ledger.record_intent(portfolio, plan)
    before = ledger.latest_attempt("hrp", RUN)
    if changed == "portfolio":
        portfolio = replace(portfolio, cash=portfolio.cash + 1)
    else:
        plan = replace(plan, orders=plan.orders[:1])

    with pytest.raises(RefusedError, match="account hrp, week paper:2025-12-29: attempt 1 is already recorded"):
        ledger.record_intent(portfolio, plan)

    assert ledger.latest_attempt("hrp", RUN) == before


def test_an_old_attempt_may_be_recorded_again_as_it_was(ledger):
    first, second = intent(), intent(attempt=2)
    ledger.record_intent(*first)
    end(ledger, first[1])
    ledger.record_intent(*second)

    ledger.record_intent(*first)

    assert ledger.latest_attempt("hrp", RUN).number == 2


@pytest.mark.parametrize("number", [0, 2])
def test_the_first_attempt_has_number_one(ledger, number):
    with pytest.raises(RefusedError, match="the next one is 1"):
        ledger.record_intent(*intent(attempt=number))
    assert ledger.latest_attempt("hrp", RUN) is None


def test_an_attempt_may_not_be_skipped(ledger):
    _, plan = intent()
    ledger.record_intent(*intent())
    end(ledger, plan)
    with pytest.raises(RefusedError, match="the next one is 2"):
        ledger.record_intent(*intent(attempt=3))


@pytest.mark.parametrize("living", [OrderStatus.INTENDED, OrderStatus.ACCEPTED, OrderStatus.FILLED])
def test_no_attempt_follows_one_with_an_order_that_lives_or_was_filled(ledger, living):
    _, plan = intent()
    ledger.record_intent(*intent())
    ledger.record_order("hrp", OrderRecord(plan.orders[0], OrderStatus.REJECTED))
    ledger.record_order("hrp", OrderRecord(plan.orders[1], living))

    with pytest.raises(RefusedError, match="attempt 1 is not over: paper:2025-12-29:attempt-1:AAPL:BUY"):
        ledger.record_intent(*intent(attempt=2))

    assert ledger.latest_attempt("hrp", RUN).number == 1


def test_an_attempt_follows_one_whose_orders_are_all_dead(ledger):
    _, plan = intent()
    ledger.record_intent(*intent())
    end(ledger, plan)
    assert ledger.latest_attempt("hrp", RUN).is_over

    ledger.record_intent(*intent(attempt=2))

    assert ledger.latest_attempt("hrp", RUN).number == 2


def test_two_accounts_may_use_the_same_order_ids(ledger):
    ledger.record_intent(*intent("hrp"))
    ledger.record_intent(*intent("ppo_lstm"))
    _, plan = intent()

    ledger.record_order("hrp", OrderRecord(plan.orders[0], OrderStatus.FILLED))

    assert ledger.latest_attempt("ppo_lstm", RUN).orders[0].status is OrderStatus.INTENDED


def test_an_order_id_is_used_once_in_an_account(ledger):
    ledger.record_intent(*intent())
    portfolio, plan = intent(monday=MONDAY + weeks(1))
    with pytest.raises(DataError, match="already used by the account: paper:2025-12-29:attempt-1:AAPL:BUY"):
        ledger.record_intent(portfolio, replace(plan, orders=(*plan.orders, order("AAPL"))))
    assert ledger.latest_traded("hrp") == MONDAY


def _twice_the_same_order(portfolio, plan):
    return portfolio, replace(plan, orders=(plan.orders[0], plan.orders[0]))


def _a_dry_run(portfolio, plan):
    return portfolio, replace(plan, mode=Mode.DRY_RUN)


def _a_portfolio_of_another_account(portfolio, plan):
    return replace(portfolio, account="ppo_lstm"), plan


def _a_portfolio_of_another_week(portfolio, plan):
    return replace(portfolio, run_id="paper:2025-12-22"), plan


def _a_tuesday(portfolio, plan):
    return replace(portfolio, run_id="paper:2025-12-30"), replace(plan, run_id="paper:2025-12-30")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_twice_the_same_order, "repeats an order id"),
        (_a_dry_run, "a dry_run plan is never recorded"),
        (_a_portfolio_of_another_account, "the portfolio is of account ppo_lstm"),
        (_a_portfolio_of_another_week, "the portfolio is of account hrp, week paper:2025-12-22"),
        (_a_tuesday, "'paper:2025-12-30' does not name a Monday"),
    ],
)
def test_an_intent_that_makes_no_sense_never_reaches_the_ledger(ledger, spoil, words):
    with pytest.raises(DataError, match=words):
        ledger.record_intent(*spoil(*intent()))
    assert ledger.latest_traded("hrp") is None


def test_a_week_that_needs_no_orders_is_remembered_as_traded_and_no_second_attempt_follows(ledger):
    portfolio, plan = intent()
    nothing = replace(plan, orders=())
    ledger.record_intent(portfolio, nothing)
    assert ledger.latest_traded("hrp") == MONDAY
    assert ledger.latest_attempt("hrp", plan.run_id).plan == nothing
    with pytest.raises(RefusedError, match="not over"):
        ledger.record_intent(portfolio, replace(plan, attempt=2))


def test_the_latest_traded_week_is_the_newest_and_not_the_last_recorded(ledger):
    for monday in (MONDAY, MONDAY - weeks(40), MONDAY - weeks(1)):
        ledger.record_intent(*intent(monday=monday))
    ledger.record_intent(*intent("ppo_lstm", monday=MONDAY + weeks(1)))
    assert ledger.latest_traded("hrp") == MONDAY


# ---- orders --------------------------------------------------------------------------------------------------------


def test_an_orders_status_reason_and_broker_id_are_remembered(reopen):
    ledger = reopen()
    _, plan = intent()
    ledger.record_intent(*intent())
    told = OrderRecord(replace(plan.orders[1], last_price=Decimal(1)), OrderStatus.REJECTED, "no such name", "b-7")

    ledger.record_order("hrp", told)

    assert reopen().latest_attempt("hrp", RUN).orders == (
        OrderRecord(plan.orders[0], OrderStatus.INTENDED),
        OrderRecord(plan.orders[1], OrderStatus.REJECTED, "no such name", "b-7"),
    ), "the order itself stays as it was intended"


def test_an_unknown_order_is_named(ledger):
    ledger.record_intent(*intent())
    with pytest.raises(DataError, match="account hrp: order paper:2025-12-29:attempt-1:META:BUY is not in the ledger"):
        ledger.record_order("hrp", OrderRecord(order("META"), OrderStatus.FILLED))
    with pytest.raises(DataError, match="account ppo_lstm: order"):
        ledger.record_order("ppo_lstm", OrderRecord(order("AAPL"), OrderStatus.FILLED))


@pytest.mark.parametrize("back", [OrderStatus.INTENDED, OrderStatus.ACCEPTED])
@pytest.mark.parametrize(
    "ended", [OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED]
)
def test_an_order_that_ended_does_not_come_back_to_life(ledger, ended, back):
    ledger.record_intent(*intent())
    ledger.record_order("hrp", OrderRecord(order("AAPL"), ended, "why"))

    with pytest.raises(DataError, match=f"is {ended.value} and cannot become {back.value} again"):
        ledger.record_order("hrp", OrderRecord(order("AAPL"), back))

    assert ledger.latest_attempt("hrp", RUN).orders[1].status is ended


def test_an_accepted_order_is_not_merely_intended_again(ledger):
    ledger.record_intent(*intent())
    ledger.record_order("hrp", OrderRecord(order("AAPL"), OrderStatus.ACCEPTED))
    with pytest.raises(DataError, match="is accepted and cannot become intended again"):
        ledger.record_order("hrp", OrderRecord(order("AAPL"), OrderStatus.INTENDED))


@pytest.mark.parametrize("status", list(OrderStatus))
def test_recording_an_orders_status_again_changes_nothing(ledger, status):
    ledger.record_intent(*intent())
    record = OrderRecord(order("AAPL"), status, "why", "b-1")
    ledger.record_order("hrp", record)
    ledger.record_order("hrp", record)
    assert ledger.latest_attempt("hrp", RUN).orders[1] == record


# ---- outcomes ------------------------------------------------------------------------------------------------------


def test_an_outcome_is_shown_again_exactly(reopen):
    ledger = reopen()
    ledger.record_intent(*intent())
    one = fill_of(order("MSFT"))
    executions = (one, fill_of(order("AAPL")), one)  # an order may fill in two equal pieces
    held = (holding("MSFT", "7.10"), holding("AAPL", "0"), holding("TSLA", "-1E-9"))

    ledger.record_outcome("hrp", week(), iter(executions), iter(held), mark_of())

    again = reopen()
    shown = again.fills("hrp", RUN), again.positions("hrp", RUN), again.marks("hrp", MONDAY)
    assert repr(shown) == repr((executions, held, (mark_of(),))), "in order, to the last digit"
    assert ledger.fills("ppo_lstm", RUN) == ()
    assert ledger.positions("hrp", "paper:2025-12-22") == ()


def test_writing_an_outcome_again_changes_nothing(ledger):
    ledger.record_intent(*intent())
    outcome = (fill_of(order("MSFT")),), (holding("MSFT"),), mark_of()
    for _ in range(2):
        ledger.record_outcome("hrp", week(), *outcome)
    assert (ledger.fills("hrp", RUN), ledger.positions("hrp", RUN), ledger.marks("hrp", MONDAY)) == (
        outcome[0],
        outcome[1],
        (outcome[2],),
    )


def test_a_corrected_outcome_takes_the_place_of_the_old_one(ledger):
    ledger.record_intent(*intent())
    ledger.record_outcome("hrp", week(), (fill_of(order("MSFT")),), (holding("MSFT"),), mark_of())

    ledger.record_outcome("hrp", week(), (), (holding("AAPL"),), mark_of(nav="5"))

    assert ledger.fills("hrp", RUN) == ()
    assert ledger.positions("hrp", RUN) == (holding("AAPL"),)
    assert ledger.marks("hrp", MONDAY) == (mark_of(nav="5"),)


def test_a_week_without_orders_has_an_outcome_too(ledger):
    marked(ledger, "hrp", MONDAY, holding("AAPL"))
    assert ledger.positions("hrp", RUN) == (holding("AAPL"),)


@pytest.mark.parametrize(
    ("executions", "held", "mark", "words"),
    [
        ((), (), mark_of("ppo_lstm"), "the equity mark is of account ppo_lstm"),
        ((), (), mark_of(monday=MONDAY - weeks(1)), "the equity mark is of account hrp, 2025-12-22"),
        ((), (holding("AAPL"), holding("AAPL")), mark_of(), "positions repeat AAPL"),
        ((), (holding("AAPL", "NaN"),), mark_of(), "not finite"),
        ((fill_of(order("META")),), (), mark_of(), "attempt-1:META:BUY, which is no order of that week"),
    ],
)
def test_an_outcome_that_makes_no_sense_changes_nothing(ledger, executions, held, mark, words):
    ledger.record_intent(*intent())
    known = (fill_of(order("MSFT")),), (holding("MSFT"),), mark_of()
    ledger.record_outcome("hrp", week(), *known)

    with pytest.raises(DataError, match=words):
        ledger.record_outcome("hrp", week(), executions, held, mark)

    shown = ledger.fills("hrp", RUN), ledger.positions("hrp", RUN), ledger.marks("hrp", MONDAY)
    assert shown == (known[0], known[1], (known[2],))


def test_marks_come_oldest_first_up_to_and_including_the_week_of_a_day(ledger):
    for monday in (MONDAY, MONDAY - weeks(2), MONDAY + weeks(1), MONDAY - weeks(1)):
        marked(ledger, "hrp", monday)
    marked(ledger, "ppo_lstm", MONDAY)

    for until in (MONDAY, MONDAY + timedelta(days=6)):
        assert [mark.monday for mark in ledger.marks("hrp", until)] == [MONDAY - weeks(2), MONDAY - weeks(1), MONDAY]


def test_held_before_is_what_each_account_held_after_its_own_newest_week(ledger):
    marked(ledger, "hrp", MONDAY - weeks(2), holding("OLD"))
    marked(ledger, "hrp", MONDAY - weeks(1), holding("AAPL"), holding("SOLD", "0"), holding("SHORT", "-1"))
    marked(ledger, "ppo_lstm", MONDAY - weeks(30), holding("TSLA"), holding("AAPL"))
    marked(ledger, "hrp", MONDAY, holding("FUTURE"))

    assert ledger.held_before(MONDAY) == {"AAPL", "TSLA"}


def test_an_account_that_went_to_cash_holds_nothing(ledger):
    marked(ledger, "hrp", MONDAY - weeks(2), holding("AAPL"))
    marked(ledger, "hrp", MONDAY - weeks(1))
    assert ledger.held_before(MONDAY) == frozenset()


# ---- claims --------------------------------------------------------------------------------------------------------


def test_a_claimed_week_is_refused_at_once_to_everybody_else(reopen):
    with (
        reopen().claim("hrp", RUN),
        pytest.raises(RefusedError, match=r"^account hrp, week paper:2025-12-29: another run is trading it now$"),
        reopen().claim("hrp", RUN),
    ):
        pytest.fail("claimed twice")


def test_a_claimed_week_is_refused_to_another_thread_and_to_the_holder_itself(ledger):
    heard = []

    def attempt():
        try:
            with ledger.claim("hrp", RUN):
                heard.append("claimed")
        except RefusedError:
            heard.append("refused")

    with ledger.claim("hrp", RUN):
        thread = Thread(target=attempt)
        thread.start()
        thread.join()
        attempt()
    attempt()

    assert heard == ["refused", "refused", "claimed"]


def test_other_accounts_and_other_weeks_are_free(reopen):
    with reopen().claim("hrp", RUN), reopen().claim("ppo_lstm", RUN), reopen().claim("hrp", "paper:2025-12-22"):
        pass


def test_a_claim_is_free_again_after_a_failure(reopen):
    with pytest.raises(ZeroDivisionError), reopen().claim("hrp", RUN):
        raise ZeroDivisionError
    with reopen().claim("hrp", RUN):
        pass


def test_a_refusal_takes_nothing_from_the_holder(reopen):
    other = reopen()
    with reopen().claim("hrp", RUN):
        for _ in range(2):
            with pytest.raises(RefusedError), other.claim("hrp", RUN):
                pytest.fail("claimed twice")


def test_the_holder_of_a_claim_writes_while_others_read(reopen):
    holder, reader = reopen(), reopen()
    with holder.claim("hrp", RUN):
        holder.record_intent(*intent())
        assert reader.latest_attempt("hrp", RUN).number == 1
