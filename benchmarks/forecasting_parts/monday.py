"""One Monday's forecasts of both models: in a fresh process, `import torch` included, and in one that is warm."""

import argparse
import json
import tempfile
import time
from datetime import date
from pathlib import Path

from forecasting_parts.material import MODELS, load_panel, noise, random_version, save_panel
from forecasting_parts.process import in_a_fresh_process

from learnfinance_dagster.calendar import week_of
from learnfinance_dagster.forecasting import chosen
from learnfinance_dagster.forecasting.forecasts import forecast_rows
from learnfinance_dagster.forecasting.panel import Panel
from learnfinance_dagster.values import Week
from resources.models.local import LocalModelStore

MONDAY, FIRST = date(2025, 12, 22), date(2025, 1, 2)
VERSION = "random"
LIBRARIES = "import torch; from transformers import PatchTSTForPrediction"


def forecast(store: LocalModelStore, panel: Panel, week: Week) -> tuple[float, float]:
    """Seconds to load both models, and to ask both."""
    began = time.perf_counter()
    predictors = {
        model: chosen([model])[0].implementation().load(store.read(model, VERSION), "cpu") for model in MODELS
    }
    loading = time.perf_counter() - began
    for predictor in predictors.values():
        rows = forecast_rows([week], {week.key: panel.symbols}, panel, predictor, VERSION)
        assert rows["weekly_return"].notna().all()
    return loading, time.perf_counter() - began - loading


def report(folder: str) -> None:
    """What the fresh process does."""
    panel, week, store = load_panel(Path(folder) / "panel.npz"), week_of(MONDAY), LocalModelStore(Path(folder))
    first = forecast(store, panel, week)
    done = time.time()
    warm = min((forecast(store, panel, week) for _ in range(5)), key=sum)
    print(json.dumps({"done": done, "first": first, "warm": warm}))


def monday(options: argparse.Namespace) -> None:
    panel = noise(options.asked, FIRST, week_of(MONDAY).last_session)
    with tempfile.TemporaryDirectory() as folder:
        save_panel(Path(folder) / "panel.npz", panel)
        for model in MODELS:
            LocalModelStore(Path(folder)).write(model, VERSION, random_version(model, panel))
        began = time.perf_counter()
        in_a_fresh_process(LIBRARIES)
        alone = time.perf_counter() - began
        called = time.time()
        found = json.loads(in_a_fresh_process(f"from forecasting_parts.monday import report; report({folder!r})"))
        whole = found["done"] - called
    (loading, asking), (again, asked) = found["first"], found["warm"]
    print(
        f"Monday       {options.asked} names, both models  fresh process {whole:.1f} s: loading {loading:.2f} s,"
        f" forecasting {asking:.2f} s   torch and transformers alone {alone:.1f} s   ratio {whole / alone:.2f}"
    )
    print(f"Monday       warm process {again + asked:.2f} s: loading {again:.3f} s, forecasting {asked:.3f} s")
