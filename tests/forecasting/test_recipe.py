from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from plain_forecaster import NAMES, PARAMETERS, Plain, a_forecaster, a_panel, a_workshop

from learnfinance_dagster.documents import from_json
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting import recipe as module
from learnfinance_dagster.forecasting.card import Card, card_of
from learnfinance_dagster.forecasting.panel import CLOSE
from learnfinance_dagster.forecasting.recipe import Material, Recipe, configuration_of, training_weeks
from learnfinance_dagster.forecasting.transfer_lstm_configurations import TRANSFER_LSTM
from learnfinance_dagster.forecasting.windows import HORIZON

INDEXED = ("AAA", "BBB", "CCC", "DDD", "EEE", "^GSPC")
PANEL = a_panel()


def a_recipe(panel=PANEL, forecaster=None, parameters=PARAMETERS, seed=7, held_out_weeks=8, extras=None):
    return Recipe.of(forecaster or a_forecaster(), parameters, Material(panel, extras or {}), seed, held_out_weeks)


def names_in(windows):
    return {windows.panel.symbols[row] for row in np.unique(windows.name)}


def with_one_other_bar():
    values = PANEL.values.copy()
    values[0, 0, CLOSE] += 1e-6  # of the oldest session
    return replace(PANEL, values=values)


