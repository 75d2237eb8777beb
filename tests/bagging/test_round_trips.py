"""Round trips: a bag put away and taken out, cloned, searched and wired up is the same bag."""

import io
import pickle
import re
from copy import deepcopy

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier as PeerClassifier
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles import (
    Bagging,
    BaggingClassifier,
    BaggingRegressor,
    BayesianBootstrap,
    BlockBootstrap,
    Bootstrap,
    GroupBootstrap,
    Subsample,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
VALUES = X[:, 0] - X[:, 1] + 0.3 * RNG.normal(size=60)
LABELS = np.where(VALUES > 0, "up", "down")
FRAME = pd.DataFrame(X, columns=list("abcd"))


def geometric(outputs):
    """A rule at the top of a module, so that it can be pickled."""
    return np.exp(np.mean(np.log(outputs + 1e-9), axis=0))


def in_memory(bag):
    return pickle.loads(pickle.dumps(bag))


def by_old_protocol(bag):
    return pickle.loads(pickle.dumps(bag, protocol=2))


def by_joblib(bag):
    file = io.BytesIO()
    joblib.dump(bag, file)
    file.seek(0)
    return joblib.load(file)


ROADS = {"pickle": in_memory, "protocol 2": by_old_protocol, "joblib": by_joblib, "copy": deepcopy}

BAGS = {
    "default": BaggingClassifier(oob_score=True),
    "bare": Bagging(oob_score=True),
    "bayes": BaggingClassifier(GaussianNB(), oob_score=True),
    "columns": BaggingClassifier(max_features=2, oob_score=True),
    "callable": BaggingClassifier(GaussianNB(), aggregation=geometric, oob_score=True),
    "subsample": BaggingClassifier(resampling=Subsample(max_samples=0.7), oob_score=True),
    "folds": BaggingClassifier(resampling=StratifiedKFold(5), oob_score=True),
    "pairs": BaggingClassifier(resampling=list(KFold(3).split(X)), oob_score=True),
    "bayesian": BaggingClassifier(resampling=BayesianBootstrap()),
    "settled": BaggingClassifier(n_iter_no_change=3, tol=0.1),
    "weights": BaggingClassifier(class_weight="balanced", oob_score=True),
    "pipeline": BaggingClassifier(make_pipeline(StandardScaler(), DecisionTreeClassifier())),
}


@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")
@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("kind", BAGS)
def test_a_fitted_bag_comes_back_bit_by_bit(kind, road):
    bag = clone(BAGS[kind]).set_params(n_estimators=8, random_state=0).fit(FRAME, LABELS)
    back = ROADS[road](bag)
    assert back is not bag
    np.testing.assert_array_equal(back.predict(FRAME), bag.predict(FRAME))
    np.testing.assert_array_equal(back.predict_proba(FRAME), bag.predict_proba(FRAME))
    np.testing.assert_array_equal(back.predict_all(FRAME), bag.predict_all(FRAME))
    for name in ("estimators_samples_", "estimators_features_"):
        for one, other in zip(getattr(back, name), getattr(bag, name), strict=True):
            np.testing.assert_array_equal(one, other)
    for name in ("oob_score_", "oob_decision_function_", "oob_count_", "oob_scores_", "classes_"):
        assert hasattr(back, name) == hasattr(bag, name)
        if hasattr(bag, name):
            np.testing.assert_array_equal(getattr(back, name), getattr(bag, name))
    np.testing.assert_array_equal(back.feature_names_in_, ["a", "b", "c", "d"])


@pytest.mark.parametrize("road", ROADS)
def test_what_a_regressor_is_sure_of_comes_back(road):
    bag = BaggingRegressor(DecisionTreeRegressor(), 80, oob_score=True, random_state=0)
    back = ROADS[road](bag.fit(X, VALUES))
    np.testing.assert_array_equal(back.predict_interval(X), bag.predict_interval(X))
    np.testing.assert_array_equal(back.feature_importances_, bag.feature_importances_)
    one, other = (b.oob_permutation_importance(X, VALUES, n_repeats=1) for b in (bag, back))
    np.testing.assert_array_equal(one.importances, other.importances)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("base", [None, DecisionTreeRegressor()], ids=["default", "tree"])
def test_a_bag_that_came_back_goes_on(road, base):
    """A warm start after the round trip is a cold fit."""
    bag = BaggingRegressor(base, 3, warm_start=True, random_state=0).fit(X, VALUES)
    back = ROADS[road](bag).set_params(n_estimators=7).fit(X, VALUES)
    cold = BaggingRegressor(base, 7, random_state=0).fit(X, VALUES)
    np.testing.assert_array_equal(back.predict(X), cold.predict(X))


@pytest.mark.parametrize("make", [Bagging, BaggingClassifier, BaggingRegressor])
@pytest.mark.parametrize("road", ROADS)
def test_an_unfitted_bag_comes_back_unfitted(make, road):
    bag = make(n_estimators=3, max_features=0.5)
    back = ROADS[road](bag)
    assert vars(back) == vars(bag)
    assert type(back) is make


def test_a_pickle_holds_no_training_data():
    """The draws are found again from the seed; rows of X would give the data away."""
    wide = RNG.normal(size=(400, 200))
    bag = BaggingRegressor(Ridge(), 2, random_state=0).fit(wide, wide[:, 0])
    assert len(pickle.dumps(bag)) < wide.nbytes / 10


# ---------------------------------------------------------------------------------------------
# clone, repr, parameters


@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")
@pytest.mark.parametrize("kind", BAGS)
def test_a_clone_has_the_parameters_and_nothing_else(kind):
    bag = clone(BAGS[kind]).set_params(n_estimators=4, random_state=0)
    params = bag.get_params(deep=False)
    bag.fit(X, LABELS)
    twin = clone(bag)
    assert not [name for name in vars(twin) if name.endswith("_")]
    for name, value in twin.get_params(deep=False).items():
        assert type(value) is type(params[name])
    assert list(twin.get_params(deep=False)) == list(params)
    for name, value in bag.get_params(deep=False).items():
        assert value is params[name], f"fit changed {name}"


@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")
@pytest.mark.parametrize("kind", BAGS)
def test_a_clone_fits_the_same_bag(kind):
    bag = clone(BAGS[kind]).set_params(n_estimators=4, random_state=0).fit(X, LABELS)
    twin = clone(bag).fit(X, LABELS)
    np.testing.assert_array_equal(twin.predict_proba(X), bag.predict_proba(X))


@pytest.mark.parametrize(
    ("bag", "text"),
    [
        (BaggingClassifier(), "BaggingClassifier()"),
        (BaggingRegressor(n_estimators=3), "BaggingRegressor(n_estimators=3)"),
        (Bagging(Ridge()), "Bagging(estimator=Ridge())"),
        (BaggingRegressor(resampling=Subsample()), "BaggingRegressor(resampling=Subsample())"),
        (
            Bagging(resampling=Bootstrap(stratify=True), task="classification"),
            "Bagging(resampling=Bootstrap(stratify=True), task='classification')",
        ),
        (BaggingClassifier(class_weight={"a": 1}), "BaggingClassifier(class_weight={'a': 1})"),
    ],
)
def test_repr_says_what_was_changed(bag, text):
    assert repr(bag) == text
    assert repr(bag.set_params(verbose=0)) == text
    assert eval(text) is not bag
    assert repr(eval(text)) == text


def test_repr_of_a_fitted_bag_with_arrays_and_functions():
    bag = BaggingClassifier(
        aggregation=geometric, resampling=list(KFold(3).split(X)), oob_score=accuracy_score
    )
    assert repr(bag.fit(X, LABELS)) == repr(clone(bag))
    assert "geometric" in repr(bag)


def test_html_of_a_notebook_names_the_estimator_inside():
    html = Bagging(make_pipeline(StandardScaler(), Ridge()))._repr_html_()
    assert "StandardScaler" in html
    assert "Bagging" in html


def test_nested_parameters_can_be_set_and_read():
    bag = BaggingClassifier(
        Pipeline([("scale", StandardScaler()), ("tree", DecisionTreeClassifier())]),
        resampling=Bootstrap(),
    )
    bag.set_params(estimator__tree__max_depth=1, resampling__max_samples=12, random_state=0)
    bag.fit(X, LABELS)
    assert all(member["tree"].get_depth() == 1 for member in bag)
    assert all(len(rows) == 12 for rows in bag.estimators_samples_)
    assert bag.get_params()["estimator__tree__max_depth"] == 1
    with pytest.raises(ValueError, match="Invalid parameter 'max_deph'"):
        bag.set_params(estimator__tree__max_deph=1)


@pytest.mark.parametrize("make", [Bagging, BaggingClassifier, BaggingRegressor])
def test_parameters_keep_scikit_learns_names_order_and_defaults(make):
    import inspect

    peer = inspect.signature(PeerClassifier).parameters
    ours = inspect.signature(make).parameters
    assert list(ours)[: len(peer)] == list(peer)
    for name, parameter in peer.items():
        assert ours[name].default == parameter.default, name
        assert ours[name].kind == parameter.kind, name
    assert all(
        parameter.kind is inspect.Parameter.KEYWORD_ONLY
        for name, parameter in ours.items()
        if name not in peer
    )


# ---------------------------------------------------------------------------------------------
# Wired up


def test_a_bag_at_the_end_of_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), BaggingClassifier(GaussianNB(), random_state=0))
    pipeline.fit(X, LABELS)
    scaled = StandardScaler().fit_transform(X)
    bag = BaggingClassifier(GaussianNB(), random_state=0).fit(scaled, LABELS)
    np.testing.assert_array_equal(pipeline.predict_proba(X), bag.predict_proba(scaled))
    np.testing.assert_array_equal(pipeline.classes_, ["down", "up"])


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_set_output_in_a_pipeline_reaches_the_members_with_its_names(output):
    pipeline = make_pipeline(
        StandardScaler(), BaggingClassifier(LogisticRegression(), 4, random_state=0)
    ).set_output(transform=output)
    pipeline.fit(FRAME, LABELS)
    for member in pipeline[-1]:
        np.testing.assert_array_equal(member.feature_names_in_, ["a", "b", "c", "d"])
    plain = clone(pipeline).set_output(transform="default").fit(FRAME, LABELS)
    np.testing.assert_allclose(
        pipeline.predict_proba(FRAME), plain.predict_proba(FRAME), rtol=1e-12
    )


