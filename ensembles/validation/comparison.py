"""Is one model really better than another? The tests of the field, one paper one function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, chi2, f, norm, t

from ensembles.parameters import check_option, check_real, is_real
from ensembles.validation.checking import (
    check_level,
    check_numbers,
    check_positives,
    check_same_length,
)
from ensembles.validation.intervals import bootstrap_ci
from ensembles.validation.ranking import Ranking, friedman_test
from ensembles.validation.roc import area_covariance

__all__ = [
    "Comparison",
    "PairedTest",
    "compare_models",
    "corrected_resampled_t_test",
    "delong_test",
    "five_by_two_f_test",
    "mcnemar_test",
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
    if np.ptp(given) == 0:
        error = 0.0
    statistic = _ratio(mean, error)
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


def _ratio(difference: float, error: float) -> float:
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
    within = float(np.sum((table - table.mean(axis=1, keepdims=True)) ** 2))
    statistic = _ratio(float(np.sum(table**2)), 2 * within)
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
    right_a, right_b = a == truth, b == truth
    if n_rows == 0 or right_a.ndim != 1 or right_b.ndim != 1:
        raise ValueError("y_true and both predictions must be 1D labels and not be empty.")
    only_a, only_b = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    discordant = only_a + only_b
    excess = max(abs(only_a - only_b) - 1, 0)
    statistic = excess**2 / discordant if discordant else 0.0
    p_value = _mcnemar_p(only_a, only_b, statistic, method)
    share_a, share_b = (only_a + 1) / (n_rows + 2), (only_b + 1) / (n_rows + 2)
    error = np.sqrt((share_a + share_b - (share_a - share_b) ** 2) / (n_rows + 2))
    half = float(norm.ppf((1 + level) / 2) * error)
    centre = share_a - share_b
    return PairedTest(
        float(statistic),
        p_value,
        (only_a - only_b) / n_rows,
        max(centre - half, -1.0),
        min(centre + half, 1.0),
    )


def _mcnemar_p(only_a: int, only_b: int, statistic: float, method: str) -> float:
    discordant = only_a + only_b
    if discordant == 0:
        return 1.0
    if method == "chi2":
        return float(chi2.sf(statistic, 1))
    exact = float(binomtest(only_a, discordant).pvalue)
    if method == "exact":
        return exact
    from scipy.stats import binom

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
    statistic = _ratio(difference, error)
    half = float(norm.ppf((1 + level) / 2)) * error
    return PairedTest(
        statistic,
        float(2 * norm.sf(abs(statistic))),
        difference,
        max(difference - half, -1.0),
        min(difference + half, 1.0),
    )


# ---------------------------------------------------------------------------------------------
# One door to all of them


@dataclass(frozen=True)
class Comparison:
    """What `compare_models` found.

    Attributes
    ----------
    test : str
        Which test.
    statistic, p_value : float
        Two-sided. The paired bootstrap's statistic is the difference over its standard error.
    difference : float
        Score of a less score of b, in the unit of the score; of accuracies for McNemar's test, of
        areas for DeLong's.
    low, high : float or None
        Ends of its confidence interval; None where the test has none (5x2cv F).
    confidence_level : float
    n_compared : int
        Folds, or rows, that the test went by.
    n_excluded : int
        Rows left out because a model had no prediction for them.
    """

    test: str
    statistic: float
    p_value: float
    difference: float
    low: float | None
    high: float | None
    confidence_level: float
    n_compared: int
    n_excluded: int = 0

    def __str__(self) -> str:
        interval = ""
        if self.low is not None and self.high is not None:
            share = f"{100 * self.confidence_level:g} %"
            interval = f", {share} interval [{self.low:+.4g}, {self.high:+.4g}]"
        return f"{self.test}: difference {self.difference:+.4g}{interval}, p = {self.p_value:.3g}"


TESTS = ("corrected_t", "5x2cv_f", "mcnemar", "delong", "bootstrap", "friedman")


def compare_models(
    a: Any,
    b: Any = None,
    *,
    test: str | None = None,
    y_true: ArrayLike | None = None,
    n_train: float | ArrayLike | None = None,
    n_test: float | ArrayLike | None = None,
    metric: str | Callable[..., Any] | None = None,
    groups: ArrayLike | None = None,
    score: str = "test_score",
    pos_label: Any = None,
    confidence_level: float = 0.95,
    n_resamples: int = 2000,
    random_state: Any = None,
    **options: Any,
) -> Comparison | Ranking:
    """Tell whether the difference between two models, or among many, is real.

    Parameters
    ----------
    a, b : CrossValidation or array-like
        What the test goes by. For "corrected_t" and "5x2cv_f" scores per fold, shape (n_folds,),
        of the same folds; for "mcnemar", "delong" and "bootstrap" predictions of the same rows,
        shape (n_rows,) or (n_rows, n_classes). A `CrossValidation` holds both. For "friedman",
        ``a`` is a table of scores of shape (n_data_sets, n_models), or a dict of names to scores,
        and ``b`` is None.
    test : str, optional
        "corrected_t"
            Nadeau and Bengio's corrected resampled t-test; the default for two models.
        "5x2cv_f"
            Alpaydin's combined F-test, for five repeats of two folds.
        "mcnemar"
            McNemar's test of two classifiers' labels.
        "delong"
            DeLong's test of two areas under the ROC curve.
        "bootstrap"
            The paired bootstrap of any ``metric``.
        "friedman"
            Friedman's test with Nemenyi's or Holm's post-hoc comparison; the default when ``b`` is
            None.
    y_true : array-like of shape (n_rows,), optional
        The truth, for the tests that go by predictions.
    n_train, n_test : float or array-like of shape (n_folds,), optional
        Rows in a fold's training and test part, for "corrected_t" with bare scores.
    metric : str or callable, optional
        For "bootstrap": see `bootstrap_ci`.
    groups : array-like of shape (n_rows,), optional
        For "bootstrap": rows of a group stand or fall together.
    score : str, default="test_score"
        Which scores of a `CrossValidation` are compared.
    pos_label : label, optional
        For "delong": the positive class; the one that sorts last when None.
    confidence_level : float in (0, 1), default=0.95
    n_resamples, random_state
        For "bootstrap".
    **options : dict
        Further arguments of the test: ``method`` of "mcnemar" and "bootstrap"; ``names``,
        ``post_hoc``, ``control``, ``alpha`` and ``greater_is_better`` of "friedman".

    Returns
    -------
    Comparison, or Ranking for "friedman"

    Notes
    -----
    McNemar's, DeLong's and the bootstrap test take the predictions as given: they say whether
    *these* fitted models differ on new rows. The t- and F-tests ask about the learners: what would
    change with other training data is part of their error.

    Examples
    --------
    >>> result = compare_models([0.81, 0.83, 0.80], [0.78, 0.80, 0.79], n_train=200, n_test=100)
    >>> print(result)
    corrected_t: difference +0.02333, 95 % interval [-0.02202, +0.06869], p = 0.157
    """
    chosen = check_option(
        "test", ("friedman" if b is None else "corrected_t") if test is None else test, TESTS
    )
    level = check_level(confidence_level)
    if chosen == "friedman":
        if b is not None:
            raise ValueError(
                "b must be None with test='friedman': a holds the scores of all models."
            )
        return friedman_test(a, **options)
    if b is None:
        raise ValueError(f"b must be given with test={chosen!r}; got None.")
    if chosen in ("corrected_t", "5x2cv_f"):
        _no_options(options, chosen)
        return _compare_scores(chosen, a, b, score, n_train, n_test, level)
    pairs = _predictions(a, b, y_true)
    if chosen == "mcnemar":
        found = mcnemar_test(pairs.truth, *pairs.labels(), confidence_level=level, **options)
    elif chosen == "delong":
        _no_options(options, chosen)
        found = delong_test(
            pairs.truth, *pairs.scores(), pos_label=pos_label, confidence_level=level
        )
    else:
        found = _compare_by_bootstrap(
            pairs, metric, groups, level, n_resamples, random_state, options
        )
    return Comparison(chosen, *found, level, len(pairs.truth), pairs.n_excluded)


def _no_options(options: dict[str, Any], test: str) -> None:
    if options:
        raise TypeError(f"test={test!r} takes no further arguments; got {sorted(options)}.")


def _compare_scores(
    test: str, a: Any, b: Any, score: str, n_train: Any, n_test: Any, level: float
) -> Comparison:
    scores_a = check_numbers("scores of a", _fold_scores(a, score))
    scores_b = check_numbers("scores of b", _fold_scores(b, score))
    check_same_length(a=scores_a, b=scores_b)
    folds = _shared_folds(a, b)
    differences = scores_a - scores_b
    if test == "5x2cv_f":
        if folds is not None:
            _check_five_by_two(folds)
        found = five_by_two_f_test(differences)
        return Comparison(test, *found, level, len(differences))
    if folds is not None:
        n_train = [len(train) for train, _ in folds] if n_train is None else n_train
        n_test = [len(held_out) for _, held_out in folds] if n_test is None else n_test
    if n_train is None or n_test is None:
        raise ValueError(
            "n_train and n_test must be given with bare scores: the correction needs the rows in "
            f"the training and the test part of a fold; got n_train={n_train!r}, n_test={n_test!r}."
        )
    corrected = corrected_resampled_t_test(differences, n_train, n_test, confidence_level=level)
    return Comparison(test, *corrected[:5], level, len(differences))


def _folds_of(given: Any) -> Any:
    """A cross-validation's (train, test) rows; None for bare scores."""
    return getattr(given, "folds_", getattr(given, "splits_", None))


