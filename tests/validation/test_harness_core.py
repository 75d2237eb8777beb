"""cross_validate: what a loop written by hand gives, to the bit, and what it cannot give."""

import inspect
import pickle
import typing

import joblib
import lightgbm
import numpy as np
import pandas as pd
import polars as pl
import pytest
import xgboost
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, make_classification, make_multilabel_classification
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.exceptions import DataConversionWarning, FitFailedWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    get_scorer,
    log_loss,
    make_scorer,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)
from sklearn.model_selection import cross_validate as theirs
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles import Bagging, Bootstrap, HistTreeClassifier, cross_validate, members
from ensembles.validation import Leaderboard
from ensembles.validation.calling import Settings

X, y = make_classification(120, 6, n_informative=4, n_classes=3, random_state=0)
NUMBERS = load_diabetes(return_X_y=True)
FOLDS = StratifiedKFold(4, shuffle=True, random_state=1)

CLASSIFIERS = {
    "xgboost": xgboost.XGBClassifier(n_estimators=8, subsample=0.7, n_jobs=1),
    "lightgbm": lightgbm.LGBMClassifier(n_estimators=8, n_jobs=1, verbose=-1),
    "tree": DecisionTreeClassifier(max_features=2, random_state=3),
    "forest": RandomForestClassifier(8, random_state=3),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=8, random_state=3),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "ours": HistTreeClassifier(max_features=2, random_state=3),
    "our bag": Bagging(n_estimators=4, random_state=3),
}


def loop(estimator, X, y, folds, method="predict_proba"):
    """What a notebook writes by hand."""
    out = None
    for train, test in folds:
        model = clone(estimator).fit(X[train], y[train])
        said = getattr(model, method)(X[test])
        out = np.full((len(y), *said.shape[1:]), np.nan) if out is None else out
        out[test] = said
    return out


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_out_of_fold_predictions_are_those_of_the_loop_by_hand(name):
    by_hand = loop(CLASSIFIERS[name], X, y, FOLDS.split(X, y))
    result = cross_validate(CLASSIFIERS[name], X, y, cv=FOLDS)
    np.testing.assert_array_equal(result.oof_prediction_, by_hand)


@pytest.mark.parametrize("name", ["tree", "pipeline", "histogram boosting"])
def test_tables_in_any_order_of_memory(name):
    for table in (
        np.asfortranarray(X),
        np.repeat(X, 2, axis=0)[::2],
        np.repeat(X, 2, axis=1)[:, ::2],
    ):
        by_hand = loop(CLASSIFIERS[name], table, y, FOLDS.split(X, y))
        result = cross_validate(CLASSIFIERS[name], table, y, cv=FOLDS)
        np.testing.assert_array_equal(result.oof_prediction_, by_hand)


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
def test_every_backend_gives_the_same_bits(backend):
    boosting = () if backend == "multiprocessing" else ("xgboost", "lightgbm")  # OpenMP after fork
    ours = ("ours",) if backend == "threading" else ()  # numba takes long to load in a process
    for name in (*boosting, *ours, "tree", "pipeline"):
        by_hand = loop(CLASSIFIERS[name], X, y, FOLDS.split(X, y))
        with joblib.parallel_config(backend):
            result = cross_validate(CLASSIFIERS[name], X, y, cv=FOLDS, n_jobs=2)
        np.testing.assert_array_equal(result.oof_prediction_, by_hand)


def test_sums_in_linear_algebra_have_as_many_threads_in_a_worker_as_in_the_loop():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(20_000, 50))
    target = table @ rng.normal(size=50) + rng.normal(size=20_000)
    by_hand = loop(Ridge(), table, target, KFold(2).split(table), "predict")
    for n_jobs in (1, 2):
        result = cross_validate(Ridge(), table, target, cv=KFold(2), n_jobs=n_jobs)
        np.testing.assert_array_equal(result.oof_prediction_, by_hand)


@pytest.mark.parametrize("scoring", [None, "neg_log_loss", ["accuracy", "roc_auc_ovr"]])
@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "tree", "pipeline"])
def test_scores_are_those_of_scikit_learns_function(name, scoring):
    ours = cross_validate(CLASSIFIERS[name], X, y, cv=FOLDS, scoring=scoring)
    expected = theirs(CLASSIFIERS[name], X, y, cv=FOLDS, scoring=scoring, return_train_score=True)
    assert set(ours) == set(expected)
    for key in expected:
        if key.endswith("_time"):
            continue
        np.testing.assert_array_equal(ours[key], expected[key])


def test_a_regression_is_scored_and_predicted():
    table, target = NUMBERS
    result = cross_validate(Ridge(), table, target, cv=KFold(5), scoring="neg_mean_squared_error")
    by_hand = loop(Ridge(), table, target, KFold(5).split(table), "predict")
    np.testing.assert_array_equal(result.oof_prediction_, by_hand)
    assert result.pooled_score_ == pytest.approx(-np.mean((target - by_hand) ** 2))
    assert result.score_ < 0
    assert result.gap_ == pytest.approx(np.mean(result["train_score"] - result["test_score"]))
    low, high = result.confidence_interval_
    assert low < result.score_ < high


class Counted(RegressorMixin, BaseEstimator):
    """Counts the rows that it is asked about."""

    def fit(self, X, y):
        self.mean_, self.asked_ = np.mean(y), []
        return self

    def predict(self, X):
        self.asked_.append(len(X))
        return np.full(len(X), self.mean_)


