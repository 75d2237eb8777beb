"""Intervals of shares of rows and of areas by a formula: from counts alone, nothing is drawn."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

__all__ = ["area_interval", "paired_share_interval", "share_interval"]


def share_interval(share: float, n_rows: int, level: float) -> tuple[float, float]:
    """Return the score interval of a share of independent rows (Wilson 1927).

    The values p for which ``|share - p| <= z sqrt(p (1 - p) / n)``: the error is that of p and not
    that of the share, so the interval is none too narrow near 0 and 1, nor a point there.

    References
    ----------
    E. Wilson (1927). Probable inference, the law of succession, and statistical inference. Journal
    of the American Statistical Association 22.

    Examples
    --------
    >>> low, high = share_interval(1.0, 50, 0.95)  # all right
    >>> round(low, 3), high
    (0.929, 1.0)
    """
    z = float(norm.ppf((1 + level) / 2))
    centre = (share + z**2 / (2 * n_rows)) / (1 + z**2 / n_rows)
    spread = np.sqrt(share * (1 - share) / n_rows + z**2 / (4 * n_rows**2))
    half = z / (1 + z**2 / n_rows) * float(spread)
    low = 0.0 if share == 0 else centre - half
    return low, 1.0 if share == 1 else centre + half


def paired_share_interval(
    only_a: int, only_b: int, n_rows: int, level: float
) -> tuple[float, float]:
    """Return the interval of the difference of two shares of the same rows (Bonett and Price 2012).

    The usual one with a row more on either side: one that counts for a alone, one for b alone.

    References
    ----------
    D. Bonett and R. Price (2012). Adjusted Wald confidence interval for a difference of binomial
    proportions based on paired data. Journal of Educational and Behavioral Statistics 37.

    Examples
    --------
    >>> low, high = paired_share_interval(7, 0, 50, 0.95)
    >>> round(low, 3), round(high, 3)
    (0.028, 0.242)
    """
    share_a, share_b = (only_a + 1) / (n_rows + 2), (only_b + 1) / (n_rows + 2)
    difference = share_a - share_b
    error = np.sqrt((share_a + share_b - difference**2) / (n_rows + 2))
    half = float(norm.ppf((1 + level) / 2) * error)
    return max(difference - half, -1.0), min(difference + half, 1.0)


def area_interval(
    area: float, n_positive: int, n_negative: int, level: float
) -> tuple[float, float]:
    """Return the score interval of an area under the ROC curve (Newcombe 2006, method 5).

    The values t for which ``|area - t| <= z sqrt(V(t))`` with the variance of Hanley and McNeil
    (1982) for two exponential distributions, in which both numbers of rows count alike::

        V(t) = t (1 - t) (1 + n (1 - t) / (2 - t) + n t / (1 + t)) / (n_positive n_negative)
        n    = (n_positive + n_negative) / 2 - 1

    References
    ----------
    R. Newcombe (2006). Confidence intervals for an effect size measure based on the Mann-Whitney
    statistic. Part 2: asymptotic methods and evaluation. Statistics in Medicine 25.

    Examples
    --------
    >>> low, high = area_interval(1.0, 5, 45, 0.95)  # every positive row above every negative one
    >>> round(low, 3), high
    (0.788, 1.0)
    """
    z = float(norm.ppf((1 + level) / 2))
    more = (n_positive + n_negative) / 2 - 1

    def beyond(t: float) -> float:
        spread = 1 + more * (1 - t) / (2 - t) + more * t / (1 + t)
        return (area - t) ** 2 - z**2 * t * (1 - t) * spread / (n_positive * n_negative)

    edge = 1e-12  # an end of [0, 1] is a root of its own where the area is there
    low = 0.0 if area <= edge else brentq(beyond, 0.0, min(area, 1 - edge))
    high = 1.0 if area >= 1 - edge else brentq(beyond, max(area, edge), 1.0)
    return float(low), float(high)
