"""Staging: the scores of boosted fold models after every round, on both sides of the fold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ensembles.members import Member, call
from ensembles.validation.answering import Recorded
from ensembles.validation.data import Data
from ensembles.validation.judging import judge, pooled_scoring

__all__ = ["LearningCurves", "learning_curves"]

Floats = NDArray[np.float64]


class LearningCurves(NamedTuple):
    """Scores by round; NaN where a fold's model has fewer rounds.

    Attributes
    ----------
    rounds : array of shape (n_points,)
    train, test : arrays of shape (n_folds, n_points)
        Scores on the rows learned from and on the rows held out.
    """

    rounds: NDArray[np.intp]
    train: Floats
    test: Floats

    @property
    def gap(self) -> Floats:
        """Generalization gap, training less held-out score, shape (n_folds, n_points)."""
        return np.asarray(self.train - self.test)


def learning_curves(result: Any, data: Data, n_points: int) -> LearningCurves:
    """Score every fold's model after some of its rounds, on both sides of the fold."""
    members = [member for member in result._members if member is not None]
    pairs = [
        pair for pair, own in zip(result.splits_, result._members, strict=True) if own is not None
    ]
    totals = [_n_rounds(member.estimator) for member in members]
    rounds = np.unique(np.linspace(1, max(totals), min(n_points, max(totals))).round().astype(int))
    sides: list[list[Floats]] = [[], []]
    for member, pair, total in zip(members, pairs, totals, strict=True):
        for side, rows in zip(sides, pair, strict=True):
            side.append(_curve(result, data, member, rows, rounds[rounds <= total], len(rounds)))
    return LearningCurves(rounds, np.stack(sides[0]), np.stack(sides[1]))


def _curve(
    result: Any, data: Data, member: Member, rows: Any, rounds: Any, n_points: int
) -> Floats:
    X, y = data.table(result.estimator_, rows, rows), data.targets(rows)
    scoring = pooled_scoring(result._candidate.scoring, result.task_)
    curve = np.full(n_points, np.nan)
    for place, answer in enumerate(_staged(member, X, rounds.tolist(), result.classes_)):
        method = "predict" if result.classes_ is None else "predict_proba"
        recorded = Recorded(answer, method, result.classes_)
        verdict = judge(scoring, recorded, X, y, weights=data.weights(rows))
        curve[place] = verdict.scores[result.scoring_]
    return curve


def _last_and_table(model: Any, X: Any) -> tuple[Any, Any]:
    """The model that boosts, and the table as it sees it."""
    while isinstance(model, Pipeline):
        X = model[:-1].transform(X) if len(model.steps) > 1 else X
        model = model.steps[-1][1]
    return model, X


def _n_rounds(model: Any) -> int:
    while isinstance(model, Pipeline):
        model = model.steps[-1][1]
    if hasattr(model, "get_booster"):
        return int(model.get_booster().num_boosted_rounds())
    for name in ("n_iter_", "n_estimators_", "tree_count_"):
        if isinstance(getattr(model, name, None), int | np.integer):
            return int(getattr(model, name))
    if hasattr(model, "estimators_"):
        return len(model.estimators_)
    raise ValueError(f"learning curves need a model trained in rounds; got {type(model).__name__}.")


def _staged(member: Member, X: Any, rounds: list[int], classes: Any) -> Iterator[Floats]:
    """What a model answers after each of these numbers of rounds, aligned to all classes."""
    model, X = _last_and_table(member.estimator, X)
    method = "predict" if classes is None else "predict_proba"
    for answer in _stages(model, method, X, rounds):
        values = np.asarray(answer, dtype=np.float64)
        if classes is None or member.classes is None or len(member.classes) == len(classes):
            yield values
        else:
            aligned = np.zeros((len(values), len(classes)))
            aligned[:, member.classes] = values
            yield aligned


def _stages(model: Any, method: str, X: Any, rounds: list[int]) -> Iterator[Any]:
    if hasattr(model, f"staged_{method}"):
        for done, answer in enumerate(getattr(model, f"staged_{method}")(X), start=1):
            if done in rounds:
                yield answer
    elif hasattr(model, "get_booster"):
        for done in rounds:
            yield call(model, method, X, {"iteration_range": (0, done)})
    elif hasattr(model, "booster_"):
        for done in rounds:
            yield call(model, method, X, {"num_iteration": done})
    else:
        raise ValueError(f"{type(model).__name__} cannot say what it was after fewer rounds.")
