"""Invented weekly reports, as like to real ones as the tests need."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.evaluation.drift import DriftFinding, DriftReport, Health
from learnfinance_dagster.ports import MarketInfo, PriceBasis, TrialKind
from learnfinance_dagster.reporting.content import AccountSection, UniverseSummary, WeeklyReport
from learnfinance_dagster.reporting.evidence import EvidenceSummary, NameEvidence
from learnfinance_dagster.reporting.forecasts import (
    ForecasterNote,
    ForecastSummary,
    NameForecast,
    OneForecast,
    SkillLine,
)
from learnfinance_dagster.reporting.policies import PolicyLine
from learnfinance_dagster.values import (
    EquityMark,
    Fill,
    FillReport,
    Mode,
    NotSent,
    Order,
    OrderPlan,
    OrderRecord,
    OrderStatus,
    Portfolio,
    Position,
    Side,
    Submission,
    TargetWeights,
)

MONDAY = date(2025, 12, 29)
CENT = Decimal("0.01")
NAMES = [
    "AAPL",
    "MSFT",
    "NVDA",
    "AVGO",
    "LLY",
    "XOM",
    "JNJ",
    "PG",
    "MRK",
    "AMD",
    "ADBE",
    "CRM",
    "CSCO",
    "QCOM",
    "TXN",
    "LIN",
    "INTU",
    "AMAT",
    "NOW",
    "ISRG",
    "SYK",
    "VRTX",
    "PANW",
    "MU",
    "KLAC",
    "LRCX",
    "SNPS",
    "CDNS",
    "REGN",
    "ADI",
    "NKE",
    "MDLZ",
    "UNP",
    "UPS",
    "HON",
]
SUMMARIES = {
    "hrp": "Hierarchical risk parity on daily returns; no forecasts",
    "equal_weight": "The same weight for every candidate: the yardstick",
}
MARKET = MarketInfo(
    name="practice market (seed 7)",
    is_practice=True,
    price_basis=PriceBasis.AS_TRADED,
    first_session=date(2010, 1, 4),
    last_session=date(2025, 12, 31),
)
UNIVERSE = UniverseSummary(
    halal=48,
    screened=41,
    held_over=2,
    funds=("SPUS 2025-12-19", "HLAL 2025-12-19", "SPRE 2025-11-07"),
    excluded={"fewer than 252 sessions": 3, "median dollar volume below 5,000,000": 2, "price below 5.00": 2},
)


HEADLINES = (
    "{} lifts its outlook after a quarter of strong demand",
    "Why shares of {} fell on Friday while the rest of the market hardly moved at all",
    "Regulators open an inquiry into {}",
    "{}: three things to watch",
)
DISAGREEMENTS = {
    "NVDA": "debt 41.2 % of total assets, limit 33.3 %",
    "XOM": "cash 35.0 % of total assets, limit 33.3 %; net_receivables of 2025-09-30 is missing",
}
UNREACHED = "no contact for the SEC: set LEARNFINANCE_CONTACT to your e-mail address"
PUBLISHERS = ("Daily Ledger", "Market Post", "The Invented Financial Times of Somewhere")


def known(symbol="AAPL", **changes):
    """One name with fourteen articles, a fresh filing and a clean screen, but for the changes."""
    plain = NameEvidence(
        symbol=symbol,
        sentiment=0.42,
        scoring_failed=False,
        articles=14,
        insufficient_news=False,
        days_missing=0,
        headline=f"{symbol} lifts its outlook after a quarter of strong demand",
        headline_score=0.81,
        headline_at=datetime(2025, 12, 26, 21, 5, tzinfo=UTC),
        publisher="Daily Ledger",
        gross_margin=0.467,
        operating_margin=0.302,
        net_margin=0.253,
        current_ratio=1.07,
        debt_to_equity=1.414,
        fundamental_age=0.66,
        filed_on=date(2025, 10, 30),
        filing_reason="",
        screen="pass",
        screen_reason="",
    )
    return replace(plain, **changes)


def no_news(symbol, days_missing=0):
    """A name without any article."""
    return known(
        symbol,
        sentiment=None,
        articles=0,
        insufficient_news=True,
        days_missing=days_missing,
        headline="",
        headline_score=None,
        headline_at=None,
        publisher="",
    )


def no_filing(symbol, reason="no public filing is known"):
    """A name without any statement, so without ratios and a verdict."""
    return known(
        symbol,
        gross_margin=None,
        operating_margin=None,
        net_margin=None,
        current_ratio=None,
        debt_to_equity=None,
        fundamental_age=None,
        filed_on=None,
        filing_reason=reason,
        screen="unknown",
        screen_reason=reason,
    )


def evidence(names=NAMES, **changes):
    """Names of every kind: scored well and badly, with few articles, none, or not asked; with and without filings."""
    return replace(
        EvidenceSummary(
            news_source="practice news",
            filings_source="practice filings",
            model="lexicon@1.0",
            readers=(),
            names=tuple(_kind(symbol, number) for number, symbol in enumerate(names)),
            not_fetched_share=0.04,
            most_not_fetched=0.2,
            news_failures=(),
            failures=(),
            basis="total_assets",
            passed=22,
            failed=2,
            unknown=4,
            disagreements=tuple(DISAGREEMENTS.items()),
        ),
        **changes,
    )


def _kind(symbol, number):
    rng = np.random.default_rng(number)
    if number % 9 == 4:
        return no_news(symbol, days_missing=(0, 7, 3)[number // 9 % 3])
    if number % 11 == 6:
        return no_filing(symbol, "no public filing is known" if number % 2 else UNREACHED)
    score = float(rng.uniform(-0.9, 0.9))
    reason = DISAGREEMENTS.get(symbol, "")
    few = number % 5 == 2
    return known(
        symbol,
        sentiment=score,
        articles=2 if few else int(rng.integers(3, 90)),
        insufficient_news=few,
        days_missing=2 if number % 8 == 1 else 0,
        headline=HEADLINES[number % 4].format(symbol),
        headline_score=float(np.clip(score * 1.3, -1, 1)),
        headline_at=datetime(2025, 12, 29, 11, tzinfo=UTC) - timedelta(hours=int(rng.integers(1, 160))),
        publisher=PUBLISHERS[number % 3],
        net_margin=float(rng.uniform(-0.2, 0.5)),
        debt_to_equity=float(rng.uniform(0, 3)),
        filed_on=date(2024, 6, 28) if number == 3 else date(2025, 10, 30) + timedelta(days=number % 20),
        fundamental_age=6.02 if number == 3 else 0.6,
        screen="fail" if reason else "pass",
        screen_reason=reason,
    )


SHORT_HISTORY = {"PANW": "12 of 60 sessions have a bar", "KLAC": "12 of 60 sessions have a bar"}
YARDSTICKS = (
    SkillLine("zero", 0.00158, None, None, None, None),
    SkillLine("persistence", 0.00331, -0.012, 0.025, 0.489, 0.011),
    SkillLine("momentum", 0.00182, 0.008, 0.027, 0.503, 0.012),
    SkillLine("last_year_mean", 0.00159, 0.011, 0.024, 0.512, 0.015),
)


def forecaster(name="lstm", **changes):
    """One forecaster without found skill that no account reads, but for the changes."""
    whole = ForecasterNote(
        name=name,
        version="v2025-12-19-0a1b2c3d4e5f",
        trained_until=date(2024, 12, 20),
        failure="",
        readers=(),
        first_week="2024-12-30",
        last_week="2025-12-22",
        weeks=52,
        skill=(SkillLine(name, 0.00161, 0.0214, 0.0231, 0.508, 0.013), *YARDSTICKS),
        verdict="No skill found: its rank IC is within two standard errors of chance.",
    )
    return replace(whole, **changes)


def patchtst():
    """One with a record of its own."""
    own = SkillLine("patchtst", 0.00160, -0.0043, 0.0226, 0.497, 0.012)
    return forecaster("patchtst", version="v2025-12-19-5d4c3b2a1f0e", skill=(own, *YARDSTICKS))


def forecast(value):
    """A number with its direction; a reason where there is none."""
    if isinstance(value, str):
        return OneForecast(None, "", value)
    return OneForecast(value, "FLAT" if abs(value) <= 0.001 else "UP" if value > 0 else "DOWN", "")


def forecasts(names=NAMES, forecasters=None, **values):
    """Small numbers of every direction, for two names a reason instead; or what is given for a symbol."""
    notes = (forecaster("lstm"), patchtst()) if forecasters is None else forecasters
    rng = np.random.default_rng(11)
    drawn = rng.normal(0.001, 0.004, (len(names), len(notes)))
    rows = ((s, values.get(s, SHORT_HISTORY.get(s, row))) for s, row in zip(names, drawn.tolist(), strict=True))
    return ForecastSummary(
        notes,
        tuple(
            NameForecast(symbol, tuple(map(forecast, [row] * len(notes) if isinstance(row, str) else row)))
            for symbol, row in rows
        ),
    )


def section(name="hrp", *, monday=MONDAY, names=17, orders=14, weeks=12, seed=1, mode=Mode.LIVE):
    """One account: `names` weights, `orders` orders (two expire, one is rejected), `weeks` marks."""
    rng = np.random.default_rng(seed)
    week = week_of(monday)
    symbols = NAMES[:names]
    raw = rng.dirichlet(np.full(names, 4.0)) * 0.97 if names else []
    weights = {symbol: float(weight) for symbol, weight in zip(symbols, raw, strict=True)}
    prices = {symbol: Decimal(str(round(rng.uniform(30, 600), 2))) for symbol in NAMES}
    held = {symbol: Decimal(int(rng.integers(3, 40))) for symbol in symbols}
    positions = tuple(Position(symbol, held[symbol], prices[symbol], week.last_session) for symbol in symbols)
    planned = tuple(_order(week, NAMES[n % len(NAMES)], n, prices, rng) for n in range(orders))
    not_sent = tuple(
        NotSent(symbol, Side.BUY if n % 2 else Side.SELL, Decimal(120 + 37 * n), "change below the dead band of 1 %")
        for n, symbol in enumerate(symbols[-3:])
    )
    records = tuple(_record(order, n, len(planned)) for n, order in enumerate(planned))
    marks = _marks(name, week, weeks, rng)
    return AccountSection(
        name=name,
        summary=SUMMARIES.get(name, "Reinforcement learning on forecasts"),
        weights=TargetWeights(name, week.key, weights, weights, {"BRK.B": "41 returns, 60 are needed"}, "", _origin()),
        portfolio=Portfolio(name, week.run_id, Decimal("2310.55"), positions, 0, mode),
        plan=OrderPlan(name, week.run_id, 1, mode, "", Decimal(104_000), Decimal("2310.55"), planned, not_sent),
        submission=Submission(
            name,
            week.run_id,
            1,
            mode,
            "",
            tuple(r.order.client_order_id for r in records if r.status is not OrderStatus.REJECTED),
            {r.order.client_order_id: r.reason for r in records if r.status is OrderStatus.REJECTED},
        ),
        fills=FillReport(
            name,
            week.run_id,
            1,
            mode,
            records,
            tuple(_fill(r.order, week) for r in records if r.status is OrderStatus.FILLED),
            positions,
            Decimal("2310.55"),
            marks[-1] if marks else None,
        ),
        marks=marks,
    )


def report(*sections, monday=MONDAY, **changes):
    """A report of the given accounts; `hrp` and `equal_weight` where none is given."""
    accounts = sections or (
        section("hrp", monday=monday, seed=1),
        section("equal_weight", monday=monday, seed=4, orders=9),
    )
    whole = WeeklyReport(
        week=week_of(monday),
        market=MARKET,
        initial_cash=Decimal(100_000),
        universe=UNIVERSE,
        accounts=accounts,
        evidence=evidence(),
        forecasts=forecasts(),
        warnings=("SPRE's newest holdings are 52 days old (2025-11-07).",),
        provenance=(("Code", "learnfinance-dagster 0.1.0"), ("Settings", "max weight 20 %, cost 5 bps a side")),
    )
    return replace(whole, **changes)


def failed(name="ppo_lstm", reason="the LSTM forecaster gave no forecast: 3 of 41 names have features"):
    """An account whose allocator gave nothing."""
    whole = section(name, orders=0, weeks=5, seed=9)
    return replace(
        whole,
        weights=TargetWeights(name, whole.weights.week, {}, {}, {}, reason),
        plan=replace(whole.plan, not_sent=(), skipped="no weights"),
    )


def closed_week():
    """A report of a week without a session. No such week has been since 2009, so one is made."""
    week = replace(week_of(MONDAY), sessions=(), first_open=None, first_close=None)
    quiet = replace(section("hrp", orders=0), plan=replace(section("hrp", orders=0).plan, not_sent=()))
    return replace(report(quiet), week=week)


SIX = ("hrp", "equal_weight", "ppo_lstm", "ppo_patchtst", "sac_lstm", "sac_patchtst")
NOW, BEFORE = "v2025-12-26-0a1b2c3d4e5f", "v2025-11-28-5d4c3b2a1f0e"


def policy(name="ppo_lstm", **changes):
    """A fine-tune that was promoted, but for the changes."""
    whole = PolicyLine(
        name=name,
        version=NOW,
        kind=TrialKind.FINE_TUNE,
        serves=MONDAY,
        reason=(
            f"{NOW} is promoted: on 104 weeks its Sharpe is 0.61 above that of {BEFORE} (p = 0.012), and it is not"
            " worse than equal_weight"
        ),
        failure="",
    )
    return replace(whole, **changes)


def policies():
    """One policy of every learned allocator; the last account has none."""
    first = "it is the first version, and not worse than equal_weight on 104 weeks"
    old = {"version": BEFORE, "kind": TrialKind.TRAINING, "serves": date(2025, 12, 1)}
    gone = {"version": "", "kind": None, "serves": None, "reason": "", "failure": "no policy was ever promoted"}
    return (
        policy("ppo_lstm"),
        policy("ppo_patchtst", **old, reason=f"{BEFORE} is promoted: {first}"),
        policy("sac_lstm", **old, reason=f"{BEFORE} is promoted: {first}"),
        policy("sac_patchtst", **gone),
    )


def finding(model="ppo_lstm", kind="inputs", health=Health.HEALTHY, **changes):
    """One that is healthy, but for the changes."""
    told = "all inputs are as in training; furthest from it: net_margin, its mean +0.31 standard deviations off"
    retrain = health is Health.CRITICAL
    return replace(DriftFinding(model, NOW, kind, health, told, retrain=retrain, figures={"rows": 60.0}), **changes)


BAD_LUCK = (
    "mean weekly return beyond equal_weight: the newest 4 weeks are below -0.0021, the lower end of its held-out"
    " interval: -0.0121, -0.0034, -0.0081, -0.0049"
)


def drift():
    """Findings of every kind."""
    away = (
        "1 of 11 inputs is not as in training: gross_margin, its mean +1.31 standard deviations from that of training"
    )
    return DriftReport(
        MONDAY.isoformat(),
        (
            finding("ppo_lstm", "skill"),
            finding("ppo_lstm", "inputs", Health.DEGRADED, told=away),
            finding("ppo_patchtst", "skill"),
            finding("ppo_patchtst"),
            finding("sac_lstm", "skill", Health.CRITICAL, told=BAD_LUCK),
            finding("sac_lstm"),
            finding("lstm", "skill"),
            finding("lstm"),
            finding("patchtst"),
        ),
    )


def largest():
    """Six allocators, thirty-five names, sixty orders each, two forecasters."""
    return report(*(section(name, names=35, orders=60, weeks=60, seed=n) for n, name in enumerate(SIX)))


def usual():
    """What a Monday brings: six allocators, fifteen names each."""
    names = NAMES[:18]
    accounts = (section(name, names=15, orders=14, weeks=30, seed=n) for n, name in enumerate(SIX))
    known = {"evidence": evidence(names), "forecasts": forecasts(names)}
    return report(*accounts, **known, policies=policies(), drift=drift())


def _origin():
    return {"method": "HRP, PyPortfolioOpt, single linkage", "returns": "252 days to 2025-12-26"}


def _order(week, symbol, number, prices, rng):
    side = Side.SELL if number % 3 == 0 else Side.BUY
    last = prices[symbol]
    limit = (last * (Decimal("0.98") if side is Side.SELL else Decimal("1.02"))).quantize(CENT)
    key = f"{week.run_id}:attempt-1:{symbol}{number}:{side.upper()}"
    return Order(key, symbol, side, Decimal(int(rng.integers(1, 60))), limit, last, 0.03, 0.05)


def _record(order, number, total):
    if number == total - 1 and total > 4:
        return OrderRecord(order, OrderStatus.REJECTED, "insufficient buying power")
    if number % 7 == 5:
        return OrderRecord(order, OrderStatus.EXPIRED, "the price never came within the limit")
    return OrderRecord(order, OrderStatus.FILLED)


def _fill(order, week):
    price = (order.last_price * Decimal("1.003")).quantize(CENT)
    cost = (order.qty * price * Decimal("0.0005")).quantize(CENT)
    return Fill(order.client_order_id, order.symbol, order.side, order.qty, price, cost, week.sessions[0])


def _marks(name, week, weeks, rng):
    path = 99_950 * np.cumprod(1 + rng.normal(0.003, 0.014, weeks))
    mondays = [week.monday - timedelta(days=7 * back) for back in range(weeks)][::-1]
    return tuple(
        EquityMark(name, monday, week_of(monday).sessions[0], Decimal(str(round(nav, 2))), Decimal("2310.55"))
        for monday, nav in zip(mondays, path, strict=True)
    )
