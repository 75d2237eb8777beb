"""Devices: the CPU or a GPU, and what to do when the GPU's memory is too small."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import xgboost
from numpy.typing import NDArray

from ensembles.tables import take

__all__ = [
    "brought_to",
    "check_batches",
    "choose_device",
    "cupy_named",
    "gpu_of",
    "has_cupy",
    "is_cudf",
    "lies_on_gpu",
    "number_of",
    "on_host",
    "out_of_memory",
    "place",
    "size_of",
    "take_rows",
]

PATTERN = re.compile(r"cpu|cuda(:\d+)?|gpu(:\d+)?")


def choose_device(device: Any, X: Any = None) -> str:
    """Return the device to train on.

    "auto" is a GPU if XGBoost was built for one and one answers, else the CPU: the one that the
    table lies on, where it lies on one. Asking for a GPU where there is none is an error: nothing
    falls back in silence.
    """
    first = gpu_of(X) if lies_on_gpu(X) else "cuda"
    if device == "auto":
        return first if answers(first) else "cpu"
    if not isinstance(device, str) or not PATTERN.fullmatch(device):
        raise ValueError(
            f"device must be 'auto', 'cpu', 'cuda' or one GPU such as 'cuda:1'; got {device!r}."
        )
    device = device.replace("gpu", "cuda")
    device = first if device == "cuda" else device
    if device != "cpu" and lies_on_gpu(X) and number_of(device) != number_of(first):
        raise ValueError(
            f"device must be the GPU that X lies on, 'cuda:{number_of(first)}', or 'auto'; "
            f"got {device!r}."
        )
    if device == "cpu" or answers(device):
        return device
    fault = (
        "no such GPU answers"
        if xgboost.build_info().get("USE_CUDA")
        else "this XGBoost was built without CUDA"
    )
    raise ValueError(f"device must be one that can be used; got {device!r}, and {fault}.")


def answers(device: str) -> bool:
    """Tell whether XGBoost can train on a GPU, by training on it."""
    return _answers(device, os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES"))


@cache
def _answers(device: str, process: int, visible: str | None) -> bool:
    if not xgboost.build_info().get("USE_CUDA"):
        return False
    matrix = xgboost.DMatrix(np.zeros((2, 1)), np.zeros(2))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = xgboost.train({"device": device, "verbosity": 0}, matrix, 1)
    except xgboost.core.XGBoostError:
        return False
    used = json.loads(model.save_config())["learner"]["generic_param"]["device"]
    return used == device or (device == "cuda" and used.startswith("cuda"))


# ---------------------------------------------------------------------------------------------
# What lies on a GPU


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


def check_batches(asked: Any, device: str) -> str:
    """Return the device that batches are trained on: a GPU takes them by cupy."""
    if device == "cpu" or has_cupy():
        return device
    if asked != "auto":
        raise ImportError(
            f"cupy is needed to train on batches of rows with device={asked!r}; install it, or say "
            "device='cpu'."
        )
    warnings.warn(
        "cupy is needed to train on batches of rows on the GPU that is there. Training on the CPU.",
        ResourceWarning,
        stacklevel=4,
    )
    return "cpu"


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


# ---------------------------------------------------------------------------------------------
# Memory


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error of XGBoost says that the GPU's memory is too small."""
    text = str(error).lower()
    return "out of memory" in text or "memory allocation" in text or "cudaerrormemory" in text


def size_of(n_rows: int, n_columns: int, max_bin: int) -> str:
    """Say how much memory a quantile matrix takes: one code for every cell."""
    width = 1 if max_bin <= 256 else 2
    mebibytes = n_rows * n_columns * width / 2**20
    return (
        f"{n_rows:,} rows x {n_columns:,} columns with max_bin={max_bin}: {mebibytes:,.1f} MiB of "
        "codes, and as much again while they are made"
    )
