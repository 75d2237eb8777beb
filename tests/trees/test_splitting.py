"""Each of the ways to find the best split of a weight and a target gives the same gain, to the last
bit, and the same cut.
"""

from itertools import pairwise

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import float64, int64, types, uint8, uint64
from numba.extending import intrinsic
from numpy.testing import assert_array_equal

from ensembles.trees.compiling import kernel
from ensembles.trees.deep.searching import place_missing
from ensembles.trees.histogram import SCALAR, fill_drawn_pairs, filler
from ensembles.trees.small import (
    COUNTS,
    FOUND,
    LOWEST,
    MANY,
    PLANE,
    RANKED,
    SHEET,
    SPLITS,
    highest_lane,
    place_of_split,
    sheet_width,
    survey_scalar,
    turn_found,
)
from ensembles.trees.splitting import next_code, scan_pairs
from ensembles.trees.vectors import EIGHT, LANES, doubles_of_halves, vector_at

EXAMPLES = settings(max_examples=200, deadline=None, derandomize=True)
LEAST = 1.0
fill = filler(SCALAR)


@kernel(
    types.void(
        int64,
        int64,
        uint64[:, ::1],
        uint8[:, ::1],
        int64[::1],
        int64[::1],
        int64,
        int64,
        float64,
        uint8[::1],
        uint8[::1],
        int64[::1],
        uint64[::1],
        float64[::1],
        int64[::1],
        int64[:, :, ::1],
    )
)
def cut_every_column(
    how,
    n_sides,
    records,
    codes,
    totals,
    columns,
    n,
    width,
    least,
    sheet,
    counts,
    sums,
    histogram,
    work,
    bits,
    cuts,
):
    """Search a node, by ranks (1), or by bins, of neighbouring columns (2) or any (3); write the
    codes on either side of each column's cut, of two sides with the missing on the right, then on
    the left.
    """
    d, sizes = len(columns), cuts[0, :, 0]
    if how == 2:
        fill(records, codes, 16, columns, d, sizes, 512, 0, n, histogram)
    if how == 3:
        fill_drawn_pairs(records, codes, 16, columns, d, sizes, 512, 0, n, histogram)
    if n_sides == 1:
        if how == 1:
            survey_scalar(
                False, records, 0, n, totals, least, d, width, sheet, counts, sums, work, bits
            )
        else:
            scan_pairs(
                False, histogram, 0, columns, 0, d, sizes, 512, totals, least, work, bits, PLANE
            )
    else:
        if how == 1:
            survey_scalar(
                True, records, 0, n, totals, least, d, width, sheet, counts, sums, work, bits
            )
        else:
            scan_pairs(
                True, histogram, 0, columns, 0, d, sizes, 512, totals, least, work, bits, PLANE
            )
    for side in range(n_sides):
        if side == 1:
            for lane in range(d):
                work[lane] = work[PLANE + lane]
            turn_found(how == 1, sheet, work)
        for lane in range(d):
            place = cuts[side, lane]
            if work[PLANE + lane] < 0.0:
                place[0] = place[1] = -1
            elif how >= 2:
                base = (lane - lane % 8) * 512 + lane % 8 * 2
                place[0] = bits[SPLITS + lane] + 1
                place[1] = next_code(histogram, base, place[0], 256)
            else:
                place_of_split(sheet, lane, n, width, counts, bits, place)
                if n_sides == 2:
                    place_missing(True, place)
            if place[1] == 256:
                place[0] = 255


def found(how, codes, weights, targets, least=LEAST, n_sides=1):
    """Return the gain of each column, and the codes on either side of its cut; of two sides, those
    with the missing on the right and on the left.
    """
    (n, d), width = codes.shape, sheet_width(codes.shape[1])
    records = np.full((n + 4, 6), 2**63 + 5, np.uint64)
    cells = records.view(np.uint8)
    cells[:n, 16 : 16 + d] = codes
    records[:n, :2] = np.stack([weights, targets], axis=1).view(np.uint64)
    sheet, counts = np.full(SHEET, 77, np.uint8), np.full(COUNTS, 250, np.uint8)
    sheet[LOWEST : LOWEST + d] = codes.min(axis=0)
    turned = codes if n_sides == 1 else codes - np.uint8(1)
    sheet[: n * width].reshape(n, width)[:, :d] = turned
    work, cuts = np.full(PLANE + 2 * FOUND, np.nan), np.full((n_sides, d, 2), 256)
    totals, sums = np.array([weights.sum(), targets.sum()]), np.zeros(2 * PLANE, int)
    histogram = np.full(LANES * 512, 99, np.uint64)
    node = records, cells, totals, np.arange(d), n, width, least
    room = sheet, counts, sums, histogram, work, work.view(np.int64)
    cut_every_column(how, n_sides, *node, *room, cuts)
    assert not sums.any()  # the next node finds them empty
    if n_sides == 1:
        return work[PLANE : PLANE + d], cuts[0]
    return np.stack([work[:d], work[PLANE : PLANE + d]]), cuts


