"""What goes wrong elsewhere, stated, and ours beside it."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_classification
from sklearn.ensemble import AdaBoostClassifier as TheirClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles import (
    AdaBoost,
    AdaBoostClassifier,
    AdaBoostRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistTreeClassifier,
)

ALGORITHMS = ["SAMME", "real", "gentle", "logit"]


def holed(n_rows=300):
    """A table with missing values where they tell something."""
    X, y = make_classification(n_rows, 6, random_state=0)
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    return X, y


@pytest.mark.parametrize("base", [None, DecisionTreeClassifier(max_depth=1)])
def test_missing_values_reach_a_base_that_takes_them(base):
    """scikit-learn's AdaBoost refuses NaN even then (#30477)."""
    X, y = holed()
    with pytest.raises(ValueError, match="NaN"):
        TheirClassifier(base).fit(X, y)
    assert AdaBoostClassifier(base, random_state=0).fit(X, y).score(X, y) > 0.85
    values = AdaBoostRegressor(random_state=0).fit(X, y.astype(float))
    assert np.isfinite(values.predict(X)).all()


def test_missing_values_that_the_base_refuses_are_a_clear_error():
    X, y = holed()
    with pytest.raises(ValueError, match="X must hold finite numbers, because LogisticRegression"):
        AdaBoostClassifier(LogisticRegression()).fit(X, y)


class Spy(LogisticRegression):
    """Remembers what it was given."""

    def fit(self, X, y, sample_weight=None):
        self.seen_ = (type(X), getattr(X, "columns", None), np.unique(y))
        numbers = X.select_dtypes("number") if hasattr(X, "select_dtypes") else X
        return super().fit(np.asarray(numbers), y, sample_weight=sample_weight)

    def predict(self, X):
        return super().predict(
            np.asarray(X.select_dtypes("number") if hasattr(X, "select_dtypes") else X)
        )


