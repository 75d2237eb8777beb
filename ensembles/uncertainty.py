"""How sure a bag can be of its own predictions, with no model fitted again.

Pure functions of the members' answers and of who was shown which row.
"""

from __future__ import annotations

from collections.abc import Callable
from math import floor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensembles.parameters import check_real

__all__ = [
    "infinitesimal_jackknife",
    "jackknife_after_bootstrap",
    "jackknife_plus_after_bootstrap",
]

Floats = NDArray[np.float64]
Combine = Callable[[NDArray[Any]], ArrayLike]

BLOCK = 1 << 23
"""Numbers worked on at a time, 64 MiB of them."""


def _checked(answers: ArrayLike, **shown: NDArray[Any]) -> Floats:
    """Return what the members answer as finite numbers, of as many members as were shown rows."""
    ((name, table),) = shown.items()
    given = _numbers("answers", answers)
    if table.ndim != 2 or given.shape[:1] != table.shape[:1] or table.size == 0:
        raise ValueError(
            f"answers and {name} must be of the same members, at least one; got shapes "
            f"{given.shape} and {table.shape}."
        )
    if not np.isfinite(given).all():
        raise ValueError(
            f"answers must be finite; got {int(np.sum(~np.isfinite(given)))} that are not."
        )
    return given


def _numbers(name: str, values: ArrayLike) -> Floats:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers; got {values!r}.") from None


def infinitesimal_jackknife(
    answers: ArrayLike, counts: ArrayLike, counts_variance: float | None = None
) -> Floats:
    """Return the sampling variance of a bag's prediction, corrected for a finite number of members.

    How much would the prediction move if the training data were drawn anew? With N_bi the times
    member b was shown row i and t_b what it answers (Wager, Hastie and Efron 2014, equations 5 and
    7)::

        V_IJ   = sum_i Cov_b(N_bi, t_b)^2
        V_IJ-U = V_IJ - n / B^2 * sum_b (t_b - mean t)^2

    The second term is what V_IJ would be on average if the members' answers had nothing to do with
    the rows they were shown: the Monte Carlo bias. The result is unbiased and so can be negative
    when B is small; B of the order of n is what the paper asks for.

    Parameters
    ----------
    answers : array of shape (n_members, ...)
        What each member answers.
    counts : integer array of shape (n_members, n_units)
        How often each member was shown each row (or group of rows).
    counts_variance : float, optional
        The sum over units of the variance of their counts; n_units, the bootstrap's, when None.

    Returns
    -------
    array of shape (...)

    Raises
    ------
    ValueError
        When answers and counts are not of the same members, answers are not finite, or counts or
        their variance negative.

    Notes
    -----
    Two things can be wrong with it. That the members are few is what the correction mends. That the
    rows are few it cannot: of the variance V_1 + V_2 + ... over training sets, V_k being what sets
    of k rows add together, it estimates about V_1 alone, and `jackknife_after_bootstrap` about
    V_1 + 2 V_2 + 3 V_3 + ... (Efron and Stein 1981), so that the variance lies between this and the
    mean of the two. That is the paper's argument and no theorem: of a squared mean of numbers
    around zero both are nearly twice the variance. Mean estimates over the variance simulated over
    training sets, give or take two standard errors, on the paper's problems:

    ================================  ============  =========================  ============
    bag                               this          jackknife after bootstrap  mean of both
    ================================  ============  =========================  ============
    trees, cosine, 500 rows           1.03 +- 0.07  1.84 +- 0.11               1.44
    trees, cosine, 200 rows           1.05 +- 0.08  1.95 +- 0.14               1.50
    trees, cosine, 50 rows            0.72 +- 0.06  1.62 +- 0.12               1.17 +- 0.10
    forest, XOR, 200 rows             0.73 +- 0.06  1.45 +- 0.14               1.09 +- 0.10
    forest, XOR, 50 rows              0.64 +- 0.04  1.52 +- 0.10               1.08 +- 0.08
    forest, AND, 50 rows              0.68 +- 0.10  1.88 +- 0.26               1.28 +- 0.18
    least squares, 200 rows           0.98 +- 0.01  1.02 +- 0.01               1.00 +- 0.01
    least squares, 50 rows            0.93 +- 0.01  1.08 +- 0.01               1.01 +- 0.01
    ================================  ============  =========================  ============

    Of least squares it is White's (1980) sandwich HC0, 0.92 of the variance at 50 rows since
    residuals are smaller than errors by their leverage, and `jackknife_after_bootstrap` is nearly
    HC3 (MacKinnon and White 1985); more members do not change that.

    So take it as it is from some hundreds of rows of few columns on, where it is within 10 %; with
    fewer rows for each column the mean of both is on the safe side, 8 to 28 % too large on trees.

    References
    ----------
    S. Wager, T. Hastie and B. Efron (2014). Confidence intervals for random forests: the jackknife
    and the infinitesimal jackknife. Journal of Machine Learning Research 15.

    B. Efron and C. Stein (1981). The jackknife estimate of variance. Annals of Statistics 9.

    H. White (1980). A heteroskedasticity-consistent covariance matrix estimator and a direct test
    for heteroskedasticity. Econometrica 48.

    J. MacKinnon and H. White (1985). Some heteroskedasticity-consistent covariance matrix
    estimators with improved finite sample properties. Journal of Econometrics 29.

    Examples
    --------
    >>> float(infinitesimal_jackknife([1.0, 3.0], counts=[[2, 0], [0, 2]]))
    1.0
    """
    counts = np.asarray(counts)
    if counts.dtype.kind not in "iu":
        counts = _numbers("counts", counts)
    answers = _checked(answers, counts=counts)
    if not 0 <= counts.min() <= counts.max() < np.inf:
        raise ValueError(
            f"counts must be numbers >= 0; got values in [{counts.min()}, {counts.max()}]."
        )
    if counts_variance is not None:
        check_real("counts_variance", counts_variance, 0.0)
    n_members, n_units = counts.shape
    centred = (answers - answers.mean(axis=0)).reshape(n_members, -1)
    raw = np.einsum("bm,bc,cm->m", centred, _gram(counts), centred, optimize=True) / n_members**2
    spread = n_units if counts_variance is None else counts_variance
    bias = spread / n_members**2 * np.sum(centred**2, axis=0)
    return np.asarray((raw - bias).reshape(answers.shape[1:]))


