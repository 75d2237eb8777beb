"""How members speak together: what each adds, and what the sum of it means.

A voice is what remains of an algorithm after the fit. It asks members one question ("votes",
"probabilities" or "values"), turns each answer into what the member adds, and reads the total.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ensembles.adaboost.rounds import half_log_odds, logistic, softmax

Floats = NDArray[np.float64]

VOTES, PROBABILITIES, VALUES = "votes", "probabilities", "values"


class Voice(ABC):
    """What members add up to.

    Attributes
    ----------
    question : {"votes", "probabilities", "values"}
        What a member is asked: class codes (n_rows,), shares (n_rows, n_classes) or numbers
        (n_rows,).
    width : int
        How many numbers a row's total has.
    turns : int
        Members in a round.
    """

    question: ClassVar[str]

    def __init__(self, width: int, turns: int = 1) -> None:
        self.width = width
        self.turns = turns

    @abstractmethod
    def adds(self, answer: NDArray[Any], vote: float, turn: int) -> Floats:
        """Return what the member of this turn adds to each row's total, (n_rows, width)."""

    def reads(self, total: Floats, votes: Floats) -> Floats:
        """Return what a total means: log-odds (n_rows,), or scores (n_rows, n_classes)."""
        return total

    def tally(self) -> Tally:
        """Return an empty total."""
        return Tally(self)


class ClassVoice(Voice):
    """A voice that chooses among classes."""

    @abstractmethod
    def probabilities(self, decision: Floats) -> Floats:
        """Return the class probabilities that a decision stands for, (n_rows, n_classes)."""


def _two(log_odds: Floats) -> Floats:
    likely = logistic(log_odds)
    return np.column_stack([1.0 - likely, likely])


class VoteShares(ClassVoice):
    """SAMME: a vote for the named class, and ``-vote / (K - 1)`` for each of the others.

    The decision is the total over the sum of the votes: in [-1 / (K - 1), 1] for each class, rows
    adding up to zero; for two classes the difference of the two, in [-2, 2]. Probabilities are
    ``softmax(decision / (K - 1))`` (Zhu et al. 2009, equation 15), as in scikit-learn.
    """

    question = VOTES

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self._of_class = np.full((width, width), -1 / max(1, width - 1))
        np.fill_diagonal(self._of_class, 1.0)

    def adds(self, answer: NDArray[Any], vote: float, turn: int) -> Floats:
        """Return what one member adds."""
        return (vote * self._of_class).take(answer, axis=0)

    def reads(self, total: Floats, votes: Floats) -> Floats:
        """Return the decision, or the value."""
        if self.width == 1:
            return np.zeros_like(total)
        shares = total / votes.sum()
        return shares[:, 1] - shares[:, 0] if self.width == 2 else shares

    def probabilities(self, decision: Floats) -> Floats:
        """Return the class probabilities."""
        if decision.ndim == 1:
            return softmax(np.column_stack([-decision, decision]) / 2)
        return softmax(decision / max(1, self.width - 1))


class LogOdds(ClassVoice):
    """Real AdaBoost: half the log-odds of each member's probabilities.

    The decision is ``2 F``, the log-odds, for two classes, and the scores F_k, adding up to zero,
    for more: any real number. Probabilities are the logistic function of it, and
    ``softmax(F / (K - 1))``.
    """

    question = PROBABILITIES

    def adds(self, answer: NDArray[Any], vote: float, turn: int) -> Floats:
        """Return what one member adds."""
        return vote * half_log_odds(answer)

    def reads(self, total: Floats, votes: Floats) -> Floats:
        """Return the decision, or the value."""
        return total[:, 1] - total[:, 0] if self.width == 2 else total

    def probabilities(self, decision: Floats) -> Floats:
        """Return the class probabilities."""
        return _two(decision) if decision.ndim == 1 else softmax(decision / (self.width - 1))


class OneColumn(ClassVoice):
    """Two classes, and members that are numbers: `unit` times their sum is the log-odds.

    LogitBoost's members add to the log-odds (unit 1), Gentle AdaBoost's to half of them (unit 2).
    """

    question = VALUES

    def __init__(self, unit: float) -> None:
        super().__init__(width=1)
        self.unit = unit

    def adds(self, answer: NDArray[Any], vote: float, turn: int) -> Floats:
        """Return what one member adds."""
        return (self.unit * vote * answer)[:, np.newaxis]

    def reads(self, total: Floats, votes: Floats) -> Floats:
        """Return the decision, or the value."""
        return total[:, 0]

    def probabilities(self, decision: Floats) -> Floats:
        """Return the class probabilities."""
        return _two(decision)


class EachAgainstTheRest(ClassVoice):
    """Gentle AdaBoost of several classes: a member per class and round.

    The decision is ``2 F_k``, the log-odds of each class against the rest, any real number.
    Probabilities are their logistic functions, made to add up to one.
    """

    question = VALUES

    def __init__(self, n_classes: int) -> None:
        super().__init__(width=n_classes, turns=n_classes)

    def adds(self, answer: NDArray[Any], vote: float, turn: int) -> Floats:
        """Return what one member adds."""
        added = np.zeros((len(answer), self.width))
        added[:, turn] = 2.0 * vote * answer
        return added

    def probabilities(self, decision: Floats) -> Floats:
        """Return the class probabilities."""
        # In proportion to exp(log logistic), which leaves no row of zeros.
        return softmax(-np.logaddexp(0.0, -decision))


