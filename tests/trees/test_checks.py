"""scikit-learn's own checks; none is excused."""

import pytest
from sklearn.base import BaseEstimator, clone
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


class Shallow(HistTreeRegressor):
    """A user's own tree, with another constructor."""

    def __init__(self, max_depth=2, *, note=None):
        super().__init__(max_depth=max_depth)
        self.note = note


@pytest.mark.parametrize("tree", [HistTreeClassifier(max_depth=3), HistTreeRegressor(), Shallow()])
def test_parameters_are_what_scikit_learn_would_find(tree):
    assert tree.get_params() == BaseEstimator.get_params(tree)
    assert list(tree.get_params()) == list(BaseEstimator.get_params(tree))
    assert clone(tree).get_params() == tree.get_params()
