"""Published results: Breiman (1996), Bagging Predictors, tables 1 and 3, in a shorter form.

Errors of a single tree and of the bag, averaged over repetitions of the paper's set-up. The paper
repeats 100 times. Its single trees are pruned by cross-validation, which matters for Friedman's
function (13.5 fully grown, 11.4 pruned) and hardly for the waveforms.
"""

import numpy as np
import pytest
from sklearn.datasets import make_friedman1
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles import BaggingClassifier, BaggingRegressor

FIRST = np.maximum(6 - np.abs(np.arange(1, 22) - 11), 0)
SECOND = np.maximum(6 - np.abs(np.arange(1, 22) - 15), 0)
THIRD = np.maximum(6 - np.abs(np.arange(1, 22) - 7), 0)
WAVES = np.array([[FIRST, SECOND], [FIRST, THIRD], [SECOND, THIRD]], dtype=float)


def waveform(n_rows, rng):
    """Breiman et al. (1984): three classes of mixed triangular waves plus noise, 21 columns."""
    y = rng.integers(0, 3, n_rows)
    share = rng.random((n_rows, 1))
    clean = share * WAVES[y, 0] + (1 - share) * WAVES[y, 1]
    return clean + rng.normal(size=clean.shape), y


def waveform_errors(n_repetitions, n_members):
    """Percent wrong of one tree, of the bag averaged, and of the bag put to the vote."""
    errors = []
    for repetition in range(n_repetitions):
        rng = np.random.default_rng(repetition)
        X, y = waveform(300, rng)
        held_out, truth = waveform(1500, rng)
        tree = DecisionTreeClassifier(random_state=repetition).fit(X, y)
        bag = BaggingClassifier(DecisionTreeClassifier(), n_members, random_state=repetition)
        bag.fit(X, y)
        soft, hard = bag.predict(held_out), bag.set_params(aggregation="hard").predict(held_out)
        errors.append([np.mean(said != truth) for said in (tree.predict(held_out), soft, hard)])
    return 100 * np.mean(errors, axis=0)


def pruned_tree(X, y):
    """A tree pruned at the complexity that ten-fold cross-validation likes best."""
    tree = DecisionTreeRegressor(random_state=0)
    path = np.unique(np.maximum(tree.cost_complexity_pruning_path(X, y).ccp_alphas, 0))
    some = {"ccp_alpha": np.quantile(path, np.linspace(0, 0.99, 20))}
    return GridSearchCV(tree, some, cv=10, scoring="neg_mean_squared_error").fit(X, y)


def friedman_errors(n_repetitions, n_members):
    """Mean squared error of one pruned tree and of the bag."""
    errors = []
    for repetition in range(n_repetitions):
        X, y = make_friedman1(1200, noise=1.0, random_state=repetition)
        tree = pruned_tree(X[:200], y[:200])
        bag = BaggingRegressor(DecisionTreeRegressor(), n_members, random_state=repetition)
        bag.fit(X[:200], y[:200])
        errors.append([np.mean((m.predict(X[200:]) - y[200:]) ** 2) for m in (tree, bag)])
    return np.mean(errors, axis=0)


def test_waveform():
    """Paper: tree 29.1 % (table 1), bag 19.3 %."""
    tree, soft, hard = waveform_errors(n_repetitions=8, n_members=50)
    assert 27.0 < tree < 31.5
    assert 17.5 < soft < 20.5
    assert 17.5 < hard < 21.0


def test_friedman_1():
    """Paper: pruned tree 11.4, bag 6.2 (table 3)."""
    tree, bag = friedman_errors(n_repetitions=8, n_members=25)
    assert 10.2 < tree < 12.8
    assert 5.5 < bag < 6.9


@pytest.mark.slow
def test_in_the_paper_s_own_size():
    """100 repetitions with 100 replicates, beside the paper's figures."""
    tree, soft, hard = waveform_errors(n_repetitions=100, n_members=100)
    assert abs(tree - 29.1) < 1.0
    assert abs(soft - 19.3) < 1.0
    assert abs(hard - 19.3) < 1.0
    tree, bag = friedman_errors(n_repetitions=100, n_members=100)
    assert abs(tree - 11.4) < 0.7
    assert abs(bag - 6.2) < 0.7
