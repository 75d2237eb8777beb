"""Tree after tree over all rows of one training set, of which only weights and targets change.

Shallow trees with the usual rules go the fast way of `shallow`; all others are grown by `deep`,
and then asked about the rows.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ensembles.trees.binning import CATEGORICAL
from ensembles.trees.checking import rules_of
from ensembles.trees.forest import Forest
from ensembles.trees.preparing import Prepared
from ensembles.trees.tree import NO_CATEGORIES, Rules, Tree

Floats = NDArray[np.float64]
Leaves = NDArray[Any]

DEEPEST = 6
"""Depth up to which a tree is grown level by level; its 127 nodes are named by a byte."""
CELLS = 1 << 23
"""Words that the histograms of one tree may take: 64 MB."""
HEAVIEST = 30
"""The total weight is a whole number of about 31 bits: its word has room for the target."""
TIE = 1e-6
"""Gains that differ by a smaller share are equal, where weights had to be rounded: else rounding
would choose between splits that are equally good, and a row of weight two be other than two rows.
"""

WORTH_THREADS = 1 << 18
"""Codes of rows to be counted, of one level, from which threads save more than they cost."""
EVERYTHING = 2**62
"""More than there are: the kernel counts all by itself."""

FAINT, LIFT = 2.0**-900, 900
"""Targets whose weighted sum is fainter are multiplied by a power of two before they are coded."""


class Crew(Protocol):
    """Threads that are kept ready."""

    n: int

    def each(self, work: Any, pieces: Any) -> None:
        """Do the work on every piece, in any order."""


class Rounds:
    """Grows trees on all rows of a prepared training set, one a round.

    Parameters
    ----------
    learner
        A tree whose parameters all rounds share, but for `random_state`.
    prepared
        From its `prepare`.
    crew
        Threads that count the columns of large levels; the trees are the same without.

    Examples
    --------
    >>> import numpy as np
    >>> from ensembles.trees import HistTreeClassifier
    >>> stump = HistTreeClassifier(max_depth=1, random_state=0)
    >>> prepared = stump.prepare([[0.0], [1.0], [2.0]], ["no", "yes", "yes"])
    >>> stump.rounds(prepared).grow(stump, weights=np.array([0.2, 0.2, 0.6]))
    array([1, 2, 2], dtype=uint8)
    """

    def __init__(self, learner: Any, prepared: Prepared, crew: Crew | None = None) -> None:
        self.prepared = prepared
        self._crew = crew
        n_rows, n_columns = prepared.codes.shape
        self._rules: Rules = rules_of(learner, n_rows, n_columns, prepared.bins.names)
        self._fast = self._is_plain(learner)
        if self._fast:
            self._set_desk()

    def _is_plain(self, learner: Any) -> bool:
        """Tell whether the level-by-level kernel grows the tree that these parameters ask for."""
        rules, prepared = self._rules, self.prepared
        usual = not (rules.entropy or rules.random or rules.max_leaf_nodes or learner.ccp_alpha)
        usual = usual and rules.min_samples_leaf == 1 and rules.min_impurity_decrease == 0.0
        usual = usual and rules.signs is None and rules.max_features >= len(prepared.kinds)
        usual = usual and getattr(learner, "class_weight", None) is None
        usual = usual and rules.max_depth <= DEEPEST and bool((prepared.kinds != CATEGORICAL).all())
        n_classes = 2 if prepared.classes is None else len(prepared.classes)
        outputs = 1 if prepared.classes is not None else prepared.y.shape[1]
        return usual and outputs == 1 and n_classes > 1 and self._n_cells(n_classes) <= CELLS

    def _n_cells(self, n_classes: int) -> int:
        width = n_classes if n_classes > 2 else 1
        return int(256 * width * len(self.prepared.kinds) << max(0, self._rules.max_depth - 1))

    def _set_desk(self) -> None:
        """Make the arrays that all rounds work in."""
        classes = self.prepared.classes
        n_rows, n_columns = self.prepared.codes.shape
        self._many = classes is not None and len(classes) > 2
        self._n_sums = len(classes) if classes is not None and self._many else 2
        capacity = 2 ** (self._rules.max_depth + 1) + 1
        width = self._n_sums if self._many else 1
        n_slots = 1 << max(0, self._rules.max_depth - 1)
        self._set_order(width)
        self._words = np.empty(n_rows, np.uint64)
        self._place = np.empty(n_rows, np.uint8)
        self._listed = np.empty(n_rows + 1, np.uint32)
        self._cells = np.empty(256 * width * n_columns * n_slots, np.uint64)
        self._nodes = np.empty((capacity, 12), np.int64)
        self._totals = np.empty((capacity, self._n_sums), np.int64)
        self._ranges = np.empty((capacity, 2))
        self._slots = np.empty(capacity + 2, np.int64)
        self._segments = np.empty(n_slots * width + 1, np.int64)
        self._work = np.empty(1280)
        self._best = np.empty(2, np.int64)
        self._kinds, self._sizes = self.prepared.kinds, self.prepared.sizes
        self._bits, self._sums = self._work.view(np.int64), np.empty((capacity, 3))
        self._none, self._target = np.empty(0), np.empty(0)
        self._settings = np.empty(7, np.int64)
        self._state = np.empty(4, np.int64)

    def _set_order(self, n_planes: int) -> None:
        """Lay the rows of a class together where there are several, so that those of one class are
        counted into one histogram after the other, which fit the nearest cache.
        """
        codes, classes = self.prepared.codes, self.prepared.y
        self._order: NDArray[np.intp] | None = None
        self._starts = np.array([0, len(codes)])
        if self._many:
            self._order = np.argsort(classes.astype(np.min_scalar_type(n_planes)), kind="stable")
            self._starts = np.searchsorted(classes[self._order], np.arange(n_planes + 1))
            codes = codes[self._order]
            self._back = np.empty_like(self._order)
            self._back[self._order] = np.arange(len(self._order))
        self._codes = np.ascontiguousarray(codes)

    def grow(
        self,
        learner: Any,
        weights: Floats | None = None,
        counts: NDArray[Any] | None = None,
        target: Floats | None = None,
    ) -> Leaves:
        """Grow `learner`, a seeded clone, and return the leaf of every row, (n_rows,).

        Parameters
        ----------
        learner
            Becomes a fitted tree.
        weights
            (n_rows,) floats, each row one sample of that weight; 0 leaves a row out.
        counts
            (n_rows,) in their place: each row counts as so many samples.
        target
            (n_rows,) numbers to learn in place of the prepared ones; for a regressor.
        """
        prepared = self.prepared if target is None else self.prepared.aimed_at(target)
        if self._fast:
            return self._grow_shallow(learner, prepared, weights, counts)
        learner.fit_draw(prepared, weights=weights, counts=counts)
        return self.leaves(learner)

    def leaves(self, learner: Any) -> Leaves:
        """Return the leaf that each row reaches in a fitted tree, (n_rows,)."""
        return Forest([learner]).leaves(self.prepared)[:, 0]

    def drawn(self, shares: Floats, uniform: Floats) -> NDArray[np.int32]:
        """Return how often each row is drawn, in proportion to its share, by uniform numbers.

        The counts of ``numpy.random.RandomState.choice(n_rows, len(uniform), p=shares)``.
        """
        from ensembles.trees import shallow

        reached = shares.cumsum()
        reached /= reached[-1]
        counts, guide = np.empty(len(shares), np.int32), np.empty(len(shares), np.int32)
        shallow.count_draws(reached, uniform, guide, counts)
        return counts

    def _grow_shallow(
        self, learner: Any, prepared: Prepared, weights: Any, counts: Any
    ) -> NDArray[np.uint8]:
        from ensembles.trees import shallow

        drawn = weights if counts is None else counts
        drawn = np.ones(prepared.n_rows) if drawn is None else np.asarray(drawn, np.float64)
        whole, shift, power = self._encode(prepared, drawn, counts is not None)
        fraction = self._rules.min_weight_fraction_leaf
        least = max(float(np.ldexp(fraction * drawn.sum(), power)), 1.0) if fraction else 1.0
        self._settings[:] = (
            self._rules.max_depth,
            self._rules.min_samples_split,
            counts is None,
            shift,
            self._n_sums,
            learner.random_state % 2**63,
            EVERYTHING if self._crew is None else WORTH_THREADS,
        )
        self._state[0] = -1
        desk = (
            self._codes,
            self._words,
            self._starts,
            self._none if prepared.classes is not None else self._target,
            self._settings,
            self._state,
            np.array([least, 0.0 if whole else TIE]),
            self._sizes,
            self._cells,
            self._nodes,
            self._totals,
            self._ranges,
            self._place,
            self._listed,
            self._segments,
            self._slots,
            self._work,
            self._bits,
            self._best,
        )
        grow = shallow.grower(self._many)
        while (n_nodes := grow(*desk)) == shallow.UNCOUNTED:
            assert self._crew is not None
            self._crew.each(self._count, column_blocks(len(self._kinds), self._crew.n))
        tree = self._finished(prepared, n_nodes, drawn, power)
        learner._hold(prepared, tree, len(self._kinds))
        return self._in_user_order(self._place)

    def _count(self, columns: tuple[int, int]) -> None:
        """Count the level at which the growth waits, in the columns from one to another."""
        from ensembles.trees import shallow

        shallow.count(
            self._codes,
            self._words,
            self._listed,
            self._segments,
            self._slots,
            self._nodes,
            self._state,
            len(self._starts) - 1,
            *columns,
            self._cells,
        )

    def _in_user_order(self, place: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return place.copy() if self._order is None else place.take(self._back)

    def _encode(
        self, prepared: Prepared, drawn: Floats, counts: bool = False
    ) -> tuple[bool, int, int]:
        """Write the rows' words; return whether weights are whole as they are, as counts are,
        where the target begins in a word, and the power of two that weights were multiplied by.
        """
        from ensembles.trees import shallow

        heaviest = float(drawn.sum())
        if not heaviest > 0:
            raise ValueError("a tree needs at least one row of positive weight; got none.")
        whole = heaviest < 2**HEAVIEST and (counts or drawn[0] == np.rint(drawn[0]))
        whole = whole and (counts or np.array_equal(drawn, np.rint(drawn)))
        power = 0 if whole else HEAVIEST - int(np.frexp(heaviest)[1])
        scale = float(np.ldexp(1.0, power))
        if prepared.classes is not None:
            shift = 0 if self._many else 32
            drawn = drawn if self._order is None else drawn.take(self._order)
            shallow.encode_classes(drawn, prepared.y, scale, shift, self._words)
            return whole, shift, power
        shift = int(heaviest).bit_length() if whole else HEAVIEST + 1
        self._target = target = np.ascontiguousarray(prepared.y[:, 0])
        largest = 2.0 * shallow.absolute_sum(drawn, target)
        if largest < FAINT:  # what it must be multiplied by would be no double
            target = np.ldexp(target, LIFT)
            largest = 2.0 * shallow.absolute_sum(drawn, target)
        target_power = 62 - shift - int(np.frexp(largest)[1])
        target_scale = float(np.ldexp(1.0, target_power))
        shallow.encode_reals(drawn, target, scale, target_scale, shift, self._words)
        return whole, shift, power

    def _finished(self, prepared: Prepared, n_nodes: int, drawn: Floats, power: int) -> Tree:
        """Turn what the kernel left on the desk into a tree in the user's units."""
        from ensembles.trees import shallow

        n_classes = 1 if prepared.classes is None else len(prepared.classes)
        right, feature = np.empty(n_nodes, np.int32), np.empty(n_nodes, np.int32)
        code, missing_left = np.empty(n_nodes, np.uint8), np.empty(n_nodes, np.uint8)
        samples, weight = np.empty(n_nodes, np.int64), np.empty(n_nodes)
        squared_error = np.empty(n_nodes)
        value = np.empty((n_nodes, n_classes))
        depth = shallow.describe_splits(
            self._nodes,
            n_nodes,
            right,
            feature,
            code,
            missing_left,
            samples,
        )
        if prepared.classes is None:
            shallow.describe_means(
                drawn,
                self._target,
                self._place,
                right,
                float(prepared.centre[0]),
                self._sums,
                weight,
                value[:, 0],
                squared_error,
            )
            value = value[:, :, np.newaxis]
        else:
            unit = 2.0**-power
            shallow.describe_shares(self._nodes, self._totals, n_nodes, unit, weight, value)
            value = value[:, np.newaxis, :]
        return Tree(
            children_right=right,
            feature=feature,
            code=code,
            missing_go_to_left=missing_left,
            category_codes=NO_CATEGORIES,
            n_node_samples=samples,
            weighted_n_node_samples=weight,
            value=value,
            max_depth=depth,
            bins=prepared.bins,
            entropy=False,
            squared_error=None if prepared.classes is not None else squared_error,
        )


def column_blocks(n_columns: int, n_blocks: int) -> list[tuple[int, int]]:
    """Divide columns into blocks of neighbours, (first, last + 1), of whole groups of eight where
    there are enough.

    Examples
    --------
    >>> column_blocks(20, 2)
    [(0, 8), (8, 20)]
    """
    step = 8 if n_columns >= 8 * n_blocks else 1
    n_groups = n_columns // step
    n_blocks = min(n_blocks, n_groups)
    ends = [n_groups * block // n_blocks * step for block in range(1, n_blocks)]
    return list(pairwise([0, *ends, n_columns]))
