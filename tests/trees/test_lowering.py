"""That kernels, which are written in our own way, do what Python does."""

import os
import subprocess
import sys
from itertools import product

import numpy as np
from numba import boolean, int64, types, uint8, uint64

from ensembles.trees.compiling import kernel, part


def count(begin, stop, step, found):
    for i in range(begin, stop, step):
        found[0] = 10 * found[0] + i
    for i in range(begin, stop):
        found[1] = 10 * found[1] + i
    for i in range(begin, stop, 3):
        found[2] = 10 * found[2] + i
    for _ in range(stop):
        found[3] += 1


def test_a_kernel_counts_as_python_does():
    quick = kernel(types.void(int64, int64, int64, int64[::1]))(count)
    for case in product(range(-5, 6), range(-5, 6), (-3, -1, 1, 2)):
        found, wanted = np.zeros((2, 4), np.int64)
        quick(*case, found)
        count(*case, wanted)
        assert found.tolist() == wanted.tolist()


def rearrange(cells, flags, i, j, k):
    cells[i, j, k] += cells[k, i, j]
    cells[-1, k, 0] = cells[i, -2, k]
    row = cells[i]
    row[j, k] = len(row) + row.shape[1]
    pair = cells[1:, 0, 0]
    pair[0] = pair[-1]
    flags[i] = flags[j] != flags[k]
    if flags[-1]:
        last = cells[0, 0, 0]
        cells[0, 0, 1] = last


def test_a_kernel_reads_and_writes_the_cells_that_python_does():
    quick = kernel(types.void(uint8[:, :, ::1], boolean[::1], int64, int64, int64))(rearrange)
    rng = np.random.default_rng(0)
    for case in product(range(-3, 3), repeat=3):
        cells, flags = rng.integers(0, 99, (3, 3, 3)).astype(np.uint8), rng.random(3) < 0.5
        wanted = cells.copy(), flags.copy()
        rearrange(*wanted, *case)
        quick(cells, flags, *case)
        assert cells.tolist() == wanted[0].tolist()
        assert flags.tolist() == wanted[1].tolist()


def test_a_part_returns_several_numbers():
    @part
    def parted(word, by):
        return word >> by, word & 1, word > by

    def join(word):
        half, odd, large = parted(word, 1)
        return 2 * half + odd if large else half

    quick = kernel(uint64(uint64))(join)
    assert [quick(word) for word in (0, 1, 2, 3, 2**64 - 1)] == [0, 0, 2, 3, 2**64 - 1]


LEAVING = """
import numpy as np
from numba import float64, int64
from ensembles.trees.compiling import kernel
for left in (lambda cells, i: cells[i, 0], lambda cells, i: cells[0, i]):
    try:
        kernel(float64(float64[:, ::1], int64))(left)(np.zeros((2, 2)), 2)
    except IndexError as error:
        print(error)
"""


def test_where_bounds_are_checked_a_kernel_that_leaves_its_array_says_so(tmp_path):
    checked = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    run = [sys.executable, "-c", LEAVING]
    told = subprocess.run(run, capture_output=True, text=True, env={**os.environ, **checked})
    assert told.stdout.count("index is out of bounds") == 2
