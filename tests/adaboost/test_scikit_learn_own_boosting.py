"""scikit-learn's own tests of AdaBoost, which ship in its wheel, with our classes in place."""

import pytest
from peer_suites import their_tests, with_ours

import ensembles

OURS = {name: getattr(ensembles, name) for name in ("AdaBoostClassifier", "AdaBoostRegressor")}

WHERE_WE_DIFFER = {
    "test_adaboostclassifier_without_sample_weight": (
        "",
        "a learner that takes no weights is boosted here, by drawing rows in proportion to them",
    ),
}
"""Test, what its parameters must contain, and why we differ."""


pytestmark = pytest.mark.filterwarnings("default")
theirs = with_ours("sklearn.ensemble.tests.test_weight_boosting", {"sklearn.ensemble": OURS})
globals().update(their_tests(theirs))


def test_these_are_tests_of_our_classes():
    assert all(getattr(theirs, name) is ours for name, ours in OURS.items())
    assert len(their_tests(theirs)) > 20
