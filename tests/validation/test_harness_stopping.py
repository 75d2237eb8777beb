"""Early stopping in every fold: on its held-out rows, on rows of its own, or all folds together."""

import pickle
from importlib.util import find_spec

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import GroupKFold, StratifiedKFold, TimeSeriesSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from ensembles import cross_validate
from ensembles.validation.refitting import scaled_rounds

X, y = make_classification(240, 6, flip_y=0.3, random_state=0)
FOLDS = StratifiedKFold(3, shuffle=True, random_state=0)

LEARNERS = {
    "xgboost": xgboost.XGBClassifier(
        n_estimators=60, learning_rate=0.5, early_stopping_rounds=5, n_jobs=1
    ),
    "lightgbm": lightgbm.LGBMClassifier(
        n_estimators=60, learning_rate=0.5, early_stopping_round=5, n_jobs=1, verbose=-1
    ),
    "histogram": HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.5, n_iter_no_change=5, random_state=0
    ),
}
if find_spec("catboost"):
    import catboost

    LEARNERS["catboost"] = catboost.CatBoostClassifier(
        iterations=60,
        learning_rate=0.5,
        thread_count=1,
        od_wait=5,
        allow_writing_files=False,
        verbose=False,
    )


def by_hand(name, train, stop, learner=None):
    """What a user of each library writes."""
    model = clone(LEARNERS[name] if learner is None else learner)
    held_out = (X[stop], y[stop])
    if name == "histogram":
        model.set_params(early_stopping=True)
        return model.fit(X[train], y[train], X_val=held_out[0], y_val=held_out[1])
    if name == "lightgbm":
        return model.fit(X[train], y[train], eval_X=held_out[0], eval_y=held_out[1])
    if name == "catboost":
        return model.fit(X[train], y[train], eval_set=held_out, verbose=False)
    return model.fit(X[train], y[train], eval_set=[held_out], verbose=False)


def rounds_of(name, model):
    if name == "histogram":
        return model.n_iter_
    return (
        model.best_iteration_ + (name == "catboost")
        if name != "xgboost"
        else (model.best_iteration + 1)
    )


@pytest.mark.parametrize("name", LEARNERS)
def test_on_the_held_out_rows_it_is_the_loop_by_hand(name):
    result = cross_validate(LEARNERS[name], X, y, cv=FOLDS, early_stopping="fold")
    for k, (train, test) in enumerate(FOLDS.split(X, y)):
        model = by_hand(name, train, test)
        said = model.predict_proba(X[test])
        np.testing.assert_array_equal(result.oof_prediction_[test], said)
        assert result.best_iterations_[k] == rounds_of(name, model) < 60
    assert "optimistic" in result.optimism_
    assert "optimistic" in result.summary()
    assert "best_iteration" in result.to_frame()


@pytest.mark.parametrize("name", LEARNERS)
def test_nested_rows_come_from_the_training_part_alone(name):
    result = cross_validate(LEARNERS[name], X, y, cv=FOLDS, early_stopping="nested", random_state=0)
    again = cross_validate(
        LEARNERS[name], X, y, cv=FOLDS, early_stopping="nested", random_state=0, n_jobs=1
    )
    np.testing.assert_array_equal(result.oof_prediction_, again.oof_prediction_)
    assert result.optimism_ is None
    assert all(0 < rounds < 60 for rounds in result.best_iterations_)
    scrambled = y.copy()
    train, test = next(FOLDS.split(X, y))
    scrambled[test] = 1 - y[test]
    other = cross_validate(
        LEARNERS[name], X, scrambled, cv=[(train, test)], early_stopping="nested", random_state=0
    )
    np.testing.assert_array_equal(other.oof_prediction_[test], result.oof_prediction_[test])


@pytest.mark.parametrize("name", LEARNERS)
def test_pooled_is_one_number_of_rounds_the_best_for_all_folds_together(name):
    result = cross_validate(LEARNERS[name], X, y, cv=FOLDS, early_stopping="pooled")
    assert len(set(result.best_iterations_)) == 1
    rounds = result.best_iterations_[0]
    names = {"histogram": "max_iter", "catboost": "iterations"}
    for (train, test), model in zip(FOLDS.split(X, y), result.models_, strict=True):
        alone = clone(LEARNERS[name]).set_params(**{names.get(name, "n_estimators"): rounds})
        quiet = {
            "xgboost": {"early_stopping_rounds": None},
            "lightgbm": {"early_stopping_round": None},
            "catboost": {"od_wait": None},
            "histogram": {"early_stopping": False},
        }
        alone.set_params(**quiet[name]).fit(X[train], y[train])
        said = alone.predict_proba(X[test])
        np.testing.assert_array_equal(model.predict_proba(X[test]), said)
    assert "slightly optimistic" in result.optimism_


