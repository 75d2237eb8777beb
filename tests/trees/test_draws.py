"""What a tree is told of its draw, what it is told of its parameters, and what it tells of its
nodes.
"""

import numpy as np
import pytest

from ensembles.trees import HistTreeClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))


# Parameters, which are looked at once for all members


def test_a_share_of_one_is_not_one_sample():
    y = RNG.integers(0, 2, 60)
    one, share = HistTreeClassifier(min_samples_leaf=1), HistTreeClassifier(min_samples_leaf=1.0)
    assert one.fit(X, y).get_n_leaves() > 1
    assert share.fit(X, y).get_n_leaves() == 1
    with pytest.raises(ValueError, match=r"min_samples_leaf must be .*got True"):
        HistTreeClassifier(min_samples_leaf=True).fit(X, y)


@pytest.mark.parametrize("name", ["max_depth", "criterion", "min_impurity_decrease"])
def test_a_list_is_refused_by_the_name_of_the_parameter(name):
    with pytest.raises(ValueError, match=rf"{name} must .*got \[3\]"):
        HistTreeClassifier(**{name: [3]}).fit(X, RNG.integers(0, 2, 60))


def test_a_tree_set_to_other_limits_forgets_the_old_ones():
    y = RNG.integers(0, 2, 60)
    tree = HistTreeClassifier(max_depth=1, random_state=0)
    assert tree.fit(X, y).get_depth() == 1
    assert tree.set_params(max_depth=2).fit(X, y).get_depth() == 2
