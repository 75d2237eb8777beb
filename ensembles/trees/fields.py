"""Class weights side by side in one word: many classes are then counted as two are.

Where the weight of a node is a count of at most 65 535, four classes share a word of 64 bits; where
it is at most 255, eight do. A row adds its weight to one field of one word. Words are added up over
the codes, and subtracted from those of the whole node, with no thought for their fields: none holds
more than the node's weight, so none overflows or borrows. Squares are taken field by field, and
their sum fits in twice a field's bits: sum_k w_k^2 <= (sum_k w_k)^2.

More classes lie in further planes. In a histogram a plane is a table of 256 words, and the tables
of a heavier node hold one class each.
"""

from __future__ import annotations

from typing import Any

from numba import int64, uint64

from ensembles.trees.compiling import once, part
from ensembles.trees.histogram import clear_tables
from ensembles.trees.vectors import (
    EIGHT,
    PLANE_OF_FIELDS,
    gains_of_eights,
    gains_of_fours,
    lowest_bit,
)

Array = Any

MOST_CLASSES = 64
"""Classes that may share words."""
FOUR_A_WORD, EIGHT_A_WORD = 65_535, 255
"""The weight that a node may have."""
STEP = 512
LEFT, SUMS, GAINS, SPARE = 0, STEP, 2 * STEP, 3 * STEP
SEEN = 512
"""Where the mask of occupied bins lies, behind the bins."""
EIGHTS = SEEN + 8
"""Where the bins of eights lie."""
RUNNING = EIGHTS + 256 * MOST_CLASSES // 8
"""Where words lie that were added up over the codes."""
BINS = RUNNING + PLANE_OF_FIELDS * MOST_CLASSES // 4
"""Words of all these."""


@part
def in_fours(n_classes: Any, exact: Any, entropy: Any, weight: Any) -> Any:
    """Tell whether the histograms of a node of this weight hold four classes a word."""
    return exact and not entropy and n_classes <= MOST_CLASSES and weight <= FOUR_A_WORD


@part
def in_eights(n_classes: Any, exact: Any, entropy: Any, weight: Any) -> Any:
    """Tell whether a node of this weight may be counted with eight classes a word."""
    return exact and not entropy and n_classes <= MOST_CLASSES and weight <= EIGHT_A_WORD


@part
def planes_of(n_classes: Any, a_word: Any) -> Any:
    """Return the number of planes, given how many classes share a word."""
    return (uint64(n_classes) + uint64(a_word - 1)) // uint64(a_word)


@once
def fill_classes(
    fours: Any,
    records: Array,
    codes: Array,
    first: Any,
    columns: Array,
    n_columns: Any,
    n_classes: Any,
    sizes: Array,
    width: Any,
    start: Any,
    stop: Any,
    histogram: Array,
) -> None:
    """Count rows start..stop into the histograms of columns, of which the i-th begins at
    i * width; a row is read once. Cells behind a column's last code are not touched.
    """
    n_tables = planes_of(n_classes, 4) if fours else uint64(n_classes)
    clear_tables(columns, n_columns, n_tables, sizes, width, histogram)
    for row in range(uint64(start), uint64(stop)):
        word, k = records[row, 0], records[row, 1]
        if fours:
            word <<= (k & 3) << 4
            k >>= 2
        base = k << 8
        for i in range(uint64(n_columns)):
            code = uint64(codes[row, uint64(first + columns[i])])
            histogram[base + code] += word
            base += uint64(width)


@once
def join_fours(n_classes: Any, n_columns: Any, width: Any, histogram: Array) -> None:
    """Turn histograms of one class a table into those of four; a table is read before it is
    written over.
    """
    for base in range(0, uint64(n_columns) * uint64(width), uint64(width)):
        for k in range(uint64(n_classes)):
            table, plane = base + (k << 8), base + ((k >> 2) << 8)
            for code in range(uint64(256)):
                word = histogram[table + code] << ((k & 3) << 4)
                histogram[plane + code] = word | (histogram[plane + code] if k & 3 else uint64(0))


@once
def scan_fours(
    histogram: Array,
    base: Any,
    n_codes: Any,
    n_classes: Any,
    total: Any,
    least: Any,
    words: Array,
    work: Array,
) -> None:
    """Write the weight up to each code, and the gain of the split after it."""
    n_planes = planes_of(n_classes, 4)
    for plane in range(n_planes):
        table, place = uint64(base) + (plane << 8), RUNNING + plane * PLANE_OF_FIELDS
        running = uint64(0)
        for code in range(uint64(n_codes)):
            running += histogram[table + code]
            words[place + code] = running
    last = RUNNING + uint64(n_codes) - 1
    for code in range(0, uint64(n_codes), EIGHT):
        left, gain, word = LEFT + code, SPARE + code, RUNNING + code
        gains_of_fours(work, left, gain, words, word, last, n_planes, total, least)


@once
def scan_eights(
    n_present: Any, n_classes: Any, total: Any, least: Any, words: Array, work: Array
) -> None:
    """Write the weight up to each code that occurs, and the gain of the split after it."""
    n_planes, last = planes_of(n_classes, 8), RUNNING + uint64(n_present) - 1
    for split in range(0, uint64(n_present), EIGHT):
        left, gain, word = LEFT + split, SPARE + split, RUNNING + split
        gains_of_eights(work, left, gain, words, word, last, n_planes, total, least)


@once
def spell_eights(records: Array, start: Any, stop: Any, spelt: Array) -> None:
    """Write for each row of a node the word that it adds, and to which table of 256."""
    for row in range(uint64(start), uint64(stop)):
        k, at = records[row, 1], row - uint64(start)
        spelt[at, 0] = int64(records[row, 0] << ((k & 7) << 3))
        spelt[at, 1] = int64((k >> 3) << 8)


@once
def sum_eights(
    codes: Array,
    byte: Any,
    start: Any,
    stop: Any,
    n_classes: Any,
    spelt: Array,
    bins: Array,
    present: Array,
) -> Any:
    """Add up the words of a node's rows to each code that occurs; return the number of these.

    `present` names them. A bin is emptied when it is read, so that none need be cleared.
    """
    for row in range(uint64(start), uint64(stop)):
        code, at = uint64(codes[row, uint64(byte)]), row - uint64(start)
        bins[EIGHTS + uint64(spelt[at, 1]) + code] += uint64(spelt[at, 0])
        bins[SEEN + (code >> 6)] |= 1 << (code & 63)
    n_present, running = uint64(0), uint64(0)
    for word in range(uint64(4)):
        rest = bins[SEEN + word]
        bins[SEEN + word] = 0
        while rest != 0:
            code = (word << 6) + lowest_bit(rest)
            rest &= rest - 1
            running += bins[EIGHTS + code]
            bins[EIGHTS + code] = 0
            bins[RUNNING + n_present] = running
            present[n_present] = int64(code)
            n_present += 1
    for plane in range(1, planes_of(n_classes, 8)):
        running, table, place = uint64(0), EIGHTS + (plane << 8), RUNNING + plane * PLANE_OF_FIELDS
        for split in range(n_present):
            cell = table + uint64(present[split])
            running += bins[cell]
            bins[cell] = 0
            bins[place + split] = running
    return int64(n_present)
