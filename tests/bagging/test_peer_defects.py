"""What goes wrong in scikit-learn's bagging and around it, and ours beside it.

Where it is cheap, the test asks scikit-learn's own class too, so that it shows the defect it is
named after.
"""

import contextlib
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier as PeerClassifier
from sklearn.ensemble import BaggingRegressor as PeerRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, VotingRegressor
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import accuracy_score, f1_score, r2_score
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier
from threadpoolctl import threadpool_limits

from ensembles import Bagging, BaggingClassifier, BaggingRegressor
from ensembles.members import asking, may_write


@pytest.fixture(autouse=True, scope="module")
def one_openmp_thread():
    """Two threads that wait for each other on a busy machine take longer than one."""
    with threadpool_limits(1, user_api="openmp"):
        yield


class SpyClassifier(ClassifierMixin, BaseEstimator):
    """Remembers what `fit` was given; predicts the commonest class."""

    def fit(self, X, y, sample_weight=None):
        self.X_, self.y_, self.sample_weight_ = X, np.array(y), sample_weight
        self.classes_, counts = np.unique(y, return_counts=True)
        self.commonest_ = self.classes_[np.argmax(counts)]
        return self

    def predict(self, X):
        return np.full(len(X), self.commonest_)


class WritesIntoX(RegressorMixin, BaseEstimator):
    """A learner that needs a table it may write to, as compiled code without ``const`` does."""

    def fit(self, X, y, sample_weight=None):
        X += 0.0
        self.mean_ = float(np.average(y, weights=sample_weight))
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


class OutputsOf(ClassifierMixin, BaseEstimator):
    """A tree whose predictions come in the container that ``kind`` names."""

    def __init__(self, kind="column", random_state=None):
        self.kind = kind
        self.random_state = random_state

    def fit(self, X, y):
        self.tree_ = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, y)
        self.classes_ = self.tree_.classes_
        return self

    def predict(self, X):
        plain = self.tree_.predict(X)
        if self.kind == "column":
            return plain[:, None]
        if self.kind == "series":
            return pd.Series(plain, index=np.arange(len(plain))[::-1])
        if self.kind == "frame":
            return pd.DataFrame({"label": plain})
        if self.kind == "text":
            return plain.astype(str)
        return plain.astype(float)


class FramesOut(RegressorMixin, BaseEstimator):
    """A regressor that answers with a DataFrame of one column."""

    def fit(self, X, y):
        self.ridge_ = Ridge().fit(X, y)
        return self

    def predict(self, X):
        return pd.DataFrame({"y": self.ridge_.predict(X)})


