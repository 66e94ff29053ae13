import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.costs import CostModel
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.parameters import OrderParameters
from learnfinance_dagster.trading.identity import MAX_LENGTH, client_order_id
from learnfinance_dagster.trading.plan import KnownPrices, LastPrice, PlanContext, limit_price, plan_orders
from learnfinance_dagster.values import Mode, Order, OrderPlan, Portfolio, Position, Side, TargetWeights

FRIDAY = date(2026, 1, 16)
FRESH_FROM = date(2026, 1, 9)
RUN = "paper:2026-01-19"
CENT = Decimal("0.01")
CASES = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "cases.json"


def portfolio(cash, **held: tuple) -> Portfolio:
    """`held`: symbol=(shares, price)."""
    positions = [Position(name, Decimal(str(qty)), Decimal(str(price)), FRIDAY) for name, (qty, price) in held.items()]
    return Portfolio("hrp", RUN, Decimal(str(cash)), tuple(positions), 0, Mode.LIVE)


def weights(**wanted: float) -> TargetWeights:
    return TargetWeights("hrp", RUN, wanted, wanted, {})


def market(**prices: float) -> KnownPrices:
    return KnownPrices({name: LastPrice(Decimal(str(price)), FRIDAY) for name, price in prices.items()}, FRESH_FROM)


def context(bps: float = 5.0, attempt: int = 1, **parameters) -> PlanContext:
    free = {"max_position": 1.0, "cash_buffer": 0.0}
    return PlanContext(attempt, Mode.LIVE, "", OrderParameters(**(free | parameters)), CostModel(bps))


def plan(account: Portfolio, wanted: TargetWeights, at: KnownPrices, **parameters) -> OrderPlan:
    return plan_orders(account, wanted, at, context(**parameters))


def by_name(found: OrderPlan) -> dict[str, Order]:
    return {order.symbol: order for order in found.orders}


def reasons(found: OrderPlan) -> dict[str, str]:
    return {left.symbol: left.reason for left in found.not_sent}


# ---- what the predecessor did, and where we differ on purpose ------------------------------------------------------


@pytest.fixture(scope="module")
def cases() -> dict[str, dict]:
    if not CASES.exists():
        pytest.skip(f"the predecessor's cases are not beside this repository ({CASES})")
    return {case["id"]: case for case in json.loads(CASES.read_text())["cases"]}


def replay(case: dict, **parameters) -> OrderPlan:
    given = case["input"]
    held = {p["symbol"]: (p["qty"], p["market_value"] / p["qty"]) for p in given["portfolio"]["positions"]}
    account = replace(portfolio(given["portfolio"]["cash"], **held), run_id=given["run_id"])
    wanted = {name: weight for name, weight in given["target_weights"].items() if name != "CASH"}
    return plan(account, weights(**wanted), market(**given["prices"]), **parameters)


def test_two_buys_are_the_predecessors_but_for_the_quantity(cases):
    """The predecessor divides the value by the last price, so a buy at its limit costs 2 % more than was planned.

    Ours divides by the limit price: its 4.5735 shares of AAPL become 4.5735 / 1.02 = 4.4838. And ours come by size,
    not by name.
    """
    case = cases["orders-01-basic"]

    found = replay(case)

    assert found.nav == 10_850
    for order, theirs in zip(sorted(found.orders, key=lambda o: o.symbol), case["expected"]["orders"], strict=True):
        assert order.client_order_id == theirs["client_order_id"]
        assert (order.side, float(order.limit_price)) == (theirs["side"], theirs["limit_price"])
        assert order.qty == pytest.approx(Decimal(str(theirs["qty"])) / Decimal("1.02"), abs=Decimal("0.0002"))
        assert order.notional <= Decimal(str(order.target_weight - order.current_weight)) * found.nav
    assert {name: str(order.qty) for name, order in by_name(found).items()} == {"AAPL": "4.4838", "MSFT": "2.5631"}
    assert found.not_sent == ()


def test_limit_prices_are_the_predecessors(cases):
    case = cases["orders-05-limit-price"]
    found = [float(limit_price(Decimal(str(last)), Side(side), 0.02)) for last, side in case["input"]["cases"]]
    assert found == case["expected"]


def test_order_ids_are_the_predecessors(cases):
    case = cases["orders-06-client-order-id"]
    given = case["input"]
    found = client_order_id(given["run_id"], given["attempt"], given["symbol"], Side(given["side"]))
    assert found == case["expected"]


