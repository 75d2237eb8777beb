"""Published results, in a shorter form.

Where a paper's table cannot be had, the figure is the one every implementation reaches on the
paper's problem, and the sentence says so.
"""

from functools import cache

import numpy as np
import pytest
from scipy.stats import chi2
from sklearn.datasets import make_friedman1, make_friedman2, make_friedman3
from sklearn.ensemble import AdaBoostClassifier as TheirClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingRegressor,
    HistTreeClassifier,
)

FIRST = np.maximum(6 - np.abs(np.arange(1, 22) - 11), 0)
SECOND = np.maximum(6 - np.abs(np.arange(1, 22) - 15), 0)
THIRD = np.maximum(6 - np.abs(np.arange(1, 22) - 7), 0)
WAVES = np.array([[FIRST, SECOND], [FIRST, THIRD], [SECOND, THIRD]], dtype=float)


def spheres(n_rows, n_classes, rng):
    """Ten normal columns, classes by the quantiles of their squared length (FHT 2000, ESL 10.2)."""
    X = rng.normal(size=(n_rows, 10))
    cuts = chi2.ppf(np.arange(1, n_classes) / n_classes, 10)
    return X, np.digitize((X**2).sum(axis=1), cuts)


def waveform(n_rows, rng):
    """Breiman et al. (1984): three classes of mixed triangular waves plus noise, 21 columns."""
    y = rng.integers(0, 3, n_rows)
    share = rng.random((n_rows, 1))
    clean = share * WAVES[y, 0] + (1 - share) * WAVES[y, 1]
    return clean + rng.normal(size=clean.shape), y


def twonorm(n_rows, rng):
    y = rng.integers(0, 2, n_rows)
    return rng.normal(size=(n_rows, 20)) + (2 * y - 1)[:, None] * 2 / np.sqrt(20), y


def threenorm(n_rows, rng):
    y, a = rng.integers(0, 2, n_rows), 2 / np.sqrt(20)
    either = rng.choice([-1, 1], n_rows)[:, None] * a
    zigzag = a * np.where(np.arange(20) % 2, -1, 1)
    return rng.normal(size=(n_rows, 20)) + np.where(y[:, None] == 0, either, zigzag), y


def ringnorm(n_rows, rng):
    """The second mean at 1 / sqrt(20), as in R's mlbench, where Breiman's text has 2 / sqrt(20).

    Trees boosted by resampling err on 6.8 % here, and on 6.2 % there; 6.9 % is published.
    """
    y = rng.integers(0, 2, n_rows)
    noise = rng.normal(size=(n_rows, 20))
    return np.where(y[:, None] == 0, 2 * noise, noise + 1 / np.sqrt(20)), y


def error(model, draw, n_train, n_test, seed):
    """Percent wrong on fresh rows."""
    rng = np.random.default_rng(seed)
    X, y = draw(n_train, rng)
    asked, truth = draw(n_test, rng)
    return 100 * np.mean(model.fit(X, y).predict(asked) != truth)


def two_spheres(n_rows, rng):
    return spheres(n_rows, 2, rng)


def test_hastie_s_ten_dimensions():
    """ESL (2nd ed.) figure 10.2: a stump errs on 45.8 %, 400 stumps of (real) AdaBoost on 5.8 %."""
    stump = error(HistTreeClassifier(max_depth=1), two_spheres, 2000, 10_000, 0)
    assert 44.0 < stump < 48.0
    reached = {
        algorithm: error(
            AdaBoostClassifier(algorithm=algorithm, n_estimators=400, random_state=0),
            two_spheres,
            2000,
            10_000,
            0,
        )
        for algorithm in ("SAMME", "real", "gentle", "logit")
    }
    assert 9.5 < reached["SAMME"] < 13.0  # about 11 %, whoever runs discrete AdaBoost.M1
    for algorithm in ("real", "gentle", "logit"):
        assert 4.8 < reached[algorithm] < 6.8


def test_nested_spheres():
    """FHT 2000, section 6: with stumps real, gentle and logit leave discrete AdaBoost behind.

    The paper draws its errors as curves, whose heights no text we could find states: held is its
    conclusion. The two-class problem has a printed figure: `test_hastie_s_ten_dimensions`.
    """
    for n_classes in (3, 5):

        def draw(n_rows, rng, n_classes=n_classes):
            return spheres(n_rows, n_classes, rng)

        settings = {"n_estimators": 200, "random_state": 0}
        discrete, gentle, logit = (
            error(AdaBoostClassifier(algorithm=one, **settings), draw, 500 * n_classes, 5000, 1)
            for one in ("SAMME", "gentle", "logit")
        )
        assert logit < discrete - 10
        assert gentle < discrete - 10


ZHU = {200: 16.7, 400: 16.6, 600: 16.6}
"""Percent of the waveform's rows that SAMME misses after so many rounds (Zhu et al. 2009, table 1:
300 rows, trees of ten leaves, ten draws, standard deviation 0.6 to 0.8). The paper could not be
had: written down from memory, and not confirmed.
"""


def errors_of_samme(seed, model):
    """Percent wrong on 5 000 fresh rows after 200, 400 and 600 rounds."""
    rng = np.random.default_rng(seed)
    model.fit(*waveform(300, rng))
    scores = list(model.staged_score(*waveform(5000, rng)))
    return [100 * (1 - scores[n_rounds - 1]) for n_rounds in ZHU]


def ten_leaves(n_estimators=600):
    tree = HistTreeClassifier(max_leaf_nodes=10)
    return AdaBoostClassifier(tree, n_estimators=n_estimators, random_state=0)


