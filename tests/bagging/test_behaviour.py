"""What a bag does, against the slow and obvious way to do it."""

import warnings
from functools import partial

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.datasets import make_classification
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    log_loss,
    make_scorer,
    mean_absolute_error,
    r2_score,
)
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import Bunch
from threadpoolctl import threadpool_limits

from ensembles import (
    AdaBoostRegressor,
    Bagging,
    BaggingClassifier,
    BaggingRegressor,
    BayesianBootstrap,
    BlockBootstrap,
    Bootstrap,
    GroupBootstrap,
    HistTreeClassifier,
    Subsample,
)
from ensembles.members import FOR_SHUFFLES
from ensembles.resampling import generator
from ensembles.tables import take

N = 48
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 4))
VALUES = 3 * X[:, 0] - 2 * X[:, 1] + RNG.normal(size=N)
BOTH = np.column_stack([VALUES, X[:, 2] - VALUES])
CODES = np.argmax(X[:, :3] + 0.3 * RNG.normal(size=(N, 3)), axis=1)
LABELS = np.array(["a", "b", "c"])[CODES]
GROUPS = np.repeat(np.arange(12), 4)

quiet = pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")
"""For laws that hold with rows that nobody held out, too."""


@pytest.fixture(autouse=True, scope="module")
def one_openmp_thread():
    """Two threads that wait for each other on a busy machine take longer than one."""
    with threadpool_limits(1, user_api="openmp"):
        yield


def held_out_rows(rows):
    return np.setdiff1d(np.arange(N), rows)


# ---------------------------------------------------------------------------------------------
# Out of bag, the slow way


def naive_out_of_bag(bag, combine, ask):
    """One row at a time: ask every member that was not shown it, and combine their answers."""
    answers = []
    for i in range(N):
        judges = [
            ask(member, X[i : i + 1][:, columns])[0]
            for member, rows, columns in zip(
                bag.estimators_, bag.estimators_samples_, bag.estimators_features_, strict=True
            )
            if i not in rows
        ]
        answers.append(combine(np.array(judges)) if judges else None)
    width = next(np.shape(answer) for answer in answers if answer is not None)
    return np.array([np.full(width, np.nan) if a is None else a for a in answers])


def trimmed(judges):
    cut = int(0.1 * len(judges))
    return np.sort(judges, axis=0)[cut : len(judges) - cut].mean(axis=0)


def geometric(judges):
    pooled = np.exp(np.log(np.maximum(judges, np.finfo(float).eps)).mean(axis=0))
    return pooled / pooled.sum()


def upper_quartile(outputs):
    return np.quantile(outputs, 0.75, axis=0)


REGRESSIONS = {
    None: lambda judges: judges.mean(axis=0),
    "mean": lambda judges: judges.mean(axis=0),
    "median": lambda judges: np.median(judges, axis=0),
    "trimmed_mean": trimmed,
    upper_quartile: upper_quartile,
}


def named(rule):
    """A rule's name for a test: that of a function, without where it lies in memory."""
    return getattr(rule, "__name__", str(rule))


@quiet
@pytest.mark.parametrize("rule", REGRESSIONS, ids=named)
@pytest.mark.parametrize("max_features", [1.0, 3])
@pytest.mark.parametrize("y", [VALUES, BOTH], ids=["one", "two"])
@pytest.mark.parametrize("n_estimators", [8, 31])
def test_out_of_bag_values_are_those_of_the_naive_loop(rule, max_features, y, n_estimators):
    base = DecisionTreeRegressor(max_depth=3)
    bag = BaggingRegressor(
        base,
        n_estimators,
        aggregation=rule,
        max_features=max_features,
        oob_score=True,
        random_state=0,
    ).fit(X, y)
    naive = naive_out_of_bag(bag, REGRESSIONS[rule], lambda member, row: member.predict(row))
    np.testing.assert_allclose(bag.oob_prediction_, naive, rtol=1e-12, atol=1e-12)
    judged = bag.oob_count_ > 0
    assert bag.oob_score_ == pytest.approx(r2_score(y[judged], naive[judged]), rel=1e-12)


def shares(member, row):
    return (np.array(["a", "b", "c"]) == member.predict(row)[:, None]).astype(float)


def aligned(member, row):
    table = np.zeros((len(row), 3))
    table[:, np.searchsorted(["a", "b", "c"], member.classes_)] = member.predict_proba(row)
    return table


def weakest(outputs):
    """A rule of the user's own: the least probability that any member gives, normalised."""
    least = outputs.min(axis=0) + 0.01
    return least / least.sum(axis=-1, keepdims=True)


CLASSIFICATIONS = {
    None: (lambda judges: judges.mean(axis=0), aligned),
    "soft": (lambda judges: judges.mean(axis=0), aligned),
    "hard": (lambda judges: judges.mean(axis=0), shares),
    "log": (geometric, aligned),
    weakest: (weakest, aligned),
}


@quiet
@pytest.mark.parametrize("rule", CLASSIFICATIONS, ids=named)
@pytest.mark.parametrize("max_features", [1.0, 3])
@pytest.mark.parametrize("n_estimators", [8, 31])
def test_out_of_bag_probabilities_are_those_of_the_naive_loop(rule, max_features, n_estimators):
    bag = BaggingClassifier(
        GaussianNB(),
        n_estimators,
        aggregation=rule,
        max_features=max_features,
        oob_score=True,
        random_state=0,
    ).fit(X, LABELS)
    naive = naive_out_of_bag(bag, *CLASSIFICATIONS[rule])
    np.testing.assert_allclose(bag.oob_decision_function_, naive, rtol=1e-9, atol=1e-12)
    judged = bag.oob_count_ > 0
    said = bag.classes_[np.argmax(naive[judged], axis=1)]
    assert bag.oob_score_ == accuracy_score(LABELS[judged], said)


@quiet
@pytest.mark.parametrize("rule", REGRESSIONS, ids=named)
@pytest.mark.parametrize(
    "params", [{}, {"max_features": 2}, {"bootstrap_features": True}], ids=named
)
def test_out_of_bag_of_the_default_tree_is_that_of_the_naive_loop(rule, params):
    """From the answers of every single member, whatever way the members are asked."""
    bag = BaggingRegressor(
        n_estimators=12, aggregation=rule, oob_score=True, random_state=0, **params
    ).fit(X, VALUES)
    everyone = bag.predict_all(X)
    naive = np.full(N, np.nan)
    for i in range(N):
        judges = [b for b, rows in enumerate(bag.estimators_samples_) if i not in rows]
        if judges:
            naive[i] = REGRESSIONS[rule](everyone[judges, i])
    np.testing.assert_allclose(bag.oob_prediction_, naive, rtol=1e-12)
    np.testing.assert_allclose(bag.predict(X), REGRESSIONS[rule](everyone), rtol=1e-12)


def misses(estimator, X, y):
    """A scorer of the user's own; greater is better."""
    return -float(np.sum(estimator.predict(X) != y))


@pytest.mark.parametrize(
    ("scoring", "expected"),
    [
        (True, lambda y, p, said: accuracy_score(y, said)),
        ("accuracy", lambda y, p, said: accuracy_score(y, said)),
        ("neg_log_loss", lambda y, p, said: -log_loss(y, p)),
        (balanced_accuracy_score, lambda y, p, said: balanced_accuracy_score(y, said)),
        (make_scorer(accuracy_score, greater_is_better=False), lambda y, p, s: -np.mean(s == y)),
        (make_scorer(log_loss, response_method="predict_proba"), lambda y, p, s: log_loss(y, p)),
        (misses, lambda y, p, said: -float(np.sum(said != y))),
    ],
    ids=["True", "name", "probabilities", "metric", "loss", "scorer", "own"],
)
def test_any_metric_can_score_out_of_bag(scoring, expected):
    bag = BaggingClassifier(GaussianNB(), 40, oob_score=scoring, random_state=0).fit(X, LABELS)
    probabilities = bag.oob_decision_function_
    said = bag.classes_[np.argmax(probabilities, axis=1)]
    assert bag.oob_score_ == pytest.approx(expected(LABELS, probabilities, said), rel=1e-12)


