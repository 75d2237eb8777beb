"""scikit-learn's own checks, for the three ways to name gradient boosting."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from ensembles import GradientBoosting, GradientBoostingClassifier, GradientBoostingRegressor

ROUNDED = (
    "XGBoost rounds weighted gradients to 32 bits, so that a row of weight 3 differs from three "
    "rows in the last bit of a probability, and the check allows 1e-9: "
    "test_a_weight_is_repeated_rows_but_for_single_precision stands in its place"
)


@pytest.mark.filterwarnings("default")
@parametrize_with_checks(
    [GradientBoostingClassifier(), GradientBoostingRegressor(), GradientBoosting()],
    expected_failed_checks=lambda estimator: (
        {}
        if isinstance(estimator, GradientBoostingRegressor)
        else {
            f"check_sample_weight_equivalence_on_{kind}_data": ROUNDED
            for kind in ("dense", "sparse")
        }
    ),
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_weight_is_repeated_rows_but_for_single_precision(n_classes):
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(60, 4)), rng.integers(0, 4, 60)
    y = np.digitize(X[:, 0] + rng.normal(scale=0.5, size=60), [-0.5, 0.5][: n_classes - 1])
    rows = np.repeat(np.arange(60), weights)
    weighted = GradientBoosting(random_state=0).fit(X, y, sample_weight=weights)
    repeated = GradientBoosting(random_state=0).fit(X[rows], y[rows])
    plain = GradientBoosting(random_state=0).fit(X, y)
    assert np.allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=0, atol=2e-6)
    assert not np.allclose(weighted.predict_proba(X), plain.predict_proba(X), atol=1e-2)