def test_waveform_with_trees_of_ten_leaves():
    """Zhu et al. 2009, section 4, three draws; more rounds do no harm. Beside it what
    scikit-learn's SAMME reaches on the same rows with the same trees.
    """
    found = np.mean([errors_of_samme(seed, ten_leaves()) for seed in range(3)], axis=0)
    np.testing.assert_allclose(found, list(ZHU.values()), atol=1.2)
    tree = DecisionTreeClassifier(max_leaf_nodes=10)
    theirs = TheirClassifier(tree, n_estimators=200, random_state=0)
    pairs = [
        [error(model, waveform, 300, 4000, seed) for model in (ten_leaves(200), theirs)]
        for seed in range(3)
    ]
    assert abs(np.mean(pairs, axis=0) @ [1, -1]) < 1.0


@pytest.mark.slow
def test_waveform_with_trees_of_ten_leaves_at_length():
    """Twenty draws: 17.1, 16.9 and 16.8 %, standard error 0.12."""
    found = np.mean([errors_of_samme(seed, ten_leaves()) for seed in range(20)], axis=0)
    np.testing.assert_allclose(found, list(ZHU.values()), atol=0.6)


UNPRUNED = [
    (waveform, 17.8, 1.8),
    (twonorm, 4.6, 1.2),
    (threenorm, 18.0, 2.0),
    (ringnorm, 6.9, 1.5),
]


@pytest.mark.parametrize(("draw", "published", "within"), UNPRUNED)
def test_unpruned_trees_by_resampling(draw, published, within):
    """Breiman 1998, arc-fs: 50 unpruned trees, each of which fits its rows perfectly."""
    errors = []
    for seed in range(4):
        model = AdaBoostClassifier(HistTreeClassifier(), resample=True, random_state=seed)
        errors.append(error(model, draw, 300, 3000, seed))
        assert len(model) == 50
    assert abs(np.mean(errors) - published) < within


@pytest.mark.parametrize(
    ("draw", "noise"), [(make_friedman1, 1.0), (make_friedman2, 125.0), (make_friedman3, 0.1)]
)
def test_friedman_s_functions(draw, noise):
    """Drucker 1997, section 4: on Friedman's functions boosted trees beat a single one by far, and
    bagged ones on the first.

    200 rows and the usual noise. The paper's table, of pruned trees, could not be found in any text
    within reach, so its order is held and not its figures.
    """
    errors = []
    for seed in range(4):
        X, y = draw(200, noise=noise, random_state=seed)
        asked, truth = draw(2000, noise=0.0, random_state=100 + seed)
        tree = DecisionTreeRegressor(random_state=seed)
        models = [
            AdaBoostRegressor(tree, n_estimators=50, random_state=seed),
            BaggingRegressor(tree, n_estimators=50, random_state=seed),
            tree,
        ]
        errors.append([np.mean((m.fit(X, y).predict(asked) - truth) ** 2) for m in models])
    boosted, bagged, single = np.mean(errors, axis=0)
    assert boosted < 0.6 * single
    assert bagged < single
    if draw is make_friedman1:
        assert boosted < bagged


@cache
def unpruned_errors(draw):
    """Errors of our unpruned trees on 100 independent draws."""
    return [
        error(
            AdaBoostClassifier(HistTreeClassifier(), resample=True, random_state=seed),
            draw,
            300,
            3000,
            seed,
        )
        for seed in range(100)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("draw", "published"), [case[:2] for case in UNPRUNED])
def test_unpruned_trees_by_resampling_at_length(draw, published):
    """100 repetitions, within 0.8 points: 17.7, 4.5, 18.7 and 6.9 %, standard error 0.1."""
    assert abs(np.mean(unpruned_errors(draw)) - published) < 0.8


class ArcFs:
    """Breiman 1998, section 4, in a few lines: exact trees, weights as at the start again where the
    error is 0 or a half.
    """

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def fit(self, X, y):
        n_rows = len(y)
        shares, self.members = np.full(n_rows, 1 / n_rows), []
        while len(self.members) < 50:
            rows = self.rng.choice(n_rows, n_rows, p=shares)
            tree = DecisionTreeClassifier(random_state=len(self.members)).fit(X[rows], y[rows])
            missed = tree.predict(X) != y
            wrong = shares[missed].sum()
            if wrong == 0 or wrong >= 0.5:
                shares = np.full(n_rows, 1 / n_rows)
                continue
            odds = (1 - wrong) / wrong
            shares = shares * np.where(missed, odds, 1.0)
            shares /= shares.sum()
            self.members.append((np.log(odds), tree))
        return self

    def predict(self, X):
        return sum(vote * (2 * tree.predict(X) - 1) for vote, tree in self.members) > 0


@pytest.mark.slow
def test_threenorm_errs_as_arc_fs_written_out():
    """Exact trees and the printed algorithm err on 18.6 %, ours on 18.7 %, the difference being
    0.05 with a standard error of 0.09: binning costs nothing here.

    No variant reaches 18.0 in fifty rounds: leaves of five rows give 18.8, entropy 18.5, columns
    drawn 18.9. A hundred rounds give 17.4. (`promises.PAPER`, from memory too, has 10.5 + 1.4 + 6.9
    = 18.8 for fifty.)
    """
    theirs = [error(ArcFs(seed), threenorm, 300, 3000, seed) for seed in range(100)]
    assert abs(np.mean(theirs) - 18.6) < 0.3
    assert abs(np.mean(unpruned_errors(threenorm)) - np.mean(theirs)) < 0.3


@pytest.mark.slow
def test_hastie_s_ten_dimensions_at_length():
    """Ten draws of ESL figure 10.2."""
    model = AdaBoostClassifier(algorithm="real", n_estimators=400, random_state=0)
    errors = [error(model, two_spheres, 2000, 10_000, seed) for seed in range(10)]
    assert abs(np.mean(errors) - 5.5) < 0.4
