"""The bootstrap's estimates of error beside the paper's formulas, written as loops."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import metrics
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.metrics import log_loss, make_scorer, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from ensembles import HistTreeClassifier
from ensembles.resampling import Bootstrap, GroupBootstrap
from ensembles.validation import bootstrap_score
from ensembles.validation.bootstrap import LeaveOneOut, Resample, point_632, point_632_plus
from ensembles.validation.criteria import mean_distance

X, Y = make_classification(60, 4, n_informative=2, n_redundant=0, flip_y=0.2, random_state=0)
XR, YR = make_regression(60, 4, noise=20.0, random_state=0)
NEAREST = KNeighborsClassifier(3)
QUICK = {"n_resamples": 25, "random_state": 0}


def paper(estimator, X, y, draws, n_resamples, loss):
    """Err^(1), err-bar and gamma of Efron and Tibshirani (1997) as printed."""
    n = len(y)
    sums, judged = np.zeros(n), np.zeros(n)
    for b in range(n_resamples):
        rows = draws.train(b)
        rule = estimator.fit(X[rows], y[rows])
        for i in set(range(n)) - set(rows.tolist()):
            sums[i] += loss(y[i], rule.predict(X[i : i + 1])[0])
            judged[i] += 1
    rule = estimator.fit(X, y)
    answers = rule.predict(X)
    training = np.mean([loss(target, answer) for target, answer in zip(y, answers, strict=True)])
    gamma = np.mean([[loss(target, answer) for answer in answers] for target in y])
    return np.mean(sums / judged), training, gamma


@pytest.mark.parametrize(
    ("estimator", "X", "y", "scoring", "loss"),
    [
        (NEAREST, X, Y, None, lambda y, f: float(y != f)),
        (KNeighborsClassifier(2), *load_iris(return_X_y=True), None, lambda y, f: float(y != f)),
        (KNeighborsRegressor(3), XR, YR, None, lambda y, f: (y - f) ** 2),
        (KNeighborsRegressor(3), XR, YR, "absolute", lambda y, f: abs(y - f)),
    ],
    ids=["binary", "three classes", "squared", "absolute"],
)
def test_the_estimates_are_the_papers_loops(estimator, X, y, scoring, loss):
    draws = Bootstrap().plan(len(y), seed=0)
    oob, training, gamma = paper(estimator, X, y, draws, 15, loss)
    found = bootstrap_score(estimator, X, y, scoring=scoring, n_resamples=15, random_state=0)
    assert_allclose(found.oob_error, oob)
    assert_allclose(found.training_error, training)
    assert_allclose(found.no_information_rate, gamma)
    clipped = min(oob, gamma)
    overfitting = (clipped - training) / (gamma - training)
    weight = 0.632120558 / (1 - 0.367879441 * overfitting)
    if oob <= gamma:
        assert_allclose(found.estimate, (1 - weight) * training + weight * oob)
    assert_allclose(found.relative_overfitting, overfitting)
    assert found.kind == "error"
    for method, expected in ((".632", point_632(training, oob)), ("oob", oob)):
        other = bootstrap_score(
            estimator, X, y, scoring=scoring, method=method, n_resamples=15, random_state=0
        )
        assert_allclose(other.estimate, expected)


def influence_by_hand(counts, losses):
    """D_i of section 4 as printed; ``losses`` NaN where a resample holds the row."""
    n = counts.shape[1]
    held_out = ~np.isnan(losses)
    errors = np.nansum(losses, axis=0) / held_out.sum(axis=0)
    mean = errors.mean()
    q = np.nansum(losses, axis=1) / n
    pulls = []
    for i in range(n):
        moved = np.mean((counts[:, i] - counts[:, i].mean()) * q)
        pulls.append((2 + 1 / (n - 1)) * (errors[i] - mean) / n + (1 - 1 / n) ** -n * moved)
    return np.array(pulls)


@pytest.fixture
def resamples():
    rng = np.random.default_rng(0)
    counts = rng.multinomial(12, [1 / 12] * 12, size=60)
    losses = np.where(counts > 0, np.nan, rng.random((60, 12)))
    return counts, losses


def streamed(counts, losses, units=None):
    units = np.arange(losses.shape[1]) if units is None else units
    leave_one_out = LeaveOneOut(units, counts.shape[1])
    for row, loss in zip(counts, losses, strict=True):
        rows = np.flatnonzero(~np.isnan(loss))
        leave_one_out.add(Resample(rows, loss[rows], row))
    return leave_one_out


def test_the_standard_error_is_section_4_less_its_noise(resamples):
    leave_one_out = streamed(*resamples)
    assert_allclose(leave_one_out._pulls(), influence_by_hand(*resamples))
    squared = np.sum(influence_by_hand(*resamples) ** 2)
    assert 0 < leave_one_out.standard_error() <= np.sqrt(squared)


def test_groups_of_one_row_are_rows_and_copies_of_rows_change_nothing(resamples):
    counts, losses = resamples
    plain = streamed(counts, losses)
    doubled = streamed(counts, np.repeat(losses, 2, axis=1), np.repeat(np.arange(12), 2))
    assert_allclose(doubled.error(), plain.error())
    assert_allclose(doubled._pulls(), plain._pulls(), atol=1e-12)


def test_the_influence_is_the_derivative_of_the_ideal_bootstrap():
    """All 4^4 resamples of four rows, weighed anew as one row gains weight."""
    from itertools import product

    rng = np.random.default_rng(1)
    table = {
        drawn: rng.random(4)
        for drawn in {tuple(sorted(every)) for every in product(range(4), repeat=4)}
    }

    def ideal(weights):
        total = 0.0
        for j in range(4):
            others = [k for k in range(4) if k != j]
            share = weights / weights[others].sum()
            total += weights[j] * sum(
                np.prod(share[list(drawn)]) * table[tuple(sorted(drawn))][j]
                for drawn in product(others, repeat=4)
            )
        return total

    uniform, step = np.full(4, 0.25), 1e-6
    slopes = [
        (ideal((1 - step) * uniform + step * np.eye(4)[i]) - ideal(uniform)) / step / 4
        for i in range(4)
    ]
    every = list(product(range(4), repeat=4))
    counts = np.array([np.bincount(drawn, minlength=4) for drawn in every])
    losses = np.array([table[tuple(sorted(drawn))] for drawn in every])
    leave_one_out = streamed(counts, np.where(counts > 0, np.nan, losses))
    assert_allclose(leave_one_out.error(), ideal(uniform))
    assert_allclose(leave_one_out._pulls(), slopes, atol=1e-5)


def test_pure_noise_is_half_and_632_alone_is_too_optimistic():
    assert point_632_plus(0.0, 0.5, 0.5) == 0.5
    assert_allclose(point_632(0.0, 0.5), 0.316, atol=1e-3)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((0.2, 0.1, 0.5), point_632(0.2, 0.1)),  # not overfitted: R = 0
        ((0.0, 0.7, 0.5), 0.632120558 * 0.7 + 0.5 * 0.367879441),  # R clipped at 1
        ((0.5, 0.6, 0.5), point_632(0.5, 0.6)),  # no worse than no information
    ],
)
def test_relative_overfitting_is_clipped(numbers, expected):
    assert_allclose(point_632_plus(*numbers), expected, rtol=1e-6)


# Scorers and losses


@pytest.mark.parametrize(
    ("scoring", "of_error"),
    [
        ("accuracy", lambda e: 1 - e),
        ("neg_log_loss", lambda e: -e),
        ("neg_brier_score", lambda e: -e),
    ],
)
def test_a_scorer_gives_a_score_and_its_errors_stay_errors(scoring, of_error):
    found = bootstrap_score(LogisticRegression(), X, Y, scoring=scoring, method="oob", **QUICK)
    assert found.kind == "score"
    assert_allclose(found.estimate, of_error(found.oob_error))
    assert found.standard_error > 0


@pytest.mark.parametrize(
    ("scoring", "of_error"),
    [
        ("r2", lambda e: 1 - e / np.var(YR)),
        ("neg_root_mean_squared_error", lambda e: -np.sqrt(e)),
        ("neg_mean_absolute_error", lambda e: -e),
    ],
)
def test_scores_of_a_regression_are_functions_of_its_mean_loss(scoring, of_error):
    found = bootstrap_score(LinearRegression(), XR, YR, scoring=scoring, method="oob", **QUICK)
    assert_allclose(found.estimate, of_error(found.oob_error))
    plain = bootstrap_score(LinearRegression(), XR, YR, method="oob", **QUICK)
    if scoring == "r2":
        assert_allclose(found.standard_error, plain.standard_error / np.var(YR))


def test_an_area_is_averaged_over_resamples_and_knows_nothing_at_one_half():
    options = {"method": "oob", **QUICK}
    found = bootstrap_score(LogisticRegression(), X, Y, scoring="roc_auc", **options)
    precision = bootstrap_score(LogisticRegression(), X, Y, scoring="average_precision", **options)
    draws = Bootstrap().plan(60, seed=0)
    scores = []
    for b in range(25):
        train, test = draws[b]
        said = LogisticRegression().fit(X[train], Y[train]).predict_proba(X[test])[:, 1]
        ranked = roc_auc_score, metrics.average_precision_score
        scores.append([score(Y[test], said) for score in ranked])
    assert_allclose([found.estimate, precision.estimate], np.mean(scores, axis=0), rtol=1e-6)
    assert found.no_information_rate == 0.5
    assert abs(precision.no_information_rate - (1 - Y.mean())) < 0.05
    assert found.row_errors is None
    assert 0.5 < precision.standard_error / found.standard_error < 2
    unknown = bootstrap_score(LogisticRegression(), X, Y, scoring="jaccard", **QUICK)
    assert unknown.standard_error is None


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision"])
def test_the_standard_error_of_a_ranked_score_is_its_infinitesimal_jackknife(scoring):
    """Of decision values: D_i by the loop, with a derivative by finite differences."""
    options = {"n_resamples": 8, "random_state": 0}
    found = bootstrap_score(RidgeClassifier(), X, Y, scoring=scoring, method="oob", **options)
    metric = getattr(metrics, f"{scoring}_score")
    draws = Bootstrap().plan(60, seed=0)
    scores, counts, slopes = [], [], np.zeros((8, 60))
    for b in range(8):
        train, test = draws[b]
        said = RidgeClassifier().fit(X[train], Y[train]).decision_function(X[test])
        scores.append(metric(Y[test], said))
        counts.append(np.bincount(train, minlength=60))
        for i, row in enumerate(test):
            weights = np.ones(len(test)) + 1e-6 * np.eye(len(test))[i]
            slopes[b, row] = (metric(Y[test], said, sample_weight=weights) - scores[b]) / 1e-6
    assert_allclose(found.estimate, np.mean(scores))
    strayed = np.array(scores) - np.mean(scores)
    direct = slopes.mean(axis=0)
    pulls = np.mean((np.array(counts) - 1) * strayed[:, None], axis=0) + direct
    squared = np.sum(pulls**2) - 60 * np.var(scores) / 8
    expected = np.sqrt(max(squared, np.sum(direct**2)))
    assert_allclose(found.standard_error, expected, rtol=1e-4)


def test_a_loss_of_the_users_own_is_of_the_truth_and_then_of_the_prediction():
    """Missing a one costs five times as much as a false alarm; labels are words."""
    y = np.where(Y == 1, "yes", "no")

    def cost(y, f):
        return np.where(y == f, 0.0, np.where(y == "yes", 5.0, 1.0))

    found = bootstrap_score(
        NEAREST, X, y, scoring=cost, method="oob", n_resamples=15, random_state=0
    )
    draws = Bootstrap().plan(60, seed=0)
    expected = paper(NEAREST, X, y, draws, 15, lambda y, f: float(cost(np.array(y), np.array(f))))
    assert_allclose((found.oob_error, found.training_error, found.no_information_rate), expected)


@pytest.mark.parametrize(
    ("error", "loss", "of_loss"),
    [("mse", "squared", float), ("mae", "absolute", float), ("rmse", "squared", np.sqrt)],
)
def test_an_error_by_its_name_is_that_of_its_loss(error, loss, of_loss):
    options = {"method": "oob", **QUICK}
    found = bootstrap_score(LinearRegression(), XR, YR, scoring=error, **options)
    plain = bootstrap_score(LinearRegression(), XR, YR, scoring=loss, **options)
    assert found.kind == "error"
    assert_allclose(found.estimate, of_loss(plain.estimate))
    slope = 0.5 / np.sqrt(plain.estimate) if error == "rmse" else 1.0
    assert_allclose(found.standard_error, slope * plain.standard_error)


@pytest.mark.parametrize(
    ("estimator", "data", "metric", "name"),
    [
        (LogisticRegression(), (X, Y), log_loss, "log"),
        (LogisticRegression(), (X, Y), metrics.zero_one_loss, "zero_one"),
        (LogisticRegression(), (X, Y), metrics.accuracy_score, "accuracy"),
        (LinearRegression(), (XR, YR), metrics.mean_squared_error, "squared"),
        (LinearRegression(), (XR, YR), metrics.mean_absolute_error, "absolute"),
    ],
)
def test_a_metric_of_scikit_learn_is_the_loss_of_its_name(estimator, data, metric, name):
    """Log loss was once a score of labels, the more the better."""
    found = bootstrap_score(estimator, *data, scoring=metric, **QUICK)
    expected = bootstrap_score(estimator, *data, scoring=name, **QUICK)
    assert (found.estimate, found.kind) == (expected.estimate, expected.kind)
    assert found.standard_error == expected.standard_error


def test_a_loss_of_many_rows_is_an_error():
    found = bootstrap_score(
        LinearRegression(), XR, YR, scoring=metrics.median_absolute_error, **QUICK
    )
    scorer = bootstrap_score(
        LinearRegression(), XR, YR, scoring="neg_median_absolute_error", **QUICK
    )
    assert found.kind == "error"
    assert_allclose(found.estimate, -scorer.estimate)
    assert_allclose(found.training_error, scorer.training_error)
    assert_allclose(found.relative_overfitting, scorer.relative_overfitting)
    assert 0 < found.training_error < found.oob_error < found.no_information_rate


def test_scorers_and_callables_of_all_kinds_agree():
    options = {"method": "oob", **QUICK}
    name = bootstrap_score(LogisticRegression(), X, Y, scoring="neg_log_loss", **options)
    loss = bootstrap_score(LogisticRegression(), X, Y, scoring="log", **options)
    scorer = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba")
    whole = bootstrap_score(LogisticRegression(), X, Y, scoring=scorer, **options)
    assert_allclose(loss.estimate, -name.estimate)
    assert_allclose(whole.estimate, name.estimate, rtol=0.1)  # resamples averaged, not rows
    own = bootstrap_score(NEAREST, X, Y, scoring=lambda y, f: (y != f) * 2.0, **options)
    zero_one = bootstrap_score(NEAREST, X, Y, **options)
    assert_allclose(own.estimate, 2 * zero_one.estimate)
    assert_allclose(own.no_information_rate, 2 * zero_one.no_information_rate)
    assert_allclose(own.standard_error, 2 * zero_one.standard_error)


def test_mean_distance_is_the_double_sum():
    a, b = np.random.default_rng(0).normal(1e6, 1, (2, 50))
    assert_allclose(mean_distance(a, b), np.mean(np.abs(a[:, None] - b)), rtol=1e-9)


# Data


def test_groups_are_held_out_whole():
    groups = np.arange(60) // 4
    draws = GroupBootstrap().plan(60, groups=groups, seed=0)
    oob, _, _ = paper(NEAREST, X, Y, draws, 15, lambda y, f: float(y != f))
    found = bootstrap_score(
        NEAREST, X, Y, groups=groups, method="oob", n_resamples=15, random_state=0
    )
    assert_allclose(found.oob_error, oob)
    assert found.standard_error > 0


def test_copies_of_a_row_in_other_groups_leak_and_groups_stop_it():
    doubled, targets = np.repeat(X, 3, axis=0), np.repeat(Y, 3)
    nearest = KNeighborsClassifier(1)
    leaking = bootstrap_score(nearest, doubled, targets, method="oob", **QUICK)
    honest = bootstrap_score(
        nearest, doubled, targets, groups=np.repeat(np.arange(60), 3), method="oob", **QUICK
    )
    assert leaking.estimate < 0.5 * honest.estimate


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        DecisionTreeClassifier(),
        HistTreeClassifier(max_depth=2),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_the_result_is_the_same_for_every_number_of_workers(estimator):
    one = bootstrap_score(estimator, X, Y, **QUICK)
    two = bootstrap_score(estimator, X, Y, n_jobs=2, **QUICK)
    assert one.estimate == two.estimate
    assert one.standard_error == two.standard_error
    assert_array_equal(one.row_errors, two.row_errors)


def test_the_learner_is_left_alone_and_labels_may_be_words():
    tree = DecisionTreeClassifier(random_state=5)
    words = np.where(Y == 1, "yes", "no")
    found = bootstrap_score(tree, X, words, **QUICK)
    assert not hasattr(tree, "tree_")
    assert tree.random_state == 5
    assert found.estimate == bootstrap_score(tree, X, Y, **QUICK).estimate


def test_steps_that_write_into_their_table_change_neither_it_nor_the_result():
    found = []
    for copies in (True, False):
        table = X.copy()
        model = make_pipeline(StandardScaler(copy=copies), LogisticRegression())
        found.append(bootstrap_score(model, table, Y, **QUICK))
        assert_array_equal(table, X)
    assert str(found[0]) == str(found[1])
    assert_array_equal(found[0].row_errors, found[1].row_errors)


def test_frames_reach_the_learner_as_frames():
    import pandas as pd

    frame = pd.DataFrame(X, columns=list("abcd"))
    from sklearn.compose import make_column_transformer

    picked = make_pipeline(make_column_transformer(("passthrough", ["a", "b"])), NEAREST)
    found = bootstrap_score(picked, frame, pd.Series(Y), **QUICK)
    plain = bootstrap_score(NEAREST, X[:, :2], Y, **QUICK)
    assert found.estimate == plain.estimate


def test_a_rare_class_that_a_resample_misses_is_no_error():
    y = np.zeros(30, dtype=int)
    y[:2] = 1
    found = bootstrap_score(LogisticRegression(), X[:30], y, scoring="log", **QUICK)
    assert np.isfinite(found.estimate)
    with pytest.warns(UserWarning, match="resamples hold out rows that have no score"):
        area = bootstrap_score(LogisticRegression(), X[:30], y, scoring="roc_auc", **QUICK)
    assert area.n_unjudged > 0


def test_rows_never_held_out_are_counted():
    with pytest.warns(UserWarning, match=r"\d+ rows were held by every resample; they are left"):
        found = bootstrap_score(DummyRegressor(), XR, YR, n_resamples=2, random_state=0)
    assert found.n_unjudged == int(np.isnan(found.row_errors).sum()) > 0
    assert np.isfinite(found.estimate)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"method": "0.632"}, r"method must be one of 'oob', '.632', '.632\+'"),
        ({"n_resamples": 0}, "n_resamples must be an integer >= 1; got 0"),
        ({"scoring": "acuracy"}, "Did you mean 'accuracy'"),
        ({"scoring": "squared"}, "scoring must be the name of a scorer"),
        ({"scoring": "neg_mean_squared_error"}, "does not judge a classification"),
        ({"scoring": 3}, "scoring must be one of 'zero_one'"),
        ({"scoring": "f1", "y": Y + 2}, "'f1' is not there: pos_label=1 is not a valid label"),
        ({"y": np.zeros(60)}, "at least 2 classes"),
        ({"y": Y[:5]}, r"a target for each of 60 rows of X; got shape \(5,\)"),
        ({"y": np.where(Y == 1, np.nan, 0.0)}, "y contains NaN"),
        ({"groups": np.zeros(60)}, "at least 2 groups"),
        ({"estimator": "tree"}, "estimator must be a scikit-learn estimator; got 'tree'"),
        ({"estimator": RidgeClassifier(), "scoring": "log"}, "needs predict_proba"),
        ({"random_state": -1}, "random_state must be None"),
    ],
)
def test_bad_input_gets_an_error_that_says_so(changed, message):
    given = {"estimator": NEAREST, "X": X, "y": Y, **changed}
    with pytest.raises(ValueError, match=message):
        bootstrap_score(**given)


def test_predictions_of_nan_are_an_error_not_a_nan():
    class Blank(DummyRegressor):
        def predict(self, X):
            return np.full(len(X), np.nan)

    with pytest.raises(ValueError, match="scoring must give finite losses; 'squared' gave NaN"):
        bootstrap_score(Blank(), XR, YR, **QUICK)


def test_the_result_reads_well():
    found = bootstrap_score(NEAREST, X, Y, **QUICK)
    assert str(found).startswith("zero_one (error, .632+): ")


def test_a_score_that_is_never_defined_is_refused_without_a_warning():
    with pytest.raises(ValueError, match="must be defined on the data; 'never' is nan there"):
        bootstrap_score(DecisionTreeClassifier(), X, Y, scoring=never, n_resamples=5)


def never(y_true, y_pred):
    return np.nan


class Unsure(LogisticRegression):
    """Knows no probability."""

    def predict_proba(self, X):
        """Return NaN for every row."""
        return np.full((len(X), 2), np.nan)


@pytest.mark.parametrize(
    ("estimator", "y", "scoring", "message"),
    [
        (Unsure(), Y, "roc_auc", "y_pred must hold finite numbers"),
        (Unsure(), Y, "average_precision", "y_pred must hold finite numbers"),
        (LogisticRegression(), np.arange(60) % 3, "roc_auc", "'roc_auc' is n"),
    ],
)
def test_a_score_that_is_nowhere_defined_is_not_put_down_to_rare_classes(
    estimator, y, scoring, message
):
    with pytest.raises(ValueError, match=f"scoring must be defined on the data.*{message}"):
        bootstrap_score(estimator, X, y, scoring=scoring, **QUICK)


class SometimesUnsure(LogisticRegression):
    """Knows probabilities of the table it was fitted on alone, if that has no row twice."""

    def fit(self, X, y):
        """Remember whether any row came twice."""
        self.sure_ = len(np.unique(X, axis=0)) == len(X)
        return super().fit(X, y)

    def predict_proba(self, X):
        """Return NaN for every row, but after the whole table."""
        return super().predict_proba(X) if self.sure_ else np.full((len(X), 2), np.nan)


def test_predictions_that_are_not_finite_are_no_missing_class():
    with pytest.raises(ValueError, match=r"predictions must be finite; the learner of resample 0"):
        bootstrap_score(SometimesUnsure(), X, Y, scoring="roc_auc", **QUICK)
