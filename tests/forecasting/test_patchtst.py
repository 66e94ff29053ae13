import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from forecast_scene import Listener, a_panel, a_split, an_order, one_thread, trending
from memory_models import MemoryCheckpoints
from transformers import PatchTSTConfig

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting import patchtst
from learnfinance_dagster.forecasting.dropout import Masks
from learnfinance_dagster.forecasting.forecaster import CONFIG, SCALER, WEIGHTS
from learnfinance_dagster.forecasting.panel import CLOSE, OHLCV
from learnfinance_dagster.forecasting.patchtst_pass import training_pass
from learnfinance_dagster.forecasting.patchtst_record import FULL, PATCHTST, QUICK
from learnfinance_dagster.forecasting.scaler import Scaler
from learnfinance_dagster.forecasting.version_files import version_files
from learnfinance_dagster.forecasting.windows import INPUT

TINY = {
    **FULL,
    "width": 8,
    "heads": 2,
    "layers": 2,
    "ffn": 12,
    "dropout": 0.0,
    "batch": 32,
    "learning_rate": 1e-3,
    "epochs": 3,
}
DROPPING = {**TINY, "dropout": 0.2}
READING = {**TINY, "channels": "signals"}
SIGNALS = ("news_sentiment", "gross_margin")


@pytest.fixture(scope="module", autouse=True)
def _alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def split():
    return a_split(a_panel())


@pytest.fixture(scope="module")
def trained(split):
    return patchtst.train(an_order(split, TINY))


@pytest.fixture(scope="module")
def signal_split():
    return a_split(with_channels(a_panel()))


@pytest.fixture(scope="module")
def signal_trained(signal_split):
    return patchtst.train(an_order(signal_split, READING))


def with_channels(panel, names=SIGNALS):
    levels = np.random.default_rng(3).normal(size=(*panel.values.shape[:2], len(names))).astype(np.float32)
    return replace(panel, channels=(*OHLCV, *names), values=np.concatenate([panel.values, levels], axis=2))


def network_of(configuration, channels=5, seed=0):
    return patchtst.network_of(configuration, channels, seed, "cpu")


def past(channels, windows=7):
    return torch.from_numpy(np.random.default_rng(1).normal(size=(windows, INPUT, channels)))


# Network.


def test_the_full_network_is_the_one_of_the_specification():
    network = network_of(FULL)
    assert network.model.patchifier.num_patches == 6
    assert sum(weights.numel() for weights in network.parameters() if weights.requires_grad) == 68_357


def test_the_record_leads_to_the_implementation():
    assert PATCHTST.implementation() is patchtst
    assert dict(PATCHTST.configurations) == {"full": FULL, "quick": QUICK}


def test_patches_that_are_not_six_are_refused():
    """D5: the stride had a name that the library ignored, and there were 45 patches."""
    with pytest.raises(DataError, match="45 patches instead of 6"):
        network_of({**TINY, "patch_stride": 1})


@pytest.mark.parametrize("channels", [5, 7])
def test_the_library_knows_every_word_that_it_is_told(channels):
    """D5: it keeps what it does not know, and does nothing with it."""
    told = vars(patchtst.network_config(FULL, channels)).keys()
    assert told == vars(PatchTSTConfig()).keys()
    assert "stride" in vars(PatchTSTConfig(stride=8)).keys() - told, "a planted misspelling would be seen"


def test_dropout_is_effective_in_all_five_places_of_the_library():
    """D5: three of them were 0."""
    network = network_of(FULL)
    rates = {name: module.p for name, module in network.named_modules() if isinstance(module, torch.nn.Dropout)}
    layers = {f"model.encoder.layers.{n}.{place}" for n in range(2) for place in ("dropout_path1", "dropout_path3")}
    layers |= {f"model.encoder.layers.{n}.ff.2" for n in range(2)}
    assert rates == dict.fromkeys({*layers, "model.encoder.positional_encoder.positional_dropout", "head.dropout"}, 0.2)
    assert [layer.self_attn.dropout for layer in network.model.encoder.layers] == [0.2, 0.2]