@pytest.mark.parametrize("metric", ["logloss", "auc"])
def test_the_pooled_number_is_the_best_by_the_mean_over_folds(metric):
    learner = clone(LEARNERS["xgboost"]).set_params(eval_metric=metric, n_estimators=40)
    result = cross_validate(learner, X, y, cv=FOLDS, early_stopping="pooled")

    def curves(learner):
        for train, test in FOLDS.split(X, y):
            model = by_hand("xgboost", train, test, learner)
            yield model.evals_result()["validation_0"][metric]

    longest = max(len(curve) for curve in curves(learner))
    patient = clone(learner).set_params(early_stopping_rounds=99)
    mean = np.mean(list(curves(patient)), axis=0)[:longest]
    best = np.argmax(mean) if metric == "auc" else np.argmin(mean)
    assert result.best_iterations_[0] == best + 1


class Seen(TransformerMixin, BaseEstimator):
    """Remembers what it learned from, and counts how often it was asked to transform."""

    def fit(self, X, y=None):
        self.rows_ = np.array(X[:, 0])
        return self

    def transform(self, X):
        return X


@pytest.mark.parametrize("stopping", ["fold", "nested", "pooled"])
@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "histogram"])
def test_a_pipelines_steps_learn_from_the_training_rows_alone(name, stopping):
    pipeline = Pipeline([("scale", StandardScaler()), ("see", Seen()), ("boost", LEARNERS[name])])
    result = cross_validate(pipeline, X, y, cv=FOLDS, early_stopping=stopping, random_state=0)
    for (train, test), model in zip(result.splits_, result.models_, strict=True):
        assert isinstance(model, Pipeline)
        learned = model["scale"].n_samples_seen_
        assert learned == (round(0.9 * len(train)) if stopping == "nested" else len(train))
        assert len(model["see"].rows_) == learned
        said = model.predict_proba(X[test])
        np.testing.assert_array_equal(result.oof_prediction_[test], said)
    if stopping == "fold":
        train, test = result.splits_[0]
        scaler = StandardScaler().fit(X[train])
        np.testing.assert_array_equal(result.models_[0]["scale"].mean_, scaler.mean_)
    assert not hasattr(pipeline["scale"], "mean_")


def test_nested_rows_are_whole_groups_and_the_latest_of_a_time_series():
    learner = make_pipeline(Seen(), LEARNERS["xgboost"])
    groups = np.arange(240) // 8
    table = np.column_stack([np.arange(240), X])
    grouped = cross_validate(
        learner, table, y, cv=GroupKFold(3), groups=groups, early_stopping="nested", random_state=0
    )
    for (train, test), model in zip(grouped.splits_, grouped.models_, strict=True):
        learned = model["seen"].rows_.astype(int)
        left = np.setdiff1d(train, learned)
        assert len(left) > 0
        assert not set(groups[learned]) & (set(groups[left]) | set(groups[test]))
    timed = cross_validate(
        learner, table, y, cv=TimeSeriesSplit(3), early_stopping="nested", random_state=0
    )
    for (train, _), model in zip(timed.splits_, timed.models_, strict=True):
        learned = model["seen"].rows_
        np.testing.assert_array_equal(learned, train[: len(learned)])
        assert len(learned) == len(train) - round(0.1 * len(train))


