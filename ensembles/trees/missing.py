"""Split a column of ordered values of which some are missing in the node, from its histogram, where
there are two classes.

The missing are tried on the right of each split, also against all others, then on the left: of
equal gains the first wins.
"""

from __future__ import annotations

from typing import Any

from numba import float64, int64, uint64

from ensembles.trees.compiling import once
from ensembles.trees.fields import LEFT, SUMS
from ensembles.trees.splitting import (
    CONSTANT,
    INVALID,
    best_of_gains,
    following_code,
    gains_of_sums,
)

Array = Any


@once
def scan_missing(
    histogram: Array,
    base: Any,
    n_codes: Any,
    totals: Array,
    least: Any,
    beaten: Any,
    work: Array,
    bits: Array,
    place: Array,
) -> Any:
    """Find the best split; see `splitting.scanner`."""
    total, target = float64(totals[0]), float64(totals[1])
    found, low, high, side = INVALID, int64(0), int64(0), int64(0)
    for missing_left in range(2):
        weight = uint64(0)
        if missing_left:
            weight = histogram[uint64(base)]
        alone = weight
        work[LEFT] = work[SUMS] = 0.0
        for code in range(1, uint64(n_codes)):
            weight += histogram[uint64(base) + code]
            left = weight & uint64(0xFFFFFFFF)
            # A weight of nothing forbids the split: the missing alone were tried on the right.
            work[LEFT + code] = float64(int64(left if weight != alone else uint64(0)))
            work[SUMS + code] = float64(int64(weight >> uint64(32)))
        gains_of_sums(n_codes, total, target, work)
        gain = best_of_gains(n_codes, total, least, work, bits, place)
        if gain > found:
            found, low, side = gain, place[0], int64(missing_left)
            if gain > beaten:
                high = following_code(work, low, n_codes)
    aside = histogram[uint64(base)] & uint64(0xFFFFFFFF)
    if found < 0.0 and float64(int64(aside)) == total:
        return CONSTANT
    place[0], place[1], place[2] = low, high, side
    if high == n_codes:  # the missing against all others, whatever their code
        place[0], place[1] = 255, 256
    return found
