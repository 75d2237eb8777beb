"""When numba is imported, where kernels are kept, and that none leaves its arrays."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ensembles.trees.compiling import kernel_sources

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
    for room in ("trees", "trees/deep", "trees/shallow"):
        (tmp_path / "ensembles" / room / "__pycache__").touch()
    home = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "NUMBA_CACHE_DIR": ""}
    return {"root": tmp_path, **home}


def test_importing_the_trees_does_not_import_numba():
    assert "False" in run("import sys, ensembles.trees; print('numba' in sys.modules)")


def test_kernels_are_made_of_nothing_that_the_fingerprint_leaves_out():
    """Every room of ours that a room with kernels imports has kernels itself, and is read."""
    rooms = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text()
        for path in (ROOT / "ensembles" / "trees").rglob("*.py")
    }
    read = kernel_sources()
    kernels = {name for name, source in rooms.items() if source.encode() in read}
    named = ("coding", "compiling", "deep.growing", "histogram", "splitting", "shallow.growing")
    assert {f"ensembles.trees.{name}" for name in named} <= kernels
    for name in kernels:
        found = {
            line.split()[1]
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
    assert "compiling the tree kernels once (5 to 10 s); they are cached on disk" in lines[2]
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


def test_what_a_written_number_rules_out_is_not_compiled():
    from numba import float64

    from ensembles.trees.compiling import kernel, part

    @part
    def half(x):
        return 0.5 * x

    @part
    def third(x):
        return x / 3.0

    @part
    def share(way, x):
        if way == 1:
            return half(x)
        return third(x)

    assert kernel(float64(float64))(lambda x: share(1, x))(3.0) == 1.5
    assert (len(half.signatures), len(third.signatures)) == (1, 0)


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


RENAMED = r"""
import re, sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader

class Renaming(SourceFileLoader):
    def get_code(self, name):
        source = self.get_data(self.path)
        return self.source_to_code(OLD.sub(rb"\g<0>_as_of_now", source), self.path)

