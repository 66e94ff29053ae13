import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learnfinance_dagster.allocation.allocator import AllocationInputs
from learnfinance_dagster.allocation.hrp import hrp, hrp_weights
from learnfinance_dagster.calendar import sessions_between, week_from_key
from learnfinance_dagster.parameters import AllocationParameters

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
CASES = SHARED / "spec" / "cases.json"
PEER = SHARED / "data" / "peer" / "pyportfolioopt"
WEEK = week_from_key("2025-12-29")
RULES = AllocationParameters()
DAYS = sessions_between(date(2024, 11, 4), WEEK.last_session)[-252:]
NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG")


def market(names=NAMES, seed=7):
    """Daily returns that share one factor to different degrees, each name with its own volatility."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 0.01, (len(DAYS), 1))
    own = rng.normal(0, 1, (len(DAYS), len(names))) * np.linspace(0.005, 0.03, len(names))
    return pd.DataFrame(common * np.linspace(0.5, 1.5, len(names)) + own, index=list(DAYS), columns=list(names))


def weigh(returns, symbols=None, rules=RULES):
    return hrp(AllocationInputs(WEEK, tuple(symbols or returns.columns), returns, seed=7), rules)


def published_prices():
    if not PEER.exists():
        pytest.skip("PyPortfolioOpt's published prices and weights are not on this machine")
    return pd.read_csv(PEER / "stock_prices.csv", index_col="date", parse_dates=True)


def test_the_predecessors_golden_weights_are_met():
    if not CASES.exists():
        pytest.skip("the predecessor's cases are not on this machine")
    case = next(case for case in json.loads(CASES.read_text())["cases"] if case["id"].startswith("hrp-01"))
    returns = pd.DataFrame(case["input"]["returns"], columns=case["input"]["symbols"])
    assert hrp_weights(returns) == pytest.approx(case["expected"]["weights"], abs=case["abs_tolerance"])


def test_pyportfolioopts_published_weights_are_met():
    returns = published_prices().pct_change(fill_method=None).dropna(how="all")
    published = pd.read_csv(PEER / "weights_hrp.csv", index_col=0)["0"]
    assert hrp_weights(returns) == pytest.approx(published.to_dict(), abs=1e-9)


def skfolio_weights(returns):
    """The paper's method in skfolio: its defaults (Ward, leaves reordered) are another one."""
    from skfolio.cluster import HierarchicalClustering, LinkageMethod
    from skfolio.optimization import HierarchicalRiskParity
    from skfolio.seriation import HierarchicalSeriation

    single = HierarchicalClustering(linkage_method=LinkageMethod.SINGLE)
    seriation = HierarchicalSeriation(hierarchical_clustering_estimator=single, optimal_ordering=False)
    model = HierarchicalRiskParity(seriation_estimator=seriation).fit(returns)
    return dict(zip(returns.columns, model.weights_.tolist(), strict=True))


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_skfolio_gives_the_same_weights(seed):
    returns = market(tuple(f"N{n:02}" for n in range(15)), seed)
    assert hrp_weights(returns) == pytest.approx(skfolio_weights(returns), abs=1e-9)


def test_skfolio_gives_the_same_weights_on_real_prices():
    returns = published_prices().dropna().pct_change(fill_method=None).dropna()
    assert hrp_weights(returns) == pytest.approx(skfolio_weights(returns), abs=1e-9)


def test_two_names_are_weighed_by_inverse_variance():
    returns = market(("AAA", "BBB"))
    calm, wild = returns.var()
    assert hrp_weights(returns) == pytest.approx({"AAA": wild / (calm + wild), "BBB": calm / (calm + wild)})


def test_a_constant_price_does_not_crash_hrp():
    raw = weigh(market().assign(FLAT=0.0))
    assert raw.excluded == {"FLAT": "constant price"}
    assert raw.weights == pytest.approx(weigh(market()).weights)


def test_a_constant_price_whose_dividends_leave_rounding_does_not_crash_hrp():
    noise = np.random.default_rng(7).choice([0.0, 2.2e-16, -1.1e-16], len(DAYS))
    assert weigh(market().assign(FLAT=noise)).excluded == {"FLAT": "constant price"}


def test_a_mixed_series_does_not_crash_hrp():
    """Half of it missing, half of it standing still, one jump."""
    mixed = np.r_[np.full(126, np.nan), np.zeros(125), 0.5]
    raw = weigh(market().assign(MIXED=mixed))
    assert sum(raw.weights.values()) == pytest.approx(1)
    assert set(raw.weights) | set(raw.excluded) == {*NAMES, "MIXED"}


