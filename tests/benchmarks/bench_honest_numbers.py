"""Do the honest numbers keep their papers' promises? Every promise simulated, the papers beside.

    python tests/benchmarks/bench_honest_numbers.py [--only NAME ...] [--scale 1.0]

Prints the tables; `--scale` multiplies the number of simulations. The functions are used by the
tests too, with few simulations.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from scipy.special import expit, logsumexp
from scipy.stats import norm, t
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from timing import machine, peak_memory

from ensembles import AdaBoostClassifier, BaggingClassifier, BaggingRegressor
from ensembles.validation import (
    bias_variance,
    bootstrap_ci,
    bootstrap_score,
    corrected_resampled_t_test,
    nested_cross_validation,
)
from ensembles.validation.bootstrap import point_632, point_632_plus
from ensembles.validation.intervals import (
    basic_interval,
    bca_interval,
    drawn_counts,
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
    """All four intervals from the same resamples."""
    values, errors = statistic.values(counts), statistic.errors(counts)
    defined = np.isfinite(values)
    values, errors = values[defined], errors[defined]
    ones = np.ones((1, statistic.n_units))
    estimate, error = float(statistic.values(ones)[0]), float(statistic.errors(ones)[0])
    found = {
        "bca": bca_interval(estimate, values, statistic.influence(), level),
        "percentile": percentile_interval(values, level),
        "basic": basic_interval(estimate, values, level),
        "studentized": studentized_interval(estimate, error, values, errors, level),
    }
    return {
        name: (max(low, statistic.low), min(high, statistic.high))
        for name, (low, high) in found.items()
    }


def interval_coverage(metric, n, n_simulations, n_resamples=1000):
    """Share of samples whose interval holds the truth, for every method."""
    truth = truths()[metric]
    counts = drawn_counts(1, 0, n_resamples, n)
    held = dict.fromkeys(("bca", "percentile", "basic", "studentized"), 0)
    rng = np.random.default_rng((7, n))
    for _ in range(n_simulations):
        y_true, y_pred = predictions(rng, metric, n)
        rows = Rows(y_true, None, None, n, None, None)
        statistic = statistic_of(metric, rows, y_pred)
        for method, (low, high) in intervals(statistic, counts).items():
            held[method] += low <= truth <= high
    return {method: count / n_simulations for method, count in held.items()}


def table_of_intervals(scale):
    """95 % intervals: how often they hold the truth, in percent."""
    print("\n95 % intervals: coverage in % (simulation error about 0.5)")
    print(f"{'metric':>10} {'n':>6} {'bca':>8} {'percentile':>11} {'basic':>8} {'studentized':>12}")
    for metric in truths():
        for n in (50, 200, 1000):
            covered = interval_coverage(metric, n, round(2000 * scale))
            print(
                f"{metric:>10} {n:>6} {100 * covered['bca']:>8.1f}"
                f" {100 * covered['percentile']:>11.1f} {100 * covered['basic']:>8.1f}"
                f" {100 * covered['studentized']:>12.1f}",
                flush=True,
            )


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
        found.append(
            (
                truth,
                score.oob_error,
                point_632(*numbers),
                point_632_plus(*numbers, score.no_information_rate),
                score.standard_error,
            )
        )
    table = np.array(found)
    names = ("truth", "oob", ".632", ".632+")
    errors = np.sqrt(np.mean((table[:, :4] - table[:, :1]) ** 2, axis=0))
    return {
        "mean": dict(zip(names, table[:, :4].mean(axis=0), strict=True)),
        "rmse": dict(zip(names, errors, strict=True)),
        "deviation of oob": float(table[:, 1].std()),
        "its standard error": float(np.sqrt(np.mean(table[:, 4] ** 2))),
        "simulation error": float(table[:, 3].std() / np.sqrt(n_simulations)),
    }


def table_of_632(scale):
    """Efron and Tibshirani (1997): estimates of error from 20 rows, in percent."""
    print("\nError estimated from 20 rows, in %, 50 resamples: mean (root mean squared error)")
    print("The paper: 1-NN on noise 50 by .632+ where .632 alone says 31.6; SE a little large.")
    print(f"{'':>16} {'truth':>6} {'oob':>13} {'.632':>13} {'.632+':>13} {'SD, SE of oob':>15}")
    for name, learner in (("1-NN", KNeighborsClassifier(1)), ("LDA", _lda())):
        for problem in (noise, two_normals):
            found = bootstrap_estimates(learner, problem, n_simulations=round(200 * scale))
            mean, rmse = found["mean"], found["rmse"]
            cells = [f"{100 * mean[k]:.1f} ({100 * rmse[k]:.1f})" for k in ("oob", ".632", ".632+")]
            print(
                f"{name + ', ' + problem.__name__:>16} {100 * mean['truth']:>6.1f} {cells[0]:>13}"
                f" {cells[1]:>13} {cells[2]:>13} {100 * found['deviation of oob']:>8.1f}"
                f" {100 * found['its standard error']:>6.1f}",
                flush=True,
            )


def _lda():
    return LinearDiscriminantAnalysis()


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


def table_of_type_i_errors(scale):
    """Nadeau and Bengio (2003): how often equal learners are called different."""
    print("\nEqual learners called different at the 5 % level, in % (15 random splits)")
    print("The paper: the resampled t-test often above 20, the corrected one near or below 5.")
    print(f"{'learners':>10} {'rows':>6} {'test share':>11} {'uncorrected':>12} {'corrected':>10}")
    for kind in ("ridge", "centroid"):
        for n_rows in (100, 500):
            for share in (0.1, 0.2):
                found = type_i_errors(kind, round(2000 * scale), n_rows=n_rows, share=share)
                print(
                    f"{kind:>10} {n_rows:>6} {share:>11} {100 * found['uncorrected']:>12.1f}"
                    f" {100 * found['corrected']:>10.1f}",
                    flush=True,
                )


# ---------------------------------------------------------------------------------------------
# Intervals and variances of a bag


def interval_of_a_bag_coverage(base, n_columns, n_repeats, n=100, alpha=0.1, n_members=50):
    """Share of new targets inside `Bagging.predict_interval`, and its simulation error."""
    covered = []
    for seed in range(n_repeats):
        rng = np.random.default_rng((5, seed))
        slopes = rng.normal(size=n_columns) / np.sqrt(n_columns)
        X = rng.normal(size=(n + 200, n_columns))
        y = X @ slopes * np.sqrt(10) + rng.normal(size=n + 200)
        bag = BaggingRegressor(base, n_members, oob_score=True, random_state=seed)
        bag.fit(X[:n], y[:n])
        low, high = bag.predict_interval(X[n:], alpha=alpha).T
        covered.append(np.mean((low <= y[n:]) & (y[n:] <= high)))
    return float(np.mean(covered)), float(np.std(covered) / np.sqrt(n_repeats))


def table_of_bag_intervals(scale):
    """Kim, Xu and Barber (2020): jackknife+-after-bootstrap."""
    print("\nBagging.predict_interval(alpha=0.1): coverage of new targets in %, 100 training rows")
    print("The paper: at least 80 guaranteed, about 90 or a little more found.")
    print(f"{'base':>24} {'columns':>8} {'coverage':>14}")
    for base in (Ridge(1e-3), DecisionTreeRegressor()):
        for n_columns in (5, 40, 100):
            mean, error = interval_of_a_bag_coverage(base, n_columns, round(40 * scale))
            name = type(base).__name__
            print(f"{name:>24} {n_columns:>8} {100 * mean:>8.1f} +- {100 * error:.1f}", flush=True)


def cosine(rng, n):
    """Wager, Hastie and Efron's cosine: two columns, no noise."""
    X = rng.random((n, 2))
    return X, 3 * np.cos(np.pi * (X[:, 0] + X[:, 1]))