@pytest.mark.parametrize("scoring", [None, "r2", ["r2", "neg_mean_squared_error"]])
def test_a_model_is_asked_once_about_each_set_of_rows(scoring):
    table, target = NUMBERS
    for model in (Counted(), make_pipeline(StandardScaler(), Counted())):
        result = cross_validate(model, table, target, cv=4, scoring=scoring, X_test=table[:7])
        for (train, test), fitted in zip(result.splits_, result.models_, strict=True):
            last = fitted[-1] if hasattr(fitted, "steps") else fitted
            assert last.asked_ == [len(test), len(train), 7]
        expected = theirs(model, table, target, cv=4, scoring=scoring)
        for key in (key for key in expected if not key.endswith("_time")):
            np.testing.assert_array_equal(result[key], expected[key])


def test_the_interval_is_that_of_nadeau_and_bengio():
    from scipy.stats import t

    result = cross_validate(DecisionTreeClassifier(random_state=0), X, y, cv=5)
    scores = result["test_score"]
    error = np.sqrt((1 / 5 + 24 / 96) * scores.var(ddof=1))
    reach = t.ppf(0.975, 4) * error
    expected = (scores.mean() - reach, scores.mean() + reach)
    assert tuple(result.confidence_interval_) == pytest.approx(expected)
    narrow = result.confidence_interval(level=0.5)
    assert narrow.high - narrow.low < expected[1] - expected[0]


@pytest.mark.parametrize("scoring", [None, "accuracy", ["accuracy"], {"mine": "roc_auc"}])
@pytest.mark.parametrize("model", [GaussianNB(), make_pipeline(StandardScaler(), GaussianNB())])
def test_an_interval_of_a_score_ends_where_scores_end(model, scoring):
    """All folds right but one: Student's t reaches beyond an accuracy of 1."""
    table = np.repeat([[0.0], [1.0]], 30, axis=0)
    target = table[:, 0].astype(int)
    target[0] = 1
    result = cross_validate(model, table, target, cv=StratifiedKFold(5), scoring=scoring)
    assert 0 < result._interval().low < result.score_ < 1
    assert result._interval().high == 1


def test_a_score_of_no_known_range_has_the_interval_that_it_has():
    def several(estimator, X, y):
        return {"share": len(X) / 18.5}

    result = cross_validate(GaussianNB(), X, y, cv=KFold(7), scoring=several)
    scores = result["test_share"]
    assert result.confidence_interval(0.99999).high > 1 > scores.max() > scores.min()
    own = cross_validate(Own(), X, y, cv=5)
    assert own.confidence_interval(0.999).high > 1 > own["test_score"].max()


class Own(GaussianNB):
    """A classifier whose score is none of scikit-learn's."""

    def score(self, X, y):
        """Return what hangs on the rows."""
        return float(X[0, 0] % 1)


def twice_as_right(y, said):
    return 2 * accuracy_score(y, said)


def test_an_interval_ends_where_its_metric_does():
    """Of an accuracy of 0.98 it reached above 1."""
    from ensembles.validation.comparison import corrected_resampled_t_test

    labels = (NUMBERS[0][:, 2] > 0).astype(int)
    flipped = np.where(np.arange(len(labels)) < 6, 1 - labels, labels)
    scoring = {
        "accuracy": "accuracy",
        "f1": "f1",
        "loss": make_scorer(log_loss, greater_is_better=False, response_method="predict_proba"),
        "error": "neg_mean_absolute_error",
        "own": make_scorer(twice_as_right),
        "counted": lambda model, X, y: 2 * model.score(X, y),
    }
    tree = DecisionTreeClassifier(random_state=0)
    result = cross_validate(tree, NUMBERS[0][:, 2:3], flipped, scoring=scoring, cv=KFold(5))
    ends = dict.fromkeys(("accuracy", "f1"), (0, 1)) | dict.fromkeys(
        ("loss", "error"), (-np.inf, 0)
    )
    for name, scores in result.test_scores_.items():
        whole = corrected_resampled_t_test(scores, 442 * 0.8, 442 * 0.2)
        assert whole.high > ends.get(name, (0, 1))[1]
        expected = np.clip([whole.low, whole.high], *ends.get(name, (-np.inf, np.inf)))
        np.testing.assert_allclose(result.confidence_interval(scoring=name), expected)
    own = cross_validate(make_pipeline(tree), NUMBERS[0][:, 2:3], flipped, cv=KFold(5))
    assert own.confidence_interval_.high == 1


def test_an_interval_that_is_a_point_is_told_of():
    X = np.repeat([[0.0], [1.0]], 50, axis=0)
    result = cross_validate(GaussianNB(), X, X[:, 0].astype(int))
    assert "1 +- 0 (all folds alike)" in result.summary()
    assert "interval" not in result.summary()
    with pytest.warns(UserWarning, match="every fold scores 1: the interval is a point"):
        assert tuple(result.confidence_interval_) == (1.0, 1.0)


