"""scikit-learn's own tests of its histogram boosting, which ship in its wheel, asked of ours.

Ours have XGBoost's names, so that an estimator stands between that takes scikit-learn's and fits
ours. What looks beneath scikit-learn's estimators is left out, by name.
"""

import numpy as np
import pandas as pd
import pytest
from peer_suites import their_tests, with_ours
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

import ensembles

BENEATH = {
    "test_should_stop": "its rule of stopping, a method of its own",
    "test_binning_train_validation_are_separated": "its bins",
    "test_small_trainset": "its sample of the training rows that rounds are scored on",
    "test_sum_hessians_are_sample_weight": "its histograms",
    "test_max_depth_max_leaf_nodes": "the nodes of its trees",
    "test_early_stopping_with_sample_weights": "how often it calls a scorer",
    "test_raw_predict_is_called_with_custom_scorer": "how often it calls a scorer",
    "test_single_node_trees": "the nodes of its trees",
    "test_custom_loss": "its losses as objects; a callable gives derivatives here",
    "test_categorical_encoding_strategies": "the bits of its splits by categories",
    "test_check_interaction_cst": "what it turns interaction constraints into",
    "test_dataframe_categorical_results_same_as_ndarray": "its encoder of categories",
    "test_categorical_different_order_same_model": "the nodes of its trees",
    "test_different_bitness_pickle": "the nodes of its trees",
    "test_different_bitness_joblib_pickle": "the nodes of its trees",
    "test_nodes_values": "its grower of trees",
    "test_bounded_value_min_gain_to_split": "its finder of splits",
    "test_warm_start_max_depth": "the nodes of its trees",
    "test_random_seeds_warm_start": "its seed, and the estimator's own score as a scorer",
    "test_categorical_spec_errors": "errors of its list of categories; types say them here",
    "test_categorical_spec_errors_with_feature_names": "errors of its list of categories",
    "test_categorical_spec_no_categories": "its list of categories",
}
"""What is no test of ours, and what it looks at."""

WORDS = "the same is refused, in words of ours that name XGBoost's parameter"
WHERE_WE_DIFFER = {
    "test_init_parameters_validation": ("", WORDS),
    "test_gamma_y_positive": ("", WORDS),
    "test_input_error": ("", WORDS),
    "test_input_error_related_to_feature_names": ("", WORDS),
    "test_X_val_raises_missing_y_val": ("", WORDS),
    "test_max_iter_with_warm_start_validation": ("", WORDS),
    "test_poisson_y_positive": ("", WORDS + "; counts that are all zero are learned as such"),
    "test_early_stopping_regression": (
        ("None-True", "None-None-False"),
        "rounds are judged by rows held out, never by those they learn from",
    ),
    "test_early_stopping_classification": (
        ("None-True", "None-None-False"),
        "rounds are judged by rows held out, never by those they learn from",
    ),
    "test_early_stopping_on_test_set_with_warm_start": (
        "",
        "rounds are judged by rows held out, never by those they learn from",
    ),
    "test_early_stopping_default": (
        ("X1", "X3"),
        "who says how many rounds there shall be gets as many",
    ),
    "test_poisson": (
        "",
        "XGBoost damps the steps of counts (max_delta_step), and has not arrived in 100 rounds",
    ),
    "test_infinite_values": ("", "infinity is an error that names the column"),
    "test_infinite_values_missing_values": ("", "infinity is an error that names the column"),
    "test_X_val_in_fit": ("", "rows are held out by addresses of ours, not by train_test_split"),
    "test_X_val_raises_with_early_stopping_false": (
        "",
        "rounds are scored on validation rows without stopping, as XGBoost's users know it",
    ),
    "test_unknown_categories_nan": (
        [
            f"[-1-{mask}-{name}-True"
            for mask in (True, False)
            for name in ("TranslatedClassifier", "TranslatedRegressor")
        ],
        "a category of -1 is one like others, not a missing value",
    ),
    "test_categorical_bad_encoding_errors": ("", "categories may be more than bins"),
    "test_dataframe_categorical_errors": ("", "categories may be more than bins"),
    "test_interaction_cst_numerically": (
        "",
        "XGBoost adds up 32-bit floats, so that 0 is 1e-6 and not 1e-12",
    ),
    "test_warm_start_early_stopping": (
        "",
        "rounds that are added are judged among themselves: the model they go on from may have "
        "learned from the rows that judge",
    ),
}
"""Test, what its parameters must contain, and why we differ."""

LOSSES = {"squared_error": "squared", "absolute_error": "absolute", "log_loss": None}


