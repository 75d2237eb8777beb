"""scikit-learn's own tests of metadata routing, which ship in its wheel, with our bags in place."""

import pytest
from peer_suites import their_tests, with_ours

import ensembles

OURS = {name: getattr(ensembles, name) for name in ("BaggingClassifier", "BaggingRegressor")}


def _with_our_bags():
    room = "sklearn.tests.test_metaestimators_metadata_routing"
    module = with_ours(room, {"sklearn.ensemble": OURS})
    ours = [
        one for one in module.METAESTIMATORS if one["metaestimator"].__module__.startswith("ens")
    ]
    ours += [{**one, "metaestimator": ensembles.Bagging} for one in ours]
    module.METAESTIMATORS[:] = ours
    module.METAESTIMATOR_IDS[:] = [
        f"{one['metaestimator'].__name__}-{one['estimator']}" for one in ours
    ]
    return module


pytestmark = pytest.mark.filterwarnings("default")
theirs = _with_our_bags()
tests = {name: test for name, test in their_tests(theirs).items() if "unsupported" not in name}
globals().update(tests)


def test_these_are_tests_of_our_bags():
    assert len(theirs.METAESTIMATORS) == 4
    assert len(tests) > 5