def test_a_perfect_metric_by_fold_is_not_one_when_pooled():
    table = np.linspace(0, 1, 40)[:, None]
    target = np.tile([0, 1], 20)

    class Shifting(ClassifierMixin, BaseEstimator):
        """Right in its order within a fold, at a level that depends on its training rows."""

        def fit(self, X, y):
            self.classes_, self.level_ = np.unique(y), X.mean()
            return self

        def decision_function(self, X):
            return 10 * self.level_ + np.tile([0.0, 1.0], len(X))[: len(X)]

        def predict(self, X):
            return self.decision_function(X) > 0

    result = cross_validate(Shifting(), table, target, cv=KFold(4), scoring="roc_auc")
    assert result.score_ == 1.0
    assert result.pooled_score_ == roc_auc_score(target, result.oof_prediction_) < 1


def test_repeats_are_averaged_and_earlier_ones_stay():
    model = DecisionTreeClassifier(random_state=0)
    once = cross_validate(model, X, y, cv=5, random_state=7)
    thrice = cross_validate(model, X, y, cv=5, n_repeats=3, random_state=7)
    np.testing.assert_array_equal(thrice["test_score"][:5], once["test_score"])
    np.testing.assert_array_equal(thrice.oof_count_, 3)
    assert thrice.repeats_.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    mean = np.mean([loop(model, X, y, thrice.splits_[k : k + 5]) for k in (0, 5, 10)], axis=0)
    np.testing.assert_allclose(thrice.oof_prediction_, mean, rtol=1e-15)
    by_hand = StratifiedKFold(5, shuffle=True, random_state=7).split(X, y)
    np.testing.assert_array_equal(once.oof_prediction_, loop(model, X, y, by_hand))


@pytest.mark.parametrize(
    "cv",
    [
        RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
        ShuffleSplit(4, random_state=0),
        TimeSeriesSplit(4),
        Bootstrap(5, random_state=0),
        [(np.arange(60), np.arange(60, 80)), (np.arange(40), np.arange(70, 90))],
    ],
    ids=str,
)
def test_any_splitter_and_rows_never_held_out(cv):
    result = cross_validate(GaussianNB(), X, y, cv=cv)
    pairs = list(cv.split(X, y)) if hasattr(cv, "split") else cv
    count = np.zeros(len(y), dtype=int)
    total = np.zeros((len(y), 3))
    for train, test in pairs:
        count[test] += 1
        total[test] += GaussianNB().fit(X[train], y[train]).predict_proba(X[test])
    np.testing.assert_array_equal(result.oof_count_, count)
    assert np.isnan(result.oof_prediction_[count == 0]).all()
    judged = count > 0
    expected = total[judged] / count[judged, None]
    np.testing.assert_allclose(result.oof_prediction_[judged], expected, rtol=1e-14)
    pooled = accuracy_score(y[judged], np.argmax(expected, axis=1))
    assert result.pooled_score_ == pytest.approx(pooled)


def test_a_generator_and_masks_serve_as_splits():
    held_out = [np.arange(len(y)) % 3 == k for k in range(3)]
    masks = cross_validate(GaussianNB(), X, y, cv=((~mask, mask) for mask in held_out))
    rows = cross_validate(
        GaussianNB(), X, y, cv=[(np.flatnonzero(~m), np.flatnonzero(m)) for m in held_out]
    )
    np.testing.assert_array_equal(masks.oof_prediction_, rows.oof_prediction_)


def test_test_rows_are_answered_by_every_fold_model_and_their_mean():
    model = LogisticRegression()
    result = cross_validate(model, X[:100], y[:100], X_test=X[100:], cv=5)
    each = [
        clone(model).fit(X[train], y[train]).predict_proba(X[100:])
        for train, _ in StratifiedKFold(5).split(X[:100], y[:100])
    ]
    np.testing.assert_array_equal(result.test_predictions_, each)
    np.testing.assert_array_equal(result.test_prediction_, np.mean(each, axis=0))
    np.testing.assert_array_equal(result.predict_proba(X[100:]), result.test_prediction_)
    labels = result.classes_[np.argmax(result.test_prediction_, axis=1)]
    np.testing.assert_array_equal(result.predict(X[100:]), labels)


def test_methods():
    shapes = {
        "predict_proba": (120, 3),
        "predict_log_proba": (120, 3),
        "decision_function": (120, 3),
        "predict": (120,),
    }
    for method, shape in shapes.items():
        result = cross_validate(LogisticRegression(), X, y, cv=FOLDS, method=method, X_test=X[:5])
        expected = loop(LogisticRegression(), X, y, FOLDS.split(X, y), method)
        np.testing.assert_array_equal(result.oof_prediction_, expected)
        assert result.oof_prediction_.shape == shape
        assert result.test_prediction_.shape == (5, *shape[1:])
    assert cross_validate(LinearSVC(), X, y).method_ == "decision_function"
    assert cross_validate(SVC(), X, y == 1).oof_prediction_.shape == (120,)
    with pytest.raises(ValueError, match="method must be 'auto' or one that LinearSVC has"):
        cross_validate(LinearSVC(), X, y, method="predict_proba")
    assert not hasattr(cross_validate(LinearSVC(), X, y), "predict_proba")


@pytest.mark.parametrize("n_classes", [3, 4])
def test_decisions_between_pairs_are_counted_as_votes(n_classes):
    """With three classes there are three pairs, whose columns look like classes."""
    table, labels = make_classification(
        120, 6, n_informative=5, n_redundant=0, n_classes=n_classes, random_state=0
    )
    model = SVC(decision_function_shape="ovo")
    result = cross_validate(model, table, labels, cv=4, scoring="accuracy")
    pairs = n_classes * (n_classes - 1) // 2
    assert result.oof_prediction_.shape == (120, pairs)
    assert result.pooled_score_ == pytest.approx(result.score_)
    one = cross_validate(model, table, labels, cv=[(np.arange(90), np.arange(90, 120))])
    np.testing.assert_array_equal(one.predict(table), one.models_[0].predict(table))