def test_any_metric_can_score_values_out_of_bag():
    bag = BaggingRegressor(Ridge(), 40, oob_score="neg_mean_absolute_error", random_state=0)
    bag.fit(X, VALUES)
    assert bag.oob_score_ == -mean_absolute_error(VALUES, bag.oob_prediction_)
    bag.set_params(oob_score=mean_absolute_error).fit(X, VALUES)
    assert bag.oob_score_ == mean_absolute_error(VALUES, bag.oob_prediction_)


def test_the_out_of_bag_score_weighs_rows_by_their_weight():
    weights = RNG.integers(0, 4, N).astype(float)
    bag = BaggingRegressor(Ridge(), 60, oob_score=True, random_state=0).fit(X, VALUES, weights)
    kept = weights > 0
    expected = r2_score(VALUES[kept], bag.oob_prediction_[kept], sample_weight=weights[kept])
    assert bag.oob_score_ == pytest.approx(expected, rel=1e-12)


def test_nothing_of_an_earlier_out_of_bag_judgement_is_left():
    bag = BaggingRegressor(n_estimators=40, oob_score=True, random_state=0).fit(X, VALUES)
    bag.set_params(oob_score=False).fit(X[:20], VALUES[:20])
    assert not [name for name in vars(bag) if name.startswith("oob_") and name.endswith("_")]


# ---------------------------------------------------------------------------------------------
# Growing


BASES = {"default": None, "tree": DecisionTreeClassifier(max_features=2), "bayes": GaussianNB()}


@quiet
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("params", [{}, {"aggregation": "log"}, {"max_features": 2}], ids=named)
def test_a_warm_start_is_a_cold_fit(base, params):
    settings = {"estimator": BASES[base], "oob_score": True, "random_state": 0, **params}
    warm = BaggingClassifier(n_estimators=4, warm_start=True, **settings).fit(X, LABELS)
    for n_estimators in (5, 9):
        warm.set_params(n_estimators=n_estimators).fit(X, LABELS)
    cold = BaggingClassifier(n_estimators=9, **settings).fit(X, LABELS)
    np.testing.assert_array_equal(warm.predict_proba(X), cold.predict_proba(X))
    np.testing.assert_array_equal(warm.oob_decision_function_, cold.oob_decision_function_)
    np.testing.assert_array_equal(warm.oob_count_, cold.oob_count_)
    assert warm.oob_score_ == cold.oob_score_
    for one, other in zip(warm.estimators_samples_, cold.estimators_samples_, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "resampling", [Subsample(), Bootstrap(random_state=3), BayesianBootstrap()]
)
def test_a_warm_start_with_a_resampling_is_a_cold_fit(resampling):
    warm = BaggingRegressor(n_estimators=2, warm_start=True, resampling=resampling, random_state=0)
    warm.fit(X, VALUES).set_params(n_estimators=6).fit(X, VALUES)
    cold = clone(warm).set_params(warm_start=False).fit(X, VALUES)
    np.testing.assert_array_equal(warm.predict(X), cold.predict(X))


def test_a_warm_start_without_a_seed_goes_on_from_its_own():
    bag = BaggingRegressor(n_estimators=3, warm_start=True).fit(X, VALUES)
    first, samples = bag.predict_all(X), bag.estimators_samples_
    bag.set_params(n_estimators=6).fit(X, VALUES)
    np.testing.assert_array_equal(bag.predict_all(X)[:3], first)
    for one, other in zip(samples, bag.estimators_samples_, strict=False):
        np.testing.assert_array_equal(one, other)
    assert len({tuple(rows) for rows in bag.estimators_samples_}) == 6


def test_a_warm_start_that_adds_nothing_says_so():
    bag = BaggingRegressor(n_estimators=3, warm_start=True, random_state=0).fit(X, VALUES)
    first = bag.predict(X)
    with pytest.warns(UserWarning, match="without increasing n_estimators"):
        bag.fit(X, VALUES)
    np.testing.assert_array_equal(bag.predict(X), first)


def test_a_fit_that_is_not_warm_starts_anew():
    bag = BaggingRegressor(n_estimators=7, random_state=0).fit(X, VALUES)
    bag.fit(X, -VALUES)
    assert len(bag) == 7
    fresh = BaggingRegressor(n_estimators=7, random_state=0).fit(X, -VALUES)
    np.testing.assert_array_equal(bag.predict(X), fresh.predict(X))


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("resampling", [None, Subsample(), Bootstrap(stratify=True)])
def test_the_first_members_of_a_large_bag_are_a_small_bag(base, resampling):
    large = BaggingClassifier(BASES[base], 7, resampling=resampling, random_state=0, max_features=3)
    large.fit(X, LABELS)
    small = clone(large).set_params(n_estimators=3).fit(X, LABELS)
    np.testing.assert_array_equal(large.predict_all(X)[:3], small.predict_all(X))
    stages = list(large.staged_predict_proba(X))
    np.testing.assert_array_equal(stages[2], small.predict_proba(X))


@pytest.mark.parametrize("rule", ["soft", "hard", "log", weakest], ids=named)
@pytest.mark.parametrize("base", BASES)
def test_the_last_stage_is_the_prediction(rule, base):
    bag = BaggingClassifier(BASES[base], 6, aggregation=rule, random_state=0).fit(X, LABELS)
    stages = list(bag.staged_predict(X))
    assert len(stages) == 6
    np.testing.assert_array_equal(stages[-1], bag.predict(X))
    np.testing.assert_array_equal(list(bag.staged_predict_proba(X))[-1], bag.predict_proba(X))
    np.testing.assert_array_equal(stages[0], bag.predict_all(X)[0])


