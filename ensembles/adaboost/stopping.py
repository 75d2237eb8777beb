"""When to stop: rows held out, scores round by round, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.adaboost.voices import ClassVoice, Voice
from ensembles.resampling import generator
from ensembles.scoring import Answers, score_answers

Floats = NDArray[np.float64]

FOR_HELD_OUT = 4
"""Third word of the address at which the validation rows are drawn."""
SHUFFLES = 32
"""Divisions of the groups that are compared for how alike their classes are."""


def held_out(
    fraction: float | int,
    seed: int,
    n_rows: int,
    codes: NDArray[np.intp] | None = None,
    groups: NDArray[Any] | None = None,
) -> NDArray[np.bool_]:
    """Choose the validation rows.

    Parameters
    ----------
    fraction : float or int
        Their share of the rows, or their number.
    codes : array of shape (n_rows,), optional
        Classes, of which each is held out in proportion; one row of each is left to learn from.
    groups : array of shape (n_rows,), optional
        Whole groups are held out: of several divisions the one whose classes are most alike.

    Returns
    -------
    boolean array of shape (n_rows,)
    """
    rng = generator(seed, 0, FOR_HELD_OUT)
    wanted = fraction if isinstance(fraction, int) else max(1, round(fraction * n_rows))
    if groups is not None:
        return _held_out_groups(rng, wanted, groups, codes)
    strata = np.zeros(n_rows, np.intp) if codes is None else codes
    chosen = np.zeros(n_rows, bool)
    order = rng.permutation(n_rows)
    for stratum in np.unique(strata):
        rows = order[strata[order] == stratum]
        share = min(round(wanted * len(rows) / n_rows), len(rows) - 1)
        chosen[rows[:share]] = True
    if not chosen.any():
        largest = order[strata[order] == np.bincount(strata).argmax()]
        chosen[largest[: min(wanted, len(largest) - 1)]] = True
    return chosen


def _held_out_groups(
    rng: np.random.Generator, wanted: int, groups: NDArray[Any], codes: NDArray[np.intp] | None
) -> NDArray[np.bool_]:
    _, group_of_row = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group_of_row)
    best, nearest = np.zeros(len(groups), bool), np.inf
    for _ in range(SHUFFLES):
        order = rng.permutation(len(sizes))
        n_held = int(np.searchsorted(np.cumsum(sizes[order]), wanted)) + 1
        chosen = np.isin(group_of_row, order[: min(n_held, len(sizes) - 1)])
        apart = abs(chosen.sum() - wanted) / len(groups) + _difference(chosen, codes)
        if apart < nearest:
            best, nearest = chosen, apart
    return best


def _difference(chosen: NDArray[np.bool_], codes: NDArray[np.intp] | None) -> float:
    """How far the classes of the chosen rows are from those of the others; a class that is left
    without a row to learn from counts most.
    """
    if codes is None or not chosen.any() or chosen.all():
        return 0.0
    n_classes = codes.max() + 1
    inside = np.bincount(codes[chosen], minlength=n_classes) / chosen.sum()
    outside = np.bincount(codes[~chosen], minlength=n_classes) / (~chosen).sum()
    return float(np.abs(inside - outside).sum() + 2.0 * (outside == 0).sum())


@dataclass(frozen=True)
class Truth:
    """Rows to score on: targets as the user gave them, class codes, and weights."""

    y: NDArray[Any]
    codes: NDArray[Any]
    weights: Floats | None


@dataclass(frozen=True)
class Limits:
    """When the user wants to stop."""

    early: bool
    patience: int
    tol: float
    largest_gap: float | None


@dataclass
class Watch:
    """Scores the ensemble after every round, on the rows it learned from and on those held out."""

    voice: Voice
    classes: NDArray[Any] | None
    scoring: Any
    limits: Limits
    training: Truth
    validation: Truth | None = None
    ask: Callable[[Any], NDArray[Any]] | None = None
    train: list[float] = field(default_factory=list)
    validated: list[float] = field(default_factory=list)
    opened: bool = False

    def __post_init__(self) -> None:
        """Begin with nothing said."""
        self._trained, self._held_out = self.voice.tally(), self.voice.tally()
        self._best, self._since = -np.inf, 0

    def see(self, fitted: Sequence[Any], answers: list[NDArray[Any]], vote: float) -> bool:
        """Score one more round; tell whether to stop."""
        for turn, (member, answer) in enumerate(zip(fitted, answers, strict=True)):
            self._trained.add(answer, vote, turn)
            if self.ask is not None:
                self._held_out.add(self.ask(member), vote, turn)
        self.train.append(self._score(self._trained.read(), self.training))
        if self.validation is None:
            return False
        self.validated.append(self._score(self._held_out.read(), self.validation))
        return self._gap_opened() or self._settled()

    def _gap_opened(self) -> bool:
        most = self.limits.largest_gap
        self.opened = most is not None and self.train[-1] - self.validated[-1] > most
        return self.opened

    def _settled(self) -> bool:
        score = self.validated[-1]
        if score > self._best + self.limits.tol or (score > self._best == -np.inf):
            self._best, self._since = self.validated[-1], 0
        else:
            self._since += 1
        return self.limits.early and self._since >= self.limits.patience

    def kept(self) -> int:
        """Return how many rounds the ensemble keeps: up to the best if it may stop early, and none
        from where the gap opened, but at least one.
        """
        before = len(self.train) - int(self.opened and len(self.train) > 1)
        if self.limits.early and self.validated and np.isnan(self.validated).all():
            name = "R2" if self.scoring is None else repr(self.scoring)
            raise ValueError(
                f"scoring must be defined on the validation rows; {name} is NaN in every round."
            )
        if self.limits.early and self.validated:
            return self.best(before) + 1
        return before

    def best(self, n_rounds: int) -> int:
        """Return the round, counted from 0, of the best validation score; the first of several."""
        scores = np.asarray(self.validated[:n_rounds])
        return int(np.argmax(np.where(np.isnan(scores), -np.inf, scores)))

    def _score(self, read: Floats, truth: Truth) -> float:
        if self.scoring is None:
            return self._usual_score(read, truth)
        answers = read
        if isinstance(self.voice, ClassVoice):
            answers = self.voice.probabilities(read)
        rows = np.arange(len(truth.y))
        given = Answers(answers, self.classes)
        return score_answers(self.scoring, given, rows, truth.y, truth.weights)

    def _usual_score(self, read: Floats, truth: Truth) -> float:
        """Accuracy, or R2."""
        if self.classes is not None:
            chosen = read > 0 if read.ndim == 1 else read.argmax(axis=1)
            return float(np.average(chosen == truth.codes, weights=truth.weights))
        mean = np.average(truth.y, weights=truth.weights)
        spread = np.average((truth.y - mean) ** 2, weights=truth.weights)
        error = np.average((truth.y - read) ** 2, weights=truth.weights)
        if spread == 0:
            return float("nan") if len(truth.y) < 2 else float(error == 0)
        return float(1.0 - error / spread)