def best_cut(codes, weights, targets, least=LEAST, left=()):
    """The gain of one column and the codes on either side of its cut: plain loops, exact sums.

    The codes `left` go left with each of them, not alone; what is None goes right, at last alone.
    """
    best, total, target = (-1.0, -1, -1), float(sum(weights)), float(sum(targets))
    held = sorted({code for code in codes if code is not None} - set(left))
    for code, above in pairwise([*held, *([256] if None in codes else [])]):
        goes = [i for i, c in enumerate(codes) if c in left or (c is not None and c <= code)]
        weight = float(sum(weights[i] for i in goes))
        slope = float(sum(targets[i] for i in goes)) * total - weight * target
        gain = slope * slope / (weight * (total - weight))
        if min(weight, total - weight) >= least and gain > best[0]:
            best = gain, 255 if above == 256 else code, above
    return best


@st.composite
def nodes(draw, fewest_rows, most_rows):
    """Codes, weights and targets: ties, constants, and sums that fill 62 bits."""
    n, d = draw(st.integers(fewest_rows, most_rows)), draw(st.integers(1, 32))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    codes = rng.integers(0, draw(st.sampled_from([1, 2, 5, 256])), (n, d)).astype(np.uint8)
    heaviest = draw(st.sampled_from([1, 4, 300, 2**52 // n - 1]))
    weights = rng.integers(1, heaviest + 1, n)
    furthest = draw(st.sampled_from([1, 1000, 2**46, 2**62])) // n
    targets = rng.integers(-furthest, furthest + 1, n)
    return codes, weights, targets


def agrees(how, node, least=LEAST):
    codes, weights, targets = node
    codes = codes if how == 1 else np.maximum(codes, 1)  # bins keep 0 for the missing
    gains, cuts = found(how, codes, weights, targets, least)
    plain = [
        best_cut(column, weights.tolist(), targets.tolist(), least) for column in codes.T.tolist()
    ]
    assert_array_equal(gains, [gain for gain, _, _ in plain])
    assert_array_equal(cuts, [cut for _, *cut in plain])


@EXAMPLES
@given(nodes(1, MANY - 1), st.sampled_from([1.0, 2.0, 40.0]))
def test_rows_ranked_among_rows_are_cut_as_by_plain_loops(node, least):
    agrees(1, node, least)


@settings(EXAMPLES, max_examples=60)
@given(nodes(MANY, RANKED), st.sampled_from([1.0, 2.0, 40.0]))
def test_rows_ranked_among_codes_are_cut_as_by_plain_loops(node, least):
    agrees(1, node, least)


@settings(EXAMPLES, max_examples=300)
@given(
    nodes(1, 64) | nodes(MANY, RANKED),
    st.sampled_from([1.0, 2.0, 40.0]),
    st.sampled_from([1, 2, 3]),
)
def test_missing_go_right_and_left_as_in_plain_loops(node, least, how):
    """Of columns that hold none, what is said of the left is not asked for."""
    codes, weights, targets = node
    codes[:, ::3] = np.maximum(codes[:, ::3], 1)
    gains, cuts = found(how, codes, weights, targets, least, 2)
    given = weights.tolist(), targets.tolist(), least
    for lane, column in enumerate(codes.T.tolist()):
        right = best_cut([code or None for code in column], *given)
        assert (gains[0, lane], *cuts[0, lane]) == right
        if 0 in column:
            left = best_cut(column, *given, left=(0,))
            assert (gains[1, lane], *cuts[1, lane]) == left
        elif how == 1:
            assert gains[1, lane] < 0.0


@EXAMPLES
@given(nodes(1, 64), st.sampled_from([1.0, 2.0, 40.0]), st.sampled_from([2, 3]))
def test_bins_are_cut_as_by_plain_loops(node, least, how):
    agrees(how, node, least)


@kernel(int64(float64[::1], int64, int64))
def highest(tops, n_lanes, first):
    return highest_lane(tops, n_lanes, first)


@EXAMPLES
@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), min_size=1, max_size=32), st.data())
@example([1.0] * 32, None)
def test_of_equal_lanes_the_first_in_cyclic_order_wins(gains, data):
    first = 32 if data is None else data.draw(st.integers(0, len(gains)))
    work = np.full(PLANE + LANES, 3.0)  # what is behind the last lane is never the highest
    work[PLANE : PLANE + len(gains)] = gains
    lane = highest(work, len(gains), first)
    order = [*range(first, len(gains)), *range(min(first, len(gains)))]
    assert gains[lane] == max(gains)
    if max(gains) >= 0:
        assert lane == max(order, key=gains.__getitem__)


@intrinsic
def write_as_doubles(typing_context, numbers, whole):
    def generate(context, builder, signature, given):
        nowhere = context.get_constant(uint64, 0)
        (to, _), (of, _) = (
            vector_at(context, builder, kind, array, nowhere, EIGHT)
            for kind, array in zip(signature.args, given, strict=True)
        )
        whole = builder.load(of, align=8)
        builder.store(doubles_of_halves(builder, whole), to, align=8)
        return context.get_dummy_value()

    return types.none(numbers, whole), generate


@kernel(types.void(float64[::1], int64[::1]))
def in_halves(numbers, whole):
    write_as_doubles(numbers, whole)


@EXAMPLES
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=8, max_size=8))
@example([0, 1, -1, 2**31, 2**32, -(2**32), 2**63 - 1, -(2**63)])
@example([2**53 + 1, 2**53 + 3, -(2**53) - 1, -(2**53) - 3, 2**62 + 2**9, 2**32 - 1, -(2**31), 5])
def test_integers_in_halves_are_rounded_as_by_python(whole):
    numbers = np.empty(EIGHT)
    in_halves(numbers, np.array(whole, np.int64))
    assert numbers.tolist() == [float(number) for number in whole]
