"""The practice market on disk: whole or not at all, made once, never silently replaced."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from learnfinance_dagster.errors import ConfigurationError
from resources.practice_market.generate import FILES, generate
from resources.practice_market.spec import GENERATOR_VERSION, PracticeSpec

MANIFEST = "market.json"
"""Written last: a directory that has it is complete."""
DATES = frozenset(
    {"date", "ex_date", "start_date", "end_date", "first_day", "last_day", "fiscal_date_ending", "available_on"}
)


def manifest(spec: PracticeSpec) -> dict[str, object]:
    """What `market.json` says."""
    return {
        "name": "practice market",
        "kind": "practice",
        "price_basis": "as_traded",
        "generator_version": GENERATOR_VERSION,
        "seed": spec.seed,
        "symbols": spec.symbols,
        "first": spec.first.isoformat(),
        "last": spec.last.isoformat(),
        "signal_strength": spec.signal_strength,
        "caveats": [],
    }


def ensure(directory: Path, spec: PracticeSpec, progress: Callable[[str], None] | None = None) -> bool:
    """Have the practice market of `spec` in `directory`.

    Args:
        directory: where it is, or will be.
        spec: which market.
        progress: told in words what is being done, when there is something to do.

    Returns:
        True if it had to be made; False if it was there, and was left untouched.

    Raises:
        ConfigurationError: something else is there: another spec, another generator's market, or foreign files.
    """
    if _is_there(directory, spec):
        return False
    say = progress or (lambda _: None)
    say(f"making a practice market: {spec.symbols} names, {spec.first} to {spec.last}, seed {spec.seed}")
    directory.parent.mkdir(parents=True, exist_ok=True)
    # A sibling is on the same file system, so the last step is one rename.
    making = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        making.chmod(0o755)
        for stem, frame in generate(spec).items():
            write_frame(frame, making / f"{stem}.parquet")
            say(f"wrote {stem}: {len(frame):,} rows")
        (making / MANIFEST).write_text(json.dumps(manifest(spec), indent=2, sort_keys=True) + "\n", encoding="utf-8")
        return _move(making, directory, spec)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write Parquet with dates as date32; equal frames give equal bytes with the same pyarrow."""
    pq.write_table(pa.table({str(name): _array(frame[name]) for name in frame}), path, compression="zstd")


def _array(column: pd.Series) -> pa.Array:
    if column.name in DATES:
        return pa.array(column.to_numpy(), pa.date32())
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pa.array(column.dt.tz_convert(None).to_numpy(), pa.timestamp("us", tz="UTC"))
    kind = {"float64": pa.float64(), "int64": pa.int64()}.get(str(column.dtype))
    # NaN stays NaN, as in the frame: null would be another way to say the same.
    return pa.array(column.to_numpy(), kind) if kind else pa.array(column.astype(object).to_numpy(), pa.string())


def _move(making: Path, directory: Path, spec: PracticeSpec) -> bool:
    try:
        os.replace(making, directory)  # noqa: PTH105 - the name says that an empty directory may be replaced
    except OSError:
        # Somebody else made one meanwhile; if it is the same market, theirs is as good as ours.
        if _is_there(directory, spec):
            return False
        raise
    return True


def _is_there(directory: Path, spec: PracticeSpec) -> bool:
    """Whether the market of `spec` is complete in `directory`.

    Raises:
        ConfigurationError: something else is there.
    """
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return False
    found = _read_manifest(directory)
    wanted = manifest(spec)
    differing = [key for key in sorted(wanted) if found.get(key) != wanted[key]]
    if differing:
        changes = ", ".join(f"{key} {found.get(key)!r} instead of {wanted[key]!r}" for key in differing)
        msg = f"{directory} holds another market ({changes}): delete the folder, or set the settings back"
        raise ConfigurationError(msg)
    missing = [stem for stem in FILES if not (directory / f"{stem}.parquet").is_file()]
    if missing:
        msg = f"{directory} lacks {', '.join(f'{stem}.parquet' for stem in missing)}: delete the folder to make it anew"
        raise ConfigurationError(msg)
    return True


def _read_manifest(directory: Path) -> dict[str, object]:
    path = directory / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{directory} is no market directory ({path.name} cannot be read): delete it, or name another folder"
        raise ConfigurationError(msg) from error
    return found if isinstance(found, dict) else {}