def test_the_same_material_settings_and_seed_are_the_same_training():
    assert a_recipe().fingerprint == a_recipe(a_panel()).fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        {"panel": with_one_other_bar()},
        {"panel": PANEL.until(date(2019, 6, 27))},
        {"panel": replace(PANEL, symbols=(*NAMES[:-1], "GGG"))},
        {"seed": 8},
        {"forecaster": a_forecaster(width=2)},
        {"forecaster": a_forecaster(name="other")},
        {"parameters": PARAMETERS.model_copy(update={"validation_weeks": 9})},
        {"parameters": PARAMETERS.model_copy(update={"embargo_sessions": 9})},
        {"parameters": PARAMETERS.model_copy(update={"max_epochs": 2})},
        {"held_out_weeks": 9},
        {"extras": {"imputation.json": b"{}"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_d27_whatever_a_training_depends_on_is_in_its_fingerprint(changed):
    """D27: a hash of the settings alone took a new training for one that had been done."""
    assert a_recipe(**changed).fingerprint != a_recipe().fingerprint


def test_d27_other_code_is_another_training(monkeypatch):
    before = a_recipe().fingerprint
    monkeypatch.setattr(module, "code_hash", lambda: "0" * 64)
    assert a_recipe().fingerprint != before


def test_settings_change_the_numbers_that_a_forecaster_has_and_add_none():
    told = PARAMETERS.model_copy(update={"index": "^NDX", "transfer": "freeze", "channels": "signals"})
    assert configuration_of(a_forecaster(), told) == {"epochs": 9, "patience": 3, "learning_rate": 0.1}
    numbers = configuration_of(TRANSFER_LSTM, told)
    assert (numbers["index"], numbers["transfer"]) == ("^NDX", "freeze")
    assert configuration_of(a_forecaster(channels="ohlcv"), told)["channels"] == "signals"


@pytest.mark.parametrize(("most", "epochs"), [(0, 9), (4, 4), (9, 9), (50, 9)])
def test_a_setting_shortens_a_training_and_never_prolongs_it(most, epochs):
    parameters = PARAMETERS.model_copy(update={"max_epochs": most})
    assert configuration_of(a_forecaster(), parameters)["epochs"] == epochs


def test_the_last_decision_is_the_one_that_knows_the_panels_last_session():
    weeks = training_weeks(PANEL)
    assert weeks[-1].monday == date(2019, 7, 1)
    assert {week.last_session for week in weeks} <= set(PANEL.sessions.tolist())
    assert training_weeks(PANEL.until(date(2019, 6, 27)))[-1].monday == date(2019, 6, 24)


def test_parts_lie_apart_in_time_and_the_newest_weeks_are_held_out():
    split = a_recipe().split
    gap = HORIZON + PARAMETERS.embargo_sessions
    assert split.train.anchor.max() + gap <= split.validation.anchor.min()
    assert split.validation.anchor.max() + gap <= split.held_out.anchor.min()
    assert split.held_out.anchor.max() + HORIZON == len(PANEL.sessions) - 1, "no session is left unused"
    assert len(np.unique(split.held_out.anchor)) == len(np.unique(split.validation.anchor)) == 8


def test_d28_without_held_out_weeks_the_last_target_ends_with_the_panel():
    """D28: the last session before the cut-off was dropped."""
    split = a_recipe(held_out_weeks=0).split
    assert len(split.held_out) == 0
    assert split.validation.anchor.max() + HORIZON == len(PANEL.sessions) - 1


def test_an_index_is_learned_by_nobody_who_did_not_ask_for_it_and_nobody_is_judged_on_it():
    split = a_recipe(a_panel(names=INDEXED)).split
    assert names_in(split.train) == names_in(split.validation) == names_in(split.held_out) == set(INDEXED[:-1])


def test_a_forecaster_with_an_index_learns_from_it_and_is_not_judged_on_it():
    recipe = a_recipe(a_panel(names=INDEXED), a_forecaster(index="^GSPC"))
    for one in (recipe, recipe.placebo()):
        assert names_in(one.split.train) == names_in(one.split.validation) == set(INDEXED)
        assert names_in(one.split.held_out) == set(INDEXED[:-1])


def test_bars_of_an_index_count_for_the_version_although_nobody_learns_from_it():
    """They are in the material, so they may not change unseen."""
    panel = a_panel(names=INDEXED)
    values = panel.values.copy()
    values[-1] += 0.001
    assert a_recipe(replace(panel, values=values)).fingerprint != a_recipe(panel).fingerprint


def test_a_placebo_has_the_same_windows_with_targets_of_other_weeks():
    recipe = a_recipe()
    placebo = recipe.placebo()
    for part in ("train", "validation", "held_out"):
        true, shuffled = getattr(recipe.split, part), getattr(placebo.split, part)
        assert np.array_equal(true.anchor, shuffled.anchor)
        assert np.array_equal(true.name, shuffled.name)
        assert (true.target_anchor != shuffled.target_anchor).mean() > 0.8
    assert placebo.fingerprint != recipe.fingerprint, "it is another training, with checkpoints of its own"
    again = recipe.placebo().split.train.target_anchor
    assert np.array_equal(again, placebo.split.train.target_anchor)


def test_a_target_stands_in_one_part_of_a_placebo_only():
    split = a_recipe().placebo().split
    dealt = [
        (name, target)
        for part in (split.train, split.validation, split.held_out)
        for name, target in zip(part.name.tolist(), part.target_anchor.tolist(), strict=True)
    ]
    assert len(dealt) == len(set(dealt))


def test_too_little_history_is_an_error():
    with pytest.raises(DataError, match="too few"):
        a_recipe(PANEL.until(date(2018, 4, 27)))


def card_from(recipe, workshop, version="snapshot-2018-12-31"):
    return recipe.card(version, date(2018, 12, 31), recipe.train(version, workshop), workshop)


def test_a_card_tells_what_a_version_was_made_of_and_comes_back_from_its_file():
    workshop, recipe = a_workshop(), a_recipe(a_panel(names=INDEXED))
    card = card_from(recipe, workshop)
    assert from_json(Card, card.content().decode()) == card
    assert (card.first_session, card.known_until) == (date(2017, 10, 2), date(2019, 6, 28))
    assert card.last_training_session == PANEL.sessions[recipe.split.train.anchor.max()].item()
    assert card.windows == {"train": len(recipe.split.train), "validation": 40, "held_out": 40}
    assert card.symbols == INDEXED[:-1], "the names that were learned from, and no others"
    assert (card.seed, card.device, card.start, card.promoted) == (7, "cpu", "", False)
    assert (card.data_hash, card.fingerprint) == (recipe.material.hash, recipe.fingerprint)
    assert card.software == {"commit": "none"}


def test_a_training_is_named_by_all_that_it_depends_on():
    workshop, plain = a_workshop(), Plain()
    for seed in (7, 7, 8):
        a_recipe(forecaster=a_forecaster(plain), seed=seed).train("v1 placebo", workshop)
    first, same, other = [order.key for order in plain.orders]
    assert first == same != other
    assert first.startswith("plain-v1-placebo-"), "no space: it is the name of a file"


BEFORE = "snapshot-2018-12-31"


@pytest.fixture
def with_snapshot():
    """A workshop that holds last year's snapshot, and the numbers that it was made with."""
    workshop = a_workshop()
    recipe = a_recipe(PANEL.until(date(2018, 12, 31)), held_out_weeks=0)
    trained = recipe.train(BEFORE, workshop)
    card = recipe.card(BEFORE, date(2018, 12, 31), trained, workshop)
    workshop.store.write("plain", BEFORE, recipe.files(trained, card))
    return workshop


def test_a_snapshot_begins_with_the_one_before_it_and_trains_shorter_and_slower(with_snapshot):
    warm = a_recipe().warm(BEFORE, with_snapshot.store)
    assert warm.start == BEFORE
    cold = a_recipe().configuration
    assert set(warm.configuration) == set(cold)
    assert all(0 < warm.configuration[name] < cold[name] for name in cold)
    assert warm.fingerprint != a_recipe().fingerprint
    plain = Plain()
    replace(warm, forecaster=a_forecaster(plain)).train("v1", with_snapshot)
    assert plain.orders[0].start == with_snapshot.store.read("plain", BEFORE)


def test_a_training_that_is_shorter_already_is_not_prolonged(with_snapshot):
    parameters = PARAMETERS.model_copy(update={"max_epochs": 1})
    assert a_recipe(parameters=parameters).warm(BEFORE, with_snapshot.store).configuration["epochs"] == 1


def test_other_weights_to_begin_with_are_another_training(with_snapshot):
    one = a_recipe().warm(BEFORE, with_snapshot.store)
    card = card_of(with_snapshot.store.read("plain", BEFORE))
    files = {**with_snapshot.store.read("plain", BEFORE)}
    files["metadata.json"] = replace(card, fingerprint="f" * 64).content()
    with_snapshot.store.write("plain", BEFORE, files, replace=True)
    assert a_recipe().warm(BEFORE, with_snapshot.store).fingerprint != one.fingerprint


def test_the_third_snapshot_is_not_slower_than_the_second(with_snapshot):
    second = a_recipe().warm(BEFORE, with_snapshot.store)
    trained = second.train("snapshot-2019-12-31", with_snapshot)
    card = second.card("snapshot-2019-12-31", date(2019, 12, 31), trained, with_snapshot)
    with_snapshot.store.write("plain", "snapshot-2019-12-31", second.files(trained, card))
    third = a_recipe().warm("snapshot-2019-12-31", with_snapshot.store)
    assert third.start == "snapshot-2019-12-31"
    assert third.configuration == second.configuration


@pytest.mark.parametrize(
    "recipe",
    [
        a_recipe(forecaster=a_forecaster(width=2)),
        a_recipe(replace(PANEL, channels=(*PANEL.channels[:-1], "turnover"))),
        a_recipe(forecaster=a_forecaster(name="other")),
    ],
    ids=["another network", "other channels", "no snapshot"],
)
def test_a_snapshot_that_does_not_fit_is_not_begun_with(with_snapshot, recipe):
    assert recipe.warm(BEFORE, with_snapshot.store) is recipe