def quantities(n=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, 100 + X @ [3.0, -2.0, 0.0, 0.0] + rng.normal(size=n)


def classes_with_a_rare_one(n=60, rare=2, seed=0):
    rng = np.random.default_rng(seed)
    y = np.array(["a"] * (n // 2) + ["b"] * (n - n // 2 - rare) + ["c"] * rare)
    X = rng.normal(size=(n, 4))
    X[:, 0] += 2.0 * (y == "b")
    X[:, 1] += 4.0 * (y == "c")
    return X, y


def never_held_out(bag, n_rows):
    shown = [np.isin(np.arange(n_rows), samples) for samples in bag.estimators_samples_]
    return np.all(shown, axis=0)


# ---------------------------------------------------------------------------------------------
# Out of bag


def test_regressor_rows_nobody_held_out_are_nan_and_not_scored_as_zero():
    """scikit-learn predicts 0 for such rows, and scores it."""
    X, y = quantities()
    with pytest.warns(UserWarning, match="Some inputs do not have OOB scores"):
        peer = PeerRegressor(n_estimators=3, oob_score=True, random_state=0).fit(X, y)
    assert (peer.oob_prediction_ == 0).any()
    assert peer.oob_score_ < 0
    with pytest.warns(UserWarning, match="held out from no member"):
        bag = BaggingRegressor(n_estimators=3, oob_score=True, random_state=0).fit(X, y)
    unjudged = never_held_out(bag, len(y))
    assert unjudged.any()
    np.testing.assert_array_equal(np.isnan(bag.oob_prediction_), unjudged)
    np.testing.assert_array_equal(bag.oob_count_ == 0, unjudged)
    assert bag.oob_score_ == r2_score(y[~unjudged], bag.oob_prediction_[~unjudged])
    assert bag.oob_score_ > 0


def test_classifier_rows_nobody_held_out_are_nan_and_not_scored_as_the_first_class():
    """scikit-learn takes the argmax of NaN, which is class 0."""
    X, y = classes_with_a_rare_one()
    with (
        pytest.warns(UserWarning, match="Some inputs do not have OOB scores"),
        np.errstate(invalid="ignore"),
    ):
        peer = PeerClassifier(n_estimators=2, oob_score=True, random_state=0).fit(X, y)
    as_first_class = peer.classes_[np.argmax(peer.oob_decision_function_, axis=1)]
    assert np.isnan(peer.oob_decision_function_).any()
    assert peer.oob_score_ == pytest.approx(np.mean(as_first_class == y), abs=1e-12)
    with pytest.warns(UserWarning, match="held out from no member"):
        bag = BaggingClassifier(n_estimators=2, oob_score=True, random_state=0).fit(X, y)
    unjudged = never_held_out(bag, len(y))
    assert unjudged.any()
    np.testing.assert_array_equal(np.isnan(bag.oob_decision_function_).all(axis=1), unjudged)
    judged = bag.classes_[np.argmax(bag.oob_decision_function_[~unjudged], axis=1)]
    assert bag.oob_score_ == accuracy_score(y[~unjudged], judged)


def test_out_of_bag_of_few_rows_that_nobody_held_out_at_all_is_nan():
    """Two rows, one draw that holds both: nothing to judge, yet the fit is no error."""
    X, y = quantities(2)
    seeds = range(12)
    holds_both = []
    for seed in seeds:
        for aggregation in ("mean", "median"):
            bag = BaggingRegressor(
                n_estimators=1, oob_score=True, random_state=seed, aggregation=aggregation
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                bag.fit(X, y)
            holds_both.append(len(np.unique(bag.estimators_samples_[0])) == 2)
            assert np.isnan(bag.oob_score_)
            np.testing.assert_array_equal(np.isnan(bag.oob_prediction_), bag.oob_count_ == 0)
    assert any(holds_both)
    assert not all(holds_both)


def test_out_of_bag_scores_are_not_accuracy_and_r2_only():
    """Threads #3455, #25177."""
    X, y = classes_with_a_rare_one(rare=8)
    with pytest.raises(ValueError):
        PeerClassifier(oob_score="f1_macro").fit(X, y)
    bag = BaggingClassifier(n_estimators=40, oob_score="f1_macro", random_state=0).fit(X, y)
    said = bag.classes_[np.argmax(bag.oob_decision_function_, axis=1)]
    assert bag.oob_score_ == f1_score(y, said, average="macro")
    assert bag.oob_score_ != accuracy_score(y, said)


# ---------------------------------------------------------------------------------------------
# Warm start


def test_warm_start_keeps_the_samples_of_every_member():
    """scikit-learn has 3 entries for 8 members after 5 + 3."""
    X, y = quantities()
    peer = PeerRegressor(n_estimators=5, warm_start=True, random_state=0).fit(X, y)
    peer.set_params(n_estimators=8).fit(X, y)
    assert len(peer.estimators_samples_) == 3
    bag = BaggingRegressor(n_estimators=5, warm_start=True, random_state=0).fit(X, y)
    first = bag.estimators_samples_
    bag.set_params(n_estimators=8).fit(X, y)
    assert len(bag.estimators_samples_) == 8
    for before, after in zip(first, bag.estimators_samples_[:5], strict=True):
        np.testing.assert_array_equal(before, after)


def test_warm_start_can_be_scored_out_of_bag():
    """scikit-learn: "Out of bag estimate only available if warm_start=False"."""
    X, y = quantities()
    with pytest.raises(ValueError, match="warm_start=False"):
        PeerRegressor(warm_start=True, oob_score=True).fit(X, y)
    settings = {"oob_score": True, "random_state": 0}
    warm = BaggingRegressor(n_estimators=15, warm_start=True, **settings).fit(X, y)
    warm.set_params(n_estimators=30).fit(X, y)
    cold = BaggingRegressor(n_estimators=30, **settings).fit(X, y)
    np.testing.assert_array_equal(warm.oob_prediction_, cold.oob_prediction_)
    assert warm.oob_score_ == cold.oob_score_


def test_warm_start_never_misreports_who_was_shown_what():
    """A warm start with other draws: refused, or the old members keep the rows they were shown.

    scikit-learn draws the samples of old members anew from the new settings.
    """
    X, y = quantities()
    bag = BaggingRegressor(n_estimators=3, max_samples=0.3, warm_start=True, random_state=0)
    bag.fit(X, y)
    first = bag.estimators_samples_
    with contextlib.suppress(ValueError):
        bag.set_params(n_estimators=5, max_samples=1.0).fit(X, y)
    for before, after in zip(first, bag.estimators_samples_[:3], strict=True):
        np.testing.assert_array_equal(before, after)


# ---------------------------------------------------------------------------------------------
# The same for every number of workers


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba", "predict"])
def test_predictions_of_a_classifier_do_not_change_with_n_jobs(method, monkeypatch):
    """scikit-learn sums per worker, so its last bits move with ``n_jobs``."""
    monkeypatch.setattr(asking, "WORTH_THREADS", 0.0)
    X, y = make_classification(300, n_informative=5, n_classes=3, random_state=0)
    bag = BaggingClassifier(KNeighborsClassifier(7), n_estimators=11, random_state=0).fit(X, y)
    with np.errstate(divide="ignore"):
        alone = getattr(bag, method)(X)
        for n_jobs in (2, 3, 5, -1):
            np.testing.assert_array_equal(getattr(bag.set_params(n_jobs=n_jobs), method)(X), alone)


def test_predictions_of_a_regressor_do_not_change_with_n_jobs(monkeypatch):
    """As above: 1.1e-13 between workers in scikit-learn."""
    monkeypatch.setattr(asking, "WORTH_THREADS", 0.0)
    X, y = quantities(200)
    bag = BaggingRegressor(n_estimators=11, random_state=0).fit(X, y)
    alone = bag.predict(X)
    for n_jobs in (2, 3, 5, -1):
        np.testing.assert_array_equal(bag.set_params(n_jobs=n_jobs).predict(X), alone)


# ---------------------------------------------------------------------------------------------
# Classes that a bag misses


def test_decision_function_survives_a_bag_that_misses_a_class():
    """Thread #8409, open since 2017."""
    X, y = classes_with_a_rare_one()
    with pytest.raises((IndexError, ValueError)):
        PeerClassifier(SVC(), n_estimators=60, random_state=0).fit(X, y).decision_function(X)
    bag = BaggingClassifier(SVC(), n_estimators=60, random_state=0).fit(X, y)
    assert any(len(member.classes_) == 2 for member in bag)
    decided = bag.decision_function(X)
    assert decided.shape == (60, 3)
    assert accuracy_score(y, bag.classes_[np.argmax(decided, axis=1)]) > 0.9


BASES = {
    "logistic": LogisticRegression(),
    "svc": SVC(),
    "linear_svc": LinearSVC(),
    "naive_bayes": GaussianNB(),
    "neighbours": KNeighborsClassifier(3),
    "tree": DecisionTreeClassifier(),
}


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
def test_methods_with_a_class_missing_from_some_bags_are_the_mean_of_aligned_members(base, method):
    """Threads #8566, #8409: three classes, one of them in two rows."""
    X, y = classes_with_a_rare_one()
    bag = BaggingClassifier(BASES[base], n_estimators=60, random_state=0).fit(X, y)
    assert {len(member.classes_) for member in bag} == {2, 3}
    if method == "decision_function" and not hasattr(BASES[base], method):
        assert not hasattr(bag, method)
        return
    answer = getattr(bag, method)(X)
    if method == "predict":
        scores = bag.predict_proba(X)
        np.testing.assert_array_equal(answer, bag.classes_[np.argmax(scores, axis=1)])
        return
    naive = np.zeros((len(X), 3))
    for member in bag:
        aligned = np.zeros((len(X), 3))
        known = np.searchsorted(bag.classes_, member.classes_)
        if method == "decision_function":
            own = member.decision_function(X)
            own = np.column_stack([-own, own]) if own.ndim == 1 else own
            aligned[:] = own.min(axis=1, keepdims=True)
            aligned[:, known] = own
        elif hasattr(member, "predict_proba"):
            aligned[:, known] = member.predict_proba(X)
        else:
            aligned[np.arange(len(X)), np.searchsorted(bag.classes_, member.predict(X))] = 1.0
        naive += aligned / len(bag)
    if method == "predict_log_proba":
        answer = np.exp(answer)
    np.testing.assert_allclose(answer, naive, atol=1e-12)


def test_log_probabilities_of_a_sure_tree_are_minus_infinity_without_a_warning():
    """A tree's zero probability is no reason for "divide by zero encountered in log"."""
    X, y = classes_with_a_rare_one()
    logs = BaggingClassifier(n_estimators=3, random_state=0).fit(X, y).predict_log_proba(X)
    assert np.isneginf(logs).any()


def test_a_bag_of_one_class_does_not_stop_the_fit():
    """scikit-learn raises in `fit`; here that member says its class, and a warning says so."""
    X = np.arange(20.0)[:, None]
    y = np.array(["no"] * 18 + ["yes"] * 2)
    base = make_pipeline(LogisticRegression())
    settings = {"n_estimators": 6, "max_samples": 4, "random_state": 0}
    with pytest.raises(ValueError, match="one class"):
        PeerClassifier(base, **settings).fit(X, y)
    with pytest.warns(UserWarning, match="hold one class only"):
        bag = BaggingClassifier(base, **settings).fit(X, y)
    single = [i for i, rows in enumerate(bag.estimators_samples_) if len(set(y[rows])) == 1]
    assert single
    for i in single:
        only = y[bag.estimators_samples_[i]][0]
        assert set(bag.predict_all(X)[i]) == {only}
    shares = np.mean([(said[:, None] == bag.classes_) for said in bag.predict_all(X)], axis=0)
    hard = clone(bag).set_params(aggregation="hard")
    with pytest.warns(UserWarning, match="hold one class only"):
        hard.fit(X, y)
    np.testing.assert_allclose(hard.predict_proba(X), shares, atol=1e-12)


def boosters():
    from lightgbm import LGBMClassifier
    from xgboost import XGBClassifier

    yield "xgboost", XGBClassifier(n_estimators=3, verbosity=0, n_jobs=1)
    yield "lightgbm", LGBMClassifier(n_estimators=3, min_child_samples=1, verbose=-1, n_jobs=1)


def catboost_classifier(**settings):
    catboost = pytest.importorskip("catboost")
    return catboost.CatBoostClassifier(
        verbose=0, allow_writing_files=False, thread_count=1, **{"n_estimators": 3, **settings}
    )


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_a_bag_of_one_class_does_not_stop_a_boosting_library(library):
    """XGBoost and LightGBM answer such a bag with two columns, CatBoost refuses it."""
    base = catboost_classifier() if library == "catboost" else dict(boosters())[library]
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.array(["no"] * 56 + ["yes"] * 4)
    bag = BaggingClassifier(base, n_estimators=6, max_samples=5, random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "6 of 6|. of 6 draws hold one class only")
        bag.fit(X, y)
    said = bag.predict_all(X)
    single = [i for i, rows in enumerate(bag.estimators_samples_) if len(set(y[rows])) == 1]
    assert single
    for i in single:
        assert set(said[i]) == {"no"}
    probabilities = bag.predict_proba(X)
    assert probabilities.shape == (60, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("missing_from", ["train", "test", "both"])
def test_out_of_fold_probabilities_have_all_columns_when_a_class_is_missing(missing_from):
    """Threads #13952, #9589, #7889."""
    X, y = classes_with_a_rare_one(n=30, rare=2)
    rare, others = np.flatnonzero(y == "c"), np.flatnonzero(y != "c")
    halves = others[::2], others[1::2]
    train = halves[0] if missing_from != "test" else np.r_[halves[0], rare]
    test = halves[1] if missing_from != "train" else np.r_[halves[1], rare]
    pairs = [(train, test), (test, train)]
    bag = BaggingClassifier(GaussianNB(), resampling=pairs, oob_score=True)
    if missing_from == "both":
        with pytest.warns(UserWarning, match="2 of 30 rows"):
            bag.fit(X, y)
    else:
        bag.fit(X, y)
    naive = np.full((30, 3), np.nan)
    for (shown, asked), member in zip(pairs, bag, strict=True):
        naive[asked] = 0.0
        known = np.searchsorted(bag.classes_, np.unique(y[shown]))
        naive[np.ix_(asked, known)] = member.predict_proba(X[asked])
    np.testing.assert_array_equal(bag.oob_decision_function_, naive)


# ---------------------------------------------------------------------------------------------
# What members are shown


def test_a_tenth_of_the_rows_is_all_that_a_member_is_given():
    """Thread #14191: in scikit-learn all rows ride along, most with weight zero."""
    X, y = make_classification(200, random_state=0)
    settings = {"n_estimators": 4, "max_samples": 0.1, "random_state": 0}
    peer = PeerClassifier(SpyClassifier(), **settings).fit(X, y)
    assert all(len(member.X_) == 200 for member in peer)
    bag = BaggingClassifier(SpyClassifier(), **settings).fit(X, y)
    for member, rows in zip(bag, bag.estimators_samples_, strict=True):
        assert len(rows) == 20
        distinct, counts = np.unique(rows, return_counts=True)
        np.testing.assert_array_equal(member.X_, X[distinct])
        np.testing.assert_array_equal(member.y_, y[distinct])
        np.testing.assert_array_equal(member.sample_weight_, counts)


def test_min_samples_leaf_counts_rows_that_the_member_was_shown():
    """In scikit-learn rows of weight zero help to fill a leaf: 200 rows are enough for two of 60.

    A member that was shown at most 100 rows has none to split.
    """
    X, y = make_classification(200, random_state=0)
    base = HistGradientBoostingClassifier(min_samples_leaf=60, max_iter=2, early_stopping=False)
    settings = {"n_estimators": 2, "max_samples": 0.5, "random_state": 0}
    peer = PeerClassifier(base, **settings).fit(X, y)
    assert all(np.ptp(member.predict_proba(X)[:, 1]) > 0 for member in peer.estimators_)
    bag = BaggingClassifier(base, **settings).fit(X, y)
    assert all(np.ptp(member.predict_proba(X)[:, 1]) == 0 for member in bag.estimators_)


def test_a_dataframe_reaches_the_base_estimator_as_a_dataframe():
    """Names, categories and missing values, and all of them."""
    frame = pd.DataFrame(
        {
            "colour": pd.Categorical(["red", "blue", "red", None] * 5),
            "size": pd.array([1, None, 3, 4] * 5, dtype="Int64"),
            "text": ["x", "y", "z", "x"] * 5,
        }
    )
    y = np.arange(20) % 2
    with pytest.raises(ValueError):
        PeerClassifier(HistGradientBoostingClassifier(), n_estimators=2).fit(frame, y)
    bag = BaggingClassifier(SpyClassifier(), n_estimators=2, random_state=0).fit(frame, y)
    for member, rows in zip(bag, bag.estimators_samples_, strict=True):
        pd.testing.assert_frame_equal(member.X_, frame.take(np.unique(rows)))
    np.testing.assert_array_equal(bag.feature_names_in_, ["colour", "size", "text"])


def test_class_weight_of_the_base_estimator_names_the_users_classes():
    """Thread #19665: members of scikit-learn see 0 and 1."""
    X, y = classes_with_a_rare_one(rare=10)
    base = DecisionTreeClassifier(class_weight={"a": 1, "b": 2, "c": 5})
    with pytest.raises(ValueError):
        PeerClassifier(base, n_estimators=2).fit(X, y)
    bag = BaggingClassifier(base, n_estimators=25, random_state=0).fit(X, y)
    for member in bag:
        np.testing.assert_array_equal(member.classes_, ["a", "b", "c"])
    assert bag.score(X, y) > 0.95


@pytest.mark.parametrize("labels", [["no", "yes"], [-1, 1], [2, 5], [False, True]])
def test_members_see_the_labels_as_the_user_gave_them(labels):
    """Threads #12189, #18550, #17347."""
    y = np.array(labels)[np.arange(20) % 2]
    bag = BaggingClassifier(SpyClassifier(), n_estimators=3, random_state=0)
    bag.fit(np.arange(20.0)[:, None], y)
    for member in bag:
        np.testing.assert_array_equal(member.classes_, np.array(labels))
        assert member.y_.dtype == y.dtype


# ---------------------------------------------------------------------------------------------
# What scikit-learn's bagging does not have


def test_groups_are_never_both_in_and_out_of_a_bag():
    """Thread #27751: scikit-learn's bagging knows no groups."""
    X, y = quantities(60)
    groups = np.repeat(np.arange(12), 5)
    bag = BaggingRegressor(n_estimators=20, oob_score=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        bag.fit(X, y, groups=groups)
    for rows in bag.estimators_samples_:
        shown = np.unique(groups[rows])
        held_out = np.setdiff1d(np.arange(60), rows)
        assert not np.isin(groups[held_out], shown).any()


def test_a_wild_member_does_not_move_the_median():
    """Thread #30986: scikit-learn averages, always."""
    X, y = quantities(80)
    y[:2] = 1e9
    peer = PeerRegressor(n_estimators=21, max_samples=15, random_state=0).fit(X, y)
    bag = BaggingRegressor(
        n_estimators=21, max_samples=15, random_state=0, aggregation="median"
    ).fit(X, y)
    ordinary = X[40:]
    assert np.abs(peer.predict(ordinary)).max() > 1e6
    np.testing.assert_array_equal(
        bag.predict(ordinary), np.median(bag.predict_all(ordinary), axis=0)
    )
    assert np.median(np.abs(bag.predict(ordinary) - y[40:])) < 10


def test_a_majority_vote_has_probabilities_the_shares_of_the_vote():
    """Thread #10355."""
    X, y = classes_with_a_rare_one(rare=10)
    bag = BaggingClassifier(n_estimators=7, aggregation="hard", random_state=0).fit(X, y)
    votes = np.array([member.predict(X) for member in bag])
    shares = np.stack([(votes == label).mean(axis=0) for label in bag.classes_], axis=1)
    np.testing.assert_array_equal(bag.predict_proba(X), shares)


def test_feature_importances_are_the_mean_over_members():
    """imbalanced-learn #346: a bag of trees has none."""
    X, y = classes_with_a_rare_one(rare=10)
    assert not hasattr(PeerClassifier(n_estimators=2).fit(X, y), "feature_importances_")
    bag = BaggingClassifier(n_estimators=5, random_state=0).fit(X, y)
    each = np.array([member.feature_importances_ for member in bag])
    np.testing.assert_allclose(bag.feature_importances_, each.mean(axis=0), rtol=1e-15)
    np.testing.assert_allclose(bag.feature_importances_std_, each.std(axis=0), rtol=1e-15)


def test_members_stop_early_on_their_own_out_of_bag_rows():
    """Thread #29591: scikit-learn's bagging cannot hand them over."""
    X, y = make_classification(300, flip_y=0.3, random_state=0)
    base = HistGradientBoostingClassifier(max_iter=300, n_iter_no_change=3)
    bag = BaggingClassifier(base, n_estimators=3, early_stopping=True, random_state=0).fit(X, y)
    assert all(1 < member.n_iter_ < 100 for member in bag)


def test_a_bag_has_deviations_and_intervals():
    """Thread #3271: scikit-learn's bagging has neither."""
    X, y = quantities(80)
    assert not hasattr(PeerRegressor(), "predict_std")
    bag = BaggingRegressor(n_estimators=150, oob_score=True, random_state=0).fit(X, y)
    lower, upper = bag.predict_interval(X, alpha=0.2).T
    point = bag.predict(X)
    assert np.all(lower < point)
    assert np.all(point < upper)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert bag.predict_std(X).shape == (80,)


# ---------------------------------------------------------------------------------------------
# Weights


@pytest.mark.parametrize("bootstrap", [True, False])
@pytest.mark.parametrize("base", [None, DecisionTreeRegressor()], ids=["default", "tree"])
def test_a_row_of_weight_zero_might_as_well_not_be_there(bootstrap, base):
    """Thread #34673: scikit-learn crashes on it without replacement."""
    X, y = quantities()
    weights = np.ones(60)
    weights[[3, 17, 40]] = 0.0
    settings = {"estimator": base, "n_estimators": 4, "bootstrap": bootstrap, "random_state": 0}
    if not bootstrap:
        with (
            pytest.raises(ValueError, match="Fewer non-zero entries"),
            pytest.warns(UserWarning, match="recommended"),
        ):
            PeerRegressor(**settings).fit(X, y, sample_weight=weights)
    bag = BaggingRegressor(**settings)
    if bootstrap:
        bag.fit(X, y, sample_weight=weights)
    else:
        with pytest.warns(UserWarning, match="recommended"):
            bag.fit(X, y, sample_weight=weights)
    without = BaggingRegressor(**settings).fit(X[weights > 0], y[weights > 0])
    np.testing.assert_array_equal(bag.predict(X), without.predict(X))


def test_weights_that_sum_to_one_draw_the_same_rows():
    """Threads #32805, #32825: such weights once shrank scikit-learn's bootstrap to one row."""
    X, y = quantities(64)
    weights = np.random.default_rng(1).integers(1, 9, 64).astype(float)
    power_of_two = 2.0 ** np.ceil(np.log2(weights.sum()))
    bag = BaggingRegressor(n_estimators=4, random_state=0).fit(X, y, sample_weight=weights)
    small = clone(bag).fit(X, y, sample_weight=weights / power_of_two)
    assert all(len(rows) == 64 for rows in small.estimators_samples_)
    np.testing.assert_array_equal(bag.predict(X), small.predict(X))
    normed = clone(bag).fit(X, y, sample_weight=weights / weights.sum())
    for drawn, again in zip(bag.estimators_samples_, normed.estimators_samples_, strict=True):
        np.testing.assert_array_equal(drawn, again)


def test_negative_weights_get_a_clear_error():
    """Thread #18934: scikit-learn says "probabilities are not non-negative"."""
    X, y = quantities()
    weights = np.ones(60)
    weights[7] = -2.0
    with pytest.raises(ValueError, match=r"sample_weight must be >= 0; got -2.0 in row 7"):
        BaggingRegressor().fit(X, y, sample_weight=weights)


def test_weights_are_not_lost_when_the_base_is_a_pipeline():
    """Thread #8573: ``Pipeline([clf])`` is ``clf``."""
    X, y = classes_with_a_rare_one(rare=10)
    weights = np.where(y == "c", 0.0, np.where(y == "b", 3.0, 1.0))
    settings = {"n_estimators": 8, "random_state": 0}
    plain = BaggingClassifier(DecisionTreeClassifier(), **settings)
    piped = BaggingClassifier(Pipeline([("tree", DecisionTreeClassifier())]), **settings)
    plain.fit(X, y, sample_weight=weights)
    piped.fit(X, y, sample_weight=weights)
    for one, other in zip(plain.estimators_samples_, piped.estimators_samples_, strict=True):
        np.testing.assert_array_equal(one, other)
        assert not (y[other] == "c").any()
    np.testing.assert_array_equal(plain.predict_proba(X), piped.predict_proba(X))


def test_weights_are_not_lost_when_the_base_is_a_pipeline_and_routing_is_on():
    """Thread #8573 again, by scikit-learn's other road."""
    import sklearn

    X, y = classes_with_a_rare_one(rare=10)
    weights = np.where(y == "c", 0.0, np.where(y == "b", 3.0, 1.0))
    settings = {"n_estimators": 8, "random_state": 0}
    off = BaggingClassifier(DecisionTreeClassifier(), **settings).fit(X, y, sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        tree = DecisionTreeClassifier().set_fit_request(sample_weight=True)
        on = BaggingClassifier(tree, **settings).fit(X, y, sample_weight=weights)
        silent = BaggingClassifier(DecisionTreeClassifier(), **settings)
        silent.fit(X, y, sample_weight=weights)
        piped = BaggingClassifier(Pipeline([("tree", DecisionTreeClassifier())]), **settings)
        piped.fit(X, y, sample_weight=weights)
        for bag in (on, silent, piped):
            np.testing.assert_array_equal(bag.predict_proba(X), off.predict_proba(X))


# ---------------------------------------------------------------------------------------------
# Seeds, memory maps, names, outputs


@pytest.mark.parametrize(
    "base",
    [
        DecisionTreeClassifier(splitter="random"),
        ExtraTreeClassifier(),
        KNeighborsClassifier(3),
        GaussianNB(),
        make_pipeline(StandardScaler(), DecisionTreeClassifier(max_features=1)),
    ],
    ids=lambda base: type(base).__name__,
)
def test_a_member_refits_bitwise_from_its_samples_and_its_seed(base):
    """Thread #9524."""
    X, y = classes_with_a_rare_one(rare=10)
    bag = BaggingClassifier(base, n_estimators=4, random_state=0).fit(X, y)
    for member, rows in zip(bag, bag.estimators_samples_, strict=True):
        if bag.sampling_ == "index":
            again = clone(member).fit(X[rows], y[rows])
        else:
            assert bag.sampling_ == "unique"
            distinct, counts = np.unique(rows, return_counts=True)
            again = clone(member).fit(X[distinct], y[distinct], sample_weight=counts)
        np.testing.assert_array_equal(member.predict_proba(X), again.predict_proba(X))


def test_every_random_state_inside_a_pipeline_is_seeded():
    """Thread #7408: all members differ, and a refit is equal."""
    from sklearn.kernel_approximation import RBFSampler

    base = Pipeline([("map", RBFSampler(n_components=5)), ("tree", DecisionTreeClassifier())])
    X, y = classes_with_a_rare_one(rare=10)
    bag = BaggingClassifier(base, n_estimators=5, random_state=0).fit(X, y)
    for name in ("map__random_state", "tree__random_state"):
        assert len({member.get_params()[name] for member in bag}) == 5
    for member in bag:
        params = member.get_params()
        assert params["map__random_state"] != params["tree__random_state"]
    np.testing.assert_array_equal(clone(bag).fit(X, y).predict_proba(X), bag.predict_proba(X))


@pytest.mark.parametrize("bootstrap", [True, False])
def test_a_read_only_memory_map_does_not_crash_a_member_that_writes(tmp_path, bootstrap):
    """Threads #25935, #25247."""
    X, y = quantities()
    joblib.dump(X, tmp_path / "X.joblib")
    mapped = joblib.load(tmp_path / "X.joblib", mmap_mode="r")
    settings = {"n_estimators": 2, "bootstrap": bootstrap, "random_state": 0}
    with pytest.raises(ValueError, match="read-only"):
        PeerRegressor(WritesIntoX(), **settings).fit(mapped, y)
    bag = BaggingRegressor(WritesIntoX(), **settings).fit(mapped, y)
    np.testing.assert_array_equal(mapped, X)
    in_memory = BaggingRegressor(WritesIntoX(), **settings).fit(X.copy(), y)
    np.testing.assert_array_equal(bag.predict(X), in_memory.predict(X))


def test_a_member_that_works_in_place_disturbs_neither_the_user_nor_the_next_member():
    """Every member of a bag is handed the same table: none may see what another made of it."""
    X, y = quantities()
    careful = make_pipeline(StandardScaler(), Ridge())
    hasty = make_pipeline(StandardScaler(copy=False), Ridge())
    for bootstrap in (True, False):
        settings = {"n_estimators": 3, "bootstrap": bootstrap, "random_state": 0}
        table = X.copy()
        expected = BaggingRegressor(careful, **settings).fit(X, y).predict(X)
        bag = BaggingRegressor(hasty, **settings).fit(table, y)
        np.testing.assert_array_equal(table, X)
        np.testing.assert_allclose(bag.predict(table), expected, rtol=1e-12)
        np.testing.assert_array_equal(table, X)


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize(
    ("learner", "writes"),
    [
        (Ridge(), False),
        (Ridge(copy_X=False), True),
        (make_pipeline(StandardScaler(), Ridge()), False),
        (make_pipeline(StandardScaler(copy=False), Ridge()), True),
        (BaggingRegressor(Ridge(copy_X=False), n_estimators=1), True),
        (VotingRegressor([("one", Ridge()), ("two", Ridge(copy_X=False))]), True),
        (VotingRegressor([("one", Ridge()), ("two", WritesIntoX())]), True),
        (WritesIntoX(), True),
    ],
    ids=str,
)
def test_learners_that_may_write_are_known_however_deep_they_say_so(learner, writes, fitted):
    X, y = quantities()
    learner = clone(learner).fit(X.copy(), y) if fitted else learner
    assert may_write(learner) is writes


def test_no_warning_of_names_comes_from_a_member():
    """Threads #21599, #21811: warnings are errors in this test run."""
    X, y = classes_with_a_rare_one(rare=10)
    frame = pd.DataFrame(X, columns=list("wxyz"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bag = BaggingClassifier(LogisticRegression(), n_estimators=30, oob_score=True)
        bag.fit(frame, y)
        for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
            getattr(bag, method)(frame)


def test_stochastic_gradient_stops_early_inside_a_bag():
    """Threads #17229, #23275: rows of weight zero once meant a division by zero."""
    X, y = make_classification(80, random_state=0)
    base = SGDClassifier(early_stopping=True, max_iter=4, tol=None, n_iter_no_change=2)
    for seed in range(50):
        bag = BaggingClassifier(base, n_estimators=1, random_state=seed).fit(X, y)
        assert np.isfinite(bag[0].coef_).all()


@pytest.mark.parametrize("kind", ["column", "series", "frame", "float"])
def test_members_may_answer_in_any_container(kind):
    """Threads mlxtend #321, #5803, #28935, #24392: (n, 1), floats, Series, DataFrames."""
    X, y = classes_with_a_rare_one(rare=10)
    y = np.searchsorted(np.unique(y), y) + 3
    bag = BaggingClassifier(OutputsOf(kind), n_estimators=5, random_state=0).fit(X, y)
    plain = BaggingClassifier(OutputsOf("plain"), n_estimators=5, random_state=0).fit(X, y)
    np.testing.assert_array_equal(bag.predict(X), plain.predict(X))
    np.testing.assert_array_equal(bag.predict_proba(X), plain.predict_proba(X))
    assert bag.predict(X).dtype == y.dtype


def test_members_that_answer_in_text_are_understood():
    """As CatBoost does for some labels."""
    X, y = classes_with_a_rare_one(rare=10)
    codes = np.searchsorted(np.unique(y), y) + 8  # "8" < "9" but "10" < "8"
    bag = BaggingClassifier(OutputsOf("text"), n_estimators=5, random_state=0).fit(X, codes)
    plain = BaggingClassifier(OutputsOf("plain"), n_estimators=5, random_state=0).fit(X, codes)
    np.testing.assert_array_equal(bag.predict(X), plain.predict(X))


def test_a_regressor_may_answer_with_a_dataframe():
    """Thread #24392."""
    X, y = quantities()
    bag = BaggingRegressor(FramesOut(), n_estimators=4, random_state=0).fit(X, y)
    plain = BaggingRegressor(Ridge(), n_estimators=4, random_state=0, resampling=None)
    assert bag.predict(X).shape == (60,)
    naive = np.mean([member.ridge_.predict(X) for member in bag], axis=0)
    np.testing.assert_allclose(bag.predict(X), naive, rtol=1e-12)
    assert plain.fit(X, y).predict(X).shape == bag.predict(X).shape


def test_reordered_columns_are_refused_for_lightgbm_too():
    """LightGBM itself accepts them, and its predictions are wrong."""
    lightgbm = pytest.importorskip("lightgbm")
    X, y = classes_with_a_rare_one(rare=10)
    frame = pd.DataFrame(X, columns=list("wxyz"))
    base = lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=2, verbose=-1, n_jobs=1)
    alone = clone(base).fit(frame, y)
    assert not np.array_equal(alone.predict(frame[list("zyxw")]), alone.predict(frame))
    bag = BaggingClassifier(base, n_estimators=2, random_state=0).fit(frame, y)
    with pytest.raises(ValueError, match="same order"):
        bag.predict(frame[list("zyxw")])


@pytest.mark.parametrize(("share", "rows"), [(0.5, 30), (0.33, 19), (1.0, 60), (0.001, 1)])
def test_a_fractional_max_samples_is_that_share_of_the_rows(share, rows):
    """Threads quantile-forest #46, #30."""
    X, y = quantities()
    bag = BaggingRegressor(n_estimators=3, max_samples=share, random_state=0).fit(X, y)
    assert [len(drawn) for drawn in bag.estimators_samples_] == [rows] * 3


def test_the_bare_name_forgets_the_task_of_an_earlier_fit():
    """A regression after a classification is judged as a regression."""
    X, y = quantities()
    fresh = Bagging(n_estimators=20, oob_score=True, random_state=0).fit(X, y)
    reused = Bagging(n_estimators=20, oob_score=True, random_state=0).fit(X, y > 100)
    reused.fit(X, y)
    assert reused.oob_score_ == fresh.oob_score_
    assert set(vars(reused)) == set(vars(fresh))


def test_committee_of_fold_models_gives_its_out_of_fold_predictions():
    """Thread #13478: `cross_validate` throws them away."""
    from sklearn.model_selection import cross_val_predict

    X, y = classes_with_a_rare_one(rare=10)
    folds = StratifiedKFold(4)
    bag = BaggingClassifier(GaussianNB(), resampling=folds, oob_score=True).fit(X, y)
    expected = cross_val_predict(GaussianNB(), X, y, cv=folds, method="predict_proba")
    np.testing.assert_array_equal(bag.oob_decision_function_, expected)


def test_trees_in_a_bag_are_the_trees_of_scikit_learn():
    """Thread quantile-forest #76: where the mathematics is the same, so is the member."""
    X, y = quantities()
    bag = BaggingRegressor(DecisionTreeRegressor(), n_estimators=3, random_state=0).fit(X, y)
    for member, rows in zip(bag, bag.estimators_samples_, strict=True):
        weights = np.bincount(rows, minlength=60)
        peer = clone(member).fit(X[weights > 0], y[weights > 0], weights[weights > 0])
        np.testing.assert_array_equal(member.tree_.threshold, peer.tree_.threshold)
