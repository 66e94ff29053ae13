from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pytest
from plain_forecaster import DRIFT, PARAMETERS, Plain, a_forecaster, a_panel, a_workshop

from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting import recipe as recipe_module
from learnfinance_dagster.forecasting.candidate import make_model
from learnfinance_dagster.forecasting.card import card_of
from learnfinance_dagster.forecasting.forecaster import weekly_return
from learnfinance_dagster.forecasting.panel import CLOSE
from learnfinance_dagster.forecasting.recipe import Material, Recipe, Workshop
from learnfinance_dagster.forecasting.skill import skill_table
from learnfinance_dagster.forecasting.snapshot import make_snapshot

PANEL = a_panel()
EARLIER, WEEK, LATER = "2019-06-10", "2019-06-17", "2019-06-24"
GOOD, POOR, WORSE_THAN_ZERO = DRIFT, 0.0005, 0.02
"""Answers, the first one about right."""


@dataclass
class House:
    """A workshop, and trainings in it."""

    workshop: Workshop = field(default_factory=a_workshop)
    plain: Plain = field(default_factory=Plain)

    @property
    def store(self):
        return self.workshop.store

    @property
    def in_use(self):
        return self.store.current("plain")

    def make(self, week=WEEK, panel=PANEL, seed=7, parameters=PARAMETERS, **numbers):
        known = week_from_key(week)
        material = Material(panel.until(known.last_session))
        return make_model(a_forecaster(self.plain, **numbers), material, known, parameters, seed, self.workshop)

    def version(self, *given, **numbers):
        return self.make(*given, **numbers).card.version

    def everything(self):
        return {version: self.store.read("plain", version) for version in self.store.versions("plain")}


@pytest.fixture
def house():
    return House()


def one_made():
    """A house in which the usual candidate was made without trouble."""
    house = House()
    house.make()
    return house


def test_the_first_candidate_is_put_in_use_and_its_card_is_stored_with_it(house):
    made = house.make()
    assert not made.is_cached
    assert made.card.promoted
    assert house.in_use == made.card.version
    assert made.card.version == f"v2019-06-16-{made.card.fingerprint[:12]}"
    files = house.store.read("plain", made.card.version)
    assert set(files) == {"weights.safetensors", "scaler.json", "config.json", "metadata.json"}
    assert card_of(files) == made.card
    assert made.card.known_until == week_from_key(WEEK).last_session


def test_the_same_inputs_are_a_cached_result_and_nothing_is_trained_or_written(house):
    first = house.make()
    trained, acts = len(house.plain.orders), list(house.store.acts)
    again = house.make(panel=a_panel())
    assert again.is_cached
    assert again.card == first.card
    assert len(house.plain.orders) == trained == 2, "the candidate and its placebo"
    assert house.store.acts == acts


def test_what_was_decided_then_is_shown_again(house):
    house.make(says=GOOD)
    refused = house.make(LATER, says=POOR)
    assert not refused.card.promoted
    assert house.make(LATER, says=POOR).card == refused.card


def with_one_other_bar():
    values = PANEL.values.copy()
    values[2, 100, CLOSE] += 1e-6
    return replace(PANEL, values=values)


@pytest.mark.parametrize("changed", [{"panel": with_one_other_bar()}, {"seed": 8}, {"width": 2}])
def test_d27_a_changed_bar_seed_or_configuration_is_another_version_and_is_trained(house, changed):
    """D27: the hash ignored data and code, so that training was skipped after a fix."""
    first = house.version()
    trained = len(house.plain.orders)
    made = house.make(**changed)
    assert not made.is_cached
    assert made.card.version != first
    assert len(house.plain.orders) == 2 * trained
    assert set(house.store.versions("plain")) == {first, made.card.version}


def test_d27_changed_code_is_another_version_and_is_trained(house, monkeypatch):
    """D27: as above."""
    first = house.version()
    monkeypatch.setattr(recipe_module, "code_hash", lambda: "0" * 64)
    made = house.make()
    assert not made.is_cached
    assert made.card.version != first
    assert made.card.code_hash == "0" * 64


def test_a_bar_after_the_decision_changes_no_version(house):
    values = PANEL.values.copy()
    values[:, PANEL.position(week_from_key(WEEK).last_session) + 1 :] += 0.5
    assert house.version() == House().version(panel=replace(PANEL, values=values))


def table_of(windows, says):
    return skill_table("plain", np.full(len(windows), weekly_return(np.full(5, says))), windows)


def held_out_of(week):
    panel = PANEL.until(week_from_key(week).last_session)
    return Recipe.of(a_forecaster(), PARAMETERS, Material(panel), 7, PARAMETERS.held_out_weeks).split.held_out


