"""What worker processes are sent: the name of a folder, in which tables lie to be mapped."""

import datetime
import decimal
import gc
import multiprocessing
import os
import pickle
import stat
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from joblib import Parallel, delayed, parallel_config
from polars.testing import assert_frame_equal, assert_series_equal
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, RegressorMixin

from ensembles import BaggingRegressor, bootstrap_score, cross_validate
from ensembles.members import carrying, mapping, reducing

N_ROWS = 20_000
RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(N_ROWS, 12))
TARGET = NUMBERS[:, 0].copy()
TEXT = [f"the words of row {i}" for i in range(N_ROWS)]
FEW = [f"word {i % 7}" for i in range(N_ROWS)]
DAY = datetime.date(2026, 1, 2)
NOON = datetime.datetime(2026, 1, 2, 12)

ARRAYS = {
    "C": NUMBERS,
    "Fortran": np.asfortranarray(NUMBERS),
    "every other row": np.repeat(NUMBERS, 2, axis=0)[::2],
    "every other row, Fortran": np.asfortranarray(np.repeat(NUMBERS, 2, axis=0))[::2],
    "backwards": NUMBERS[::-1, ::-1],
    "three axes": NUMBERS.reshape(N_ROWS, 3, 4).transpose(2, 0, 1),
    "narrow": NUMBERS.astype(np.float32),
    "dates": np.full((N_ROWS, 2), np.datetime64(DAY)),
    "objects": np.array([TEXT, FEW], dtype=object).T,
    "text": np.array([TEXT, FEW]).T,
    "records": np.zeros(N_ROWS, dtype=[("a", "f8"), ("b", "i4")]),
    "empty": NUMBERS[:0],
    "one cell": np.array(3.0),
}
PANDAS = {
    "str": pd.DataFrame({"a": TEXT, "b": FEW}),
    "object": pd.DataFrame({"a": TEXT, "b": [None, 1] * (N_ROWS // 2)}, dtype=object),
    "python strings": pd.DataFrame({"a": pd.array(TEXT, dtype="string[python]")}),
    "arrow strings": pd.DataFrame({"a": pd.array(TEXT, dtype="string[pyarrow]")}),
    "category": pd.DataFrame({"a": pd.Categorical(FEW, ordered=True), "b": pd.Categorical(TEXT)}),
    "nullable": pd.DataFrame({"a": pd.array([1, None] * (N_ROWS // 2), dtype="Int32")}),
    "dates": pd.DataFrame({"a": pd.date_range(NOON, periods=N_ROWS, freq="min", tz="Europe/Rome")}),
    "levels": pd.DataFrame(
        {("a", 1): TEXT, ("a", 2): TARGET}, index=pd.MultiIndex.from_arrays([FEW, TEXT])
    ),
    "sparse": pd.DataFrame({"a": pd.arrays.SparseArray(np.arange(N_ROWS) % 9 == 0)}),
}
COLUMNS = {
    "text": TEXT,
    "number": TARGET,
    "missing": [None, 1.5] * (N_ROWS // 2),
    "nothing": [None] * N_ROWS,
    "flag": [True, False] * (N_ROWS // 2),
    "day": [DAY] * N_ROWS,
    "noon": [NOON] * N_ROWS,
    "hour": [datetime.time(3)] * N_ROWS,
    "span": [datetime.timedelta(3)] * N_ROWS,
    "exact": [decimal.Decimal("1.23")] * N_ROWS,
    "bytes": [b"xyz"] * N_ROWS,
    "list": [[1, 2], []] * (N_ROWS // 2),
    "struct": [{"a": 1, "b": "x"}] * N_ROWS,
}
PLAIN = pl.DataFrame(COLUMNS).with_columns(
    pl.Series("category", FEW, dtype=pl.Categorical),
    pl.Series("enum", FEW, dtype=pl.Enum(["another", *FEW[:7]])),
    pl.col("noon").dt.replace_time_zone("Europe/Rome").alias("in Rome"),
    pl.col("number").reshape((N_ROWS, 1)).alias("array"),
)
POLARS = {
    "all kinds": PLAIN,
    "strangers to pyarrow": PLAIN.with_columns(pl.Series("huge", range(N_ROWS), dtype=pl.Int128)),
    "chunks": pl.concat([PLAIN[:50], PLAIN[50:]], rechunk=False),
    "slice": PLAIN[10:20],
    "no rows": PLAIN[:0],
    "no columns": pl.DataFrame(),
}


@pytest.fixture
def there_and_back(tmp_path):
    def of(thing):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        mapping.write(thing, folder, pickle.Pickler)
        return mapping.read(folder), folder

    return of


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_read_as_they_were(name, there_and_back):
    array = ARRAYS[name]
    back, folder = there_and_back(array)
    assert type(back) is np.ndarray
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
    assert np.argsort(np.abs(back.strides)).tolist() == np.argsort(np.abs(array.strides)).tolist()
    if array.dtype != object and array.size > 1:
        assert (folder / "pickle").stat().st_size < 1_000
        assert back.__array_interface__["data"][0] % mapping.ALIGNED == 0


@pytest.mark.parametrize("name", PANDAS)
def test_pandas_frames_are_read_as_they_were(name, there_and_back):
    frame = PANDAS[name]
    back, _ = there_and_back(frame)
    pd.testing.assert_frame_equal(back, frame)
    assert back.dtypes.tolist() == frame.dtypes.tolist()
    assert {type(column.array) for _, column in back.items()} == {
        type(column.array) for _, column in frame.items()
    }


@pytest.mark.parametrize("pyarrow", [True, False])
@pytest.mark.parametrize("name", POLARS)
def test_polars_frames_are_read_as_they_were(name, pyarrow, there_and_back, monkeypatch):
    if not pyarrow:
        monkeypatch.setattr(reducing, "_arrow_of", lambda frame: None)
    back, _ = there_and_back(POLARS[name])
    assert back.schema == POLARS[name].schema
    assert_frame_equal(back, POLARS[name])
    for column in POLARS[name]:
        assert_series_equal(there_and_back(column)[0], column)


def test_a_few_rows_do_not_bring_the_frame_that_they_were_cut_from(there_and_back):
    _, folder = there_and_back(PLAIN[10:20])
    assert mapping.n_bytes(folder) < 100_000
    _, folder = there_and_back(PLAIN)
    assert (folder / "pickle").stat().st_size < 0.1 * mapping.n_bytes(folder)


@pytest.mark.parametrize(
    "view", [np.s_[:], np.s_[5:9], np.s_[::-2, 1::3], np.s_[3]], ids=["all", "5:9", "-2, 1::3", "3"]
)
@pytest.mark.parametrize("kind", [np.asarray, lambda array: array], ids=["array", "memmap"])
def test_maps_of_the_users_files_are_opened_and_not_copied(view, kind, tmp_path, there_and_back):
    path = tmp_path / "users"
    np.memmap(path, np.float64, "w+", 24, NUMBERS.shape)[:] = NUMBERS
    array = kind(np.memmap(path, np.float64, "r", 24, NUMBERS.shape)[view])
    back, folder = there_and_back(array)
    assert type(back) is type(array)
    assert back.strides == array.strides
    np.testing.assert_array_equal(back, NUMBERS[view])
    assert mapping.n_bytes(folder) < 1_000
    assert not back.flags.writeable


def test_a_private_map_is_read_with_what_was_written_into_it(tmp_path, there_and_back):
    path = tmp_path / "users"
    np.memmap(path, np.float64, "w+", 0, NUMBERS.shape)[:] = NUMBERS
    private = np.memmap(path, np.float64, "c", 0, NUMBERS.shape)
    private[0] = -1.0
    np.testing.assert_array_equal(there_and_back(private)[0], private)


def test_what_a_reader_writes_stays_with_it(there_and_back):
    back, folder = there_and_back({"X": NUMBERS, "again": NUMBERS})
    back["X"][:] = 0.0
    assert back["again"] is back["X"]
    np.testing.assert_array_equal(mapping.read(folder)["X"], NUMBERS)


@pytest.mark.skipif(os.name != "posix", reason="rights are told otherwise")
@pytest.mark.parametrize("name", ["pickle", "buffers", "spans"])
def test_nothing_is_read_that_others_can_write(name, there_and_back):
    _, folder = there_and_back(NUMBERS)
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    (folder / name).chmod(0o622)
    with pytest.raises(PermissionError, match=r"can be written to by others \(mode 622\)"):
        mapping.read(folder)


# ---------------------------------------------------------------------------------------------
# Workers


class Seen(RegressorMixin, BaseEstimator):
    """Keeps the table it was fitted on, and tells what tasks find in the folder of the run."""

    def __init__(self, root=None, fails=False):
        self.root, self.fails = root, fails

    def fit(self, X, y):
        if self.fails and not isinstance(y, list) and np.asarray(y)[0] == TARGET[0]:
            raise RuntimeError("on purpose")
        self.X_, self.pid_ = X, os.getpid()
        self.rights_ = [stat.S_IMODE(path.stat().st_mode) for path in left_in(self.root)]
        return self

    def predict(self, X):
        return np.full(X.shape[0], float(X.shape[1]))


def left_in(root):
    return [] if root is None else [path for path in root.iterdir() if "ensembles" in path.name]


class Counted(pd.DataFrame):
    """A frame that counts how often it is pickled."""

    times = 0

    def __reduce__(self):
        type(self).times += 1
        return pd.DataFrame, ({name: self[name].tolist() for name in self},)


def in_folds(frame):
    cross_validate(Seen(), frame, TARGET, cv=6, n_jobs=2)


def in_a_bag(frame):
    BaggingRegressor(Seen(), 6, n_jobs=2).fit(frame, TARGET)


def in_resamples(frame):
    bootstrap_score(Seen(), frame, TARGET, n_resamples=6, n_jobs=2)


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
@pytest.mark.parametrize("work", [in_folds, in_a_bag, in_resamples])
@pytest.mark.filterwarnings("ignore:.*rows were held by every resample")
def test_a_table_is_pickled_once_for_all_tasks(work, backend):
    """It was for every task, with the row numbers of its fold."""
    Counted.times = 0
    with parallel_config(backend):
        work(Counted({"a": TEXT}))
    assert Counted.times == 1


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_a_task_is_a_name_however_large_the_table(backend):
    with parallel_config(backend):
        pool = Parallel(n_jobs=2)
        polars = POLARS.values() if backend == "loky" else ()
        for table in (*PANDAS.values(), *polars, csr_matrix(NUMBERS)):
            function = partial(np.shape, table)
            with carrying.carried(function, pool) as call:
                assert len(pickle.dumps(call)) < 300
                assert call.func is carrying._call


@pytest.mark.parametrize(
    ("table", "backend"),
    [
        *((frame, "loky") for frame in PANDAS.values()),
        *((frame, "multiprocessing") for frame in PANDAS.values()),
        (POLARS["all kinds"], "loky"),  # polars hangs in a process that was forked, whoever forks
    ],
    ids=[*PANDAS, *(f"{name}, forked" for name in PANDAS), "polars"],
)
def test_workers_see_what_the_loop_sees(table, backend, tmp_path):
    here = cross_validate(Seen(), table, TARGET, X_test=table[:5], cv=2)
    with parallel_config(backend, temp_folder=str(tmp_path)):
        there = cross_validate(Seen(tmp_path), table, TARGET, X_test=table[:5], cv=2, n_jobs=2)
    equal = assert_frame_equal if isinstance(table, pl.DataFrame) else pd.testing.assert_frame_equal
    for mine, theirs in zip(here.models_, there.models_, strict=True):
        assert theirs.pid_ != os.getpid()
        assert theirs.rights_ == [0o700]
        equal(theirs.X_, mine.X_)
    assert not left_in(tmp_path)


FORKED = """
import sys
import numpy as np
import polars as pl
from joblib import parallel_config
from sklearn.tree import DecisionTreeRegressor
from ensembles import BaggingRegressor, cross_validate

numbers = np.random.default_rng(0).normal(size=(500, 3))
frame = pl.DataFrame(numbers, schema=["a", "b", "c"]).sort("a")
X, y = {
    "X": (frame, numbers[:, 0]),
    "y": (numbers, frame["a"]),
    "neither": (numbers, numbers[:, 0]),
}[sys.argv[1]]
for work in (
    lambda: cross_validate(DecisionTreeRegressor(), X, y, cv=2, n_jobs=2),
    lambda: BaggingRegressor(DecisionTreeRegressor(), n_estimators=4, n_jobs=2).fit(X, y),
):
    for given in ({}, {"max_nbytes": None}):
        with parallel_config("multiprocessing", **given):
            try:
                work()
            except ValueError as error:
                print(error)
            else:
                print("done")
"""


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="forks nothing")
@pytest.mark.parametrize(("part", "n_refused"), [("X", 4), ("y", 2), ("neither", 0)])
def test_polars_is_refused_where_it_would_hang(part, n_refused):
    """Its threads stay behind in a fork; ``Bagging`` makes an array of a ``y`` before."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, "-c", FORKED, part],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    said = run.stdout.splitlines()
    refused = [line.startswith("joblib's backend must be 'loky' or 'thr") for line in said]
    assert sum(refused) == n_refused, run.stdout
    assert len(said) == 4


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_nothing_is_left_after_an_error(backend, tmp_path):
    with (
        parallel_config(backend, temp_folder=str(tmp_path)),
        pytest.raises(RuntimeError, match="on purpose"),
    ):
        cross_validate(
            Seen(tmp_path, fails=True), PANDAS["str"], TARGET, n_jobs=2, error_score="raise"
        )
    gc.collect()
    assert not left_in(tmp_path)


class Interrupts:
    def __call__(self):
        return self

    def __reduce__(self):
        raise KeyboardInterrupt


def test_nothing_is_left_after_an_interrupt(tmp_path):
    with parallel_config("loky", temp_folder=str(tmp_path)):
        pool = Parallel(n_jobs=2)
        with pytest.raises(KeyboardInterrupt), carrying.carried(print, pool):
            assert len(left_in(tmp_path)) == 1
            raise KeyboardInterrupt
        assert not left_in(tmp_path)
        with pytest.raises(KeyboardInterrupt), carrying.carried(partial(Interrupts()), pool):
            pass
        assert not left_in(tmp_path)


def kept():
    return list(carrying._KEPT)


def test_a_worker_keeps_what_it_has_read_while_the_run_lasts(tmp_path):
    with parallel_config("loky", temp_folder=str(tmp_path)):
        pool = Parallel(n_jobs=2)
        with carrying.carried(partial(np.shape, NUMBERS), pool) as call:
            assert Parallel(n_jobs=2)(delayed(call)() for _ in range(4)) == [NUMBERS.shape] * 4
            assert [call.args[0]] in Parallel(n_jobs=2)(delayed(kept)() for _ in range(4))
        until = time.monotonic() + 20
        while any(Parallel(n_jobs=2)(delayed(kept)() for _ in range(8))):
            assert time.monotonic() < until
            time.sleep(0.1)


def test_what_is_large_is_mapped_anew(tmp_path, monkeypatch):
    """joblib takes a worker that grew by 300 MB for one that leaks, and ends it."""
    with parallel_config("loky", temp_folder=str(tmp_path)):
        with carrying.carried(partial(np.shape, NUMBERS), Parallel(n_jobs=2)) as call:
            monkeypatch.setattr(carrying, "KEPT", NUMBERS.nbytes)
            assert call() == NUMBERS.shape
            assert not kept()
            monkeypatch.setattr(carrying, "KEPT", NUMBERS.nbytes + 10_000)
            assert call() == NUMBERS.shape
            assert kept() == [call.args[0]]
        until = time.monotonic() + 20
        while kept():
            assert time.monotonic() < until
            time.sleep(0.1)


def test_a_disk_without_room_is_told_of_and_nothing_else_changes(monkeypatch):
    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(carrying, "write", full)
    with (
        parallel_config("loky"),
        pytest.warns(RuntimeWarning, match=r"No space left on device.*temp_folder"),
    ):
        result = cross_validate(Seen(), PANDAS["str"], TARGET, cv=2, n_jobs=2)
    here = cross_validate(Seen(), PANDAS["str"], TARGET, cv=2)
    np.testing.assert_array_equal(result.oof_prediction_, here.oof_prediction_)


def test_the_next_folder_is_tried_where_the_first_has_no_room(tmp_path, monkeypatch):
    monkeypatch.setattr(carrying, "_roots", lambda named: ["/dev/null/none", str(tmp_path)])
    with parallel_config("loky"), carrying.carried(print, Parallel(n_jobs=2)) as call:
        assert [str(path) for path in left_in(tmp_path)] == list(call.args)


@pytest.mark.parametrize(
    "settings", [{"backend": "threading"}, {"backend": "loky", "max_nbytes": None}], ids=str
)
def test_threads_share_and_who_wants_no_maps_gets_none(settings, tmp_path):
    with (
        parallel_config(temp_folder=str(tmp_path), **settings),
        carrying.carried(print, Parallel(n_jobs=2)) as call,
    ):
        assert call is print
        assert not list(tmp_path.iterdir())


def test_the_users_own_code_is_carried():
    """As joblib's pickler does: classes and functions of a notebook by what they are."""

    class Local(Seen):
        def predict(self, X):
            return np.full(len(X), 7.0)

    def scorer(estimator, X, y):
        return float(estimator.predict(X)[0])

    with parallel_config("loky"):
        result = cross_validate(Local(), PANDAS["str"], TARGET, scoring=scorer, cv=2, n_jobs=2)
    assert {type(model) for model in result.models_} == {Local}
    np.testing.assert_array_equal(result["test_score"], 7.0)


def test_joblib_says_what_cannot_be_pickled():
    with (
        parallel_config("loky"),
        pytest.raises(pickle.PicklingError, match="Could not pickle the task"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        cross_validate(Seen(root=sys._getframe()), NUMBERS, TARGET, cv=2, n_jobs=2)


def test_the_tracker_is_told(tmp_path, monkeypatch):
    """joblib's, which outlives a process that is killed, and removes what it was told of."""
    told = []
    for word in ("register", "unregister"):
        tell = partial(lambda *given: told.append(given), word)
        monkeypatch.setattr(carrying.resource_tracker, word, tell)
    with (
        parallel_config("loky", temp_folder=str(tmp_path)),
        carrying.carried(print, joblib.Parallel(n_jobs=2)) as call,
    ):
        assert told == [("register", call.args[0], "folder")]
    assert told[1:] == [("unregister", call.args[0], "folder")]