def test_a_full_exit_sells_all_fifty_where_the_predecessor_left_dust(cases):
    """Case head-orders-01, with a known defect: 49.505 of 50 shares are sold there.

    Other differences on purpose: ours are limit orders, sells come first, buys are sized and funded at the limits
    (the sale counts 98 %, not 100 %, a buy 102 %), and costs are set aside, so its 99.0291 and 1.4854 shares shrink.
    Its dead-band of 1 % is ours.
    """
    case = cases["head-orders-01-threshold-and-cap"]

    found = replay(case, bps=0.0)

    assert [(o.symbol, o.side) for o in found.orders] == [("DDD", "sell"), ("AAA", "buy"), ("CCC", "buy")]
    assert by_name(found)["DDD"].qty == 50, "not 49.505"
    # 100 + 50 * 98.98 less 6 cents for roundings = 5048.94 for 5150 wanted less its own rounding down to shares.
    bought = by_name(found)["AAA"].notional + by_name(found)["CCC"].notional
    assert Decimal("5048.90") < bought <= Decimal("5048.94")
    theirs = {order["symbol"]: Decimal(str(order["qty"])) for order in case["expected"]["orders"]}
    shrunk = [by_name(found)[name].qty / theirs[name] for name in ("AAA", "CCC")]
    assert shrunk == pytest.approx([Decimal("5048.94") / 5100 / Decimal("1.02")] * 2, abs=Decimal("0.0001"))
    assert reasons(found) == {"BBB": "change below the dead-band of 1.0% of NAV"}


# ---- identity ------------------------------------------------------------------------------------------------------


def test_an_order_id_of_48_characters_is_accepted_and_of_49_refused():
    longest = "S" * (MAX_LENGTH - len(client_order_id(RUN, 1, "", Side.SELL)))
    assert len(client_order_id(RUN, 1, longest, Side.SELL)) == 48
    with pytest.raises(DataError, match="has 49 characters, brokers accept 48"):
        client_order_id(RUN, 1, longest + "S", Side.SELL)


def test_the_ids_of_attempts_differ():
    assert client_order_id(RUN, 1, "AAPL", Side.BUY) != client_order_id(RUN, 2, "AAPL", Side.BUY)


# ---- one rule at a time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "wanted", "words"),
    [
        (replace(portfolio(1000), failure="the broker was away"), weights(A=1), "no portfolio: the broker was away"),
        (portfolio(1000), replace(weights(), failure="no returns"), "no weights: no returns"),
        (replace(portfolio(1000), open_orders=2), weights(A=1), "2 orders are still open at the broker"),
        (portfolio(0), weights(A=1), "net asset value is 0"),
        (portfolio(-5000, A=(10, 100)), weights(A=1), "net asset value is -4000"),
    ],
)
def test_an_account_that_cannot_be_planned_for_trades_nothing_and_says_why(account, wanted, words):
    found = plan(account, wanted, market(A=100))
    assert (found.skipped, found.orders, found.not_sent, found.turnover) == (words, (), (), 0.0)


def test_negative_cash_is_paid_back_by_sales_before_anything_is_bought():
    """The predecessor accepted negative cash here and failed on it there (D25)."""
    account = portfolio(-2000, A=(100, 100))
    assert account.nav == 8000

    found = plan(account, weights(A=1.0, B=0.1), market(A=100, B=50))

    assert [(order.symbol, order.side) for order in found.orders] == [("A", Side.SELL)], "its 2 000 are owed"
    assert reasons(found)["B"] == "no cash after the sells"


def test_what_is_left_of_a_sale_after_the_debt_is_paid_buys():
    found = plan(portfolio(-2000, A=(100, 100)), weights(A=0.5, B=0.5), market(A=100, B=50))
    assert by_name(found)["B"].notional < by_name(found)["A"].notional - 2000


def test_a_name_without_a_weight_is_sold_out_even_when_the_position_is_tiny():
    found = plan(portfolio(10_000, A=("0.0001", 100)), weights(), market(A=100))
    assert by_name(found)["A"].qty == Decimal("0.0001"), "exits are exempt from dead-band and minimum"


def test_a_sale_of_almost_everything_sells_no_more_than_is_held():
    """Its value divided by a limit 2 % below the last price would be more shares than there are."""
    found = plan(portfolio(5000, A=(50, 100)), weights(A=0.005), market(A=100))
    assert by_name(found)["A"].qty == 50