class AnotherNumba(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        spec = PathFinder.find_spec(name, path, target) if name.startswith("numba.") else None
        if spec and spec.loader and spec.origin.endswith(".py"):
            if OLD.search(spec.loader.get_data(spec.origin)):
                spec.loader = Renaming(name, spec.origin)
                return spec
        return None

OLD = re.compile(rb"\b%s\b" % NAME.encode())
sys.meta_path.insert(0, AnotherNumba())
import numba, warnings
assert numba.njit(lambda x: x + 1)(1) == 2
"""
"""A numba in which one thing has another name, everywhere: to us it is gone, and numba works."""

CODES_AND_WAY = """
import numpy as np
values, codes = np.array([[0.5, 1.0, 9.0, -np.inf, np.nan]]), np.empty((5, 1), np.uint8)
cuts = np.full((1, 272), np.inf)
cuts[0, :20] = np.arange(20) / 10
cuts[0, 256:] = cuts[0, 15:256:16]
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    from ensembles.trees import coding
coding.encode(values, 5, cuts, np.array([20]), codes)
print(codes.ravel().tolist(), "plain" if told else "quick")
"""


def test_another_numba_compiles_kernels_in_its_own_way(tmp_path):
    """What it lacks is found out when it is imported, in the midst of a kernel, or by answers."""
    names = ("PreLowerStripPhis", "_finalize_dynamic_globals", "resolve_function_type")
    for name in names:
        cache = {"NUMBA_CACHE_DIR": str(tmp_path / name)}
        told = run(f"NAME = {name!r}\n{RENAMED}{CODES_AND_WAY}", **cache)
        assert told == "[6, 11, 21, 1, 0] plain\n"
    told = run(f"import warnings\n{CODES_AND_WAY}", NUMBA_CACHE_DIR=str(tmp_path))
    assert told == "[6, 11, 21, 1, 0] quick\n"


def test_a_kernel_that_errs_is_found_out():
    code = "from ensembles.trees import lean, lowering; CHANGE; print(lean.is_right())"
    forwards = "lowering.Lowering.from_start = lambda self, step, kind, length: step"
    for change, right in [("0", True), ("lean.alike = tuple", False), (forwards, False)]:
        assert run(code.replace("CHANGE", change)) == f"{right}\n"


INTERNALS = """
    find_insts _definitions literal_value dead_branch_prune Interpreter post_process
    peep_hole_delete_with_exit build_definitions RewriteConstGetitems reconstruct_ssa
    canonicalize_cfg NopythonTypeInference PreLowerStripPhis _strip_phi_nodes NativeLowering
    NoPythonBackend lowering_class setup_function _find_singly_assigned_variable
    _singly_assigned_vars _blk_local_varmap lower_block lower_inst storevar loadvar lower_binop
    lower_call lower_expr lower_getitem lower_setitem init_call_helper enable_boundscheck
    FunctionCache JITCodeLibrary CompilerBase
    resolve_function_type resolve_setitem define_pipelines pipeline_class
    typingctx targetctx func_id func_qualname _optimize_final_module
    _finalize_final_module _finalize_dynamic_globals _ensure_finalized set_env _codegen
    _load_overload load_overload _guard_against_spurious_io_errors _nrt
    no_cfunc_wrapper no_cpython_wrapper disable_compile
    _optimize_functions _module_pass_manager _pass_builder _data_layout enable_object_caching
"""
"""What `lean`, `steps` and `lowering` ask of numba, but for what C asks for by name."""


@pytest.mark.slow
@pytest.mark.parametrize("name", INTERNALS.split())
def test_kernels_do_not_depend_on_what_numba_keeps_to_itself(name, tmp_path):
    """Without it, a kernel that is compiled, and one that is read from the disk, are right.

    Once something was found wanting a process goes the plain way to its end, and what a kernel can
    have, a part, a branch, a loop, a write, the first one has: so one kernel tells, and that trees
    are right in the plain way is asked once, below.
    """
    code = f"NAME = {name!r}\n{RENAMED}{CODES_AND_WAY}"
    for _ in range(2):
        assert run(code, NUMBA_CACHE_DIR=str(tmp_path)).startswith("[6, 11, 21, 1, 0] ")


LACKING = """
import warnings
from ensembles.trees import lean
quick, made = lean.compiled, []

def compiled(function, signatures):
    if len(made) == KERNELS:
        raise AttributeError("numba has no such name")
    made.append(function)
    return quick(function, signatures)

lean.compiled = compiled
warnings.simplefilter("ignore", RuntimeWarning)
"""

TREES = """
import numpy as np
from hashlib import sha256
from ensembles.trees import HistTreeClassifier, HistTreeRegressor, compiling
X = np.random.default_rng(0).normal(size=(900, 5))
tree = HistTreeClassifier(max_features=2, random_state=0).fit(X, X[:, 0] > X[:, 1])
assert tree.score(X, X[:, 0] > X[:, 1]) == 1.0
print(sha256(tree.predict_proba(X + 0.1)).hexdigest(), len(compiling.GIVEN_UP))
"""


@pytest.mark.slow
@pytest.mark.parametrize("n_quick", [0, 3])
def test_trees_are_the_same_in_the_plain_way(n_quick, tmp_path):
    """From the first kernel on, and from the midst of them."""
    plain = run(f"KERNELS = {n_quick}\n{LACKING}{TREES}", NUMBA_CACHE_DIR=str(tmp_path))
    assert plain.split() == [run(TREES).split()[0], "1"]


def test_only_what_may_be_missing_is_asked_of_numba_s_own_rooms():
    """`numba.core` and the like are imported by `lean` and for it, which may fail, and where
    verbose.
    """
    own = {
        path.name
        for path in (ROOT / "ensembles").rglob("*.py")
        if re.search(r"^\s*(from|import) numba\.(?!extending)", path.read_text(), re.M)
    }
    assert own == {"lean.py", "lowering.py", "steps.py", "announcing.py"}


def test_what_wide_registers_read_begins_where_lines_of_the_cache_do():
    """In every thread, whatever the arrays before it took."""
    from concurrent.futures import ThreadPoolExecutor

    from ensembles.trees.deep.desk import LINE, SCRATCH

    def offsets(_):
        wide = SCRATCH.work, SCRATCH.bins, SCRATCH.sheet, SCRATCH.counts, SCRATCH.folded
        return [array.ctypes.data % LINE for array in (*wide, SCRATCH.sums)]

    with ThreadPoolExecutor(3) as pool:
        assert all(found == [0] * 6 for found in pool.map(offsets, range(9)))
