"""Devices: the CPU or a GPU, and what to do when the GPU's memory is too small."""

from __future__ import annotations

import json
import os
import re
import warnings
from functools import cache
from typing import Any

import numpy as np
import xgboost

__all__ = ["choose_device", "out_of_memory", "size_of"]

PATTERN = re.compile(r"cpu|cuda(:\d+)?|gpu(:\d+)?")


def choose_device(device: Any) -> str:
    """Return the device to train on.

    "auto" is a GPU if XGBoost was built for one and one answers, else the CPU. Asking for a GPU
    where there is none is an error: nothing falls back in silence.
    """
    if device == "auto":
        return "cuda" if answers("cuda") else "cpu"
    if not isinstance(device, str) or not PATTERN.fullmatch(device):
        raise ValueError(
            f"device must be 'auto', 'cpu', 'cuda' or one GPU such as 'cuda:1'; got {device!r}."
        )
    device = device.replace("gpu", "cuda")
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
