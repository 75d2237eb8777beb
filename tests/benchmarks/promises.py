"""The simulations behind the honest numbers: each paper's setting, as a function of its size.

`bench_honest_numbers.py` prints them in full beside what the papers promise; the tests call them
with few repetitions.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logsumexp
from scipy.stats import norm, t
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles import AdaBoostClassifier, BaggingClassifier, BaggingRegressor
from ensembles.uncertainty import infinitesimal_jackknife, jackknife_after_bootstrap
from ensembles.validation import (
    bias_variance,
    bootstrap_score,
    corrected_resampled_t_test,
    nested_cross_validation,
)
from ensembles.validation.bootstrap import point_632, point_632_plus
from ensembles.validation.intervals import (
    basic_interval,
    bca_interval,
    drawn_counts,
    expanded_level,
    percentile_interval,
    studentized_interval,
)
from ensembles.validation.metrics import Rows, statistic_of

SEPARATION = 1.5
"""Distance of the two classes' scores, in standard deviations."""


# ---------------------------------------------------------------------------------------------
# 95 % intervals


def classes_and_scores(rng, n):
    """Two normal classes and the true log-odds of the second."""
    y = rng.integers(0, 2, n)
    x = rng.normal(SEPARATION * (y - 0.5), 1.0)
    return y, SEPARATION * x


def truths() -> dict[str, float]:
    """What the metrics are on infinitely many rows."""
    x = np.linspace(-12, 12, 200_001)
    density = norm.pdf(x - SEPARATION / 2)
    log_loss = float(np.sum(density * np.logaddexp(0, -SEPARATION * x)) * (x[1] - x[0]))
    return {
        "accuracy": float(norm.cdf(SEPARATION / 2)),
        "roc_auc": float(norm.cdf(SEPARATION / np.sqrt(2))),
        "log_loss": log_loss,
        "rmse": 1.0,
        "r2": 0.5,
    }


def predictions(rng, metric, n):
    """A sample of n rows: truth and predictions."""
    if metric in ("rmse", "r2"):
        signal = rng.normal(size=n)
        return signal + rng.normal(size=n), signal
    while True:
        y, odds = classes_and_scores(rng, n)
        if 1 < y.sum() < n - 1:
            break
    if metric == "accuracy":
        return y, (odds > 0).astype(int)
    return y, expit(odds)


def intervals(statistic, counts, level=0.95):
    """All intervals from the same resamples, and the one that is given unasked as "default"."""
    values, errors = statistic.values(counts), statistic.errors(counts)
    defined = np.isfinite(values)
    values, errors = values[defined], errors[defined]
    ones = np.ones((1, statistic.n_units))
    estimate, error = float(statistic.values(ones)[0]), float(statistic.errors(ones)[0])
    wider = expanded_level(level, statistic.n_units)
    found = {
        "bca": bca_interval(estimate, values, statistic.influence(), wider),
        "percentile": percentile_interval(values, wider),
        "basic": basic_interval(estimate, values, level),
        "studentized": studentized_interval(estimate, error, values, errors, level),
    }
    by_formula = statistic.by_formula(level)
    if by_formula is not None:
        found["formula"] = by_formula
    found["default"] = found[statistic.usual]
    return {
        name: (max(low, statistic.low), min(high, statistic.high))
        for name, (low, high) in found.items()
    }


def interval_coverage(metric, n, n_simulations, n_resamples=1000, seed=7):
    """Share of samples whose interval holds the truth, for every method."""
    truth = truths()[metric]
    counts = drawn_counts(seed, 0, n_resamples, n)
    held = Counter()
    rng = np.random.default_rng((seed, n))
    for _ in range(n_simulations):
        y_true, y_pred = predictions(rng, metric, n)
        rows = Rows(y_true, None, None, n, None, None)
        statistic = statistic_of(metric, rows, y_pred)
        for method, (low, high) in intervals(statistic, counts).items():
            held[method] += low <= truth <= high
    return {method: count / n_simulations for method, count in held.items()}


# ---------------------------------------------------------------------------------------------
# .632+


def noise(rng, n):
    """Two classes of equal size that five columns know nothing about."""
    return rng.normal(size=(n, 5)), rng.permutation(np.arange(n) % 2)


