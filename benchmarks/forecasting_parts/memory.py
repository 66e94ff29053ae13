"""Peak memory of a full training: some batches and a whole validation, in a process of its own."""

import argparse
import json
import tempfile
from datetime import date
from itertools import islice
from pathlib import Path

from forecasting_parts.material import (
    MODELS,
    Shortened,
    lesson_of,
    load_panel,
    market,
    noise,
    one_epoch,
    save_panel,
    split_of,
)
from forecasting_parts.process import in_a_fresh_process, peak

from learnfinance_dagster.forecasting.training import fit

LAST = date(2025, 12, 31)


def report(path: str, model: str, batches: int) -> None:
    """What the other process does; an epoch allocates the same blocks for every batch."""
    split = split_of(load_panel(Path(path)))
    before = peak()
    lesson = Shortened(lesson_of(model, split), lambda losses: islice(losses, batches), validates=True)
    fit(lesson, one_epoch(model, split))
    print(json.dumps({"before": before, "peak": peak(), "windows": len(split.train) + len(split.validation)}))


def memory(options: argparse.Namespace) -> None:
    names, years = options.large
    panel = market(options) if options.market else noise(names, date(LAST.year + 1 - years, 1, 2), LAST)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panel.npz"
        save_panel(path, panel)
        for model in MODELS:
            code = f"from forecasting_parts.memory import report; report({str(path)!r}, {model!r}, {options.batches})"
            found = json.loads(in_a_fresh_process(code))
            print(
                f"{model:<12} peak RSS of a full training, {len(panel.symbols)} names x {len(panel.sessions)} sessions,"
                f" {found['windows']:,} windows: {found['peak']:,.0f} MiB, of which libraries and panel"
                f" {found['before']:,.0f} MiB   ratio {found['peak'] / found['before']:.2f}"
            )
