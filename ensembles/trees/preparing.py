"""What a fit needs once, however many trees it grows: codes and targets; and what each draw makes
of them.

All sums that choose a split are sums of integers: a weight is a whole number of 2^-a, a weighted
target one of 2^-b, with a and b as large as the draw's total lets them be without overflow. So the
order of the rows cannot matter, a row of weight k is k rows, exactly, and a histogram is the
difference of two others. What is lost is below 2^-52 of the range of the target for a thousand
rows and below 2^-37 for ten million.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensembles.trees.binning import Bins

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Words = NDArray[np.uint64]

PACKED, SCALAR, CLASSES, OUTPUTS = 0, 1, 2, 3
"""How a node's target is summed; see `histogram`."""
FURTHEST = float(np.sqrt(np.finfo(float).max))
"""A number whose square is one."""
HEAVIEST = 2**52
"""A weight, as a whole number, that no node has: lighter ones fit in the last bits of a double."""
NOTHING = np.zeros(1, np.int64)


@dataclass(frozen=True)
class Prepared:
    """A training set, binned and encoded once, shared by all members and threads without a copy.

    Attributes
    ----------
    codes
        (n_rows, n_columns), one byte a cell.
    bins
        How the codes were made.
    classes
        The distinct labels, or None for a regression.
    y
        Class numbers (n_rows,), or targets (n_rows, n_outputs) less their centre.
    centre
        (n_outputs,), taken off the targets so that they need fewer bits.
    flat
        Whether the target was given as one column without a second axis.
    feature_names
        The names of the columns, where they have any.
    """

    codes: NDArray[np.uint8]
    bins: Bins
    classes: NDArray[Any] | None
    y: NDArray[Any]
    centre: Floats
    flat: bool = True
    feature_names: NDArray[Any] | None = None
    kinds: NDArray[np.uint8] = field(init=False)
    sizes: Integers = field(init=False)
    plain: bool = field(init=False)

    def __post_init__(self) -> None:
        """Keep what every tree asks for."""
        object.__setattr__(self, "kinds", self.bins.kinds)
        object.__setattr__(self, "sizes", self.bins.sizes)
        object.__setattr__(self, "plain", not self.kinds.any())

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make again what kernels take as writable: a process is handed read-only maps of it."""
        vars(self).update(state)
        self.__post_init__()

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(self.codes)

    @property
    def n_values(self) -> int:
        """The number of classes, or of targets."""
        return self.y.shape[1] if self.classes is None else len(self.classes)

    def aimed_at(self, target: Floats) -> Prepared:
        """Return the same codes with another target, numbers of shape (n_rows,).

        What a round of boosting learns changes from round to round, the bins never.
        """
        y, centre = centred(np.asarray(target, float)[:, np.newaxis])
        return replace(self, classes=None, y=y, centre=centre, flat=True)

    def over(self, X: Any) -> Prepared:
        """Return another table in the same bins, without a target: rows to ask about."""
        return replace(self, codes=self.bins.encode(X), y=self.y[:0])

    @cached_property
    def grid(self) -> tuple[Integers, NDArray[np.int64]]:
        """The targets as integers, (n_rows, n_outputs), and the power of two each was multiplied
        by.
        """
        return whole_targets(self.y, max(self.n_rows, 1))

    @cached_property
    def furthest(self) -> float:
        """How far a target lies from the centre, at most."""
        return float(np.abs(self.y).max(initial=0.0))

    @cached_property
    def words(self) -> Words:
        """The payload of each row as if it had weight one: of two classes the weight and the
        weight of the second class in one word, of targets (1 + 2 n_outputs) words.
        """
        if self.classes is not None:
            return (1 + (self.y << 32)).astype(np.uint64)[:, np.newaxis]
        return joined(np.ones(self.n_rows, np.int64), self.grid[0], self.y)


def joined(share: Integers, sums: Integers, y: Floats) -> Words:
    """Return weights, weighted targets and targets side by side."""
    return np.concatenate([share[:, np.newaxis], sums, y.view(np.int64)], axis=1).view(np.uint64)


def whole_targets(y: Floats, total: float) -> tuple[Integers, NDArray[np.int64]]:
    """Return targets as integers, (n_rows, n_outputs), and the power of two each was multiplied by:
    as large as a sum over weights of this total allows.
    """
    powers = fine_power(2.0 * total * np.abs(y).max(axis=0, initial=0.0))
    return np.rint(np.ldexp(y, powers)).astype(np.int64), powers


def fine_power(largest_sum: Any) -> NDArray[np.int64]:
    """Return the power of two by which numbers whose sum is at most this may be multiplied to fit
    in 62 bits.
    """
    return np.asarray(61 - np.frexp(np.asarray(largest_sum, float))[1], np.int64)


def centred(y: Floats) -> tuple[Floats, Floats]:
    """Return targets (n_rows, n_outputs) less the middle of their range, and that middle.

    The middle is rounded to a few bits, so that whole numbers stay whole.
    """
    if not len(y):
        return y, np.zeros(y.shape[1])
    low, high = y.min(axis=0), y.max(axis=0)
    with np.errstate(over="ignore"):
        span = np.where(np.isfinite(high - low), high - low, np.finfo(float).max)
        step = np.ldexp(1.0, np.frexp(span)[1] - 8)
        middle = np.where(
            step > 0, np.rint((low / 2 + high / 2) / np.maximum(step, 1e-300)) * step, low
        )
    middle = np.where(np.isfinite(middle) & (span > 0), middle, low)
    return y - middle, middle


class Draw(NamedTuple):
    """The rows a tree learns from, as its kernel wants them.

    Attributes
    ----------
    rows
        (m,) the distinct rows.
    payload
        (m, n_words) what each row adds to a bin, and what its node's squared error needs.
    total
        The weight of all rows, in the user's units.
    weight_power
        A weight is payload / 2^weight_power.
    powers
        (n_outputs,) likewise for the weighted targets.
    by_rows
        Whether a row counts as one sample, whatever its weight.
    """

    mode: int
    rows: Integers
    payload: Words
    total: float
    weight_power: int
    powers: NDArray[np.int64]
    n_sums: int
    by_rows: bool
    exact: bool


def draw_of(prepared: Prepared, rows: Any, counts: Any, weights: Any, entropy: bool) -> Draw:
    """Encode a draw: rows with counts (each row repeated so often) or with weights (each row one
    sample).
    """
    rows = np.arange(prepared.n_rows) if rows is None else np.ascontiguousarray(rows, np.int64)
    by_rows = weights is not None
    share, power, total = whole_weights(len(rows), counts, weights)
    if np.count_nonzero(share) < len(rows):
        kept = np.flatnonzero(share)
        rows, share = rows[kept], share[kept]
    if not len(rows):
        raise ValueError("a tree needs at least one row of positive weight; got none.")
    heaviest = int(total) if power == 0 else int(share.sum())
    if prepared.classes is None:
        return draw_of_targets(prepared, rows, share, power, total, heaviest, by_rows)
    whole, y = power == 0 and heaviest < 2**31, prepared.y
    n_classes = len(prepared.classes)
    if n_classes == 2 and not entropy and whole:
        payload = prepared.words.take(rows, axis=0)
        payload[:, 0] *= share.view(np.uint64)
        return Draw(PACKED, rows, payload, total, 0, NOTHING, 2, by_rows, True)
    y = y[rows]
    if n_classes == 2 and not entropy:
        payload = joined(share, (share * y)[:, np.newaxis], y[:, np.newaxis].astype(float))
        return Draw(SCALAR, rows, payload, total, power, NOTHING + power, 2, by_rows, False)
    by_class = np.argsort(y.astype(np.min_scalar_type(n_classes - 1)), kind="stable")
    rows = rows[by_class]
    payload = np.stack([share[by_class], y[by_class]], axis=1).view(np.uint64)
    powers = NOTHING + power
    return Draw(CLASSES, rows, payload, total, power, powers, 1 + n_classes, by_rows, whole)


def draw_of_targets(
    prepared: Prepared,
    rows: Integers,
    share: Integers,
    power: int,
    total: float,
    heaviest: int,
    by_rows: bool,
) -> Draw:
    """Encode a draw of numbers to be learned: `share` in parts of 2^-power is the weight of each of
    the rows, `heaviest` that of all, and `total` in the user's units.
    """
    n_outputs = prepared.y.shape[1]
    if not in_range(prepared.furthest, heaviest, total):
        check_range(prepared.y[rows], heaviest, total)
    if power == 0 and not by_rows and heaviest <= 2 * prepared.n_rows:
        powers = prepared.grid[1]
        payload = prepared.words.take(rows, axis=0)
        for word in payload.T[: 1 + n_outputs]:  # rows are many, words few
            word *= share.view(np.uint64)
    else:
        y = prepared.y[rows]
        if power == 0:
            whole_y, powers = whole_targets(y, total)
            sums = whole_y * share[:, np.newaxis]
        else:
            heavy = np.ldexp(share.astype(float), -power)
            powers = fine_power(2.0 * (heavy @ np.abs(y)))
            sums = np.rint(np.ldexp(y * heavy[:, np.newaxis], powers)).astype(np.int64)
        payload = joined(share, sums, y)
    mode = SCALAR if n_outputs == 1 else OUTPUTS
    return Draw(mode, rows, payload, total, power, powers, 1 + n_outputs, by_rows, False)


def in_range(furthest: float, heaviest: int, total: float) -> bool:
    """Tell whether the squared sum of targets no further from the middle is a number.

    `heaviest` is the weight as the kernel counts it, `total` as the user does.
    """
    return furthest <= FURTHEST / max(heaviest, 4) and furthest <= FURTHEST / max(sqrt(total), 1.0)


def check_range(y: Floats, heaviest: int, total: float) -> None:
    """Refuse targets whose squared sum, at this weight in all, would not be a number."""
    furthest = float(np.abs(y).max())
    if not in_range(furthest, heaviest, total):
        raise ValueError(
            f"y must have a finite squared error; got values {furthest:g} from the middle of "
            f"their range, of weight {total:g} in all."
        )


def whole_weights(n: int, counts: Any, weights: Any) -> tuple[Integers, int, float]:
    """Return weights as whole numbers of 2^-power, that power, and their sum; none lighter than
    one such part, and all together lighter than `HEAVIEST`.
    """
    if weights is None:
        share = np.ones(n, np.int64) if counts is None else np.ascontiguousarray(counts, np.int64)
        total = float(share.sum())
        if total >= HEAVIEST:
            raise ValueError(f"counts must have a sum below 2^52; got {total:g}.")
        return share, 0, total
    weights = np.ascontiguousarray(weights, np.float64)
    with np.errstate(over="ignore"):
        total = float(weights.sum())
    if not np.isfinite(total):
        raise ValueError("sample_weight must have a finite sum; got inf.")
    if total < 2**31 and np.array_equal(weights, np.rint(weights)):
        return weights.astype(np.int64), 0, total
    power = int(52 - np.frexp(total)[1])
    share = in_parts(weights, power)
    if share.sum() >= HEAVIEST:  # they were rounded up
        power -= 1
        share = in_parts(weights, power)
    return share, power, total


def in_parts(weights: Floats, power: int) -> Integers:
    """Return weights as whole numbers of 2^-power, none of them nothing that was not."""
    share = np.rint(np.ldexp(weights, power)).astype(np.int64)
    return np.maximum(share, weights > 0)
