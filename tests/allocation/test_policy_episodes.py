from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from policy_world import (
    COSTS,
    RULES,
    halting,
    in_other_slots,
    made_up,
    plain_portfolio,
    played,
    shuffled_slots,
    thinned,
)

from learnfinance_dagster.allocation.rl.action import LOGIT
from learnfinance_dagster.allocation.rl.episodes import Episodes, Noise, hold, tradable
from learnfinance_dagster.allocation.rl.history import NOBODY
from learnfinance_dagster.allocation.rl.observation import CHANNELS, READ, Observer
from learnfinance_dagster.allocation.rl.path import equal_weight_path, weights_path
from learnfinance_dagster.errors import DataError

SAME = {"rtol": 0, "atol": 1e-12}
PASTS = {
    "names come and go": made_up(160, 12, 24),
    "weeks with empty slots": thinned(made_up(160, 12, 24, seed=1)),
    "the same names in other ranks": made_up(160, 12, 12, seed=2),
    "names that do not trade": halting(thinned(made_up(160, 12, 24, seed=4))),
    "empty slots between names": in_other_slots(
        thinned(made_up(160, 12, 24, seed=3)), shuffled_slots(made_up(160, 12, 24, seed=3))
    ),
}
EVERY_PAST = pytest.mark.parametrize("history", PASTS.values(), ids=PASTS)


def asked(weeks, batch, slots, seed=0, size=2.5):
    """Logits wild enough for dust, caps and the floor of cash."""
    return np.random.default_rng(seed).normal(0, size, (weeks, batch, slots + 1)).clip(-LOGIT, LOGIT)


def whole(world, batch=1):
    """Episodes as long as the history, which can only begin at its first week."""
    return Episodes(world, batch, np.random.default_rng(0), weeks=len(world.history))


def one_name(names, returns, closes=0.0, halted=False):  # noqa: FBT002 - one value for all weeks, or one each
    """A past of one slot: who stands there each week, and what the week brought, at the last close and at the end."""
    count = len(names)
    history = made_up(count, 1, 1)
    return replace(
        history,
        symbols=("AAA", "BBB"),
        name=np.array([{"AAA": 0, "BBB": 1, "": NOBODY}[each] for each in names])[:, None],
        returns=np.array(returns, dtype=float)[:, None],
        closes=np.broadcast_to(np.array(closes, dtype=float), count)[:, None],
        halted=np.broadcast_to(np.array(halted), count)[:, None],
    )


BUY, SELL = np.array([[4.0, 3.0]]), np.array([[-4.0, 4.0]])
"""One slot at its cap of 20 %, or nothing."""


@EVERY_PAST
def test_the_batch_is_what_a_plain_loop_over_weeks_and_names_gives(history):
    observer = Observer.fit(history)
    world = played(history, observer)
    module = plain_portfolio()
    weeks = module.plain_weeks(history)
    plain = [module.PlainPortfolio(weeks, observer, RULES, COSTS) for _ in range(6)]
    assert world.scale.mean == pytest.approx(plain[0].mean, rel=1e-12)
    assert world.scale.std == pytest.approx(plain[0].std, rel=1e-12)
    episodes = whole(world, 6)
    logits, seen = asked(episodes.length, 6, world.slots), set()
    for week in range(episodes.length):
        observed = [portfolio.observe() for portfolio in plain]
        np.testing.assert_allclose(episodes.observe(), observed, rtol=2e-6, atol=1e-6)
        found = episodes.step(logits[week])
        rewards = [portfolio.step(row) for portfolio, row in zip(plain, logits[week].tolist(), strict=True)]
        np.testing.assert_allclose(found.reward, rewards, **SAME)
        np.testing.assert_allclose(episodes.held.turnover, [each.turnover for each in plain], **SAME)
        np.testing.assert_allclose(episodes.held.log_return, [each.log_return for each in plain], **SAME)
        held = [[each.held.get(symbol, 0.0) for symbol in weeks[week].symbols] for each in plain]
        np.testing.assert_allclose(episodes.held.weights, held, **SAME)
        targets = np.array([list(each.target.values()) for each in plain])
        seen |= {"dust"} if (targets == 0).any() else set()
        seen |= {"cap"} if (targets == RULES.max_weight).any() else set()
        seen |= {"floor"} if np.isclose(targets.sum(axis=1), 1 - RULES.min_cash).any() else set()
        seen |= {"halt"} if any(each.kept for each in plain) else set()
    assert seen - {"halt"} == {"dust", "cap", "floor"}
    assert ("halt" in seen) == history.halted.any()