# The training pass.


class Dropper:
    """Masks that keep everything, but for the one that is drawn as number `at`: it drops all."""

    def __init__(self, at=-1):
        self.at, self.shapes = at, []

    def __call__(self, values):
        return values * self.draw(values.shape)

    def draw(self, shape):
        self.shapes.append(tuple(shape))
        return torch.full(tuple(shape), float(self.at != len(self.shapes) - 1), dtype=torch.float64)


def test_the_training_pass_drops_in_the_same_places():
    """D5: dropout was set and had no effect."""
    network, windows = network_of({**TINY, "layers": 1}).double().train(), past(5)
    usual = Dropper()
    answers = training_pass(network, windows, usual)
    tokens = (7, 5, 6, 8)
    assert usual.shapes == [tokens, (7 * 5 * 2, 6, 6), tokens, (*tokens[:3], 12), tokens, (7, 5, 8)]
    for at in range(len(usual.shapes)):
        assert not torch.allclose(training_pass(network, windows, Dropper(at)), answers, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rate", [0.0, 0.2])
@pytest.mark.parametrize("channels", [5, 7])
def test_the_training_pass_is_the_librarys_own(channels, rate, monkeypatch):
    """Answers, gradients and running statistics; with attention across channels and without, with masks and without."""
    library = network_of({**TINY, "width": 16, "dropout": rate}, channels).double().train()
    library.set_attn_implementation("eager")
    lean, windows, masks = deepcopy(library), past(channels), Recorder(rate)
    ours = training_pass(lean, windows, masks)
    if rate:
        drawn = iter(masks.drawn)
        monkeypatch.setattr(torch.nn.functional, "dropout", lambda x, **_: x * next(drawn).view(x.shape))
        monkeypatch.setattr(torch.nn.Dropout, "forward", lambda _, x: x * next(drawn).view(x.shape))
    answers = library(windows).prediction_outputs
    torch.testing.assert_close(ours, answers, rtol=0, atol=1e-13)
    weights = torch.randn(answers.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (answers * weights).square().sum().backward()
    (ours * weights).square().sum().backward()
    for (name, wanted), found in zip(library.named_parameters(), lean.parameters(), strict=True):
        if wanted.requires_grad:
            assert wanted.grad.abs().max() > 0 or "k_proj.bias" in name
            torch.testing.assert_close(found.grad, wanted.grad, rtol=1e-9, atol=1e-11, msg=name)
    for (name, wanted), found in zip(library.named_buffers(), lean.buffers(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13, msg=name)


class Recorder(Masks):
    """Masks that remember what was drawn."""

    def __init__(self, rate):
        super().__init__(np.random.default_rng(0), rate)
        self.drawn = []

    def __call__(self, values):
        return values * self.draw(values.shape)

    def draw(self, shape):
        self.drawn.append(super().draw(shape))
        return self.drawn[-1]


def test_very_large_scores_do_not_overflow():
    network = network_of(TINY).train()
    with torch.no_grad():
        for layer in network.model.encoder.layers:
            layer.self_attn.q_proj.weight.mul_(1e4)
            layer.self_attn.k_proj.weight.mul_(1e4)
    answers = training_pass(network, past(5).float(), Masks(np.random.default_rng(0), 0.0))
    assert torch.isfinite(answers).all()
    torch.testing.assert_close(answers, network(past(5).float()).prediction_outputs, rtol=0, atol=1e-4)


# Loss.


def study_of(split, configuration=TINY, scores=None):
    panel = split.train.panel
    if scores is None:
        scores = patchtst._scores(panel, patchtst.training_scaler(split, OHLCV))
    return patchtst.Study(network_of(configuration).eval(), split, scores, configuration, "cpu")


def test_no_channel_drowns_another_in_the_loss():
    """D7: 99.6 % of the loss was volume, whose changes are thirty times as large."""
    panel = a_panel()
    loud = replace(panel, values=panel.values * np.array([1, 1, 1, 1, 30], dtype=np.float32))
    split = a_split(loud)
    errors = study_of(split).errors(split.validation)
    shares = errors / errors.sum()
    assert shares.shape == (5,)
    assert 0.1 < shares.min() <= shares.max() < 0.3
    raw = study_of(split, scores=loud.values).errors(split.validation)
    assert raw[-1] / raw.sum() > 0.99, "what the predecessor did would be seen"


def test_the_loss_of_close_is_told_apart(split):
    study = study_of(split)
    errors = study.errors(split.validation)
    assert study.validate() == pytest.approx((errors.mean(), errors[CLOSE]))
    answers = study.network(torch.from_numpy(split.validation.inputs(study.scores))).prediction_outputs
    wanted = split.validation.targets(study.scores)
    np.testing.assert_allclose(errors, ((answers.detach().numpy() - wanted) ** 2).mean(axis=(0, 1)), rtol=1e-5)


@pytest.mark.parametrize("windows", [None, 50, 10**9])
def test_every_window_is_learned_from_once_an_epoch_or_as_many_as_are_wanted(split, windows):
    counts = [count for _, count in study_of(split, {**TINY, "windows": windows}).losses(np.random.default_rng(0))]
    assert sum(counts) == min(windows or len(split.train), len(split.train))
    assert set(counts[:-1]) == {32}


# Learning.


def test_something_that_can_be_learned_is_learned():
    split = a_split(trending(a_panel([f"N{n:02}" for n in range(30)], seed=5)))
    learning = {**TINY, "width": 16, "epochs": 10, "learning_rate": 3e-3}
    trained = patchtst.train(an_order(split, learning))
    forecast = patchtst.load(trained.files, "cpu").predict(split.held_out).sum(axis=1)
    assert np.corrcoef(forecast, np.log1p(split.held_out.weekly_returns()))[0, 1] > 0.4


def test_what_is_told_of_validation_is_what_the_stored_model_does(trained, split):
    best = trained.history[trained.best_epoch - 1]
    scaler = Scaler.from_document(json.loads(trained.files[SCALER]))
    forecast = patchtst.load(trained.files, "cpu").predict(split.validation)
    wanted = split.validation.targets(split.validation.panel.values)[..., CLOSE]
    assert best.close == pytest.approx(np.mean(((forecast - wanted) / scaler.scale[CLOSE]) ** 2), rel=1e-5)
    assert best.validation == min(losses.validation for losses in trained.history)


def test_the_same_order_gives_the_same_bytes(split):
    """D27: training was not seeded."""
    first, second = (patchtst.train(an_order(split, DROPPING)) for _ in range(2))
    assert first == second
    assert patchtst.train(an_order(split, DROPPING, seed=8)).files[WEIGHTS] != first.files[WEIGHTS]


def test_global_randomness_is_neither_used_nor_touched(split):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - this is the state that must not matter
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002 - as above
    first = patchtst.train(an_order(split, DROPPING))
    patchtst.load(first.files, "cpu").predict(split.held_out)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.random.get_state()[1].tolist() == numpy_before  # noqa: NPY002 - as above
    torch.manual_seed(2)
    assert patchtst.train(an_order(split, DROPPING)) == first


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_training_that_is_interrupted_ends_with_the_same_bytes(split, epoch):
    whole, checkpoints = patchtst.train(an_order(split, DROPPING)), MemoryCheckpoints()
    with pytest.raises(KeyboardInterrupt):
        patchtst.train(an_order(split, DROPPING, checkpoints=checkpoints, say=Listener(stop_after=epoch)))
    rest = Listener()
    assert patchtst.train(an_order(split, DROPPING, checkpoints=checkpoints, say=rest)) == whole
    assert [progress.losses.epoch for progress in rest.heard] == list(range(epoch + 1, 4))


def test_a_later_training_begins_with_the_weights_and_the_scaler_it_is_given(trained, split):
    later = a_split(a_panel(seed=9))
    resting = {**TINY, "learning_rate": 0.0, "epochs": 1}
    warm, cold = (patchtst.train(an_order(later, resting, start=start)) for start in (trained.files, None))
    weights = [dict(patchtst.load(each.files, "cpu").network.named_parameters()) for each in (trained, warm)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert warm.files[SCALER] == trained.files[SCALER] != cold.files[SCALER]


# What is known when.


def test_the_scaler_sees_training_rows_only(split):
    """D6: the scaler was fitted on the validation's rows, too."""
    panel, end = split.train.panel, split.last_training_session + 1
    known = patchtst.training_scaler(split, OHLCV)
    assert known == Scaler.fit(panel.values[:, :end].reshape(-1, 5), OHLCV)
    assert patchtst.training_scaler(a_split(_spoilt_from(panel, end)), OHLCV) == known


def test_a_session_without_a_bar_is_no_training_row(split):
    panel = split.train.panel
    traded = panel.traded.copy()
    traded[0, 10:13] = False
    gappy = a_split(replace(panel, traded=traded))
    end = gappy.last_training_session + 1
    wanted = Scaler.fit(panel.values[:, :end][traded[:, :end]], OHLCV)
    assert patchtst.training_scaler(gappy, OHLCV) == wanted


def test_weights_do_not_depend_on_anything_after_the_validation_weeks(split, trained):
    spoilt = a_split(_spoilt_from(split.train.panel, int(split.validation.anchor.max()) + 6))
    assert patchtst.train(an_order(spoilt, TINY)) == trained


def test_a_forecast_reads_its_sixty_sessions_and_nothing_else(signal_trained, signal_split):
    """A leak that is planted on either side of the window changes nothing, and one inside it does."""
    reader, panel = patchtst.load(signal_trained.files, "cpu"), signal_split.train.panel
    window = signal_split.held_out[:1]
    name, anchor = int(window.name[0]), int(window.anchor[0])
    outside = np.full_like(panel.values, np.nan)
    outside[name, anchor - INPUT + 1 : anchor + 1] = panel.values[name, anchor - INPUT + 1 : anchor + 1]
    moved = replace(window, panel=replace(panel, values=outside))
    np.testing.assert_array_equal(reader.predict(moved), reader.predict(window))
    outside[name, anchor] += 1
    assert not np.allclose(reader.predict(moved), reader.predict(window))


def test_a_placebo_learns_the_shuffled_targets(split, trained):
    shuffled = replace(split, train=split.train.shuffled(np.random.default_rng(0)))
    assert patchtst.train(an_order(shuffled, TINY)).files[WEIGHTS] != trained.files[WEIGHTS]


def test_many_windows_are_answered_as_each_alone(trained, split, monkeypatch):
    reader = patchtst.load(trained.files, "cpu")
    together = reader.predict(split.train)
    monkeypatch.setattr(patchtst, "ANSWERED_AT_ONCE", 7)
    assert together.dtype == np.float64
    assert together.shape == (len(split.train), 5)
    np.testing.assert_allclose(reader.predict(split.train), together, rtol=0, atol=1e-7)


def test_no_windows_are_no_forecasts(trained, split):
    assert patchtst.load(trained.files, "cpu").predict(split.train[:0]).shape == (0, 5)


# Channels.


def test_signals_are_not_read_unless_they_are_asked_for(trained):
    wide = a_split(with_channels(a_panel()))
    assert patchtst.train(an_order(wide, TINY)) == trained


@pytest.mark.parametrize("channel", [5, 6])
def test_a_signal_changes_the_forecast_of_close(signal_trained, signal_split, channel):
    """Each channel of a PatchTST is forecast from itself, unless channels attend to each other."""
    reader, window = patchtst.load(signal_trained.files, "cpu"), signal_split.held_out[:3]
    values = window.panel.values.copy()
    values[..., channel] = values[:, ::-1, channel]
    changed = reader.predict(replace(window, panel=replace(window.panel, values=values)))
    assert not np.allclose(changed, reader.predict(window), rtol=1e-4, atol=0)


def test_two_signals_are_told_apart(signal_trained, signal_split):
    reader, window = patchtst.load(signal_trained.files, "cpu"), signal_split.held_out[:3]
    swapped = replace(window.panel, values=window.panel.values[..., [0, 1, 2, 3, 4, 6, 5]])
    assert not np.allclose(reader.predict(replace(window, panel=swapped)), reader.predict(window), rtol=1e-4, atol=0)


def test_channels_are_found_by_name(signal_trained, signal_split):
    reader, window = patchtst.load(signal_trained.files, "cpu"), signal_split.held_out
    panel, order = window.panel, [0, 1, 2, 3, 4, 6, 5]
    moved = replace(panel, channels=tuple(panel.channels[n] for n in order), values=panel.values[..., order])
    np.testing.assert_array_equal(reader.predict(replace(window, panel=moved)), reader.predict(window))


def test_a_panel_without_a_channel_that_the_model_reads_is_refused(signal_trained, signal_split):
    reader = patchtst.load(signal_trained.files, "cpu")
    short = a_split(with_channels(a_panel(), names=("gross_margin", "something_else"))).held_out
    with pytest.raises(DataError, match="reads news_sentiment, and the panel holds"):
        reader.predict(short)


def test_signals_that_are_not_there_are_not_left_out_silently(split):
    with pytest.raises(DataError, match="the panel holds none besides prices"):
        patchtst.train(an_order(split, READING))


# Files.


def test_a_version_says_what_it_was_made_for(trained, signal_trained):
    assert set(trained.files) == {WEIGHTS, SCALER, CONFIG}
    assert json.loads(trained.files[CONFIG]) == {**TINY, "input": 60, "horizon": 5, "channels": list(OHLCV)}
    assert json.loads(signal_trained.files[CONFIG])["channels"] == [*OHLCV, *SIGNALS]


def _put(name, value):
    return lambda content: json.dumps({**json.loads(content), name: value}).encode()


BROKEN = {
    "weights are missing": (WEIGHTS, None),
    "weights are cut short": (WEIGHTS, lambda content: content[:-9]),
    "weights are a pickle": (WEIGHTS, lambda _: b"\x80\x04K\x01."),
    "the scaler is missing": (SCALER, None),
    "the scaler is a list": (SCALER, lambda _: b"[]"),
    "the scaler has other channels": (SCALER, lambda content: content.replace(b'"volume"', b'"turnover"')),
    "a scale is zero": (SCALER, _put("scale", [0.0] * 5)),
    "the configuration is missing": (CONFIG, None),
    "the configuration is of another horizon": (CONFIG, _put("horizon", 6)),
    "a size is missing": (CONFIG, _put("width", None)),
    "a size is zero": (CONFIG, _put("layers", 0)),
    "a size is a fraction": (CONFIG, _put("layers", 1.0)),
    "heads do not divide the width": (CONFIG, _put("heads", 3)),
    "patches are others": (CONFIG, _put("patch_stride", 4)),
    "patches are longer than a window": (CONFIG, _put("patch_length", 61)),
    "channels are not told": (CONFIG, _put("channels", "ohlcv")),
    "close is not among the channels": (CONFIG, _put("channels", ["open", "high", "low", "volume"])),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_version_is_refused(trained, fault):
    name, change = BROKEN[fault]
    files = {other: content for other, content in trained.files.items() if other != name}
    if change is not None:
        files[name] = change(trained.files[name])
    with pytest.raises(DataError, match=f"^({name}|patchtst): "):
        patchtst.load(files, "cpu")


def test_weights_of_a_wider_network_are_refused(trained, split):
    wider = {**TINY, "width": 12}
    files = {**trained.files, CONFIG: version_files({}, {}, {**json.loads(trained.files[CONFIG]), **wider})[CONFIG]}
    with pytest.raises(DataError):
        patchtst.load(files, "cpu")
    with pytest.raises(DataError, match="does not fit the configuration"):
        patchtst.train(an_order(split, wider, start=trained.files))


def _spoilt_from(panel, session):
    """Enormous changes from there on: whoever looks shows it."""
    values = panel.values.copy()
    values[:, session:] = 50.0
    return replace(panel, values=values)
