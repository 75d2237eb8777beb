"""Is one model really better than another? The tests of the field, one paper one function."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, binomtest, chi2, f, norm, t

from ensembles.parameters import check_option, check_real, is_real
from ensembles.validation.checking import (
    alike,
    check_labels_alike,
    check_level,
    check_numbers,
    check_positives,
    check_same_length,
)
from ensembles.validation.formulas import paired_share_interval
from ensembles.validation.roc import area_covariance

__all__ = [
    "PairedTest",
    "corrected_resampled_t_test",
    "delong_test",
    "five_by_two_f_test",
    "mcnemar_test",
    "standardised",
]

Floats = NDArray[np.float64]


class CorrectedTTest(NamedTuple):
    """What `corrected_resampled_t_test` found."""

    statistic: float
    p_value: float
    mean: float
    """Mean difference."""
    low: float
    high: float
    """Ends of the confidence interval of the mean difference."""
    standard_error: float
    degrees_of_freedom: int


def corrected_resampled_t_test(
    differences: ArrayLike,
    n_train: float | ArrayLike,
    n_test: float | ArrayLike,
    *,
    confidence_level: float = 0.95,
) -> CorrectedTTest:
    """Test whether a mean difference of scores over resampled folds is zero.

    Training sets of different folds overlap, so their scores are not independent and the usual
    t-test rejects far too often. Nadeau and Bengio (2003, section 5.1) replace the variance s^2 / J
    of the mean over J folds by ``(1 / J + n_test / n_train) s^2``; t has J - 1 degrees of freedom.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        Score of one model less score of the other on the same fold, at least two of them. Folds may
        come from one cross-validation, repeated ones, or random splits.
    n_train, n_test : float or array-like of shape (n_folds,)
        Rows in the training and in the test part of a fold; their means when they differ.
    confidence_level : float in (0, 1), default=0.95
        Of the interval ``low`` to ``high``.

    Returns
    -------
    CorrectedTTest
        ``(statistic, p_value, mean, low, high, standard_error, degrees_of_freedom)``, two-sided.
        Where all differences are equal the statistic is infinite and the p-value 0, or 0 and 1 when
        they are all zero.

    Notes
    -----
    The correction supposes that a learner hardly changes when other rows of the same sample train
    it. Equal learners were called different at the 5 % level in 4 to 6 % of simulations with ridge
    regression and nearest centroids (uncorrected in 19 to 35 %), but with less stable ones more
    often: one nearest neighbour 8.0 to 9.5 %, decision stumps 8.9 (a fifth held out) and 11.5 %
    (a tenth; 1 000 simulations each, give or take 1). That is of many random splits or repeats; one
    cross-validation of 5 or 10 folds is on the safe side of 6 % with them too (3.2 to 3.8 % with
    one nearest neighbour, 3.9 to 5.4 % with stumps), and so are halves:
    ``RepeatedKFold(n_splits=2, n_repeats=5)`` gave 2.7 % with one nearest neighbour of 100 rows and
    1.6 % with stumps of 200.

    References
    ----------
    C. Nadeau and Y. Bengio (2003). Inference for the generalization error. Machine Learning 52.

    Examples
    --------
    >>> test = corrected_resampled_t_test([0.02, 0.01, 0.03, 0.02, 0.01], n_train=80, n_test=20)
    >>> round(test.statistic, 3), round(test.p_value, 3)
    (3.207, 0.033)
    """
    level = check_level(confidence_level)
    given = check_numbers("differences", differences)
    n_folds = len(given)
    if n_folds < 2:
        raise ValueError(f"differences must hold at least 2 folds; got {n_folds}.")
    ratio = _mean_size("n_test", n_test, n_folds) / _mean_size("n_train", n_train, n_folds)
    mean = float(given.mean())
    error = float(np.sqrt((1 / n_folds + ratio) * given.var(ddof=1)))
    if alike(given):
        error = 0.0
    statistic = standardised(mean, error)
    half = float(t.ppf((1 + level) / 2, n_folds - 1)) * error
    return CorrectedTTest(
        statistic,
        float(2 * t.sf(abs(statistic), n_folds - 1)),
        mean,
        mean - half,
        mean + half,
        error,
        n_folds - 1,
    )


def _mean_size(name: str, size: Any, n_folds: int) -> float:
    if is_real(size):
        return check_real(name, size, 0.0, open_ends=True)
    sizes = check_numbers(name, size)
    if len(sizes) != n_folds or (sizes <= 0).any():
        raise ValueError(
            f"{name} must be a number > 0, or one for each of {n_folds} folds; got {size!r}."
        )
    return float(sizes.mean())


def standardised(difference: float, error: float) -> float:
    """A test's statistic where its error may be zero: no difference is no evidence."""
    if error > 0:
        return difference / error
    return 0.0 if difference == 0 else float(np.copysign(np.inf, difference))


