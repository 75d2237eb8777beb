"""Find the best split of a column from its histogram; the gains are those of `trees.splitting`."""

from __future__ import annotations

from typing import Any

from numba import int64, uint64

from ensembles.trees.compiling import once, part
from ensembles.trees.fields import LEFT
from ensembles.trees.splitting import following_code
from ensembles.trees.vectors import EIGHT, gains_of_squares, gains_of_words

Array = Any

SUMS, GAINS, INSIDE, BESIDE = 256, 512, 768, 1024
"""Where the numbers of a scan are in its room to work in, behind the weights on the left."""


@part
def first_of_best(top: Any, tie: Any, work: Array) -> Any:
    """Return the gain of the first split that is as good as the best, but for a share of `tie`."""
    enough = top * (1.0 - tie)
    code = uint64(1)
    while work[GAINS + code] < enough:
        code += 1
    return work[GAINS + code]


@part
def scan_words(
    cells: Array,
    base: Any,
    n_codes: Any,
    shift: Any,
    aside: Any,
    total: Any,
    target: Any,
    least: Any,
    work: Array,
    bits: Array,
) -> Any:
    """Return the best gain of a column, its gains in `work`; `aside` goes left with every split.

    The gain is ``(S_L W - W_L S)^2 / (W_L W_R)``; where a side is too light, INVALID.
    """
    running = uint64(aside)
    bits[SUMS] = 0
    for code in range(1, uint64(n_codes)):
        running += cells[uint64(base) + code]
        bits[SUMS + code] = int64(running)
    for code in range(uint64(n_codes), in_eights(n_codes)):
        bits[SUMS + code] = 0
    return gains_of_words(work, LEFT, GAINS, bits, SUMS, n_codes, shift, total, target, least)


@once
def in_eights(n_codes: Any) -> Any:
    """Return the next multiple of eight: so many codes at most are looked at together."""
    return (uint64(n_codes) + (EIGHT - 1)) & ~uint64(EIGHT - 1)


@part
def scan_classes(
    cells: Array,
    base: Any,
    n_codes: Any,
    n_classes: Any,
    with_missing: Any,
    total: Any,
    totals: Array,
    least: Any,
    work: Array,
    bits: Array,
) -> Any:
    """Return the best gain ``sum_k W_Lk^2 / W_L + sum_k W_Rk^2 / W_R``, the gains in `work`.

    The sums of squares are whole numbers, made class by class: no weight takes more than 32 bits,
    and a vector instruction squares so short a number at once.
    """
    short = uint64(0xFFFFFFFF)
    for code in range(in_eights(n_codes)):
        bits[LEFT + code] = 0
        bits[INSIDE + code] = 0
        bits[BESIDE + code] = 0
    for k in range(uint64(n_classes)):
        here = uint64(base) + (k << 8)
        running = cells[here] if with_missing else uint64(0)
        for code in range(1, uint64(n_codes)):
            running += cells[here + code]
            bits[SUMS + code] = int64(running)
        own = uint64(totals[k])
        for code in range(1, uint64(n_codes)):
            inside = uint64(bits[SUMS + code]) & short
            beside = (own - inside) & short
            bits[LEFT + code] += int64(inside)
            bits[INSIDE + code] += int64(inside * inside)
            bits[BESIDE + code] += int64(beside * beside)
    return gains_of_squares(work, LEFT, GAINS, bits, INSIDE, BESIDE, n_codes, total, least)


@part
def keep_split(work: Array, n_codes: Any, top: Any, open_ended: Any, best: Array) -> None:
    """Write the last code on the left of the first split of gain `top`: the middle of the empty
    codes that follow it.
    """
    code = 1
    while work[GAINS + code] != top:
        code += 1
    following = following_code(work, code, n_codes)
    best[0] = 255 if open_ended and following == n_codes else (code + following - 1) // 2
    best[1] = code