def exclusive_or(rng, n):
    """Their XOR: fifty columns, four of which matter."""
    X = rng.random((n, 50))
    high = X[:, :4] > 0.6
    return X, 5.0 * ((high[:, 0] ^ high[:, 1]).astype(int) + (high[:, 2] ^ high[:, 3]))


def variance_of_a_bag(problem, n, n_members, n_repeats, base=None):
    """Mean of the estimated variance of a bag's prediction, and the variance over samples."""
    points, _ = problem(np.random.default_rng(1), 50)
    answers, estimates = [], []
    for seed in range(n_repeats):
        X, y = problem(np.random.default_rng((9, seed)), n)
        bag = BaggingRegressor(base, n_members, random_state=seed).fit(X, y)
        answers.append(bag.predict(points))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimates.append(bag.predict_std(points) ** 2)
    return float(np.mean(estimates)), float(np.var(answers, axis=0, ddof=1).mean())


def table_of_bag_variances(scale):
    """Wager, Hastie and Efron (2014): the bias-corrected infinitesimal jackknife."""
    print("\nVariance of a bag of trees' prediction: estimated (V_IJ-U) beside simulated")
    print("The paper: nearly unbiased for B of the order of n and more.")
    print(
        f"{'problem':>14} {'n':>5} {'members':>8} {'estimated':>10} {'simulated':>10} {'ratio':>6}"
    )
    settings = ((cosine, 50, 200), (cosine, 200, 500), (exclusive_or, 50, 200))
    for problem, n, n_members in settings:
        estimated, simulated = variance_of_a_bag(problem, n, n_members, round(150 * scale))
        print(
            f"{problem.__name__:>14} {n:>5} {n_members:>8} {estimated:>10.4f} {simulated:>10.4f}"
            f" {estimated / simulated:>6.2f}",
            flush=True,
        )


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


def ringnorm(rng, n):
    """A narrow normal class inside a wide one."""
    y = rng.integers(0, 2, n)
    X = rng.normal(size=(n, 20))
    X = np.where((y == 0)[:, None], 2 * X, X + EDGE)
    return X, y, _normalised([_log_normal(X, 0.0, 4.0), _log_normal(X, EDGE)])


