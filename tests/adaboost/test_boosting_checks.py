"""scikit-learn's own checks, for the three ways to name a boosted ensemble and every algorithm."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.utils.estimator_checks import parametrize_with_checks

from ensembles import (
    AdaBoost,
    AdaBoostClassifier,
    AdaBoostRegressor,
    HistTreeClassifier,
    HistTreeRegressor,
)

DRAWN_BY_WEIGHT = (
    "rows are drawn in proportion to their weight, so weighting is repeating rows in distribution "
    "and not for one seed; resample=False passes this check"
)

LIGHT_LEAVES = (
    "a leaf that holds one class alone answers that class, however light it is; the check forbids "
    "light leaves by min_weight_fraction_leaf, which is a parameter of our base tree: "
    "test_class_weight_with_no_light_leaves stands in its place"
)


def excused(estimator):
    reasons = {}
    if estimator._resamples():
        reasons["check_sample_weight_equivalence_on_dense_data"] = DRAWN_BY_WEIGHT
        reasons["check_sample_weight_equivalence_on_sparse_data"] = DRAWN_BY_WEIGHT
    if isinstance(estimator, AdaBoostClassifier) and estimator.algorithm != "gentle":
        reasons["check_class_weight_classifiers"] = LIGHT_LEAVES
    return reasons


@pytest.mark.filterwarnings("default")
@parametrize_with_checks(
    [
        AdaBoost(),
        AdaBoostClassifier(),
        AdaBoostClassifier(algorithm="real"),
        AdaBoostClassifier(algorithm="gentle"),
        AdaBoostClassifier(algorithm="logit"),
        AdaBoostRegressor(),
        AdaBoostRegressor(resample=False),
        AdaBoostRegressor(algorithm="RT"),
    ],
    expected_failed_checks=excused,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("algorithm", ["SAMME", "real", "logit"])
def test_class_weight_with_no_light_leaves(algorithm):
    """What `check_class_weight_classifiers` asks, with the base tree's leaves as it wants them."""
    tree = HistTreeRegressor if algorithm == "logit" else HistTreeClassifier
    base = tree(max_depth=1, min_weight_fraction_leaf=0.01)
    for n_classes in (2, 3):
        X, y = make_blobs(centers=n_classes, random_state=0, cluster_std=20)
        heavy = {0: 1000} | dict.fromkeys(range(1, n_classes), 0.0001)
        boost = AdaBoostClassifier(base, algorithm=algorithm, class_weight=heavy, random_state=0)
        assert np.mean(boost.fit(X[:50], y[:50]).predict(X[50:]) == 0) > 0.87