def test_weights_count_in_early_stopping_too():
    weights = np.random.default_rng(0).exponential(size=240)
    result = cross_validate(
        LEARNERS["xgboost"], X, y, cv=FOLDS, early_stopping="fold", sample_weight=weights
    )
    for k, (train, test) in enumerate(FOLDS.split(X, y)):
        model = clone(LEARNERS["xgboost"]).fit(
            X[train],
            y[train],
            sample_weight=weights[train],
            eval_set=[(X[test], y[test])],
            sample_weight_eval_set=[weights[test]],
            verbose=False,
        )
        assert result.best_iterations_[k] == model.best_iteration + 1


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "histogram"])
def test_refit_scales_the_rounds_to_all_rows(name):
    result = cross_validate(LEARNERS[name], X, y, cv=FOLDS, early_stopping="fold", refit=True)
    mean = np.mean(result.best_iterations_)
    assert result.refit_rounds_ == max(1, round(mean * 240 / 160))
    names = {"histogram": "max_iter"}
    model = result.refit_estimator_
    assert model.get_params()[names.get(name, "n_estimators")] == result.refit_rounds_
    trees = {
        "xgboost": lambda: model.get_booster().num_boosted_rounds(),
        "lightgbm": lambda: model.n_estimators_,
        "histogram": lambda: model.n_iter_,
    }
    assert trees[name]() == result.refit_rounds_
    piped = cross_validate(
        make_pipeline(StandardScaler(), LEARNERS[name]), X, y, early_stopping="nested", refit=True
    )
    assert piped.refit_estimator_[-1].get_params()[names.get(name, "n_estimators")] == (
        scaled_rounds(piped.best_iterations_, 0.9 * 192, 240)
    )


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "histogram"])
def test_labels_of_any_kind_and_classes_the_model_never_saw(name):
    labels = np.array(["no", "yes"])[y]
    result = cross_validate(LEARNERS[name], X, labels, cv=FOLDS, early_stopping="fold")
    plain = cross_validate(LEARNERS[name], X, y, cv=FOLDS, early_stopping="fold")
    np.testing.assert_array_equal(result.oof_prediction_, plain.oof_prediction_)
    assert result.best_iterations_ == plain.best_iterations_
    third = y.copy()
    train, test = next(FOLDS.split(X, y))
    third[test[:5]] = 2
    unseen = cross_validate(LEARNERS[name], X, third, cv=[(train, test)], early_stopping="fold")
    assert unseen.oof_prediction_.shape == (240, 3)


def test_a_model_refitted_to_other_labels_answers_in_those():
    """It took their places among the labels that were cross-validated for places among its own."""
    X = np.random.default_rng(0).normal(size=(80, 3))
    result = cross_validate(
        xgboost.XGBClassifier(n_estimators=3), X, np.where(X[:, 0] > 0, "c", "a"), cv=3
    )
    model = result.refit(X, np.where(X[:, 0] > 0, "c", "b"))
    assert set(model.predict(X)) == {"b", "c"}


@pytest.mark.parametrize("pipeline", [False, True])
def test_a_refitted_model_answers_in_the_labels_as_given(pipeline):
    words = np.array(["no", "yes"])[y]
    model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1)
    model = make_pipeline(StandardScaler(), model) if pipeline else model
    result = cross_validate(model, X, words, cv=3, refit=True)
    one = pickle.loads(pickle.dumps(result.refit_estimator_))
    by_hand = clone(model).fit(X, y)
    np.testing.assert_array_equal(one.predict(X), np.array(["no", "yes"])[by_hand.predict(X)])
    np.testing.assert_array_equal(one.predict_proba(X), by_hand.predict_proba(X))
    assert one.classes_.tolist() == ["no", "yes"]
    assert one.score(X, words) == by_hand.score(X, y)
    assert is_classifier(one)
    plain = cross_validate(model, X, y, cv=3, refit=True).refit_estimator_
    assert type(plain) is type(model)


def test_regressions_and_learners_that_cannot_stop():
    table, target = make_regression(200, 5, noise=50, random_state=0)
    result = cross_validate(
        HistGradientBoostingRegressor(max_iter=200, learning_rate=0.5),
        table,
        target,
        early_stopping="nested",
        random_state=0,
        refit=True,
    )
    assert max(result.best_iterations_) < 200
    with pytest.raises(ValueError, match=r"early_stopping needs.*got DecisionTreeClassifier"):
        cross_validate(DecisionTreeClassifier(), X, y, early_stopping="fold")
    with pytest.raises(ValueError, match=r"got DecisionTreeClassifier \('tree'\)"):
        cross_validate(
            {"boost": LEARNERS["xgboost"], "tree": DecisionTreeClassifier()},
            X,
            y,
            early_stopping="nested",
        )


def test_what_cannot_be_stopped_is_said_before_or_by_name():
    inner = make_pipeline(StandardScaler(), LEARNERS["xgboost"])
    with pytest.raises(ValueError, match="without a pipeline as its last step"):
        cross_validate(make_pipeline(StandardScaler(), inner), X, y, early_stopping="fold")
    with pytest.raises(ValueError, match="at least 2 groups to learn from in every fold"):
        cross_validate(
            LEARNERS["histogram"], X, y, early_stopping="nested", groups=np.arange(240) % 2, cv=2
        )


def test_parallel_gives_the_same():
    for stopping in ("nested", "pooled"):
        given = {"cv": FOLDS, "early_stopping": stopping, "random_state": 0}
        one = cross_validate(LEARNERS["xgboost"], X, y, **given)
        two = cross_validate(LEARNERS["xgboost"], X, y, n_jobs=2, **given)
        np.testing.assert_array_equal(one.oof_prediction_, two.oof_prediction_)
        assert one.best_iterations_ == two.best_iterations_
