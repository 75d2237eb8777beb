"""With scikit-learn's trees and equal seeds, the ensembles are scikit-learn's."""

import numpy as np
import pytest
import sklearn.ensemble as theirs
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles import AdaBoost, AdaBoostClassifier, AdaBoostRegressor

TOLERANCE = {"rtol": 0, "atol": 1e-10}


def assert_same_ensemble(ours, other, X):
    n = len(other.estimators_)
    assert len(ours.estimators_) == n
    assert [m.random_state for m in ours] == [m.random_state for m in other]
    np.testing.assert_allclose(ours.estimator_weights_, other.estimator_weights_[:n], **TOLERANCE)
    np.testing.assert_allclose(ours.estimator_errors_, other.estimator_errors_[:n], **TOLERANCE)
    np.testing.assert_allclose(ours.feature_importances_, other.feature_importances_, **TOLERANCE)
    np.testing.assert_array_equal(ours.predict(X), other.predict(X))
    for one, two in zip(ours.staged_predict(X), other.staged_predict(X), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer, load_digits])
@pytest.mark.parametrize("tree", [{"max_depth": 1}, {"max_depth": 3, "max_features": 2}], ids=str)
@pytest.mark.parametrize("learning_rate", [1.0, 0.3])
def test_samme(load, tree, learning_rate):
    X, y = load(return_X_y=True)
    settings = {"n_estimators": 20, "learning_rate": learning_rate, "random_state": 7}
    base = DecisionTreeClassifier(**tree)
    other = theirs.AdaBoostClassifier(base, **settings).fit(X[::2], y[::2])
    ours = AdaBoostClassifier(base, **settings).fit(X[::2], y[::2])
    assert_same_ensemble(ours, other, X)
    np.testing.assert_allclose(ours.decision_function(X), other.decision_function(X), **TOLERANCE)
    np.testing.assert_allclose(ours.predict_proba(X), other.predict_proba(X), **TOLERANCE)


@pytest.mark.parametrize("loss", ["linear", "square", "exponential"])
@pytest.mark.parametrize("kind", [AdaBoost, AdaBoostRegressor])
def test_r2(loss, kind):
    """Resampling draws the very rows that scikit-learn draws."""
    X, y = load_diabetes(return_X_y=True)
    base = DecisionTreeRegressor(max_depth=4)
    settings = {"loss": loss, "n_estimators": 30, "random_state": 7}
    other = theirs.AdaBoostRegressor(base, **settings).fit(X, y)
    assert_same_ensemble(kind(base, **settings).fit(X, y), other, X)


def test_a_random_state_object_gives_the_same_members_and_moves_on():
    X, y = load_diabetes(return_X_y=True)
    base = DecisionTreeRegressor(max_depth=3)
    other = theirs.AdaBoostRegressor(base, random_state=np.random.RandomState(5)).fit(X, y)
    state = np.random.RandomState(5)
    ours = AdaBoostRegressor(base, random_state=state)
    np.testing.assert_array_equal(ours.fit(X, y).predict(X), other.predict(X))
    assert not np.array_equal(ours.fit(X, y).predict(X), other.predict(X))


def test_sample_weights():
    X, y = load_wine(return_X_y=True)
    weights = np.random.default_rng(0).random(len(y))
    base = DecisionTreeClassifier(max_depth=2)
    other = theirs.AdaBoostClassifier(base, random_state=0).fit(X, y, sample_weight=weights)
    ours = AdaBoostClassifier(base, random_state=0).fit(X, y, sample_weight=weights)
    assert_same_ensemble(ours, other, X)


def test_a_linear_base():
    X, y = load_iris(return_X_y=True)
    base = LogisticRegression()
    other = theirs.AdaBoostClassifier(base, n_estimators=5, random_state=0).fit(X, y)
    ours = AdaBoostClassifier(base, n_estimators=5, random_state=0).fit(X, y)
    np.testing.assert_allclose(ours.decision_function(X), other.decision_function(X), **TOLERANCE)


def test_our_trees_are_as_good_as_theirs():
    """The default base: the same depth, binned columns, so the same accuracy but not its bits."""
    X, y = load_breast_cancer(return_X_y=True)
    other = theirs.AdaBoostClassifier(random_state=0).fit(X[::2], y[::2])
    ours = AdaBoostClassifier(random_state=0).fit(X[::2], y[::2])
    assert abs(ours.score(X[1::2], y[1::2]) - other.score(X[1::2], y[1::2])) < 0.03