def two_normals(rng, n):
    """Efron and Tibshirani's (20, 2): two bivariate normal classes, their means one apart."""
    y = rng.integers(0, 2, n)
    X = rng.normal(size=(n, 2))
    X[:, 0] += y - 0.5
    return X, y


def bootstrap_estimates(learner, problem, n=20, n_simulations=200, n_resamples=50):
    """Mean of the estimates and of the true error, and each one's root mean squared error."""
    rng = np.random.default_rng(3)
    X_test, y_test = problem(rng, 5000)
    found = []
    while len(found) < n_simulations:
        X, y = problem(rng, n)
        if min(np.bincount(y, minlength=2)) < 3:
            continue
        score = bootstrap_score(
            learner, X, y, method="oob", n_resamples=n_resamples, random_state=len(found)
        )
        numbers = (score.training_error, score.oob_error)
        truth = 1 - learner.fit(X, y).score(X_test, y_test)
        left_out = 1 - cross_val_score(learner, X, y, cv=LeaveOneOut()).mean()
        found.append(
            (
                truth,
                score.oob_error,
                point_632(*numbers),
                point_632_plus(*numbers, score.no_information_rate),
                left_out,
                score.standard_error,
            )
        )
    table = np.array(found)
    names = ("truth", "oob", ".632", ".632+", "leave-one-out")
    errors = np.sqrt(np.mean((table[:, :5] - table[:, :1]) ** 2, axis=0))
    return {
        "mean": dict(zip(names, table[:, :5].mean(axis=0), strict=True)),
        "rmse": dict(zip(names, errors, strict=True)),
        "deviation of oob": float(table[:, 1].std()),
        "its standard error": float(np.sqrt(np.mean(table[:, 5] ** 2))),
        "simulation error": float(table[:, 3].std() / np.sqrt(n_simulations)),
    }


# ---------------------------------------------------------------------------------------------
# Type I error


def differences_on_splits(rng, kind, n_rows, n_splits, share):
    """Score differences of two learners that are equally good, on random splits of one sample.

    One learns from the first half of the columns, the other from the second, and the halves are
    alike.
    """
    n_columns, n_test = 10, round(share * n_rows)
    X = rng.normal(size=(n_rows, n_columns))
    signal = X.sum(axis=1) / np.sqrt(n_columns)
    y = signal + rng.normal(size=n_rows)
    if kind == "centroid":
        y = np.sign(y)
    found = np.empty(n_splits)
    for split in range(n_splits):
        order = rng.permutation(n_rows)
        test, train = order[:n_test], order[n_test:]
        losses = []
        for half in (X[:, :5], X[:, 5:]):
            if kind == "ridge":
                gram = half[train].T @ half[train] + np.eye(5)
                slopes = np.linalg.solve(gram, half[train].T @ y[train])
                losses.append(np.mean((y[test] - half[test] @ slopes) ** 2))
            else:
                up, down = (half[train][y[train] == side].mean(axis=0) for side in (1, -1))
                decided = np.sign((half[test] - (up + down) / 2) @ (up - down))
                losses.append(np.mean(decided != y[test]))
        found[split] = losses[0] - losses[1]
    return found, n_rows - n_test, n_test


def type_i_errors(kind, n_simulations, n_rows=200, n_splits=15, share=0.1):
    """Share of simulations in which equal learners are called different at the 5 % level."""
    rng = np.random.default_rng(11)
    rejected = {"corrected": 0, "uncorrected": 0}
    for _ in range(n_simulations):
        differences, n_train, n_test = differences_on_splits(rng, kind, n_rows, n_splits, share)
        test = corrected_resampled_t_test(differences, n_train, n_test)
        rejected["corrected"] += test.p_value < 0.05
        if np.ptp(differences) > 0:
            plain = differences.mean() / (differences.std(ddof=1) / np.sqrt(n_splits))
            rejected["uncorrected"] += 2 * t.sf(abs(plain), n_splits - 1) < 0.05
    return {name: count / n_simulations for name, count in rejected.items()}


# ---------------------------------------------------------------------------------------------
# Intervals and variances of a bag


class Spread(NamedTuple):
    """A mean over simulations and its standard error."""

    mean: float
    error: float

    @classmethod
    def of(cls, values):
        """Summarise independent values."""
        return cls(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values))))


