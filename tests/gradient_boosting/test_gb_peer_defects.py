"""What goes wrong in XGBoost's own wrapper: its behaviour stated, ours beside it."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from xgboost import XGBClassifier, XGBRegressor

from ensembles import GradientBoostingClassifier, GradientBoostingRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4))
y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
SMALL = {"n_estimators": 5, "n_jobs": 1}


@pytest.mark.parametrize("labels", [["a", "b"], [1, 2], [-1, 1], [0, 2]])
def test_labels_other_than_counting_from_zero(labels):
    with pytest.raises(ValueError, match="Invalid classes"):
        XGBClassifier(**SMALL).fit(X, np.array(labels)[y])
    model = GradientBoostingClassifier(**SMALL).fit(X, np.array(labels)[y])
    assert model.classes_.tolist() == labels


def test_a_fold_without_a_class():
    ordered = np.repeat([0, 1, 2], [20, 90, 90])
    folds = KFold(3)
    with pytest.raises(ValueError, match="Invalid classes"):
        cross_val_score(XGBClassifier(**SMALL), X, ordered, cv=folds, error_score="raise")
    scores = cross_val_score(
        GradientBoostingClassifier(**SMALL), X, ordered, cv=folds, error_score="raise"
    )
    assert np.isfinite(scores).all()


def test_early_stopping_without_an_eval_set():
    with pytest.raises(ValueError, match="validation dataset"):
        XGBClassifier(early_stopping_rounds=3, **SMALL).fit(X, y)
    model = GradientBoostingClassifier(early_stopping=True, n_iter_no_change=3, **SMALL)
    assert GridSearchCV(model, {"max_depth": [2, 3]}, cv=2).fit(X, y).best_score_ > 0.5


def test_a_callable_metric_that_is_minimised():
    """XGBoost keeps the round of the worst F1, we that of the best."""
    given = {"n_estimators": 40, "max_depth": 4, "n_jobs": 1, "learning_rate": 0.1}
    halves = X[:100], y[:100]

    def f1_of_chances(y_true, y_pred):
        return f1_score(y_true, y_pred > 0.5)

    theirs = XGBClassifier(eval_metric=f1_of_chances, early_stopping_rounds=40, **given)
    theirs.fit(*halves, eval_set=[(X[100:], y[100:])], verbose=False)
    scores = theirs.evals_result()["validation_0"]["f1_of_chances"]
    assert scores[theirs.best_iteration] == min(scores) < max(scores)
    ours = GradientBoostingClassifier(scoring=f1_score, n_iter_no_change=40, **given)
    ours.fit(*halves, X_val=X[100:], y_val=y[100:])
    assert ours.best_score_ == max(ours.evals_result_["validation"]["f1_score"])


def test_a_misspelled_parameter():
    """XGBoost takes it and warns at most."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        XGBClassifier(max_deph=3, **SMALL).fit(X, y)
    with pytest.raises(TypeError, match="max_deph"):
        GradientBoostingClassifier(max_deph=3)
    with pytest.raises(ValueError, match="Did you mean 'max_depth'"):
        GradientBoostingClassifier(params={"max_deph": 3}, **SMALL).fit(X, y)


@pytest.mark.parametrize(
    ("name", "way_out"),
    {
        "callbacks": "early_stopping",
        "enable_categorical": "always taken as such",
        "feature_types": "types of a DataFrame",
        "feature_weights": "colsample_bytree",
    }.items(),
)
def test_an_argument_of_xgboosts_own_estimators_is_told_what_is_here(name, way_out):
    assert name in XGBClassifier().get_params()
    with pytest.raises(ValueError, match=f"got '{name}'. .*{way_out}"):
        GradientBoostingClassifier(params={name: None}).fit(X, y)


def test_class_weight_that_is_ignored():
    uneven = (X[:, 0] > 1).astype(int)
    given = {"n_estimators": 5, "n_jobs": 1, "max_depth": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = XGBClassifier(**given).fit(X, uneven)
        weighted = XGBClassifier(class_weight="balanced", **given).fit(X, uneven)
    np.testing.assert_array_equal(plain.predict_proba(X), weighted.predict_proba(X))
    plain = GradientBoostingClassifier(**given).fit(X, uneven)
    weighted = GradientBoostingClassifier(class_weight="balanced", **given).fit(X, uneven)
    assert weighted.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.1


def test_columns_of_text():
    frame = pd.DataFrame({"city": np.where(y, "Oslo", "Rome"), "a": X[:, 0]})
    with pytest.raises(ValueError, match="dtypes"):
        XGBClassifier(**SMALL).fit(frame, y)
    assert GradientBoostingClassifier(**SMALL).fit(frame, y).score(frame, y) == 1


def test_names_with_brackets():
    frame = pd.DataFrame(X, columns=["[a]", "<b", "c]", "d"])
    with pytest.raises(ValueError, match="feature_names must be string"):
        XGBRegressor(**SMALL).fit(frame, X[:, 0])
    model = GradientBoostingRegressor(**SMALL).fit(frame, X[:, 0])
    assert model.feature_importances_.argmax() == 0


def test_weights_that_vanish():
    with pytest.raises(ValueError, match="sample_weight must"):
        GradientBoostingRegressor(**SMALL).fit(X, X[:, 0], sample_weight=np.full(200, 1e-300))


def test_no_rows():
    with pytest.raises(ValueError, match="0 sample"):
        GradientBoostingRegressor(**SMALL).fit(X[:0], [])


def test_what_was_trained_before_makes_no_difference():
    """XGBoost draws from one generator per process: a seed must begin anew."""
    given = {"subsample": 0.5, "colsample_bynode": 0.5, "random_state": 7, **SMALL}
    first = GradientBoostingRegressor(**given).fit(X, X[:, 0]).predict(X)
    XGBRegressor(subsample=0.3, **SMALL).fit(X, y)
    np.testing.assert_array_equal(
        GradientBoostingRegressor(**given).fit(X, X[:, 0]).predict(X), first
    )


def test_small_tables_do_not_wait_for_threads():
    from ensembles.gradient_boosting.settings import n_threads

    assert n_threads(None, 800) == 1
    assert n_threads(None, 10**6) == 0
    assert n_threads(3, 800) == 3
    assert n_threads(-1, 800) == 0
