"""Learning curves of members beside fresh ensembles, and the displays."""

import matplotlib as mpl
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_classification, make_regression
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    log_loss,
    make_scorer,
    roc_auc_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles import BaggingClassifier, BaggingRegressor
from ensembles.validation import (
    BiasVarianceDisplay,
    BootstrapDisplay,
    CriticalDifferenceDisplay,
    GeneralizationGapDisplay,
    LearningCurveDisplay,
    learning_curve,
)
from ensembles.validation.curves import MemberCurve

mpl.use("Agg")

X, Y = make_classification(200, 5, n_informative=3, n_redundant=0, flip_y=0.1, random_state=0)
TRAIN, TEST = slice(0, 100), slice(100, 200)
RANKED = ("decision_function", "predict_proba")


@pytest.fixture(scope="module")
def bag():
    members = DecisionTreeClassifier(max_depth=3)
    return BaggingClassifier(members, 24, random_state=0).fit(X[TRAIN], Y[TRAIN])


@pytest.fixture(autouse=True)
def closed():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def test_the_curve_ends_at_the_ensembles_own_score_and_starts_at_its_members_mean(bag):
    curve = learning_curve(
        bag, X[TEST], Y[TEST], scoring="neg_log_loss", sizes=[1, 24], n_orders=200, random_state=0
    )
    assert_allclose(curve.scores[-1], -log_loss(Y[TEST], bag.predict_proba(X[TEST])))
    alone = [-log_loss(Y[TEST], member.predict_proba(X[TEST])) for member in bag.estimators_]
    error = np.std(alone, ddof=1) / np.sqrt(200)
    assert abs(curve.scores[0] - np.mean(alone)) < 4 * error
    assert_allclose(curve.standard_error[0], np.std(alone, ddof=1), rtol=0.25)
    assert curve.scoring == "neg_log_loss"
    assert_array_equal(curve.n_members[[0, -1]], [1, 24])


def test_the_monte_carlo_error_is_that_of_fresh_ensembles():
    X, y = make_regression(120, 4, noise=20.0, random_state=0)
    base = DecisionTreeRegressor(max_depth=4)
    fresh = [
        BaggingRegressor(base, 20, random_state=seed).fit(X[:60], y[:60]).score(X[60:], y[60:])
        for seed in range(60)
    ]
    bag = BaggingRegressor(base, 80, random_state=99).fit(X[:60], y[:60])
    curve = learning_curve(bag, X[60:], y[60:], sizes=[20, 80], n_orders=200, random_state=0)
    assert_allclose(curve.standard_error[0], np.std(fresh), rtol=0.35)
    assert_allclose(curve.standard_error[1], np.std(fresh) / 2, rtol=0.4)
    assert abs(curve.scores[0] - np.mean(fresh)) < 4 * np.std(fresh) / np.sqrt(60) + 0.02


def curve_of_means(n_members, n_orders, sizes):
    """A score that is linear in what members say: numbers that are means of resamples."""
    y = np.random.default_rng(0).normal(size=12)
    bag = BaggingRegressor(DummyRegressor(), n_members, random_state=0).fit(y[:, None], y)
    rows = {"X": y[:1, None], "y": np.array([100.0]), "scoring": "neg_mean_absolute_error"}
    curve = learning_curve(bag, **rows, sizes=sizes, n_orders=n_orders, random_state=0)
    return bag.predict_all(y[:1, None])[:, 0], curve


def test_of_a_score_that_is_linear_in_the_members_all_is_known():
    """The mean of m of M numbers varies by s^2 / m over fresh ones, whichever way it is had."""
    sizes = np.array([1, 3, 4, 5, 9])  # half of nine are four
    given, curve = curve_of_means(9, 150, sizes)
    squared = curve.standard_error**2
    assert_allclose(squared, given.var(ddof=1) / sizes, rtol=3 * np.sqrt(2 / 150))
    assert_allclose(curve.scores, given.mean() - 100, atol=4 * given.std() / np.sqrt(150))
    assert_allclose(curve.scores[-1], given.mean() - 100)


def test_two_members_in_both_orders_differ_by_the_error_of_one():
    given, curve = curve_of_means(2, 2, [1, 2])
    assert_allclose(curve.scores, given.mean() - 100)  # both orders came up
    apart = abs(given[0] - given[1])
    assert_allclose(curve.standard_error, [apart, apart / np.sqrt(2)])


def test_enough_is_one_past_the_last_that_is_too_far():
    sizes, scores = np.array([1, 2, 4, 8, 16]), np.array([0.5, 0.78, 0.6, 0.77, 0.8])
    curve = MemberCurve(sizes, scores, np.array([0.3, 0.2, 0.1, 0.1, 0.05]), "accuracy")
    assert curve.enough() == 8
    assert [curve.enough(tolerance) for tolerance in (0.0, 0.021, 0.25, 1.0)] == [16, 16, 2, 1]
    assert MemberCurve(sizes, scores, None, "accuracy").enough() == 16


