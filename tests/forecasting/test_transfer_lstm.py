import json
from dataclasses import replace

import numpy as np
import pytest
from forecast_scene import NAMES, TINY, Listener, a_panel, a_split, an_order, one_thread
from memory_models import MemoryCheckpoints
from safetensors.torch import load as tensors_of

from learnfinance_dagster.errors import ConfigurationError, DataError
from learnfinance_dagster.forecasting import lstm, transfer_lstm
from learnfinance_dagster.forecasting.forecaster import CONFIG, SCALER, WEIGHTS
from learnfinance_dagster.forecasting.panel import CLOSE
from learnfinance_dagster.forecasting.scaler import Scaler
from learnfinance_dagster.forecasting.transfer_lstm_configurations import TRANSFER, TRANSFER_LSTM

SHORT = {**TINY, **TRANSFER, "epochs": 2}
INDEXED = ("^GSPC", *NAMES)
PARTS = ("index", "calm", "middling", "wild")


@pytest.fixture(scope="module", autouse=True)
def _alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def split():
    return a_split(a_panel(INDEXED))


@pytest.fixture(scope="module")
def trained(split):
    return transfer_lstm.train(an_order(split, SHORT))


def config_of(trained):
    return json.loads(trained.files[CONFIG])


def part_of(trained, part):
    found = tensors_of(trained.files[WEIGHTS]).items()
    return {name.removeprefix(f"{part}/"): tensor.tolist() for name, tensor in found if name.startswith(f"{part}/")}


def test_the_record_leads_to_the_implementation():
    assert TRANSFER_LSTM.implementation() is transfer_lstm
    assert set(TRANSFER_LSTM.configurations) == {"full", "quick"}


# Groups.


def test_names_are_grouped_by_how_much_they_moved(trained):
    assert config_of(trained)["groups"] == {"calm": ["AAA", "BBB"], "middling": ["CCC", "DDD"], "wild": ["EEE", "FFF"]}


def test_groups_know_training_rows_only(split):
    panel, end = split.train.panel, split.last_training_session + 1
    values = panel.values.copy()
    values[1, end:] *= 100
    later = a_split(replace(panel, values=values))
    assert transfer_lstm.groups_of(later, "^GSPC") == transfer_lstm.groups_of(split, "^GSPC")
    values[1, end - 1] *= 100
    assert transfer_lstm.groups_of(a_split(replace(panel, values=values)), "^GSPC")["wild"] == ["AAA", "FFF"]


def test_a_session_without_a_bar_does_not_make_a_name_calm(split):
    """CCC moves a little more than BBB on all the days it trades, and does not trade on every fourteenth."""
    panel = split.train.panel
    values, traded = panel.values.copy(), panel.traded.copy()
    values[3] = values[2] * 1.015
    values[3, ::14], traded[3, ::14] = 0, False
    groups = transfer_lstm.groups_of(a_split(replace(panel, values=values, traded=traded)), "^GSPC")
    assert groups == transfer_lstm.groups_of(split, "^GSPC")


def test_fewer_names_than_groups_are_refused():
    with pytest.raises(DataError, match="2 names with training windows are too few for 3 groups"):
        transfer_lstm.train(an_order(a_split(a_panel(("^GSPC", "AAA", "BBB"))), SHORT))


def test_a_group_that_has_nothing_to_stop_by_is_refused(split):
    panel = split.train.panel
    traded = panel.traded.copy()
    traded[-2:, split.last_training_session + 1 :] = False
    with pytest.raises(DataError, match=r"the group wild has [0-9]+ windows to learn from and 0 to stop by"):
        transfer_lstm.train(an_order(a_split(replace(panel, traded=traded)), SHORT))


# Index.


def test_the_index_is_learned_from_its_own_windows(split, trained):
    used, windows = transfer_lstm.index_split(split, "^GSPC")
    assert used == config_of(trained)["index_used"] == "^GSPC"
    assert set(windows.train.name.tolist()) == {split.train.panel.symbols.index("^GSPC")}
    alone = lstm.train(an_order(windows, {**SHORT, "batch": SHORT["index_batch"]}))
    assert part_of(trained, "index") == {name: each.tolist() for name, each in tensors_of(alone.files[WEIGHTS]).items()}


