"""Rounds: what is watched while trees are added, and when there are enough of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.metrics import get_scorer_names

from ensembles.gradient_boosting.objectives import Objective
from ensembles.resampling import allocate
from ensembles.scoring import LOSSES, SCORES, Answers, check_scoring, score_answers, takes_estimator

__all__ = [
    "Watch",
    "Yardstick",
    "check_unweighted",
    "holds_out",
    "most_rounds",
    "stops",
    "validation_rows",
    "yardstick_of",
]

METRICS = {
    "rmse": -1, "rmsle": -1, "mae": -1, "mape": -1, "mphe": -1, "logloss": -1, "error": -1,
    "merror": -1, "mlogloss": -1, "auc": 1, "aucpr": 1, "pre": 1, "ndcg": 1, "map": 1,
    "poisson-nloglik": -1, "gamma-nloglik": -1, "gamma-deviance": -1, "tweedie-nloglik": -1,
    "quantile": -1, "expectile": -1, "cox-nloglik": -1, "aft-nloglik": -1,
    "interval-regression-accuracy": 1,
}  # fmt: skip
"""XGBoost's metrics: 1 where more is better, -1 where less is."""


@dataclass(frozen=True)
class Yardstick:
    """What rounds are judged by: a metric of XGBoost, or a scorer of (answers, rows, y)."""

    name: str
    sign: int
    score: Callable[..., float] | None = None


OF_LISTS = frozenset({"pre", "ndcg", "map"})
"""XGBoost's metrics of ranked lists, which have one weight each: all rows are one list."""

OF_CLASSES = frozenset({"mlogloss", "merror", "auc", "aucpr"})
"""XGBoost's metrics of answers that have a column for every class; two of them take no others."""


def yardstick_of(scoring: Any, objective: Objective) -> Yardstick:
    """Return the yardstick that ``scoring`` names, its direction known.

    Parameters
    ----------
    scoring : None, str or callable
        None for the objective's own loss; a metric of XGBoost; a scorer of scikit-learn; or one of
        its metrics, whose name tells the direction.
    objective : Objective
        What is minimised, which tells the kind of answers there are to judge.
    """
    if scoring is None:
        return Yardstick(objective.metric, -1)
    if isinstance(scoring, str) and _plain(scoring) in METRICS:
        _check_fits(scoring, objective.metric, objective.n_quantiles)
        return Yardstick(scoring, METRICS[_plain(scoring)])
    if isinstance(scoring, str):
        _check_name(scoring)
        return Yardstick(scoring, 1, partial(score_answers, scoring))
    if not callable(scoring):
        raise ValueError(
            "scoring must be the name of a scorer or of a metric of XGBoost, a callable or None; "
            f"got {scoring!r}."
        )
    return _of_callable(scoring)


def check_unweighted(scoring: Any, weighted: bool) -> None:
    """Refuse a metric of ranked lists where rows have weights."""
    if weighted and isinstance(scoring, str) and _plain(scoring) in OF_LISTS:
        raise ValueError(
            f"scoring must not rank all rows as one list where they have weights; got {scoring!r} "
            "with sample_weight or class_weight. 'auc' and 'aucpr' weigh rows."
        )


def _plain(metric: str) -> str:
    """Return the name of a metric without its threshold: "error" for "error@0.3"."""
    return re.split("[@-]?[0-9.]*-?$", metric)[0]


def _check_fits(scoring: str, loss: str, n_quantiles: int) -> None:
    """Refuse a metric of XGBoost that cannot judge the answers of the objective with this loss."""
    name = _plain(scoring)
    if loss == "mlogloss":
        fit, answers = name in OF_CLASSES, "a probability for every class"
    elif n_quantiles > 1:
        fit, answers = name == "quantile", "several quantiles"
    else:
        others = {"mlogloss", "merror", "quantile", "expectile"} - {loss}
        fit = name not in others
        answers = "one number to an output"
    if not fit:
        raise ValueError(
            f"scoring must judge {answers}, as the loss {loss!r} does; got {scoring!r}."
        )