STACK = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(random_state=0))]


@pytest.mark.parametrize(
    "wrapped",
    [lambda model: model, lambda model: make_pipeline(StandardScaler(), model)],
    ids=["alone", "in a pipeline"],
)
@pytest.mark.parametrize("method", ["auto", "predict_proba", "predict"])
def test_a_model_that_cannot_predict_before_it_is_fitted_is_asked_all_the_same(wrapped, method):
    """A stack without a final estimator told nothing: out-of-fold predictions were None."""
    model = wrapped(StackingClassifier(STACK, cv=3))
    assert not hasattr(model, "predict")
    result = cross_validate(model, X, y, cv=KFold(3), method=method)
    asked = "predict_proba" if method == "auto" else method
    for train, test in KFold(3).split(X):
        alone = clone(model).fit(X[train], y[train])
        np.testing.assert_array_equal(result.oof_prediction_[test], getattr(alone, asked)(X[test]))


def test_a_model_that_never_predicts_is_asked_nothing():
    model = make_pipeline(StandardScaler(), PCA(2))
    result = cross_validate(model, X)
    assert result.method_ is None
    assert result.oof_prediction_ is None


def test_editors_are_told_what_is_returned():
    one, several = typing.get_overloads(cross_validate)
    assert one.__annotations__["return"] == "CrossValidation"
    assert several.__annotations__["return"] == "Leaderboard"
    parameters = inspect.signature(cross_validate).parameters.values()
    named = {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}
    assert set(Settings.__annotations__) == named


def test_labels_are_nan_where_no_model_judged():
    names = np.array(["ant", "bee", "cat"])[y]
    early = cross_validate(GaussianNB(), X, y, cv=TimeSeriesSplit(3), method="predict")
    assert np.isnan(early.oof_prediction_[:30]).all()
    assert set(early.oof_prediction_[30:]) <= {0.0, 1.0, 2.0}
    named = cross_validate(GaussianNB(), X, names, cv=TimeSeriesSplit(3), method="predict")
    assert all(label != label for label in named.oof_prediction_[:30])
    assert set(named.oof_prediction_[30:]) <= set(names)


@pytest.mark.parametrize("labels", [["ant", "bee", "cat"], [-5, 2, 70], [0.0, 1.0, 2.0]])
@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "tree"])
def test_labels_of_any_kind(name, labels):
    renamed = np.array(labels)[y]
    result = cross_validate(CLASSIFIERS[name], X, renamed, cv=FOLDS, scoring="neg_log_loss")
    plain = cross_validate(CLASSIFIERS[name], X, y, cv=FOLDS, scoring="neg_log_loss")
    np.testing.assert_array_equal(result.oof_prediction_, plain.oof_prediction_)
    np.testing.assert_array_equal(result["test_score"], plain["test_score"])
    assert set(result.predict(X)) <= set(labels)
    assert cross_validate(CLASSIFIERS[name], X, renamed, cv=FOLDS).score_ > 0.4


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "tree", "pipeline", "ours"])
@pytest.mark.parametrize("scoring", ["neg_log_loss", "accuracy", None])
def test_a_class_missing_from_a_fold_is_aligned(name, scoring):
    order = np.argsort(y, kind="stable")
    table, target = X[order], y[order]
    third = np.array_split(np.arange(120), 3)
    cv = [(np.r_[third[0], third[1]], third[2]), (np.r_[third[1], third[2]], np.r_[0:40:7])]
    result = cross_validate(CLASSIFIERS[name], table, target, cv=cv, scoring=scoring)
    assert result.oof_prediction_.shape == (120, 3)
    missing = np.setdiff1d(np.unique(target), np.unique(target[cv[0][0]]))
    assert np.all(result.oof_prediction_[third[2]][:, missing] == 0)
    assert np.isfinite(result["test_score"]).all()


def test_a_fold_judged_on_one_class_has_a_log_loss():
    target = (y > 0).astype(int)
    ones = np.flatnonzero(target)[:10]
    rest = np.setdiff1d(np.arange(120), ones)
    result = cross_validate(GaussianNB(), X, target, cv=[(rest, ones)], scoring="neg_log_loss")
    said = GaussianNB().fit(X[rest], target[rest]).predict_proba(X[ones])
    assert result.score_ == pytest.approx(-log_loss(target[ones], said, labels=[0, 1]))


@pytest.mark.parametrize("name", ["xgboost", "lightgbm", "pipeline", "tree"])
def test_training_rows_of_one_class_make_a_model_of_that_class(name):
    target = np.repeat([0, 1], 60)
    cv = [(np.arange(60), np.arange(60, 120)), (np.r_[0:40, 60:100], np.r_[40:60, 100:120])]
    result = cross_validate(CLASSIFIERS[name], X, target, cv=cv)
    np.testing.assert_array_equal(result.oof_prediction_[100:].shape, (20, 2))
    np.testing.assert_array_equal(result.oof_prediction_[60:100, 0], 1.0)
    assert result["test_score"][0] == 0


