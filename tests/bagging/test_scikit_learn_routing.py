"""scikit-learn's own tests of metadata routing, which ship in its wheel, with our bags in place."""

import importlib
import sys
from unittest import mock

import pytest
import sklearn.ensemble

import ensembles


def _with_our_classes():
    name = "sklearn.tests.test_metaestimators_metadata_routing"
    sys.modules.pop(name, None)
    with (
        mock.patch.object(sklearn.ensemble, "BaggingClassifier", ensembles.BaggingClassifier),
        mock.patch.object(sklearn.ensemble, "BaggingRegressor", ensembles.BaggingRegressor),
    ):
        module = importlib.import_module(name)
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
theirs = _with_our_classes()
globals().update(
    {
        name: value
        for name, value in vars(theirs).items()
        if name.startswith("test_") and "unsupported" not in name
    }
)


def test_these_are_tests_of_our_bags():
    assert len(theirs.METAESTIMATORS) == 4
    assert sum(name.startswith("test_") for name in globals()) > 6