def jackknife_after_bootstrap(answers: ArrayLike, held_out: ArrayLike) -> Floats:
    """Return the same variance by leaving rows out: the jackknife after bootstrap.

    With mean_-i the mean answer of the k_i members that were not shown row i (Efron 1992; Wager,
    Hastie and Efron 2014, equation 6)::

        V_J   = (n - 1) / n sum_i (mean_-i - mean t)^2
        V_J-U = V_J - (n - 1) / n sum_i (1 / k_i - 1 / B) / B sum_b (t_b - mean t)^2

    The second term, on average the paper's (e - 1) n / B^2 sum_b (t_b - mean t)^2, is again what
    comes from B members alone. Where `infinitesimal_jackknife` is too small this is too large by at
    least as much: see there.

    Parameters
    ----------
    answers : array of shape (n_members, ...)
        What each member answers.
    held_out : boolean array of shape (n_members, n_units)
        Whether the member was *not* shown the row (or group of rows).

    Returns
    -------
    array of shape (...)
        Rows that every member was shown count as the others do on average; NaN where there are no
        others.

    Raises
    ------
    ValueError
        When answers and held_out are not of the same members, or answers are not finite.

    References
    ----------
    B. Efron (1992). Jackknife-after-bootstrap standard errors and influence functions. Journal of
    the Royal Statistical Society B 54.

    Examples
    --------
    >>> float(jackknife_after_bootstrap([1.0, 3.0], [[False, True], [True, False]]))
    0.5
    """
    held_out = np.asarray(held_out, dtype=bool)
    answers = _checked(answers, held_out=held_out)
    n_members, n_units = held_out.shape
    centred = (answers - answers.mean(axis=0)).reshape(n_members, -1)
    judges = held_out.sum(axis=0)
    judged = judges > 0
    if not judged.any():
        return np.full(answers.shape[1:], np.nan)
    shares = held_out[:, judged] / judges[judged]
    raw = _sum_of_squares(shares, centred)
    noise = np.sum(1 / judges[judged] - 1 / n_members) * np.mean(centred**2, axis=0)
    variance = (n_units - 1) / judged.sum() * (raw - noise)
    return np.asarray(variance.reshape(answers.shape[1:]))


