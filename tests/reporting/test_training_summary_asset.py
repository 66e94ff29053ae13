from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace

import dagster as dg
import policy_cards as cards
import pytest
from memory_models import MemoryCheckpoints, MemoryModelStore
from memory_trials import MemoryTrialRegister
from training_summaries import MARKET

from assets.policies.summary import forecaster_training, policy_training, training_summary_asset
from learnfinance_dagster.allocation.rl.outcome import PolicyOutcome
from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.orchestration.handles import Training, Writer
from learnfinance_dagster.orchestration.partitions import TRAINING
from learnfinance_dagster.parameters import LanguageParameters
from learnfinance_dagster.ports import Trial, TrialKind
from learnfinance_dagster.reporting.training import TrainingSummary
from resources.language.door import LanguageModelDoor
from resources.outbox import Outbox
from resources.raw_evidence import RawFolder

WEEK = week_of(cards.MONDAY)
LATER = date(2026, 1, 5)
SUMMARIES = {"ppo_lstm": "PPO", "sac_lstm": "SAC"}


def trial(version, kind=TrialKind.TRAINING, model="ppo_lstm", serves=cards.MONDAY, *, promoted=False) -> Trial:
    """One row."""
    return Trial(
        model=model,
        version=version,
        kind=kind,
        serves=serves,
        config_hash="f",
        data_hash="d",
        code_hash="c",
        seeds=(7,),
        result={},
        promoted=promoted,
        reason=f"{version} is {'promoted' if promoted else 'not promoted'}: so it was",
    )


def registered(*trials):
    register = MemoryTrialRegister()
    for each in trials:
        register.record(each)
    return register


def stored(**current):
    """A store in which those versions are in use."""
    store = MemoryModelStore()
    for model, version in current.items():
        store.write(model, version, {"weights.safetensors": b"w"})
        store.set_current(model, version)
    return store


def told(outcome, *trials, **current):
    return policy_training(outcome, SUMMARIES, stored(**current), registered(*trials), WEEK)


def test_a_promoted_card_is_in_use_and_one_that_lost_leaves_the_version_before():
    assert told(cards.made(cards.fine_tune()), ppo_lstm="v-later").in_use == cards.CANDIDATE
    assert told(cards.made(cards.policy_card()), ppo_lstm="v-later").in_use == cards.CURRENT


def test_the_summary_says_the_same_when_it_is_made_again_after_later_sundays():
    rows = (trial("v1", promoted=True), trial(cards.CANDIDATE, TrialKind.FINE_TUNE))
    later = trial("v3", TrialKind.FINE_TUNE, serves=LATER, promoted=True)
    for outcome in (cards.made(cards.fine_tune()), cards.failed("ppo_lstm")):
        before = told(outcome, *rows, ppo_lstm="v1")
        assert told(outcome, *rows, later, ppo_lstm="v3") == before


def test_a_failed_training_leaves_what_is_in_use_also_after_a_roll_back():
    rows = (trial("v1", promoted=True), trial("v2", promoted=True))
    failed = told(cards.failed("ppo_lstm", "no certificate"), *rows, ppo_lstm="v1")
    assert (failed.new, failed.failure, failed.in_use) == (None, "no certificate", "v1")
    assert told(cards.failed("ppo_lstm")).in_use == ""


def test_trials_are_counted_up_to_this_version_without_snapshots_and_certificates():
    rows = (
        trial("c1", TrialKind.CERTIFICATE),
        trial("s1", TrialKind.SWEEP),
        trial("v1"),
        trial("v2", TrialKind.FINE_TUNE),
        trial(cards.CANDIDATE, TrialKind.FINE_TUNE),
        trial("v4", TrialKind.FINE_TUNE),
        trial("other", model="sac_lstm"),
    )
    assert told(cards.made(cards.fine_tune()), *rows).trials == {"sweep": 1, "training": 1, "fine_tune": 2}
    assert told(cards.failed("ppo_lstm"), *rows).tried == 5


def test_the_closest_other_allocator_is_told_with_its_distance():
    behaviour = told(cards.made(cards.policy_card())).new.behaviour
    assert (behaviour.closest, behaviour.distance) == ("equal_weight", 0.211)


def test_a_policy_that_nobody_measured_has_no_behaviour():
    assert told(cards.made(cards.policy_card(behaviour=None))).new.behaviour is None


