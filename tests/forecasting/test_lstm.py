import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from forecast_scene import NAMES, TINY, Listener, a_panel, a_split, an_order, one_thread, trending
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_models import MemoryCheckpoints

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting import lstm
from learnfinance_dagster.forecasting.forecaster import CONFIG, SCALER, WEIGHTS
from learnfinance_dagster.forecasting.lstm_configurations import FULL, LSTM
from learnfinance_dagster.forecasting.panel import CLOSE, OHLCV
from learnfinance_dagster.forecasting.scaler import Scaler
from learnfinance_dagster.forecasting.stretches import stretches
from learnfinance_dagster.forecasting.windows import INPUT

DROPPING = {**TINY, "dropout": 0.2}


@pytest.fixture(scope="module", autouse=True)
def _alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def split():
    return a_split(a_panel())


@pytest.fixture(scope="module")
def trained(split):
    return lstm.train(an_order(split))


def test_the_full_network_has_as_many_weights_as_the_specification_says():
    network = lstm.network_of(FULL, seed=0)
    assert sum(weights.numel() for weights in network.parameters()) == 201_861


def test_the_record_leads_to_the_implementation():
    assert LSTM.implementation() is lstm
    assert set(LSTM.configurations) == {"full", "quick"}


# Stretches.


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_window_stands_in_one_stretch_with_its_own_sixty_sessions(split, data):
    kept = data.draw(st.sets(st.integers(0, len(split.train) - 1), min_size=1))
    windows = split.train[np.array(sorted(kept))]
    span, size = data.draw(st.integers(1, 300)), data.draw(st.integers(1, 9))
    seen = []
    values = np.arange(windows.panel.values.size, dtype=float).reshape(windows.panel.values.shape)
    for batch in stretches(windows, span, size, np.random.default_rng(data.draw(st.integers(0, 99)))):
        inputs = batch.inputs(values)
        assert inputs.shape[1] == len(batch.name) <= size
        assert inputs.shape[0] == batch.length <= INPUT - 1 + span
        seen += batch.window.tolist()
        own = windows[batch.window].inputs(values)
        for n, (place, column) in enumerate(zip(batch.place, batch.column, strict=True)):
            np.testing.assert_array_equal(inputs[place - INPUT + 1 : place + 1, column], own[n])
    assert sorted(seen) == list(range(len(windows)))


def test_the_cuts_and_the_order_are_drawn_anew_for_every_epoch(split):
    first, second, again = (
        [tuple(batch.window.tolist()) for batch in stretches(split.train, 40, 1, np.random.default_rng(seed))]
        for seed in (1, 2, 1)
    )
    assert first == again
    assert set(first) != set(second), "the cuts"
    assert first != sorted(first), "the order"


def test_a_window_alone_in_its_stretch_is_answered_as_when_it_is_predicted(split):
    """Learning over stretches and predicting from windows is the same arithmetic."""
    network, scaler = lstm.network_of(TINY, seed=3), lstm.training_scaler(split)
    reading = lstm.Reading(network, split, lstm._scores(split.train.panel, scaler), {**TINY, "span": 1}, "cpu")
    by_stretch = sum(loss.item() * count for loss, count in reading.losses(np.random.default_rng(0)))
    answers = lstm.Reader(network, scaler, "cpu").predict(split.train)
    wanted = split.train.targets(split.train.panel.values)[..., CLOSE]
    by_window = np.mean(((answers - wanted) / scaler.scale[CLOSE]) ** 2)
    assert by_stretch / len(split.train) == pytest.approx(by_window, rel=1e-5)


# Learning.


def test_something_that_can_be_learned_is_learned():
    split = a_split(trending(a_panel(NAMES, seed=5)))
    trained = lstm.train(an_order(split, {**TINY, "epochs": 25, "learning_rate": 1e-2}))
    forecast = lstm.load(trained.files, "cpu").predict(split.held_out).sum(axis=1)
    assert np.corrcoef(forecast, np.log1p(split.held_out.weekly_returns()))[0, 1] > 0.4


