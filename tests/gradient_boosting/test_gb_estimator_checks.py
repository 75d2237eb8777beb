"""scikit-learn's own checks, for the three ways to name gradient boosting."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from ensembles import GradientBoosting, GradientBoostingClassifier, GradientBoostingRegressor


@pytest.mark.filterwarnings("default")
@parametrize_with_checks(
    [GradientBoostingClassifier(), GradientBoostingRegressor(), GradientBoosting()]
)
def test_scikit_learn_check(estimator, check):
    check(estimator)