def test_sample_weight_reaches_fit_and_scores():
    weights = np.random.default_rng(0).exponential(size=len(y))
    for model, part in (
        (LogisticRegression(), {"sample_weight"}),
        (make_pipeline(StandardScaler(), LogisticRegression()), {"step"}),
    ):
        result = cross_validate(
            model, X, y, cv=FOLDS, sample_weight=weights, scoring=["neg_log_loss", "accuracy"]
        )
        for k, (train, test) in enumerate(FOLDS.split(X, y)):
            name = "sample_weight" if "step" not in part else "logisticregression__sample_weight"
            fitted = clone(model).fit(X[train], y[train], **{name: weights[train]})
            said = fitted.predict_proba(X[test])
            np.testing.assert_array_equal(result.oof_prediction_[test], said)
            loss = log_loss(y[test], said, sample_weight=weights[test])
            assert result["test_neg_log_loss"][k] == -loss
    plain = cross_validate(LogisticRegression(), X, y, cv=FOLDS, sample_weight=weights)
    right = np.argmax(plain.oof_prediction_, axis=1) == y
    assert plain.pooled_score_ == pytest.approx(np.average(right, weights=weights))


def test_who_takes_no_weights_is_told_of():
    with pytest.warns(UserWarning, match="KNeighborsClassifier takes no sample_weight"):
        cross_validate(KNeighborsClassifier(), X, y, sample_weight=np.ones(120))


@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_of_predictions_are_called_in_the_place_of_their_scorers(weighted):
    weights = np.arange(1.0, 121.0) if weighted else None
    calls = []

    def metric(truth, said, *, power=1, sample_weight=None):
        calls.append(truth)
        return np.average((truth != said) ** power, weights=sample_weight)

    names = ["accuracy", "f1_macro", "matthews_corrcoef", "balanced_accuracy"]
    scoring = {name: name for name in names}
    scoring["own"] = make_scorer(metric, greater_is_better=False, power=2)
    result = cross_validate(GaussianNB(), X, y, cv=FOLDS, scoring=scoring, sample_weight=weights)
    assert len(calls) == 2 * 4 + 1
    for k, (_, test) in enumerate(result.splits_):
        for name, scorer in scoring.items():
            given = {} if weights is None else {"sample_weight": weights[test]}
            expected = get_scorer(scorer)(result.models_[k], X[test], y[test], **given)
            assert result[f"test_{name}"][k] == expected


def test_losses_stay_negative_and_the_first_scorer_counts():
    result = cross_validate(GaussianNB(), X, y, scoring={"loss": "neg_log_loss", "a": "accuracy"})
    assert result.scoring_ == "loss"
    assert result.score_ == result["test_loss"].mean() < 0
    assert result.pooled_scores_["a"] > 0


class FailsOnRow(ClassifierMixin, BaseEstimator):
    def __init__(self, row=0):
        self.row = row

    def fit(self, X, y):
        if self.row in X[:, 0]:
            raise RuntimeError("that row again")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_fold_that_fails_names_itself_and_the_others_survive(n_jobs):
    table = np.arange(120.0)[:, None]
    cv = [(np.arange(60), np.arange(60, 120)), (np.arange(60, 120), np.arange(60))]
    with pytest.warns(FitFailedWarning, match=r"FailsOnRow: fold 0 of repeat 0"):
        result = cross_validate(
            FailsOnRow(), table, y, cv=cv, n_jobs=n_jobs, error_score=-1, method="predict"
        )
    assert result["test_score"][0] == -1
    assert list(result.failures_) == [(0, 0)]
    assert "that row again" in result.failures_[0, 0]
    assert result.models_[0] is None
    assert np.isnan(result.oof_prediction_[60:]).all()
    assert not np.isnan(result.oof_prediction_[:60]).any()
    assert result.score_ == result["test_score"][1]
    with pytest.raises(RuntimeError, match=r"fold 0 of repeat 0 of FailsOnRow .*that row again"):
        cross_validate(FailsOnRow(), table, y, cv=cv, error_score="raise", n_jobs=n_jobs)


@pytest.mark.filterwarnings("ignore:Scoring failed")
def test_answers_of_nan_are_counted_and_judged_by_no_pooled_score():
    class Unsure(GaussianNB):
        def predict_proba(self, table):
            said = super().predict_proba(table)
            said[table[:, 0] == X[3, 0]] = np.nan
            return said

    with pytest.warns(UserWarning, match=r"NaN about 1 of the rows held out \(fold 0 of repeat 0"):
        result = cross_validate(Unsure(), X, y, cv=KFold(4), scoring=["accuracy", "neg_log_loss"])
    kept = np.arange(120) != 3
    sure = cross_validate(GaussianNB(), X, y, cv=KFold(4)).oof_prediction_[kept]
    assert result.pooled_scores_["neg_log_loss"] == pytest.approx(-log_loss(y[kept], sure))
    assert result.pooled_score_ == accuracy_score(y[kept], sure.argmax(axis=1))


def test_a_result_without_any_score_tells_so():
    with pytest.warns(UserWarning, match="Scoring failed"):
        result = cross_validate(GaussianNB(), X, np.array(["a", "b", "c"])[y], scoring="r2")
    assert "nan" in result.summary()
    assert "nan" in result._repr_html_()