def test_the_index_is_in_no_group(split, trained):
    assert {name for names in config_of(trained)["groups"].values() for name in names} == set(NAMES)
    panel, row = split.train.panel, split.train.panel.symbols.index("^GSPC")
    spoilt = panel.values.copy()
    spoilt[row] = 7 * np.sin(np.arange(panel.values.shape[1]))[:, None]
    scalers = [json.loads(files[SCALER]) for files in (trained.files, _trained_on(replace(panel, values=spoilt)).files)]
    assert scalers[0]["index"] != scalers[1]["index"]
    assert [scalers[0][part] for part in PARTS[1:]] == [scalers[1][part] for part in PARTS[1:]]


def test_a_panel_without_the_index_takes_the_mean_of_all_names_and_says_so():
    split = a_split(a_panel())
    used, windows = transfer_lstm.index_split(split, "^GSPC")
    assert used == "mean of all names"
    assert config_of(transfer_lstm.train(an_order(split, SHORT)))["index_used"] == used
    np.testing.assert_allclose(windows.train.panel.values[0], split.train.panel.values.mean(axis=0), atol=1e-7)
    assert windows.train.anchor.tolist() == np.unique(split.train.anchor).tolist()


def test_the_mean_is_of_those_who_traded():
    panel = a_panel()
    traded = panel.traded.copy()
    traded[:, 5], traded[2:, 6] = False, False
    _, windows = transfer_lstm.index_split(a_split(replace(panel, traded=traded)), "^GSPC")
    mean = windows.train.panel
    assert mean.traded[0, 4:8].tolist() == [True, False, True, True]
    assert mean.values[0, 5].tolist() == [0] * 5
    np.testing.assert_allclose(mean.values[0, 6], panel.values[:2, 6].mean(axis=0), atol=1e-7)


def test_in_a_placebo_the_mean_has_nothing_to_learn_either():
    """A leak planted by a mean of true targets would pass on to every group."""
    split = a_split(a_panel())
    rng = np.random.default_rng(0)
    placebo = replace(split, train=split.train.shuffled(rng), validation=split.validation.shuffled(rng))
    _, windows = transfer_lstm.index_split(placebo, "^GSPC")
    assert np.mean(windows.train.target_anchor == windows.train.anchor) < 0.3
    assert set(windows.train.target_anchor.tolist()) <= set(split.train.anchor.tolist())


# Fine-tuning.


def test_full_retrains_everything_and_freeze_the_head_alone(split, trained):
    frozen = transfer_lstm.train(an_order(split, {**SHORT, "transfer": "freeze"}))
    for part in PARTS[1:]:
        index, full, head = part_of(trained, "index"), part_of(trained, part), part_of(frozen, part)
        assert {name for name in index if full[name] != index[name]} == set(index)
        assert {name for name in index if head[name] != index[name]} == {"head.weight", "head.bias"}


def test_an_unknown_kind_of_transfer_is_refused(split):
    with pytest.raises(ConfigurationError, match="transfer is `freeze` or `full`, not 'thaw'"):
        transfer_lstm.train(an_order(split, {**SHORT, "transfer": "thaw"}))


def test_each_part_has_a_scaler_of_its_own_training_rows(split, trained):
    panel, end = split.train.panel, split.last_training_session + 1
    stored = json.loads(trained.files[SCALER])
    assert set(stored) == set(PARTS)
    rows = [panel.symbols.index(symbol) for symbol in ("CCC", "DDD")]
    assert stored["middling"] == Scaler.fit(panel.values[rows, :end].reshape(-1, 5), panel.channels).to_document()


def test_epochs_are_counted_on_from_part_to_part(split):
    listener = Listener()
    trained = transfer_lstm.train(an_order(split, SHORT, say=listener))
    assert [losses.epoch for losses in trained.history] == list(range(1, 9))
    assert tuple(progress.losses for progress in listener.heard) == trained.history
    assert [progress.epochs for progress in listener.heard] == [8] * 8
    best = config_of(trained)["best_epochs"]
    assert [0 < best[part] - 2 * before <= 2 for before, part in enumerate(PARTS)] == [True] * 4
    assert trained.best_epoch == best["wild"] == listener.heard[-1].best_epoch


