"""Nested cross-validation beside the algorithm of the paper, written as loops over fits."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification, make_regression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from ensembles.validation import nested_cross_validation
from ensembles.validation.nested import _Pairs

X, Y = make_classification(45, 4, flip_y=0.2, random_state=0)
NEAREST = KNeighborsClassifier(3)
QUICK = {"n_folds": 4, "n_repeats": 3, "random_state": 0}


def algorithm_1(learner, X, y, n_folds, n_repeats, folds_of, loss):
    """Bates, Hastie and Tibshirani (2023), algorithm 1, every inner learner fitted anew."""
    gaps, noise, inner_errors, plain = [], [], [], []
    for repeat in range(n_repeats):
        folds = folds_of(repeat)
        for k in range(n_folds):
            within = []
            for j in set(range(n_folds)) - {k}:
                rest = (folds != k) & (folds != j)
                said = learner.fit(X[rest], y[rest]).predict(X[folds == j])
                within.extend(loss(y[folds == j], said))
            said = learner.fit(X[folds != k], y[folds != k]).predict(X[folds == k])
            out = loss(y[folds == k], said)
            gaps.append((np.mean(within) - np.mean(out)) ** 2)
            noise.append(np.var(out, ddof=1) / len(out))
            inner_errors.append(np.mean(within))
            plain.append(out)
    squared = np.mean(gaps) - np.mean(noise)
    return np.mean(inner_errors), np.mean(np.concatenate(plain)), squared


@pytest.mark.parametrize("regression", [False, True])
def test_the_estimate_is_algorithm_1(regression):
    if regression:
        table, y = make_regression(44, 3, noise=10, random_state=0)
        learner, loss = LinearRegression(), lambda y, f: (y - f) ** 2
    else:
        table, y, learner, loss = X[:44], Y[:44], NEAREST, lambda y, f: (y != f).astype(float)
    folds_of = _Pairs(44, 0, 4).folds
    nested, plain, squared = algorithm_1(learner, table, y, 4, 3, folds_of, loss)
    found = nested_cross_validation(learner, table, y, confidence_level=0.9, **QUICK)
    assert_allclose(found.plain_estimate, plain)
    assert_allclose(found.estimate, nested - (1 + 2 / 4) * (nested - plain))
    naive = found.naive_standard_error
    expected = np.sqrt(np.clip(0.75 * squared, naive**2, 4 * naive**2))
    assert_allclose(found.standard_error, expected)
    assert_allclose(found.high - found.estimate, 1.6448536 * expected)
    assert found.n_fits == 3 * 4 * 5 / 2


def test_folds_are_nearly_equal_and_change_with_every_repeat():
    draws = _Pairs(45, 0, 4)
    assert sorted(np.bincount(draws.folds(0))) == [11, 11, 11, 12]
    assert not np.array_equal(draws.folds(0), draws.folds(1))
    pair = draws[1]
    assert set(pair.train) | set(pair.test) == set(range(45))
    assert len(pair.test) in (22, 23)


def test_scores_stand_on_their_heads():
    error = nested_cross_validation(NEAREST, X, Y, **QUICK)
    score = nested_cross_validation(NEAREST, X, Y, scoring="accuracy", **QUICK)
    assert (error.kind, score.kind) == ("error", "score")
    assert_allclose(score.estimate, 1 - error.estimate)
    assert_allclose([score.low, score.high], [1 - error.high, 1 - error.low])
    assert_allclose(score.standard_error, error.standard_error)
    assert 1 <= error.inflation <= 2
    assert "nested" in str(error)


def test_the_result_is_the_same_for_every_number_of_workers():
    given = (LogisticRegression(), X, Y)
    assert nested_cross_validation(*given, **QUICK) == nested_cross_validation(
        *given, n_jobs=2, **QUICK
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"n_folds": 2}, r"n_folds must be an integer in \[3, 22\]; got 2"),
        ({"n_folds": 40}, r"n_folds must be an integer in \[3, 22\]; got 40"),
        ({"n_repeats": 0}, "n_repeats must be an integer >= 1"),
        ({"scoring": "roc_auc"}, "scoring must be a mean over rows here"),
        ({"scoring": "log", "estimator": LinearSVC()}, "needs predict_proba"),
        ({"confidence_level": 0}, r"confidence_level must be a number in \(0, 1\)"),
        ({"X": X[:4], "y": [0, 1, 0, 1], "n_folds": 3}, "at least 6 rows, for 3 folds of 2; got 4"),
        ({"y": np.ones(45)}, "at least 2 classes"),
    ],
)
def test_bad_input_gets_an_error_that_says_so(changed, message):
    given = {"estimator": NEAREST, "X": X, "y": Y, **QUICK, **changed}
    with pytest.raises(ValueError, match=message):
        nested_cross_validation(**given)


def test_rules_that_never_err_have_a_point_for_an_interval_and_say_so():
    with pytest.warns(UserWarning, match="'zero_one' is 0 in every row: the interval is a point"):
        found = nested_cross_validation(NEAREST, 100.0 * Y[:, None], Y, **QUICK)
    assert (found.low, found.estimate, found.high) == (0, 0, 0)
