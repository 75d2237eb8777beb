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
    folds_of = _Pairs(np.arange(44), 0, 4).folds
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
    draws = _Pairs(np.arange(45), 0, 4)
    assert sorted(np.bincount(draws.folds(0))) == [11, 11, 11, 12]
    assert not np.array_equal(draws.folds(0), draws.folds(1))
    pair = draws[1]
    assert set(pair.train) | set(pair.test) == set(range(45))
    assert len(pair.test) in (22, 23)


GROUPS = np.random.default_rng(1).permutation(np.arange(45) % 17) * 3
"""Seventeen groups of two or three rows, their numbers with gaps."""


def groups_means(losses, groups):
    """Squared standard error of a mean over rows, from the groups' own sums: the textbook's."""
    residuals = [np.sum(losses[groups == group] - losses.mean()) for group in np.unique(groups)]
    g = len(residuals)
    return g / (g - 1) * np.sum(np.square(residuals)) / len(losses) ** 2


def test_groups_are_held_out_whole_and_tell_the_noise():
    """Algorithm 1 with groups for rows in the folds, and in the variance of a fold's mean."""
    found = nested_cross_validation(NEAREST, X, Y, groups=GROUPS, **QUICK)
    codes = np.unique(GROUPS, return_inverse=True)[1]
    gaps, noise, naive, inner, plain = [], [], [], [], []
    for repeat in range(3):
        folds = _Pairs(codes, 0, 4).folds(repeat)
        assert all(np.ptp(folds[group == GROUPS]) == 0 for group in GROUPS)
        losses = np.empty(45)
        for k in range(4):
            within = []
            for j in set(range(4)) - {k}:
                rest, out = (folds != k) & (folds != j), folds == j
                within.extend(Y[out] != NEAREST.fit(X[rest], Y[rest]).predict(X[out]))
            own = folds == k
            losses[own] = Y[own] != NEAREST.fit(X[~own], Y[~own]).predict(X[own])
            gaps.append((np.mean(within) - losses[own].mean()) ** 2)
            noise.append(groups_means(losses[own], GROUPS[own]))
            inner.append(np.sum(within))
        naive.append(groups_means(losses, GROUPS))
        plain.append(losses.mean())
    nested = np.sum(inner) / (3 * 45 * 3)
    assert_allclose(found.plain_estimate, np.mean(plain))
    assert_allclose(found.estimate, nested - 1.5 * (nested - np.mean(plain)))
    usual = np.mean(naive)
    expected = np.clip(0.75 * (np.mean(gaps) - np.mean(noise)), usual, 4 * usual)
    assert_allclose([found.naive_standard_error, found.standard_error], np.sqrt([usual, expected]))


def test_copies_of_rows_are_no_further_rows_once_they_are_groups():
    doubled = np.repeat(np.arange(45), 2)
    plain = nested_cross_validation(KNeighborsClassifier(1), X, Y, **QUICK)
    copies = nested_cross_validation(
        KNeighborsClassifier(1), X[doubled], Y[doubled], groups=doubled, **QUICK
    )
    for name in ("estimate", "standard_error", "naive_standard_error", "low", "high"):
        assert_allclose(getattr(copies, name), getattr(plain, name))


@pytest.mark.parametrize(("n_rows", "seed", "inflation"), [(24, 0, 1), (16, 0, None), (12, 0, 3)])
def test_the_width_is_held_between_the_usual_one_and_root_k_of_it(n_rows, seed, inflation):
    """Of labels of noise: where the mean squared error is too small, inside, and too large."""
    X = np.random.default_rng(seed).normal(size=(n_rows, 2))
    y = np.arange(n_rows) % 2
    given = {"n_folds": 3, "n_repeats": 2, "random_state": seed}
    found = nested_cross_validation(NEAREST, X, y, **given)
    folds_of = _Pairs(np.arange(n_rows), seed, 3).folds
    squared = algorithm_1(NEAREST, X, y, 3, 2, folds_of, lambda y, f: (y != f).astype(float))[2]
    naive = found.naive_standard_error
    ratio = 2 / 3 * squared / naive**2
    assert {1: ratio < 1, None: 1 < ratio < 3, 3: ratio > 3}[inflation]
    assert_allclose(found.inflation, np.sqrt(inflation or ratio))
    assert_allclose(found.standard_error, found.inflation * naive)
    half = 1.959963985 * naive
    usual = np.clip([found.plain_estimate - half, found.plain_estimate + half], 0, 1)
    assert_allclose([found.naive_low, found.naive_high], usual)


