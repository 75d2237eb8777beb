"""Draws: which rows each member learns from and which it never sees, to be asked for by number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensembles.parameters import check_row_numbers
from ensembles.resampling.addresses import generator
from ensembles.resampling.rows import Rows, Weights, dirichlet_weights, drawn_groups, held_out_rows


class Draw(NamedTuple):
    """The rows a member learns from (repeats included) and the rows it never sees."""

    train: Rows
    test: Rows


class Draws(ABC):
    """The draws made of one data set, each found by its number.

    Attributes
    ----------
    n_rows : int
        Rows of the data set.
    repeats : bool
        Whether a draw may hold a row more than once.
    n_draws : int or None
        How many draws there are; None when there is no end to them.
    """

    n_rows: int
    repeats: bool
    n_draws: int | None = None

    @abstractmethod
    def train(self, i: int) -> Rows:
        """Rows of draw ``i``, repeats included."""

    def test(self, i: int) -> Rows:
        """Rows that draw ``i`` holds out, ascending."""
        return self._held_out(self.train(i))

    def weights(self, i: int) -> Weights | None:
        """Weights that go with ``train(i)``; None when all are equal."""
        return None

    def __getitem__(self, i: int) -> Draw:
        train = self.train(i)
        return Draw(train, self._held_out(train))

    def _held_out(self, train: Rows) -> Rows:
        return held_out_rows(train, self.n_rows)

    def counts(self, i: int) -> NDArray[np.int64]:
        """How often draw ``i`` holds each row, shape (n_rows,)."""
        return np.bincount(self.train(i), minlength=self.n_rows)


@dataclass(frozen=True)
class RandomDraws(Draws):
    """Draws from ``(seed, i)``: nothing is stored, everything can be drawn again."""

    n_rows: int
    seed: int
    draw: Callable[[np.random.Generator], Rows]
    repeats: bool = True

    def train(self, i: int) -> Rows:
        """Rows of draw ``i``, repeats included."""
        return self.draw(generator(self.seed, i))


@dataclass(frozen=True, kw_only=True)
class GroupDraws(RandomDraws):
    """Draws of whole groups: where weights leave out a row, its group is still not held out."""

    groups: Rows
    n_groups: int
    size: int

    def _held_out(self, train: Rows) -> Rows:
        absent = np.ones(self.groups.max() + 1, dtype=bool)
        absent[self.groups[train]] = False
        return np.flatnonzero(absent[self.groups])

    def counts(self, i: int) -> NDArray[np.int64]:
        """How often draw ``i`` holds each group that has weight, shape (n_groups,)."""
        drawn = drawn_groups(generator(self.seed, i), self.n_groups, self.size)
        return np.bincount(drawn, minlength=self.n_groups)


@dataclass(frozen=True)
class DirichletDraws(Draws):
    """Every row in every draw, with a Dirichlet weight."""

    n_rows: int
    seed: int
    rows: Rows
    alpha: Weights
    repeats: bool = False

    def train(self, i: int) -> Rows:
        """Every row that has a weight."""
        return self.rows

    def weights(self, i: int) -> Weights:
        """Dirichlet weights of draw ``i``, mean one."""
        return dirichlet_weights(generator(self.seed, i), self.alpha)


@dataclass(frozen=True)
class ListedDraws(Draws):
    """Draws that a splitter listed beforehand, such as the folds of a cross-validation."""

    n_rows: int
    pairs: tuple[Draw, ...]
    sample_weight: Weights | None = None

    @property
    def repeats(self) -> bool:  # type: ignore[override]
        """Whether any draw holds a row twice."""
        return any(len(np.unique(pair.train)) < len(pair.train) for pair in self.pairs)

    @property
    def n_draws(self) -> int:  # type: ignore[override]
        """As many as the splitter listed."""
        return len(self.pairs)

    def train(self, i: int) -> Rows:
        """Rows of draw ``i``."""
        return self.pairs[i].train

    def test(self, i: int) -> Rows:
        """Rows that the splitter set aside for testing."""
        return self.pairs[i].test

    def weights(self, i: int) -> Weights | None:
        """The user's weights of the rows of draw ``i``."""
        return None if self.sample_weight is None else self.sample_weight[self.train(i)]

    def __getitem__(self, i: int) -> Draw:
        return self.pairs[i]


def listed_draws(
    splitter: Any,
    X: Any,
    y: Any,
    groups: Any,
    sample_weight: Weights | None = None,
    seed: int | None = None,
) -> ListedDraws:
    """List the splits of any scikit-learn splitter.

    A splitter that shuffles and has no ``random_state`` of its own is given ``seed``.
    """
    if getattr(splitter, "random_state", 0) is None and seed is not None:
        splitter = _seeded(splitter, int(generator(seed, 0, 1).integers(2**31)))
    n_rows = int(X.shape[0])
    try:
        listed = list(splitter.split(X, y, groups))
    except TypeError as error:  # an iterable that does not hold pairs
        raise ValueError(
            f"resampling must give (train, test) pairs: {error}; got {splitter!r}."
        ) from error
    pairs = tuple(_checked_pair(pair, n_rows) for pair in listed)
    if not pairs or any(len(train) == 0 for train, _ in pairs):
        raise ValueError(f"resampling must give every member rows to learn from; got {splitter!r}.")
    return ListedDraws(n_rows, pairs, sample_weight)


def _checked_pair(pair: Any, n_rows: int) -> Draw:
    try:
        train, test = pair
    except (TypeError, ValueError):
        raise ValueError(f"resampling must give (train, test) pairs; got {pair!r}.") from None
    return Draw(*(check_row_numbers("resampling", rows, n_rows) for rows in (train, test)))


def _seeded(splitter: Any, seed: int) -> Any:
    from copy import copy

    splitter = copy(splitter)
    splitter.random_state = seed
    return splitter
