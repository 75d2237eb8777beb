"""How an ensemble learns: what each round sets its members to learn, and what it makes of them.

A course holds what changes from round to round: the rows' weights, or the scores so far. The
mathematics of a round is in `rounds`.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensembles.adaboost.rounds import (
    Round,
    capped,
    gentle_round,
    logistic,
    logit_problem,
    logit_round,
    r2_losses,
    r2_round,
    real_round,
    rt_round,
    samme_round,
    softmax,
    weighted_error,
)

Floats = NDArray[np.float64]

LEAST_WEIGHT = float(np.finfo(np.float64).eps)
"""No row's share of the weight falls below this, so that none underflows to nothing."""


class Problem(NamedTuple):
    """What one member is to learn: a target, None for the user's own, and the rows' weights."""

    target: Floats | None
    weights: Floats


@dataclass(frozen=True)
class Rules:
    """What the user chose: the algorithm and its numbers.

    ``like_scikit_learn`` rounds weights as scikit-learn does, bit for bit, so that ties fall alike
    in trees that both can grow.
    """

    algorithm: str
    n_classes: int
    learning_rate: float = 1.0
    loss: str = "linear"
    threshold: float = 0.1
    power: int = 1
    max_weight_share: float | None = None
    resample: bool = False
    like_scikit_learn: bool = True


class Verdict(NamedTuple):
    """What a round came to: its vote and error; ``last`` if no round can follow it."""

    vote: float
    error: float
    last: bool = False


class Course(ABC):
    """The state of a fit.

    Parameters
    ----------
    y : array of shape (n_rows,)
        Class codes, or values.
    start : array of shape (n_rows,)
        The rows' own weights, all positive.
    """

    def __init__(self, y: NDArray[Any], start: Floats, rules: Rules) -> None:
        self.y = y
        self.rules = rules
        self.start = self._settled(start)
        self.weights = self.start

    @abstractmethod
    def problems(self) -> list[Problem]:
        """Return what the members of the next round are to learn."""

    @abstractmethod
    def hear(self, answers: list[NDArray[Any]]) -> Verdict | None:
        """Judge what the round's members say of the rows, and set the next round's weights.

        None if the round is no better than chance: nothing has changed then.
        """

    def start_again(self) -> None:
        """Weigh the rows as at the start (Breiman 1998, section 4: arc-fs)."""
        self.weights = self.start

    def _shares(self, weights: Floats) -> Floats:
        """Weights that add up to one, none above the cap."""
        if self.rules.max_weight_share is not None:
            return capped(weights, self.rules.max_weight_share)
        return weights / weights.sum()

    def _settled(self, weights: Floats) -> Floats:
        """Weights that add up to one, none nearly nothing."""
        shares = self._shares(weights)
        return np.maximum(shares, LEAST_WEIGHT, out=shares)

    def _by_class(self, targets: Floats, weights: Floats) -> list[Problem]:
        """A problem for each column."""
        pairs = zip(targets.T, weights.T, strict=True)
        return [Problem(target.copy(), self._shares(own)) for target, own in pairs]

    def _go_on(self, judged: Round) -> Verdict:
        """Take on the round's weights; without any, or where they overflow, it is the last one."""
        if judged.weights is None:
            return Verdict(judged.vote, judged.error, last=True)
        total = judged.weights.sum()
        if not np.isfinite(total):
            warnings.warn(
                "Sample weights have reached infinite values, causing overflow. Iterations "
                f"stopped. Try lowering the learning rate; got {self.rules.learning_rate!r}.",
                UserWarning,
                stacklevel=7,
            )
            return Verdict(judged.vote, judged.error, last=True)
        if total <= 0:
            return Verdict(judged.vote, judged.error, last=True)
        self.weights = self._settled(judged.weights)
        return Verdict(judged.vote, judged.error)


class Samme(Course):
    """SAMME: the members name classes.

    With resampling a member that makes no error is no reason to stop: the next one is shown other
    rows. It votes as if it had missed half a row, and rows are weighted as at the start.
    """

    def __init__(self, y: NDArray[Any], start: Floats, rules: Rules) -> None:
        super().__init__(y.astype(np.min_scalar_type(rules.n_classes)), start, rules)

    def problems(self) -> list[Problem]:
        """Return what the members are to learn."""
        return [Problem(None, self.weights)]

    def hear(self, answers: list[NDArray[Any]]) -> Verdict | None:
        """Judge the round."""
        rules = self.rules
        judged = samme_round(
            answers[0] != self.y,
            self.weights,
            rules.n_classes,
            rules.learning_rate,
            in_logarithms=rules.like_scikit_learn,
        )
        if judged is None:
            return None
        if judged.weights is None and rules.resample and rules.n_classes > 1:
            half_a_row = 0.5 / len(self.y)
            odds = np.log((1 - half_a_row) / half_a_row) + np.log(rules.n_classes - 1.0)
            self.start_again()
            return Verdict(rules.learning_rate * float(odds), 0.0)
        return self._go_on(judged)