def test_a_forecaster_is_told_by_its_last_training_that_the_week_may_know():
    rows = (
        trial("v1", model="lstm", promoted=True),
        trial("snap", TrialKind.SNAPSHOT, "lstm"),
        trial("v2", model="lstm"),
        trial("v3", model="lstm", serves=LATER, promoted=True),
    )
    known = forecaster_training("lstm", MemoryModelStore(), registered(*rows), WEEK)
    assert (known.last_version, known.promoted, known.tried) == ("v2", False, 2)
    assert known.in_use == ""


def test_an_outcome_is_stored_and_read_unchanged():
    for outcome in (cards.made(cards.fine_tune(), is_cached=True), cards.failed("sac_lstm")):
        assert from_json(PolicyOutcome, to_json(outcome)) == outcome


@dataclass
class Door:
    """Opens what it was given."""

    behind: object

    def open(self):
        return self.behind


@pytest.fixture
def run(tmp_path):
    """Materialize the summary of two policies' outcomes; gives the result."""

    def start(**outcomes):
        def source(name, outcome):
            @dg.asset(name=f"{name}_policy", partitions_def=TRAINING)
            def policy():
                return outcome

            return policy

        allocators = [SimpleNamespace(name=name, summary=SUMMARIES[name], policy=None) for name in outcomes]
        register = registered(trial(cards.CURRENT, promoted=True), trial(cards.CANDIDATE, TrialKind.FINE_TUNE))
        return dg.materialize(
            [
                training_summary_asset(allocators, [SimpleNamespace(name="lstm")]),
                *(source(name, outcome) for name, outcome in outcomes.items()),
            ],
            partition_key=WEEK.key,
            resources={
                "io_manager": dg.mem_io_manager,
                "market": Door(SimpleNamespace(info=MARKET)),
                "outbox": Outbox(tmp_path),
                "artifacts": SimpleNamespace(has=lambda _asset, _week: False),
                "writer": Writer(LanguageModelDoor(LanguageParameters()), RawFolder(tmp_path), LanguageParameters()),
                "training": Training(
                    Door(MemoryModelStore()), Door(register), MemoryCheckpoints(), lambda: {"torch": "2.13"}
                ),
            },
        )

    return start


def test_the_letter_of_a_sunday_lies_in_the_outbox_and_one_failure_does_not_keep_it_from_being_written(run, tmp_path):
    result = run(ppo_lstm=cards.made(cards.fine_tune()), sac_lstm=cards.failed("sac_lstm", "numbers blew up"))
    summary = result.output_for_node("training_summary")
    assert isinstance(summary, TrainingSummary)
    assert [policy.promoted for policy in summary.policies] == [True, False]
    assert "numbers blew up" in (tmp_path / "training-2025-12-29.html").read_text()
    assert b"1 of 2 policies promoted, 1 failed" in (tmp_path / "training-2025-12-29.eml").read_bytes().replace(
        b"\r\n ", b" "
    )


def test_the_web_ui_shows_subject_text_and_picture(run):
    (made,) = run(ppo_lstm=cards.made(cards.fine_tune())).asset_materializations_for_node("training_summary")
    metadata = {name: value.value for name, value in made.metadata.items()}
    assert metadata["subject"].startswith("LearnFinance training for 2025-12-29: 1 of 1 policy promoted")
    assert "PPO_LSTM: promoted" in metadata["text"]
    assert metadata["picture"].startswith("![picture](data:image/png;base64,")
    assert {"eml", "html"} <= set(metadata)


def test_the_same_sunday_again_writes_the_same_bytes(run, tmp_path):
    def files():
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    run(ppo_lstm=cards.made(cards.fine_tune()))
    before = files()
    run(ppo_lstm=cards.made(cards.fine_tune()))
    assert files() == before


def test_a_sunday_is_told_in_words_too(run, tmp_path):
    result = run(ppo_lstm=cards.made(cards.fine_tune()), sac_lstm=cards.failed("sac_lstm", "numbers blew up"))
    words = result.output_for_node("training_summary").words
    assert [each.key for each in words.paragraphs] == [
        "overall",
        "forecaster_lstm",
        "algorithm_ppo_lstm",
        "algorithm_sac_lstm",
        "next",
    ]
    page = (tmp_path / "training-2025-12-29.html").read_text()
    assert "1 of 2 policies have a new version in use" in page
    assert "sac_lstm was not trained" in page
    assert not words.asked, "this was no run of the Sunday job"