def test_a_name_that_stood_still_while_another_was_listed_has_no_correlation_with_it():
    returns = market()
    returns["HALTED"] = returns["AAA"].mask(np.arange(252) >= 150, 0.0)
    returns["NEW"] = returns["BBB"].mask(np.arange(252) < 150)
    raw = weigh(returns)
    assert raw.excluded == {"NEW": "no correlation with another name on 60 common days"}


def test_one_short_history_does_not_shorten_everyone():
    returns = market()
    returns["NEW"] = market(("NEW",), seed=11)["NEW"].mask(np.arange(252) < 192)
    raw = weigh(returns)
    assert raw.excluded == {}
    assert set(raw.weights) == {*NAMES, "NEW"}
    # the others' own variances still come from all of their days: without NEW nothing of theirs differs
    older, alone = {name: raw.weights[name] for name in NAMES}, weigh(returns.drop(columns="NEW")).weights
    shortened = hrp_weights(returns.dropna())
    distance = {name: abs(older[name] / sum(older.values()) - alone[name]) for name in NAMES}
    assert max(distance.values()) < max(abs(shortened[name] - alone[name]) for name in NAMES)


def test_a_name_with_too_few_returns_is_left_out_and_the_others_are_weighed_as_if_it_were_not_there():
    short = market().assign(NEW=market(("NEW",))["NEW"].mask(np.arange(252) < 193))
    raw = weigh(short)
    assert raw.excluded == {"NEW": "59 returns, 60 are needed"}
    assert raw.weights == pytest.approx(weigh(market()).weights, abs=1e-15)


def test_of_two_names_that_never_met_the_newer_one_goes():
    returns = market()
    returns["AAA"] = returns["AAA"].mask(np.arange(252) >= 180)
    returns["ZZZ"] = market(("ZZZ",), seed=5)["ZZZ"].mask(np.arange(252) < 180)
    assert weigh(returns).excluded == {"ZZZ": "no correlation with another name on 60 common days"}


def test_a_newcomer_whose_days_fall_into_anothers_halt_does_not_push_it_out():
    returns = market()
    returns["NEW"] = market(("NEW",), seed=5)["NEW"].mask(np.arange(252) < 192)
    returns.loc[returns.index[[200, 201]], "AAA"] = np.nan
    assert set(weigh(returns).excluded) == {"NEW"}


def test_a_correlation_of_a_handful_of_days_is_none():
    returns = market()
    returns["OLD"] = returns["AAA"].mask(np.arange(252) >= 130)
    returns["NEW"] = returns["BBB"].mask(np.arange(252) < 127)  # three common days: a correlation near ±1
    assert set(weigh(returns).excluded) == {"NEW"}


def test_a_name_without_bars_is_left_out():
    assert weigh(market(), (*NAMES, "GONE")).excluded == {"GONE": "no bars"}


def test_names_that_were_not_screened_are_not_weighed():
    assert set(weigh(market(), NAMES[:3]).weights) == set(NAMES[:3])


@pytest.mark.parametrize("returns", [pd.DataFrame(), market().iloc[:0]], ids=["nothing", "no days"])
def test_without_any_return_everything_stays_in_cash_with_reasons(returns):
    raw = weigh(returns, NAMES)
    assert raw.weights == {}
    assert set(raw.excluded) == set(NAMES)
    assert raw.provenance["returns"] == "none"


def test_the_rank_of_a_name_does_not_change_its_weight():
    names = tuple(f"N{n:02}" for n in range(15))
    returns = market(names)
    shuffled = tuple(np.random.default_rng(3).permutation(names).tolist())
    assert weigh(returns, shuffled).weights == weigh(returns, names).weights
    assert weigh(returns[list(shuffled)], names).weights == weigh(returns, names).weights


def test_only_the_lookback_is_read():
    wild = market()
    wild.iloc[:132] *= 50
    rules = AllocationParameters(lookback_returns=120)
    raw = weigh(wild, rules=rules)
    assert raw.weights == weigh(wild.iloc[132:], rules=rules).weights
    assert raw.provenance["returns"] == f"120 days to {WEEK.last_session}"


def test_calm_names_get_more_than_wild_ones():
    rng = np.random.default_rng(7)
    returns = pd.DataFrame(rng.normal(0, [0.005, 0.01, 0.02, 0.04], (252, 4)), index=list(DAYS), columns=list("ABCD"))
    weights = weigh(returns).weights
    assert sorted(weights, key=lambda name: -weights[name]) == list("ABCD")


def test_twins_do_not_crash_hrp():
    raw = weigh(market().assign(TWIN=market()["AAA"]))
    assert sum(raw.weights.values()) == pytest.approx(1)
    assert raw.weights["TWIN"] > 0
