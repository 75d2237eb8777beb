"""What a growing kernel is told."""

from __future__ import annotations

from typing import Any, NamedTuple

from ensembles.trees.compiling import part
from ensembles.trees.fields import in_fours

Array = Any


class Settings(NamedTuple):
    """What a kernel is told; all integers, so that a compiled kernel serves every parameter."""

    n_rows: int
    n_columns: int
    first: int
    n_sums: int
    entropy: int
    exact: int
    by_rows: int
    max_depth: int
    min_samples_split: int
    min_samples_leaf: int
    max_features: int
    max_leaf_nodes: int
    random: int
    seed: int
    n_blocks: int
    constrained: int
    width: int
    keep: int
    sheet_width: int


(
    N_ROWS, N_COLUMNS, FIRST, N_SUMS, ENTROPY, EXACT, BY_ROWS, MAX_DEPTH, MIN_SPLIT, MIN_LEAF,
    MAX_FEATURES, MAX_LEAF_NODES, RANDOM, SEED, N_BLOCKS, CONSTRAINED, WIDTH, KEEP,
    SHEET_WIDTH,
) = range(len(Settings._fields))  # fmt: skip
"""Where the settings stand."""


USUAL, GAPPED, TABULAR = range(3)
"""How a column of a node is looked at: as ordered values, as such of which some are missing, or by
a table of its codes. A kernel is compiled for the last of these that any of its columns needs.
"""


@part
def holds_fours(settings: Array, weight: Any) -> Any:
    """Tell whether the histograms of a node of this weight hold four classes a word."""
    return in_fours(settings[N_SUMS] - 1, settings[EXACT], settings[ENTROPY], weight)