def test_what_is_told_of_validation_is_what_the_stored_model_does(trained, split):
    best = trained.history[trained.best_epoch - 1]
    scaler = Scaler.from_document(json.loads(trained.files[SCALER]))
    forecast = lstm.load(trained.files, "cpu").predict(split.validation)
    wanted = split.validation.targets(split.validation.panel.values)[..., CLOSE]
    assert best.validation == pytest.approx(np.mean(((forecast - wanted) / scaler.scale[CLOSE]) ** 2), rel=1e-5)
    assert best.close == best.validation == min(losses.validation for losses in trained.history)


def test_the_same_order_gives_the_same_bytes(split):
    """D27: training was not seeded."""
    first, second = (lstm.train(an_order(split, DROPPING)) for _ in range(2))
    assert first == second
    assert lstm.train(an_order(split, DROPPING, seed=8)).files[WEIGHTS] != first.files[WEIGHTS]


def test_global_randomness_is_neither_used_nor_touched(split):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - this is the state that must not matter
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002 - as above
    first = lstm.train(an_order(split, DROPPING))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.random.get_state()[1].tolist() == numpy_before  # noqa: NPY002 - as above
    torch.manual_seed(2)
    assert lstm.train(an_order(split, DROPPING)) == first


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_training_that_is_interrupted_ends_with_the_same_bytes(split, epoch):
    whole, checkpoints = lstm.train(an_order(split, DROPPING)), MemoryCheckpoints()
    with pytest.raises(KeyboardInterrupt):
        lstm.train(an_order(split, DROPPING, checkpoints=checkpoints, say=Listener(stop_after=epoch)))
    rest = Listener()
    assert lstm.train(an_order(split, DROPPING, checkpoints=checkpoints, say=rest)) == whole
    assert [progress.losses.epoch for progress in rest.heard] == list(range(epoch + 1, 4))


def test_a_later_training_begins_with_the_weights_and_the_scaler_it_is_given(trained, split):
    later = a_split(a_panel(seed=9))
    resting = {**TINY, "learning_rate": 0.0, "epochs": 1}
    warm = lstm.train(an_order(later, resting, start=trained.files))
    assert warm.files[WEIGHTS] == trained.files[WEIGHTS]
    assert warm.files[SCALER] == trained.files[SCALER]
    assert lstm.train(an_order(later, resting)).files[SCALER] != trained.files[SCALER]


# What is known when.


def test_the_scaler_sees_training_rows_only(split):
    """D6: the scaler was fitted on the validation's rows, too."""
    panel, end = split.train.panel, split.last_training_session + 1
    known = lstm.training_scaler(split)
    assert known == Scaler.fit(panel.values[:, :end].reshape(-1, 5), OHLCV)
    assert lstm.training_scaler(a_split(_spoilt_from(panel, end))) == known


def test_a_session_without_a_bar_is_no_training_row(split):
    panel = split.train.panel
    traded = panel.traded.copy()
    traded[0, 10:13] = False
    values = panel.values.copy()
    values[0, 10:13] = 0
    gappy = a_split(replace(panel, values=values, traded=traded))
    end = gappy.last_training_session + 1
    assert lstm.training_scaler(gappy) == Scaler.fit(values[:, :end][traded[:, :end]], OHLCV)


def test_weights_do_not_depend_on_anything_after_the_validation_weeks(split, trained):
    panel = split.train.panel
    spoilt = a_split(_spoilt_from(panel, int(split.validation.anchor.max()) + 6))
    assert lstm.train(an_order(spoilt)) == trained


def test_a_forecast_reads_its_sixty_sessions_and_nothing_else(trained, split):
    """A leak that is planted on either side of the window changes nothing, and one inside it does."""
    reader, panel = lstm.load(trained.files, "cpu"), split.train.panel
    window = split.held_out[:1]
    name, anchor = int(window.name[0]), int(window.anchor[0])
    outside = np.full_like(panel.values, np.nan)
    outside[name, anchor - INPUT + 1 : anchor + 1] = panel.values[name, anchor - INPUT + 1 : anchor + 1]
    np.testing.assert_array_equal(
        reader.predict(replace(window, panel=replace(panel, values=outside))), reader.predict(window)
    )
    outside[name, anchor] += 1
    assert not np.allclose(
        reader.predict(replace(window, panel=replace(panel, values=outside))), reader.predict(window)
    )


