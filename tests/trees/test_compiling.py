"""When numba is imported, where kernels are kept, and that none leaves its arrays."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIT = """
import numpy as np, time
from ensembles.trees import Forest, HistTreeClassifier, HistTreeRegressor
X = np.random.default_rng(0).normal(size=(900, 5))
start = time.perf_counter()
tree = HistTreeClassifier(random_state=0).fit(X, X[:, 0] > X[:, 1])
assert tree.score(X, X[:, 0] > X[:, 1]) == 1.0
print(time.perf_counter() - start)
"""
EVERYTHING = (
    FIT
    + """
X[::7, 0] = np.nan
X[:, 1] = np.arange(900) % 300
y = np.round(np.nan_to_num(X[:, 0]) * 3)
tasks = [(y > 0, HistTreeClassifier), (y, HistTreeClassifier), (y, HistTreeRegressor)]
for labels, learner in [*tasks, (np.stack([y, y * y], axis=1), HistTreeRegressor)]:
    for categories in ([], [1]):
        for weights in (None, np.arange(900) % 5 + 0.5):
            for parameters in ({}, {"max_features": 2}, {"splitter": "random"},
                               {"max_leaf_nodes": 9}, {"min_samples_leaf": 3}):
                tree = learner(random_state=0, categorical_features=categories, **parameters)
                Forest([tree.fit(X, labels, weights)] * 3).mean(X[:13])
print("done")
"""
)


def run(code, stderr=False, root=ROOT, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr if stderr else done.stdout


@pytest.fixture
def nowhere_to_cache(tmp_path):
    """A copy of the package beside which, and in whose home, no cache folder can be made: plain
    files stand in their place, so that not even root can write there.
    """
    shutil.copytree(
        ROOT / "ensembles", tmp_path / "ensembles", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "ensembles" / "trees" / "__pycache__").touch()
    home = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "NUMBA_CACHE_DIR": ""}
    return {"root": tmp_path, **home}


def test_importing_the_trees_does_not_import_numba():
    assert "False" in run("import sys, ensembles.trees; print('numba' in sys.modules)")


def test_kernels_are_made_of_nothing_that_the_fingerprint_leaves_out():
    """Every room of ours that a room with kernels imports has kernels itself, and is read."""
    rooms = {path.stem: path.read_text() for path in (ROOT / "ensembles" / "trees").glob("*.py")}
    kernels = {name for name, source in rooms.items() if "\nfrom numba import" in source}
    assert {"coding", "compiling", "growing", "histogram", "splitting"} <= kernels
    for name in kernels:
        found = {
            line.split()[1].rpartition(".")[2]
            for line in rooms[name].splitlines()
            if line.startswith(("from ensembles", "import ensembles"))
        }
        assert found <= kernels


def test_a_numba_that_may_not_compile_says_so():
    code = f"try:\n    exec({FIT!r})\nexcept RuntimeError as error:\n    print(error)"
    assert run(code, NUMBA_DISABLE_JIT="1").startswith("NUMBA_DISABLE_JIT must be 0: the kernels")


@pytest.mark.slow
def test_works_where_the_cache_cannot_be_written(nowhere_to_cache):
    assert float(run(FIT, **nowhere_to_cache)) > 0


CODES = "from ensembles.trees.coding import encode; print(len(encode.signatures))"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("left", [0, 100])
def test_a_damaged_cache_is_written_again(tmp_path, kind, left):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)}
    run(CODES, **cache)
    files = sorted(tmp_path.rglob(f"*.{kind}"))
    whole = [path.stat().st_size for path in files]
    for path in files:
        path.write_bytes(path.read_bytes()[:left])
    assert run(CODES, **cache) == "1\n"
    assert files
    assert [path.stat().st_size > left for path in files] == [size > left for size in whole]


@pytest.mark.slow
def test_compiles_once_and_then_starts_fast(tmp_path):
    first = float(run(FIT, NUMBA_CACHE_DIR=str(tmp_path)))
    later = float(run(FIT, NUMBA_CACHE_DIR=str(tmp_path)))
    assert list(tmp_path.rglob("*.nbi"))
    assert later < first / 3
    assert first < 60  # about 5 s of an idle core; shared machines take several times as long


TOLD = """
import numpy as np, sys
from ensembles import Bagging
X = np.random.default_rng(0).normal(size=(50, 2))
for verbose in (0, 1, 1):
    print("verbose", verbose, file=sys.stderr)
    Bagging(n_estimators=2, verbose=verbose, random_state=0).fit(X, X[:, 0] > LIMIT).predict(X)
