"""Every training of a forecaster is recorded before its version is stored, once."""

from dataclasses import dataclass, field, replace
from datetime import date

import pytest
from memory_trials import MemoryTrialRegister, a_trial
from plain_forecaster import DRIFT, PARAMETERS, Plain, WatchedStore, a_forecaster, a_panel, a_workshop

from learnfinance_dagster.calendar import week_from_key
from learnfinance_dagster.errors import TransientError
from learnfinance_dagster.forecasting import recipe as recipe_module
from learnfinance_dagster.forecasting.candidate import make_model
from learnfinance_dagster.forecasting.recipe import Material
from learnfinance_dagster.forecasting.snapshot import make_snapshot
from learnfinance_dagster.ports import TrialKind
from learnfinance_dagster.trials import record
from resources.models.registered import RegisteredModels

PANEL, LONG = a_panel(), a_panel("2017-01-03")
EARLIER, WEEK = "2019-06-10", "2019-06-17"
GOOD, POOR = DRIFT, 0.0005
SNAPSHOT = "snapshot-2018-12-31"


class FailingRegister(MemoryTrialRegister):
    """Records nothing while it fails."""

    fails = False

    def record(self, trial):
        if self.fails:
            raise TransientError("ledger, record trial: database is locked")
        super().record(trial)


@dataclass
class House:
    """A store that asks for trials, and trainings."""

    behind: WatchedStore = field(default_factory=WatchedStore)
    register: FailingRegister = field(default_factory=FailingRegister)
    plain: Plain = field(default_factory=Plain)

    def __post_init__(self):
        self.store = RegisteredModels(self.behind, self.register)
        self.workshop = a_workshop(store=self.store, register=self.register)

    def make(self, week=WEEK, seed=7, panel=PANEL, parameters=PARAMETERS, **numbers):
        known = week_from_key(week)
        material = Material(panel.until(known.last_session))
        return make_model(a_forecaster(self.plain, **numbers), material, known, parameters, seed, self.workshop).card

    def snapshot(self, year=2018, *, force=False, **numbers):
        made, day = a_forecaster(self.plain, **numbers), date(year, 12, 31)
        return make_snapshot(made, Material(LONG), day, PARAMETERS, 7, self.workshop, force=force).card

    @property
    def trials(self):
        return self.register.trials()


@pytest.fixture
def house():
    return House()


def test_a_candidate_is_recorded_with_what_it_was_made_of_and_what_came_of_it(house):
    card = house.make()
    (trial,) = house.trials
    figures, zero = card.evaluation.skill.model, dict(card.evaluation.skill.rows)["zero"]
    assert (trial.model, trial.version, trial.kind) == ("plain", card.version, TrialKind.TRAINING)
    assert (trial.serves, trial.seeds) == (card.serves, (7,))
    assert (trial.data_hash, trial.code_hash) == (card.data_hash, card.code_hash)
    assert (trial.promoted, trial.reason) == (True, card.decision.reason)
    assert trial.result["mse_to_zero"] == figures.mse / zero.mse < 1
    assert (trial.result["mse"], trial.result["hit_rate"]) == (figures.mse, figures.hit_rate)
    assert trial.result["weeks"] == PARAMETERS.held_out_weeks
    assert "rank_ic" not in trial.result, "who says the same of all names ranks nobody: no number, not zero"


def test_a_candidate_that_is_not_put_in_use_is_recorded_too(house):
    house.make(EARLIER, says=GOOD)
    card = house.make(says=POOR)
    assert [trial.promoted for trial in house.trials] == [True, False]
    assert house.trials[1].reason == card.decision.reason


def test_a_snapshot_is_recorded_without_a_result(house):
    card = house.snapshot()
    (trial,) = house.trials
    assert (trial.version, trial.kind, trial.serves) == (SNAPSHOT, TrialKind.SNAPSHOT, date(2018, 12, 31))
    assert (trial.result, trial.promoted, trial.reason) == ({}, False, "")
    assert (trial.data_hash, trial.code_hash, trial.seeds) == (card.data_hash, card.code_hash, (7,))


def test_what_is_there_already_is_no_trial(house):
    for _ in range(2):
        house.make()
        house.snapshot()
    assert len(house.trials) == 2


def other_margin():
    return PARAMETERS.model_copy(update={"promotion_margin": 0.01})


