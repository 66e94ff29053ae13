import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnfinance_dagster.forecasting import dropout
from learnfinance_dagster.forecasting.dropout import POOL, STEPS, Masks

SHAPES = st.lists(st.integers(0, 12), max_size=3).map(tuple)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5])
def test_as_many_are_dropped_as_the_rate_says_and_the_mean_stays(rate):
    dropped = Masks(rng(), rate)(torch.ones(1000, 1000))
    assert (dropped == 0).double().mean().item() == pytest.approx(rate, abs=0.002)
    assert dropped.double().mean().item() == pytest.approx(1, abs=0.005)
    assert len(dropped.unique()) == 2


def test_a_rate_of_zero_drops_nothing():
    values = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Masks(rng(), 0.0)(values), values)
    assert torch.equal(values * Masks(rng(), 0.0).draw(values.shape), values)


def test_masks_come_from_the_generator_alone():
    one, same, other = (Masks(rng(seed), 0.2).draw((50, 3)) for seed in (4, 4, 5))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_masks_that_follow_each_other_are_independent():
    masks = Masks(rng(), 0.2)
    kept = [masks.draw((40, 1000)).flatten() > 0 for _ in range(5)]
    together = torch.corrcoef(torch.stack(kept).double()) - torch.eye(5)
    assert together.abs().max() < 0.02


@settings(max_examples=50, deadline=None)
@given(st.lists(SHAPES, max_size=40))
def test_any_number_of_masks_of_any_shape_can_be_drawn(shapes):
    with pytest.MonkeyPatch.context() as small:
        small.setattr(dropout, "POOL", 12**3)
        masks = Masks(rng(), 0.2)
        for shape in shapes:
            mask = masks.draw(shape)
            assert mask.shape == shape
            assert set(mask.unique().tolist()) <= {0.0, np.float32(STEPS / (STEPS - round(0.2 * STEPS))).item()}


def test_a_used_up_pool_is_not_read_from_its_beginning_again():
    """The masks of each step would be those of the step before."""
    masks = Masks(rng(), 0.2)
    first, second = (masks.draw((POOL // 2 + 1,)) for _ in range(2))
    assert not torch.equal(first, second)


def test_a_mask_that_no_pool_can_give_is_refused():
    with pytest.raises(ValueError, match="make batches smaller"):
        Masks(rng(), 0.2).draw((2, POOL))


def test_gradients_flow_through_what_is_kept_and_nowhere_else():
    values = torch.ones(1000, requires_grad=True)
    dropped = Masks(rng(), 0.2)(values)
    dropped.sum().backward()
    assert torch.equal(values.grad, dropped.detach())