def test_a_weight_that_is_only_rounding_noise_is_an_exit():
    found = plan(portfolio(0, A=(50, 100), B=(50, 100)), weights(A=1e-9, B=1.0), market(A=100, B=100))
    assert by_name(found)["A"].qty == 50


def test_a_name_that_is_where_it_should_be_is_left_in_silence():
    found = plan(portfolio(5000, A=(50, 100)), weights(A=0.5), market(A=100))
    assert (found.orders, found.not_sent) == ((), ())


@pytest.mark.parametrize(
    ("change", "parameters", "words"),
    [
        (0.0009, {}, "worth less than $10"),
        (0.0011, {}, "change below the dead-band of 1.0% of NAV"),
        (0.0099, {}, "change below the dead-band of 1.0% of NAV"),
        (0.0101, {}, None),
        (0.0011, {"dead_band": 0.0}, None),
        (0.02, {"min_notional": 250}, "worth less than $250"),
    ],
)
@pytest.mark.parametrize("direction", [1, -1])
def test_small_changes_are_left(change, parameters, words, direction):
    found = plan(portfolio(5000, A=(50, 100)), weights(A=0.5 + direction * change), market(A=100), **parameters)
    assert reasons(found).get("A") == words
    assert len(found.orders) == (0 if words else 1)


def test_a_name_without_a_price_is_named_whether_held_or_wanted():
    account = portfolio(1000, GONE=(10, 0))
    found = plan(account, weights(NEW=0.5), market(NEW=0.0))
    assert reasons(found) == {"GONE": "no known price", "NEW": "no known price"}


@pytest.mark.parametrize(("session", "words"), [(date(2026, 1, 8), "no price since 2026-01-08"), (FRESH_FROM, None)])
def test_a_price_older_than_a_week_supports_no_order(session, words):
    at = KnownPrices({"A": LastPrice(Decimal(100), session)}, FRESH_FROM)
    found = plan(portfolio(0, A=(50, 100)), weights(), at)
    assert reasons(found).get("A") == words


def test_a_blocked_name_is_not_bought_but_may_be_sold():
    at = market(A=100, B=100)
    found = plan(portfolio(5000, A=(50, 100)), weights(B=0.4), at, block=("A", "B"))
    assert list(by_name(found)) == ["A"]
    assert reasons(found) == {"B": "on the block list"}


def test_where_there_is_an_allow_list_only_its_names_are_bought():
    at = market(A=100, B=100, C=100)
    found = plan(portfolio(5000, A=(50, 100)), weights(B=0.4, C=0.2), at, allow=("B",))
    assert list(by_name(found)) == ["A", "B"]
    assert reasons(found) == {"C": "not on the allow list"}


def test_a_buy_stops_at_the_position_cap_and_a_name_beyond_it_is_not_added_to():
    account = portfolio(5000, A=(20, 100), B=(30, 100))
    found = plan(account, weights(A=0.5, B=0.5), market(A=100, B=100), max_position=0.25)
    assert by_name(found)["A"].notional == pytest.approx(Decimal(500), abs=2)
    assert reasons(found) == {"B": "already at the position cap of 25% of NAV"}


def test_whole_shares_only_where_fractions_are_not_traded():
    at = KnownPrices({name: LastPrice(Decimal(300), FRIDAY, fractionable=False) for name in "ABC"}, FRESH_FROM)
    found = plan(portfolio(5000, C=("7.5", 300)), weights(A=0.2, B=0.04, C=0.1), at)
    assert {name: order.qty for name, order in by_name(found).items()} == {"C": 5, "A": 4}
    assert reasons(found) == {"B": "less than one share, and no fractions"}


def test_whole_shares_stay_whole_when_buys_are_scaled_to_the_cash():
    at = KnownPrices({name: LastPrice(Decimal(100), FRIDAY, fractionable=False) for name in "AB"}, FRESH_FROM)
    found = plan(portfolio(1000), weights(A=0.6, B=0.6), at)
    assert {name: order.qty for name, order in by_name(found).items()} == {"A": 4, "B": 4}


def test_a_price_of_a_thousandth_of_a_cent_makes_no_order():
    found = plan(portfolio(1000), weights(A=0.5), market(A=0.001))
    assert reasons(found) == {"A": "the limit price rounds to zero"}