"""


@pytest.mark.slow
def test_a_verbose_bag_says_once_that_kernels_are_compiled(tmp_path):
    """Two classes in the silent bag, numbers in the loud ones: another kernel, not yet cached."""
    code = TOLD.replace("X[:, 0] > LIMIT", "X[:, 0] > 0 if verbose == 0 else X[:, 0]")
    told = [run(code, stderr=True, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    lines = [line for line in told[0].splitlines() if line.startswith(("verbose", "[ensembles]"))]
    assert [line.split()[0] for line in lines] == [*["verbose"] * 2, "[ensembles]", "verbose"]
    assert "compiling the tree kernels once (about 5 s); they are cached on disk" in lines[2]
    assert "[ensembles]" not in told[1]


@pytest.mark.slow
def test_a_verbose_bag_says_where_kernels_cannot_be_cached(nowhere_to_cache):
    code = TOLD.replace("X[:, 0] > LIMIT", "X[:, 0] > 0 if verbose == 0 else X[:, 0]")
    told = run(code, stderr=True, **nowhere_to_cache)
    assert told.count("[ensembles]") == 1
    assert "NUMBA_CACHE_DIR" in told


@pytest.mark.slow
def test_no_kernel_leaves_its_arrays(tmp_path):
    assert "done" in run(EVERYTHING, NUMBA_BOUNDSCHECK="1", NUMBA_CACHE_DIR=str(tmp_path))


def test_a_part_is_assembled_only_in_its_kernel():
    from numba import float64

    from ensembles.trees.compiling import kernel, part

    @part
    def half(x):
        return 0.5 * x

    @part
    def quarter(x):
        return half(half(x))

    @kernel(float64(float64))
    def eighth(x):
        return half(quarter(x))

    def machine_code(function):
        [compiled] = function.overloads.values()
        code = compiled._asdict()["library"]
        return code.get_pointer_to_function(compiled.fndesc.llvm_func_name)

    assert eighth(2.0) == 0.25
    assert machine_code(eighth) != 0
    assert machine_code(half) == machine_code(quarter) == 0


def test_a_number_written_out_takes_the_kind_of_the_unsigned_number_beside_it():
    """And only in kernels: numba itself adds them up as signed numbers."""
    from numba import float64, njit, uint64

    from ensembles.trees.compiling import kernel

    half = 2**63
    assert kernel(float64(uint64))(lambda row: row + 1)(half) == half
    assert njit(float64(uint64))(lambda row: row + 1)(half) == -half


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [("int64", [-3, 2]), ("uint64", [2**63, 5]), ("uint16", [2**15, 1]), ("float64", [-0.5, 1e9])],
)
def test_the_smaller_and_the_larger_of_two_numbers(kind, numbers):
    import numba

    from ensembles.trees.compiling import kernel, larger_of, smaller_of

    cell = getattr(numba, kind)
    smaller = kernel(cell(cell, cell), name=f"smaller_{kind}")(lambda a, b: smaller_of(a, b))
    larger = kernel(cell(cell, cell), name=f"larger_{kind}")(lambda a, b: larger_of(a, b))
    for a, b in [numbers, numbers[::-1]]:
        assert (smaller(a, b), larger(a, b)) == (min(numbers), max(numbers))


def test_compiling_leaves_garbage_collection_as_it_was():
    import gc

    from numba import float64

    from ensembles.trees.compiling import garbage_left, kernel

    with garbage_left():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        kernel(float64(float64))(lambda x: x + 1.0)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_wide_registers_read_begins_where_lines_of_the_cache_do():
    """In every thread, whatever the arrays before it took."""
    from concurrent.futures import ThreadPoolExecutor

    from ensembles.trees.growing import LINE, SCRATCH

    def offsets(_):
        wide = SCRATCH.work, SCRATCH.bins, SCRATCH.sheet, SCRATCH.counts, SCRATCH.folded
        return [array.ctypes.data % LINE for array in (*wide, SCRATCH.sums)]

    with ThreadPoolExecutor(3) as pool:
        assert all(found == [0] * 6 for found in pool.map(offsets, range(9)))