def test_a_later_training_begins_with_the_index_model_and_the_scalers_it_is_given(trained):
    later = a_split(a_panel(INDEXED, seed=9))
    resting = {**SHORT, "learning_rate": 0.0, "tuning_rate": 0.0, "epochs": 1}
    warm = transfer_lstm.train(an_order(later, resting, start=trained.files))
    assert warm.files[SCALER] == trained.files[SCALER]
    for part in PARTS:
        assert part_of(warm, part) == part_of(trained, "index")


# Repeated and interrupted.


def test_the_same_order_gives_the_same_bytes(split, trained):
    """D27: training was not seeded."""
    assert transfer_lstm.train(an_order(split, SHORT)) == trained
    assert transfer_lstm.train(an_order(split, SHORT, seed=8)).files[WEIGHTS] != trained.files[WEIGHTS]


@pytest.mark.parametrize("epoch", [1, 2, 5, 8])
def test_interrupted_in_any_part_it_ends_with_the_same_bytes_and_repeats_no_part(split, trained, epoch):
    checkpoints, rest = MemoryCheckpoints(), Listener()
    with pytest.raises(KeyboardInterrupt):
        transfer_lstm.train(an_order(split, SHORT, checkpoints=checkpoints, say=Listener(stop_after=epoch)))
    assert transfer_lstm.train(an_order(split, SHORT, checkpoints=checkpoints, say=rest)) == trained
    assert [progress.losses.epoch for progress in rest.heard] == list(range(epoch + 1, 9))
    assert not any(checkpoints.load(key) for key in checkpoints.saved)


# Predicting.


def test_each_name_is_answered_by_its_groups_network(split, trained):
    answers = transfer_lstm.load(trained.files, "cpu").predict(split.held_out)
    assert answers.dtype == np.float64
    assert answers.shape == (len(split.held_out), 5)
    stored, groups = json.loads(trained.files[SCALER]), config_of(trained)["groups"] | {"index": ["^GSPC"]}
    for part, names in groups.items():
        rows = np.isin(np.array(INDEXED)[split.held_out.name], names)
        network, prefix = lstm.empty_network(config_of(trained)), f"{part}/"
        weights = tensors_of(trained.files[WEIGHTS]).items()
        network.load_state_dict({name[len(prefix) :]: each for name, each in weights if name.startswith(prefix)})
        alone = lstm.Reader(network, Scaler.from_document(stored[part]), "cpu").predict(split.held_out[rows])
        np.testing.assert_array_equal(answers[rows], alone)


def test_a_name_that_training_did_not_know_is_middling(split, trained):
    panel = split.train.panel
    renamed = replace(panel, symbols=("^GSPC", "AAA", "BBB", "CCC", "DDD", "EEE", "NEW"))
    as_middling = replace(panel, symbols=("^GSPC", "AAA", "BBB", "EEE", "FFF", "ZZZ", "CCC"))
    reader, windows = transfer_lstm.load(trained.files, "cpu"), split.held_out[split.held_out.name == 6]
    new = reader.predict(replace(windows, panel=renamed))
    np.testing.assert_array_equal(new, reader.predict(replace(windows, panel=as_middling)))
    assert not np.allclose(new, reader.predict(windows))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (CONFIG, b'"wild"', b'"mild"'),
        (CONFIG, b'"hidden": 8', b'"hidden": 0'),
        (SCALER, b'"calm"', b'"warm"'),
        (SCALER, b'"close"', b'"cloze"'),
        (WEIGHTS, b"calm/head.bias", b"calm/head.bios"),
    ],
)
def test_a_broken_version_is_refused(trained, name, old, new):
    files = {**trained.files, name: trained.files[name].replace(old, new)}
    assert files != trained.files
    with pytest.raises(DataError, match=f"^{name}: "):
        transfer_lstm.load(files, "cpu")


def test_losses_are_told_in_scores_of_the_part(trained, split):
    """Around 1 for every part, however wild: nothing there could be learned."""
    assert all(0.5 < losses.validation < 2 for losses in trained.history)
    assert split.train.panel.values[..., CLOSE].std(axis=1).max() < 0.1


def _trained_on(panel):
    return transfer_lstm.train(an_order(a_split(panel), {**SHORT, "epochs": 1}))