class ScaledRidge(Ridge):
    """Kim, Xu and Barber's ridge: penalty .001 of the squared largest singular value.

    This, 200 training rows, 50 members, the binomial number of them, and draws of a tenth of the
    rows to all of them are as MAPIE's reproduction of the paper has them (its example
    plot_kim2020_simulations.py); the data there are not at hand.
    """

    def fit(self, X, y):
        """Fit with the penalty that these rows ask for."""
        self.alpha = 0.001 * np.linalg.norm(X, 2) ** 2
        return super().fit(X, y)


BASES = {
    "ridge": ScaledRidge(),
    "forest": RandomForestRegressor(20, criterion="absolute_error", random_state=0),
    "tree": DecisionTreeRegressor(),
}
"""Two of the paper's three base learners, and a tree, which is less stable than either."""


def random_size(rng, n_members, n, drawn):
    """Draw the number of members that Kim, Xu and Barber's theorem is about: binomial."""
    share = (1 - 1 / (n + 1)) ** drawn
    return rng.binomial(int(n_members / share), share)


def linear(rng, n, n_columns):
    """A linear signal of variance 10 in noise of variance 1."""
    slopes = np.random.default_rng(0).normal(size=n_columns) / np.sqrt(n_columns)
    X = rng.normal(size=(n, n_columns))
    return X, X @ slopes * np.sqrt(10) + rng.normal(size=n)


def skewed(rng, n, n_columns):
    """A curved signal; noise of one tail that grows with the first column."""
    X = rng.normal(size=(n, n_columns))
    noise = (rng.exponential(size=n) - 1) * (0.5 + np.abs(X[:, 0]))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] ** 2 + noise


def interval_of_a_bag_coverage(
    base,
    n_columns,
    n_repeats,
    n=200,
    alpha=0.1,
    n_members=50,
    problem=linear,
    fixed=True,
    share=1.0,
):
    """Share of new targets inside `Bagging.predict_interval`, over training sets.

    Members learn from ``share`` of the rows.
    """
    covered = []
    for seed in range(n_repeats):
        rng = np.random.default_rng((5, seed))
        X, y = problem(rng, n + 500, n_columns)
        size = n_members if fixed else random_size(rng, n_members, n, round(share * n))
        bag = BaggingRegressor(base, size, max_samples=share, oob_score=True, random_state=seed)
        bag.fit(X[:n], y[:n])
        low, high = bag.predict_interval(X[n:], alpha=alpha).T
        covered.append(np.mean((low <= y[n:]) & (y[n:] <= high)))
    return Spread.of(covered)


def cosine(rng, n):
    """Wager, Hastie and Efron's cosine: two columns, no noise."""
    X = rng.random((n, 2))
    return X, 3 * np.cos(np.pi * (X[:, 0] + X[:, 1]))


def exclusive_or(rng, n):
    """Their XOR: fifty columns, four of which matter."""
    X = rng.random((n, 50))
    high = X[:, :4] > 0.6
    return X, 5.0 * ((high[:, 0] ^ high[:, 1]).astype(int) + (high[:, 2] ^ high[:, 3]))


def conjunction(rng, n):
    """Their AND: five hundred columns, four of which matter."""
    X = rng.random((n, 500))
    return X, 10.0 * np.all(X[:, :4] > 0.3, axis=1)


def noisy_line(rng, n):
    """A line in noise, for a learner that is smooth in its rows."""
    X = rng.normal(size=(n, 2))
    return X, X[:, 0] + rng.normal(size=n)


class Variances(NamedTuple):
    """Variances of a bag's prediction, averaged over new rows, of every training set."""

    infinitesimal: np.ndarray
    jackknife: np.ndarray
    """Both without what a finite number of members adds."""
    monte_carlo: np.ndarray
    """What it adds."""
    answers: np.ndarray
    """The bag's predictions, shape (n_training_sets, n_rows)."""

    def simulated(self, which=slice(None)):
        """Variance over training sets of a bag of infinitely many members."""
        return self.answers[which].var(axis=0, ddof=1).mean() - self.monte_carlo[which].mean()

    def ratio(self, estimates):
        """Mean estimate over the simulated variance, and its bootstrap standard error."""
        rng, n = np.random.default_rng(0), len(self.answers)

        def ratio_of(which):
            return estimates[which].mean() / self.simulated(which)

        drawn = [ratio_of(rng.integers(0, n, n)) for _ in range(200)]
        return Spread(float(ratio_of(np.arange(n))), float(np.std(drawn)))