PAPER = {
    "waveform": (13.2, {"tree": (1.7, 14.1), "bagging": (1.4, 5.3), "boosting": (1.0, 3.6)}),
    "twonorm": (2.3, {"tree": (0.1, 19.6), "bagging": (0.1, 5.0), "boosting": (1.2, 1.3)}),
    "threenorm": (10.5, {"tree": (1.4, 20.9), "bagging": (1.3, 8.6), "boosting": (1.4, 6.9)}),
    "ringnorm": (1.3, {"tree": (1.5, 18.5), "bagging": (1.4, 8.3), "boosting": (0.5, 4.5)}),
}
"""Breiman (1998): error of the best rule, then (bias, variance) in percent; boosting is his
arc-fs."""

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


def table_of_bias_and_variance(scale):
    """Breiman (1998): what bagging and boosting do to bias and variance."""
    print("\nBias and variance after Breiman in %, 300 training rows (his numbers in brackets)")
    print(
        f"{'problem':>10} {'best rule':>14} {'learner':>9} {'error':>14} {'bias':>12}"
        f" {'variance':>14}"
    )
    for problem in (waveform, twonorm, threenorm, ringnorm):
        best, theirs = PAPER[problem.__name__]
        for name, learner in LEARNERS.items():
            found = breimans_terms(problem, learner, max(10, round(60 * scale)))
            bias, variance = theirs[name]
            print(
                f"{problem.__name__:>10} {100 * found.noise:>6.1f} ({best:>5.1f}) {name:>9}"
                f" {100 * found.error:>6.1f} ({best + bias + variance:>5.1f})"
                f" {100 * found.bias:>5.1f} ({bias:>4.1f}) {100 * found.variance:>6.1f}"
                f" ({variance:>5.1f})",
                flush=True,
            )


# ---------------------------------------------------------------------------------------------
# Nested cross-validation


def nested_coverage(n_simulations, n=100, n_columns=20, n_repeats=10, level=0.9):
    """Share of intervals that hold the error of the fitted rule: nested and usual."""
    rng = np.random.default_rng(23)
    slopes = np.zeros(n_columns)
    slopes[:5] = 1.0
    held = {"nested": 0, "usual": 0}
    learner = LogisticRegression(C=10.0)
    X_new, y_new = _logistic(rng, 20_000, slopes)
    for seed in range(n_simulations):
        X, y = _logistic(rng, n, slopes)
        found = nested_cross_validation(
            learner, X, y, n_repeats=n_repeats, confidence_level=level, random_state=seed
        )
        truth = 1 - learner.fit(X, y).score(X_new, y_new)
        held["nested"] += found.low <= truth <= found.high
        held["usual"] += found.naive_low <= truth <= found.naive_high
    return {name: count / n_simulations for name, count in held.items()}


def _logistic(rng, n, slopes):
    X = rng.normal(size=(n, len(slopes)))
    return X, (rng.random(n) < expit(X @ slopes)).astype(int)


def table_of_nested(scale):
    """Bates, Hastie and Tibshirani (2023): intervals of prediction error."""
    print("\n90 % intervals of prediction error by 10-fold cross-validation: coverage in %")
    print("The paper: the usual interval too narrow by a third or more, the nested one near 90.")
    found = nested_coverage(round(100 * scale))
    print(
        f"logistic, 100 x 20: nested {100 * found['nested']:.1f}, usual {100 * found['usual']:.1f}"
    )


# ---------------------------------------------------------------------------------------------
# Time and memory

LARGE = (
    "import numpy as np\n"
    "from ensembles.validation import bootstrap_ci\n"
    "rng = np.random.default_rng(0)\n"
    "y = rng.integers(0, 2, 100_000)\n"
    "p = np.clip(0.3 * y + 0.7 * rng.random(100_000), 1e-3, 1 - 1e-3)\n"
    "bootstrap_ci('roc_auc', y[:100], p[:100], n_resamples=2)\n"
)


def table_of_speed(scale):
    """Seconds and memory of 2 000 resamples of 100 000 rows."""
    print(
        "\nbootstrap_ci, 2 000 resamples of 100 000 rows: CPU seconds, peak memory over start, MiB"
    )
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 100_000)
    p = np.clip(0.3 * y + 0.7 * rng.random(100_000), 1e-3, 1 - 1e-3)
    before = peak_memory(LARGE)
    for metric in ("roc_auc", "log_loss"):
        start = time.process_time()
        bootstrap_ci(metric, y, p, random_state=0)
        taken = time.process_time() - start
        call = f"bootstrap_ci({metric!r}, y, p, n_resamples={round(200 * scale)})\n"
        used = peak_memory(LARGE + call) - before
        print(f"{metric:>10} {taken:>7.1f} s {used:>7.0f} MiB", flush=True)


TABLES: dict[str, Callable[[float], None]] = {
    "speed": table_of_speed,
    "632": table_of_632,
    "intervals": table_of_intervals,
    "type_i": table_of_type_i_errors,
    "bag_intervals": table_of_bag_intervals,
    "bag_variances": table_of_bag_variances,
    "bias_variance": table_of_bias_and_variance,
    "nested": table_of_nested,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", choices=list(TABLES))
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(machine())
    for name in options.only or TABLES:
        start = time.perf_counter()
        TABLES[name](options.scale)
        print(f"({time.perf_counter() - start:.0f} s)")
