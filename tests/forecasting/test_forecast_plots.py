from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from learnfinance_dagster.errors import DataError
from learnfinance_dagster.forecasting.forecaster import EpochLosses
from learnfinance_dagster.forecasting.plots import ic_over_time, loss_curve, skill_picture
from learnfinance_dagster.forecasting.skill import Skill, SkillTable

HISTORY = tuple(EpochLosses(n, 1.02 - 0.01 * n, 0.99 - 0.002 * n, 0.95 - 0.001 * n) for n in range(1, 9))
ROW = Skill(52, 100.0, 0.0016, 0.0001, 0.012, 0.011, 0.512, 0.009, 52, 52)
ZERO = replace(ROW, rank_ic=None, rank_ic_se=None, hit_rate=None, hit_rate_se=None)
TABLE = SkillTable("2025-01-06", "2025-12-29", (("lstm", ROW), ("zero", ZERO), ("last_year_mean", ROW)), ())
WEEKS = np.datetime64("2023-01-02") + 7 * np.arange(60)
IC = np.random.default_rng(1).normal(0.02, 0.1, 60)

PICTURES = {
    "losses": lambda: loss_curve(HISTORY, 7),
    "one epoch": lambda: loss_curve(HISTORY[:1], 1),
    "skill": lambda: skill_picture(TABLE),
    "skill that is nowhere defined": lambda: skill_picture(replace(TABLE, rows=(("lstm", ZERO), ("zero", ZERO)))),
    "rank IC": lambda: ic_over_time(WEEKS, IC),
    "two weeks": lambda: ic_over_time(WEEKS[:2], IC[:2]),
}


def pixels(png):
    return np.asarray(Image.open(BytesIO(png)).convert("RGB")).astype(int)


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_every_picture_is_a_png_of_1050_pixels_and_the_same_bytes_each_time(draw):
    png = draw()
    assert png == draw()
    assert png.startswith(b"\x89PNG")
    assert pixels(png).shape[1] == 1050
    assert len(png) < 60_000


def has_colour(png, red, green, blue):
    return (np.abs(pixels(png) - (red, green, blue)).max(axis=2) < 12).sum() > 50


def test_all_three_losses_are_drawn():
    png = loss_curve(HISTORY, 7)
    assert has_colour(png, 0x00, 0x72, 0xB2)
    assert has_colour(png, 0xD5, 0x5E, 0x00)
    assert has_colour(png, 0x00, 0x9E, 0x73)


def test_another_best_epoch_is_another_picture():
    assert loss_curve(HISTORY, 7) != loss_curve(HISTORY, 6)


def test_what_is_not_defined_is_written_out_and_not_drawn():
    assert has_colour(skill_picture(TABLE), 0x00, 0x72, 0xB2)
    undefined = skill_picture(replace(TABLE, rows=(("lstm", ZERO), ("zero", ZERO))))
    assert not has_colour(undefined, 0x00, 0x72, 0xB2)


def test_the_order_of_the_weeks_does_not_matter():
    assert ic_over_time(WEEKS[::-1], IC[::-1]) == ic_over_time(WEEKS, IC)


@pytest.mark.parametrize("best", [0, 9])
def test_a_best_epoch_that_never_was_is_refused(best):
    with pytest.raises(DataError, match=f"epoch {best} is none of the 8"):
        loss_curve(HISTORY, best)


@pytest.mark.parametrize(
    ("weeks", "ic"), [(WEEKS[:1], IC[:1]), (WEEKS[:3], IC[:2]), (WEEKS[:2], np.array([0.1, np.nan]))]
)
def test_rank_ics_that_cannot_be_drawn_are_refused(weeks, ic):
    with pytest.raises(DataError, match="nothing to draw"):
        ic_over_time(weeks, ic)