@pytest.mark.parametrize("error_score", [np.nan, -5.0, 0])
def test_the_stand_in_of_a_score_that_failed_counts_in_no_mean(error_score):
    def scorer(model, table, labels):
        if table[0, 0] == X[0, 0] and len(table) < 50:
            raise RuntimeError("no score")
        return model.score(table, labels)

    with pytest.warns(UserWarning, match="Scoring failed"):
        result = cross_validate(
            GaussianNB(), X, y, cv=KFold(4), scoring=scorer, error_score=error_score
        )
    np.testing.assert_equal(result["test_score"][0], float(error_score))
    own = result["test_score"][1:]
    assert result.score_ == own.mean()
    assert result.gap_ == pytest.approx(np.mean(result["train_score"][1:] - own))
    low, high = result.confidence_interval_
    assert low + high == pytest.approx(2 * own.mean())
    assert f"on training rows  {result['train_score'].mean():.5g}" in result.summary()
    board = Leaderboard(result._run, {"one": result})
    assert board.to_frame()["score"].item() == own.mean()
    with pytest.raises(ValueError, match="scoring must be one of 'score'; got 'acc'"):
        result.confidence_interval(scoring="acc")


def test_containers_reach_the_estimator_as_they_are():
    seen = []

    class Looks(GaussianNB):
        def fit(self, X, y):
            seen.append((type(X), type(y)))
            return super().fit(np.asarray(X), np.asarray(y))

        def predict_proba(self, X):
            return super().predict_proba(np.asarray(X))

        def predict(self, X):
            return super().predict(np.asarray(X))

    plain = cross_validate(GaussianNB(), X, y).oof_prediction_
    for table, target in (
        (pd.DataFrame(X), pd.Series(y, index=np.arange(120)[::-1])),
        (pl.DataFrame(X), pl.Series(y)),
        (X.tolist(), y.tolist()),
    ):
        result = cross_validate(Looks(), table, target)
        np.testing.assert_array_equal(result.oof_prediction_, plain)
        assert seen.pop() == (type(table), type(target))
    sparse = cross_validate(LogisticRegression(), csr_matrix(X), y)
    assert sparse.oof_prediction_.shape == (120, 3)


def test_estimators_without_targets_or_with_several():
    result = cross_validate(KMeans(2, n_init=1, random_state=0), X)
    assert result["test_score"].shape == (5,)
    table, target = NUMBERS
    two = cross_validate(LinearRegression(), table, np.column_stack([target, -target]))
    assert two.oof_prediction_.shape == (442, 2)
    many = cross_validate(DecisionTreeClassifier(), X, np.column_stack([y > 0, y > 1]).astype(int))
    assert many.oof_prediction_.shape == (120, 2)
    assert cross_validate(DummyClassifier(), X, y).oof_prediction_.shape == (120, 3)


@pytest.mark.parametrize("model", [DecisionTreeClassifier(random_state=0), KNeighborsClassifier()])
@pytest.mark.parametrize("method", ["auto", "predict_proba"])
def test_several_labels_are_votes_or_probabilities_of_the_ones(model, method):
    labels = np.column_stack([y == 1, y != 2, np.arange(120) % 3 == 0]).astype(int)
    labels[:100, 2] = 0  # of which some folds know zeros alone
    result = cross_validate(model, X, labels, cv=KFold(6), method=method, scoring="accuracy")
    assert result.oof_prediction_.shape == (120, 3)
    train, test = result.splits_[-1]
    fitted = clone(model).fit(X[train], labels[train])
    if method == "auto":
        expected = fitted.predict(X[test])
    else:
        of_ones = [
            said[:, known == 1].sum(axis=1)
            for said, known in zip(fitted.predict_proba(X[test]), fitted.classes_, strict=True)
        ]
        expected = np.column_stack(of_ones)
    np.testing.assert_array_equal(result.oof_prediction_[test], expected)
    assert result.pooled_score_ == pytest.approx(result.score_)
    votes = np.mean([fold_model.predict(X) for fold_model in result.models_], axis=0)
    np.testing.assert_array_equal(result.predict(X), votes > 0.5)
    twice = cross_validate(model, X, labels, cv=3, n_repeats=2, random_state=0)
    assert 0 <= twice.pooled_score_ <= 1


def test_several_labels_that_cannot_be_counted_are_scored_alone():
    labels = np.column_stack([y, y > 0])
    model = MultiOutputClassifier(GaussianNB())
    result = cross_validate(model, X, labels, cv=KFold(4))
    np.testing.assert_array_equal(
        result["test_score"], theirs(model, X, labels, cv=KFold(4))["test_score"]
    )
    assert result.oof_prediction_ is None
    with pytest.raises(ValueError, match="predict needs labels that can be counted"):
        result.predict(X)
    with pytest.raises(ValueError, match="method must be 'auto', by which models are scored"):
        cross_validate(model, X, labels, method="predict_proba")


def test_a_numbers_of_folds_keeps_groups_whole():
    groups = np.arange(120) // 6
    result = cross_validate(GaussianNB(), X, y, groups=groups, cv=4)
    for train, test in result.splits_:
        assert not set(groups[train]) & set(groups[test])
    shuffled = cross_validate(GaussianNB(), X, y, groups=groups, cv=4, n_repeats=3, random_state=0)
    for train, test in shuffled.splits_:
        assert not set(groups[train]) & set(groups[test])
    assert cross_validate(GaussianNB(), X, y, groups=groups, cv=GroupKFold(3)).score_ > 0
    with (
        pytest.warns(UserWarning, match="groups straddle the two sides of 3 of 3 folds"),
        pytest.warns(UserWarning, match="groups parameter is ignored by KFold"),
    ):
        cross_validate(GaussianNB(), X, y, groups=groups, cv=KFold(3, shuffle=True))


