"""A slow, obvious grower: tries every split of every column, in Python loops."""

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

MASK = 2**64 - 1


def mix(key):
    """splitmix64, as the engine draws."""
    key = (key + 0x9E3779B97F4A7C15) & MASK
    key = ((key ^ (key >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    key = ((key ^ (key >> 27)) * 0x94D049BB133111EB) & MASK
    return key ^ (key >> 31)


@dataclass
class Problem:
    """Codes (n_rows, n_columns), targets (n_rows, n_outputs) or classes, weights, and the
    criterion.
    """

    codes: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    criterion: str = "gini"
    min_leaf: float = 1
    min_rows: int = 1
    signs: tuple[int, ...] = ()

    def impurity(self, rows):
        """Weight times impurity of some rows."""
        w, y = self.weights[rows], self.y[rows]
        if self.criterion == "squared_error":
            return (
                sum(float((w * (t - np.average(t, weights=w)) ** 2).sum()) for t in y.T)
                / y.shape[1]
            )
        shares = np.array([w[y == k].sum() for k in np.unique(y)]) / w.sum()
        if self.criterion == "gini":
            return float(w.sum() * (1 - (shares**2).sum()))
        return float(-w.sum() * (shares * np.log2(shares)).sum())

    def gain(self, rows, left):
        """How much a split takes off the impurity; None where a side is too light."""
        right = np.setdiff1d(rows, left)
        if (
            min(self.weights[left].sum(), self.weights[right].sum()) < self.min_leaf
            or min(len(left), len(right)) < self.min_rows
        ):
            return None
        return self.impurity(rows) - self.impurity(left) - self.impurity(right)

    def mean(self, rows):
        """The mean target of some rows: the share of the second class, or of the only output."""
        y = self.y[rows, 0] if self.y.ndim == 2 else self.y[rows]
        return float(np.average(y, weights=self.weights[rows]))

    def obeys(self, rows, left, column, bounds, slack):
        """Whether a split keeps the column's sign and the node's bounds, by more than the slack."""
        sign = self.signs[column] if self.signs else 0
        if sign == 0:
            return True
        means = self.mean(left), self.mean(np.setdiff1d(rows, left))
        return (
            sign * (means[1] - means[0]) >= slack
            and min(means) >= bounds[0] + slack
            and max(means) <= bounds[1] - slack
        )

    def bounds_below(self, left, right, column, bounds):
        """The bounds of the two children's means."""
        sign = self.signs[column] if self.signs else 0
        middle = (self.mean(left) + self.mean(right)) / 2
        below, above = (bounds[0], middle), (middle, bounds[1])
        return {0: (bounds, bounds), 1: (below, above), -1: (above, below)}[sign]

    def pure(self, rows):
        """Whether some rows have one target."""
        return bool((self.y[rows] == self.y[rows][:1]).all())


def ordered_splits(codes, rows):
    """Every split of an ordered column: missing (code 0) on either side, or against the rest."""
    values = np.unique(codes[rows])
    present = values[values > 0]
    missing = rows[codes[rows] == 0]
    for last in present[:-1] if not len(missing) else present:
        below = rows[(codes[rows] <= last) & (codes[rows] > 0)]
        yield below
        if len(missing) and last != present[-1]:
            yield np.concatenate([below, missing])


def category_splits(codes, rows):
    """Every two-way partition of the categories, missing being one of them."""
    present = np.unique(codes[rows])
    for size in range(1, len(present)):
        for chosen in combinations(present, size):
            yield rows[np.isin(codes[rows], chosen)]


def best_gain(problem, rows, categorical, bounds=(-np.inf, np.inf), columns=None):
    """The largest gain of any split of any column, or of those given."""
    gains = []
    for column in range(problem.codes.shape[1]) if columns is None else columns:
        splits = category_splits if categorical[column] else ordered_splits
        gains += [
            problem.gain(rows, left)
            for left in splits(problem.codes[:, column], rows)
            if problem.obeys(rows, left, column, bounds, 1e-9)
        ]
    return max((g for g in gains if g is not None), default=None)


def score(problem, rows, left):
    """The quantity the engine maximises, computed as it does, so that equal splits are equal to
    the last bit.
    """
    w, y = problem.weights, problem.y
    right = np.setdiff1d(rows, left)
    heavy, beside = float(w[left].sum()), float(w[right].sum())
    if min(heavy, beside) < problem.min_leaf:
        return -1.0
    if problem.criterion == "gini" and y.max() > 1:
        squares = [
            sum(float(w[r][y[r] == k].sum()) ** 2 for k in range(y.max() + 1))
            for r in (left, right)
        ]
        return squares[0] / heavy + squares[1] / beside
    target = y[:, 0] if y.ndim == 2 else y
    slope = float((w * target)[left].sum()) * (heavy + beside) - heavy * float(
        (w * target)[rows].sum()
    )
    return slope * slope / (heavy * beside)


def columns_in_turn(key, n_columns, n_wanted):
    """Return the columns in the order in which a node looks at them: in a circle from a drawn one
    where it looks at all, else shuffled.
    """
    if n_wanted >= n_columns:
        return [(turn + mix(key) % n_columns) % n_columns for turn in range(n_columns)]
    columns = list(range(n_columns))
    for place in range(n_columns):
        chosen = place + mix((key + place) & MASK) % (n_columns - place)
        columns[place], columns[chosen] = columns[chosen], columns[place]
    return columns


def columns_looked_at(problem, rows, categorical, key, n_wanted):
    """Return the columns drawn for a node: as many as are wanted that have more than one code, the
    missing being one, and further until one of them has a split.
    """
    seen, n_tried = [], 0
    for column in columns_in_turn(key, problem.codes.shape[1], n_wanted):
        enough = n_tried >= n_wanted
        if enough and best_gain(problem, rows, categorical, columns=seen) is not None:
            break
        seen.append(column)
        n_tried += len(np.unique(problem.codes[rows, column])) > 1
    return seen


def grow_slowly(problem, seed, max_depth=99, max_features=None):
    """Return the tree as [(column, last code on the left)], -2 and 0 for a leaf, depth first, left
    before right.

    Columns of one code do not count as looked at, and the search goes on until a split is found.
    """
    codes, n_columns = problem.codes, problem.codes.shape[1]
    n_wanted = max_features or n_columns
    nodes = []

    def best_of(rows, key):
        best, found, n_tried = -1.0, None, 0
        for column in columns_in_turn(key, n_columns, n_wanted):
            if n_tried >= n_wanted and found:
                break
            values = np.unique(codes[rows, column])
            n_tried += len(values) > 1
            for low, high in pairwise(values):
                gain = score(problem, rows, rows[codes[rows, column] <= low])
                if gain > best:
                    best, found = gain, (column, (int(low) + int(high) - 1) // 2)
        return found

    def grow(rows, key, depth):
        found = None if problem.pure(rows) or depth == max_depth else best_of(rows, key)
        nodes.append(found or (-2, 0))
        if found:
            goes_left = codes[rows, found[0]] <= found[1]
            for side, child in enumerate((rows[goes_left], rows[~goes_left])):
                grow(child, mix((2 * key + side) & MASK), depth + 1)

    grow(np.flatnonzero(problem.weights > 0), mix(seed), 0)
    return nodes
