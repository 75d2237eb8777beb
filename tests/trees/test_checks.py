"""scikit-learn's own checks; none is excused."""

import pytest
from sklearn.utils.estimator_checks import check_estimator

from ensembles.trees import HistTreeClassifier, HistTreeRegressor


@pytest.mark.parametrize(
    "tree", [HistTreeClassifier(), HistTreeRegressor()], ids=["classifier", "regressor"]
)
@pytest.mark.filterwarnings("default")
def test_check_estimator(tree):
    results = check_estimator(tree, on_skip=None)
    assert {r["status"] for r in results} <= {"passed", "skipped"}
    assert [r["check_name"] for r in results if r["status"] == "skipped"] == [
        "check_array_api_input"
    ]
