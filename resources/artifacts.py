"""The artifact store: one file per asset and week, checked when written and when read, and Dagster's door to it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd

from learnfinance_dagster.documents import from_json, to_json
from learnfinance_dagster.errors import ConfigurationError, DataError
from learnfinance_dagster.schemas.artifacts import ArtifactFrame
from resources.files import write_atomic

if TYPE_CHECKING:
    import pyarrow as pa


class ArtifactStore:
    """Frames as Parquet, values as JSON, at `<root>/<asset>/<week>.<parquet|json>`."""

    def __init__(self, root: Path, frames: Mapping[str, type[ArtifactFrame]], values: Mapping[str, type]) -> None:
        """Know what each asset stores: `frames` have a schema, `values` a dataclass."""
        self.root, self.frames, self._values = root, frames, values

    def path(self, asset: str, week: str) -> Path:
        """Where an artifact is, or would be."""
        return self.root / asset / f"{week}.{'parquet' if asset in self.frames else 'json'}"

    def has(self, asset: str, week: str) -> bool:
        """Whether it was ever stored."""
        return self.path(asset, week).exists()

    def weeks(self, asset: str) -> list[str]:
        """Every week that was ever stored, oldest first."""
        return sorted(path.stem for path in self.path(asset, "x").parent.glob(f"*{self.path(asset, 'x').suffix}"))

    def write(self, asset: str, week: str, artifact: Any) -> Path:
        """Check and store one artifact.

        Raises:
            DataError: it does not fit the asset's schema or type; nothing is stored.
        """
        path = self.path(asset, week)
        if asset in self.frames:
            content = parquet(self._checked(asset, week, artifact))
        elif isinstance(artifact, self._values[asset]):
            content = to_json(artifact).encode()
        else:
            msg = f"{asset} {week}: {type(artifact).__name__} is not {self._values[asset].__name__}"
            raise DataError(msg)
        write_atomic(path, content)
        return path

    def write_weeks(self, asset: str, weeks: Sequence[str], artifacts: Any) -> dict[str, int]:
        """Check and store the artifacts of many weeks: a frame with a `week` column, or a dict of values by week.

        Returns:
            Week → rows stored (1 for a value).

        Raises:
            DataError: something does not fit, or belongs to another week; nothing is stored.
        """
        if asset not in self.frames:
            parts = dict(artifacts)
        else:
            artifacts = self._checked(asset, _span(list(weeks)), artifacts)
            parts = dict(list(artifacts.groupby("week", sort=False)))
        unknown = set(parts) - set(weeks)
        if unknown:
            msg = f"{asset} returned weeks that were not asked for: {sorted(unknown)[:3]}"
            raise DataError(msg)
        for week in weeks:
            if asset in self.frames:
                parts.setdefault(week, artifacts.iloc[:0])
                write_atomic(self.path(asset, week), parquet(parts[week]))
            else:
                self.write(asset, week, parts[week])
        return {week: len(parts[week]) if asset in self.frames else 1 for week in weeks}

    def read(self, asset: str, weeks: Iterable[str]) -> Any:
        """One value, or the frames of all weeks below each other.

        Raises:
            ConfigurationError: a week was never stored; the message says what to run.
            DataError: the stored file is not what the asset stores.
        """
        weeks = list(weeks)
        missing = [week for week in weeks if not self.has(asset, week)]
        if missing:
            msg = (
                f"{asset} has no artifact for {_span(missing)}: materialize it first (dagster asset materialize"
                f" -m learnfinance_dagster.definitions --select {asset} --partition {missing[-1]})"
            )
            raise ConfigurationError(msg)
        if asset in self.frames:
            return self._frames_of(asset, weeks)
        if len(weeks) != 1:
            msg = f"{asset} holds one value a week and cannot be read for {len(weeks)} weeks at once"
            raise ConfigurationError(msg)
        try:
            return from_json(self._values[asset], self.path(asset, weeks[0]).read_text(encoding="utf-8"))
        except (DataError, UnicodeDecodeError) as error:
            msg = f"{asset} {weeks[0]}: {error}"
            raise DataError(msg) from error

    def _frames_of(self, asset: str, weeks: list[str]) -> pd.DataFrame:
        import pyarrow as pa

        paths = [self.path(asset, week) for week in weeks]
        try:
            parts = [_read_parquet(path, path.stat().st_mtime_ns) for path in paths]
        except pa.ArrowInvalid as error:
            msg = f"{asset} {_span(weeks)}: {error}"
            raise DataError(msg) from error
        filled = [part for part in parts if len(part)] or parts[:1]
        # a column without any value in some week has no type there
        frame = pa.concat_tables(filled, promote_options="permissive").to_pandas()
        return self._checked(asset, _span(weeks), frame)

    def _checked(self, asset: str, where: str, frame: pd.DataFrame) -> pd.DataFrame:
        from pandera.errors import SchemaError, SchemaErrors

        try:
            return self.frames[asset].validate(frame)
        except (SchemaError, SchemaErrors) as error:  # neither is a kind of the other
            faults = error.schema_errors if isinstance(error, SchemaErrors) else [error]
            msg = f"{asset} {where}: {'; '.join(map(str, faults))}"
            raise DataError(msg) from error


@lru_cache(maxsize=4096)
def _read_parquet(path: Path, _modified: int) -> "pa.Table":
    """One week's file; several assets of a run read the same weeks of history, which may be all there are."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return file.read()


def _span(weeks: list[str]) -> str:
    return weeks[0] if len(weeks) == 1 else f"{len(weeks)} weeks from {weeks[0]} to {weeks[-1]}"


def parquet(frame: pd.DataFrame) -> bytes:
    """Equal frames give equal bytes: no index, no clock, fixed compression."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


class ArtifactIOManager(dg.IOManager):
    """Hands assets' results to the store and back.

    A run over many weeks gives one frame with a `week` column, or a dict of values by week.
    """

    def __init__(self, store: ArtifactStore, keeps: Callable[[str, str], bool] = lambda _asset, _week: False) -> None:
        """Use `store`; an artifact that is there and that `keeps` names by asset and week is not replaced."""
        self._store, self._keeps = store, keeps

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store what an asset returned, under every week of the run."""
        asset = context.asset_key.path[-1]
        asked = list(context.asset_partition_keys)
        kept = {week for week in asked if self._store.has(asset, week) and self._keeps(asset, week)}
        weeks = [week for week in asked if week not in kept]
        if kept:
            told = (
                f"{_span(sorted(kept))} was traded: the file keeps what it was traded on, nothing of this run is stored"
            )
            context.add_output_metadata({"kept": told})
        if len(asked) > 1:
            context.add_output_metadata({"made_for": f"{_span(asked)}, in one run: the figures are of all of them"})
        if len(asked) == 1:
            path = self._store.path(asset, asked[0]) if kept else self._store.write(asset, asked[0], obj)
            context.add_output_metadata({"path": dg.MetadataValue.path(str(path))})
        elif not weeks:
            return
        elif asset in self._store.frames:
            self._store.write_weeks(asset, weeks, obj[~obj["week"].isin(kept)])
        else:
            self._store.write_weeks(asset, weeks, {week: value for week, value in obj.items() if week not in kept})

    def load_input(self, context: dg.InputContext) -> Any:
        """Read an upstream artifact for the weeks that the partition mapping names."""
        return self._store.read(context.asset_key.path[-1], context.asset_partition_keys)