def test_a_quantity_that_rounds_to_nothing_makes_no_order():
    found = plan(portfolio(1000), weights(A=0.5), market(A=9_000_000))
    assert reasons(found) == {"A": "quantity rounds to zero"}


def test_a_little_cash_among_many_names_is_not_overspent_by_roundings():
    """Once scaled, twelve buys of $16 were a cent each too dear: cost is rounded to cents, and 0.83 ct becomes one."""
    names = {f"N{n}": 0.0217 for n in range(12)}
    account = portfolio(200, KEPT=(10_000, 100))
    found = plan(account, weights(KEPT=1e6 / 1_000_200, **dict.fromkeys(names, 0.02)), market(KEPT=100, **names))
    assert len(found.orders) == 12
    assert sum(cents(o.notional) + CostModel(5.0).of_trade(cents(o.notional)) for o in found.orders) <= 200


def test_many_small_sales_are_not_overrated_by_roundings():
    account = portfolio(0, **{f"N{n:02}": ("9.9333", 10.03) for n in range(40)})
    found = plan(account, weights(NEW=1.0), market(NEW=0.02, **{f"N{n:02}": 10.03 for n in range(40)}), bps=37.0)
    sells, bought = found.orders[:-1], found.orders[-1]
    assert (len(sells), bought.symbol) == (40, "NEW")
    costs = CostModel(37.0)
    brought = sum(cents(o.notional) - costs.of_trade(cents(o.notional)) for o in sells)
    assert cents(bought.notional) + costs.of_trade(cents(bought.notional)) <= brought


def test_exits_go_first_then_sells_then_buys_each_by_size():
    account = portfolio(1000, A=(30, 100), B=(30, 100), C=(10, 100), D=(20, 100))
    wanted = weights(A=0.25, B=0.1, E=0.1, F=0.3)
    found = plan(account, wanted, market(**dict.fromkeys("ABCDEF", 100)))
    assert [order.symbol for order in found.orders] == ["D", "C", "B", "A", "F", "E"]


def test_orders_beyond_the_count_are_left_the_least_important_first():
    found = plan(portfolio(10_000), weights(A=0.1, B=0.2, C=0.3), market(A=10, B=10, C=10), max_orders=2)
    assert [order.symbol for order in found.orders] == ["C", "B"]
    assert reasons(found) == {"A": "order cap of 2 reached"}


def test_orders_beyond_the_turnover_are_left_the_least_important_first():
    found = plan(portfolio(10_000), weights(A=0.1, B=0.2, C=0.3), market(A=10, B=10, C=10), max_turnover=0.22)
    assert [order.symbol for order in found.orders] == ["C", "A"], "B does not fit, A does"
    assert reasons(found) == {"B": "turnover cap of 22% reached"}
    assert found.turnover == pytest.approx(0.2, abs=1e-4)


def test_a_buy_that_shrinks_below_the_minimum_is_left_with_its_reason():
    found = plan(portfolio(12, A=(999, 1)), weights(A=0.99, B=0.5, C=0.5), market(A=1, B=1, C=1), max_position=1.0)
    assert reasons(found)["B"] == "worth less than $10 once scaled to the cash"


# ---- whatever the portfolio ----------------------------------------------------------------------------------------

NAMES = [f"N{n:02}" for n in range(12)]
PRICES = st.decimals("0.02", "5000", places=3)
QUANTITIES = st.one_of(st.decimals("0.0001", "3", places=4), st.integers(1, 4000).map(Decimal))


