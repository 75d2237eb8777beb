"""Combining: many outputs become one.

Pure functions of arrays. ``outputs`` always has the members first: shape (n_members, n_rows) for
values and votes, (n_members, n_rows, n_classes) for probabilities, (n_members, n_rows, n_outputs)
for several targets. Sums run over members in their order, so that a result never depends on how the
work was shared out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensembles.parameters import is_real

__all__ = [
    "HeldOutMean",
    "floored_log",
    "geometric_mean",
    "held_out",
    "held_out_mean",
    "log_pool",
    "majority_vote",
    "mean",
    "median",
    "rank_mean",
    "running_mean",
    "soft_vote",
    "trimmed_mean",
    "vote_share",
    "weighted_median",
]

Floats = NDArray[np.float64]

BLOCK = 1024
"""Rows whose outputs are sorted together: as many as a cache holds."""

FLOOR = float(np.finfo(np.float64).eps)
"""The smallest probability that `geometric_mean` believes, about 2.2e-16."""


def mean(outputs: Iterable[ArrayLike]) -> Floats:
    """Average over members.

    Parameters
    ----------
    outputs : array of shape (n_members, ...), or any iterable of the members' outputs
        An iterable is consumed one member at a time: memory holds the sum only.

    Returns
    -------
    array of shape (...)

    Examples
    --------
    >>> mean([[1.0, 2.0], [3.0, 6.0]])
    array([2., 4.])
    """
    *_, last = running_mean(outputs)
    return last


def running_mean(outputs: Iterable[ArrayLike]) -> Iterator[Floats]:
    """Yield the average over the first member, the first two, the first three, and so on."""
    total: Floats | None = None
    for count, output in enumerate(outputs, start=1):
        if total is None:
            total = np.array(output, dtype=np.float64)
        else:
            total += np.asarray(output)
        yield total / count
    if total is None:
        raise ValueError("outputs must hold at least one member; got none.")


def soft_vote(probabilities: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """Average the members' class probabilities, weighted if asked.

    Parameters
    ----------
    probabilities : array of shape (n_members, n_rows, n_classes)
    weights : array of shape (n_members,), optional
        The members' weights; equal when None.

    Returns
    -------
    array of shape (n_rows, n_classes)
    """
    if weights is None:
        return mean(np.asarray(probabilities))
    shares = np.asarray(weights, dtype=np.float64)
    members = zip(shares, np.asarray(probabilities, dtype=np.float64), strict=True)
    return np.asarray(sum(share * member for share, member in members) / shares.sum())


def vote_share(votes: ArrayLike, n_classes: int, weights: ArrayLike | None = None) -> Floats:
    """Return the share of the vote that each class gets.

    Parameters
    ----------
    votes : integer array of shape (n_members, n_rows)
        Class codes, 0 to ``n_classes - 1``.
    n_classes : int
    weights : array of shape (n_members,), optional
        The members' weights; equal when None.

    Returns
    -------
    array of shape (n_rows, n_classes)
        Rows sum to one.

    Examples
    --------
    >>> vote_share([[0, 1], [0, 2], [1, 2]], n_classes=3)
    array([[0.66666667, 0.33333333, 0.        ],
           [0.        , 0.33333333, 0.66666667]])
    """
    codes = np.asarray(votes)
    ballots = np.ones(len(codes)) if weights is None else np.asarray(weights, dtype=np.float64)
    counts = np.zeros((codes.shape[1], n_classes))
    rows = np.arange(codes.shape[1])
    for member, ballot in zip(codes, ballots, strict=True):
        counts[rows, member] += ballot
    return np.asarray(counts / ballots.sum())


def majority_vote(votes: ArrayLike, weights: ArrayLike | None = None) -> NDArray[Any]:
    """Return, for each row, the label that most members gave.

    A tie goes to the label that sorts first, never to chance.

    Parameters
    ----------
    votes : array of shape (n_members, n_rows)
        Labels of any sortable kind.
    weights : array of shape (n_members,), optional
        The members' weights; equal when None.

    Returns
    -------
    array of shape (n_rows,)
        Labels.

    Examples
    --------
    >>> majority_vote([["cat", "dog"], ["cat", "cat"], ["dog", "dog"]])
    array(['cat', 'dog'], dtype='<U3')
    >>> majority_vote([["dog"], ["cat"]])
    array(['cat'], dtype='<U3')
    """
    labels = np.asarray(votes)
    classes, codes = np.unique(labels, return_inverse=True)
    shares = vote_share(codes.reshape(labels.shape), len(classes), weights)
    return np.asarray(classes[np.argmax(shares, axis=1)])


def median(outputs: ArrayLike) -> Floats:
    """Return the members' median; with an even number of them, the mean of the middle two.

    Parameters
    ----------
    outputs : array of shape (n_members, ...)
    """
    return np.asarray(np.median(np.asarray(outputs, dtype=np.float64), axis=0))


def trimmed_mean(outputs: ArrayLike, share: float = 0.1) -> Floats:
    """Average what is left when a ``share`` of the members is cut from each end, row by row.

    Parameters
    ----------
    outputs : array of shape (n_members, ...)
    share : float in [0, 0.5)
        ``int(share * n_members)`` members are cut from each end.

    Examples
    --------
    >>> float(trimmed_mean([1.0, 2.0, 3.0, 1000.0], share=0.25))
    2.5
    """
    if not (is_real(share) and 0 <= share < 0.5):
        raise ValueError(f"share must be a number in [0, 0.5); got {share!r}.")
    ordered = np.sort(np.asarray(outputs, dtype=np.float64), axis=0)
    cut = int(share * len(ordered))
    return mean(ordered[cut : len(ordered) - cut])


def weighted_median(outputs: ArrayLike, weights: ArrayLike) -> Floats:
    """Return the smallest output at which half of the members' weight is reached.

    AdaBoost.R2's combination (Drucker 1997, section 3). It is always one of the members' outputs.

    Parameters
    ----------
    outputs : array of shape (n_members, n_rows)
    weights : array of shape (n_members,)
        Not negative, not all zero.

    Returns
    -------
    array of shape (n_rows,)

    Examples
    --------
    >>> weighted_median([[1.0], [2.0], [10.0]], weights=[1, 1, 3])
    array([10.])
    """
    values, votes = np.asarray(outputs, np.float64), np.asarray(weights, np.float64)
    medians = np.empty(values.shape[1])
    for start in range(0, len(medians), BLOCK):
        block = slice(start, start + BLOCK)
        medians[block] = _medians_by_row(np.ascontiguousarray(values[:, block].T), votes)
    return medians


def _medians_by_row(values: Floats, votes: Floats) -> Floats:
    """Return the weighted median of each row, (n_rows, n_members); equals stay in their order."""
    n_rows, n_members = values.shape
    order = values.argsort(axis=1)  # the quick sort: it takes half the time of the stable one
    ordered = values.take(order + n_members * np.arange(n_rows)[:, np.newaxis])
    tied = ordered[:, 1:] == ordered[:, :-1]
    if tied.any():
        again = tied.any(axis=1)
        order[again] = values[again].argsort(axis=1, kind="stable")
    reached = votes.take(order)
    reached.cumsum(axis=1, out=reached)
    place = (reached >= 0.5 * reached[:, -1:]).argmax(axis=1)
    return np.asarray(ordered[np.arange(n_rows), place])


def geometric_mean(probabilities: ArrayLike) -> Floats:
    """Average the members' log-probabilities and normalise: the logarithmic opinion pool.

    The combination that minimises the mean Kullback-Leibler divergence to the members (Heskes
    1998). One member's zero would veto a class for good, so probabilities below `FLOOR` count as
    `FLOOR`.

    Parameters
    ----------
    probabilities : array of shape (n_members, n_rows, n_classes)

    Returns
    -------
    array of shape (n_rows, n_classes)
        Rows sum to one.

    Examples
    --------
    >>> geometric_mean([[[0.9, 0.1]], [[0.1, 0.9]]])
    array([[0.5, 0.5]])
    """
    return log_pool(mean(floored_log(member) for member in np.asarray(probabilities)))


def floored_log(probabilities: ArrayLike) -> Floats:
    """Take logarithms of probabilities, none of them below `FLOOR`."""
    return np.asarray(np.log(np.maximum(np.asarray(probabilities), FLOOR)))


def log_pool(mean_logs: ArrayLike) -> Floats:
    """Turn mean log-probabilities into probabilities: exponentiate and normalise each row."""
    logs = np.asarray(mean_logs, dtype=np.float64)
    pooled = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return np.asarray(pooled / pooled.sum(axis=-1, keepdims=True))


def rank_mean(outputs: ArrayLike) -> Floats:
    """Average the members' ranks, scaled to (0, 1]; equal outputs share their mean rank.

    For scores whose scales differ while their orders agree, as in blending for AUC. The result
    says how a row stands among *these* rows, so it changes with the rows asked about.

    Parameters
    ----------
    outputs : array of shape (n_members, n_rows)

    Examples
    --------
    >>> rank_mean([[0.1, 0.2, 0.9], [10, 30, 20]])
    array([0.33333333, 0.83333333, 0.83333333])
    """
    values = np.asarray(outputs)
    return mean(_ranks(member) / values.shape[1] for member in values)


def _ranks(values: NDArray[Any]) -> Floats:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places])


class HeldOutMean:
    """The running form of `held_out_mean`: add one member after the other, ask at any time."""

    def __init__(self, n_rows: int) -> None:
        self.count = np.zeros(n_rows, dtype=np.intp)
        self._total: Floats | None = None

    def add(self, rows: ArrayLike, output: ArrayLike) -> None:
        """Add what one member says of the rows held out from it."""
        values = np.asarray(output, dtype=np.float64)
        if self._total is None:
            self._total = np.zeros((len(self.count), *values.shape[1:]))
        places = np.asarray(rows, dtype=np.intp)
        self._total[places] += values
        self.count[places] += 1

    def add_sums(self, sums: ArrayLike, count: ArrayLike) -> None:
        """Add the sum of several members' answers for each row, and how many they are."""
        total = np.asarray(sums, dtype=np.float64)
        self._total = total if self._total is None else self._total + total
        self.count = self.count + np.asarray(count, dtype=np.intp)

    def result(self) -> Floats:
        """Return the mean so far; NaN for a row that no member has judged."""
        if self._total is None:
            raise ValueError("outputs must hold at least one member; got none.")
        judged = np.where(self.count, self.count, np.nan)
        return np.asarray(self._total / judged.reshape(-1, *[1] * (self._total.ndim - 1)))