def _sum_of_squares(shares: Floats, centred: Floats) -> Floats:
    """Squared weighted sums of the members' answers, summed over units, in blocks of answers."""
    found = np.empty(centred.shape[1])
    step = max(1, BLOCK // shares.shape[1])
    for start in range(0, len(found), step):
        block = slice(start, start + step)
        found[block] = np.sum((shares.T @ centred[:, block]) ** 2, axis=0)
    return found


def _gram(counts: NDArray[Any]) -> Floats:
    """Inner products of the members' centred counts.

    The sum over n rows of squared covariances is a quadratic form in a matrix of n_members squared,
    so it costs nothing per predicted row: the n x n_rows covariances are never formed.
    """
    n_members, n_units = counts.shape
    gram = np.zeros((n_members, n_members))
    step = max(1, BLOCK // n_members)
    for start in range(0, n_units, step):
        block = counts[:, start : start + step].astype(np.float64)
        block -= block.mean(axis=0)
        gram += block @ block.T
    return gram


def jackknife_plus_after_bootstrap(
    answers: ArrayLike,
    held_out: ArrayLike,
    residuals: ArrayLike,
    alpha: float = 0.1,
    combine: Combine | None = None,
) -> Floats:
    """Return prediction intervals from the members that did not see each training row.

    For training row i let mu_i be the prediction of the members not shown it and R_i how far
    mu_i is from that row's target. The interval at a new point x runs from the alpha quantile of
    mu_i(x) - R_i to the 1 - alpha quantile of mu_i(x) + R_i (Kim, Xu and Barber 2020, equation 4;
    with folds in place of bootstraps it is the CV+ of Barber et al. 2021).

    It covers a new target with probability at least 1 - 2 alpha, whatever the distribution and the
    learner, and in practice about 1 - alpha. The theorem wants the number of members drawn from a
    binomial distribution, so that it tells nothing of the rows; with a fixed one, as anyone uses,
    intervals of alpha = 0.1 covered 90.1 to 91.3 % in our simulations, 91.4 % with a drawn one.

    Parameters
    ----------
    answers : array of shape (n_members, n_rows)
        What each member predicts for the rows asked about.
    held_out : boolean array of shape (n_members, n_training_rows)
        Whether the member was *not* shown the row.
    residuals : array of shape (n_training_rows,)
        Absolute out-of-bag residuals; NaN where no member judged the row, which is then left out.
    alpha : float in (0, 1)
        The share of targets that may fall outside.
    combine : callable, optional
        How members' answers become one; their mean when None.

    Returns
    -------
    array of shape (n_rows, 2)
        Lower and upper ends; infinite where there are too few training rows for this alpha.

    Raises
    ------
    ValueError
        When the arrays are not of the same members and rows, answers are not finite, residuals
        negative, or alpha is not in (0, 1).

    References
    ----------
    B. Kim, C. Xu and R. Barber (2020). Predictive inference is free with the
    jackknife+-after-bootstrap. NeurIPS 33.
    """
    alpha = check_real("alpha", alpha, 0.0, 1.0, open_ends=True)
    held_out = np.asarray(held_out, dtype=bool)
    answers = _checked(answers, held_out=held_out)
    if answers.ndim != 2:
        raise ValueError(f"answers must have shape (n_members, n_rows); got {answers.shape}.")
    residuals = _numbers("residuals", residuals)
    if residuals.shape != held_out.shape[1:] or np.any(residuals < 0):
        raise ValueError(
            f"residuals must be a number >= 0, or NaN, for each of {held_out.shape[1]} training "
            f"rows; got shape {residuals.shape}, {int(np.sum(residuals < 0))} of them negative."
        )
    judged = np.flatnonzero(held_out.any(axis=0) & ~np.isnan(residuals))
    held_out, residuals = held_out[:, judged], residuals[judged, None]
    interval = np.empty((answers.shape[1], 2))
    step = max(1, BLOCK // max(1, len(judged)))
    for start in range(0, answers.shape[1], step):
        block = slice(start, start + step)
        without = _leave_one_out(answers[:, block], held_out, combine)
        interval[block, 0] = _low_quantile(without - residuals, alpha)
        interval[block, 1] = -_low_quantile(-without - residuals, alpha)
    return interval


def _leave_one_out(
    answers: Floats,
    held_out: NDArray[np.bool_],
    combine: Combine | None,
) -> Floats:
    """Predictions of the members not shown each training row, shape (n_training_rows, n_rows)."""
    if combine is None:
        share = held_out / held_out.sum(axis=0)
        return np.asarray(share.T @ answers)
    without = [np.asarray(combine(answers[judges])) for judges in held_out.T]
    if without and without[0].shape != answers.shape[1:]:
        raise ValueError(
            f"combine must return an answer for each of {answers.shape[1]} rows; it returned shape "
            f"{without[0].shape}."
        )
    return np.reshape(without, (len(without), answers.shape[1]))


def _low_quantile(values: Floats, alpha: float) -> Floats:
    """The floor(alpha (n + 1))-th smallest of n values, minus infinity when that is the zeroth.

    By symmetry minus this of the negated values is the ceil((1 - alpha) (n + 1))-th smallest.
    """
    n = len(values)
    place = floor(alpha * (n + 1) + 1e-9)
    if place < 1:
        return np.full(values.shape[1], -np.inf)
    return np.asarray(np.partition(values, place - 1, axis=0)[place - 1])
