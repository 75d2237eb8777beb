"""scikit-learn's own checks, for the three ways to name a bag."""

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from ensembles import Bagging, BaggingClassifier, BaggingRegressor

DRAWN_BY_WEIGHT = (
    "rows are drawn in proportion to their weight, so weighting is repeating rows in distribution "
    "and not for one seed: test_weighting_is_repeating_rows_in_distribution stands in its place"
)

EXCUSED = {
    "check_sample_weight_equivalence_on_dense_data": DRAWN_BY_WEIGHT,
    "check_sample_weight_equivalence_on_sparse_data": DRAWN_BY_WEIGHT,
}


@pytest.mark.filterwarnings("default")
@parametrize_with_checks(
    [BaggingClassifier(), BaggingRegressor(), Bagging()],
    expected_failed_checks=lambda estimator: EXCUSED,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("kind", "base", "method"),
    [
        (BaggingClassifier, DecisionTreeClassifier(max_depth=2), "predict_proba"),
        (BaggingRegressor, DecisionTreeRegressor(max_depth=2), "predict"),
    ],
)
def test_weighting_is_repeating_rows_in_distribution(kind, base, method):
    """Over 200 seeds, weighted bags answer as bags of repeated rows do."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    y = (X[:, 0] + rng.normal(scale=0.5, size=30) > 0).astype(int)
    weights = rng.integers(0, 4, 30)
    order = rng.permutation(np.repeat(np.arange(30), weights))

    def answers(rows, sample_weight, first_seed):
        bags = (
            kind(base, 3, max_samples=1.0, random_state=first_seed + seed) for seed in range(200)
        )
        fitted = (bag.fit(X[rows], y[rows], sample_weight=sample_weight) for bag in bags)
        return np.array([np.ravel(getattr(bag, method)([[0.3, 0.0]]))[-1] for bag in fitted])

    weighted = answers(np.arange(30), weights, 0)
    repeated = answers(order, None, 10_000)
    unweighted = answers(np.arange(30), None, 20_000)
    assert ks_2samp(weighted, repeated).pvalue > 0.01
    assert ks_2samp(weighted, unweighted).pvalue < 0.01