def variances_of_a_bag(problem, n, n_members, n_repeats, base=None):
    """Estimate the variance of a bag's prediction on many training sets."""
    points, _ = problem(np.random.default_rng(1), 50)
    found = []
    for seed in range(n_repeats):
        X, y = problem(np.random.default_rng((9, seed)), n)
        bag = BaggingRegressor(base or DecisionTreeRegressor(), n_members, random_state=seed)
        answers = bag.fit(X, y).predict_all(points)
        drawn = bag.estimators_samples_
        counts = np.stack([np.bincount(rows, minlength=n) for rows in drawn])
        found.append(
            (
                infinitesimal_jackknife(answers, counts).mean(),
                jackknife_after_bootstrap(answers, counts == 0).mean(),
                answers.var(axis=0).mean() / n_members,
                answers.mean(axis=0),
            )
        )
    return Variances(*map(np.array, zip(*found, strict=True)))


class LeastSquares(NamedTuple):
    """Both jackknives of a bag of lines, and White's sandwich, over the exact variance."""

    infinitesimal: Spread
    jackknife: Spread
    sandwich: Spread


def slopes_of_resamples(table, y, counts):
    """Least squares of every resample, shape (n_resamples, n_columns)."""
    squares = np.einsum("bi,ij,ik->bjk", counts, table, table, optimize=True)
    return np.linalg.solve(squares, ((counts * y) @ table)[:, :, None])[:, :, 0]


def variances_of_least_squares(n, n_members, n_repeats):
    """Estimate the variance of a bag of lines over the exact one (`noisy_line`).

    Given its columns a line at a point is a weighted sum of the targets, of mean the truth: the
    variance over training sets is the mean of the sum of squared weights, with nothing simulated
    but that mean. A bag of lines varies as a line does, within half a percent.
    """
    points = _with_ones(noisy_line(np.random.default_rng(1), 50)[0])
    found = []
    for seed in range(n_repeats):
        X, y = noisy_line(np.random.default_rng((9, seed)), n)
        rng = np.random.default_rng((77, seed))
        counts = rng.multinomial(n, np.full(n, 1 / n), n_members)
        table = _with_ones(X)
        answers = slopes_of_resamples(table, y, counts) @ points.T
        solver = np.linalg.solve(table.T @ table, table.T)
        squares = (points @ solver) ** 2
        found.append(
            (
                infinitesimal_jackknife(answers, counts).mean(),
                jackknife_after_bootstrap(answers, counts == 0).mean(),
                (squares @ (y - table @ (solver @ y)) ** 2).mean(),
                squares.sum(axis=1).mean(),
            )
        )
    *estimates, exact = np.array(found).T
    return LeastSquares(*(ratio_of_means(part, exact) for part in estimates))


def _with_ones(X):
    return np.column_stack([np.ones(len(X)), X])


def ratio_of_means(values, others):
    """Mean over mean, and its standard error by the delta method."""
    ratio = values.mean() / others.mean()
    return Spread(float(ratio), Spread.of(values - ratio * others).error / float(others.mean()))


def variance_by_members(n, few, many, n_repeats):
    """Mean V_IJ-U of few members over that of many more, on the same training sets (cosine)."""
    small, large = (variances_of_a_bag(cosine, n, size, n_repeats) for size in (few, many))
    rng = np.random.default_rng(0)
    pairs = np.column_stack([small.infinitesimal, large.infinitesimal])
    drawn = [pairs[rng.integers(0, n_repeats, n_repeats)].mean(axis=0) for _ in range(200)]
    few_mean, many_mean = pairs.mean(axis=0)
    return Spread(float(few_mean / many_mean), float(np.std([a / b for a, b in drawn])))


# ---------------------------------------------------------------------------------------------
# Bias and variance

WAVES = np.maximum(6 - np.abs(np.arange(1, 22) - np.array([[11], [15], [7]])), 0).astype(float)
PAIRS = np.array([[0, 1], [0, 2], [1, 2]])
EDGE = 2 / np.sqrt(20)


