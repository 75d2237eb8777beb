"""The harness with our own ensembles: early stopping, curves, categories, folds and the cache."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_classification
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ensembles import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    cross_validate,
)
from ensembles.validation import GeneralizationGapDisplay, compare_models, learning_curve

X, y = make_classification(240, 6, flip_y=0.1, random_state=0)
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)
LEARNERS = {
    "ada": AdaBoostClassifier(n_estimators=40, n_iter_no_change=8, random_state=0),
    "gradient": GradientBoostingClassifier(
        n_estimators=40, learning_rate=0.5, n_iter_no_change=8, n_jobs=1, random_state=0
    ),
}
EVERY = LEARNERS | {"bag": BaggingClassifier(n_estimators=5, random_state=0)}


@pytest.fixture(params=LEARNERS)
def learner(request):
    return LEARNERS[request.param]


def losses_to_the_end(learner, train, test, n_rounds):
    """Loss on the held-out rows after every round of a training that does not stop early."""
    model = clone(learner).set_params(n_estimators=n_rounds, early_stopping=False)
    model.fit(X[train], y[train], X_val=X[test], y_val=y[test])
    if isinstance(model, AdaBoostClassifier):
        return -model.validation_score_
    (table,) = [table for name, table in model.evals_result_.items() if "train" not in name]
    return np.array(list(table.values())[-1])


def test_without_stopping_it_is_the_loop_by_hand():
    board = cross_validate(EVERY, X, y, cv=FOLDS, X_test=X[:7])
    for name, own in EVERY.items():
        said = np.zeros((len(X), 2))
        told = []
        for train, test in FOLDS.split(X, y):
            model = clone(own).fit(X[train], y[train])
            said[test] = model.predict_proba(X[test])
            told.append(model.predict_proba(X[:7]))
        assert_array_equal(board[name].oof_prediction_, said)
        assert_allclose(board[name].test_prediction_, np.mean(told, axis=0), rtol=1e-6)


def test_on_the_held_out_rows_it_is_the_loop_by_hand(learner):
    result = cross_validate(learner, X, y, cv=FOLDS, early_stopping="fold")
    for k, (train, test) in enumerate(FOLDS.split(X, y)):
        model = clone(learner).fit(X[train], y[train], X_val=X[test], y_val=y[test])
        assert_array_equal(result.oof_prediction_[test], model.predict_proba(X[test]))
        n_rounds = getattr(model, "n_estimators_", None) or len(model.estimators_)
        assert result.best_iterations_[k] == model.best_iteration_ + 1 == n_rounds < 40
    assert "optimistic" in result.optimism_


def test_nested_rows_leave_the_held_out_ones_alone(learner):
    train, test = next(FOLDS.split(X, y))
    scrambled = y.copy()
    scrambled[test] = 1 - y[test]
    said = [
        cross_validate(learner, X, own, cv=[(train, test)], early_stopping="nested", random_state=0)
        for own in (y, scrambled)
    ]
    assert_array_equal(said[0].oof_prediction_[test], said[1].oof_prediction_[test])
    assert said[0].best_iterations_ == said[1].best_iterations_


def test_pooled_is_the_best_round_by_the_mean_over_folds(learner):
    alone = cross_validate(learner, X, y, cv=FOLDS, early_stopping="fold")
    result = cross_validate(learner, X, y, cv=FOLDS, early_stopping="pooled")
    (n_rounds,) = set(result.best_iterations_)
    curves = [losses_to_the_end(learner, *fold, 40) for fold in FOLDS.split(X, y)]
    patience = 8 if isinstance(learner, GradientBoostingClassifier) else 0
    seen = max(alone.best_iterations_) + patience
    assert n_rounds == np.argmin(np.mean(curves, axis=0)[:seen]) + 1
    for (train, test), model in zip(FOLDS.split(X, y), result.models_, strict=True):
        by_hand = clone(learner).set_params(n_estimators=n_rounds).fit(X[train], y[train])
        assert_array_equal(model.predict_proba(X[test]), by_hand.predict_proba(X[test]))


def test_pooled_rounds_of_folds_that_end_by_themselves():
    easy, hard = X[:, 0] > 0, X[:, 1] + X[:, 2] + X[:, 3] > 0
    rows = np.arange(240)
    labels = np.where(rows < 120, easy, hard).astype(int)
    folds = [(rows[:80], rows[80:120]), (rows[120:200], rows[200:])]
    result = cross_validate(LEARNERS["ada"], X, labels, cv=folds, early_stopping="pooled")
    assert len(result.models_[0].estimators_) == 1  # a stump is right about every row
    assert len(result.models_[1].estimators_) == result.best_iterations_[1] > 1
    assert result.best_iterations_[0] == result.best_iterations_[1]


@pytest.mark.parametrize("stopping", ["fold", "nested", "pooled"])
def test_refit_trains_on_all_rows_for_the_scaled_rounds(learner, stopping):
    limited = clone(learner).set_params(max_generalization_gap=0.9)
    piped = make_pipeline(StandardScaler(), limited)
    result = cross_validate(
        piped, X, y, cv=FOLDS, early_stopping=stopping, refit=True, random_state=0
    )
    grown = 240 / (160 * (0.9 if stopping == "nested" else 1.0))
    assert result.refit_rounds_ == max(1, round(np.mean(result.best_iterations_) * grown))
    by_hand = clone(learner).set_params(n_estimators=result.refit_rounds_)
    scaled = StandardScaler().fit_transform(X)
    assert_array_equal(
        result.refit_estimator_.predict_proba(X), by_hand.fit(scaled, y).predict_proba(scaled)
    )


def test_learning_curves_end_at_the_scores(learner):
    short = clone(learner).set_params(n_estimators=10)
    for own in (short, make_pipeline(StandardScaler(), short)):
        result = cross_validate(own, X, y, cv=FOLDS, scoring="neg_log_loss")
        curves = result.learning_curves(n_points=4)
        assert curves.rounds[[0, -1]].tolist() == [1, 10]
        assert_allclose(curves.test[:, -1], result["test_score"], rtol=1e-6)
        assert_allclose(curves.gap[:, -1], result.gaps_, rtol=1e-5)
        if isinstance(learner, GradientBoostingClassifier):
            assert np.all(np.diff(curves.train, axis=1) > 0)


def test_learning_curves_are_not_asked_for_by_place():
    result = cross_validate(LEARNERS["ada"], X, y, cv=FOLDS)
    with pytest.raises(ValueError, match="Did you mean n_points=5"):
        result.learning_curves(5)
    with pytest.raises(ValueError, match="X and y must be given together"):
        result.learning_curves(X)
    with pytest.raises(ValueError, match="the 240 rows that were cross-validated"):
        result.learning_curves(X[:9], y[:9])


def test_weights_count_in_stopping(learner):
    weights = np.random.default_rng(0).exponential(size=240)
    result = cross_validate(learner, X, y, cv=FOLDS, early_stopping="fold", sample_weight=weights)
    for k, (train, test) in enumerate(FOLDS.split(X, y)):
        model = clone(learner).fit(
            X[train],
            y[train],
            sample_weight=weights[train],
            X_val=X[test],
            y_val=y[test],
            sample_weight_val=weights[test],
        )
        assert result.best_iterations_[k] == model.best_iteration_ + 1


@pytest.mark.parametrize(
    ("name", "stopping"),
    [(name, stopping) for name in LEARNERS for stopping in (None, "fold", "pooled")]
    + [("bag", None)],
)
def test_a_class_that_a_fold_has_never_seen(name, stopping):
    labels = np.array(["no", "yes"])[y]
    train, test = next(FOLDS.split(X, y))
    labels[test[:5]] = "zero"
    result = cross_validate(
        EVERY[name], X, labels, cv=[(train, test), (test, train)], early_stopping=stopping
    )
    assert result.oof_prediction_.shape == (240, 3)
    assert not result.oof_prediction_[test][:, 2].any()
    assert_allclose(result.oof_prediction_.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("stopping", [None, "fold", "nested", "pooled"])
def test_categories_and_missing_values_as_they_are(stopping):
    rng = np.random.default_rng(0)
    town = np.array(["a", "b", "c", "d"])[rng.integers(0, 4, 240)]
    frame = pd.DataFrame({"number": np.where(rng.random(240) < 0.2, np.nan, X[:, 0])})
    frame["town"] = pd.Categorical(town)
    frame["text"] = np.where(town == "a", None, town)
    target = np.isin(town, ["a", "c"]).astype(int)
    target[:24] = 1 - target[:24]
    learner = LEARNERS["gradient"]
    given = {"cv": FOLDS, "early_stopping": stopping, "X_test": frame[:9], "random_state": 0}
    result = cross_validate(learner, frame, target, refit=True, **given)
    assert result.score_ > 0.8
    assert result.test_prediction_.shape == (9, 2)
    assert result.refit_estimator_.predict(frame).shape == (240,)


def test_two_workers_and_a_cache_change_nothing(learner, tmp_path):
    tmp_path.chmod(0o700)
    for stopping in ("nested", "pooled"):
        given = {"cv": FOLDS, "early_stopping": stopping, "random_state": 0}
        one = cross_validate(learner, X, y, **given)
        two = cross_validate(learner, X, y, n_jobs=2, cache_dir=tmp_path, **given)
        again = cross_validate(learner, X, y, cache_dir=tmp_path, **given)
        for other in (two, again):
            assert_array_equal(one.oof_prediction_, other.oof_prediction_)
            assert one.best_iterations_ == other.best_iterations_
        assert_array_equal(two.fit_times_, again.fit_times_)


@pytest.mark.parametrize(
    "model",
    [
        AdaBoostRegressor(n_estimators=15, random_state=0),
        GradientBoostingRegressor(n_estimators=15, n_jobs=1, random_state=0),
    ],
    ids=["ada", "gradient"],
)
def test_regressions_too(model):
    table, target = load_diabetes(return_X_y=True)
    for stopping in ("fold", "nested", "pooled"):
        result = cross_validate(
            model, table, target, cv=3, early_stopping=stopping, refit=True, random_state=0
        )
        assert result.score_ > 0.2
        assert max(result.best_iterations_) <= 15
    curves = result.learning_curves(n_points=3)
    assert_allclose(curves.gap[:, -1], result.gaps_, rtol=1e-5)


def test_every_metric_is_stopped_by_in_its_own_direction():
    for scoring in ("auc", "roc_auc", "logloss", "neg_log_loss"):
        own = clone(LEARNERS["gradient"]).set_params(scoring=scoring)
        alone = cross_validate(own, X, y, cv=FOLDS, early_stopping="fold")
        (n_rounds,) = set(
            cross_validate(own, X, y, cv=FOLDS, early_stopping="pooled").best_iterations_
        )
        assert 1 <= n_rounds <= max(alone.best_iterations_) + 8


def test_staged_answers_end_at_the_models_own():
    learner = clone(LEARNERS["gradient"]).set_params(n_estimators=6)
    for model, target in (
        (learner.fit(X, y), y),
        (clone(learner).set_params(n_seeds=2).fit(X, y + (X[:, 0] > 0)), None),
        (clone(learner).set_params(booster="dart").fit(X, y), y),
    ):
        for method in ("predict", "predict_proba", "decision_function"):
            stages = list(getattr(model, f"staged_{method}")(X))
            assert len(stages) == 6
            assert_array_equal(stages[-1], getattr(model, method)(X))
        if target is not None:
            first = clone(model).set_params(n_estimators=1).fit(X, target)
            if model.booster != "dart":
                (stage, *_) = model.staged_predict_proba(X)
                assert_array_equal(stage, first.predict_proba(X))
    quantiles = GradientBoostingRegressor(5, quantiles=[0.1, 0.9], n_jobs=1).fit(X, X[:, 0])
    assert_array_equal(list(quantiles.staged_predict(X))[-1], quantiles.predict(X))
    assert not hasattr(quantiles, "staged_predict_proba")


# ---------------------------------------------------------------------------------------------
# Displays, curves and tests


def test_the_gap_of_our_boosters_is_drawn(learner):
    model = clone(learner).set_params(early_stopping=False, n_estimators=12)
    model.fit(X[:160], y[:160], X_val=X[160:], y_val=y[160:])
    display = GeneralizationGapDisplay.from_estimator(model)
    assert len(display.gap) == 12
    if isinstance(model, AdaBoostClassifier):
        assert_array_equal(display.gap, model.generalization_gap_)
    else:
        assert_allclose(display.gap[-1], model.generalization_gap_, rtol=1e-6)
        assert display.ax_.get_ylabel() == "negative logloss"


def test_curves_of_our_boosters_end_at_their_scores(learner):
    model = clone(learner).fit(X[:160], y[:160])
    curve = learning_curve(model, X[160:], y[160:], sizes=[1, 10, 40])
    assert curve.scores[-1] == pytest.approx(model.score(X[160:], y[160:]), rel=1e-12)


def test_results_of_two_boosters_are_compared():
    a, b = (cross_validate(own, X, y, cv=FOLDS) for own in LEARNERS.values())
    for test in ("mcnemar", "delong"):
        found = compare_models(a, b, y_true=y, test=test)
        assert 0 <= found.p_value <= 1
        assert found.low <= found.difference <= found.high
    paired = compare_models(a, b)
    assert paired.difference == pytest.approx(np.mean(a["test_score"] - b["test_score"]))
