"""What lies on a GPU: told, asked about where it lies, brought from there and to there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ensembles.tables import take

__all__ = [
    "brought_to",
    "cupy_named",
    "gpu_of",
    "has_cupy",
    "is_cudf",
    "lies_on_gpu",
    "number_of",
    "on_host",
    "place",
    "take_rows",
]


def lies_on_gpu(X: Any) -> bool:
    """Tell what lies on a GPU: an array that says so in the way that is agreed on, as those of cupy
    and torch do, or what is cudf's.
    """
    return hasattr(X, "__cuda_array_interface__") or is_cudf(X)


def is_cudf(X: Any) -> bool:
    """Tell a DataFrame or a Series of cudf."""
    return type(X).__module__.startswith("cudf.")


def gpu_of(X: Any) -> str:
    """Return the GPU that a table lies on; cupy calls its number id, torch index."""
    device = None if is_cudf(X) else getattr(X, "device", None)
    number = getattr(device, "id", getattr(device, "index", None))
    return f"cuda:{number}" if number else "cuda"


def number_of(device: str) -> int:
    """Return the number of a GPU, 0 for "cuda" alone."""
    return int(device.partition(":")[2] or 0)


PLACES: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""Where boosters answer, those on the CPU left out that were never elsewhere."""


def place(booster: Any, device: str) -> None:
    """Let a booster answer on a device: XGBoost would copy a table that lies elsewhere, and warn.

    To tell it takes as long as many an answer, so that it is told of changes alone. Boosters are
    kept on the CPU.
    """
    if (device != "cpu" or PLACES) and PLACES.get(booster, "cpu") != device:
        booster.set_param({"device": device})
        PLACES[booster] = device


def on_host(numbers: Any) -> Any:
    """Bring what lies on a GPU to the host, and leave alone what lies there."""
    if is_cudf(numbers):
        return numbers.to_pandas()
    if not lies_on_gpu(numbers):
        return numbers
    return numbers.get() if hasattr(numbers, "get") else numbers.cpu().numpy()


def brought_to(device: str, table: NDArray[Any]) -> Any:
    """Bring rows to a GPU: it does not train on external memory that was binned on the host."""
    import cupy

    with cupy.cuda.Device(number_of(device)):
        return cupy.asarray(table)


def take_rows(X: Any, rows: NDArray[np.intp]) -> Any:
    """Copy some rows of a table, wherever it lies."""
    if is_cudf(X):
        return X.iloc[rows]
    return X[rows] if lies_on_gpu(X) else take(X, rows)


def has_cupy() -> bool:
    """Tell whether cupy is installed, by which XGBoost takes and gives arrays on a GPU."""
    return find_spec("cupy") is not None


@contextmanager
def cupy_named() -> Iterator[None]:
    """Say what to install where XGBoost misses it."""
    try:
        yield
    except ImportError as error:
        raise ImportError(
            "cupy is needed for an array on a GPU, whichever library made it: XGBoost reads it and "
            "answers by cupy. Install it, or bring the array to the host: X.get() or "
            "X.cpu().numpy()."
        ) from error