@pytest.mark.parametrize("rule", ["mean", "median", "trimmed_mean", upper_quartile], ids=named)
@pytest.mark.parametrize("y", [VALUES, BOTH], ids=["one", "two"])
def test_every_stage_combines_the_members_so_far(rule, y):
    bag = BaggingRegressor(n_estimators=23, aggregation=rule, random_state=0).fit(X, y)
    everyone = bag.predict_all(X)
    stages = list(bag.staged_predict(X))
    for k in (1, 2, 11, 23):
        naive = REGRESSIONS[rule](everyone[:k])
        np.testing.assert_allclose(stages[k - 1], naive, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(stages[-1], bag.predict(X))


@pytest.mark.parametrize("base", BASES)
def test_predict_all_is_every_single_member(base):
    bag = BaggingClassifier(BASES[base], 5, random_state=0).fit(X, LABELS)
    everyone = bag.predict_all(X)
    assert everyone.shape == (5, N)
    for said, member in zip(everyone, bag, strict=True):
        np.testing.assert_array_equal(said, member.predict(X))


def test_members_can_be_counted_and_taken_one_by_one():
    bag = BaggingClassifier(n_estimators=5, random_state=0).fit(X, LABELS)
    assert len(bag) == 5
    assert list(bag) == bag.estimators_
    assert bag[2] is bag.estimators_[2]


SETTLING = {"n_estimators": 60, "n_iter_no_change": 4, "tol": 0.02, "random_state": 0}


@quiet
@pytest.mark.parametrize("base", [None, DecisionTreeRegressor()], ids=["default", "tree"])
def test_growing_stops_once_the_score_has_settled_and_not_before(base):
    bag = BaggingRegressor(base, **SETTLING).fit(X, VALUES)
    scores = bag.oob_scores_
    assert 5 < len(bag) < 60
    assert len(scores) == len(bag)
    windows = [np.ptp(scores[i - 4 : i + 1]) for i in range(4, len(scores))]
    assert windows[-1] <= 0.02
    assert all(not window <= 0.02 for window in windows[:-1])
    assert bag.oob_score_ == scores[-1]
    cold = BaggingRegressor(base, len(bag), oob_score=True, random_state=0).fit(X, VALUES)
    np.testing.assert_array_equal(bag.oob_prediction_, cold.oob_prediction_)
    np.testing.assert_array_equal(bag.predict(X), cold.predict(X))


@quiet
def test_growing_stops_at_the_same_place_for_every_n_jobs():
    alone = BaggingRegressor(DecisionTreeRegressor(), **SETTLING).fit(X, VALUES)
    for n_jobs in (2, 3):
        shared = clone(alone).set_params(n_jobs=n_jobs).fit(X, VALUES)
        assert len(shared) == len(alone) == len(shared.estimators_samples_)
        np.testing.assert_array_equal(shared.oob_scores_, alone.oob_scores_)
        np.testing.assert_array_equal(shared.predict(X), alone.predict(X))


@quiet
@pytest.mark.parametrize("n_first", [3, 20, 60])
def test_a_warm_start_that_settles_is_a_cold_fit_that_settles(n_first):
    cold = BaggingRegressor(DecisionTreeRegressor(), **SETTLING).fit(X, VALUES)
    warm = BaggingRegressor(DecisionTreeRegressor(), n_first, warm_start=True, random_state=0)
    warm.fit(X, VALUES)
    warm.set_params(**SETTLING, oob_score=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Warm-start fitting without increasing")
        warm.fit(X, VALUES)
    np.testing.assert_array_equal(warm.oob_scores_, cold.oob_scores_)
    np.testing.assert_array_equal(warm.predict(X), cold.predict(X))


@quiet
def test_growing_never_exceeds_n_estimators():
    bag = BaggingRegressor(n_estimators=7, n_iter_no_change=3, tol=0.0, random_state=0)
    assert len(bag.fit(X, VALUES)) == 7
    assert len(bag.oob_scores_) == 7


# ---------------------------------------------------------------------------------------------
# Early stopping on the rows held out


class Listens(RegressorMixin, BaseEstimator):
    """Keeps the validation rows that it is handed."""

    def __init__(self, early_stopping=False):
        self.early_stopping = early_stopping

    def fit(self, X, y, X_val=None, y_val=None):
        self.X_, self.y_, self.X_val_, self.y_val_ = X, y, X_val, y_val
        return self

    def predict(self, X):
        return np.full(len(X), np.mean(self.y_))


def wide_regression(n=240):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(n, 4))
    return X, X[:, 0] + 2.0 * rng.normal(size=n)


def wide_classification(n=240):
    return make_classification(n, 6, flip_y=0.4, random_state=0)


@pytest.mark.parametrize("max_features", [1.0, 2])
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame], ids=["array", "frame"])
def test_validation_rows_are_exactly_the_rows_held_out(max_features, container):
    table = container(X) if container is np.asarray else container(X, columns=list("abcd"))
    bag = BaggingRegressor(
        Listens(), 4, early_stopping=True, max_features=max_features, random_state=0
    )
    bag.fit(table, VALUES)
    for member, rows, columns in zip(
        bag, bag.estimators_samples_, bag.estimators_features_, strict=True
    ):
        held_out = held_out_rows(rows)
        assert member.early_stopping is True
        np.testing.assert_array_equal(np.asarray(member.X_val_), X[np.ix_(held_out, columns)])
        np.testing.assert_array_equal(member.y_val_, VALUES[held_out])
        assert type(member.X_val_) is type(member.X_)


def boosters(kind):
    """Boosting libraries with far more rounds than such noisy data deserve, as (base, rounds)."""
    if kind == "hist":
        settings = {"max_iter": 120, "learning_rate": 0.5, "max_leaf_nodes": 6}
        return (
            HistGradientBoostingClassifier(**settings),
            HistGradientBoostingRegressor(**settings),
        )
    if kind == "xgboost":
        from xgboost import XGBClassifier, XGBRegressor

        settings = {"n_estimators": 120, "max_depth": 3, "n_jobs": 1}
        return XGBClassifier(**settings), XGBRegressor(**settings)
    if kind == "lightgbm":
        from lightgbm import LGBMClassifier, LGBMRegressor

        settings = {"n_estimators": 120, "num_leaves": 7, "verbose": -1, "n_jobs": 1}
        return LGBMClassifier(**settings), LGBMRegressor(**settings)
    catboost = pytest.importorskip("catboost")
    settings = {
        "n_estimators": 120,
        "depth": 3,
        "learning_rate": 0.3,
        "verbose": 0,
        "allow_writing_files": False,
        "thread_count": 1,
        "random_state": 0,
    }
    return catboost.CatBoostClassifier(**settings), catboost.CatBoostRegressor(**settings)


def rounds_of(kind, member):
    return {
        "hist": lambda: member.n_iter_,
        "xgboost": lambda: member.get_booster().num_boosted_rounds(),
        "lightgbm": lambda: member.booster_.current_iteration(),
        "catboost": lambda: member.tree_count_,
    }[kind]()


def refit_by_hand(kind, member, X, y, rows):
    """Early stopping spelled out as each library wants it."""
    held_out = np.setdiff1d(np.arange(len(X)), rows)
    distinct, counts = np.unique(rows, return_counts=True)
    train = (X[distinct], y[distinct], counts.astype(float))
    test = X[held_out], y[held_out]
    again = clone(member)
    if kind == "hist":
        return again.fit(*train, X_val=test[0], y_val=test[1])
    if kind == "lightgbm":
        return again.fit(*train[:2], sample_weight=train[2], eval_X=test[0], eval_y=test[1])
    given = {"eval_set": test, "early_stopping_rounds": 10} if kind == "catboost" else {}
    given = given or {"eval_set": [test], "verbose": False}
    return again.fit(*train[:2], sample_weight=train[2], **given)


@pytest.mark.parametrize("kind", ["hist", "xgboost", "lightgbm", "catboost"])
@pytest.mark.parametrize("make", [BaggingClassifier, BaggingRegressor])
def test_members_stop_early_on_exactly_the_rows_held_out_from_them(kind, make):
    """Each member is the one that its library fits by hand with its held-out rows as validation."""
    table, y = wide_classification() if make is BaggingClassifier else wide_regression()
    base = boosters(kind)[make is BaggingRegressor]
    bag = make(base, n_estimators=2, early_stopping=True, random_state=0).fit(table, y)
    method = "predict_proba" if make is BaggingClassifier else "predict"
    for member, rows in zip(bag, bag.estimators_samples_, strict=True):
        assert 0 < rounds_of(kind, member) < 120
        again = refit_by_hand(kind, member, table, y, rows)
        assert rounds_of(kind, again) == rounds_of(kind, member)
        np.testing.assert_array_equal(getattr(member, method)(table), getattr(again, method)(table))


@pytest.mark.parametrize("kind", ["hist", "xgboost", "lightgbm", "catboost"])
def test_early_stopping_with_text_labels_and_a_class_that_some_draws_miss(kind):
    """Validation rows of a class that the member does not know are left out."""
    table, codes = wide_classification(120)
    y = np.array(["no", "yes", "rare"])[np.where(np.arange(120) < 2, 2, codes)]
    base = boosters(kind)[0]
    bag = BaggingClassifier(base, n_estimators=6, early_stopping=True, random_state=0)
    bag.fit(table, y)
    knows = [np.isin([0, 1], rows).any() for rows in bag.estimators_samples_]
    assert set(knows) == {True, False}
    assert bag.predict_proba(table).shape == (120, 3)
    assert set(bag.predict(table)) <= {"no", "yes", "rare"}
    assert accuracy_score(y, bag.predict(table)) > 0.6


@pytest.mark.parametrize("kind", ["hist", "xgboost", "lightgbm", "catboost"])
@pytest.mark.parametrize("labels", [[2, 7], [-1, 1], ["no", "yes"], [False, True]], ids=named)
def test_early_stopping_does_not_depend_on_what_classes_are_called(kind, labels):
    """Validation targets reach the library in the same coin as training targets."""
    table, codes = wide_classification()
    bag = BaggingClassifier(boosters(kind)[0], 2, early_stopping=True, random_state=0)
    coded = clone(bag).fit(table, codes)
    bag.fit(table, np.array(labels)[codes])
    assert [rounds_of(kind, m) for m in bag] == [rounds_of(kind, m) for m in coded]
    np.testing.assert_array_equal(bag.predict_proba(table), coded.predict_proba(table))