def _fold_scores(given: Any, score: str) -> Any:
    if _folds_of(given) is None:
        return np.ravel(given)
    try:
        return given[score]
    except KeyError:
        raise ValueError(f"score must name scores that both models have; got {score!r}.") from None


def _shared_folds(a: Any, b: Any) -> Any:
    folds = [own for own in map(_folds_of, (a, b)) if own is not None]
    if len(folds) == 2:
        same = len(folds[0]) == len(folds[1]) and all(
            np.array_equal(mine, theirs)
            for fold_a, fold_b in zip(*folds, strict=True)
            for mine, theirs in zip(fold_a, fold_b, strict=True)
        )
        if not same:
            raise ValueError("a and b must be of the same folds; their rows differ.")
    return folds[0] if folds else None


def _check_five_by_two(folds: Any) -> None:
    halves = [np.sort(held_out) for _, held_out in folds]
    swapped = len(folds) == 10 and all(
        np.array_equal(np.sort(folds[k][0]), halves[k + 1])
        and np.array_equal(np.sort(folds[k + 1][0]), halves[k])
        for k in range(0, 10, 2)
    )
    if not swapped:
        raise ValueError(
            "test='5x2cv_f' needs five repeats of two folds that swap their parts "
            f"(RepeatedKFold(n_splits=2, n_repeats=5)); got {len(folds)} folds of another kind."
        )