def waveform(rng, n):
    """Three classes of mixed triangular waves, and their probabilities."""
    y = rng.integers(0, 3, n)
    share = rng.random((n, 1))
    first, second = WAVES[PAIRS[y, 0]], WAVES[PAIRS[y, 1]]
    X = share * first + (1 - share) * second + rng.normal(size=(n, 21))
    shares = np.linspace(0, 1, 201)[:, None]
    weights = np.full(201, 1 / 200)
    weights[[0, -1]] /= 2
    logs = []
    for a, b in PAIRS:
        centres = shares * WAVES[a] + (1 - shares) * WAVES[b]
        distances = X @ centres.T - 0.5 * np.sum(centres**2, axis=1)
        logs.append(logsumexp(distances, b=weights, axis=1))
    return X, y, _normalised(logs)


def _normalised(logs):
    stacked = np.column_stack(logs)
    return np.exp(stacked - logsumexp(stacked, axis=1, keepdims=True))


def _log_normal(X, mean, variance=1.0):
    width = X.shape[1]
    return -0.5 * np.sum((X - mean) ** 2, axis=1) / variance - 0.5 * width * np.log(variance)


def twonorm(rng, n):
    """Two normal classes in twenty dimensions."""
    y = rng.integers(0, 2, n)
    X = rng.normal(size=(n, 20)) + np.where(y == 1, -EDGE, EDGE)[:, None]
    return X, y, _normalised([_log_normal(X, EDGE), _log_normal(X, -EDGE)])


def threenorm(rng, n):
    """One class of two normal clouds, one of a third."""
    y = rng.integers(0, 2, n)
    side = rng.choice([-1, 1], n)
    other = EDGE * np.where(np.arange(20) % 2, -1, 1)
    X = rng.normal(size=(n, 20)) + np.where((y == 0)[:, None], EDGE * side[:, None], other)
    both = np.logaddexp(_log_normal(X, EDGE), _log_normal(X, -EDGE)) - np.log(2)
    return X, y, _normalised([both, _log_normal(X, other)])


def ringnorm(rng, n, edge=EDGE):
    """A narrow normal class inside a wide one, its mean ``edge`` in every column."""
    y = rng.integers(0, 2, n)
    X = rng.normal(size=(n, 20))
    X = np.where((y == 0)[:, None], 2 * X, X + edge)
    return X, y, _normalised([_log_normal(X, 0.0, 4.0), _log_normal(X, edge)])


def near_ringnorm(rng, n):
    """The same with half the mean: 1 / sqrt(20), as R's mlbench draws it and the tests of boosting.

    See `PAPER` for which of the two reproduces what.
    """
    return ringnorm(rng, n, EDGE / 2)


PAPER = {
    "waveform": (13.2, {"tree": (1.7, 14.1), "bagging": (1.4, 5.3), "boosting": (1.0, 3.6)}),
    "twonorm": (2.3, {"tree": (0.1, 19.6), "bagging": (0.1, 5.0), "boosting": (1.2, 1.3)}),
    "threenorm": (10.5, {"tree": (1.4, 20.9), "bagging": (1.3, 8.6), "boosting": (1.4, 6.9)}),
    "ringnorm": (1.3, {"tree": (1.5, 18.5), "bagging": (1.4, 8.3), "boosting": (0.5, 4.5)}),
}
"""Breiman (1998): error of the best rule, then (bias, variance) in percent; boosting is his
arc-fs.

The paper itself could not be had. Confirmed, by the descriptions of the data sets in the DELVE
archive, which quote his technical report of 1996: the best rule and CART err on 2.3 and 22.1 % of
twonorm, on 1.3 and 21.4 % of ringnorm, with the means 2 / sqrt(20) used here. The other figures
were written down from memory and could not be confirmed; CART's add up to the confirmed errors
within 0.1.

Fully grown trees meet the paper's errors of waveform, twonorm, threenorm within 0.2, bags of them
within 1.0, below it. On ringnorm neither mean meets all (100 training sets, standard errors about
0.2; errors less what the test rows' own best error strays):

================  =========  ==============  ==============
ringnorm          the paper  2 / sqrt(20)    1 / sqrt(20)
================  =========  ==============  ==============
best rule         1.3        1.25            1.49
CART              21.4       20.9            22.9
bagging           11.0       9.7             10.3
arc-fs            6.3        6.2             6.8
================  =========  ==============  ==============

The text, the best rule and CART, which are confirmed, go with 2 / sqrt(20): ``ringnorm``. Bagging,
and the 6.9 % that the tests of boosting hold arc-fs to, go with 1 / sqrt(20): ``near_ringnorm``.
Bags of pruned trees (9.7) do not explain the difference."""
PAPER["near_ringnorm"] = PAPER["ringnorm"]