@pytest.mark.filterwarnings("ignore:Some inputs")
def test_an_out_of_bag_score_of_members_that_stopped_on_these_rows_is_called_optimistic():
    bag = BaggingRegressor(Listens(), 30, early_stopping=True, oob_score=True, random_state=0)
    with pytest.warns(UserWarning, match="optimistic with early_stopping"):
        bag.fit(X, VALUES)


def test_a_patience_of_ones_own_is_kept():
    from xgboost import XGBRegressor

    table, y = wide_regression()
    for own, expected in ((None, 10), (3, 3)):
        base = XGBRegressor(n_estimators=200, n_jobs=1, early_stopping_rounds=own)
        bag = BaggingRegressor(base, 2, early_stopping=True, random_state=0).fit(table, y)
        assert all(m.get_params()["early_stopping_rounds"] == expected for m in bag)
    assert base.get_params()["early_stopping_rounds"] == 3


# ---------------------------------------------------------------------------------------------
# class_weight, groups


def rare_class(n=200):
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, 2)), np.where(np.arange(n) < n // 10, "rare", "usual")


def test_balanced_draws_hold_each_class_equally_often():
    table, y = rare_class()
    bag = BaggingClassifier(GaussianNB(), 50, class_weight="balanced", random_state=0)
    bag.fit(table, y)
    share = np.mean([np.mean(y[rows] == "rare") for rows in bag.estimators_samples_])
    assert abs(share - 0.5) < 4 * 0.5 / np.sqrt(50 * 200)


@pytest.mark.parametrize(
    ("class_weight", "weights"),
    [
        ("balanced", {"rare": 5.0, "usual": 200 / 360}),
        ({"rare": 4.0}, {"rare": 4.0, "usual": 1.0}),
        ({"rare": 4.0, "usual": 2.0}, {"rare": 2.0, "usual": 1.0}),
        ({"usual": 0.0}, None),
    ],
    ids=str,
)
def test_class_weight_is_sample_weight_by_class(class_weight, weights):
    table, y = rare_class()
    bag = BaggingClassifier(GaussianNB(), 3, class_weight=class_weight, random_state=0)
    if weights is None:
        y = np.where(np.arange(len(y)) % 7 == 0, "third", y)
        bag.fit(table, y)
        assert not any((y[rows] == "usual").any() for rows in bag.estimators_samples_)
        return
    bag.fit(table, y)
    by_hand = BaggingClassifier(GaussianNB(), 3, random_state=0)
    by_hand.fit(table, y, np.vectorize(weights.get)(y))
    for one, other in zip(bag.estimators_samples_, by_hand.estimators_samples_, strict=True):
        np.testing.assert_array_equal(one, other)


def test_class_weight_times_sample_weight():
    table, y = rare_class()
    own = np.arange(200) % 3 + 1.0
    bag = BaggingClassifier(GaussianNB(), 3, class_weight={"rare": 4.0}, random_state=0)
    bag.fit(table, y, own)
    by_hand = clone(bag).set_params(class_weight=None)
    by_hand.fit(table, y, own * np.where(y == "rare", 4.0, 1.0))
    for one, other in zip(bag.estimators_samples_, by_hand.estimators_samples_, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("groups", [GROUPS, GROUPS.astype(str), GROUPS.tolist(), pd.Series(GROUPS)])
def test_groups_are_drawn_whole(groups):
    bag = BaggingRegressor(n_estimators=10, random_state=0).fit(X, VALUES, groups=groups)
    same = BaggingRegressor(n_estimators=10, resampling=GroupBootstrap(), random_state=0)
    same.fit(X, VALUES, groups=groups)
    for rows, other in zip(bag.estimators_samples_, same.estimators_samples_, strict=True):
        np.testing.assert_array_equal(rows, other)
        counts = np.bincount(rows, minlength=N).reshape(12, 4)
        assert (counts == counts[:, :1]).all()
        assert counts[:, 0].sum() == 12


# ---------------------------------------------------------------------------------------------
# Resampling: committees of fold models

PAIRS = list(KFold(4, shuffle=True, random_state=1).split(X))
SPLITTERS = {
    "KFold": KFold(4),
    "shuffled KFold": KFold(4, shuffle=True, random_state=0),
    "StratifiedKFold": StratifiedKFold(4),
    "GroupKFold": GroupKFold(4),
    "LeaveOneGroupOut": LeaveOneGroupOut(),
    "PredefinedSplit": PredefinedSplit(np.arange(N) % 3),
    "int": 5,
    "pairs": PAIRS,
}


@pytest.mark.parametrize("kind", SPLITTERS)
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_a_committee_of_folds_is_cross_val_predict_out_of_bag(kind, method):
    cv = SPLITTERS[kind]
    groups = GROUPS if "Group" in kind else None
    if method == "predict":
        base = KNeighborsRegressor(3)
        y = CODES if kind == "StratifiedKFold" else VALUES  # a quantity has no strata
        bag = BaggingRegressor(base, resampling=cv, oob_score=True)
    else:
        base, y = GaussianNB(), LABELS
        bag = BaggingClassifier(base, resampling=cv, oob_score=True)
    bag.fit(X, y, groups=groups)
    expected = cross_val_predict(base, X, y, cv=cv, groups=groups, method=method)
    out_of_bag = bag.oob_prediction_ if method == "predict" else bag.oob_decision_function_
    np.testing.assert_array_equal(out_of_bag, expected)
    assert set(bag.oob_count_) == {1}


def test_a_generator_of_pairs():
    listed = BaggingRegressor(Ridge(), resampling=PAIRS, oob_score=True).fit(X, VALUES)
    bag = BaggingRegressor(Ridge(), resampling=(pair for pair in PAIRS), oob_score=True)
    bag.fit(X, VALUES)
    np.testing.assert_array_equal(bag.oob_prediction_, listed.oob_prediction_)
    np.testing.assert_array_equal(bag.predict(X), listed.predict(X))


def test_pairs_of_masks_are_pairs_of_row_numbers():
    """As in `cross_val_score`."""
    masks = [(np.isin(np.arange(N), train), np.isin(np.arange(N), test)) for train, test in PAIRS]
    listed = BaggingRegressor(Ridge(), resampling=PAIRS, oob_score=True).fit(X, VALUES)
    bag = BaggingRegressor(Ridge(), resampling=masks, oob_score=True).fit(X, VALUES)
    np.testing.assert_allclose(bag.oob_prediction_, listed.oob_prediction_, rtol=1e-12)


@pytest.mark.parametrize(
    "cv", [RepeatedKFold(n_splits=3, n_repeats=4, random_state=0), ShuffleSplit(9, random_state=0)]
)
def test_repeats_are_averaged(cv):
    """Refused by `cross_val_predict`: "only works for partitions"."""
    bag = BaggingRegressor(Ridge(), resampling=cv, oob_score=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
        bag.fit(X, VALUES)
    total, count = np.zeros(N), np.zeros(N)
    for train, test in cv.split(X):
        total[test] += Ridge().fit(X[train], VALUES[train]).predict(X[test])
        count[test] += 1
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(bag.oob_prediction_, total / count, rtol=1e-12)
    np.testing.assert_array_equal(bag.oob_count_, count)
    assert len(bag) == cv.get_n_splits()


def test_rows_that_a_time_series_never_tests_are_nan():
    bag = BaggingRegressor(Ridge(), resampling=TimeSeriesSplit(5), oob_score=True)
    with pytest.warns(UserWarning, match="8 of 48 rows were held out from no member"):
        bag.fit(X, VALUES)
    expected = np.full(N, np.nan)
    for train, test in TimeSeriesSplit(5).split(X):
        expected[test] = Ridge().fit(X[train], VALUES[train]).predict(X[test])
    np.testing.assert_array_equal(bag.oob_prediction_, expected)
    assert bag.oob_score_ == r2_score(VALUES[8:], expected[8:])


def test_folds_shuffled_without_a_seed_take_the_bags():
    cv = KFold(4, shuffle=True)
    samples = [
        BaggingRegressor(Ridge(), resampling=cv, random_state=seed)
        .fit(X, VALUES)
        .estimators_samples_
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(samples[0], samples[1])
    assert not np.array_equal(samples[0], samples[2])
    assert cv.random_state is None


def test_an_integer_stratifies_for_a_classifier_only():
    bag = BaggingClassifier(GaussianNB(), resampling=3).fit(X, LABELS)
    expected = [train for train, _ in StratifiedKFold(3).split(X, LABELS)]
    np.testing.assert_array_equal(bag.estimators_samples_[1], expected[1])
    bag = BaggingRegressor(Ridge(), resampling=3).fit(X, CODES)
    np.testing.assert_array_equal(bag.estimators_samples_[0], np.arange(16, 48))


def test_folds_hand_weights_on_to_the_base_estimator():
    weights = RNG.random(N)
    bag = BaggingRegressor(Ridge(), resampling=KFold(3), oob_score=True).fit(X, VALUES, weights)
    for member, (train, _) in zip(bag, KFold(3).split(X), strict=True):
        again = Ridge().fit(X[train], VALUES[train], sample_weight=weights[train])
        np.testing.assert_array_equal(member.coef_, again.coef_)
    assert bag.sampling_ == "weight"


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_number_of_folds_is_the_number_of_members(n_jobs):
    bag = BaggingClassifier(
        GaussianNB(),
        n_estimators=99,
        resampling=RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0),
        n_jobs=n_jobs,
    )
    with joblib.parallel_config("threading"):
        assert len(bag.fit(X, LABELS)) == 6


@pytest.mark.parametrize(
    "resampling", [Bootstrap(), Subsample(), BlockBootstrap(block_length=6), GroupBootstrap()]
)
def test_members_of_our_own_resamplers_refit_from_the_splits_of_the_resampler(resampling):
    """Draw i is the same whoever asks for it."""
    bag = BaggingRegressor(Ridge(), 4, resampling=resampling.set_params(random_state=7))
    bag.fit(X, VALUES, groups=GROUPS if isinstance(resampling, GroupBootstrap) else None)
    splits = resampling.set_params(n_splits=4).split(X, VALUES, GROUPS)
    for rows, (train, _) in zip(bag.estimators_samples_, splits, strict=True):
        np.testing.assert_array_equal(rows, train)


def test_bayesian_weights_reach_the_learner():
    bag = BaggingRegressor(LinearRegression(), 3, resampling=BayesianBootstrap(), random_state=0)
    bag.fit(X, VALUES)
    assert bag.sampling_ == "weight"
    draws = BayesianBootstrap(random_state=0).plan(N, weighted=True)
    for i, member in enumerate(bag):
        again = LinearRegression().fit(X, VALUES, sample_weight=draws.weights(i))
        np.testing.assert_array_equal(member.coef_, again.coef_)
        np.testing.assert_array_equal(bag.estimators_samples_[i], np.arange(N))


# ---------------------------------------------------------------------------------------------
# Importances


@pytest.mark.parametrize("params", [{"max_features": 2}, {"bootstrap_features": True}], ids=named)
def test_importances_of_drawn_columns_add_up_at_the_column(params):
    bag = BaggingRegressor(DecisionTreeRegressor(), 6, random_state=0, **params).fit(X, VALUES)
    table = np.zeros((6, 4))
    for row, member, columns in zip(table, bag, bag.estimators_features_, strict=True):
        for column, importance in zip(columns, member.feature_importances_, strict=True):
            row[column] += importance
    np.testing.assert_allclose(bag.feature_importances_, table.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(bag.feature_importances_std_, table.std(axis=0), rtol=1e-12)
    assert bag.feature_importances_.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("max_features", [1.0, 2])
def test_importances_of_the_default_tree_find_the_columns_that_matter(max_features):
    bag = BaggingRegressor(n_estimators=200, max_features=max_features, random_state=0)
    importances = bag.fit(X, VALUES).feature_importances_
    assert importances.shape == (4,)
    assert importances.sum() == pytest.approx(1.0)
    assert importances[:2].min() > 1.2 * importances[2:].max()


def test_no_importances_where_members_have_none():
    bag = BaggingRegressor(Ridge()).fit(X, VALUES)
    assert not hasattr(bag, "feature_importances_")
    with pytest.raises(AttributeError, match="Ridge has no feature_importances_"):
        _ = bag.feature_importances_


def as_frame(table):
    return pd.DataFrame(table, columns=list("abcd"), index=np.arange(N) + 100)


CONTAINERS = {
    "array": np.asarray,
    "pandas": as_frame,
    "polars": lambda table: pl.DataFrame(table, schema=list("abcd")),
    "csr": sparse.csr_matrix,
    "csc": sparse.csc_matrix,
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_permutation_importance_finds_what_matters(container):
    table = CONTAINERS[container](X)
    bag = BaggingRegressor(DecisionTreeRegressor(), 30, random_state=0).fit(table, VALUES)
    found = bag.oob_permutation_importance(table, VALUES, n_repeats=3)
    assert isinstance(found, Bunch)
    assert found.importances.shape == (4, 30)
    assert found.importances_mean[0] > 0.5
    assert found.importances_mean[1] > 0.2
    standard_error = found.importances_std[2:] / np.sqrt(30)
    assert np.all(np.abs(found.importances_mean[2:]) < 0.1 + 3 * standard_error)
    same = CONTAINERS["csc"](X) if container in ("csr", "csc") else X  # sparse trees break ties
    plain = clone(bag).fit(same, VALUES).oob_permutation_importance(same, VALUES, n_repeats=3)
    np.testing.assert_allclose(found.importances, plain.importances, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rows_at_once", [1, 150, 2**15])
@pytest.mark.parametrize("container", CONTAINERS)
def test_permutation_importance_is_breiman_s_loop_however_many_tables_are_asked_at_once(
    container, rows_at_once, monkeypatch
):
    monkeypatch.setattr("ensembles.bagging.importance.ROWS_AT_ONCE", rows_at_once)
    codes = np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)]
    table = CONTAINERS[container](X)
    bag = BaggingClassifier(DecisionTreeClassifier(), 2, random_state=0).fit(table, codes)
    found = bag.oob_permutation_importance(table, codes, n_repeats=3).importances
    for i, member in enumerate(bag.estimators_):
        held_out = np.setdiff1d(np.arange(N), bag.estimators_samples_[i])
        rows, truth = take(table, held_out), codes[held_out]
        right = np.mean(member.predict(rows) == truth)
        for column in range(4):
            rng, after = generator(bag._seed, i, FOR_SHUFFLES, column), []
            for _ in range(3):
                shuffled = X.copy()
                shuffled[held_out, column] = X[rng.permutation(held_out), column]
                rows = take(CONTAINERS[container](shuffled), held_out)
                after.append(np.mean(member.predict(rows) == truth))
            assert found[column, i] == pytest.approx(right - np.mean(after), abs=1e-12)


def test_permutation_importance_of_a_column_that_is_not_used_is_zero():
    class_codes = (X[:, 0] > 0).astype(int)
    bag = BaggingClassifier(DecisionTreeClassifier(max_depth=1), 20, random_state=0)
    bag.fit(X, class_codes)
    found = bag.oob_permutation_importance(X, class_codes)
    assert found.importances_mean[0] > 0.3
    np.testing.assert_array_equal(found.importances[1:], 0.0)


def test_permutation_importance_of_a_frame_with_categories():
    rng = np.random.default_rng(1)
    colour = pd.Categorical(rng.choice(["red", "green", "blue"], 300))
    frame = pd.DataFrame({"noise": rng.normal(size=300), "colour": colour})
    y = (colour == "red").astype(int)
    base = HistGradientBoostingClassifier(max_iter=20, categorical_features="from_dtype")
    bag = BaggingClassifier(base, 4, random_state=0).fit(frame, y)
    found = bag.oob_permutation_importance(frame, y, n_repeats=2)
    assert found.importances_mean[1] > 0.3
    assert abs(found.importances_mean[0]) < 0.05


def test_permutation_importance_is_the_naive_loss_of_score():
    """With one row held out there is one order to shuffle it into: nothing is lost."""
    pairs = [(np.delete(np.arange(N), i), [i]) for i in range(3)]
    bag = BaggingRegressor(Ridge(), resampling=pairs).fit(X, VALUES)
    found = bag.oob_permutation_importance(X, VALUES, scoring="neg_mean_absolute_error")
    np.testing.assert_array_equal(found.importances, 0.0)


@pytest.mark.parametrize("base", [None, DecisionTreeRegressor()], ids=["default", "tree"])
def test_permutation_importance_leaves_out_members_that_were_not_given_the_column(base):
    bag = BaggingRegressor(base, 12, max_features=2, random_state=0)
    bag.fit(X, VALUES)
    found = bag.oob_permutation_importance(X, VALUES)
    given = np.array([np.isin(np.arange(4), columns) for columns in bag.estimators_features_]).T
    np.testing.assert_array_equal(np.isnan(found.importances), ~given)
    np.testing.assert_allclose(found.importances_mean, np.nanmean(found.importances, axis=1))
    again = bag.oob_permutation_importance(X, VALUES)
    np.testing.assert_array_equal(again.importances, found.importances)
    shared = bag.set_params(n_jobs=2).oob_permutation_importance(X, VALUES)
    np.testing.assert_array_equal(shared.importances, found.importances)


# ---------------------------------------------------------------------------------------------
# Confidence


def test_the_deviation_of_a_bagged_mean_is_the_standard_error_of_the_mean():
    """A bag of means is the mean, whose standard error everybody knows: s / sqrt(n)."""
    bag = BaggingRegressor(DummyRegressor(), n_estimators=1500, random_state=0).fit(X, VALUES)
    known = VALUES.std() / np.sqrt(N)
    np.testing.assert_allclose(bag.predict_std(X[:3]), known, rtol=0.15)


def test_the_deviation_of_a_subsampled_mean():
    """Without replacement the covariances are smaller, and the factor makes up for it."""
    bag = BaggingRegressor(DummyRegressor(), 1500, resampling=Subsample(), random_state=0)
    known = VALUES.std() / np.sqrt(N)
    np.testing.assert_allclose(bag.fit(X, VALUES).predict_std(X[:3]), known, rtol=0.15)


def covariances(answers, counts):
    """The sum of squared covariances, one unit at a time, and the mean squared deviation."""
    centred = answers - answers.mean(axis=0)
    raw = sum(np.mean(counts[:, [i]] * centred, axis=0) ** 2 for i in range(counts.shape[1]))
    return raw, np.mean(centred**2, axis=0)


@pytest.mark.filterwarnings("ignore:.*variances are too small")
@pytest.mark.parametrize(
    ("params", "n_units", "drawn"),
    [
        ({}, 48, 48),
        ({"max_samples": 0.5}, 48, 24),
        ({"resampling": Subsample(max_samples=0.75)}, 48, 36),
        ({"bootstrap": False, "max_samples": 12}, 48, 12),
        ({"resampling": GroupBootstrap()}, 12, 12),
    ],
    ids=str,
)
def test_deviations_are_the_formula(params, n_units, drawn):
    """V_IJ less its Monte Carlo bias, times ((n - 1) / n) (n / (n - s))^2 without replacement."""
    bag = BaggingRegressor(n_estimators=12, random_state=0, **params)
    bag.fit(X, VALUES, **({"groups": GROUPS} if n_units == 12 else {}))
    rows = np.array([np.bincount(own, minlength=N) for own in bag.estimators_samples_])
    counts = rows[:, :: N // n_units]
    assert (counts.sum(axis=1) == drawn).all()
    new = np.random.default_rng(3).normal(size=(40, 4)) * 0.5
    answers = bag.predict_all(new)
    raw, spread = covariances(answers, counts)
    variance = raw - drawn / 12 * spread
    if counts.max() == 1:
        left = n_units - drawn
        variance = raw - drawn * left / n_units / 12 * spread
        variance *= (n_units - 1) / n_units * (n_units / left) ** 2
    expected = np.sqrt(np.maximum(variance, 0))
    np.testing.assert_allclose(bag.predict_std(new), expected, rtol=1e-7, atol=1e-7)
    assert 0 < np.sum(variance < 0) < 40


@pytest.mark.filterwarnings("ignore:.*variances are too small")
def test_deviations_have_the_shape_of_what_they_belong_to():
    values = BaggingRegressor(n_estimators=60, random_state=0).fit(X, BOTH)
    assert values.predict_std(X[:7]).shape == (7, 2)
    classes = BaggingClassifier(GaussianNB(), 60, random_state=0).fit(X, LABELS)
    assert classes.predict_std(X[:7]).shape == (7, 3)
    two = BaggingClassifier(GaussianNB(), 60, random_state=0).fit(X, LABELS == "a")
    spread = two.predict_std(X[:7])
    np.testing.assert_allclose(spread[:, 0], spread[:, 1], rtol=1e-9)


def test_few_members_are_called_few():
    bag = BaggingRegressor(n_estimators=5, random_state=0).fit(X, VALUES)
    with pytest.warns(UserWarning, match="use more n_estimators"):
        deviation = bag.predict_std(X)
    assert np.all(deviation >= 0)


def test_members_that_agree_have_no_deviation_and_no_warning():
    bag = BaggingRegressor(DummyRegressor(strategy="constant", constant=2.0), 10).fit(X, VALUES)
    np.testing.assert_array_equal(bag.predict_std(X), 0.0)


def linear(n, seed):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, 3))
    return table, table[:, 0] + rng.standard_t(4, size=n)


@pytest.mark.parametrize(
    "params", [{}, {"aggregation": "median"}, {"resampling": KFold(5)}], ids=str
)
def test_intervals_cover_about_as_often_as_they_promise(params):
    """Far above the 1 - 2 alpha that is guaranteed, near the 1 - alpha that is typical."""
    table, y = linear(150, 0)
    new, target = linear(800, 1)
    bag = BaggingRegressor(LinearRegression(), 40, oob_score=True, random_state=0, **params)
    bag.fit(table, y)
    for alpha in (0.1, 0.3):
        lower, upper = bag.predict_interval(new, alpha=alpha).T
        covered = np.mean((lower <= target) & (target <= upper))
        assert abs(covered - (1 - alpha)) < 0.07
    wide, narrow = (np.ptp(bag.predict_interval(new, a), axis=1) for a in (0.1, 0.3))
    assert np.all(wide > narrow)


def test_intervals_are_the_naive_jackknife_plus_after_bootstrap():
    """Equation 4 of Kim, Xu and Barber (2020), one training row at a time."""
    bag = BaggingRegressor(Ridge(), 30, oob_score=True, random_state=0).fit(X, VALUES)
    new = RNG.normal(size=(5, 4))
    everyone = bag.predict_all(new)
    low, high = [], []
    for i in range(N):
        judges = [b for b, rows in enumerate(bag.estimators_samples_) if i not in rows]
        residual = abs(VALUES[i] - bag.oob_prediction_[i])
        low.append(everyone[judges].mean(axis=0) - residual)
        high.append(everyone[judges].mean(axis=0) + residual)
    k = int(np.floor(0.1 * (N + 1)))
    expected = np.stack([np.sort(low, axis=0)[k - 1], np.sort(high, axis=0)[N - k]], axis=1)
    np.testing.assert_allclose(bag.predict_interval(new, 0.1), expected, rtol=1e-12)


def test_intervals_of_several_targets_are_those_of_each():
    bag = BaggingRegressor(Ridge(), 40, oob_score=True, random_state=0).fit(X, BOTH)
    interval = bag.predict_interval(X[:6], 0.2)
    assert interval.shape == (6, 2, 2)
    for k in range(2):
        alone = BaggingRegressor(Ridge(), 40, oob_score=True, random_state=0).fit(X, BOTH[:, k])
        np.testing.assert_allclose(interval[:, :, k], alone.predict_interval(X[:6], 0.2), rtol=1e-9)


def test_too_few_rows_for_this_alpha_give_infinite_intervals():
    bag = BaggingRegressor(Ridge(), 40, oob_score=True, random_state=0).fit(X, VALUES)
    assert np.isinf(bag.predict_interval(X[:2], alpha=0.01)).all()


# ---------------------------------------------------------------------------------------------
# Metadata routing


class RoutingSpy(ClassifierMixin, BaseEstimator):
    """Writes down which of its methods was given what."""

    heard: list = []  # noqa: RUF012 (clones share it, which is the point)

    def fit(self, X, y, sample_weight=None, hint=None, per_row=None):
        self.classes_ = np.unique(y)
        self.heard.append(("fit", hint, None if per_row is None else np.asarray(per_row)))
        self.X_ = X
        return self

    def _said(self, method, hint, X):
        self.heard.append((method, hint))
        return np.full((len(X), len(self.classes_)), 1.0 / len(self.classes_))

    def predict(self, X, hint=None):
        self._said("predict", hint, X)
        return np.full(len(X), self.classes_[0])

    def predict_proba(self, X, hint=None):
        return self._said("predict_proba", hint, X)

    def predict_log_proba(self, X, hint=None):
        return np.log(self._said("predict_log_proba", hint, X))

    def decision_function(self, X, hint=None):
        return self._said("decision_function", hint, X)


@pytest.fixture
def routing():
    RoutingSpy.heard.clear()
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def requesting_spy():
    spy = RoutingSpy().set_fit_request(hint=True, per_row=True)
    spy.set_predict_request(hint=True).set_predict_proba_request(hint=True)
    return spy.set_predict_log_proba_request(hint=True).set_decision_function_request(hint=True)


@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize(
    ("method", "aggregation", "heard"),
    [
        ("predict", "soft", "predict_proba"),
        ("predict", "hard", "predict"),
        ("predict_proba", "soft", "predict_proba"),
        ("predict_proba", "hard", "predict"),
        ("predict_log_proba", "soft", "predict_log_proba"),
        ("predict_log_proba", "log", "predict_proba"),
        ("decision_function", "soft", "decision_function"),
    ],
)
def test_metadata_reaches_the_method_that_members_are_asked(method, aggregation, heard):
    """Thread #34188: it once went to the wrong method."""
    bag = BaggingClassifier(requesting_spy(), 3, aggregation=aggregation, random_state=0)
    bag.fit(X, LABELS)
    RoutingSpy.heard.clear()
    getattr(bag, method)(X, hint="psst")
    assert RoutingSpy.heard == [(heard, "psst")] * 3


@pytest.mark.usefixtures("routing")
def test_metadata_of_fit_is_cut_like_the_rows():
    per_row = np.arange(N) * 10
    bag = BaggingClassifier(requesting_spy(), 3, random_state=0)
    bag.fit(X, LABELS, hint="psst", per_row=per_row)
    for (method, hint, given), member, rows in zip(
        RoutingSpy.heard, bag, bag.estimators_samples_, strict=True
    ):
        assert (method, hint) == ("fit", "psst")
        assert len(member.X_) == len(given)
        assert set(given) == set(per_row[rows])
        np.testing.assert_array_equal(X[given // 10], member.X_)


@pytest.mark.usefixtures("routing")
def test_metadata_that_nobody_asked_for_is_refused():
    from sklearn.exceptions import UnsetMetadataPassedError

    bag = BaggingClassifier(RoutingSpy(), 3, random_state=0)
    with pytest.raises(UnsetMetadataPassedError, match="hint"):
        bag.fit(X, LABELS, hint="psst")
    assert not hasattr(bag, "estimators_")


def test_metadata_without_routing_is_refused():
    bag = BaggingClassifier(RoutingSpy(), 3).fit(X, LABELS)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        with pytest.raises(ValueError, match="enable_metadata_routing=True"):
            getattr(bag, method)(X, hint="psst")


# ---------------------------------------------------------------------------------------------
# Decision functions


def rare_third():
    y = np.array([0] * 23 + [1] * 23 + [2] * 2)
    table = X.copy()
    table[np.arange(N), y] += 3.0
    return table, y


@pytest.mark.parametrize(
    "base",
    [
        SVC(),
        SVC(decision_function_shape="ovo"),
        LinearSVC(),
        LogisticRegression(),
        make_pipeline(StandardScaler(), SVC()),
    ],
    ids=["ovr", "ovo", "linear", "logistic", "pipeline"],
)
def test_decision_functions_of_three_classes_one_of_them_rare(base):
    table, y = rare_third()
    bag = BaggingClassifier(base, 40, random_state=0).fit(table, y)
    assert {len(member.classes_) for member in bag} == {2, 3}
    decided = bag.decision_function(table)
    assert decided.shape == (N, 3)
    full = [member for member in bag if len(member.classes_) == 3]
    reference = np.mean([member.decision_function(table) for member in full], axis=0)
    for k in range(3):
        assert np.corrcoef(decided[:, k], reference[:, k])[0, 1] > 0.85
    if getattr(base, "decision_function_shape", "ovr") == "ovr":
        assert accuracy_score(y, np.argmax(decided, axis=1)) > 0.9


def four_classes():
    y = np.array([0] * 16 + [1] * 15 + [2] * 15 + [3] * 2)
    table = X.copy()
    table[np.arange(N), y] += 4.0
    return table, y


def naive_pairs(bag, table):
    total = np.zeros((len(table), 6))
    pairs = [(a, b) for a in range(4) for b in range(a + 1, 4)]
    for member in bag:
        known = member.classes_.tolist()
        own = [(a, b) for i, a in enumerate(known) for b in known[i + 1 :]]
        answer = member.decision_function(table)
        for k, (a, b) in enumerate(pairs):
            if (a, b) in own:
                total[:, k] += answer[:, own.index((a, b))]
            else:
                total[:, k] += float(a in known) - float(b in known)
    return total / len(bag)


@pytest.mark.parametrize("piped", [False, True])
def test_pairwise_decisions_are_aligned_pair_by_pair(piped):
    """Inside a pipeline, too."""
    table, y = four_classes()
    base = SVC(decision_function_shape="ovo")
    bag = BaggingClassifier(make_pipeline(base) if piped else base, 60, random_state=0)
    bag.fit(table, y)
    assert {len(member.classes_) for member in bag} == {3, 4}
    np.testing.assert_allclose(bag.decision_function(table), naive_pairs(bag, table), atol=1e-12)


def test_two_classes_decide_with_one_number():
    bag = BaggingClassifier(SVC(), 5, random_state=0).fit(X, LABELS == "a")
    decided = bag.decision_function(X)
    naive = np.mean([member.decision_function(X) for member in bag], axis=0)
    np.testing.assert_allclose(decided, naive, rtol=1e-12)


# ---------------------------------------------------------------------------------------------
# The task


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (LABELS, "classification"),
        (LABELS.astype(object), "classification"),
        (LABELS == "a", "classification"),
        (pd.Categorical(CODES), "classification"),
        (CODES, "classification"),
        (CODES.astype(float), "classification"),
        (np.arange(N) % 20, "classification"),
        (np.arange(N) % 21, "regression"),
        (VALUES, "regression"),
        (VALUES.astype(object), "regression"),
        (CODES + 0.5, "regression"),
        (BOTH, "regression"),
        (pd.Series(VALUES), "regression"),
        (pl.Series(LABELS.tolist()), "classification"),
        (pl.Series(VALUES.tolist()), "regression"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_bare_bag_infers_its_task_from_y(y, task):
    bag = Bagging(n_estimators=3, random_state=0).fit(X, y)
    assert bag.task_ == task
    pinned = BaggingClassifier if task == "classification" else BaggingRegressor
    same = pinned(n_estimators=3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(bag.predict(X), same.predict(X))
    assert hasattr(bag, "predict_proba") == (task == "classification")
    assert hasattr(bag, "predict_interval") == (task == "regression")
    assert sklearn.base.is_classifier(bag) == (task == "classification")
    assert sklearn.base.is_regressor(bag) == (task == "regression")
    assert bag.score(X, y) == same.score(X, y)


def test_the_estimator_decides_before_y_does():
    assert Bagging(Ridge(), 2).fit(X, CODES).task_ == "regression"
    assert Bagging(GaussianNB(), 2).fit(X, CODES).task_ == "classification"
    assert Bagging(make_pipeline(StandardScaler(), Ridge()), 2).fit(X, CODES).task_ == "regression"
    assert Bagging(n_estimators=2, task="regression").fit(X, CODES).task_ == "regression"


def test_a_refit_may_change_the_task():
    bag = Bagging(n_estimators=3, random_state=0).fit(X, LABELS)
    bag.fit(X, VALUES)
    fresh = Bagging(n_estimators=3, random_state=0).fit(X, VALUES)
    np.testing.assert_array_equal(bag.predict(X), fresh.predict(X))
    assert not hasattr(bag, "classes_")
    assert bag.fit(X, LABELS).predict(X).dtype == LABELS.dtype


# ---------------------------------------------------------------------------------------------
# Seeds


def test_members_refit_bitwise_from_their_rows_and_their_seed():
    """Index sampling: nothing but the rows and the nested seeds is needed."""
    base = make_pipeline(StandardScaler(), DecisionTreeRegressor(max_features=2))
    bag = BaggingRegressor(base, 4, max_features=3, random_state=0).fit(X, VALUES)
    assert bag.sampling_ == "index"
    for member, rows, columns in zip(
        bag, bag.estimators_samples_, bag.estimators_features_, strict=True
    ):
        again = clone(member).fit(X[np.ix_(rows, columns)], VALUES[rows])
        np.testing.assert_array_equal(member.predict(X[:, columns]), again.predict(X[:, columns]))


@pytest.mark.parametrize("base", [None, DecisionTreeRegressor()], ids=["default", "tree"])
def test_equal_seeds_are_equal_bags_and_others_are_others(base):
    make = partial(BaggingRegressor, base, 4)
    first = make(random_state=5).fit(X, VALUES).predict(X)
    np.testing.assert_array_equal(make(random_state=5).fit(X, VALUES).predict(X), first)
    np.testing.assert_array_equal(make(random_state=np.int64(5)).fit(X, VALUES).predict(X), first)
    assert not np.array_equal(make(random_state=6).fit(X, VALUES).predict(X), first)
    drawn = [make().fit(X, VALUES).estimators_samples_[0] for _ in range(2)]
    assert not np.array_equal(*drawn)


@pytest.mark.parametrize("make_state", [np.random.RandomState, np.random.default_rng])
def test_a_generator_as_seed_moves_on(make_state):
    state = make_state(0)
    bag = BaggingRegressor(n_estimators=3, random_state=state)
    first, second = bag.fit(X, VALUES).predict(X), bag.fit(X, VALUES).predict(X)
    assert not np.array_equal(first, second)
    again = BaggingRegressor(n_estimators=3, random_state=make_state(0)).fit(X, VALUES)
    np.testing.assert_array_equal(again.predict(X), first)


def test_the_global_generator_is_not_touched():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    BaggingClassifier(n_estimators=3, oob_score=False).fit(X, LABELS).predict(X)
    BaggingClassifier(n_estimators=3, resampling=KFold(3, shuffle=True)).fit(X, LABELS)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_chunk_of_rows_is_answered_as_in_the_whole():
    for base in (None, DecisionTreeClassifier(max_depth=4)):
        bag = BaggingClassifier(base, 7, random_state=0).fit(X, LABELS)
        whole = bag.predict_proba(X)
        for start in range(0, N, 7):
            np.testing.assert_array_equal(
                bag.predict_proba(X[start : start + 7]), whole[start : start + 7]
            )


def test_the_default_tree_takes_the_weights_of_folds_with_routing_on():
    """Its weights go to its draw and not through `fit`, so routing has no say in them."""
    weights = np.linspace(1.0, 2.0, N)
    bag = BaggingRegressor(resampling=KFold(3), random_state=0)
    expected = clone(bag).fit(X, VALUES, weights).predict(X)
    with config_context(enable_metadata_routing=True):
        routed = clone(bag).fit(X, VALUES, weights).predict(X)
    np.testing.assert_array_equal(routed, expected)


class Careless(RegressorMixin, BaseEstimator):
    """Learns the mean; its `fit` returns what it likes."""

    def __init__(self, returned=None):
        self.returned = returned

    def fit(self, X, y):
        self.mean_ = float(np.mean(y))
        return self.returned

    def predict(self, X):
        return np.full(len(X), self.mean_)


@pytest.mark.parametrize("returned", [None, True, "done"])
@pytest.mark.parametrize("kind", [BaggingRegressor, AdaBoostRegressor])
def test_what_fit_returns_does_not_matter(kind, returned):
    fitted = kind(Careless(returned), n_estimators=3, random_state=0).fit(X, VALUES)
    assert fitted.predict(X[:2]) == pytest.approx(VALUES.mean(), abs=VALUES.std())


@pytest.mark.parametrize(
    ("settings", "weights", "text"),
    [
        ({"oob_score": True, "n_estimators": 1}, None, "OOB"),
        ({"n_iter_no_change": 2, "tol": 9.0, "n_estimators": 3}, None, "OOB"),
        ({"bootstrap": False, "max_samples": 0.5}, np.ones(20), "bootstrap=True"),
        ({"estimator": LogisticRegression(), "class_weight": {0: 1, 1: 1e-9}}, None, "one class"),
    ],
    ids=["unjudged", "settled", "weights", "single"],
)
def test_a_warning_points_at_the_line_that_called_fit(settings, weights, text):
    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    with pytest.warns(UserWarning, match=text) as told:
        BaggingClassifier(random_state=0, **settings).fit(X, y, weights)
    assert [warning.filename for warning in told] == [__file__] * len(told)


FRAME = pd.DataFrame({"a": np.arange(60) % 7 / 2, "b": pd.Categorical(list("xyz") * 20)})
FRAME["c"] = np.where(np.arange(60) % 5 == 0, np.nan, np.arange(60) % 11)


@pytest.mark.parametrize(
    ("base", "X"),
    [
        (HistTreeClassifier(max_depth=4), FRAME),
        (HistTreeClassifier(max_depth=4), pl.from_pandas(FRAME)),
        (HistTreeClassifier(), FRAME[["a", "c"]].to_numpy()),
        (HistTreeClassifier(), sparse.csr_matrix(FRAME[["a", "c"]].fillna(0))),
        (DecisionTreeClassifier(), FRAME[["a", "c"]].to_numpy()),
    ],
    ids=["pandas", "polars", "array", "sparse", "scikit-learn"],
)
@pytest.mark.parametrize("max_features", [1.0, 0.7])
def test_leaves_and_paths_are_those_of_the_members(base, X, max_features):
    """In the format of scikit-learn's forests."""
    y = (np.arange(60) % 7 > 2) ^ (np.arange(60) % 3 == 0)
    bag = BaggingClassifier(base, 5, max_features=max_features, random_state=0).fit(X, y)
    leaves, (indicator, ends) = bag.apply(X), bag.decision_path(X)
    assert indicator.format == "csr"
    assert leaves.shape == (60, 5)
    assert ends.tolist() == np.cumsum([0] + [tree.tree_.node_count for tree in bag]).tolist()
    for i, (tree, columns) in enumerate(zip(bag, bag.estimators_features_, strict=True)):
        table = take(X, None, columns)
        np.testing.assert_array_equal(leaves[:, i], tree.apply(table))
        assert (indicator[:, ends[i] : ends[i + 1]] != tree.decision_path(table)).nnz == 0
    forest = RandomForestClassifier(5).fit([[0], [1], [2]], [0, 1, 0])
    assert forest.apply([[0]]).ndim == leaves.ndim
    assert len(forest.decision_path([[0]])[1]) == len(ends)


def test_only_trees_have_leaves():
    assert not hasattr(BaggingClassifier(LogisticRegression()), "apply")
    assert not hasattr(Bagging(RandomForestClassifier()), "decision_path")
    with pytest.raises(AttributeError, match="no attribute 'apply'") as told:
        BaggingClassifier(GaussianNB()).apply([[0.0]])
    assert str(told.value.__cause__) == "GaussianNB is not a tree: it has no leaves."
    with pytest.raises(NotFittedError):
        BaggingClassifier().apply([[0.0]])
