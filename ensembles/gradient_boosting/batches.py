"""Batches: a path or an iterable of frames, as (table, targets, weights) one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ensembles.tables import framed, is_frame

__all__ = ["batches_of", "is_source"]

PARQUET_ROWS = 65_536
"""Rows of a Parquet file read at a time."""


def is_source(X: Any) -> bool:
    """Tell a path or an iterable of batches from a table."""
    if isinstance(X, str | os.PathLike):
        return True
    if isinstance(X, list | tuple):
        first = X[0] if len(X) else None
        return is_frame(first) or (isinstance(first, tuple) and bool(first) and _is_table(first[0]))
    table = _is_table(X) or hasattr(X, "__array_interface__") or hasattr(X, "__getitem__")
    return hasattr(X, "__iter__") and not table


def _is_table(X: Any) -> bool:
    if isinstance(X, np.generic):  # it has a shape, and is the first number of a row
        return False
    return hasattr(X, "shape") or hasattr(X, "__array__") or hasattr(X, "__dataframe__")


def batches_of(X: Any, y: Any, weight: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield (table, targets, weights) for each batch."""
    source = _parquet(Path(X)) if isinstance(X, str | os.PathLike) else iter(X)
    for k, batch in enumerate(_noted(source)):
        if isinstance(batch, tuple):
            if len(batch) not in (2, 3):
                raise ValueError(
                    "X must yield DataFrames, (X, y) or (X, y, sample_weight); batch "
                    f"{k} is a tuple of {len(batch)}."
                )
            yield (*batch, None)[:3]
        else:
            yield _apart(framed(batch), y, weight, k)


def _noted(source: Iterator[Any]) -> Iterator[Any]:
    """Let an error of the user's iterable pass, with a note on where it came from."""
    k = 0
    while True:
        try:
            batch = next(source)
        except StopIteration:
            return
        except Exception as error:
            error.add_note(f"Raised by the iterable given as X, at batch {k}; nothing was kept.")
            raise
        yield batch
        k += 1


def _apart(frame: Any, y: Any, weight: Any, k: int) -> tuple[Any, Any, Any]:
    """Take the target's column out of a frame, and that of the weights."""
    if not isinstance(y, str):
        raise ValueError(
            "y must be the name of the target's column when X is a path or yields frames alone; "
            f"got {y!r}."
        )
    if weight is not None and not isinstance(weight, str):
        raise ValueError(
            f"sample_weight must be the name of a column or None here; got {type(weight).__name__}."
        )
    if not is_frame(frame):
        raise ValueError(f"X must yield DataFrames or tuples; batch {k} is {type(frame).__name__}.")
    for name, column in (("y", y), ("sample_weight", weight)):
        if column is not None and column not in frame.columns:
            raise ValueError(
                f"{name} must name a column of X, {[str(one) for one in frame.columns]}; "
                f"got {column!r}."
            )
    out = [name for name in (y, weight) if name is not None]
    rest = frame.drop(columns=out) if hasattr(frame, "iloc") else frame.drop(out)
    return rest, frame[y], None if weight is None else frame[weight]


def _parquet(path: Path) -> Iterator[Any]:
    """Read a Parquet file, or a folder of them, some rows at a time."""
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise ImportError(
            "pyarrow is needed to read a Parquet file: pip install pyarrow pandas."
        ) from None
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not path.exists() or not files:
        raise FileNotFoundError(f"X must be the path of a Parquet file; there is none at {path}.")
    for file in files:
        try:
            with parquet.ParquetFile(file) as opened:
                for batch in opened.iter_batches(PARQUET_ROWS):
                    yield batch.to_pandas()
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(
                f"X must be a whole Parquet file; {file} cannot be read: {error}."
            ) from error
