"""No leak: what is fitted in a fold sees the fold's training rows and nothing else."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import make_classification
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from xgboost import XGBRegressor

from ensembles import cross_validate
from ensembles.validation import StratifiedGroupKFold as OurGroups

MARKER = 1e6


def planted(fold_of, k):
    """A table and targets in which the rows of fold k hold a marker that nobody could miss."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    X[rng.random(X.shape) < 0.1] = np.nan
    X[fold_of == k] += MARKER
    y[fold_of == k] += MARKER
    return X, y


@pytest.mark.parametrize("stopping", [None, "fold", "nested", "pooled"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_imputer_scaler_and_target_encoder_never_see_held_out_rows(n_jobs, stopping):
    fold_of = np.arange(60) % 4
    boosting = XGBRegressor(n_estimators=5, n_jobs=1)
    last = boosting if stopping else Ridge()
    for k in range(4):
        X, y = planted(fold_of, k)
        X = np.column_stack([X, np.arange(60) % 3])
        model = make_pipeline(SimpleImputer(), TargetEncoder(cv=KFold(2)), StandardScaler(), last)
        held_out, learned = np.flatnonzero(fold_of == k), np.flatnonzero(fold_of != k)
        result = cross_validate(
            model, X, y, cv=[(learned, held_out)], n_jobs=n_jobs, early_stopping=stopping
        )
        imputer, encoder, scaler, _ = (step for _, step in result.models_[0].steps)
        assert np.abs(imputer.statistics_[:3]).max() < 10
        assert max(np.abs(means).max() for means in encoder.encodings_) < 10
        assert np.abs(scaler.mean_).max() < 10


def test_selection_inside_a_pipeline_scores_pure_noise_at_chance():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 2000)), np.arange(100) % 2
    honest = make_pipeline(SelectKBest(k=20), LogisticRegression())
    result = cross_validate(honest, X, y, cv=5, n_repeats=2, random_state=0)
    assert abs(result.score_ - 0.5) < 0.12
    chosen = SelectKBest(k=20).fit_transform(X, y)
    assert cross_validate(LogisticRegression(), chosen, y, cv=5).score_ > 0.75


@pytest.mark.parametrize("model", [DecisionTreeClassifier(random_state=0), LogisticRegression()])
def test_permuted_labels_score_at_chance(model):
    X, y = make_classification(400, 10, class_sep=2.0, random_state=0)
    assert cross_validate(model, X, y, scoring="roc_auc").score_ > 0.85
    shuffled = np.random.default_rng(0).permutation(y)
    result = cross_validate(model, X, shuffled, scoring="roc_auc", cv=10, random_state=0)
    assert abs(result.score_ - 0.5) < 0.08
    assert abs(result.pooled_score_ - 0.5) < 0.08


@pytest.mark.parametrize(
    "cv", [5, GroupKFold(5), StratifiedGroupKFold(5, shuffle=True, random_state=1), OurGroups(5)]
)
def test_a_model_that_knows_groups_by_heart_gains_nothing(cv):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(80), 5)
    X = groups[:, None] + 0.01 * rng.normal(size=(400, 1))
    y = rng.integers(0, 2, 80)[groups]
    by_heart = DecisionTreeClassifier(random_state=0)
    assert cross_validate(by_heart, X, y, cv=KFold(5, shuffle=True, random_state=0)).score_ > 0.95
    result = cross_validate(by_heart, X, y, cv=cv, groups=groups)
    assert result.score_ < 0.7
    for train, test in result.splits_:
        assert not set(groups[train]) & set(groups[test])


class Spy(TransformerMixin, BaseEstimator):
    """Writes down which rows it was fitted on; the first column holds their numbers."""

    def fit(self, X, y=None):
        self.rows_ = X[:, 0].astype(int)
        return self

    def transform(self, X):
        return X


def test_every_fold_is_fitted_on_its_training_rows_and_no_other():
    X = np.column_stack([np.arange(90), np.random.default_rng(0).normal(size=(90, 2))])
    y = X[:, 1] + X[:, 2]
    model = make_pipeline(Spy(), DecisionTreeRegressor())
    result = cross_validate(model, X, y, cv=6, n_repeats=2, random_state=0, X_test=X, n_jobs=2)
    for (train, test), fitted in zip(result.splits_, result.models_, strict=True):
        np.testing.assert_array_equal(fitted[0].rows_, train)
        assert not set(fitted[0].rows_) & set(test)
    refitted = result.refit()
    np.testing.assert_array_equal(refitted[0].rows_, np.arange(90))


def doubled_in_place(X):
    X *= 2
    return X


class Centred(TransformerMixin, BaseEstimator):
    """A user's transformer that writes into what it is handed."""

    def fit(self, X, y=None):
        self.means_ = X.mean(axis=0)
        return self

    def transform(self, X):
        X -= self.means_
        return X


WRITERS = {
    "copy=False": StandardScaler(copy=False),
    "a function": FunctionTransformer(doubled_in_place),
    "the user's own": Centred(),
}


@pytest.mark.parametrize("backend", ["serial", "threading", "loky"])
@pytest.mark.parametrize("name", WRITERS)
def test_steps_that_write_into_their_table_spoil_no_score_and_no_table(name, backend):
    rng = np.random.default_rng(0)
    X, X_test, y = rng.normal(5, 3, (80, 3)), rng.normal(5, 3, (20, 3)), np.arange(80) % 2
    X[:, 0] += y
    before, test_before = X.copy(), X_test.copy()
    model = make_pipeline(WRITERS[name], LogisticRegression())
    folds = KFold(4)
    with joblib.parallel_config("loky" if backend == "serial" else backend):
        result = cross_validate(
            model,
            X,
            y,
            X_test=X_test,
            cv=folds,
            scoring=["accuracy", "neg_log_loss"],
            n_jobs=1 if backend == "serial" else 2,
        )
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(X_test, test_before)
    for k, (train, test) in enumerate(folds.split(X)):
        fitted = clone(model).fit(X[train], y[train])
        assert result["test_accuracy"][k] == fitted.score(X[test], y[test])
        assert result["train_accuracy"][k] == fitted.score(X[train], y[train])
        assert result["train_neg_log_loss"][k] == get_scorer("neg_log_loss")(
            fitted, X[train], y[train]
        )
        own = result.test_predictions_[k]
        np.testing.assert_array_equal(own, fitted.predict_proba(X_test.copy()))


def test_a_users_own_scorers_are_handed_tables_that_no_other_wrote_into():
    rng = np.random.default_rng(0)
    X, y = rng.normal(5, 3, (80, 3)), np.arange(80) % 2
    X[:, 0] += y
    model = make_pipeline(StandardScaler(copy=False), LogisticRegression())

    def first(model, X, y):
        return model.score(X, y)

    result = cross_validate(model, X, y, cv=4, scoring={"one": first, "other": first})
    np.testing.assert_array_equal(result["test_one"], result["test_other"])
    np.testing.assert_array_equal(result["train_one"], result["train_other"])


def test_frames_that_a_step_adds_columns_to_stay_as_they_were():
    def with_ratio(frame):
        frame["ratio"] = frame["a"] / frame["b"]
        return frame

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(5, 1, (60, 2)), columns=["a", "b"])
    y = (X["a"] > X["b"]).astype(int)
    model = make_pipeline(FunctionTransformer(with_ratio), LogisticRegression())
    result = cross_validate(model, X, y, X_test=X, cv=3, scoring=["accuracy", "roc_auc"])
    assert list(X.columns) == ["a", "b"]
    assert not result.failures_
    assert not np.isnan(result["train_accuracy"]).any()