def test_a_column_transformer_before_a_bag():
    frame = FRAME.assign(colour=np.where(VALUES > 0, "red", "blue"))
    columns = ColumnTransformer(
        [("scale", StandardScaler(), ["a", "b"]), ("code", OneHotEncoder(), ["colour"])]
    )
    model = make_pipeline(columns, Bagging(n_estimators=5, random_state=0))
    assert model.fit(frame, LABELS).score(frame, LABELS) == 1.0
    assert model[-1].n_features_in_ == 4
    shuffled = frame.assign(colour=frame["colour"].to_numpy()[::-1])
    assert model.score(shuffled, LABELS) < 1.0


def test_a_column_transformer_inside_a_bag():
    """Names reach the members, so that they can pick their columns by name."""
    columns = ColumnTransformer([("pick", "passthrough", ["a", "b"])])
    bag = BaggingRegressor(make_pipeline(columns, Ridge()), 4, random_state=0).fit(FRAME, VALUES)
    by_hand = BaggingRegressor(make_pipeline(Ridge()), 4, random_state=0)
    by_hand.fit(FRAME[["a", "b"]], VALUES)
    np.testing.assert_allclose(bag.predict(FRAME), by_hand.predict(FRAME[["a", "b"]]), rtol=1e-12)


def test_a_grid_search_over_nested_parameters():
    bag = BaggingClassifier(DecisionTreeClassifier(), 6, resampling=Subsample(), random_state=0)
    grid = {"estimator__max_depth": [1, 3], "resampling__max_samples": [0.2, 0.6]}
    search = GridSearchCV(bag, grid, cv=3).fit(X, LABELS)
    for depth, share, score in zip(
        search.cv_results_["param_estimator__max_depth"],
        search.cv_results_["param_resampling__max_samples"],
        search.cv_results_["mean_test_score"],
        strict=True,
    ):
        again = clone(bag).set_params(
            estimator__max_depth=int(depth), resampling__max_samples=float(share)
        )
        assert np.mean(cross_val_score(again, X, LABELS, cv=3)) == score
    best = search.best_estimator_
    assert max(member.get_depth() for member in best) <= search.best_params_["estimator__max_depth"]
    size = int(60 * search.best_params_["resampling__max_samples"])
    assert {len(rows) for rows in best.estimators_samples_} == {size}


