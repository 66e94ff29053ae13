from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from forecast_scene import Listener, a_panel, a_split, an_order, one_thread
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_models import MemoryCheckpoints
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.training import fit, in_batches, squared_errors

NUMBERS = {"learning_rate": 0.1, "weight_decay": 0.0, "clip": 1e9, "epochs": 6, "patience": 3}
LOSSES = st.lists(st.sampled_from([0.5, 0.99985, 0.99995, 1.0, 1.5]) | st.floats(0.01, 9.0), min_size=1, max_size=30)


@pytest.fixture(scope="module", autouse=True)
def _alone():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def split():
    return a_split(a_panel(("AAA", "BBB")))


class Slope(nn.Module):
    """One weight, which every step moves by exactly the learning rate: Adam sees a gradient that never changes."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))


@dataclass
class Scripted:
    """A lesson whose validation losses are given; `weights` lists where the weight was after each epoch."""

    script: list[float]
    network: nn.Module = field(default_factory=Slope)
    train: tuple[float, ...] = (1.0,)
    steepness: float = 1.0
    weights: list[float] = field(default_factory=list)

    def losses(self, _rng):
        for share in self.train:
            yield -self.steepness * share * self.network.weight.sum(), 10

    def validate(self):
        assert not self.network.training
        assert not torch.is_grad_enabled()
        self.weights.append(self.network.weight.item())
        loss = self.script[len(self.weights) - 1]
        return loss, loss / 2


@dataclass
class Regression:
    """A lesson with a network worth the name, shuffled and noisy."""

    network: nn.Module
    moves: list[float] = field(default_factory=list)

    @classmethod
    def begin(cls):
        network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        rng = np.random.default_rng(0)
        with torch.no_grad():
            for weights in network.parameters():
                weights.copy_(torch.from_numpy(rng.normal(size=weights.shape)))
        return cls(network)

    def losses(self, rng):
        inputs = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
        for rows in in_batches(40, 16, rng):
            noise = rng.normal(0, 0.1, (len(rows), 1)).astype(np.float32)
            answers = self.network(torch.from_numpy(inputs[rows]))
            wanted = torch.from_numpy(inputs[rows, :1] + noise)
            yield nn.functional.mse_loss(answers, wanted), len(rows)

    def validate(self):
        inputs = torch.from_numpy(np.random.default_rng(2).normal(size=(20, 3)).astype(np.float32))
        loss = nn.functional.mse_loss(self.network(inputs), inputs[:, :1]).item()
        return loss, loss


def rates_of(lesson):
    return np.diff([0.0, *lesson.weights])


# When it ends, and what it keeps.


def test_it_stops_when_validation_has_not_improved_for_that_many_epochs(split):
    fitted = fit(Scripted([5, 4, 4.5, 4.5, 4.5, 1]), an_order(split, NUMBERS))
    assert [losses.validation for losses in fitted.history] == [5, 4, 4.5, 4.5, 4.5]
    assert fitted.best_epoch == 2


def test_it_stops_after_the_last_epoch(split):
    fitted = fit(Scripted([6, 5, 4, 3, 2, 1, 0]), an_order(split, NUMBERS))
    assert len(fitted.history) == fitted.best_epoch == 6


def test_without_patience_it_goes_on_to_the_end(split):
    fitted = fit(Scripted([1, 2, 3, 4, 5, 6]), an_order(split, {**NUMBERS, "patience": 0}))
    assert (len(fitted.history), fitted.best_epoch) == (6, 1)


@settings(max_examples=60, deadline=None)
@given(LOSSES, st.integers(1, 6))
def test_the_weights_of_the_best_epoch_are_kept(split, script, patience):
    lesson = Scripted(script)
    fitted = fit(lesson, an_order(split, {**NUMBERS, "epochs": len(script), "patience": patience}))
    lived = script[: len(fitted.history)]
    assert fitted.best_epoch == 1 + int(np.argmin(lived)), "the first of equals"
    assert fitted.weights["weight"].item() == lesson.weights[fitted.best_epoch - 1]
    assert len(lived) == len(script) or len(lived) - fitted.best_epoch == patience


def test_what_is_kept_does_not_move_with_the_network(split):
    lesson = Scripted([1, 2, 3, 4, 5, 6])
    fitted = fit(lesson, an_order(split, NUMBERS))
    assert fitted.weights["weight"].item() == pytest.approx(0.1)
    assert lesson.network.weight.item() == pytest.approx(0.4)


def test_the_training_loss_counts_every_window_once(split):
    class Uneven(Scripted):
        def losses(self, _rng):
            yield self.network.weight.sum() * 0 + 2.0, 30
            yield self.network.weight.sum() * 0 + 6.0, 10

    assert fit(Uneven([1.0]), an_order(split, {**NUMBERS, "epochs": 1})).history[0].train == 3.0


def test_gradients_are_clipped(split):
    """Two steps, one a million times steeper: clipped to the same length, they move the weight by the same rate."""
    steep = Scripted([1.0], train=(1.0, 1e6))
    fit(steep, an_order(split, {**NUMBERS, "clip": 1.0, "epochs": 1}))
    assert steep.weights[-1] == pytest.approx(0.2)
    free = Scripted([1.0], train=(1.0, 1e6))
    fit(free, an_order(split, {**NUMBERS, "epochs": 1}))
    assert free.weights[-1] != pytest.approx(0.2, rel=0.05)


# The rate.


@settings(max_examples=100, deadline=None)
@given(LOSSES, st.integers(1, 5))
def test_the_rate_is_halved_where_torch_would_halve_it(split, script, plateau):
    lesson, numbers = Scripted(script), {**NUMBERS, "epochs": len(script), "patience": 0, "plateau": plateau}
    fit(lesson, an_order(split, numbers))
    optimizer = torch.optim.Adam(Slope().parameters(), 0.1)
    schedule, expected = ReduceLROnPlateau(optimizer, factor=0.5, patience=plateau), []
    for loss in script:
        expected.append(optimizer.param_groups[0]["lr"])
        schedule.step(loss)
    np.testing.assert_allclose(rates_of(lesson), expected, rtol=1e-5)


def test_without_a_plateau_the_rate_stays(split):
    lesson = Scripted([1.0] * 6)
    fit(lesson, an_order(split, {**NUMBERS, "patience": 0}))
    np.testing.assert_allclose(rates_of(lesson), 0.1, rtol=1e-5)


# Interrupted and repeated.


@pytest.mark.parametrize("epoch", range(1, 7))
def test_interrupted_after_any_epoch_it_ends_with_the_same_bytes(split, epoch):
    numbers = {**NUMBERS, "plateau": 1, "patience": 0, "weight_decay": 1e-3, "clip": 0.5}
    whole, checkpoints = fit(Regression.begin(), an_order(split, numbers)), MemoryCheckpoints()
    with pytest.raises(KeyboardInterrupt):
        fit(Regression.begin(), an_order(split, numbers, checkpoints=checkpoints, say=Listener(stop_after=epoch)))
    rest = fit(Regression.begin(), an_order(split, numbers, checkpoints=checkpoints))
    assert (rest.history, rest.best_epoch) == (whole.history, whole.best_epoch)
    assert _bytes(rest) == _bytes(whole)
    assert checkpoints.load("a-training") is None


def test_interrupted_within_an_epoch_it_repeats_that_epoch(split):
    class Dying(Regression):
        def losses(self, rng):
            for n, batch in enumerate(super().losses(rng)):
                if self.moves and n == 1:
                    raise KeyboardInterrupt
                yield batch
            self.moves.append(1)

    whole, checkpoints = fit(Regression.begin(), an_order(split, NUMBERS)), MemoryCheckpoints()
    with pytest.raises(KeyboardInterrupt):
        fit(Dying.begin(), an_order(split, NUMBERS, checkpoints=checkpoints))
    assert _bytes(fit(Regression.begin(), an_order(split, NUMBERS, checkpoints=checkpoints))) == _bytes(whole)


def test_the_checkpoint_is_forgotten_when_the_training_is_done(split):
    checkpoints = MemoryCheckpoints()
    fit(Scripted([1.0] * 6), an_order(split, NUMBERS, checkpoints=checkpoints))
    assert checkpoints.saved == ["a-training"] * 4
    assert checkpoints.load("a-training") is None


def test_the_same_seed_learns_the_same_and_another_does_not(split):
    """D27: training was not seeded."""
    torch.manual_seed(1)
    first = fit(Regression.begin(), an_order(split, NUMBERS))
    torch.manual_seed(2)
    assert _bytes(fit(Regression.begin(), an_order(split, NUMBERS))) == _bytes(first)
    assert _bytes(fit(Regression.begin(), an_order(split, NUMBERS, seed=8))) != _bytes(first)


def test_every_epoch_draws_other_numbers(split):
    drawn = []

    class Drawing(Scripted):
        def losses(self, rng):
            drawn.append(rng.random())
            return super().losses(rng)

    fit(Drawing([6, 5, 4, 3, 2, 1]), an_order(split, NUMBERS))
    assert len(set(drawn)) == 6


def test_every_epoch_is_told(split):
    listener = Listener()
    fitted = fit(Scripted([3, 2, 2.5, 2.5, 2.5]), an_order(split, NUMBERS, say=listener))
    assert tuple(progress.losses for progress in listener.heard) == fitted.history
    assert [progress.best_epoch for progress in listener.heard] == [1, 2, 2, 2, 2]
    assert {progress.epochs for progress in listener.heard} == {6}
    assert [losses.close for losses in fitted.history] == [1.5, 1, 1.25, 1.25, 1.25]


# What is refused.


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_training_and_is_not_kept(split, broken):
    checkpoints = MemoryCheckpoints()
    with pytest.raises(DataError, match="a-training broke down in epoch 2"):
        fit(Scripted([1.0, broken]), an_order(split, NUMBERS, checkpoints=checkpoints))
    assert len(checkpoints.saved) == 1


def test_a_training_loss_that_is_no_number_is_seen_although_validation_has_one(split):
    with pytest.raises(DataError, match=r"nan \(training\), 1.0 \(validation\)"):
        fit(Scripted([1.0], steepness=float("nan")), an_order(split, NUMBERS))


def test_a_lesson_without_windows_is_refused(split):
    with pytest.raises(DataError, match="no windows to learn from"):
        fit(Scripted([1.0], train=()), an_order(split, NUMBERS))


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", None])
def test_a_checkpoint_that_cannot_be_read_is_named(split, content):
    checkpoints = MemoryCheckpoints()
    if content is None:  # of another network
        with pytest.raises(KeyboardInterrupt):
            fit(Regression.begin(), an_order(split, NUMBERS, checkpoints=checkpoints, say=Listener(stop_after=1)))
    else:
        checkpoints.save("a-training", content)
    with pytest.raises(DataError, match="the checkpoint a-training: not a checkpoint of this network"):
        fit(Scripted([1.0]), an_order(split, NUMBERS, checkpoints=checkpoints))


# Batches.


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50), st.integers(1, 60), st.booleans())
def test_every_index_stands_in_one_batch(count, size, shuffled):
    batches = list(in_batches(count, size, np.random.default_rng(3) if shuffled else None))
    assert sorted(np.concatenate([np.empty(0, int), *batches]).tolist()) == list(range(count))
    assert all(len(batch) == size for batch in batches[:-1])


def test_errors_are_those_of_each_channel_however_they_are_batched():
    rng = np.random.default_rng(0)
    said, wanted = rng.normal(size=(17, 5, 3)), rng.normal(size=(17, 5, 3))
    expected = ((said - wanted) ** 2).mean(axis=(0, 1))
    for size in (1, 4, 17, 99):
        found = squared_errors(lambda rows: said[rows], lambda rows: wanted[rows], 17, size)
        np.testing.assert_allclose(found, expected)


def _bytes(fitted):
    return {name: tensor.numpy().tobytes() for name, tensor in fitted.weights.items()}
