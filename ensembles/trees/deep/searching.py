"""Search a node for its best split: its columns in turn, up to 32 at once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numba import int64, uint64

from ensembles.trees.compiling import larger_of, once, part, smaller_of
from ensembles.trees.deep.choosing import (
    FILLED,
    SURVEYED,
    chooser,
    tabulates,
    teller,
)
from ensembles.trees.deep.looking import looker, n_constant, preparer, tabler
from ensembles.trees.deep.nodes import BLOCK, START, STOP
from ensembles.trees.deep.pairs import knows_pairs, search_pair
from ensembles.trees.deep.settings import (
    CONSTRAINED,
    GAPPED,
    MAX_FEATURES,
    N_COLUMNS,
    SHEET_WIDTH,
    TABULAR,
    USUAL,
    WIDTH,
)
from ensembles.trees.histogram import OUTPUTS, PACKED, SCALAR, bins_of
from ensembles.trees.missing import scan_missing
from ensembles.trees.nodes import KEY
from ensembles.trees.small import (
    LOWEST,
    PLANE,
    find_lowest,
    highest_lane,
    placer,
    surveyor,
    turn_found,
)
from ensembles.trees.splitting import CONSTANT, INVALID
from ensembles.trees.table import CATEGORICAL, MISSING, drawn_below, mix
from ensembles.trees.vectors import LANES

Array = Any


@part
def draw_columns(columns: Array, key: Any, begin: Any, end: Any) -> None:
    """Draw the columns begin..end of a random order, of which those before are drawn already."""
    for step in range(begin, end):
        chosen = step + drawn_below(key + uint64(step), len(columns) - step)
        columns[step], columns[chosen] = columns[chosen], columns[step]


@once
def any_missing(
    sheet: Array, n: Any, width: Any, begin: Any, n_lanes: Any, columns: Array, kinds: Array
) -> Any:
    """Tell whether a column on the sheet, of ordered values, has missing ones in the node."""
    may, missing = False, False
    for lane in range(n_lanes):
        may |= kinds[columns[begin + lane]] == MISSING
    if may:
        find_lowest(sheet, n, width)
        for lane in range(n_lanes):
            missing |= kinds[columns[begin + lane]] == MISSING and sheet[LOWEST + lane] == 0
    return missing


@once
def place_missing(turned: Any, place: Array) -> None:
    """Correct the place of a split that was found on a sheet with missing values: where codes are
    turned, so that these are the highest, the others are one less.
    """
    if turned:
        place[0] += 1
        place[1] += 1
    if place[1] == 256:  # the missing against all others, whatever their code
        place[0] = 255


@once
def beats(gain: Any, rank: Any, best: Any, best_rank: Any) -> Any:
    """Tell whether a column's split is better than the best so far; of equals the first is."""
    return gain > best or (gain == best and gain >= 0.0 and rank < best_rank)


@part
def table_of(i: Any, width: Any) -> Any:
    """Return where the bins of the i-th column begin, where each column has its own."""
    return uint64(i) * uint64(width)


