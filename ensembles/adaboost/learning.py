"""Learning: how the members of a round are made, and what they say of the rows.

Two kinds of learners, one way to use them: our trees, whose bins are made once for all rounds, and
everybody else's estimators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ensembles import members
from ensembles.adaboost.courses import Problem
from ensembles.adaboost.rounds import heavy_rows
from ensembles.adaboost.voices import PROBABILITIES, VOTES
from ensembles.members import Member, Recipe
from ensembles.trees import Forest

Floats = NDArray[np.float64]
Tape = np.random.RandomState
Rows = NDArray[np.intp]

SEEDS = int(np.iinfo(np.int32).max)
"""Seeds are drawn below this, as scikit-learn draws them."""


class Learned(NamedTuple):
    """A fitted member, and its answers about the rows it learned from."""

    member: Member
    answers: NDArray[Any]


class Learning(Protocol):
    """What a fit needs of its learner."""

    def learn(self, problem: Problem, tape: Tape) -> Learned:
        """Fit the next member."""

    def recall(self, member: Member) -> NDArray[Any]:
        """Ask a fitted member about the rows again."""

    def watch(self, X: Any) -> Callable[[Member], NDArray[Any]]:
        """Return what asks a member about other rows, time and again."""

    def skip(self, tape: Tape) -> None:
        """Move the tape on as far as the fit of one member does."""


def question_of(question: str, classes: Any, **arguments: Any) -> Callable[[Member, Any], Any]:
    """Return the question that a member of any kind is asked."""
    if question == VOTES:
        return partial(_codes, classes=classes, arguments=arguments)
    if question == PROBABILITIES:
        return partial(members.probabilities, classes=classes, **arguments)
    return partial(members.values, **arguments)


def _codes(member: Member, X: Any, *, classes: Any, arguments: dict[str, Any]) -> Any:
    return members.predicted_codes(member, X, classes, arguments)


class Estimators:
    """Anybody's estimators: cloned, seeded, fitted on weights or on rows drawn by weight."""

    def __init__(
        self,
        recipe: Recipe,
        X: Any,
        y: NDArray[Any],
        weights: Floats,
        question: str,
        *,
        resample: bool,
        trimming: float,
    ) -> None:
        self._learner = recipe.learner
        self._n_rows = len(y)
        X = members.ready(recipe.learner, X)
        self._line = members.InTurn(recipe, X, y)
        self._question = question_of(question, recipe.classes)
        self._resample = resample
        self._trimming = trimming
        self.recall = self.watch(X)

    def learn(self, problem: Problem, tape: Tape) -> Learned:
        """Fit the next member."""
        seeds = [int(tape.randint(SEEDS)) for _ in range(self._line.n_seeds)]
        rows, weights = self._drawn(problem.weights, tape)
        member = self._line.fit(seeds, rows=rows, weights=weights, target=problem.target)
        return Learned(member, self.recall(member))

    def _drawn(self, weights: Floats, tape: Tape) -> tuple[Rows | None, Floats | None]:
        rows, kept = None, weights
        if self._trimming > 0:
            rows = np.flatnonzero(heavy_rows(weights, self._trimming))
            kept = weights[rows] / weights[rows].sum()
        if not self._resample:
            return rows, kept
        drawn = drawn_rows(kept, len(weights), tape)
        return (drawn if rows is None else rows[drawn]), None

    def watch(self, X: Any) -> Callable[[Member], NDArray[Any]]:
        """Return what asks a member about other rows."""
        return members.asker(self._question, self._learner, X)

    def skip(self, tape: Tape) -> None:
        """Move the tape on as far as the fit of one member does."""
        for _ in range(self._line.n_seeds):
            tape.randint(SEEDS)
        if self._resample:
            tape.random_sample(self._n_rows)


class Trees:
    """Our trees: binned once, grown by one kernel a round, which leaves every row's leaf behind."""

    def __init__(
        self,
        recipe: Recipe,
        X: Any,
        y: NDArray[Any],
        weights: Floats,
        question: str,
        *,
        resample: bool,
        trimming: float,
        crew: members.Crew | None = None,
    ) -> None:
        self._learner = members.cloned(recipe.learner)
        equal = bool(np.all(weights == weights[:1]))
        self._prepared = self._learner.prepare(X, y, None if equal else weights)
        self._learner.random_state = 0
        self._rounds = self._learner.rounds(self._prepared, crew)
        self._classes = recipe.classes
        self._question = question
        self._resample = resample
        self._trimming = trimming

    def learn(self, problem: Problem, tape: Tape) -> Learned:
        """Grow the next tree."""
        tree = members.twin(self._learner)
        tree.random_state = int(tape.randint(SEEDS))
        weights, counts = problem.weights, None
        if self._trimming > 0:
            weights = np.where(heavy_rows(weights, self._trimming), weights, 0.0)
        if self._resample:
            counts = self._rounds.drawn(weights, tape.random_sample(len(weights)))
        leaves = self._rounds.grow(
            tree,
            weights=weights if counts is None else None,
            counts=counts,
            target=problem.target,
        )
        member = tree_member(tree, self._classes)
        said = leaf_answers(self._question, member, self._classes)
        return Learned(member, said.take(leaves, axis=0))

    def recall(self, member: Member) -> NDArray[Any]:
        """Send the rows down a grown tree again."""
        leaves = self._rounds.leaves(member.estimator)
        return leaf_answers(self._question, member, self._classes)[leaves]

    def watch(self, X: Any) -> Callable[[Member], NDArray[Any]]:
        """Return what sends other rows, binned once, down a tree."""
        coded = self._prepared.over(X)

        def ask(member: Member) -> NDArray[Any]:
            leaves = Forest([member.estimator]).leaves(coded)[:, 0]
            return leaf_answers(self._question, member, self._classes)[leaves]

        return ask

    def skip(self, tape: Tape) -> None:
        """Move the tape on as far as the growth of one tree does."""
        tape.randint(SEEDS)
        if self._resample:
            tape.random_sample(self._prepared.n_rows)


def drawn_rows(shares: Floats, n_drawn: int, tape: Tape) -> Rows:
    """Draw rows with replacement in proportion to their weights.

    The very draw of ``RandomState.choice(n, n_drawn, p=shares)``, which scikit-learn makes.
    """
    reached = shares.cumsum()
    reached /= reached[-1]
    return reached.searchsorted(tape.random_sample(n_drawn), side="right")


def tree_member(tree: Any, classes: NDArray[Any] | None) -> Member:
    """Return one of our trees as a member."""
    known = None if classes is None or not hasattr(tree, "classes_") else tree.classes_
    if known is None or classes is None:
        return Member(tree, None, None)
    return Member(tree, None, np.searchsorted(classes, known))


def leaf_answers(question: str, member: Member, classes: Any) -> NDArray[Any]:
    """Return what a tree answers in each of its nodes, (n_nodes, ...)."""
    value = member.estimator.tree_.value[:, 0, :]
    known = member.classes
    if question == VOTES:
        chosen = value.argmax(axis=1) if known is None else known[value.argmax(axis=1)]
        return chosen.astype(np.min_scalar_type(len(classes)))
    if question == PROBABILITIES:
        if known is None or len(known) == len(classes):
            return value
        aligned = np.zeros((len(value), len(classes)))
        aligned[:, known] = value
        return aligned
    return value[:, 0]


def are_trees(fitted: Sequence[Member]) -> bool:
    """Tell whether members are our trees, which answer together."""
    return all(members.shares_rounds(member.estimator) for member in fitted)
