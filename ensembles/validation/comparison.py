"""Is one model really better than another?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

__all__ = ["corrected_resampled_t_test"]


class CorrectedTTest(NamedTuple):
    """What `corrected_resampled_t_test` found."""

    statistic: float
    p_value: float
    mean: float
    low: float
    high: float


def corrected_resampled_t_test(
    differences: ArrayLike,
    n_train: float,
    n_test: float,
    *,
    confidence_level: float = 0.95,
) -> CorrectedTTest:
    """Test whether a mean difference of scores over resampled folds is zero.

    Nadeau and Bengio (2003, section 5.1): the variance of the mean over J folds is
    ``(1 / J + n_test / n_train) s^2``; t has J - 1 degrees of freedom.
    """
    values = np.asarray(differences, dtype=np.float64)
    mean, freedom = float(values.mean()), len(values) - 1
    error = float(np.sqrt((1 / len(values) + n_test / n_train) * values.var(ddof=1)))
    if error == 0:
        return CorrectedTTest(
            np.inf * np.sign(mean) if mean else 0.0, float(mean == 0), *[mean] * 3
        )
    reach = float(t.ppf((1 + confidence_level) / 2, freedom)) * error
    p_value = 2 * float(t.sf(abs(mean / error), freedom))
    return CorrectedTTest(mean / error, p_value, mean, mean - reach, mean + reach)