def test_a_candidate_is_judged_beside_the_version_in_use_on_the_same_held_out_weeks(house):
    first = house.make(EARLIER, says=POOR).card
    card = house.make(LATER, says=GOOD).card
    judged, decision = card.evaluation, card.decision
    held_out = held_out_of(LATER)
    assert judged.skill == table_of(held_out, GOOD)
    assert judged.current == table_of(held_out, POOR), "measured anew: on these weeks, not on its own"
    assert judged.current != first.evaluation.skill
    assert judged.current_version == decision.current == first.version
    assert decision.candidate_mse == judged.skill.model.mse
    assert decision.current_mse == judged.current.model.mse
    assert first.version in decision.reason
    assert list(judged.weekly_rank_ic) == [], "who says the same of all names ranks nobody"


def test_a_better_candidate_takes_the_place_of_the_version_in_use(house):
    house.make(EARLIER, says=POOR)
    card = house.make(LATER, says=GOOD).card
    assert card.promoted
    assert house.in_use == card.version


@pytest.mark.parametrize("says", [POOR, GOOD], ids=["worse", "equal"])
def test_a_candidate_that_is_not_strictly_better_is_kept_and_not_put_in_use(house, says):
    first = house.version(EARLIER, says=GOOD)
    card = house.make(LATER, says=says).card
    assert not card.promoted
    assert "not below" in card.decision.reason
    assert house.in_use == first
    assert house.store.has("plain", card.version)


def test_a_margin_asks_for_more_than_a_little_better(house):
    first = house.version(EARLIER, says=POOR)
    demanding = PARAMETERS.model_copy(update={"promotion_margin": 0.9})
    assert not house.make(LATER, says=GOOD, parameters=demanding).card.promoted
    assert house.in_use == first


def test_a_candidate_worse_than_zero_is_not_put_in_use_although_it_is_the_first(house):
    card = house.make(says=WORSE_THAN_ZERO).card
    assert not card.evaluation.skill_passed
    assert not card.promoted
    assert "the skill check failed (worse than forecasting zero" in card.decision.reason
    assert house.in_use is None


def test_a_training_whose_placebo_shows_skill_is_not_put_in_use_although_it_is_perfect(house):
    """Planted: the network sees what it is to forecast."""
    first = house.version(EARLIER, says=POOR)
    card = house.make(LATER, cheats=True).card
    assert card.evaluation.skill_passed
    assert card.decision.candidate_mse < card.decision.current_mse
    assert not card.evaluation.placebo_passed
    assert "the placebo check failed (a leak" in card.decision.reason
    assert house.in_use == first
    assert not House().make(cheats=True).card.promoted, "nor as the first"


def test_an_older_monday_trained_later_does_not_turn_back_the_version_in_use(house):
    newest = house.version(LATER, says=POOR)
    older = house.make(EARLIER, says=GOOD).card
    assert older.decision.current == "", "it is judged beside what was in use then: nothing"
    assert older.promoted
    assert house.in_use == newest
    between = house.make(WEEK, says=POOR).card
    assert between.decision.current == older.version, "and the one after it beside the older one"
    assert house.in_use == newest


def test_a_better_candidate_for_the_same_monday_is_put_in_use(house):
    """With a fixed bug or another seed, nobody wants to wait a week."""
    first = house.version(says=POOR)
    card = house.make(says=GOOD).card
    assert card.decision.current == first
    assert card.promoted
    assert house.in_use == card.version


def test_a_rollback_is_not_undone_by_running_the_same_training_again(house):
    earlier = house.version(EARLIER, says=POOR)
    house.make(LATER, says=GOOD)
    house.store.set_current("plain", earlier)
    assert house.make(LATER, says=GOOD).is_cached
    assert house.in_use == earlier


@pytest.mark.parametrize("act", ["write", "set_current"])
def test_killed_at_the_end_and_launched_again_the_version_is_there_and_in_use(house, act):
    house.make(EARLIER, says=POOR)
    house.store.dies = act
    with pytest.raises(KeyboardInterrupt):
        house.make(LATER, says=GOOD)
    card = house.make(LATER, says=GOOD).card
    assert card.promoted
    assert house.in_use == card.version
    whole = House()
    whole.make(EARLIER, says=POOR)
    whole.make(LATER, says=GOOD)
    assert house.everything() == whole.everything()


def test_killed_during_the_placebo_nothing_is_stored_and_launched_again_the_candidate_is_not_trained_twice(house):
    def dies(order):
        if "placebo" in order.key:
            raise KeyboardInterrupt

    house.plain.at_once = dies
    with pytest.raises(KeyboardInterrupt):
        house.make()
    assert house.store.acts == []
    house.plain.at_once = lambda _order: None
    card = house.make().card
    assert house.in_use == card.version
    candidate, placebo = house.plain.epochs
    assert candidate != placebo
    assert house.everything() == one_made().everything()