class PairedTest(NamedTuple):
    """What a test of two models on the same data found; two-sided.

    ``low`` and ``high``, the ends of the confidence interval of ``difference``, are None where the
    test has no interval.
    """

    statistic: float
    p_value: float
    difference: float
    low: float | None
    high: float | None


def five_by_two_f_test(differences: ArrayLike) -> PairedTest:
    """Test two models by five repeats of a two-fold cross-validation (Alpaydin 1999).

    ``F = sum_ij d_ij^2 / (2 sum_i s_i^2)`` with 10 and 5 degrees of freedom, where d_ij is the
    difference on fold j of repeat i and s_i^2 their variance within the repeat. It does not hang on
    one arbitrary fold, as Dietterich's (1998) 5x2cv t-test does.

    Parameters
    ----------
    differences : array-like of shape (5, 2) or (10,)
        Repeats by folds; flat, the two folds of a repeat come one after the other.

    Notes
    -----
    Equal learners were called different at the 5 % level in 5.6 % of simulations with decision
    stumps of 200 rows, but in 12.8 % with one nearest neighbour of 100, where
    `corrected_resampled_t_test` of the same folds did so in 2.7 % (1 000 simulations each).

    References
    ----------
    E. Alpaydin (1999). Combined 5x2cv F test for comparing supervised classification learning
    algorithms. Neural Computation 11.

    Examples
    --------
    >>> test = five_by_two_f_test([0.2, 0.1, 0.2, 0.3, 0.1, 0.2, 0.2, 0.1, 0.3, 0.2])
    >>> round(test.statistic, 2), round(test.p_value, 3)
    (8.2, 0.016)
    """
    given = np.asarray(differences)
    if given.shape not in ((10,), (5, 2)):
        raise ValueError(
            "differences must be of 5 repeats of 2 folds: shape (5, 2) or (10,); got shape "
            f"{given.shape}."
        )
    table = check_numbers("differences", given.reshape(5, 2), ndim=2)
    repeats = [float(np.sum((pair - pair.mean()) ** 2)) for pair in table if not alike(pair)]
    statistic = standardised(float(np.sum(table**2)), 2 * sum(repeats))
    return PairedTest(statistic, float(f.sf(statistic, 10, 5)), float(table.mean()), None, None)