@EVERY_PAST
def test_a_batch_is_as_many_single_episodes(history):
    world = played(history, noise=Noise(0.3, 4, 0))
    batch = Episodes(world, 20, np.random.default_rng(0))
    logits = asked(3 * batch.length, 20, world.slots)
    single = [Episodes(world, 1, np.random.default_rng(n)) for n in range(20)]
    for step in range(3 * batch.length):
        if step % batch.length == 0:
            for n, each in enumerate(single):
                each.week[0], each.variant[0] = batch.week[n], batch.variant[n]
        assert batch.observe().tobytes() == np.concatenate([each.observe() for each in single]).tobytes()
        found, alone = batch.step(logits[step]), [each.step(logits[step, [n]]) for n, each in enumerate(single)]
        np.testing.assert_allclose(found.reward, np.concatenate([each.reward for each in alone]), **SAME)
        np.testing.assert_allclose(
            batch.held.weights, np.concatenate([each.held.weights for each in single]), rtol=0, atol=1e-12
        )
        np.testing.assert_allclose(found.last, np.concatenate([each.last for each in alone]), rtol=0, atol=1e-7)
        assert found.over.tolist() == [bool(each.over[0]) for each in alone]


def test_weights_drift_with_prices_and_only_the_rest_is_traded():
    """The predecessor's did not: it paid no cost for going back to last week's targets."""
    world = played(one_name(["AAA"] * 4, [0.5, 0.0, 0.0, 0.0]))
    episodes = whole(world)
    episodes.step(BUY)
    grown = 0.2 * 1.5 / 1.1
    assert episodes.weights[0, 0] == pytest.approx(grown, abs=1e-15)
    episodes.step(BUY)
    assert episodes.held.turnover[0] == pytest.approx((grown - 0.2) / 2, abs=1e-15)


@pytest.mark.parametrize("jump", [0.5, -0.3])
def test_a_decision_sees_the_last_close_and_not_the_open_at_which_it_will_trade(jump):
    """A holding week ends at the next open: weights at its prices would tell the gap since the last close."""
    world = played(one_name(["AAA"] * 4, [jump, 0.0, 0.0, 0.0], closes=[0.25, 0.0, 0.0, 0.0]))
    episodes = whole(world)
    seen = episodes.step(BUY).observation
    grown = 0.2 * 1.25 / 1.05
    assert seen[0, -3:-1] == pytest.approx([grown, 1 - grown], abs=1e-7)


def test_a_name_that_does_not_trade_is_neither_bought_nor_sold_and_moves_what_holds_it():
    world = played(one_name(["AAA"] * 5, [0.5, 0.2, -0.5, 0.1, 0.0], halted=[False, True, True, False, True]))
    episodes = whole(world)
    episodes.step(BUY)
    held = 0.2 * 1.5 / 1.1
    assert episodes.weights[0, 0] == pytest.approx(held, abs=1e-15)
    episodes.step(SELL)
    assert episodes.held.turnover[0] == 0
    assert episodes.held.log_return[0] == pytest.approx(np.log(1 + 0.2 * held), abs=1e-15)
    held = held * 1.2 / (1 + 0.2 * held)
    episodes.step(BUY)
    assert episodes.held.log_return[0] == pytest.approx(np.log(1 - 0.5 * held), abs=1e-15)
    held = held * 0.5 / (1 - 0.5 * held)
    episodes.step(SELL)
    assert episodes.held.turnover[0] == pytest.approx(held / 2, abs=1e-15), "it trades again"


def test_money_that_a_halt_keeps_is_not_spent_twice():
    """Four names are bought for what two others were to bring, which do not trade."""
    halted = np.array([[True, True, False, False, False, False]])
    held = np.array([[0.45, 0.45, 0.0, 0.0, 0.0, 0.1]])
    target = np.array([[0.0, 0.0, 0.2, 0.2, 0.2, 0.2]])
    found = tradable(target, held, halted)
    np.testing.assert_allclose(found, [[0.45, 0.45, 0.025, 0.025, 0.025, 0.025]])
    assert tradable(target, np.zeros((1, 6)), halted).tolist() == target.tolist()


def test_turnover_is_half_of_the_traded_value_and_costs_both_sides():
    held = hold(np.array([[0.2, 0.0]]), np.array([0.1]), np.array([[0.1, 0.1]]), np.zeros((1, 2)), COSTS)
    assert held.turnover[0] == pytest.approx(0.15)
    assert held.log_return[0] == pytest.approx(np.log(1 - 0.3 * COSTS.rate))


