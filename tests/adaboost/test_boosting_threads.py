"""Threads count the columns of a round: the result is the same, to the bit, for every number."""

import threading

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression

from ensembles import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    HistTreeClassifier,
    HistTreeRegressor,
    members,
)
from ensembles.trees import boosting

MODELS = [
    AdaBoostClassifier(),
    AdaBoostClassifier(HistTreeClassifier(max_depth=4), resample=True),
    AdaBoostClassifier(HistTreeClassifier(max_depth=3), algorithm="real", weight_trimming=0.1),
    AdaBoostClassifier(HistTreeRegressor(max_depth=2), algorithm="logit"),
    AdaBoostRegressor(),
    AdaBoostRegressor(algorithm="RT", threshold=0.3),
]


def data(model, n_classes, n_columns=21):
    if isinstance(model, AdaBoostRegressor):
        X, y = make_regression(600, n_columns, noise=5, random_state=0)
    else:
        X, y = make_classification(
            600,
            n_columns,
            n_informative=min(6, n_columns),
            n_redundant=0,
            n_classes=n_classes,
            random_state=0,
        )
    X[::7, 0] = np.nan
    return X, y


def fitted(model, X, y, n_jobs):
    return model.set_params(n_estimators=8, random_state=1, n_jobs=n_jobs).fit(X, y)


def content(model):
    trees = [
        tree for one in model.estimators_ for tree in (one if isinstance(one, tuple) else (one,))
    ]
    arrays = [model.estimator_weights_, model.estimator_errors_]
    for tree in trees:
        own = tree.tree_
        arrays += [own.children_right, own.feature, own.code, own.n_node_samples, own.value]
    return [array.tobytes() for array in arrays]


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_threads_grow_the_same_trees(model, n_classes, monkeypatch):
    monkeypatch.setattr(boosting, "WORTH_THREADS", 1)
    X, y = data(model, n_classes)
    alone = content(fitted(model, X, y, None))
    for n_jobs in (1, 2, 3, -1):
        assert content(fitted(model, X, y, n_jobs)) == alone


def test_more_threads_than_columns(monkeypatch):
    monkeypatch.setattr(boosting, "WORTH_THREADS", 1)
    model = MODELS[0]
    X, y = data(model, 2, n_columns=3)
    alone = content(fitted(model, X, y, 1))
    assert content(fitted(model, X, y, 16)) == alone


def test_columns_are_counted_in_other_threads_and_none_stays(monkeypatch):
    seen = set()
    count = boosting.Rounds._count

    def watched(self, columns):
        seen.add(threading.get_ident())
        count(self, columns)

    monkeypatch.setattr(boosting, "WORTH_THREADS", 1)
    monkeypatch.setattr(boosting.Rounds, "_count", watched)
    before = threading.active_count()
    fitted(MODELS[0], *data(MODELS[0], 2), 3)
    assert len(seen) > 1
    assert threading.active_count() == before


def test_small_rounds_ask_for_no_thread(monkeypatch):
    monkeypatch.setattr(boosting.Rounds, "_count", lambda *_: pytest.fail("threads were asked"))
    fitted(MODELS[0], *data(MODELS[0], 2), 2)


def test_blocks_of_columns_cover_every_column_once():
    for n_columns in range(1, 70):
        for n_blocks in range(1, 20):
            blocks = boosting.column_blocks(n_columns, n_blocks)
            assert [j for low, high in blocks for j in range(low, high)] == list(range(n_columns))
            assert all(low < high for low, high in blocks)
            assert len(blocks) <= n_blocks


def test_a_crew_does_every_piece_and_hands_on_errors():
    done = []
    with members.crew(3) as crew:
        crew.each(done.append, range(10))
        assert sorted(done) == list(range(10))
        with pytest.raises(ZeroDivisionError):
            crew.each(lambda piece: 1 / piece, [1, 2, 0])
    with members.crew(None) as nobody:
        assert nobody is None
