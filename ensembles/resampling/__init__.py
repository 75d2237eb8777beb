"""Draws: which rows a member learns from, and which it never sees.

Every class here is a scikit-learn splitter (``split`` and ``get_n_splits``), so it serves as
``cross_val_score(cv=...)`` and as ``Bagging(resampling=...)`` alike. Randomness is an address, not
a tape: draw ``i`` comes from ``(seed, i)`` alone, so it is the same whoever asks for it, in any
order, in any process.
"""

from ensembles.resampling.addresses import FAMILY, generator, seed_of
from ensembles.resampling.draws import (
    DirichletDraws,
    Draw,
    Draws,
    GroupDraws,
    ListedDraws,
    RandomDraws,
    listed_draws,
)
from ensembles.resampling.rows import (
    Rows,
    allocate,
    block_rows,
    bootstrap_rows,
    group_rows,
    stratified_rows,
    subsample_rows,
)
from ensembles.resampling.splitters import (
    BayesianBootstrap,
    BlockBootstrap,
    Bootstrap,
    GroupBootstrap,
    Resampler,
    Subsample,
    check_size,
)

__all__ = [
    "FAMILY",
    "BayesianBootstrap",
    "BlockBootstrap",
    "Bootstrap",
    "DirichletDraws",
    "Draw",
    "Draws",
    "GroupBootstrap",
    "GroupDraws",
    "ListedDraws",
    "RandomDraws",
    "Resampler",
    "Rows",
    "Subsample",
    "allocate",
    "block_rows",
    "bootstrap_rows",
    "check_size",
    "generator",
    "group_rows",
    "listed_draws",
    "seed_of",
    "stratified_rows",
    "subsample_rows",
]