def other_split():
    return PARAMETERS.model_copy(update={"held_out_weeks": 9})


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"width": 2}, {"config_hash"}),
        ({"parameters": other_margin()}, {"config_hash"}),
        ({"parameters": other_split()}, {"config_hash"}),
        ({"panel": a_panel(drift=DRIFT * 1.01)}, {"data_hash"}),
        ({"seed": 8}, {"seeds"}),
    ],
    ids=["configuration", "margin", "split", "data", "seed"],
)
def test_each_hash_tells_what_was_changed(house, changed, told):
    house.make()
    house.make(**changed)
    first, second = house.trials
    names = ("config_hash", "data_hash", "code_hash", "seeds")
    assert {name for name in names if getattr(first, name) != getattr(second, name)} == told


def test_changed_code_is_told(house, monkeypatch):
    house.make()
    monkeypatch.setattr(recipe_module, "code_hash", lambda: "0" * 64)
    house.make()
    assert house.trials[0].code_hash != house.trials[1].code_hash == "0" * 64


def test_weights_that_a_snapshot_began_with_are_part_of_its_configuration(house):
    """The warm one is shortened by no number here: only where it began differs."""
    alone = House()
    numbers = {"epochs": 1, "patience": 1, "learning_rate": 0.0}
    house.snapshot(2017, **numbers)
    assert house.snapshot(**numbers).start == "snapshot-2017-12-31"
    assert alone.snapshot(**numbers).start == ""
    assert house.trials[1].config_hash != alone.trials[0].config_hash


def test_killed_after_the_trial_was_recorded_and_launched_again_there_is_one_trial_and_the_version(house):
    house.behind.dies = "write"
    with pytest.raises(KeyboardInterrupt):
        house.make()
    assert len(house.trials) == 1
    assert house.behind.acts == [], "recorded first"
    card = house.make()
    assert [trial.version for trial in house.trials] == [card.version]
    assert house.store.current("plain") == card.version
    assert len(house.plain.epochs) == 2, "and nothing is learned twice: the candidate, and its placebo"


def test_killed_before_the_trial_was_recorded_and_launched_again_both_are_there(house):
    house.register.fails = True
    with pytest.raises(TransientError):
        house.make()
    assert (house.trials, house.behind.acts) == ((), [])
    house.register.fails = False
    card = house.make()
    assert [trial.version for trial in house.trials] == [card.version]
    assert len(house.plain.epochs) == 2, "and nothing is learned twice"


def test_killed_in_between_it_is_stored_also_when_another_version_is_in_use_meanwhile(house):
    """It is then decided anew, with another outcome: a register that knows the first one must not be in the way."""
    house.behind.dies = "write"
    with pytest.raises(KeyboardInterrupt):
        house.make(says=POOR)
    house.make(EARLIER, says=GOOD)
    card = house.make(says=POOR)
    assert not card.promoted
    first, _, again = house.trials
    assert (first.version, first.promoted) == (card.version, True)
    assert (again.version, again.promoted) == (f"{card.version}-again-2", False)
    assert again.reason == card.decision.reason
    assert house.store.has("plain", card.version)


def test_models_that_were_lost_can_be_made_again(house):
    """The register outlives the folder of models; what was decided then depended on what was in use then."""
    house.make(EARLIER, says=GOOD)
    refused = house.make(says=POOR)
    later = House(register=house.register)
    assert later.make(says=POOR).promoted, "there is nothing before it now"
    assert later.store.has("plain", refused.version)
    assert [trial.version for trial in house.trials][1:] == [refused.version, f"{refused.version}-again-2"]


def test_a_snapshot_that_is_forced_is_another_trial_only_when_it_is_another_snapshot(house):
    house.snapshot()
    house.snapshot(force=True)
    assert [trial.version for trial in house.trials] == [SNAPSHOT]
    for width in (2, 3, 2):
        house.snapshot(force=True, width=width)
    assert [trial.version for trial in house.trials] == [SNAPSHOT, f"{SNAPSHOT}-again-2", f"{SNAPSHOT}-again-3"]
    assert len({trial.config_hash for trial in house.trials}) == 3
    assert house.store.versions("plain") == (SNAPSHOT,)


def test_the_trial_comes_back_under_the_name_that_it_is_recorded_under():
    register, trial = MemoryTrialRegister(), a_trial()
    assert record(trial, register) == record(trial, register) == trial
    other = replace(trial, seeds=(8,))
    named = replace(other, version=f"{trial.version}-again-2")
    assert record(other, register) == record(other, register) == named
    assert register.trials() == (trial, named)