class Real(Course):
    """Real AdaBoost: the members name probabilities."""

    def problems(self) -> list[Problem]:
        """Return what the members are to learn."""
        return [Problem(None, self.weights)]

    def hear(self, answers: list[NDArray[Any]]) -> Verdict | None:
        """Judge the round."""
        judged = real_round(answers[0], self.y, self.weights, self.rules.learning_rate)
        if judged.weights is None and self.rules.resample:
            self.start_again()
            return Verdict(judged.vote, judged.error)
        return self._go_on(judged)


class Gentle(Course):
    """Gentle AdaBoost: least squares of the signs, one problem per class if there are several."""

    def __init__(self, y: NDArray[Any], start: Floats, rules: Rules) -> None:
        super().__init__(y, start, rules)
        if rules.n_classes == 2:
            self.signs = 2.0 * y - 1.0
            return
        self.signs = np.where(y[:, np.newaxis] == np.arange(rules.n_classes), 1.0, -1.0)
        self.start = np.repeat(self.start[:, np.newaxis], rules.n_classes, axis=1)
        self.start /= rules.n_classes
        self.weights = self.start

    def problems(self) -> list[Problem]:
        """Return what the members are to learn."""
        if self.signs.ndim == 1:
            return [Problem(self.signs, self.weights)]
        return self._by_class(self.signs, self.weights)

    def hear(self, answers: list[NDArray[Any]]) -> Verdict | None:
        """Judge the round."""
        fitted = answers[0] if self.signs.ndim == 1 else np.column_stack(answers)
        judged = gentle_round(fitted, self.signs, self.weights, self.rules.learning_rate)
        return self._go_on(judged)


class Logit(Course):
    """LogitBoost: a Newton step of the log-likelihood."""

    def __init__(self, y: NDArray[Any], start: Floats, rules: Rules) -> None:
        super().__init__(y, start, rules)
        if rules.n_classes == 2:
            self.truth = y.astype(np.float64)
            self.own = start / start.sum()
        else:
            self.truth = (y[:, np.newaxis] == np.arange(rules.n_classes)).astype(np.float64)
            self.own = (start / start.sum())[:, np.newaxis]
        self.scores = np.zeros(self.truth.shape)

    def _problem(self) -> tuple[Floats, Floats]:
        likely = logistic(self.scores) if self.scores.ndim == 1 else softmax(self.scores)
        return logit_problem(self.truth, likely, self.own)

    def problems(self) -> list[Problem]:
        """Return what the members are to learn."""
        response, weights = self._problem()
        if response.ndim == 1:
            return [Problem(response, self._shares(weights))]
        return self._by_class(response, weights)

    def hear(self, answers: list[NDArray[Any]]) -> Verdict | None:
        """Judge the round."""
        fitted = answers[0] if self.scores.ndim == 1 else np.column_stack(answers)
        response, weights = self._problem()
        error = weighted_error(fitted * response < 0, weights)
        if not fitted.any():
            return Verdict(self.rules.learning_rate, error, last=True)
        self.scores = logit_round(fitted, self.scores, self.rules.learning_rate)
        return Verdict(self.rules.learning_rate, error)


class R2(Course):
    """AdaBoost.R2."""

    def problems(self) -> list[Problem]:
        """Return what the members are to learn."""
        return [Problem(None, self.weights)]

    def hear(self, answers: list[NDArray[Any]]) -> Verdict | None:
        """Judge the round."""
        errors = np.abs(answers[0] - self.y)
        judged = r2_round(
            errors,
            self.weights,
            self.rules.loss,
            self.rules.learning_rate,
            in_powers=self.rules.like_scikit_learn,
        )
        return None if judged is None else self._go_on(judged)

    def mean_loss(self, answer: Floats) -> float:
        """Return the weighted mean loss of a member."""
        losses = r2_losses(np.abs(answer - self.y), self.rules.loss)
        return float((self.weights * losses).sum())


class RT(Course):
    """AdaBoost.RT."""

    def problems(self) -> list[Problem]:
        """Return what the members are to learn."""
        return [Problem(None, self.weights)]

    def hear(self, answers: list[NDArray[Any]]) -> Verdict | None:
        """Judge the round."""
        rules = self.rules
        judged = rt_round(
            answers[0], self.y, self.weights, rules.threshold, rules.power, rules.learning_rate
        )
        return None if judged is None else self._go_on(judged)


COURSES: dict[str, type[Course]] = {
    "SAMME": Samme,
    "real": Real,
    "gentle": Gentle,
    "logit": Logit,
    "R2": R2,
    "RT": RT,
}


def course_of(y: NDArray[Any], start: Floats, rules: Rules) -> Course:
    """Return the course of an algorithm."""
    return COURSES[rules.algorithm](y, start, rules)


__all__ = ["COURSES", "Course", "Problem", "Rules", "Verdict", "course_of"]
