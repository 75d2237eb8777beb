"""Memory: what to do when that of a GPU is too small."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, TypeVar

import xgboost

from ensembles.gradient_boosting.gpu import has_cupy

__all__ = ["falling_back", "out_of_memory"]

Result = TypeVar("Result")


def falling_back(job: Any, n_rows: int, train: Callable[[Any], Result]) -> tuple[Any, Result]:
    """Train, and out of the GPU's memory try smaller ways with ``device="auto"``.

    Fewer bins, then external memory, then the CPU, each with a warning. The job that is returned
    says what it came to.
    """
    try:
        return job, train(job)
    except (xgboost.core.XGBoostError, OSError, MemoryError) as error:
        if not _may_fall_back(job, error):
            raise
        figures = size_of(n_rows, len(job.columns.names), job.settings.max_bin)
        text = f"The GPU's memory ({job.device}) is too small for {figures}."
        if job.settings.device != "auto":
            raise MemoryError(
                f"{text} Choose a smaller max_bin, device='cpu' or device='auto', which falls back."
            ) from error
        smaller, way_out = _smaller(job)
        warnings.warn(f"{text} {way_out}", ResourceWarning, stacklevel=2)
    return falling_back(smaller, n_rows, train)


def _may_fall_back(job: Any, error: Exception) -> bool:
    """Tell whether a smaller way may do: external memory on a GPU may fail for other reasons."""
    return job.device != "cpu" and (job.external or out_of_memory(error))


FEW_BINS = 64


def _smaller(job: Any) -> tuple[Any, str]:
    """Return the next thing to try, and how to say so."""
    settings = SimpleNamespace(**vars(job.settings))
    if settings.max_bin > FEW_BINS:
        settings.asked_bins, settings.max_bin = settings.max_bin, FEW_BINS
        return replace(job, settings=settings), f"Trying max_bin={FEW_BINS}."
    if not (job.external or job.in_parts) and has_cupy():
        return replace(job, external=True), "Trying external memory."
    settings.max_bin = getattr(settings, "asked_bins", settings.max_bin)
    return replace(job, settings=settings, device="cpu", external=False), "Training on the CPU."


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