def test_rows_on_both_sides_are_told_of():
    with pytest.warns(UserWarning, match="1 of 1 folds of .* judged on rows that their models"):
        cross_validate(GaussianNB(), X, y, cv=[(np.arange(100), np.arange(90, 120))])


def test_the_result_is_a_dict_that_tells_and_pickles():
    result = cross_validate(GaussianNB(), X, y, X_test=X[:4])
    assert isinstance(result, dict)
    assert set(result) == {"fit_time", "score_time", "test_score", "train_score"}
    assert len(result["estimator"]) == len(result["indices"]["train"]) == 5
    with pytest.raises(KeyError, match="none of"):
        result["no such"]
    again = pickle.loads(pickle.dumps(result))
    assert set(again) == set(result)
    np.testing.assert_array_equal(again.test_prediction_, result.test_prediction_)
    np.testing.assert_array_equal(again.predict_proba(X), result.predict_proba(X))
    frame = result.to_frame()
    assert list(frame["test_score"]) == list(result["test_score"])
    assert "gap" in frame
    assert "5 folds of 120 rows" in result.summary()
    assert "<table>" in result._repr_html_()
    assert pd.DataFrame(result).shape == (5, 4)
    quiet = cross_validate(GaussianNB(), X, y, return_train_score=False)
    assert "train_score" not in quiet
    with pytest.raises(AttributeError, match="return_train_score"):
        _ = quiet.gap_


def test_refit_trains_once_more_on_all_rows():
    model = DecisionTreeClassifier(max_features=2, random_state=0)
    result = cross_validate(model, X, y, refit=True)
    expected = clone(model).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(result.refit_estimator_.predict_proba(X), expected)
    assert result.refit_rounds_ is None
    later = cross_validate(model, X, y)
    assert not hasattr(later, "refit_estimator_")
    np.testing.assert_array_equal(later.refit().predict_proba(X), expected)
    unpickled = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(later))))
    with pytest.raises(ValueError, match="does not hold"):
        unpickled.refit()
    np.testing.assert_array_equal(unpickled.refit(X, y).predict_proba(X), expected)
    assert len(pickle.dumps(unpickled)) < len(pickle.dumps(later)) + 1000


def test_refit_takes_its_data_whole():
    model = LogisticRegression()
    result = cross_validate(model, X, y)
    weights = np.arange(120.0)
    weighted = clone(model).fit(X, y, sample_weight=weights).coef_
    np.testing.assert_array_equal(result.refit(sample_weight=weights).coef_, weighted)
    np.testing.assert_array_equal(result.refit(X, y, weights).coef_, weighted)
    for given, message in (
        ({"X": X}, "X and y must be given together; got X alone"),
        ({"y": y}, "X and y must be given together; got y alone"),
        ({"X": X, "y": y[:5]}, r"inconsistent numbers of samples: \[120, 5\]"),
        ({"sample_weight": -weights}, "sample_weight must be >= 0"),
    ):
        with pytest.raises(ValueError, match=message):
            result.refit(**given)


@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame])
def test_labels_in_one_column(container):
    words = np.array(["a", "b", "c"])[y]
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        result = cross_validate(GaussianNB(), X, container(words[:, None]))
    expected = cross_validate(GaussianNB(), X, words)
    np.testing.assert_array_equal(result.oof_prediction_, expected.oof_prediction_)
    assert result.classes_.tolist() == ["a", "b", "c"]
    several = cross_validate(MultiOutputClassifier(GaussianNB()), X, y[:, None])
    np.testing.assert_array_equal(several["test_score"], expected["test_score"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cv": 1}, "cv must be a splitter.*got 1"),
        ({"cv": "five"}, "cv must be a splitter.*got 'five'"),
        ({"cv": []}, "cv must give at least one"),
        ({"cv": [(np.arange(5), np.arange(0))]}, "cv must leave no test part empty"),
        ({"cv": [(np.arange(5), np.array([500]))]}, "cv must give row numbers"),
        ({"n_repeats": 0}, "n_repeats must be an integer >= 1; got 0"),
        ({"n_repeats": 2, "cv": TimeSeriesSplit(3)}, "n_repeats must be 1 with a cv that cannot"),
        ({"scoring": "acuracy"}, "Did you mean 'accuracy'"),
        ({"scoring": "RMSE"}, "rises as it falls is 'neg_root_mean_squared_error'"),
        ({"scoring": accuracy_score}, "looks like it is a metric"),
        ({"method": "probability"}, "method must be one of"),
        ({"early_stopping": "nestd"}, "Did you mean 'nested'"),
        ({"early_stopping": "fold"}, "early_stopping needs an estimator whose fit takes"),
        ({"refit": "yes"}, "refit must be True or False"),
        ({"n_jobs": 0}, "n_jobs must be None or an integer other than 0"),
        ({"error_score": "nan"}, "error_score must be 'raise' or a number"),
        ({"sample_weight": np.zeros(120)}, "sample_weight must not be zero for every row"),
        ({"sample_weight": np.ones(7)}, "sample_weight.shape"),
        ({"X_test": X[:, :2]}, "X_test must have the columns of X"),
        ({"groups": np.ones(3)}, "groups must hold a group for each of the 120 rows; got 3"),
        ({"validation_fraction": 1.0}, r"validation_fraction must be a number in \(0, 1\)"),
        ({"cv": KFold}, "cv must be a splitter.*got <class"),
        ({"groups": np.ones((120, 2))}, r"groups must be 1D.*got shape \(120, 2\)"),
        ({"groups": [None] + [1, 2, 3] * 39 + [4, 4]}, "groups must not hold missing values"),
        ({"groups": np.r_[np.nan, np.arange(119)]}, "groups must not hold missing values"),
        ({"scoring": 3}, "scoring must be the name of a scorer.*got 3"),
        ({"scoring": {"a": 3}}, "scoring must be the name of a scorer.*got {'a': 3}"),
        ({"cache_dir": ""}, "cache_dir must be the path of a folder or None; got ''"),
        ({"cache_dir": 3}, "cache_dir must be the path of a folder or None; got 3"),
        ({"params": [1]}, r"params must be a dict of arguments or None; got \[1\]"),
        ({"y": "target"}, "y must hold a target for every row, not the name of a column"),
        ({"X_test": X[:0]}, "X_test must hold at least one row"),
    ],
)
def test_what_is_refused_before_any_work(given, message):
    class NeverFitted(GaussianNB):
        def fit(self, X, y):
            raise AssertionError("work was done")

    with pytest.raises(ValueError, match=message):
        cross_validate(NeverFitted(), X, **{"y": y, **given})


