"""scikit-learn's own checks, for the three ways to name gradient boosting."""

import numpy as np
import pytest
import xgboost
from sklearn.utils.estimator_checks import parametrize_with_checks

from ensembles import GradientBoosting, GradientBoostingClassifier, GradientBoostingRegressor

ROUNDED = (
    "predictions are those of xgboost.train to the last bit, and xgboost.train tells a row of "
    "weight 3 from three rows: it rounds weight times gradient to 32 bits, and the check allows "
    "1e-7 of a probability (test_xgboost_tells_a_weight_from_repeated_rows has two rows, "
    "test_a_weight_is_repeated_rows_but_for_single_precision what holds instead)"
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


def test_xgboost_tells_a_weight_from_repeated_rows():
    """The smallest example: two rows, and an intercept that is the same on both sides."""
    X, y = np.array([[0.0], [1.0]]), np.array([0, 1])
    given = {"objective": "binary:logistic", "base_score": 0.5, "min_child_weight": 0.0}
    apart = []
    for weight in (3, 7, 11):
        rows = np.repeat([0, 1], [weight, 1])
        answers = []
        for data, weights in ((X, [weight, 1]), (X[rows], None)):
            labels = y if weights else y[rows]
            matrix = xgboost.QuantileDMatrix(data, labels, weight=weights)
            theirs = xgboost.train(given | {"max_depth": 4, "eta": 0.3}, matrix, 3)
            answers.append(theirs.inplace_predict(X))
            ours = GradientBoostingClassifier(3, learning_rate=0.3).set_params(params=given)
            ours.fit(data, labels, sample_weight=weights)
            np.testing.assert_array_equal(ours.predict_proba(X)[:, 1], answers[-1])
        np.testing.assert_allclose(*answers, rtol=3e-7)
        apart.append(not np.allclose(*answers, rtol=5e-8, atol=0))
    assert any(apart), "the check may pass with this version of XGBoost"


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
