"""Grow a shallow tree over all rows at once, level by level: what a round of boosting asks for.

Nothing is copied and no row moves: a row is a word of weight and target, its codes stay where they
are, and `place` says which node it is in. Sums are sums of integers, as in `histogram`, so the tree
is the one that `deep` grows from the same whole weights, node for node.

A word holds the weight in its lower `shift` bits and the weighted target, which may be negative,
above them: one addition does a cell. With more than two classes the word is the weight, and the
class is the last axis of the histogram: one addition as well, however many classes there are.
"""

from ensembles.trees.shallow.counting import count
from ensembles.trees.shallow.describing import describe_means, describe_shares, describe_splits
from ensembles.trees.shallow.drawing import count_draws
from ensembles.trees.shallow.growing import UNCOUNTED, grower
from ensembles.trees.shallow.words import absolute_sum, encode_classes, encode_reals

__all__ = [
    "UNCOUNTED",
    "absolute_sum",
    "count",
    "count_draws",
    "describe_means",
    "describe_shares",
    "describe_splits",
    "encode_classes",
    "encode_reals",
    "grower",
]
