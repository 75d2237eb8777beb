"""Look at a column of a node, in the way chosen for it: its best split."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numba import float64, int64, uint64

from ensembles.trees.compiling import once, part
from ensembles.trees.deep.choosing import COUNTED, FILLED, KEPT, SORTED, SURVEYED
from ensembles.trees.deep.settings import (
    BY_ROWS,
    ENTROPY,
    EXACT,
    FIRST,
    MIN_LEAF,
    RANDOM,
    SHEET_WIDTH,
    TABULAR,
    WIDTH,
    holds_fours,
)
from ensembles.trees.fields import fill_classes, scan_eights, spell_eights, sum_eights
from ensembles.trees.histogram import (
    CLASSES,
    OUTPUTS,
    SCALAR,
    bins_of,
    fill_drawn_pairs,
    filler,
)
from ensembles.trees.small import PLANE, SPLITS, is_constant, lay_sheet
from ensembles.trees.splitting import (
    CONSTANT,
    INVALID,
    best_of_classes,
    first_highest,
    holds_one,
    next_code,
    one_code,
    scan_pairs,
    scanner,
    sort_rows,
)
from ensembles.trees.table import MISSING, search_table, tabulate, tabulate_bins

Array = Any


@lru_cache
def preparer(mode: int, gaps: bool) -> Any:
    """Return what is done for some columns of a node at once, before they are surveyed or looked
    at.
    """
    fill = filler(mode)

    @once
    def prepare(
        how: Any,
        columns: Array,
        begin: Any,
        n_lanes: Any,
        drawn: Any,
        start: Any,
        stop: Any,
        records: Array,
        codes: Array,
        settings: Array,
        sizes: Array,
        histogram: Array,
        sheet: Array,
        least: Any,
        totals: Array,
        work: Array,
        bits: Array,
        sorted_rows: Array,
    ) -> None:
        first, n, width = settings[FIRST], stop - start, settings[SHEET_WIDTH]
        if how == SURVEYED:
            lay_sheet(codes, first, columns, begin, n_lanes, not drawn, start, n, width, sheet)
        some, cells = columns[begin:], settings[WIDTH]
        if mode == SCALAR and how == FILLED and drawn:
            fill_drawn_pairs(
                records, codes, first, some, n_lanes, sizes, cells, start, stop, histogram
            )
        elif mode != CLASSES and how == FILLED:
            fill(records, codes, first, some, n_lanes, sizes, cells, start, stop, histogram)
        if mode == CLASSES and how == COUNTED:
            spell_eights(records, start, stop, sorted_rows)
        if mode == CLASSES and how == FILLED:
            fill_classes(
                holds_fours(settings, totals[0]),
                records,
                codes,
                first,
                some,
                n_lanes,
                len(totals) - 2,
                sizes,
                cells,
                start,
                stop,
                histogram,
            )
        if mode == SCALAR and how >= FILLED:
            scan_pairs(
                gaps,
                histogram,
                0 if how == FILLED else begin,
                columns,
                begin,
                n_lanes,
                sizes,
                settings[WIDTH],
                totals,
                least,
                work,
                bits,
                PLANE,
            )

    return prepare


@part
def is_one_code(
    how: Any,
    lane: Any,
    column: Any,
    n: Any,
    settings: Array,
    sizes: Array,
    totals: Array,
    sheet: Array,
    histogram: Array,
) -> Any:
    """Tell whether a drawn column has one code in a node."""
    if how == SURVEYED:
        return is_constant(sheet, lane, n, settings[SHEET_WIDTH])
    return holds_one(histogram, bins_of(lane, settings[WIDTH]), sizes[column], totals[0])


@part
def n_constant(
    how: Any,
    columns: Array,
    n_lanes: Any,
    n: Any,
    settings: Array,
    sizes: Array,
    totals: Array,
    sheet: Array,
    histogram: Array,
    tops: Array,
) -> Any:
    """Return how many of the columns drawn last have one code in a node."""
    found = 0
    for lane in range(n_lanes):
        if tops[PLANE + lane] < 0.0:
            found += is_one_code(
                how, lane, columns[lane], n, settings, sizes, totals, sheet, histogram
            )
    return found


@lru_cache
def looker(mode: int) -> Any:
    """Return what finds the best split of a column after `prepare`, where there is no table."""
    scan = scanner(mode)

    @once
    def look(
        how: Any,
        lane: Any,
        column: Any,
        drawn: Any,
        start: Any,
        stop: Any,
        beaten: Any,
        records: Array,
        codes: Array,
        settings: Array,
        least: Any,
        sizes: Array,
        totals: Array,
        histogram: Array,
        work: Array,
        bits: Array,
        bins: Array,
        sheet: Array,
        present: Array,
        left: Array,
        sorted_rows: Array,
        place: Array,
    ) -> Any:
        n, n_classes = stop - start, len(totals) - 2
        if mode == SCALAR:
            gain = work[PLANE + lane]
            if drawn and gain < 0.0:
                every = is_one_code(how, lane, column, n, settings, sizes, totals, sheet, histogram)
                return CONSTANT if every else INVALID
            if how != SURVEYED and gain > beaten:
                base = bins_of(lane if how == FILLED else column, settings[WIDTH])
                place[0] = bits[SPLITS + lane] + 1
                place[1] = next_code(histogram, base, place[0], sizes[column])
                if place[1] == sizes[column]:  # the missing against all others, whatever their code
                    place[0], place[1] = 255, 256
            return gain
        if how == SURVEYED:
            if bits[PLANE + lane] >= 0:
                return work[PLANE + lane]
            if drawn and is_constant(sheet, lane, n, settings[SHEET_WIDTH]):
                return CONSTANT
            return INVALID
        exact, entropy = settings[EXACT], settings[ENTROPY]
        if mode == CLASSES and how == COUNTED:
            byte = settings[FIRST] + column
            n_codes = sum_eights(codes, byte, start, stop, n_classes, sorted_rows, bins, present)
            if n_codes < 2:
                return CONSTANT
            scan_eights(n_codes, n_classes, float64(totals[0]), least, bins, work)
            gain = first_highest(n_codes, work, bits, place)
            if gain > beaten:
                split = uint64(place[0])
                place[0], place[1] = present[split], present[split + 1]
            return gain
        if mode == CLASSES and how == SORTED:
            byte = settings[FIRST] + column
            n_codes = sort_rows(records, codes, byte, start, stop, bins, present, sorted_rows)
            if n_codes < 2:
                return CONSTANT
            return best_of_classes(
                sorted_rows,
                n,
                n_codes,
                totals,
                n_classes,
                entropy,
                exact,
                least,
                beaten,
                present,
                left,
                work,
                bits,
                place,
            )
        base = (lane if how == FILLED else column) * settings[WIDTH]
        gain = scan(
            histogram,
            base,
            sizes[column],
            totals,
            n_classes,
            entropy,
            exact,
            least,
            beaten,
            left,
            work,
            bits,
            bins,
            place,
        )
        if drawn and gain < 0.0 and one_code(sizes[column], totals[0], work):
            return CONSTANT
        return gain

    return look


@lru_cache
def tabler(mode: int, need: int) -> Any:
    """Return what finds the best split of a column by a table of its codes."""
    tables = need == TABULAR

    @once
    def search_rows(
        how: Any,
        column: Any,
        base: Any,
        start: Any,
        stop: Any,
        key: Any,
        beaten: Any,
        records: Array,
        codes: Array,
        settings: Array,
        least: Any,
        kind: Any,
        sign: Any,
        n_codes: Any,
        units: Array,
        totals: Array,
        within: Array,
        histogram: Array,
        table: Array,
        keys: Array,
        order: Array,
        left_sums: Array,
        place: Array,
        sides: Array,
    ) -> Any:
        if tables:
            holds = kind
            order_of = sign
            random = settings[RANDOM]
        else:  # numbers that are written out: what they rule out is not compiled
            holds = MISSING
            order_of = 0
            random = 0
        n_present = int64(0)
        if mode != CLASSES and mode != OUTPUTS and (how == FILLED or how == KEPT):  # noqa: SIM109
            n_present = tabulate_bins(mode, histogram, base, n_codes, table, order)
        else:
            byte = settings[FIRST] + column
            n_present = tabulate(mode, records, codes, byte, start, stop, table, order, sides)
        return search_table(
            mode,
            n_present,
            holds,
            order_of,
            within[0],
            within[1],
            totals,
            settings[ENTROPY],
            units,
            least,
            settings[MIN_LEAF] if settings[BY_ROWS] else 1,
            random,
            key,
            beaten,
            table,
            keys,
            order,
            left_sums,
            place,
            sides,
        )

    return search_rows