def test_a_search_over_the_kinds_of_things():
    grid = {
        "estimator": [GaussianNB(), DecisionTreeClassifier()],
        "aggregation": ["soft", "hard", "log"],
        "resampling": [None, Subsample(), StratifiedKFold(3)],
    }
    bag = BaggingClassifier(n_estimators=4, random_state=0)
    search = RandomizedSearchCV(bag, grid, n_iter=8, cv=3, random_state=0).fit(X, LABELS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.score(X, LABELS) == search.best_estimator_.score(X, LABELS) > 0.8


def test_a_grid_search_inside_a_bag():
    inner = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 3]}, cv=2)
    bag = BaggingClassifier(inner, 3, random_state=0).fit(X, LABELS)
    votes = np.mean([member.predict_proba(X) for member in bag], axis=0)
    np.testing.assert_allclose(bag.predict_proba(X), votes, rtol=1e-12)
    assert len({member.estimator.random_state for member in bag}) == 3


@pytest.mark.parametrize("make", [Bagging, BaggingClassifier])
def test_cross_val_score_is_the_score_of_each_fold(make):
    """The bare bag is stratified like a classifier once it is told its task."""
    bag = make(GaussianNB(), 5, random_state=0)
    scores = cross_val_score(bag, X, LABELS, cv=4)
    for score, (train, test) in zip(scores, StratifiedKFold(4).split(X, LABELS), strict=True):
        fitted = clone(bag).fit(X[train], LABELS[train])
        assert score == accuracy_score(LABELS[test], fitted.predict(X[test]))


