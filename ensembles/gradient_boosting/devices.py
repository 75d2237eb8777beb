"""Devices: which one to train on, the CPU or a GPU that answers."""

from __future__ import annotations

import json
import os
import re
import warnings
from functools import cache
from typing import Any

import numpy as np
import xgboost

from ensembles.gradient_boosting.gpu import gpu_of, has_cupy, lies_on_gpu, number_of

__all__ = ["check_batches", "choose_device"]

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