def test_many_members_are_asked_for_at_sizes_evenly_on_a_logarithmic_scale():
    y = np.arange(6.0)
    bag = BaggingRegressor(DummyRegressor(), 200, random_state=0).fit(y[:, None], y)
    curve = learning_curve(bag, y[:, None], y, n_orders=2, random_state=0)
    assert (curve.n_members[0], curve.n_members[-1]) == (1, 200)
    assert len(curve.n_members) <= 30
    assert np.median(curve.n_members) < 40
    steps = np.diff(np.log(curve.n_members[-10:]))
    assert_allclose(steps, np.log(200) / 29, atol=0.02)


def test_orders_are_addresses(bag):
    one = learning_curve(bag, X[TEST], Y[TEST], n_orders=5, random_state=3)
    again = learning_curve(bag, X[TEST], Y[TEST], n_orders=5, random_state=3)
    assert_array_equal(one.scores, again.scores)


def test_enough_is_where_the_curve_has_arrived(bag):
    curve = learning_curve(bag, X[TEST], Y[TEST], random_state=0)
    assert 1 <= curve.enough() <= 24
    assert curve.enough(tolerance=1.0) == 1
    assert curve.enough(tolerance=0.0) <= 24


@pytest.mark.parametrize(
    "boosted",
    [AdaBoostClassifier(n_estimators=8, random_state=0), GradientBoostingRegressor(n_estimators=8)],
    ids=lambda boosted: type(boosted).__name__,
)
def test_a_boosted_curve_is_that_of_its_stages(boosted):
    boosted.fit(X[TRAIN], Y[TRAIN])
    curve = learning_curve(boosted, X[TEST], Y[TEST])
    assert curve.standard_error is None
    assert_allclose(curve.scores[-1], boosted.score(X[TEST], Y[TEST]))
    assert_array_equal(curve.n_members, np.arange(1, 9))
    if hasattr(boosted, "staged_score"):
        assert_allclose(curve.scores, list(boosted.staged_score(X[TEST], Y[TEST])))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scoring": "acuracy"}, "Did you mean 'accuracy'"),
        ({"sizes": [0]}, r"sizes must be an integer in \[1, 24\]; got 0"),
        ({"sizes": [25]}, r"sizes must be an integer in \[1, 24\]; got 25"),
        ({"sizes": []}, "sizes must hold at least one"),
        ({"sizes": 3}, "sizes must be a sequence of numbers of members; got 3"),
        ({"n_orders": 1}, "n_orders must be an integer >= 2"),
        ({"y": Y[:3]}, "a target for each of 100 rows"),
    ],
)
def test_bad_input_of_a_curve_gets_an_error(bag, changed, message):
    given = {"X": X[TEST], "y": Y[TEST], **changed}
    with pytest.raises(ValueError, match=message):
        learning_curve(bag, **given)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y": np.zeros(100, int), "scoring": "roc_auc"}, "'roc_auc' is nan there"),
        ({"y": np.where(Y[TEST] == 1, np.nan, 0.0)}, "a target for every row; got None or NaN"),
    ],
)
def test_a_curve_is_never_nan(bag, changed, message):
    with pytest.raises(ValueError, match=message):
        learning_curve(bag, X[TEST], **{"y": Y[TEST], **changed})


def test_a_regressions_curve_wants_numbers():
    bag = BaggingRegressor(DummyRegressor(), 3, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match=r"y must hold numbers; got array\(\['a', 'a'"):
        learning_curve(bag, X[:4], np.array(["a"] * 4))


def test_an_unfitted_ensemble_has_no_curve():
    with pytest.raises(NotFittedError):
        learning_curve(BaggingClassifier(), X, Y)


# Displays


def test_the_distribution_is_drawn_with_its_interval(bag):
    said = bag.predict(X[TEST])
    display = BootstrapDisplay.from_predictions(
        "accuracy", Y[TEST], said, n_resamples=100, random_state=0
    )
    assert display.ax_.get_xlabel() == "accuracy"
    asked = BootstrapDisplay.from_estimator(
        bag, X[TEST], Y[TEST], metric="roc_auc", n_resamples=100, random_state=0
    )
    assert asked.interval.estimate > 0.5
    default = BootstrapDisplay.from_estimator(bag, X[TEST], Y[TEST], n_resamples=50)
    assert default.interval.estimate == accuracy_score(Y[TEST], said)
    _, ax = mpl.pyplot.subplots()
    assert default.plot(ax=ax).ax_ is ax


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        ("roc_auc", roc_auc_score),
        (roc_auc_score, roc_auc_score),
        ("average_precision", average_precision_score),
        (average_precision_score, average_precision_score),
        (make_scorer(roc_auc_score, response_method="decision_function"), roc_auc_score),
        (make_scorer(roc_auc_score, response_method=RANKED), roc_auc_score),
    ],
    ids=["name", "function", "other name", "other function", "scorer of decisions", "any scorer"],
)
def test_a_metric_of_ranks_is_never_given_labels(metric, score):
    model = LinearSVC().fit(X[TRAIN], Y[TRAIN])
    display = BootstrapDisplay.from_estimator(
        model, X[TEST], Y[TEST], metric=metric, n_resamples=20, random_state=0
    )
    expected = score(Y[TEST], model.decision_function(X[TEST]))
    assert_allclose(display.interval.estimate, expected)


