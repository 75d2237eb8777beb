"""Rows of one draw: pure functions of a generator and arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]


Weights = NDArray[np.float64]


def bootstrap_rows(
    rng: np.random.Generator, rows: Rows, size: int, cumulative: Weights | None = None
) -> Rows:
    """Draw ``size`` of ``rows`` with replacement (Efron 1979).

    A row is found by inverting the distribution function at a uniform number, so a row of integer
    weight k is drawn exactly when one of its k copies would have been.

    Parameters
    ----------
    rows : array of shape (n_eligible,)
        The rows that may be drawn.
    size : int
        How many draws.
    cumulative : array of shape (n_eligible,), optional
        Running sum of the rows' weights; equal weights when None.
    """
    uniform = rng.random(size)
    if cumulative is None:
        place = (uniform * len(rows)).astype(np.intp)
    else:
        place = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    return rows.take(np.minimum(place, len(rows) - 1, out=place))


def subsample_rows(
    rng: np.random.Generator, rows: Rows, size: int, weights: Weights | None = None
) -> Rows:
    """Draw ``size`` of ``rows`` without replacement, in ascending order.

    Weighted draws are exponential races (Efraimidis and Spirakis 2006): the rows with the smallest
    ``Exponential(1) / weight`` win, which is drawing one after the other with probability
    proportional to weight.
    """
    if size == len(rows):
        return rows
    if weights is None:
        return np.sort(rows[rng.choice(len(rows), size, replace=False, shuffle=False)])
    arrival = rng.standard_exponential(len(rows)) / weights
    return np.sort(rows[np.argpartition(arrival, size - 1)[:size]])


def stratified_rows(
    rng: np.random.Generator, draws: Sequence[Callable[[np.random.Generator], Rows]]
) -> Rows:
    """Draw inside every stratum, each by its own rule, and mix the strata."""
    rows: Rows = rng.permutation(np.concatenate([draw(rng) for draw in draws]))
    return rows


def drawn_groups(rng: np.random.Generator, n_groups: int, size: int) -> Rows:
    """Draw ``size`` of ``n_groups`` groups with replacement."""
    return rng.integers(0, n_groups, size)


def group_rows(
    rng: np.random.Generator, order: Rows, starts: Rows, size: int, weights: Weights | None = None
) -> Rows:
    """Draw ``size`` whole groups with replacement: all rows of a group, as often as it is drawn.

    With weights, as many rows as the drawn groups hold are then drawn among them with probability
    proportional to weight: a two-stage bootstrap (Davison and Hinkley 1997, section 3.8).

    Parameters
    ----------
    order : array of shape (n_eligible,)
        The rows, sorted by group.
    starts : array of shape (n_groups + 1,)
        Group g is ``order[starts[g]:starts[g + 1]]``.
    weights : array of shape (n_rows,), optional
        Row weights.
    """
    drawn = drawn_groups(rng, len(starts) - 1, size)
    lengths = starts[drawn + 1] - starts[drawn]
    first = np.cumsum(lengths) - lengths
    within = np.arange(lengths.sum()) - np.repeat(first, lengths)
    rows: Rows = order[np.repeat(starts[drawn], lengths) + within]
    if weights is None:
        return rows
    return bootstrap_rows(rng, rows, len(rows), np.cumsum(weights[rows]))


def block_rows(rng: np.random.Generator, n_rows: int, length: int, circular: bool) -> Rows:
    """Draw runs of ``length`` consecutive rows until there are exactly ``n_rows``.

    Moving blocks start anywhere they fit (Kuensch 1989); circular blocks start anywhere and wrap
    around the end, so that every row is drawn equally often (Politis and Romano 1992). The last
    block is cut to size.
    """
    n_starts = n_rows if circular else n_rows - length + 1
    starts = rng.integers(0, n_starts, ceil(n_rows / length))
    rows = (starts[:, None] + np.arange(length)).ravel()[:n_rows]
    return np.asarray(rows % n_rows, dtype=np.intp)


def dirichlet_weights(rng: np.random.Generator, alpha: Weights) -> Weights:
    """Draw row weights from a Dirichlet distribution (Rubin 1981), scaled to a mean of one."""
    gamma = rng.standard_gamma(alpha)
    total = gamma.sum()
    if total < 1e-290:  # all underflowed; shares do not depend on the total, so draw them anew
        return np.asarray(rng.dirichlet(alpha) * len(alpha))
    return np.asarray(gamma * (len(alpha) / total))


def dirichlet_rows(rng: np.random.Generator, rows: Rows, size: int, alpha: Weights) -> Rows:
    """Draw rows with Dirichlet weights as their probabilities."""
    return bootstrap_rows(rng, rows, size, np.cumsum(dirichlet_weights(rng, alpha)))


def held_out_rows(train: Rows, n_rows: int) -> Rows:
    """Return the rows, ascending, that ``train`` does not hold."""
    absent = np.ones(n_rows, dtype=bool)
    absent[train] = False
    return np.flatnonzero(absent)


def allocate(sizes: Weights, total: int, most: Rows | None = None) -> Rows:
    """Share ``total`` among strata in proportion to ``sizes``, by the largest remainder.

    Equal remainders go to the earlier stratum. A stratum gets no more than ``most``; what is left
    over goes to the others by the same rule.
    """
    shares = _largest_remainders(sizes, total)
    if most is None or np.all(shares <= most):
        return shares
    room = shares < most
    shares = most.copy()
    shares[room] = allocate(sizes[room], total - int(most[~room].sum()), most[room])
    return shares


def _largest_remainders(sizes: Weights, total: int) -> Rows:
    exact = sizes * (total / sizes.sum())
    shares: Rows = np.floor(exact + 1e-9).astype(np.intp)
    left = total - int(shares.sum())
    shares[np.argsort(np.round(shares - exact, 9), kind="stable")[:left]] += 1
    return shares