def test_cash_earns_nothing_and_costs_nothing():
    world = played(made_up())
    episodes = whole(world)
    for _ in range(episodes.length):
        episodes.step(asked(1, 1, world.slots, size=0)[0] + np.where(np.arange(world.slots + 1) == world.slots, 4, -4))
        assert episodes.held.log_return.tolist() == [0.0]
        assert episodes.held.turnover.tolist() == [0.0]


def test_a_name_that_leaves_is_not_its_successor_and_is_sold_a_week_later():
    """D18: the predecessor's newcomers inherited the slot, the weight and the past of others."""
    world = played(one_name(["AAA", "BBB", "BBB"], [0.5, 0.0, 0.0]))
    episodes = whole(world)
    episodes.step(BUY)
    grown = 0.2 * 1.5 / 1.1
    assert episodes.weights.tolist() == [[0.0]]
    assert episodes.outside[0] == pytest.approx(grown, abs=1e-15)
    assert episodes.observe()[0, -3:] == pytest.approx([0.0, 0.8, 0.2], abs=1e-7)
    episodes.step(SELL)
    assert episodes.held.turnover[0] == pytest.approx(grown / 2, abs=1e-15)
    assert episodes.outside.tolist() == [0.0]


def test_a_name_that_comes_back_comes_back_with_nothing():
    world = played(one_name(["AAA", "", "AAA", "AAA"], [0.1, 0.0, 0.0, 0.0]))
    episodes = whole(world)
    episodes.step(BUY)
    episodes.step(BUY)
    assert (episodes.weights.tolist(), episodes.outside.tolist()) == ([[0.0]], [0.0])
    assert episodes.observe()[0, -3:].tolist() == [0.0, 1.0, 0.0]


@EVERY_PAST
def test_the_slots_in_which_names_stand_change_nothing(history):
    """D18: every week is dealt out anew, and so are the logits."""
    order = shuffled_slots(history, seed=5)
    observer = Observer.fit(history)
    worlds = [played(history, observer), played(in_other_slots(history, order), observer)]
    straight, dealt = (whole(world, 3) for world in worlds)
    logits = asked(straight.length, 3, history.name.shape[1])
    for week in range(straight.length):
        found = straight.step(logits[week])
        other = dealt.step(np.concatenate([logits[week][:, order[week]], logits[week][:, -1:]], axis=1))
        np.testing.assert_allclose(dealt.held.log_return, straight.held.log_return, **SAME)
        np.testing.assert_allclose(dealt.held.turnover, straight.held.turnover, **SAME)
        np.testing.assert_allclose(other.reward, found.reward, **SAME)
        np.testing.assert_allclose(dealt.outside, straight.outside, **SAME)


def poisoned(history, now):
    """The same past up to a decision: the week that it begins, and all later ones, brought something else."""
    later, other = np.arange(len(history)) > now, made_up(len(history), 6, 14, seed=100)
    return replace(
        history,
        symbols=tuple(f"N{n:03}" for n in range(14)),
        name=np.where(later[:, None], other.name, history.name),
        features=np.where(later[:, None, None], 1e6, history.features),
        forecast=np.where(later[:, None], 1e6, history.forecast),
        returns=np.where((np.arange(len(history)) >= now)[:, None], 0.77, history.returns),
        closes=np.where((np.arange(len(history)) >= now)[:, None], 0.66, history.closes),
        halted=history.halted | (np.arange(len(history)) >= now)[:, None],
        hrp=np.where(later[:, None], 0.0, history.hrp),
    )


def seen_until(world, now):
    """All that was observed up to a decision, and earned before it."""
    episodes = whole(world, 2)
    seen = [episodes.observe().tobytes()]
    for logits in asked(now, 2, world.slots):
        found = episodes.step(logits)
        seen += [found.observation.tobytes(), found.reward.tobytes()]
    return seen


@settings(max_examples=25, deadline=None)
@given(now=st.integers(0, 28), seed=st.integers(0, 9))
def test_what_is_seen_and_earned_so_far_depends_on_nothing_that_comes_later(now, seed):
    """D2: the predecessor's state of a week held the news and filings of the next one."""
    history = made_up(30, 6, 14, seed=seed)
    observer, changed = Observer.fit(history[: now + 1]), poisoned(history, now)
    assert Observer.fit(changed[: now + 1]) == observer
    world = played(history, observer)
    assert seen_until(world, now) == seen_until(played(changed, observer, scale=world.scale), now)