def test_a_metric_of_probabilities_wants_them():
    model = LinearSVC().fit(X[TRAIN], Y[TRAIN])
    with pytest.raises(ValueError, match="metric needs predict_proba, which LinearSVC does not"):
        BootstrapDisplay.from_estimator(model, X[TEST], Y[TEST], metric="log_loss")
    model = LogisticRegression().fit(X[TRAIN], Y[TRAIN])
    scorer = make_scorer(log_loss, response_method="predict_proba")
    for metric in ("log_loss", log_loss, scorer):
        display = BootstrapDisplay.from_estimator(
            model, X[TEST], Y[TEST], metric=metric, n_resamples=20, random_state=0
        )
        expected = log_loss(Y[TEST], model.predict_proba(X[TEST]))
        assert_allclose(display.interval.estimate, expected)


def test_a_curve_is_drawn_with_a_band_where_there_is_an_error(bag):
    display = LearningCurveDisplay.from_estimator(bag, X[TEST], Y[TEST], n_orders=4)
    assert display.band_ is not None
    assert display.ax_.get_ylabel() == "accuracy"
    boosted = AdaBoostClassifier(n_estimators=4).fit(X[TRAIN], Y[TRAIN])
    assert LearningCurveDisplay.from_estimator(boosted, X[TEST], Y[TEST]).band_ is None
    forest = RandomForestClassifier(6, random_state=0).fit(X[TRAIN], Y[TRAIN])
    assert LearningCurveDisplay.from_estimator(forest, X[TEST], Y[TEST], ax=display.ax_)


def test_the_gap_is_training_less_validation_score():
    boosted = HistGradientBoostingClassifier(
        max_iter=10, early_stopping=True, scoring="loss", random_state=0
    ).fit(X, Y)
    display = GeneralizationGapDisplay.from_estimator(boosted, name="minus log loss")
    assert_allclose(display.gap, boosted.train_score_ - boosted.validation_score_)
    assert display.ax_.get_ylabel() == "minus log loss"
    baseline_first = np.arange(boosted.n_iter_ + 1)  # its first score is before any tree
    assert_array_equal(display.ax_.lines[0].get_xdata(), baseline_first)
    staged = AdaBoostClassifier(n_estimators=5, random_state=0).fit(X[TRAIN], Y[TRAIN])
    stages = [staged.staged_predict(X[part]) for part in (TRAIN, TEST)]
    drawn = GeneralizationGapDisplay.from_predictions(
        (Y[TRAIN], Y[TEST]), stages, metric=accuracy_score
    )
    assert_allclose(drawn.train_scores, list(staged.staged_score(X[TRAIN], Y[TRAIN])))
    assert_array_equal(drawn.rounds, np.arange(1, 6))


def test_an_estimator_without_validation_rows_has_no_gap():
    plain = HistGradientBoostingClassifier(max_iter=3, early_stopping=False).fit(X, Y)
    with pytest.raises(ValueError, match="kept none: fit it with validation rows"):
        GeneralizationGapDisplay.from_estimator(plain)
    with pytest.raises(ValueError, match="1D and equally long"):
        GeneralizationGapDisplay([1, 2], [1])


def test_bias_and_variance_are_stacked_by_learner():
    learners = {"near": KNeighborsClassifier(1), "line": LogisticRegression()}
    display = BiasVarianceDisplay.from_estimator(
        learners, X[TRAIN], Y[TRAIN], X[TEST], Y[TEST], n_rounds=5, random_state=0
    )
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["near", "line"]
    single = BiasVarianceDisplay.from_estimator(
        LogisticRegression(), X[TRAIN], Y[TRAIN], X[TEST], Y[TEST], n_rounds=5
    )
    assert list(single.results) == ["LogisticRegression"]


def test_the_critical_difference_diagram_names_every_model():
    scores = np.random.default_rng(0).random((8, 5))
    display = CriticalDifferenceDisplay.from_scores(scores, names=list("abcde"))
    texts = " ".join(text.get_text() for text in display.ax_.texts)
    assert all(f" {name} (" in texts for name in "abcde")
    assert "CD = " in texts
    holm = CriticalDifferenceDisplay.from_scores(scores, post_hoc="holm")
    assert "CD = " not in " ".join(text.get_text() for text in holm.ax_.texts)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch, bag):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'ensembles\[plot\]'"):
        LearningCurveDisplay.from_estimator(bag, X[TEST], Y[TEST], n_orders=2)