def test_more_that_is_refused():
    with pytest.raises(ValueError, match="y must not hold missing values"):
        cross_validate(Ridge(), X, np.where(y > 1, np.nan, y))
    with pytest.raises(ValueError, match="y must not hold missing values"):
        cross_validate(GaussianNB(), X, np.where(y > 1, None, y))
    with pytest.raises(ValueError, match="estimator must have the method fit"):
        cross_validate("ridge", X, y)
    with pytest.raises(ValueError, match="Several models are handed over as a dict of names"):
        cross_validate([Ridge(), Ridge()], X, y)
    for estimator in (Ridge, {"one": Ridge(), "other": Ridge}):
        with pytest.raises(ValueError, match="estimator must be an instance, not a class"):
            cross_validate(estimator, X, y)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    with pytest.raises(ValueError, match="X_test must have the columns of X, in their order"):
        cross_validate(Ridge(), frame, y, X_test=frame[list("bacdef")])
    with pytest.raises(
        ValueError, match=r"of shape \(120, 6\), without \['b'\], with \['id', 'no'\]"
    ):
        cross_validate(Ridge(), frame, y, X_test=frame.drop(columns="b").assign(id=1, no=2))


def test_custom_scorers_are_given_the_model_itself():
    seen = []

    def scorer(model, X, y):
        seen.append(type(model))
        return r2_score(y, model.predict(X))

    table, target = NUMBERS
    model = DecisionTreeRegressor(random_state=0)
    result = cross_validate(model, table, target, scoring=scorer)
    assert seen[:10] == [DecisionTreeRegressor] * 10
    assert result.pooled_score_ == pytest.approx(r2_score(target, result.oof_prediction_))
    f1 = make_scorer(r2_score)
    same = cross_validate(model, table, target, scoring=f1)
    np.testing.assert_array_equal(same["test_score"], result["test_score"])


def test_nothing_that_was_given_is_changed():
    table, target = X.copy(), y.copy()
    model = CLASSIFIERS["tree"]
    before = model.get_params()
    cross_validate(model, table, target, n_jobs=2)
    np.testing.assert_array_equal(table, X)
    np.testing.assert_array_equal(target, y)
    assert model.get_params() == before
    assert not hasattr(model, "tree_")
    cv = KFold(3, shuffle=True)
    cross_validate(model, table, target, cv=cv, n_repeats=2)
    assert cv.random_state is None


def test_workers_share_the_cores_and_models_keep_the_users_numbers():
    model = lightgbm.LGBMClassifier(n_estimators=3, n_jobs=-1, verbose=-1)
    with joblib.parallel_config("threading"):
        result = cross_validate(model, X, y, n_jobs=2)
    assert {fitted.n_jobs for fitted in result.models_} == {-1}
    assert members.within_budget(model, 1).n_jobs == 1


@pytest.mark.parametrize("method", ["auto", "predict"])
def test_sparse_labels_of_several_kinds_are_those_of_an_array(method):
    """They were taken for labels other than 0 and 1, which have no mean."""
    table, labels = make_multilabel_classification(120, 6, n_classes=3, random_state=0)
    learner = OneVsRestClassifier(LogisticRegression())
    dense, sparse = (
        cross_validate(learner, table, y, cv=3, method=method, scoring=["accuracy", "f1_macro"])
        for y in (labels, csr_matrix(labels))
    )
    np.testing.assert_array_equal(sparse.oof_prediction_, dense.oof_prediction_)
    for name in ("test_accuracy", "train_accuracy", "test_f1_macro"):
        np.testing.assert_array_equal(sparse[name], dense[name])
    assert sparse.pooled_scores_ == dense.pooled_scores_