class SymmetricScores(ClassVoice):
    """LogitBoost of several classes: a member per class and round, centred over the classes.

    The decision is F_k, any real numbers adding up to zero; probabilities are ``softmax(F)``.
    Classes that no member tells apart have equal scores but for the rounding of their sums, so
    decisions are rounded to 2^-40: such a tie goes to the first class, and not to chance.
    """

    question = VALUES

    def __init__(self, n_classes: int) -> None:
        super().__init__(width=n_classes, turns=n_classes)

    def adds(self, answer: NDArray[Any], vote: float, turn: int) -> Floats:
        """Return what one member adds."""
        step = (self.width - 1) / self.width * vote * answer
        added = np.repeat(-step[:, np.newaxis] / self.width, self.width, axis=1)
        added[:, turn] += step
        return added

    def reads(self, total: Floats, votes: Floats) -> Floats:
        """Return the decision."""
        return np.asarray(np.ldexp(np.rint(np.ldexp(total, 40)), -40))

    def probabilities(self, decision: Floats) -> Floats:
        """Return the class probabilities."""
        return softmax(decision)


class WeightedMean(Voice):
    """AdaBoost.RT: the mean of the members' predictions, weighted by their votes."""

    question = VALUES

    def __init__(self) -> None:
        super().__init__(width=1)

    def adds(self, answer: NDArray[Any], vote: float, turn: int) -> Floats:
        """Return what one member adds."""
        return (vote * answer)[:, np.newaxis]

    def reads(self, total: Floats, votes: Floats) -> Floats:
        """Return the decision, or the value."""
        return np.asarray(total[:, 0] / votes.sum())


class WeightedMedian(WeightedMean):
    """AdaBoost.R2: the median of the members' predictions, weighted by their votes."""

    def tally(self) -> Tally:
        """Return an empty tally."""
        return MedianTally(self)


class Tally:
    """The total so far: add one member after the other, read it at any time."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self._total: Floats | None = None
        self._votes: list[float] = []

    def add(self, answer: NDArray[Any], vote: float, turn: int = 0) -> None:
        """Add what one member says."""
        added = self.voice.adds(answer, vote, turn)
        self._total = added if self._total is None else self._total + added
        if turn == 0:
            self._votes.append(vote)

    def read(self) -> Floats:
        """Return what the members so far say together."""
        assert self._total is not None
        return self.voice.reads(self._total, np.asarray(self._votes))


class MedianTally(Tally):
    """The weighted median so far: each row's answers are kept in order."""

    def __init__(self, voice: Voice) -> None:
        super().__init__(voice)
        self._ordered = np.empty((0, 0))
        self._weights = np.empty((0, 0))

    def add(self, answer: NDArray[Any], vote: float, turn: int = 0) -> None:
        """Put one member's answers in their places among those before."""
        n_before, n_rows = len(self._votes), len(answer)
        self._votes.append(vote)
        if n_before == 0:
            self._ordered, self._weights = answer[np.newaxis].copy(), np.full((1, n_rows), vote)
            return
        place = (self._ordered <= answer).sum(axis=0)
        self._ordered = _inserted(self._ordered, place, answer)
        self._weights = _inserted(self._weights, place, np.full(n_rows, vote))

    def read(self) -> Floats:
        """Return the smallest answer at which half of the votes is reached."""
        reached = np.cumsum(self._weights, axis=0)
        place = np.argmax(reached >= 0.5 * reached[-1], axis=0)
        return np.asarray(self._ordered[place, np.arange(self._ordered.shape[1])])


def _inserted(table: Floats, place: NDArray[np.intp], values: Floats) -> Floats:
    """Return the table with one more row: in column j, ``values[j]`` before row ``place[j]``."""
    longer = np.concatenate([table, table[-1:]])
    after = np.arange(len(longer))[:, np.newaxis] > place
    longer[1:][after[1:]] = table[after[1:]]
    longer[place, np.arange(table.shape[1])] = values
    return np.asarray(longer)


@cache
def voice_of(algorithm: str, n_classes: int) -> Voice:
    """Return the voice of an algorithm; ``n_classes`` is 0 in a regression."""
    if algorithm == "SAMME":
        return VoteShares(n_classes)
    if algorithm == "real":
        return LogOdds(n_classes)
    if algorithm in ("gentle", "logit") and n_classes == 2:
        return OneColumn(2.0 if algorithm == "gentle" else 1.0)
    if algorithm == "gentle":
        return EachAgainstTheRest(n_classes)
    if algorithm == "logit":
        return SymmetricScores(n_classes)
    return WeightedMedian() if algorithm == "R2" else WeightedMean()
