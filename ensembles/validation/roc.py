"""The area under the ROC curve: its placements, its variance, and the variance of a difference."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

__all__ = ["AreaCovariance", "area_covariance"]

Floats = NDArray[np.float64]


class AreaCovariance(NamedTuple):
    """Areas under the ROC curve of several models on the same rows, and their covariance."""

    areas: Floats
    """Shape (n_models,)."""
    covariance: Floats
    """Shape (n_models, n_models)."""


def area_covariance(positive: NDArray[np.bool_], scores: Any) -> AreaCovariance:
    """Estimate the covariance of areas under the ROC curve (DeLong et al. 1988).

    From mid-ranks in O(n log n) per model (Sun and Xu 2014), where the definition compares every
    positive row with every negative one.

    Parameters
    ----------
    positive : boolean array of shape (n_rows,)
        At least two rows must be positive and two negative: a variance needs two.
    scores : array of shape (n_models, n_rows)
        Greater for rows that look more positive; tied scores count half.

    References
    ----------
    E. DeLong, D. DeLong and D. Clarke-Pearson (1988). Comparing the areas under two or more
    correlated receiver operating characteristic curves. Biometrics 44.

    X. Sun and W. Xu (2014). Fast implementation of DeLong's algorithm. IEEE Signal Processing
    Letters 21.
    """
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if min(n_positive, n_negative) < 2:
        raise ValueError(
            "y_true must hold at least 2 rows of either class for a variance of the area; got "
            f"{n_positive} positive and {n_negative} negative."
        )
    scores = np.asarray(scores, dtype=np.float64)
    ranks = rankdata(scores, axis=1)
    above = ranks[:, positive] - rankdata(scores[:, positive], axis=1)
    below = ranks[:, ~positive] - rankdata(scores[:, ~positive], axis=1)
    of_positives = above / n_negative
    of_negatives = 1 - below / n_positive
    covariance = np.cov(of_positives) / n_positive + np.cov(of_negatives) / n_negative
    return AreaCovariance(of_positives.mean(axis=1), np.atleast_2d(covariance))