def test_a_placebo_learns_the_shuffled_targets(split, trained):
    shuffled = replace(split, train=split.train.shuffled(np.random.default_rng(0)))
    assert lstm.train(an_order(shuffled)).files[WEIGHTS] != trained.files[WEIGHTS]


def test_channels_beyond_prices_are_not_read(split, trained):
    panel = split.train.panel
    more = np.concatenate([panel.values, np.full_like(panel.values, np.nan)], axis=2)
    wide = replace(panel, values=more, channels=(*OHLCV, "a", "b", "c", "d", "e"))
    assert lstm.train(an_order(a_split(wide))) == trained


def test_many_windows_are_answered_as_each_alone(trained, split, monkeypatch):
    reader = lstm.load(trained.files, "cpu")
    together = reader.predict(split.train)
    monkeypatch.setattr(lstm, "ANSWERED_AT_ONCE", 7)
    assert together.dtype == np.float64
    assert together.shape == (len(split.train), 5)
    np.testing.assert_allclose(reader.predict(split.train), together, rtol=0, atol=1e-7)


def test_no_windows_are_no_forecasts(trained, split):
    assert lstm.load(trained.files, "cpu").predict(split.train[:0]).shape == (0, 5)


# Files.


def test_a_version_says_what_it_was_made_for(trained):
    assert set(trained.files) == {WEIGHTS, SCALER, CONFIG}
    config = json.loads(trained.files[CONFIG])
    assert config == {**TINY, "input": 60, "horizon": 5, "channels": list(OHLCV)}


BROKEN = {
    "weights are missing": (WEIGHTS, None),
    "weights are cut short": (WEIGHTS, lambda content: content[:-9]),
    "weights are a pickle": (WEIGHTS, lambda _: b"\x80\x04K\x01."),
    "the scaler is missing": (SCALER, None),
    "the scaler is no JSON": (SCALER, lambda _: b"mean 0"),
    "the scaler is no text": (SCALER, lambda _: b"\xff\xfe\xfa"),
    "the scaler is a list": (SCALER, lambda _: b"[]"),
    "the scaler has other channels": (SCALER, lambda content: content.replace(b'"volume"', b'"turnover"')),
    "a scale is zero": (SCALER, lambda _: b'{"channels": ["open"], "mean": [0.0], "scale": [0.0]}'),
    "the configuration is missing": (CONFIG, None),
    "the configuration is of a wider network": (
        CONFIG,
        lambda content: content.replace(b'"hidden": 8', b'"hidden": 9'),
    ),
    "the configuration is of another horizon": (
        CONFIG,
        lambda content: content.replace(b'"horizon": 5', b'"horizon": 6'),
    ),
    "the configuration has no size": (CONFIG, lambda content: content.replace(b'"hidden"', b'"hid"')),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_version_is_refused(trained, fault):
    name, change = BROKEN[fault]
    files = {other: content for other, content in trained.files.items() if other != name}
    if change is not None:
        files[name] = change(trained.files[name])
    told = WEIGHTS if "wider" in fault else name
    with pytest.raises(DataError, match=f"^{told}: "):
        lstm.load(files, "cpu")


def test_weights_that_are_no_numbers_are_refused(trained):
    network = lstm.network_of(TINY, seed=0)
    with torch.no_grad():
        network.head.bias[2] = float("nan")
    files = {**trained.files, WEIGHTS: lstm.version_files(network.state_dict(), {}, {})[WEIGHTS]}
    with pytest.raises(DataError, match=r"weights.safetensors: head.bias holds"):
        lstm.load(files, "cpu")


def test_a_training_does_not_begin_with_weights_of_another_size(trained, split):
    with pytest.raises(DataError, match="does not fit the configuration"):
        lstm.train(an_order(split, {**TINY, "hidden": 9}, start=trained.files))


def _spoilt_from(panel, session):
    """Enormous changes from there on: whoever looks shows it."""
    values = panel.values.copy()
    values[:, session:] = 50.0
    return replace(panel, values=values)