@dataclass(frozen=True)
class _Predictions:
    """Two models' predictions of the same rows."""

    truth: NDArray[Any]
    a: NDArray[Any]
    b: NDArray[Any]
    classes: NDArray[Any]
    known: NDArray[np.bool_]
    """Which of the rows given are left."""

    @property
    def n_excluded(self) -> int:
        return int(np.sum(~self.known))

    def labels(self) -> tuple[NDArray[Any], NDArray[Any]]:
        return self._labels(self.a), self._labels(self.b)

    def _labels(self, given: NDArray[Any]) -> NDArray[Any]:
        if given.ndim == 2:
            return np.asarray(self.classes[np.argmax(given, axis=1)])
        if np.isin(given, self.classes).all():
            return given
        if (
            given.dtype.kind == "f"
            and len(self.classes) == 2
            and 0 <= given.min() <= given.max() <= 1
        ):
            return np.asarray(self.classes[(given > 0.5).astype(int)])
        raise ValueError(f"predictions must be labels among {self.classes.tolist()}; got others.")

    def scores(self) -> tuple[NDArray[Any], NDArray[Any]]:
        return _of_positive_class(self.a), _of_positive_class(self.b)


def _of_positive_class(given: NDArray[Any]) -> NDArray[Any]:
    if given.ndim == 1:
        return given
    if given.shape[1] != 2:
        raise ValueError(f"test='delong' needs two classes; got probabilities of {given.shape[1]}.")
    return np.asarray(given[:, 1])


def _predictions(a: Any, b: Any, y_true: Any) -> _Predictions:
    if y_true is None:
        raise ValueError("y_true must be given for a test that goes by predictions; got None.")
    truth = np.asarray(y_true)
    held_out = any(hasattr(model, "oof_prediction_") for model in (a, b))
    first = np.asarray(getattr(a, "oof_prediction_", a))
    second = np.asarray(getattr(b, "oof_prediction_", b))
    n_rows = check_same_length(y_true=truth, a=first, b=second)
    missing = _missing(first) | _missing(second)
    if missing.any() and not held_out:
        raise ValueError(
            f"predictions must not hold NaN; got some in {int(missing.sum())} of {n_rows} rows, "
            f"the first in row {int(np.argmax(missing))}."
        )
    if missing.all():
        raise ValueError("a and b must have predicted some row in common; every row has a NaN.")
    known = ~missing
    return _Predictions(truth[known], first[known], second[known], np.unique(truth), known)


def _missing(given: NDArray[Any]) -> NDArray[np.bool_]:
    if given.dtype.kind != "f":
        return np.zeros(len(given), dtype=bool)
    return np.asarray(np.isnan(given).reshape(len(given), -1).any(axis=1))


def _compare_by_bootstrap(
    pairs: _Predictions,
    metric: Any,
    groups: Any,
    level: float,
    n_resamples: int,
    random_state: Any,
    options: dict[str, Any],
) -> PairedTest:
    if metric is None:
        raise ValueError("metric must be given with test='bootstrap'; got None.")
    if groups is not None:
        check_same_length(y_true=pairs.known, groups=np.asarray(groups))
        groups = np.asarray(groups)[pairs.known]
    interval = bootstrap_ci(
        metric,
        pairs.truth,
        pairs.a,
        paired_with=pairs.b,
        groups=groups,
        confidence_level=level,
        n_resamples=n_resamples,
        random_state=random_state,
        **options,
    )
    return PairedTest(
        _ratio(interval.estimate, interval.standard_error),
        interval.p_value(),
        interval.estimate,
        interval.low,
        interval.high,
    )