def held_out_mean(outputs: Iterable[ArrayLike], rows: Iterable[ArrayLike], n_rows: int) -> Floats:
    """Average, for each row, the outputs of the members that were not shown it.

    The out-of-bag prediction of a bag and the out-of-fold prediction of a cross-validation. A row
    that every member was shown is NaN.

    Parameters
    ----------
    outputs : iterable of arrays of shape (n_held_out, ...)
        What each member says of the rows held out from it.
    rows : iterable of integer arrays of shape (n_held_out,)
        Which rows these are.
    n_rows : int

    Returns
    -------
    array of shape (n_rows, ...)

    Examples
    --------
    >>> held_out_mean([[1.0, 2.0], [4.0]], rows=[[0, 1], [1]], n_rows=3)
    array([ 1.,  3., nan])
    """
    running = HeldOutMean(n_rows)
    for output, places in zip(outputs, rows, strict=True):
        running.add(places, output)
    return running.result()


def held_out(
    combine: Callable[[NDArray[Any]], ArrayLike],
    outputs: Sequence[ArrayLike],
    rows: Sequence[ArrayLike],
    n_rows: int,
) -> Floats:
    """Combine, for each row, the outputs of the members that were not shown it, by any rule.

    Rows that equally many members judge are combined together, so that ``combine`` sees a plain
    array of shape (n_judges, n_such_rows, ...) and need not know about missing members.

    Parameters
    ----------
    combine : callable
        Takes an array with the members first, returns one with the rows first.
    outputs, rows, n_rows
        As in `held_out_mean`.

    Returns
    -------
    array of shape (n_rows, ...)
        NaN for a row that every member was shown.
    """
    places = np.concatenate([np.asarray(member, dtype=np.intp) for member in rows])
    values = np.concatenate([np.asarray(output, dtype=np.float64) for output in outputs])
    order = np.argsort(places, kind="stable")
    counts = np.bincount(places, minlength=n_rows)
    starts = np.cumsum(counts) - counts
    combined: Floats | None = None
    for count in np.unique(counts[counts > 0]):
        these = np.flatnonzero(counts == count)
        judged = values[order[starts[these] + np.arange(count)[:, None]]]
        result = np.asarray(combine(judged), dtype=np.float64)
        if combined is None:
            combined = np.full((n_rows, *result.shape[1:]), np.nan)
        combined[these] = result
    if combined is None:
        return np.full(n_rows, np.nan)
    return combined