def _check_name(scoring: str) -> None:
    if scoring in get_scorer_names():
        return
    near = get_close_matches(scoring.lower(), METRICS, n=1, cutoff=0.75)
    if near and not get_close_matches(scoring, get_scorer_names(), n=1, cutoff=0.85):
        raise ValueError(
            "scoring must be the name of a scorer or of a metric of XGBoost; "
            f"got {scoring!r}. Did you mean {near[0]!r}?"
        )
    check_scoring("scoring", scoring)


def _of_callable(scoring: Callable[..., Any]) -> Yardstick:
    if hasattr(scoring, "_score_func"):
        return Yardstick(
            getattr(scoring._score_func, "__name__", "score"), 1, partial(score_answers, scoring)
        )
    name = getattr(scoring, "__name__", type(scoring).__name__)
    if takes_estimator(scoring):
        return Yardstick(name, 1, partial(score_answers, scoring))
    for endings, sign in ((SCORES, 1), (LOSSES, -1)):
        if name.endswith(endings):
            return Yardstick(name, sign, partial(score_answers, scoring))
    raise ValueError(
        "scoring must say whether more is better: give sklearn.metrics.make_scorer(metric, "
        f"greater_is_better=...); got {scoring!r}, whose name ends neither in _score nor in "
        "_error, _loss or _deviance."
    )


# ---------------------------------------------------------------------------------------------
# Rows to judge by


def validation_rows(
    n_rows: int,
    fraction: float,
    rng: np.random.Generator,
    *,
    codes: NDArray[Any] | None = None,
    groups: NDArray[Any] | None = None,
    latest: bool = False,
) -> NDArray[np.intp]:
    """Choose the rows that rounds are judged by, in ascending order.

    Parameters
    ----------
    fraction : float
        Their share of all rows, in (0, 1).
    codes : array of shape (n_rows,), optional
        Codes of classes: every class gives its share, and keeps at least one row to learn from.
    groups : array of shape (n_rows,), optional
        Whole groups are chosen, so that no group is on both sides.
    latest : bool
        The last rows instead, for rows in the order of time.
    """
    size = min(max(1, round(fraction * n_rows)), n_rows - 1)
    if size < 1:
        raise ValueError(
            f"early_stopping must be False where there are fewer than 2 rows; got {n_rows}."
        )
    if groups is not None:
        return _group_rows(groups, size, rng, latest)
    if latest:
        return np.arange(n_rows - size, n_rows)
    if codes is None:
        return np.sort(rng.permutation(n_rows)[:size])
    counts = np.bincount(codes)
    if counts.max() < 2:
        raise ValueError(
            "early_stopping must be False where no class has two rows, one of them to hold out; "
            f"got {len(counts)} classes in {n_rows} rows."
        )
    shares = allocate(
        counts.astype(float), min(size, int((counts - 1).clip(0).sum())), (counts - 1).clip(0)
    )
    chosen = [
        rng.permutation(np.flatnonzero(codes == code))[:share] for code, share in enumerate(shares)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.intp)


def _group_rows(
    groups: NDArray[Any], size: int, rng: np.random.Generator, latest: bool
) -> NDArray[np.intp]:
    names, first, codes, counts = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    if len(names) < 2:
        raise ValueError(
            f"groups must hold at least 2 groups to hold some out; got {names.tolist()}."
        )
    order = np.argsort(-first) if latest else rng.permutation(len(names))
    reached = np.cumsum(counts[order])
    n_chosen = min(1 + int(np.searchsorted(reached, size)), len(names) - 1)
    return np.flatnonzero(np.isin(codes, order[:n_chosen]))


# ---------------------------------------------------------------------------------------------
# Watching