@lru_cache
def lane_searcher(mode: int, need: int) -> Any:
    """Return what finds the best split of up to 32 columns, after `prepare` and `survey`."""
    look, tell_way, search_rows = looker(mode), teller(mode, need), tabler(mode, need)
    find_place = placer(mode)
    bins_begin = bins_of if mode == SCALAR else table_of
    gaps, tables, tabled = need != USUAL, need == TABULAR, tabulates(mode, need)
    binned = gaps and mode == PACKED

    @once
    def search_lanes(
        node: Any,
        how: Any,
        turn: Any,
        n_turns: Any,
        begin: Any,
        n_lanes: Any,
        drawn: Any,
        offset: Any,
        best: Any,
        best_rank: Any,
        n_tried: Any,
        start: Any,
        stop: Any,
        key: Any,
        records: Array,
        codes: Array,
        settings: Array,
        least: Any,
        kinds: Array,
        sizes: Array,
        signs: Array,
        units: Array,
        own: Array,
        bounds: Array,
        histogram: Array,
        work: Array,
        bits: Array,
        bins: Array,
        sheet: Array,
        counts: Array,
        present: Array,
        keys: Array,
        order: Array,
        choice: Array,
        left_sums: Array,
        columns: Array,
        table: Array,
        best_sides: Array,
        some_sides: Array,
        sorted_rows: Array,
    ) -> Any:
        """Return the best gain so far, the rank of its column, and how many columns were tried."""
        n, width = stop - start, settings[SHEET_WIDTH]
        first_lane, last_lane, together = 0, n_lanes, False
        if mode != OUTPUTS and not tables:
            together = mode == SCALAR or how == SURVEYED
        if gaps and drawn:
            together = False
        if together:  # of all lanes but the best, it matters only how many may be split
            first_lane = highest_lane(work, n_lanes, offset - begin)
            last_lane = first_lane + 1
            n_tried += n_lanes - 1
            if drawn:
                n_tried -= n_constant(
                    how, columns[begin:], n_lanes, n, settings, sizes, own, sheet, histogram, work
                )
        surveyed = how == SURVEYED
        if mode == SCALAR:
            surveyed = how >= SURVEYED
        for lane in range(first_lane, last_lane):
            column = columns[begin + lane]
            if gaps and surveyed and not drawn and work[PLANE + lane] < best:
                ordered = True
                if tables:
                    ordered = kinds[column] != CATEGORICAL and signs[column] == 0
                if ordered:  # what the survey found is all there is to find
                    n_tried += turn == 0
                    continue
            rank = begin + lane - offset
            if rank < 0:
                rank += settings[N_COLUMNS]
            beaten = best if rank > best_rank else INVALID
            gain, way = INVALID, USUAL
            choice[2] = 2
            if gaps:
                base = bins_begin(lane if how == FILLED else column, settings[WIDTH])
                way = tell_way(
                    how,
                    lane,
                    column,
                    base,
                    start,
                    stop,
                    codes,
                    settings,
                    kinds,
                    signs,
                    sheet,
                    histogram,
                )
                if turn == 1 and way != GAPPED:
                    continue
            if tabled and way == TABULAR:
                at = node if settings[CONSTRAINED] else 0
                gain = search_rows(
                    how,
                    column,
                    base,
                    start,
                    stop,
                    mix(key ^ uint64(column + 1)),
                    beaten,
                    records,
                    codes,
                    settings,
                    least,
                    kinds[column],
                    signs[column],
                    sizes[column],
                    units,
                    own,
                    bounds[at],
                    histogram,
                    table,
                    keys,
                    order,
                    left_sums,
                    choice,
                    some_sides,
                )
            elif binned and way == GAPPED and how != SURVEYED:
                gain = scan_missing(
                    histogram, base, sizes[column], own, least, beaten, work, bits, choice
                )
            elif mode != OUTPUTS:
                gain = look(
                    how,
                    lane,
                    column,
                    drawn and not together,
                    start,
                    stop,
                    beaten,
                    records,
                    codes,
                    settings,
                    least,
                    sizes,
                    own,
                    histogram,
                    work,
                    bits,
                    bins,
                    sheet,
                    present,
                    left_sums,
                    sorted_rows,
                    choice,
                )
            n_tried += turn == 0 and gain != CONSTANT
            if beats(gain, rank, best, best_rank):
                best, best_rank = gain, rank
                if how == SURVEYED and way != TABULAR:
                    find_place(sheet, lane, n, width, counts, bits, choice)
                    if gaps and n_turns == 2:
                        place_missing(mode == SCALAR or turn == 0, choice)
                if gaps and surveyed and way == GAPPED:
                    choice[2] = turn
                choice[3], choice[4] = column, (choice[0] + choice[1] - 1) // 2
                choice[5] = choice[2]
                if tables:
                    for word in range(4):
                        best_sides[word] = some_sides[word]
        return best, best_rank, n_tried

    return search_lanes


