"""When boosting stops: early, at a gap, and what is kept."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine, make_classification
from sklearn.metrics import f1_score, make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from ensembles import AdaBoost, AdaBoostClassifier, AdaBoostRegressor, HistTreeClassifier
from ensembles.adaboost.stopping import held_out

ALGORITHMS = ["SAMME", "real", "gentle", "logit"]
PER_ROUND = (
    "estimator_weights_",
    "estimator_errors_",
    "train_score_",
    "validation_score_",
    "generalization_gap_",
)


def noisy(n_rows=600, seed=0):
    return make_classification(n_rows, 10, flip_y=0.3, random_state=seed)


def assert_one_length(model):
    for name in PER_ROUND:
        assert len(getattr(model, name)) == len(model.estimators_), name
    np.testing.assert_allclose(
        model.generalization_gap_, model.train_score_ - model.validation_score_
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_early_stopping_keeps_the_rounds_up_to_the_best(algorithm):
    X, y = noisy()
    model = AdaBoostClassifier(
        algorithm=algorithm,
        n_estimators=300,
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=8,
        random_state=0,
    ).fit(X, y)
    assert len(model) < 300
    assert_one_length(model)
    assert model.best_iteration_ == len(model) - 1 == np.argmax(model.validation_score_)


@pytest.mark.parametrize("algorithm", ["R2", "RT"])
def test_early_stopping_of_a_regression(algorithm):
    X, y = load_diabetes(return_X_y=True)
    model = AdaBoostRegressor(
        algorithm=algorithm, n_estimators=200, early_stopping=True, random_state=0
    ).fit(X, y)
    assert len(model) < 200
    assert_one_length(model)


def test_the_scores_are_those_of_the_stages():
    X, y = noisy()
    weights = np.random.default_rng(0).random(300)
    for model in (
        AdaBoostClassifier(n_estimators=15, early_stopping=False, random_state=0),
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=15, random_state=0),
        AdaBoostClassifier(algorithm="logit", n_estimators=15, random_state=0),
    ):
        model.set_params(early_stopping=False)
        model.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:], sample_weight_val=weights)
        assert len(model) == 15
        train = list(model.staged_score(X[:300], y[:300]))
        validation = list(model.staged_score(X[300:], y[300:], sample_weight=weights))
        np.testing.assert_allclose(model.train_score_, train)
        np.testing.assert_allclose(model.validation_score_, validation)


def test_the_scores_of_a_regression_are_those_of_the_stages():
    X, y = load_diabetes(return_X_y=True)
    for algorithm in ("R2", "RT"):
        model = AdaBoostRegressor(algorithm=algorithm, n_estimators=12, early_stopping=False)
        model.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
        np.testing.assert_allclose(
            model.validation_score_, list(model.staged_score(X[300:], y[300:]))
        )
        np.testing.assert_allclose(model.train_score_, list(model.staged_score(X[:300], y[:300])))


def test_validation_rows_given_to_fit_stop_it():
    X, y = noisy()
    model = AdaBoostClassifier(n_estimators=300, n_iter_no_change=5, random_state=0)
    model.fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    assert len(model) < 300
    model.set_params(early_stopping=False, n_estimators=30)
    model.fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    assert len(model) == 30
    assert model.best_iteration_ == np.argmax(model.validation_score_)


def test_without_validation_there_are_no_scores_and_none_are_left_over():
    X, y = noisy()
    model = AdaBoostClassifier(early_stopping=True, random_state=0).fit(X, y)
    model.set_params(early_stopping=False).fit(X, y)
    for name in (*PER_ROUND[2:], "best_iteration_"):
        assert not hasattr(model, name)
    model.set_params(scoring="roc_auc").fit(X, y)
    assert len(model.train_score_) == 50
    assert not hasattr(model, "validation_score_")


@pytest.mark.parametrize("most", [0.02, 0.05, 0.1])
def test_the_gap_never_opens_further_than_allowed(most):
    X, y = noisy()
    strong = HistTreeClassifier(max_depth=3)
    model = AdaBoostClassifier(strong, max_generalization_gap=most, random_state=0)
    model.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    free = AdaBoostClassifier(strong, early_stopping=False, random_state=0)
    free.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    assert free.generalization_gap_.max() > most
    assert_one_length(model)
    assert (model.generalization_gap_[1:] <= most).all()
    opens = int(np.argmax(free.generalization_gap_ > most))
    assert len(model) <= max(1, opens)


def test_a_gap_holds_rows_out_by_itself():
    X, y = noisy()
    model = AdaBoostClassifier(
        HistTreeClassifier(max_depth=4), max_generalization_gap=0.1, random_state=0
    ).fit(X, y)
    assert_one_length(model)
    assert len(model) < 50


@pytest.mark.parametrize("scoring", ["f1", "neg_log_loss", f1_score])
def test_any_scoring(scoring):
    X, y = noisy()
    model = AdaBoostClassifier(
        early_stopping=True, scoring=scoring, n_estimators=200, random_state=0
    ).fit(X, y)
    assert_one_length(model)
    assert model.best_iteration_ == np.argmax(model.validation_score_)


def test_a_metric_of_which_less_is_better_is_not_maximised():
    """The best round by the largest error would be the worst."""
    X, y = load_diabetes(return_X_y=True)
    model = AdaBoostRegressor(early_stopping=True, scoring=mean_absolute_error, random_state=0)
    with pytest.raises(ValueError, match=r"make_scorer\(mean_absolute_error, greater_is_better"):
        model.fit(X, y)
    scorer = make_scorer(mean_absolute_error, greater_is_better=False)
    model.set_params(scoring=scorer).fit(X, y)
    assert model.validation_score_[model.best_iteration_] == max(model.validation_score_)


def test_a_score_that_is_nan_at_first_is_waited_for():
    said = iter([np.nan] * 4 + [k / 40 for k in range(40)])  # two scores a round
    model = AdaBoostClassifier(
        n_estimators=10, early_stopping=True, n_iter_no_change=3, random_state=0,
        scoring=lambda y, p: next(said),
    ).fit(*noisy())  # fmt: skip
    assert len(model) == 10
    assert model.best_iteration_ == 9


def test_a_score_that_is_nan_in_every_round_is_an_error_here_too():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match="scoring must be defined on the validation rows; R2"):
        AdaBoostRegressor(early_stopping=True, validation_fraction=1).fit(X, y)


def test_early_stopping_inside_search_and_pipeline():
    """XGBoost's wrapper cannot: the validation rows come from the training part alone."""
    X, y = load_breast_cancer(return_X_y=True)
    model = AdaBoostClassifier(early_stopping=True, n_estimators=60, random_state=0)
    assert cross_val_score(make_pipeline(StandardScaler(), model), X, y, cv=3).mean() > 0.9
    search = GridSearchCV(model, {"n_iter_no_change": [3, 5]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.9


# Which rows are held out


def test_classes_are_held_out_in_proportion():
    codes = np.repeat([0, 1, 2], [100, 50, 10])
    chosen = held_out(0.2, 0, 160, codes)
    assert np.bincount(codes[chosen]).tolist() == [20, 10, 2]
    assert not np.array_equal(chosen, held_out(0.2, 1, 160, codes))
    assert np.array_equal(chosen, held_out(0.2, 0, 160, codes))
    assert held_out(7, 0, 160).sum() == 7


def test_a_class_of_one_row_stays_to_be_learned():
    codes = np.array([0] * 20 + [1])
    for seed in range(20):
        assert not held_out(0.5, seed, 21, codes)[20]


def test_groups_are_held_out_whole():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 30, 300)
    codes = rng.integers(0, 2, 300)
    for seed in range(10):
        chosen = held_out(0.2, seed, 300, codes, groups)
        assert not set(groups[chosen]) & set(groups[~chosen])
        assert 30 <= chosen.sum() <= 90
        assert set(codes[~chosen]) == {0, 1}


def test_groups_reach_the_held_out_rows_from_fit():
    X, y = noisy(200)
    groups = np.repeat(np.arange(20), 10)
    AdaBoostClassifier(early_stopping=True, random_state=0).fit(X, y, groups=groups)
    with pytest.raises(ValueError, match="groups must hold one group for each of the 200 rows"):
        AdaBoostClassifier(early_stopping=True).fit(X, y, groups=groups[:5])
    with pytest.raises(ValueError, match="groups must hold at least 2 groups"):
        AdaBoostClassifier(early_stopping=True).fit(X, y, groups=np.zeros(200))


# Warm start


@pytest.mark.parametrize(
    "model",
    [
        AdaBoostClassifier(),
        AdaBoostClassifier(algorithm="real"),
        AdaBoostClassifier(algorithm="gentle"),
        AdaBoostClassifier(algorithm="logit", weight_trimming=0.05),
        AdaBoostClassifier(resample=True),
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=2, max_features=2)),
        AdaBoostClassifier(HistTreeClassifier(), resample=True),
        AdaBoostRegressor(),
        AdaBoostRegressor(algorithm="RT", threshold=0.3),
        AdaBoost(task="regression", resample=False, loss="square"),
    ],
    ids=str,
)
def test_a_warm_start_is_a_cold_fit(model):
    X, y = load_wine(return_X_y=True)
    if model._known_task() == "regression":
        X, y = load_diabetes(return_X_y=True)
    cold = model.set_params(random_state=3, n_estimators=12).fit(X, y)
    expected = list(cold.staged_predict(X))
    warm = clone(model).set_params(n_estimators=5, warm_start=True)
    first = list(warm.fit(X, y).estimators_)
    warm.set_params(n_estimators=12).fit(X, y)
    assert [a is b for a, b in zip(first, warm.estimators_, strict=False) if hasattr(a, "fit")] == [
        True for one in first if hasattr(one, "fit")
    ]
    for one, two in zip(warm.staged_predict(X), expected, strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(warm.estimator_weights_, cold.estimator_weights_)


def test_a_warm_start_after_stopping_early_is_a_cold_fit():
    X, y = noisy()
    settings = {"early_stopping": True, "n_iter_no_change": 4, "random_state": 1}
    warm = AdaBoostClassifier(n_estimators=3, warm_start=True, **settings).fit(X, y)
    warm.set_params(n_estimators=80).fit(X, y)
    cold = AdaBoostClassifier(n_estimators=80, **settings).fit(X, y)
    np.testing.assert_array_equal(warm.validation_score_, cold.validation_score_)
    np.testing.assert_array_equal(warm.decision_function(X), cold.decision_function(X))


def test_a_warm_start_on_other_rows_is_an_error_and_changes_nothing():
    X, y = noisy()
    model = AdaBoostClassifier(n_estimators=3, warm_start=True, random_state=0).fit(X, y)
    before = model.decision_function(X)
    model.set_params(n_estimators=6)
    with pytest.raises(ValueError, match="goes on from the rows, weights and parameters"):
        model.fit(X[:300], y[:300])
    with pytest.raises(ValueError, match="algorithm of the first fit"):
        model.set_params(algorithm="real").fit(X, y)
    model.set_params(algorithm="SAMME", n_estimators=2)
    with pytest.raises(ValueError, match=r"n_estimators=2 must be larger or equal to .*=3"):
        model.fit(X, y)
    np.testing.assert_array_equal(model.decision_function(X), before)


def test_a_warm_start_on_labels_that_a_member_cannot_tell_apart_drops_no_round():
    """The first member misses as many rows of the new labels as of the old, the second is no better
    than chance on them: such a fit kept the first alone and said nothing.
    """
    X = np.arange(12.0)[:, np.newaxis]
    first = [0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0]
    other = [0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0]
    model = AdaBoostClassifier(n_estimators=2, warm_start=True, random_state=0).fit(X, first)
    model.set_params(n_estimators=4)
    with pytest.raises(ValueError, match="no better than chance now"):
        model.fit(X, other)
    assert len(model) == 2