class Translated(BaseEstimator):
    """Takes the parameters of scikit-learn's estimators, and fits ours."""

    def __init__(
        self,
        loss=None,
        *,
        quantile=None,
        learning_rate=0.1,
        max_iter=100,
        max_leaf_nodes=31,
        max_depth=None,
        min_samples_leaf=20,
        max_bins=255,
        categorical_features="from_dtype",
        monotonic_cst=None,
        interaction_cst=None,
        warm_start=False,
        early_stopping="auto",
        scoring="loss",
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-7,
        verbose=0,
        random_state=None,
        class_weight=None,
    ):
        given = {name: value for name, value in locals().items() if name != "self"}
        vars(self).update({name: value for name, value in given.items() if name != "__class__"})

    def _said(self):
        return {
            "n_estimators": self.max_iter,
            "learning_rate": self.learning_rate,
            "max_leaves": self.max_leaf_nodes or 0,
            "max_depth": self.max_depth or 0,
            "grow_policy": "lossguide",
            "min_child_weight": 0.0 if self.min_samples_leaf == 1 else 1.0,
            "reg_lambda": 0.0,
            "max_bin": self.max_bins + 1,
            "objective": LOSSES.get(self.loss, self.loss),
            "quantiles": self.quantile,
            "monotone_constraints": self.monotonic_cst,
            "interaction_constraints": self.interaction_cst,
            "scoring": None if self.scoring == "loss" else self.scoring,
            "class_weight": self.class_weight,
            "max_cat_to_onehot": 1,
        } | {name: getattr(self, name) for name in SHARED}

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        if not self.warm_start or "model_" not in vars(self):
            self.model_ = self._ours()
        self.model_.set_params(**self._said())
        X, X_val = self._framed(X), self._framed(X_val)
        weights = {"sample_weight": sample_weight, "sample_weight_val": sample_weight_val}
        self.model_.fit(X, y, X_val=X_val, y_val=y_val, **weights)
        return self

    def _framed(self, X):
        """Say by types which columns are categories: our way to say it."""
        if X is None or isinstance(self.categorical_features, str | None):
            return X
        frame = pd.DataFrame(X)
        some = np.asarray(self.categorical_features)
        for name in frame.columns[some] if some.dtype.kind in "bi" else some:
            frame[name] = frame[name].astype("category")
        return frame

    @property
    def n_iter_(self):
        """The rounds that were tried; ours keeps the best of them."""
        log = getattr(self.model_, "evals_result_", {"training": {}})["training"]
        return max([self.model_.n_estimators_, *map(len, log.values())])

    @property
    def is_categorical_(self):
        return np.array([levels is not None for levels in self.model_._columns.levels])

    @property
    def train_score_(self):
        return np.ravel([*getattr(self.model_, "evals_result_", {}).get("training", {}).values()])

    validation_score_ = train_score_
    _predictors = ()  # trees are not compared, answers are

    def _raw_predict(self, X):
        return self.predict(X) if self._ours is REGRESSOR else self.decision_function(X)

    def __getattr__(self, name):
        if name.startswith("_") or name == "model_":
            raise AttributeError(name)
        if "model_" not in vars(self):
            return getattr(self._ours(), name)
        ask = getattr(self.model_, name)
        return ask if not callable(ask) else lambda X, *more: ask(self._framed(X), *more)


SHARED = (
    "warm_start", "early_stopping", "validation_fraction", "n_iter_no_change", "tol", "verbose",
    "random_state",
)  # fmt: skip


CLASSIFIER, REGRESSOR = ensembles.GradientBoostingClassifier, ensembles.GradientBoostingRegressor


class TranslatedClassifier(ClassifierMixin, Translated):
    _ours = CLASSIFIER

    def score(self, X, y):
        return self.model_.score(self._framed(X), y)


class TranslatedRegressor(RegressorMixin, Translated):
    _ours = REGRESSOR

    def score(self, X, y):
        return self.model_.score(self._framed(X), y)

    def predict(self, X):
        """As 64-bit floats: scikit-learn's losses take no others."""
        return self.model_.predict(self._framed(X)).astype(np.float64)


OURS = {
    "HistGradientBoostingClassifier": TranslatedClassifier,
    "HistGradientBoostingRegressor": TranslatedRegressor,
}

pytestmark = pytest.mark.filterwarnings("default")
rooms = [
    with_ours(f"sklearn.ensemble._hist_gradient_boosting.tests.{room}", {"sklearn.ensemble": OURS})
    for room in ("test_gradient_boosting", "test_monotonic_constraints", "test_warm_start")
]
theirs = their_tests(*rooms)
globals().update({name: test for name, test in theirs.items() if name not in BENEATH})


def test_these_are_tests_of_our_classes():
    for room in rooms:
        assert all(getattr(room, name) is ours for name, ours in OURS.items())
    assert set(BENEATH) < set(theirs)
    assert len(theirs) - len(BENEATH) > 30
    X, y = np.arange(40.0)[:, None], np.arange(40) > 20
    assert type(TranslatedClassifier(max_iter=2).fit(X, y).model_) is CLASSIFIER
    assert type(TranslatedRegressor(max_iter=2).fit(X, y).model_) is REGRESSOR
