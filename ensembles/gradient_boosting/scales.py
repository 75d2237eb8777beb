"""Scales: units of targets and of weights that XGBoost's 32-bit floats cannot take.

What tells the scale is measured part by part, so that batches and partitions are judged as the one
table that they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import reduce
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensembles.gradient_boosting.settings import version_at_hand

__all__ = ["Measure", "check_level", "measure_of", "together", "warn_of_scales"]


class Measure(NamedTuple):
    """Rows, their weight, and how their targets spread: a number, or one for each output."""

    n_rows: int
    weight: float
    mean: Any
    squares: Any
    """Sum of the squared distances from the mean."""
    low: Any
    high: Any


def measure_of(y: NDArray[Any], weights: NDArray[np.floating[Any]] | None) -> Measure:
    """Measure some rows, at least one."""
    return Measure(
        n_rows=len(y),
        weight=float(len(y)) if weights is None else float(weights.sum(dtype=np.float64)),
        mean=y.mean(axis=0, dtype=np.float64),
        squares=len(y) * y.var(axis=0, dtype=np.float64),
        low=y.min(axis=0).astype(np.float64),
        high=y.max(axis=0).astype(np.float64),
    )


def together(measures: Iterable[Measure]) -> Measure:
    """Measure the rows of all parts, as if they were one (Chan, Golub and LeVeque 1979)."""
    return reduce(_both, measures)


def _both(one: Measure, other: Measure) -> Measure:
    n_rows = one.n_rows + other.n_rows
    apart = other.mean - one.mean
    return Measure(
        n_rows=n_rows,
        weight=one.weight + other.weight,
        mean=one.mean + apart * other.n_rows / n_rows,
        squares=one.squares + other.squares + apart**2 * one.n_rows * other.n_rows / n_rows,
        low=np.minimum(one.low, other.low),
        high=np.maximum(one.high, other.high),
    )


def warn_of_scales(measure: Measure, least: float, objective: str) -> None:
    """Say that no tree can learn from weights, or from squared errors, of such a scale.

    Called by what `fit` calls, so that the warning points at the user's line.

    Parameters
    ----------
    least : float
        ``min_child_weight``, which is absolute.
    objective : str
        XGBoost's name of it.
    """
    text = _of_weights(measure, least) if objective in CURVED_AT_MOST_ONE else None
    if text is not None:
        warnings.warn(text, UserWarning, stacklevel=4)
    text = _of_targets(measure) if objective == "reg:squarederror" else _of_sum(measure)
    if text is not None:
        warnings.warn(text, UserWarning, stacklevel=4)


def check_level(measure: Measure, settings: SimpleNamespace, objective: str, start: Any) -> None:
    """Refuse targets and weights that give XGBoost nothing to start from."""
    if settings.base_score is not None or start is not None:
        return
    if objective == "reg:tweedie" and not np.all(measure.high > 0):
        raise ValueError(
            "y must hold a number above 0 in every column for the objective reg:tweedie, which "
            "starts from the logarithm of its mean; got zeros alone. base_score=1e-6 starts there."
        )
    if objective == "multi:softprob" and measure.weight < LEAST_WEIGHT:
        raise ValueError(
            f"sample_weight must sum to {LEAST_WEIGHT:g} at least for more than two classes; got "
            f"{measure.weight:.4g}. normalize_weights=True scales the weights to a mean of 1."
        )


LEAST_WEIGHT = 1e-6
"""Below it XGBoost does not count classes."""

CURVED_AT_MOST_ONE = frozenset(
    {"reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror"}
    | {"reg:logistic", "binary:logistic", "multi:softprob"}
)
"""Objectives of XGBoost whose second derivative is never more than a row's weight."""


def _of_weights(measure: Measure, least: float) -> str | None:
    """Judge weights that sum to less than two leaves', as those of sum one do."""
    if not measure.weight < 2 * least <= measure.n_rows:
        return None
    return (
        f"sample_weight sums to {measure.weight:.4g} over {measure.n_rows} rows, and a split needs "
        f"min_child_weight={least:g} on either side: no tree can be more than its root. "
        "normalize_weights=True scales the weights to a mean of 1."
    )


def _of_sum(measure: Measure) -> str | None:
    """Judge weights whose sum is too large to be squared, as a gain squares that of gradients."""
    if measure.weight <= MOST_SUM or version_at_hand() >= ADDS_HEAVY_WEIGHTS:
        return None
    return (
        f"sample_weight sums to {measure.weight:.4g}: XGBoost's 32-bit floats cannot add up "
        "gradients of such a weight. normalize_weights=True scales the weights to a mean of 1."
    )


ADDS_HEAVY_WEIGHTS = (3, 4)
"""The first version of XGBoost that learns the same whatever the weights sum to."""

LEAST_SQUARES, MOST_SUM = 1e-3, 1e19
"""A split must gain 1e-6 in XGBoost's units, a share of the sum of squares; the square of a sum
of gradients must fit a 32-bit float."""


def _of_targets(measure: Measure) -> str | None:
    """Judge targets whose squared errors are too small to split by, or too large to add up."""
    variances, ranges = measure.squares / measure.n_rows, measure.high - measure.low
    faint = (ranges > 0) & (measure.weight * variances < LEAST_SQUARES)
    if not np.any(faint | (measure.weight * np.sqrt(variances) > MOST_SUM)):
        return None
    way, extreme = ("Multiply", np.min) if np.any(faint) else ("Divide", np.max)
    return (
        f"y ranges over {float(extreme(ranges)):.4g} in rows of total weight {measure.weight:.4g}: "
        "with squared errors of such a scale XGBoost leaves out splits that it would make of the "
        f"same rows in other units. {way} y or sample_weight by a constant."
    )