def test_a_look_at_the_next_week_would_be_caught():
    """The planted fault: every week shows the channels of the week after."""
    history = made_up(30, 6, 14)
    observer = Observer.fit(history[:11])
    worlds = [played(each, observer) for each in (history, poisoned(history, 10))]
    leaking = [replace(world, static=np.roll(world.static, -1, axis=1), scale=worlds[0].scale) for world in worlds]
    assert seen_until(leaking[0], 10) != seen_until(leaking[1], 10)


def test_no_weight_of_a_week_knows_what_the_week_brings():
    """A clairvoyant forecast is worth a fortune; last week's is not: forecasts and returns stand in the same row."""
    history = made_up(120, 12, 12, clairvoyant=True)
    now = weights_path(played(history), _best_four(history.forecast))
    by_name = np.take_along_axis(history.forecast, np.argsort(history.name, axis=1), axis=1)
    stale = np.take_along_axis(np.vstack([by_name[:1], by_name[:-1]]), history.name, axis=1)
    late = weights_path(played(history), _best_four(stale))
    assert now.log_returns.mean() > 0.02
    assert late.log_returns.mean() < 0.01


def _best_four(forecast):
    best = np.argsort(np.argsort(-forecast, axis=1), axis=1) < 4
    return np.where(best, 0.2, 0.0)


def test_an_episode_begins_in_cash_with_the_usual_averages():
    world = played(made_up())
    episodes = Episodes(world, 5, np.random.default_rng(0))
    for _ in range(episodes.length):
        episodes.step(asked(1, 5, world.slots)[0])
    assert not episodes.weights.any()
    assert not episodes.outside.any()
    assert (episodes.first == world.scale.mean).all()
    assert (episodes.second == world.scale.second).all()
    assert (episodes.observe()[:, -2:] == [1.0, 0.0]).all()


def test_episodes_begin_at_every_week_that_leaves_a_whole_year_and_no_other():
    episodes = Episodes(played(made_up(60)), 500, np.random.default_rng(0))
    assert set(episodes.week.tolist()) == set(range(60 - 52))
    whole_history = Episodes(played(made_up(20)), 50, np.random.default_rng(0))
    assert whole_history.length == 19
    assert set(whole_history.week.tolist()) == {0}


def test_the_last_state_of_an_episode_is_the_next_monday_and_not_zeros():
    """The predecessor's was all zeros, and terminal."""
    world = played(made_up())
    episodes = Episodes(world, 3, np.random.default_rng(0))
    logits = asked(episodes.length, 3, world.slots)
    reached = episodes.week + episodes.length
    for week in logits[:-1]:
        episodes.step(week)
    found = episodes.step(logits[-1])
    assert found.over.all()
    width = world.static.shape[2]
    assert found.last[:, :width].tobytes() == world.static[0, reached].tobytes()
    assert (found.last[:, width:-2].sum(axis=1) > 0).all()
    np.testing.assert_allclose(found.last[:, width:].sum(axis=1), 1, atol=1e-6)
    assert found.observation.tobytes() == episodes.observe().tobytes()
    assert found.observation.tobytes() != found.last.tobytes()


def with_gaps(*kept):
    """A past of 40 weeks, of which only some are known."""
    return made_up(40)[np.concatenate([np.arange(*each) for each in kept])]


def test_a_history_without_two_weeks_in_a_row_cannot_be_played():
    for history in (made_up(1), with_gaps((0, 1), (2, 3), (4, 5))):
        with pytest.raises(DataError, match="without two weeks in a row"):
            Episodes(played(history), 1, np.random.default_rng(0))


def test_no_episode_runs_across_a_gap_and_one_that_comes_to_it_is_truncated():
    """Weeks that are not stored lie between: what prices did there belongs to no step."""
    history = with_gaps((0, 9), (10, 11), (13, 40))
    world = played(history)
    episodes = Episodes(world, 300, np.random.default_rng(0), weeks=12)
    lengths = dict.fromkeys(range(300), 0)
    seen = set()
    for _ in range(60):
        before = episodes.week.copy()
        found = episodes.step(asked(1, 300, world.slots)[0])
        for n, over in enumerate(found.over.tolist()):
            lengths[n] += 1
            width = world.static.shape[2]
            reached = before[n] + 1
            assert history.mondays[reached] - history.mondays[before[n]] == np.timedelta64(7, "D")
            assert found.last[n, :width].tobytes() == world.static[0, reached].tobytes()
            if over:
                seen.add((int(reached), lengths[n]))
                lengths[n] = 0
    assert {reached for reached, _ in seen} == {8, *range(22, 37)}, "before the gap, or a whole episode later"
    assert {length for reached, length in seen if reached == 8} == {8}
    assert {length for reached, length in seen if reached > 8} == {12}