def test_cross_val_score_of_a_regressor():
    bag = BaggingRegressor(Ridge(), 5, random_state=0)
    for score, (train, test) in zip(
        cross_val_score(bag, X, VALUES, cv=4), KFold(4).split(X), strict=True
    ):
        fitted = clone(bag).fit(X[train], VALUES[train])
        assert score == r2_score(VALUES[test], fitted.predict(X[test]))


@pytest.mark.parametrize("cv", [Bootstrap(4), Subsample(4), GroupBootstrap(4)])
def test_our_resamplers_serve_as_cv(cv):
    groups = np.arange(60) // 3
    cv.set_params(random_state=0)
    scores = cross_val_score(GaussianNB(), X, LABELS, groups=groups, cv=cv)
    for score, (train, test) in zip(scores, cv.split(X, LABELS, groups), strict=True):
        assert score == GaussianNB().fit(X[train], LABELS[train]).score(X[test], LABELS[test])


def test_probabilities_of_a_bag_by_cross_validation_are_a_probability_table():
    bag = BaggingClassifier(GaussianNB(), 5, random_state=0)
    table = cross_val_predict(bag, X, LABELS, cv=4, method="predict_proba")
    np.testing.assert_allclose(table.sum(axis=1), 1.0, rtol=1e-12)
    log_table = cross_val_predict(bag, X, LABELS, cv=4, method="predict_log_proba")
    np.testing.assert_allclose(np.exp(log_table), table, atol=1e-12)


@pytest.mark.parametrize("make", [VotingClassifier, StackingClassifier])
def test_bags_among_other_estimators(make):
    members = [
        ("bag", BaggingClassifier(n_estimators=5, random_state=0)),
        ("bayes", GaussianNB()),
    ]
    model = make(members).fit(X, LABELS)
    assert model.score(X, LABELS) > 0.8


def test_a_bag_of_bags():
    inner = BaggingClassifier(GaussianNB(), 3, resampling=Subsample())
    bag = BaggingClassifier(inner, 4, random_state=0).fit(X, LABELS)
    naive = np.mean([member.predict_proba(X) for member in bag], axis=0)
    np.testing.assert_allclose(bag.predict_proba(X), naive, rtol=1e-12)
    drawn = [member.estimators_samples_[0].tolist() for member in bag]
    assert len({tuple(rows) for rows in drawn}) == 4


def test_permutation_importance_of_scikit_learn_takes_a_bag():
    bag = BaggingRegressor(n_estimators=10, random_state=0).fit(FRAME, VALUES)
    found = permutation_importance(bag, FRAME, VALUES, n_repeats=3, random_state=0)
    assert found.importances_mean[:2].min() > 5 * abs(found.importances_mean[2:]).max()


def test_changing_the_import_line_is_all():
    """The example in scikit-learn's own docstring, line by line."""
    table, target = load_iris(return_X_y=True)
    for Class in (PeerClassifier, BaggingClassifier):
        clf = Class(estimator=DecisionTreeClassifier(), n_estimators=10, random_state=0)
        clf.fit(table, target)
        assert clf.predict(table[:1]).tolist() == [0]
        assert clf.score(table, target) > 0.95
        assert len(clf.estimators_) == len(clf.estimators_samples_) == 10
        assert clf.n_features_in_ == 4
        assert clf.n_classes_ == 3


@pytest.mark.parametrize(
    "resampling",
    [
        Bootstrap(),
        Bootstrap(stratify=True),
        Subsample(),
        Subsample(stratify=True),
        GroupBootstrap(),
        BlockBootstrap(block_length=5),
        BayesianBootstrap(),
        KFold(3),
    ],
    ids=str,
)
def test_a_bag_opens_that_was_pickled_before_rooms_were_cut_into_files(resampling):
    """Its draws were classes and functions of ``ensembles.resampling`` itself."""
    given = {"groups": np.arange(60) // 3} if isinstance(resampling, GroupBootstrap) else {}
    bag = BaggingClassifier(n_estimators=3, resampling=resampling, random_state=0)
    now = pickle.dumps(bag.fit(X, LABELS, **given), protocol=2)
    then = re.sub(rb"censembles\.(resampling|members)\.\w+\n", rb"censembles.\1\n", now)
    assert then != now
    opened = pickle.loads(then)
    np.testing.assert_array_equal(opened.predict_proba(X), bag.predict_proba(X))
    for one, other in zip(opened.estimators_samples_, bag.estimators_samples_, strict=True):
        np.testing.assert_array_equal(one, other)
