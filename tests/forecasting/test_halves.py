import threading
from functools import partial

import pytest
import torch

from learnfinance_dagster.forecasting.halves import together, two_hands


@pytest.fixture
def hands():
    with two_hands() as hands:
        yield hands


def weights():
    return [torch.tensor([2.0, 3.0], requires_grad=True), torch.tensor(5.0, requires_grad=True)]


def product(slope, level):
    return (slope * level).sum()


def square(slope, level):
    return (slope**2).sum() * level


def test_loss_and_gradients_are_those_of_both_parts_one_after_the_other(hands):
    apart, at_once = weights(), weights()
    expected = (square(*apart) + product(*apart)) * 7
    expected.backward()
    found = together(hands, at_once, [partial(square, *at_once), partial(product, *at_once)]) * 7
    found.backward()
    assert found.item() == expected.item()
    assert [each.grad.tolist() for each in at_once] == [each.grad.tolist() for each in apart]


def test_both_parts_are_under_way_at_the_same_time(hands):
    meeting, (slope, level) = threading.Barrier(2, timeout=30), weights()

    def part():
        meeting.wait()
        return product(slope, level)

    assert together(hands, [slope, level], [part, part]).item() == 50


def test_one_part_may_be_all_there_is(hands):
    slope, level = weights()
    together(hands, [slope, level], [partial(product, slope, level)]).backward()
    assert slope.grad.tolist() == [5.0, 5.0]
    assert level.grad.item() == 5.0


def test_what_a_part_raises_is_raised(hands):
    slope, level = weights()

    def broken():
        raise RuntimeError("a bar that cannot be")

    with pytest.raises(RuntimeError, match="a bar that cannot be"):
        together(hands, [slope, level], [partial(product, slope, level), broken])


def test_torch_computes_in_one_thread_in_each_hand(hands):
    assert list(hands.map(lambda _: torch.get_num_threads(), range(4))) == [1, 1, 1, 1]