def test_nothing_is_carried_across_a_gap_when_weights_are_walked():
    world = played(one_name(["AAA"] * 4, [0.5, 0.1, 0.2, 0.1]))
    history = replace(world.history, mondays=world.history.mondays + np.array([0, 0, 7, 7]).astype("timedelta64[D]"))
    path = weights_path(played(history), np.full((4, 1), 0.2))
    first, second = (weights_path(played(history[part]), np.full((2, 1), 0.2)) for part in (slice(2), slice(2, 4)))
    np.testing.assert_array_equal(path.log_returns, np.concatenate([first.log_returns, second.log_returns]))
    assert path.turnover[2] == pytest.approx(0.1), "bought from cash"


def test_noise_is_on_what_is_read_of_names_and_on_nothing_else():
    history = thinned(made_up())
    observer = Observer.fit(history)
    clear, noisy = played(history, observer), played(history, observer, noise=Noise(0.3, 5, 0))
    shape = (-1, *history.name.shape, len(CHANNELS))
    still, moved = clear.static.reshape(shape), noisy.static.reshape(shape)
    assert (still.shape[0], moved.shape[0]) == (1, 5)
    assert moved.dtype == np.float32
    assert (moved[..., len(READ) :] == still[..., len(READ) :]).all()
    assert not moved[:, ~history.mask].any()
    difference = (moved - still)[:, history.mask][..., : len(READ)]
    assert difference.std() == pytest.approx(0.3, rel=0.02)
    assert np.abs(difference.mean(axis=(0, 1))).max() < 0.03
    assert np.abs(np.corrcoef(difference[0].ravel(), difference[1].ravel())[0, 1]) < 0.05


def test_noise_is_in_no_weight_no_return_and_no_reward():
    history = made_up()
    observer = Observer.fit(history)
    clear, noisy = (whole(played(history, observer, noise=noise), 4) for noise in (None, Noise(0.3, 5, 0)))
    for logits in asked(clear.length, 4, 6):
        assert clear.observe()[:, -8:].tobytes() == noisy.observe()[:, -8:].tobytes()
        found, other = clear.step(logits), noisy.step(logits)
        assert found.reward.tobytes() == other.reward.tobytes()
        assert clear.held.weights.tobytes() == noisy.held.weights.tobytes()


def test_every_episode_sees_one_of_the_noisy_pasts_from_its_beginning_to_its_end():
    world = played(made_up(), noise=Noise(0.3, 5, 0))
    episodes = whole(world, 60)
    assert set(episodes.variant.tolist()) == set(range(5))
    drawn = episodes.variant.copy()
    width = world.static.shape[2]
    for logits in asked(episodes.length - 1, 60, world.slots):
        assert episodes.observe()[:, :width].tobytes() == world.static[drawn, episodes.week].tobytes()
        episodes.step(logits)


def test_the_same_seed_gives_the_same_noise():
    history = made_up()
    one, same, other = (played(history, noise=Noise(0.3, 2, seed)).static for seed in (1, 1, 2))
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()


def test_walking_a_sequence_of_weights_is_an_episode_of_them():
    history = made_up(60, 12, 24)
    world = played(history)
    episodes = whole(world)
    path = equal_weight_path(world)
    for week in range(episodes.length):
        episodes.step(np.where(np.arange(13) < 12, 4.0, -4.0)[None])
        assert path.log_returns[week] == pytest.approx(episodes.held.log_return[0], abs=1e-12)
        assert path.turnover[week] == pytest.approx(episodes.held.turnover[0], abs=1e-12)
    np.testing.assert_allclose(path.weights, 0.98 / 12, rtol=1e-12)


def test_a_week_without_weights_is_held_through_and_what_has_left_is_sold():
    world = played(one_name(["AAA"] * 3, [0.5, 0.1, 0.0]))
    path = weights_path(world, np.array([[0.2], [np.nan], [0.2]]))
    grown = 0.2 * 1.5 / 1.1
    assert path.turnover[1] == 0.0
    assert path.log_returns[1] == pytest.approx(np.log(1 + grown * 0.1))
    left = weights_path(played(one_name(["AAA", "BBB"], [0.5, 0.1])), np.array([[0.2], [np.nan]]))
    assert left.turnover[1] == pytest.approx(grown / 2)