def mcnemar_test(
    y_true: ArrayLike,
    prediction_a: ArrayLike,
    prediction_b: ArrayLike,
    *,
    method: str = "exact",
    confidence_level: float = 0.95,
) -> PairedTest:
    """Test whether two classifiers err equally often on the same rows (McNemar 1947).

    Only rows where exactly one of them is right say anything: under no difference either is right
    on half of these.

    Parameters
    ----------
    y_true, prediction_a, prediction_b : array-like of shape (n_rows,)
        Labels.
    method : {"exact", "mid-p", "chi2"}, default="exact"
        The binomial p-value; that with half the probability of the table itself (Fagerland et al.
        2013), which is less conservative; or chi-squared with Edwards' correction.
    confidence_level : float in (0, 1), default=0.95
        Of the interval of the difference of accuracies (Bonett and Price 2012).

    Returns
    -------
    PairedTest
        ``statistic`` is chi-squared with Edwards' correction, whatever the method; ``difference``
        is the accuracy of a less that of b.

    References
    ----------
    Q. McNemar (1947). Note on the sampling error of the difference between correlated proportions.
    Psychometrika 12.

    Examples
    --------
    >>> test = mcnemar_test([1] * 10, [1] * 9 + [0], [1] * 2 + [0] * 8)
    >>> round(test.p_value, 4), round(test.difference, 2)
    (0.0156, 0.7)
    """
    check_option("method", method, ("exact", "mid-p", "chi2"))
    level = check_level(confidence_level)
    truth, a, b = np.asarray(y_true), np.asarray(prediction_a), np.asarray(prediction_b)
    n_rows = check_same_length(y_true=truth, prediction_a=a, prediction_b=b)
    if n_rows == 0 or not truth.ndim == a.ndim == b.ndim == 1:
        raise ValueError(
            "y_true and both predictions must be 1D labels and not be empty; got shapes "
            f"{truth.shape}, {a.shape} and {b.shape}."
        )
    check_labels_alike(y_true=truth, prediction_a=a, prediction_b=b)
    right_a, right_b = a == truth, b == truth
    only_a, only_b = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    discordant = only_a + only_b
    excess = max(abs(only_a - only_b) - 1, 0)
    statistic = excess**2 / discordant if discordant else 0.0
    p_value = _mcnemar_p(only_a, only_b, statistic, method)
    low, high = paired_share_interval(only_a, only_b, n_rows, level)
    return PairedTest(float(statistic), p_value, (only_a - only_b) / n_rows, low, high)


def _mcnemar_p(only_a: int, only_b: int, statistic: float, method: str) -> float:
    discordant = only_a + only_b
    if discordant == 0:
        return 1.0
    if method == "chi2":
        return float(chi2.sf(statistic, 1))
    exact = float(binomtest(only_a, discordant).pvalue)
    if method == "exact":
        return exact
    return 1.0 if only_a == only_b else exact - float(binom.pmf(only_a, discordant, 0.5))


def delong_test(
    y_true: ArrayLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    pos_label: Any = None,
    confidence_level: float = 0.95,
) -> PairedTest:
    """Test whether two models have the same area under the ROC curve (DeLong et al. 1988).

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        Two classes, at least two rows of either.
    score_a, score_b : array-like of shape (n_rows,)
        Probabilities or decision values of the positive class.
    pos_label : label, optional
        The positive class; the one that sorts last when None.
    confidence_level : float in (0, 1), default=0.95

    Returns
    -------
    PairedTest
        ``statistic`` is standard normal under no difference; ``difference`` is the area of a less
        that of b.

    References
    ----------
    E. DeLong, D. DeLong and D. Clarke-Pearson (1988). Comparing the areas under two or more
    correlated receiver operating characteristic curves. Biometrics 44.

    Examples
    --------
    >>> y_true = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> test = delong_test(y_true, [1, 2, 3, 4, 5, 6, 7, 8], [1, 5, 3, 7, 2, 6, 4, 8])
    >>> round(test.difference, 3), round(test.p_value, 3)
    (0.375, 0.1)
    """
    level = check_level(confidence_level)
    positive = check_positives(y_true, pos_label)
    a, b = check_numbers("score_a", score_a), check_numbers("score_b", score_b)
    check_same_length(y_true=positive, score_a=a, score_b=b)
    areas, covariance = area_covariance(positive, np.stack([a, b]))
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    rounding = 1e-15 * (covariance[0, 0] + covariance[1, 1])
    error = float(np.sqrt(variance)) if variance > rounding else 0.0
    difference = float(areas[0] - areas[1])
    statistic = standardised(difference, error)
    half = float(norm.ppf((1 + level) / 2)) * error
    return PairedTest(
        statistic,
        float(2 * norm.sf(abs(statistic))),
        difference,
        max(difference - half, -1.0),
        min(difference + half, 1.0),
    )