def test_when_all_is_done_no_checkpoint_is_left(house):
    house.make()
    saved = set(house.workshop.checkpoints.saved)
    assert len(saved) == 3, "of the candidate, of the placebo, and of the way into use"
    assert {house.workshop.checkpoints.load(key) for key in saved} == {None}


def test_the_placebo_is_a_training_of_its_own(house):
    house.make()
    candidate, placebo = house.plain.orders
    assert candidate.key != placebo.key
    assert candidate.seed != placebo.seed
    assert (candidate.split.train.target_anchor == candidate.split.train.anchor).all()
    assert not (placebo.split.train.target_anchor == placebo.split.train.anchor).all()


def test_progress_is_told_by_name():
    heard = []
    house = House(a_workshop(say=lambda name, progress: heard.append((name, progress.losses.epoch))))
    version = house.version()
    assert heard == [(f"plain {version}", 1), (f"plain {version} placebo", 1)]


def test_too_little_history_is_an_error_and_nothing_is_stored(house):
    with pytest.raises(DataError, match="too few"):
        house.make("2018-05-07")
    assert house.store.acts == []


# Snapshots.


def snapshot(house, year, panel=None, *, force=False, **numbers):
    long = panel or a_panel("2017-01-03")
    made = a_forecaster(house.plain, **numbers)
    return make_snapshot(made, Material(long), date(year, 12, 31), PARAMETERS, 7, house.workshop, force=force)


def test_a_snapshot_knows_nothing_after_its_year_and_is_never_put_in_use(house):
    card = snapshot(house, 2018).card
    assert card.version == "snapshot-2018-12-31"
    assert (card.known_until, card.serves) == (date(2018, 12, 31), date(2018, 12, 31))
    assert card.windows["held_out"] == 0
    assert (card.evaluation, card.decision, card.promoted) == (None, None, False)
    assert house.in_use is None
    assert len(house.plain.orders) == 1, "no placebo: nobody is promoted"


def test_a_snapshot_of_a_year_that_ends_on_a_weekend_ends_with_its_last_session(house):
    assert snapshot(house, 2017).card.known_until == date(2017, 12, 29)


def test_whatever_comes_after_the_years_end_changes_no_byte_of_a_snapshot(house):
    panel = a_panel("2017-01-03")
    values, cut = panel.values.copy(), panel.position(date(2018, 12, 31)) + 1
    values[:, cut:] = np.nan
    other = House()
    for each, seen in ((house, panel), (other, replace(panel, values=values))):
        snapshot(each, 2018, seen)
    assert house.everything() == other.everything()


def test_a_name_that_is_listed_after_the_years_end_is_not_known_to_a_snapshot(house):
    """With several year-ends in one run, the bars of the later ones are there, too."""
    panel = a_panel("2017-01-03")
    panel.traded[2, : panel.position(date(2019, 2, 1))] = False
    panel.values[~panel.traded] = 0
    without = np.arange(len(panel.symbols)) != 2
    alone = replace(
        panel,
        symbols=tuple(np.array(panel.symbols)[without]),
        values=panel.values[without],
        traded=panel.traded[without],
        over=panel.over[without],
    )
    other = House()
    snapshot(house, 2018, panel)
    snapshot(other, 2018, alone.until(date(2018, 12, 31)))
    assert house.everything() == other.everything()


def test_the_second_snapshot_begins_with_the_firsts_weights(house):
    first, second = (snapshot(house, year).card for year in (2017, 2018))
    assert (first.start, second.start) == ("", "snapshot-2017-12-31")
    assert [order.start for order in house.plain.orders] == [None, house.store.read("plain", first.version)]
    assert second.configuration["epochs"] < first.configuration["epochs"]


def test_a_snapshot_that_is_there_is_kept_whatever_the_settings_are_now(house):
    first = snapshot(house, 2018)
    before, acts = house.everything(), list(house.store.acts)
    again = snapshot(house, 2018, width=2)
    assert again.is_cached
    assert again.card == first.card
    assert (house.everything(), house.store.acts) == (before, acts)


def test_forced_it_is_made_anew_and_replaced(house):
    snapshot(house, 2018)
    forced = snapshot(house, 2018, force=True, width=2)
    assert not forced.is_cached
    assert card_of(house.store.read("plain", "snapshot-2018-12-31")).configuration["width"] == 2


def test_forced_with_the_same_inputs_it_is_the_same_to_the_byte(house):
    snapshot(house, 2018)
    before = house.everything()
    snapshot(house, 2018, force=True)
    assert house.everything() == before