def test_frames_and_labels_reach_the_base_as_they_are():
    """scikit-learn hands on arrays, so names and types are lost."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = AdaBoostClassifier(Spy(max_iter=500), n_estimators=2).fit(X, names)
    kind, columns, labels = model.estimators_[0].seen_
    assert kind is pd.DataFrame
    assert list(columns) == list(X.columns)
    assert labels.tolist() == ["setosa", "versicolor", "virginica"]
    assert model.feature_names_in_.tolist() == list(X.columns)


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_frames_with_categories_and_holes(library, algorithm):
    rng = np.random.default_rng(0)
    town = rng.choice(["north", "south", "east", "west"], 400)
    size = rng.normal(size=400)
    y = (np.isin(town, ["north", "east"]) | (size > 0.5)).astype(int)
    X = library({"town": town, "size": np.where(rng.random(400) < 0.1, np.nan, size)})
    if library is pd.DataFrame:
        X["town"] = X["town"].astype("category")
    model = AdaBoostClassifier(algorithm=algorithm, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.8
    np.testing.assert_array_equal(model.predict(X), list(model.staged_predict(X))[-1])


def test_real_adaboost_survives_certain_probabilities():
    """SAMME.R was removed in 1.6: it diverges where probabilities are 0 or 1 (#26784)."""
    X, y = load_breast_cancer(return_X_y=True)
    for base in (DecisionTreeClassifier(max_depth=5), HistTreeClassifier(max_depth=5)):
        model = AdaBoostClassifier(base, algorithm="SAMME.R", n_estimators=40, random_state=0)
        model.fit(X[::2], y[::2])
        decided = model.decision_function(X)
        assert np.isfinite(decided).all()
        assert np.abs(decided).max() <= 2 * 40 * 5.8
        assert model.score(X[1::2], y[1::2]) > 0.85


def test_after_an_early_stop_the_arrays_have_the_length_of_the_ensemble():
    """scikit-learn keeps 1 member beside 50 votes and errors of 1.0."""
    X, y = load_iris(return_X_y=True)
    base = DecisionTreeClassifier()
    theirs = TheirClassifier(base, random_state=0).fit(X, y)
    assert (len(theirs.estimators_), len(theirs.estimator_weights_)) == (1, 50)
    ours = AdaBoostClassifier(base, random_state=0).fit(X, y)
    assert len(ours.estimators_) == len(ours.estimator_weights_) == len(ours.estimator_errors_) == 1
    assert ours.estimator_errors_.tolist() == [0.0]


def test_a_perfect_tree_does_not_stop_boosting_by_resampling():
    """An unpruned tree fits its weighted rows perfectly; drawn rows are another matter."""
    X, y = load_breast_cancer(return_X_y=True)
    tree = DecisionTreeClassifier()
    kept = AdaBoostClassifier(tree, random_state=0).fit(X[::2], y[::2])
    drawn = AdaBoostClassifier(tree, resample=True, random_state=0).fit(X[::2], y[::2])
    assert (len(kept), len(drawn)) == (1, 50)
    assert drawn.score(X[1::2], y[1::2]) > kept.score(X[1::2], y[1::2])


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_the_decision_function_keeps_to_its_documented_range(n_classes):
    """scikit-learn says near +-1 and reaches +-2."""
    X, y = make_classification(
        300, 8, n_informative=6, n_classes=n_classes, n_clusters_per_class=1, random_state=0
    )
    decided = AdaBoostClassifier(random_state=0).fit(X, y).decision_function(X)
    if n_classes == 2:
        assert np.abs(decided).max() <= 2
        assert np.abs(decided).max() > 0.3
        return
    assert decided.max() <= 1
    assert decided.min() >= -1 / (n_classes - 1) - 1e-12
    np.testing.assert_allclose(decided.sum(axis=1), 0, atol=1e-10)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_classes_are_the_user_s_even_if_a_member_saw_fewer(algorithm):
    """scikit-learn takes the classes of its first member."""
    X, y = make_classification(
        200, 6, n_informative=4, n_classes=3, weights=[0.6, 0.38, 0.02], random_state=0
    )
    model = AdaBoostClassifier(
        algorithm=algorithm, resample=True, n_estimators=25, random_state=0
    ).fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict_proba(X).shape == (200, 3)
    foreign = DecisionTreeRegressor if algorithm in ("gentle", "logit") else DecisionTreeClassifier
    model.set_params(estimator=foreign(max_depth=2)).fit(X, y)
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities.shape == (200, 3)


def test_class_weight():
    """scikit-learn has none (#29472)."""
    X, y = make_classification(600, 6, weights=[0.9], flip_y=0.2, random_state=0)
    plain = AdaBoostClassifier(n_estimators=20, random_state=0).fit(X, y)
    balanced = AdaBoostClassifier(n_estimators=20, class_weight="balanced", random_state=0)
    assert balanced.fit(X, y).predict(X).sum() > 1.2 * plain.predict(X).sum()
    by_hand = AdaBoostClassifier(n_estimators=20, random_state=0)
    by_hand.fit(X, y, sample_weight=np.where(y == 1, 600 / 2 / y.sum(), 600 / 2 / (1 - y).sum()))
    np.testing.assert_array_equal(by_hand.predict(X), balanced.predict(X))
    with pytest.raises(ValueError, match=r"class_weight must name classes among \[0, 1\]"):
        AdaBoostClassifier(class_weight={"a": 1}).fit(X, y)


def test_metadata_is_routed():
    """scikit-learn's AdaBoost takes no routing (#29472)."""

    class Asked(LogisticRegression):
        def fit(self, X, y, sample_weight=None, shade=None):
            self.shade_ = shade
            return super().fit(X, y, sample_weight=sample_weight)

        def predict(self, X, tone=None):
            self.tone_ = tone
            return super().predict(X)

    X, y = load_iris(return_X_y=True)
    shade = np.arange(150)
    with sklearn.config_context(enable_metadata_routing=True):
        base = Asked(max_iter=500).set_fit_request(shade=True).set_predict_request(tone=True)
        model = AdaBoostClassifier(base, n_estimators=2, random_state=0)
        weights = np.ones(150)
        weights[:10] = 0
        model.fit(X, y, sample_weight=weights, shade=shade)
        np.testing.assert_array_equal(model.estimators_[0].shade_, shade[10:])
        model.predict(X, tone="dark")
        assert model.estimators_[0].tone_ == "dark"
    with pytest.raises(ValueError, match="enable_metadata_routing=True"):
        AdaBoostClassifier().fit(X, y, shade=shade)


def test_a_pipeline_is_boosted_as_its_last_step():
    """Weights are lost elsewhere when the base is a pipeline (#8573)."""
    X, y = load_breast_cancer(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=1)
    alone = AdaBoostClassifier(tree, n_estimators=10, random_state=0).fit(X, y)
    piped = AdaBoostClassifier(Pipeline([("tree", tree)]), n_estimators=10, random_state=0)
    np.testing.assert_array_equal(piped.fit(X, y).decision_function(X), alone.decision_function(X))


def test_a_base_without_weights_is_boosted_by_resampling():
    X, y = load_iris(return_X_y=True)
    model = AdaBoostClassifier(KNeighborsClassifier(3), n_estimators=8, random_state=0).fit(X, y)
    assert len(model) == 8
    assert model.score(X, y) > 0.95
    with pytest.raises(ValueError, match="KNeighborsClassifier doesn't support sample_weight"):
        AdaBoostClassifier(KNeighborsClassifier(), resample=False).fit(X, y)
    model = AdaBoostClassifier(make_pipeline(StandardScaler(), KNeighborsClassifier(3)))
    assert model.set_params(n_estimators=4, random_state=0).fit(X, y).score(X, y) > 0.95


@pytest.mark.parametrize("base", [SVC(), HistGradientBoostingClassifier(max_iter=5)])
def test_other_bases(base):
    X, y = load_iris(return_X_y=True)
    model = AdaBoostClassifier(base, n_estimators=3, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9


def test_boosting_libraries_as_bases():
    """Weights of sum one would be less than one leaf needs: they are given weights of mean one."""
    lightgbm = pytest.importorskip("lightgbm")
    xgboost = pytest.importorskip("xgboost")
    X, y = load_iris(return_X_y=True, as_frame=True)
    labels = np.array(["a", "b", "c"])[y]
    for base in (
        lightgbm.LGBMClassifier(n_estimators=3, verbose=-1),
        xgboost.XGBClassifier(n_estimators=3, max_depth=2),
    ):
        model = AdaBoostClassifier(base, n_estimators=3, random_state=0).fit(X, labels)
        assert model.score(X, labels) > 0.9
        assert set(model.predict(X)) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("model", "least"),
    [
        (AdaBoostClassifier(GradientBoostingClassifier(5, max_depth=2)), 0.9),
        (AdaBoostClassifier(GradientBoostingClassifier(5, max_depth=2), algorithm="real"), 0.9),
        (AdaBoostClassifier(GradientBoostingRegressor(5, max_depth=2), algorithm="gentle"), 0.9),
        (AdaBoostClassifier(SVR(), algorithm="logit"), 0.9),
        (AdaBoostRegressor(Ridge(), algorithm="RT", threshold=0.5), 0.4),
        (AdaBoostRegressor(Ridge(), resample=False), 0.4),
        (AdaBoostRegressor(make_pipeline(StandardScaler(), SVR(C=100)), resample=False), 0.4),
    ],
    ids=str,
)
def test_penalties_mean_rows_of_weight_one(model, least):
    """With weights of sum one a learner with a penalty learns next to nothing."""
    X, y = (load_diabetes if "Regressor" in type(model).__name__ else load_iris)(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = clone(model).set_params(n_estimators=5, random_state=0).fit(X, y)
    assert model.score(X, y) > least


def test_a_median_is_not_a_mean():
    """A weighted mean in AdaBoost.R2 passes all of scikit-learn's own tests."""
    X, y = load_diabetes(return_X_y=True)
    model = AdaBoostRegressor(n_estimators=9, random_state=0).fit(X, y)
    votes = model.estimator_weights_
    for row, said in zip(X[:20], model.predict(X[:20]), strict=True):
        answers = sorted(
            (member.predict([row])[0], vote) for member, vote in zip(model, votes, strict=True)
        )
        reached = 0.0
        for value, vote in answers:
            reached += vote
            if reached >= 0.5 * votes.sum():
                assert said == value
                break
        else:
            pytest.fail("half of the votes is never reached")


def test_zero_weight_rows_change_nothing_to_the_bit():
    """Not even the largest error of AdaBoost.R2 (scikit-learn PR 14294)."""
    X, y = load_diabetes(return_X_y=True)
    more, target = np.vstack([X, X[:5] * 9]), np.append(y, np.full(5, 1e6))
    weights = np.append(np.ones(len(y)), np.zeros(5))
    for model in (
        AdaBoostRegressor(random_state=0),
        AdaBoostRegressor(resample=False, random_state=0),
        AdaBoostRegressor(DecisionTreeRegressor(max_depth=3), random_state=0),
    ):
        expected = model.fit(X, y).predict(X)
        found = model.fit(more, target, sample_weight=weights).predict(X)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pickles_answer_alike_and_carry_no_forest(algorithm):
    X, y = load_iris(return_X_y=True)
    model = AdaBoostClassifier(algorithm=algorithm, n_estimators=5, random_state=0).fit(X, y)
    expected = model.predict_proba(X)
    again = pickle.loads(pickle.dumps(model))
    assert again._packing == {}
    np.testing.assert_array_equal(again.predict_proba(X), expected)


def test_the_bare_name_follows_the_task():
    X, y = load_iris(return_X_y=True)
    assert AdaBoost().fit(X, y).task_ == "classification"
    assert AdaBoost().fit(X, y + 0.5).task_ == "regression"
    assert AdaBoost(algorithm="R2").fit(X, y).task_ == "regression"
    assert AdaBoost(DecisionTreeRegressor()).fit(X, y).task_ == "regression"
    assert AdaBoost(DecisionTreeRegressor(max_depth=1), algorithm="gentle").fit(X, y).score(X, y)
    assert AdaBoost(task="regression").fit(X, y).task_ == "regression"
    with pytest.raises(ValueError, match="algorithm must be for regression"):
        AdaBoost(task="regression", algorithm="real").fit(X, y)
    with pytest.raises(AttributeError, match="has no attribute"):
        AdaBoost(algorithm="R2").fit(X, y).predict_proba(X)