@dataclass(eq=False)
class Watch(xgboost.callback.TrainingCallback):
    """Follow the rounds: keep their scores, know the best, say when to stop.

    Parameters
    ----------
    yardstick : Yardstick
    loss : str
        XGBoost's name of the objective's loss, by which the gap is measured.
    name : str or None
        The rows that are judged by, among those evaluated; None where there are none.
    patience : int or None
        Rounds without improvement before it stops; None never stops.
    widest : float or None
        The widest gap between the losses of validation and training; a round beyond it and those
        after it do not count.
    """

    yardstick: Yardstick
    loss: str
    name: str | None
    patience: int | None
    tol: float
    widest: float | None
    judge: Callable[[Any], float] | None = None
    bar: Any = None
    scores: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    best: int = -1
    last_allowed: int | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Note the round's score; True stops the training."""
        if self.name is not None:
            self._note(model, evals_log)
        if self.bar is not None:
            self._show(evals_log)
        return self._enough()

    def _note(self, model: Any, evals_log: Any) -> None:
        last = {rows: log[self.loss][-1] for rows, log in evals_log.items() if self.loss in log}
        self.gaps.append(float(last[self.name]) - float(last["training"]))
        score = self.judge(model) if self.judge else evals_log[self.name][self.yardstick.name][-1]
        self.scores.append(float(score))
        here = len(self.scores) - 1
        if self.widest is not None and self.gaps[-1] > self.widest and here > 0:
            self.last_allowed = here - 1
        elif self._improves(self.scores[-1]):
            self.best = here

    def _improves(self, score: float) -> bool:
        if self.best < 0:
            return not np.isnan(score)
        return self.yardstick.sign * (score - self.scores[self.best]) > self.tol

    def _enough(self) -> bool:
        if self.last_allowed is not None:
            return True
        return (
            self.patience is not None and len(self.scores) - 1 - max(self.best, 0) >= self.patience
        )

    def _show(self, evals_log: Any) -> None:
        shown = {
            f"{rows} {metric}": f"{values[-1]:.5g}"
            for rows, log in evals_log.items()
            for metric, values in log.items()
        }
        if self.judge:
            shown[f"{self.name} {self.yardstick.name}"] = f"{self.scores[-1]:.5g}"
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update(1)

    def kept(self, n_rounds: int) -> int:
        """Return how many of the rounds to keep."""
        if self.name is None:
            return n_rounds
        if self.best < 0:
            raise ValueError(
                f"scoring must be defined on the validation rows; {self.yardstick.name} is NaN in "
                "every round."
            )
        if self.patience is not None:
            return self.best + 1
        return n_rounds if self.last_allowed is None else self.last_allowed + 1


def judge_of(
    yardstick: Yardstick, matrix: Any, labels: NDArray[Any], classes: NDArray[Any] | None
) -> Callable[[Any], float]:
    """Return a function that scores a booster on validation rows with a scorer of scikit-learn."""
    rows, weights = np.arange(len(labels)), matrix.get_weight()
    weighted = weights.astype(np.float64) if len(weights) else None

    def judge(model: Any) -> float:
        given = model.predict(matrix)
        if classes is not None and given.ndim == 1:
            given = np.column_stack([1 - given, given])
        if given.ndim == 2 and classes is None and labels.ndim == 1:
            raise ValueError(
                f"scoring must be a metric of XGBoost with several quantiles; got {yardstick.name}."
            )
        try:
            return float(yardstick.score(Answers(given, classes), rows, labels, weighted))  # type: ignore[misc]
        except Exception as error:
            error.add_note(f"Raised by scoring={yardstick.name!r} on the validation rows.")
            raise

    return judge


def stops(settings: SimpleNamespace, n_rows: int, judged: bool) -> bool:
    """Tell whether to stop early.

    "auto" does with validation rows given, and with many rows when the rounds are left open: who
    says how many rounds there shall be gets as many, from all the rows.
    """
    if settings.early_stopping == "auto":
        open_ended = settings.n_estimators is None and n_rows > MANY_ROWS
        return judged or settings.max_generalization_gap is not None or open_ended
    return bool(settings.early_stopping)


def holds_out(settings: SimpleNamespace, stop: bool, judged: bool) -> bool:
    """Tell whether rows to judge by are taken from those that were given to learn from."""
    return not judged and (stop or settings.max_generalization_gap is not None)


MANY_ROWS = 2000
"""Rows above which early_stopping="auto" finds the rounds by rows held out."""

FIXED_ROUNDS, MOST_ROUNDS = 100, 2000
"""Rounds for ``n_estimators=None``: without early stopping, and at most with it."""


def most_rounds(settings: SimpleNamespace, stop: bool) -> int:
    """Return how many rounds the model is to have, at most with early stopping."""
    if settings.n_estimators is not None:
        return int(settings.n_estimators)
    return MOST_ROUNDS if stop else FIXED_ROUNDS
