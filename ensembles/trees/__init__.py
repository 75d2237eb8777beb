"""Histogram decision trees: binned once, grown and asked by compiled kernels, shared by all
members of an ensemble.

What a tree offers an ensemble
------------------------------
``prepare(X, y, sample_weight=None) -> Prepared``
    Bins X and encodes y, once. A `Prepared` is never changed: all members and threads share it
    without a copy.
``fit_draw(prepared, rows=None, counts=None, weights=None, features=None) -> self``
    Grows this tree (cloned and seeded by the caller) on the distinct `rows`: with integer `counts`
    each row counts as so many samples, with float `weights` as one sample of that weight;
    `features` are the columns it may split on. Rows of weight zero are dropped, other rows never
    touched, and the kernel runs without the interpreter's lock.
``Forest(trees)``
    Packs fitted trees, whose `mean`, `votes`, `held_out`, `members` and `leaves` ask all of them
    in one kernel call about a table or a `Prepared`, or about its rows start..stop. Sums are taken
    in the order of the trees, so answers do not depend on how the rows are cut.
    `in_bag_bits(draws, n_rows)` marks who was shown what, for `held_out`.
``announce_compiling()``
    From now on says on standard error, once, that kernels are compiled; they are on first use, and
    then read from the disk.

Importing this package does not import numba; the first fit does.
"""

from ensembles.trees.classifier import HistTreeClassifier
from ensembles.trees.forest import Forest, HeldOut, in_bag_bits
from ensembles.trees.preparing import Prepared
from ensembles.trees.regressor import HistTreeRegressor
from ensembles.trees.tree import Tree

__all__ = [
    "Forest",
    "HeldOut",
    "HistTreeClassifier",
    "HistTreeRegressor",
    "Prepared",
    "Tree",
    "in_bag_bits",
]