LEARNERS = {
    "tree": DecisionTreeClassifier(random_state=0),
    "bagging": BaggingClassifier(DecisionTreeClassifier(), 50, random_state=0),
    "boosting": AdaBoostClassifier(DecisionTreeClassifier(), resample=True, random_state=0),
}
"""What the table compares; like arc-fs, boosting learns from rows drawn by their weights."""


def breimans_terms(problem, learner, n_sets, n_test=3000, n_train=300):
    """Bias and variance after Breiman over independent training sets of 300 rows."""
    rng = np.random.default_rng(17)
    X, y, _ = problem(rng, n_sets * n_train)
    X_test, y_test, truth = problem(rng, n_test)
    chunks = np.arange(n_sets * n_train).reshape(n_sets, n_train)
    return bias_variance(
        learner,
        X,
        y,
        X_test,
        y_test,
        decomposition="breiman",
        resampling=[(chunk, chunk[:1]) for chunk in chunks],
        truth=truth,
        random_state=0,
    )


# ---------------------------------------------------------------------------------------------
# Nested cross-validation


class Logistic(ClassifierMixin, BaseEstimator):
    """Logistic regression by five Newton steps: as quick as such small data allow."""

    def fit(self, X, y):
        """Fit labels 0 and 1, with a penalty just large enough for separable rows."""
        self.classes_ = np.array([0, 1])
        table = np.column_stack([X, np.ones(len(X))])
        self.slopes_ = np.zeros(table.shape[1])
        for _ in range(5):
            p = expit(table @ self.slopes_)
            steepness = (table.T * (p * (1 - p))) @ table + 0.05 * np.eye(len(self.slopes_))
            gradient = table.T @ (y - p) - 0.05 * self.slopes_
            self.slopes_ += np.linalg.solve(steepness, gradient)
        return self

    def predict(self, X):
        """Predict the likelier label."""
        return (X @ self.slopes_[:-1] + self.slopes_[-1] > 0).astype(int)


def logistic(rng, n, n_columns, offset=0.0):
    """Two classes by a logistic model of four columns of the many."""
    X = rng.normal(size=(n, n_columns))
    return X, (rng.random(n) < expit(X[:, :4].sum(axis=1) + offset)).astype(int)


def rare(rng, n, n_columns):
    """The same with nine rows in ten of one class."""
    return logistic(rng, n, n_columns, offset=-3.2)


def regression(rng, n, n_columns):
    """A line of four columns of the many, in noise."""
    X = rng.normal(size=(n, n_columns))
    return X, X[:, :4].sum(axis=1) + 2 * rng.normal(size=n)


NESTED = {
    "logistic, 100 x 20": (logistic, Logistic(), 100, 20),
    "logistic, 100 x 4": (logistic, Logistic(), 100, 4),
    "rare class, 200 x 20": (rare, Logistic(), 200, 20),
    "least squares, 100 x 20": (regression, LinearRegression(), 100, 20),
}
"""Bates, Hastie and Tibshirani's kinds of setting: problem, learner, rows, columns."""


def nested_coverage(setting, n_simulations, n_repeats=6, seed=23):
    """Share of 90 % and 95 % intervals that hold the error of the fitted rule, and their widths."""
    problem, learner, n, n_columns = NESTED[setting]
    rng = np.random.default_rng(seed)
    X_new, y_new = problem(rng, 20_000, n_columns)
    held = {(kind, level): 0 for kind in ("nested", "usual") for level in (0.9, 0.95)}
    wider = []
    for simulation in range(n_simulations):
        X, y = problem(rng, n, n_columns)
        found = nested_cross_validation(
            learner, X, y, n_repeats=n_repeats, random_state=(seed * 100_000 + simulation)
        )
        truth = float(np.mean((learner.fit(X, y).predict(X_new) - y_new) ** 2))
        for level in (0.9, 0.95):
            half = norm.ppf((1 + level) / 2)
            nested, usual = found.standard_error, found.naive_standard_error
            held["nested", level] += abs(found.estimate - truth) <= half * nested
            held["usual", level] += abs(found.plain_estimate - truth) <= half * usual
        wider.append(found.inflation)
    shares = {key: count / n_simulations for key, count in held.items()}
    return shares, float(np.mean(wider))
