"""Scales of targets and weights, measured in one piece or in many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensembles import GradientBoostingClassifier, GradientBoostingRegressor
from ensembles.gradient_boosting.labels import class_weights, row_weights
from ensembles.gradient_boosting.scales import ADDS_HEAVY_WEIGHTS, measure_of, together
from ensembles.gradient_boosting.settings import version_at_hand

rng = np.random.default_rng(0)
TABLE = rng.normal(size=(400, 3))
Y = TABLE[:, 0] + 0.5 * rng.normal(size=400)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=6),
    st.sampled_from([(), (2,)]),
    st.booleans(),
    st.integers(0, 1000),
)
def test_parts_measure_as_the_whole(sizes, outputs, weighted, seed):
    own = np.random.default_rng(seed)
    y = own.normal(loc=own.normal(scale=50), size=(sum(sizes), *outputs))
    weights = own.uniform(0, 3, len(y)) if weighted else None
    ends = np.cumsum(sizes)
    parts = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    found = together(measure_of(y[one], None if weights is None else weights[one]) for one in parts)
    for part, whole in zip(found, measure_of(y, weights), strict=True):
        np.testing.assert_allclose(part, whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint8, np.float16])
def test_targets_of_few_bits_are_values_like_others(kind):
    y = (TABLE[:, 0] > 0) * (1 if kind is bool else 120)
    y = y.astype(kind)
    model = GradientBoostingRegressor(5).fit(TABLE, y)
    whole = GradientBoostingRegressor(5).fit(TABLE, y.astype(float))
    np.testing.assert_array_equal(model.predict(TABLE), whole.predict(TABLE))


CLASSES = np.digitize(Y, [-0.5, 0.5])


def test_weights_too_light_to_count_classes_by_are_refused():
    """XGBoost crashes over them, after a warning of ours."""
    light = np.full(400, 1e-10)
    for weights in (light, np.full(400, 1e-30)):
        with pytest.raises(ValueError, match="must sum to 1e-06 at least for more than two"):
            GradientBoostingClassifier(3).fit(TABLE, CLASSES, weights)
    model = GradientBoostingClassifier(3, normalize_weights=True).fit(TABLE, CLASSES, light)
    plain = GradientBoostingClassifier(3).fit(TABLE, CLASSES)
    np.testing.assert_allclose(model.predict_proba(TABLE), plain.predict_proba(TABLE), rtol=1e-5)


@pytest.mark.parametrize("labels", [CLASSES, CLASSES > 0], ids=["three", "two"])
def test_weights_too_heavy_to_add_up_are_pointed_out(labels):
    """Of 1e30 each no tree of XGBoost below 3.4 learns anything, in silence."""
    model, heavy = GradientBoostingClassifier(10), np.full(400, 1e30)
    plain = model.fit(TABLE, labels).score(TABLE, labels)
    if version_at_hand() < ADDS_HEAVY_WEIGHTS:
        with pytest.warns(UserWarning, match=r"sums to 4e\+32: .* normalize_weights=True"):
            assert model.fit(TABLE, labels, heavy).score(TABLE, labels) < plain - 0.2
    else:
        assert model.fit(TABLE, labels, heavy).score(TABLE, labels) > plain - 0.02
    model.fit(TABLE, labels, np.full(400, 1e12))
    assert model.score(TABLE, labels) > plain - 0.02


def test_the_mean_weight_is_that_of_rows_that_weigh():
    weights = row_weights([0.0, 2.0, 6.0, 0.0], None, np.zeros(4), normalize=True)
    np.testing.assert_array_equal(weights, [0.0, 0.5, 1.5, 0.0])


def test_classes_that_are_there_share_the_balance():
    """One may be absent where a model is gone on from."""
    found = class_weights("balanced", np.array(["a", "b", "c"]), np.array([5, 0, 15]))
    np.testing.assert_allclose(found, [2.0, 1.0, 2.0 / 3.0])