@st.composite
def situations(draw):
    """A portfolio, target weights, a market and terms; about one in ten names lacks a fresh price."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    last = {
        name: LastPrice(draw(PRICES), draw(st.sampled_from([FRIDAY] * 9 + [date(2025, 12, 1)])), draw(st.booleans()))
        for name in names
    }
    held = draw(st.lists(st.sampled_from(names), unique=True))
    positions = tuple(Position(name, draw(QUANTITIES), last[name].price, FRIDAY) for name in held)
    unpriced = set(draw(st.lists(st.sampled_from(names), max_size=1)))
    cash = draw(st.decimals("-20000", "200000", places=2))
    parts = {name: draw(st.integers(0, 100)) for name in draw(st.lists(st.sampled_from(names), unique=True))}
    total = max(1, sum(parts.values())) / draw(st.floats(0.1, 1.0))
    wanted = {name: part / total for name, part in parts.items()}
    terms = context(
        bps=draw(st.sampled_from([0.0, 5.0, 37.0])),
        dead_band=draw(st.sampled_from([0.0, 0.01, 0.05])),
        cash_buffer=draw(st.sampled_from([0.0, 0.02])),
        max_turnover=draw(st.sampled_from([0.1, 0.5, 1.0])),
        max_orders=draw(st.sampled_from([2, 60])),
        max_position=draw(st.sampled_from([0.1, 0.25, 1.0])),
        block=tuple(draw(st.lists(st.sampled_from(NAMES), max_size=2))),
        allow=tuple(draw(st.one_of(st.just([]), st.lists(st.sampled_from(NAMES), min_size=6)))),
    )
    account = Portfolio("hrp", RUN, cash, positions, 0, Mode.LIVE)
    at = KnownPrices({name: price for name, price in last.items() if name not in unpriced}, FRESH_FROM)
    return account, TargetWeights("hrp", RUN, wanted, wanted, {}), at, terms


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT)


@settings(max_examples=150, deadline=None)
@given(situations())
def test_whatever_the_portfolio_a_plan_can_be_carried_out(situation):
    account, wanted, at, terms = situation
    found = plan_orders(account, wanted, at, terms)
    if account.nav <= 0:
        assert found.skipped
        return
    held = {position.symbol: position for position in account.positions}
    sells = [order for order in found.orders if order.side is Side.SELL]
    buys = [order for order in found.orders if order.side is Side.BUY]
    p = terms.parameters

    assert found.orders == (*sells, *buys), "sells come first"
    assert len({order.symbol for order in found.orders}) == len(found.orders)
    for order in sells:
        assert 0 < order.qty <= held[order.symbol].qty, "never more than is held"
        if wanted.weights.get(order.symbol, 0.0) == 0:
            assert order.qty == held[order.symbol].qty, "an exit leaves no dust"
    # A broker rounds value and cost of each trade to cents.
    spent = sum((cents(o.notional) + terms.costs.of_trade(cents(o.notional)) for o in buys), Decimal(0))
    brought = sum((cents(o.notional) - terms.costs.of_trade(cents(o.notional)) for o in sells), Decimal(0))
    if buys:
        assert spent <= account.cash + brought - Decimal(str(p.cash_buffer)) * account.nav, "not fundable"
    for order in buys:
        last = at.prices[order.symbol]
        value_after = order.notional + (held[order.symbol].market_value if order.symbol in held else 0)
        assert value_after <= Decimal(str(p.max_position)) * account.nav, "beyond the position cap"
        assert order.notional >= Decimal(str(p.min_notional))
        assert order.symbol not in p.block
        assert not p.allow or order.symbol in p.allow
        assert last.fractionable or order.qty == order.qty.to_integral_value()
    assert sum((o.notional for o in found.orders), Decimal(0)) <= 2 * Decimal(str(p.max_turnover)) * account.nav
    assert len(found.orders) <= p.max_orders
    for order in found.orders:
        assert at.prices[order.symbol].session >= FRESH_FROM


@settings(max_examples=100, deadline=None)
@given(situations())
def test_whatever_the_portfolio_each_changed_name_is_an_order_or_has_one_reason(situation):
    account, wanted, at, terms = situation
    found = plan_orders(account, wanted, at, terms)
    if found.skipped:
        return
    held = {position.symbol: position.market_value for position in account.positions}
    changed = {
        name
        for name in held.keys() | wanted.weights.keys()
        if abs(wanted.weights.get(name, 0.0) - float(held.get(name, 0) / account.nav)) >= 1e-6
        or (name in held and not wanted.weights.get(name))
    }
    told = [order.symbol for order in found.orders] + [left.symbol for left in found.not_sent]
    assert sorted(told) == sorted(changed)
    assert all(left.reason and left.notional >= 0 for left in found.not_sent)


@settings(max_examples=100, deadline=None)
@given(situations())
def test_whatever_the_portfolio_the_dead_band_leaves_only_exits_and_real_changes(situation):
    account, wanted, at, terms = situation
    for order in plan_orders(account, wanted, at, terms).orders:
        is_exit = order.side is Side.SELL and order.target_weight == 0
        assert is_exit or abs(order.target_weight - order.current_weight) >= terms.parameters.dead_band


@settings(max_examples=50, deadline=None)
@given(situations())
def test_the_same_situation_gives_the_same_plan(situation):
    assert plan_orders(*situation) == plan_orders(*situation)
