"""A pickle says which versions made it."""

import pickle
import warnings

import numpy as np
import pytest

from ensembles import Bagging
from ensembles.versions import current_versions

X = np.arange(20.0)[:, None]


def test_a_pickle_of_other_versions_warns_with_both():
    bag = Bagging(n_estimators=2, random_state=0).fit(X, X[:, 0] > 9)
    state = bag.__getstate__()
    state["_versions"] = current_versions() | {"numpy": "0.1"}
    with pytest.warns(UserWarning, match=rf"numpy 0\.1 \(here {np.__version__}\)"):
        Bagging().__setstate__(state)


def test_a_pickle_of_these_versions_is_quiet_and_leaves_no_trace():
    bag = Bagging(n_estimators=2, random_state=0).fit(X, X[:, 0] > 9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = pickle.loads(pickle.dumps(bag))
    assert set(vars(again)) == set(vars(bag))
    np.testing.assert_array_equal(again.predict(X), bag.predict(X))