def test_ends_stay_in_the_range_of_the_loss():
    """One near neighbour of the other class for nearly every row: an error of nearly one."""
    place, y = np.repeat(np.arange(6.0), 2)[:, None], np.arange(12) % 2
    y[-2:] = 1
    given = (KNeighborsClassifier(1), place + 1e-3 * np.arange(12)[:, None] % 2, y)
    error = nested_cross_validation(*given, **QUICK)
    assert error.estimate + 1.96 * error.standard_error > 1
    assert error.plain_estimate + 1.96 * error.naive_standard_error > 1
    assert (error.high, error.naive_high) == (1, 1)
    assert nested_cross_validation(*given, scoring="accuracy", **QUICK).low == 0
    assert nested_cross_validation(*given, scoring="neg_brier_score", **QUICK).low == -1
    X = 100.0 * Y[:, None] + np.random.default_rng(0).normal(size=(45, 1))
    X[Y == 1] = np.where(np.arange(Y.sum()) == 0, 0, X[Y == 1].T).T  # one of the other kind
    right = nested_cross_validation(NEAREST, X, Y, **QUICK)
    assert right.plain_estimate - 1.96 * right.naive_standard_error < 0
    assert 0 <= right.low <= right.estimate
    assert right.naive_low == 0


def test_an_error_corrected_below_zero_is_zero():
    """Two rows of a class in two folds: right with either, wrong without both, and so a bias that
    is larger than the error."""
    X, y = np.r_[np.linspace(0, 1, 10), 3, 3.1][:, None], np.repeat([0, 1], [10, 2])
    quick = {"n_folds": 3, "n_repeats": 1, "random_state": 0}
    folds = _Pairs(np.arange(12), 0, 3).folds(0)
    assert folds[10] != folds[11]
    with pytest.warns(UserWarning, match="the interval is a point"):
        found = nested_cross_validation(KNeighborsClassifier(1), X, y, **quick)
    assert found.plain_estimate == found.estimate == 0


def test_a_root_of_an_error_has_the_root_of_its_ends_and_its_slope():
    table, y = make_regression(44, 3, noise=10, random_state=0)
    squared = nested_cross_validation(LinearRegression(), table, y, **QUICK)
    for scoring, sign in (("rmse", 1), ("neg_root_mean_squared_error", -1)):
        rooted = nested_cross_validation(LinearRegression(), table, y, scoring=scoring, **QUICK)
        ends = sorted([sign * np.sqrt(squared.low), sign * np.sqrt(squared.high)])
        assert rooted.kind == ("error" if sign == 1 else "score")
        assert_allclose([rooted.low, rooted.high], ends)
        assert_allclose(rooted.estimate, sign * np.sqrt(squared.estimate))
        slope = 0.5 / np.sqrt(squared.estimate)
        assert_allclose(rooted.standard_error, slope * squared.standard_error)
        assert_allclose(rooted.naive_standard_error, slope * squared.naive_standard_error)
        assert_allclose(rooted.inflation, squared.inflation)


def test_a_loss_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match=r"scoring must give finite losses; .* gave NaN or inf"):
        nested_cross_validation(NEAREST, X, Y, scoring=never, **QUICK)


def never(y, f):
    """A loss of each row that no row has."""
    return np.full(len(y), np.nan)


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
        ({"groups": np.arange(45) // 9}, "groups must have at least 6 groups, for 3 folds of 2; g"),
        (
            {"groups": np.arange(45) // 6, "n_folds": 5},
            r"n_folds must be an integer in \[3, 4\]; got 5",
        ),
        ({"groups": np.arange(44)}, "groups must"),
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
