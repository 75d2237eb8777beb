"""Losses row by row, as they are before anyone averages them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["absolute_loss", "brier_loss", "log_loss_of_rows", "squared_loss", "zero_one_loss"]

Floats = NDArray[np.float64]


def zero_one_loss(truth: ArrayLike, predicted: ArrayLike) -> Floats:
    """One where the label is wrong, shape (n_rows,)."""
    return np.asarray(np.asarray(truth) != np.asarray(predicted), dtype=np.float64)


def squared_loss(truth: ArrayLike, predicted: ArrayLike) -> Floats:
    """``(y - f)^2``, averaged over outputs where there are several: shape (n_rows,)."""
    return _by_row((_floats(truth) - _floats(predicted)) ** 2)


def absolute_loss(truth: ArrayLike, predicted: ArrayLike) -> Floats:
    """``|y - f|``, averaged over outputs where there are several: shape (n_rows,)."""
    return _by_row(np.abs(_floats(truth) - _floats(predicted)))


def log_loss_of_rows(codes: NDArray[np.intp], probabilities: ArrayLike) -> Floats:
    """``-log p(y)``, p clipped to [eps, 1 - eps] of its dtype as scikit-learn does it.

    Parameters
    ----------
    codes : integer array of shape (n_rows,)
        The place of every row's class among the columns.
    probabilities : array of shape (n_rows, n_classes)
    """
    given = np.asarray(probabilities)
    eps = np.finfo(given.dtype if given.dtype.kind == "f" else np.float64).eps
    own = given[np.arange(len(codes)), codes]
    return np.asarray(-np.log(np.clip(own, eps, 1 - eps)), dtype=np.float64)


def brier_loss(codes: NDArray[np.intp], probabilities: ArrayLike) -> Floats:
    """Squared distance of the probabilities from the class; half of it for two classes.

    As scikit-learn's ``brier_score_loss`` scales it: in [0, 1] for two classes, in [0, 2] for more.
    """
    given = _floats(probabilities)
    distance = np.sum(given**2, axis=1) - 2 * given[np.arange(len(codes)), codes] + 1
    return np.asarray(distance / 2 if given.shape[1] == 2 else distance)


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _by_row(values: Floats) -> Floats:
    return np.asarray(values if values.ndim == 1 else values.mean(axis=1))
