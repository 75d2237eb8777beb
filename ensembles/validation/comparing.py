"""One door to the tests: are two models, or many, really different?"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensembles.parameters import check_option
from ensembles.validation.checking import (
    check_level,
    check_numbers,
    check_same_length,
    one_column,
)
from ensembles.validation.comparison import (
    PairedTest,
    corrected_resampled_t_test,
    delong_test,
    five_by_two_f_test,
    mcnemar_test,
    standardised,
)
from ensembles.validation.intervals import bootstrap_ci
from ensembles.validation.leaderboard import Leaderboard
from ensembles.validation.ranking import Ranking, friedman_test
from ensembles.validation.result import CrossValidation

__all__ = ["Comparison", "compare_models"]


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
        and ``b`` is None. Folds of one data set share their rows and are no data sets.
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
        For "delong": the positive class; the one that sorts last when None. Of probabilities in two
        columns its own are the scores, scores in one are taken for its.
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

    References
    ----------
    C. Nadeau and Y. Bengio (2003). Inference for the generalization error. Machine Learning 52.

    E. Alpaydin (1999). Combined 5x2cv F test for comparing supervised classification learning
    algorithms. Neural Computation 11.

    Q. McNemar (1947). Note on the sampling error of the difference between correlated proportions.
    Psychometrika 12.

    E. DeLong, D. DeLong and D. Clarke-Pearson (1988). Comparing the areas under two or more
    correlated receiver operating characteristic curves. Biometrics 44.

    J. Demsar (2006). Statistical comparisons of classifiers over multiple data sets. Journal of
    Machine Learning Research 7.

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
        _check_table(a)
        return friedman_test(a, **options)
    if b is None:
        raise ValueError(f"b must be given with test={chosen!r}; got None.")
    _check_one("a", a)
    _check_one("b", b)
    if chosen in ("corrected_t", "5x2cv_f"):
        _no_options(options, chosen)
        return _told(_compare_scores(chosen, a, b, score, n_train, n_test, level))
    pairs = _predictions(a, b, y_true)
    if chosen == "mcnemar":
        found = mcnemar_test(pairs.truth, *pairs.labels(), confidence_level=level, **options)
    elif chosen == "delong":
        _no_options(options, chosen)
        found = delong_test(
            pairs.truth, *pairs.scores(pos_label), pos_label=pos_label, confidence_level=level
        )
    else:
        found = _compare_by_bootstrap(
            pairs, metric, groups, level, n_resamples, random_state, options
        )
    return _told(Comparison(chosen, *found, level, len(pairs.truth), pairs.n_excluded))


def _told(found: Comparison) -> Comparison:
    """Warn of a difference that nothing contradicts, unless the bootstrap has said so itself."""
    if np.isinf(found.statistic) and found.test != "bootstrap":
        warnings.warn(
            f"a and b differ by {found.difference:.4g} wherever they are compared: a p-value of "
            f"{found.p_value:.2g}, and an interval that is a point, say nothing of how sure that "
            "is.",
            UserWarning,
            stacklevel=3,
        )
    return found


def _check_one(name: str, given: Any) -> None:
    """Refuse what is neither a cross-validation nor an array, and say what would be one."""
    if _folds_of(given) is not None:
        return
    if isinstance(given, Leaderboard):
        way = f"take its models, such as board[{next(iter(given))!r}]"
    elif hasattr(given, "fit"):
        way = "cross_validate it first, and its rival on the same folds"
    elif isinstance(given, Mapping):
        way = "take its scores, result['test_score']"
    elif isinstance(given, str):
        way = "give the scores or the predictions themselves"
    else:
        return
    raise ValueError(
        f"{name} must be a CrossValidation or an array; got a {type(given).__name__}: {way}."
    )


def _check_table(given: Any) -> None:
    """Refuse one model, or models on one data set, in the place of scores on many."""
    if _folds_of(given) is not None:
        raise ValueError("b must be given where a is a CrossValidation; got None.")
    within = given.values() if isinstance(given, Mapping) else given
    models = isinstance(given, Leaderboard) or (
        isinstance(given, Mapping | list | tuple)
        and any(isinstance(one, CrossValidation) or hasattr(one, "fit") for one in within)
    )
    if models or hasattr(given, "fit") or isinstance(given, str):
        raise ValueError(
            "a must hold a score for each model on each of many data sets where b is None; got "
            f"a {type(given).__name__}. Compare the cross-validations of two models on one data "
            "set by compare_models(a, b)."
        )


def _no_options(options: dict[str, Any], test: str) -> None:
    if options:
        raise TypeError(f"test={test!r} takes no further arguments; got {sorted(options)}.")


def _compare_scores(
    test: str, a: Any, b: Any, score: str, n_train: Any, n_test: Any, level: float
) -> Comparison:
    folds = _shared_folds(a, b)
    _check_same_score(a, b, score)
    scores_a = check_numbers("scores of a", _fold_scores(a, score))
    scores_b = check_numbers("scores of b", _fold_scores(b, score))
    if len(scores_a) != len(scores_b):
        raise ValueError(
            "a and b must hold scores of the same folds; got "
            f"{len(scores_a)} and {len(scores_b)} of them."
        )
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
            "the training and the test part of a fold, and predictions need test='bootstrap', "
            f"'mcnemar' or 'delong'; got n_train={n_train!r}, n_test={n_test!r}."
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
        names = [name for name in given if str(name).startswith("test_")]
        raise ValueError(
            f"score must name scores that both models have, one of {names}; got {score!r}."
        ) from None


def _check_same_score(a: Any, b: Any, score: str) -> None:
    """Refuse to subtract one kind of score from another: accuracies from areas."""
    names = [getattr(model, "scorer_name_", "score") for model in (a, b)]
    unnamed = "score" in names  # the estimator's own, or a callable's
    if score == "test_score" and not unnamed and names[0] != names[1]:
        raise ValueError(
            f"a and b must be scored alike; a has {names[0]!r}, b has {names[1]!r}. Name scores "
            "that both have by score=."
        )


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
        if given.ndim == 2 and given.shape[1] != len(self.classes):
            raise ValueError(
                f"predictions must be labels, or have one column for each of {len(self.classes)} "
                f"classes; got shape {given.shape}."
            )
        if given.ndim == 2:
            return np.asarray(self.classes[np.argmax(given, axis=1)])
        if given.dtype.kind != "f" or np.isin(given, self.classes).all():
            return given
        if (
            given.dtype.kind == "f"
            and len(self.classes) == 2
            and 0 <= given.min() <= given.max() <= 1
        ):
            return np.asarray(self.classes[(given > 0.5).astype(int)])
        raise ValueError(f"predictions must be labels among {self.classes.tolist()}; got others.")

    def scores(self, pos_label: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        known = self.classes.tolist()
        place = known.index(pos_label) if pos_label in known else -1
        return _of_class(self.a, place), _of_class(self.b, place)


def _of_class(given: NDArray[Any], place: int) -> NDArray[Any]:
    if given.ndim == 1:
        return given
    if given.shape[1] != 2:
        raise ValueError(f"test='delong' needs two classes; got probabilities of {given.shape[1]}.")
    return np.asarray(given[:, place])


def _predictions(a: Any, b: Any, y_true: Any) -> _Predictions:
    if y_true is None:
        raise ValueError("y_true must be given for a test that goes by predictions; got None.")
    truth = one_column(y_true)
    held_out = any(hasattr(model, "oof_prediction_") for model in (a, b))
    first, second = _answers_of(a), _answers_of(b)
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
    classes = _classes_of(truth, a, b)
    return _Predictions(truth[known], first[known], second[known], classes, known)


def _answers_of(given: Any) -> NDArray[Any]:
    """A cross-validation's out-of-fold answers, or the predictions themselves."""
    return one_column(getattr(given, "oof_prediction_", given))


def _classes_of(truth: NDArray[Any], *models: Any) -> NDArray[Any]:
    """The classes in the order of probabilities' columns: the models' own, where they say."""
    present = np.unique(truth)
    for model in models:
        classes = getattr(model, "classes_", None)
        if classes is None:
            continue
        strangers = [label for label in present.tolist() if label not in classes.tolist()]
        if strangers:
            raise ValueError(
                f"y_true must hold the labels that the models were trained on, {classes.tolist()}; "
                f"got {strangers[:5]}."
            )
        return np.asarray(classes)
    return present


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
    if pairs.a.ndim == 2 and pairs.a.shape[1] == len(pairs.classes):
        options = {"labels": pairs.classes, **options}
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
        standardised(interval.estimate, interval.standard_error),
        interval.p_value(),
        interval.estimate,
        interval.low,
        interval.high,
    )