@lru_cache
def searcher(mode: int, need: int) -> Any:
    """Return what finds the best split of a node."""
    gaps = need != USUAL
    choose, prepare, survey = chooser(mode, need), preparer(mode, gaps), surveyor(mode, gaps)
    search_lanes, pairs = lane_searcher(mode, need), knows_pairs(mode, need)

    @once
    def search(
        node: Any,
        records: Array,
        codes: Array,
        settings: Array,
        least: Any,
        kinds: Array,
        sizes: Array,
        signs: Array,
        units: Array,
        nodes: Array,
        totals: Array,
        bounds: Array,
        blocks: Array,
        work: Array,
        bits: Array,
        bins: Array,
        sheet: Array,
        counts: Array,
        folded: Array,
        sums: Array,
        present: Array,
        keys: Array,
        order: Array,
        choice: Array,
        left_sums: Array,
        columns: Array,
        table: Array,
        best_sides: Array,
        some_sides: Array,
        sorted_rows: Array,
    ) -> Any:
        """Return the gain of the best split; write its column, the last code that goes left, and
        where the missing go, into `choice[3:]`, and its categories into `best_sides`.

        Columns are visited in a cyclic order, or in a random one until enough were tried; of equal
        gains the first wins.
        """
        n_columns, max_features = settings[N_COLUMNS], settings[MAX_FEATURES]
        start, stop, block = nodes[node, START], nodes[node, STOP], nodes[node, BLOCK]
        key, own = uint64(nodes[node, KEY]), totals[node]
        n, width = stop - start, settings[SHEET_WIDTH]
        drawn = max_features < n_columns
        offset = 0 if drawn else drawn_below(key, n_columns)
        if pairs and n == 2 and not drawn:
            return search_pair(start, records, codes, settings, least, offset, own, choice)
        how = choose(settings, n, own[0], block)
        histogram = blocks[block if block >= 0 else blocks.shape[0] - 1]
        if drawn:
            for column in range(n_columns):
                columns[column] = column
        best, best_rank, n_tried, n_seen, batch = INVALID, n_columns, int64(0), 0, n_columns
        while n_seen < n_columns and (n_tried < max_features or best < 0.0):
            if drawn:
                batch = smaller_of(larger_of(max_features - n_tried, 1), n_columns - n_seen)
                draw_columns(columns, key, int64(n_seen), n_seen + batch)
            for begin in range(n_seen, n_seen + batch, LANES):
                n_lanes = smaller_of(LANES, n_seen + batch - begin)
                n_turns = 1
                if mode != OUTPUTS:
                    prepare(
                        how,
                        columns,
                        begin,
                        n_lanes,
                        drawn,
                        start,
                        stop,
                        records,
                        codes,
                        settings,
                        sizes,
                        histogram,
                        sheet,
                        least,
                        own,
                        work,
                        bits,
                        sorted_rows,
                    )
                if gaps and how == SURVEYED:
                    n_turns += any_missing(sheet, n, width, begin, n_lanes, columns, kinds)
                if gaps and mode == SCALAR:
                    n_turns += how >= FILLED
                # The missing are tried on the right first, then on the left.
                for turn in range(n_turns):
                    if gaps and mode == SCALAR and turn == 1:
                        turn_found(how == SURVEYED, sheet, work)
                    elif mode != OUTPUTS and how == SURVEYED:
                        survey(
                            turn,
                            n_turns,
                            records,
                            start,
                            n,
                            own,
                            least,
                            n_lanes,
                            width,
                            sheet,
                            counts,
                            folded,
                            sums,
                            work,
                            bits,
                        )
                    best, best_rank, n_tried = search_lanes(
                        node,
                        how,
                        turn,
                        n_turns,
                        begin,
                        n_lanes,
                        drawn,
                        offset,
                        best,
                        best_rank,
                        n_tried,
                        start,
                        stop,
                        key,
                        records,
                        codes,
                        settings,
                        least,
                        kinds,
                        sizes,
                        signs,
                        units,
                        own,
                        bounds,
                        histogram,
                        work,
                        bits,
                        bins,
                        sheet,
                        counts,
                        present,
                        keys,
                        order,
                        choice,
                        left_sums,
                        columns,
                        table,
                        best_sides,
                        some_sides,
                        sorted_rows,
                    )
            n_seen += batch
        return best

    return search
