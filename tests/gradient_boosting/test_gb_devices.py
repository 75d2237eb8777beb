"""Devices: what is chosen, and what happens when a GPU's memory is too small."""

import sys
from contextlib import nullcontext
from dataclasses import replace
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xgboost

from ensembles import GradientBoosting, GradientBoostingClassifier, GradientBoostingRegressor
from ensembles.gradient_boosting import boosting, devices, external, memory
from ensembles.gradient_boosting.gpu import gpu_of, lies_on_gpu, number_of, on_host

X = np.random.default_rng(0).normal(size=(200, 3))
y = X[:, 0] + X[:, 1]
NO_GPU = not devices.answers("cuda")
FULL = "Memory allocation error on worker 0: cudaErrorMemoryAllocation: out of memory"


def test_auto_is_what_answers():
    model = GradientBoostingRegressor(3).fit(X, y)
    assert model.device_ == ("cpu" if NO_GPU else "cuda")
    assert GradientBoostingRegressor(3, device="cpu").fit(X, y).device_ == "cpu"


@pytest.mark.skipif(not NO_GPU, reason="there is a GPU here")
@pytest.mark.parametrize("device", ["cuda", "cuda:1", "gpu"])
def test_a_gpu_that_is_not_there_is_an_error(device):
    """XGBoost trains on the CPU and says so in a warning at most."""
    with pytest.raises(ValueError, match="device must be one that can be used"):
        GradientBoostingRegressor(3, device=device).fit(X, y)


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "CPU", None, 3])
def test_a_device_that_is_none_is_named(device):
    with pytest.raises(ValueError, match="device must be"):
        GradientBoostingRegressor(3, device=device).fit(X, y)


def test_gpu_hist_is_told_its_new_name():
    with pytest.raises(ValueError, match="device='cuda'"):
        GradientBoostingRegressor(3, tree_method="gpu_hist").fit(X, y)


@pytest.fixture
def small_gpu(monkeypatch):
    """Pretend that there is a GPU, which runs out of memory ``n_failures`` times."""
    seen = []

    def pretend(n_failures):
        grow = boosting._grow_all

        def failing(job, *arguments):
            seen.append((job.device, job.settings.max_bin, job.external))
            if len(seen) <= n_failures:
                raise xgboost.core.XGBoostError(FULL)
            return grow(replace(job, device="cpu"), *arguments)

        monkeypatch.setattr(boosting, "_grow_all", failing)
        monkeypatch.setattr(memory, "has_cupy", lambda: True)
        monkeypatch.setattr(devices, "answers", lambda device: True)
        return seen

    return pretend


@pytest.mark.parametrize("n_failures", [1, 2, 3])
def test_auto_falls_back_step_by_step(small_gpu, n_failures, tmp_path):
    seen = small_gpu(n_failures)
    model = GradientBoostingRegressor(3, cache_dir=tmp_path)
    with pytest.warns(ResourceWarning, match="too small for 200 rows x 3 columns") as warned:
        model.fit(X, y)
    steps = [
        ("cuda", 256, False),
        ("cuda", 64, False),
        ("cuda", 64, True),
        ("cpu", 256, False),
    ]
    assert seen == steps[: n_failures + 1]
    assert len(warned) == n_failures
    assert "Trying max_bin=64" in str(warned[0].message)
    assert model.device_ == steps[n_failures][0]
    assert model.score(X, y) > 0
    assert not list(tmp_path.iterdir())


def test_a_gpu_asked_for_by_name_is_not_left(small_gpu):
    small_gpu(1)
    with pytest.raises(MemoryError, match=r"200 rows x 3 columns with max_bin=256.*MiB"):
        GradientBoostingRegressor(3, device="cuda").fit(X, y)


@pytest.mark.parametrize(
    "text",
    [
        "Memory allocation error on worker 0: std::bad_alloc",
        "cudaErrorMemoryAllocation",
        "CUDA driver: Out of memory",
    ],
)
def test_each_way_of_xgboost_to_say_that_memory_is_too_small_is_known(text):
    assert memory.out_of_memory(xgboost.core.XGBoostError(text))


@pytest.mark.parametrize(("max_bin", "mebibytes"), [(256, "10.0"), (257, "20.0")])
def test_the_memory_that_is_named_is_that_of_the_codes(max_bin, mebibytes):
    text = f"1,048,576 rows x 10 columns with max_bin={max_bin}: {mebibytes} MiB of codes"
    assert memory.size_of(2**20, 10, max_bin).startswith(text)


def test_another_error_is_no_reason_to_fall_back(monkeypatch):
    def failing(*arguments):
        raise xgboost.core.XGBoostError("something else")

    monkeypatch.setattr(boosting, "_grow_all", failing)
    monkeypatch.setattr(devices, "answers", lambda device: True)
    with pytest.raises(xgboost.core.XGBoostError, match="something else"):
        GradientBoostingRegressor(3).fit(X, y)


def test_external_memory_gives_the_same_trees(tmp_path):
    plain = GradientBoostingRegressor(5, random_state=0, cache_dir=tmp_path).fit(X, y)
    settings = boosting.SimpleNamespace(**vars(plain), extra={}, n_cells=600)
    job = boosting.Job(settings, plain._objective, plain._columns, None, "cpu", [0], external=True)
    _, (grown,) = boosting.grow(job, boosting.Rows(X, y, None), None, 5)
    np.testing.assert_array_equal(grown.booster.inplace_predict(X), plain.predict(X))
    assert not list(tmp_path.iterdir())


class Device(nullcontext):
    """A GPU, which cupy works on where it is entered."""

    def __init__(self, number):
        super().__init__()
        self.id = number


class OnGpu:
    """What an array of cupy can do, of numbers that must not come to the host unasked."""

    def __init__(self, shape, dtype=np.float32, number=0):
        self.numbers = np.empty(shape, dtype)
        self.shape, self.dtype, self.ndim = self.numbers.shape, self.numbers.dtype, len(shape)
        self.device = Device(number)

    @property
    def __cuda_array_interface__(self):
        return {"version": 3, "typestr": self.numbers.dtype.str}

    @classmethod
    def of(cls, numbers, number=0):
        made = cls(np.shape(numbers), np.asarray(numbers).dtype, number)
        made.numbers[...] = numbers
        return made

    def __array__(self, dtype=None, copy=None):
        raise TypeError("brought to the host unasked")

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, key):
        return OnGpu.of(self.numbers[key], self.device.id)

    def __setitem__(self, key, value):
        self.numbers[key] = value.numbers

    def __gt__(self, value):
        return OnGpu.of(self.numbers > value)

    def __abs__(self):
        return OnGpu.of(abs(self.numbers))

    def any(self):
        return OnGpu.of(self.numbers.any())

    def __bool__(self):
        return bool(self.numbers)

    def __rsub__(self, value):
        return OnGpu.of(value - self.numbers)

    def __add__(self, other):
        return OnGpu.of(self.numbers + getattr(other, "numbers", other))

    __radd__ = __add__

    def __truediv__(self, value):
        return OnGpu.of(self.numbers / value)

    def astype(self, dtype):
        return OnGpu.of(self.numbers.astype(dtype))

    def argmax(self, axis):
        return OnGpu.of(self.numbers.argmax(axis))

    def take(self, rows):
        return OnGpu.of(self.numbers.take(rows))  # of the flattened array, as numpy's

    def get(self):
        return self.numbers


class Cudf(OnGpu):
    """A DataFrame of cudf: columns with names, and no array."""

    __module__ = "cudf.core.dataframe"
    __cuda_array_interface__ = property(lambda self: {}["no array"])

    def __init__(self, frame):
        self.frame, self.shape, self.dtypes = frame, frame.shape, frame.dtypes
        self.columns, self.iloc = frame.columns, frame.iloc
        self.device = frame.iloc[:, 0]  # a column may have any name

    def __getattribute__(self, name):
        if name == "__cuda_array_interface__":
            raise AttributeError(name)
        return object.__getattribute__(self, name)

    def __len__(self):
        return len(self.frame)

    def __getitem__(self, name):
        return self.frame[name]

    def head(self, n_rows):
        return Cudf(self.frame.head(n_rows))

    def to_pandas(self):
        return self.frame


@pytest.fixture
def gpu(monkeypatch):
    """Pretend that there are two GPUs, which take what XGBoost 3.2 takes there, and cupy."""
    seen = SimpleNamespace(trained=[], binned=[], external=[], told=0)
    train, make, ask = xgboost.train, xgboost.QuantileDMatrix, xgboost.Booster.inplace_predict
    place_by_xgboost = xgboost.Booster.set_param

    def numbers_of(table):
        return table.frame if isinstance(table, Cudf) else getattr(table, "numbers", table)

    def trained(parameters, *arguments, **more):
        seen.trained.append(parameters["device"])
        return train(parameters | {"device": "cpu"}, *arguments, **more)

    def binned(table, **more):
        seen.binned.append(table)
        return make(numbers_of(table), **more)

    def binned_outside(reader, **more):
        """XGBoost says this when it trains; which device it will be is not known here."""
        parts = []
        reader.reset()
        while reader.next(lambda **part: parts.append(part)):
            pass
        seen.external.append(parts)
        if reader.job.device != "cpu" and not all(lies_on_gpu(one["data"]) for one in parts):
            raise xgboost.core.XGBoostError("initialized using CPU data, cannot be used for GPU")
        weights = None if parts[0]["weight"] is None else [one["weight"] for one in parts]
        return make(
            np.concatenate([numbers_of(one["data"]) for one in parts]),
            label=np.concatenate([one["label"] for one in parts]),
            weight=None if weights is None else np.concatenate(weights),
            feature_types=parts[0]["feature_types"],
            **more,
        )

    def place(booster, given, value=None):
        if isinstance(given, dict):
            seen.told += 1
            booster.set_attr(place=given["device"])
        else:
            place_by_xgboost(booster, given, value)

    def answer(booster, table, **more):
        where = booster.attr("place") or "cpu"
        assert where == (gpu_of(table) if lies_on_gpu(table) else "cpu"), "mismatched devices"
        found = ask(booster, numbers_of(table), **more)
        return OnGpu.of(found) if lies_on_gpu(table) else found

    cupy = ModuleType("cupy")
    cupy.__spec__ = ModuleSpec("cupy", None)
    cupy.asarray, cupy.cuda = OnGpu.of, SimpleNamespace(Device=nullcontext)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(xgboost, "train", trained)
    monkeypatch.setattr(xgboost, "QuantileDMatrix", binned)
    monkeypatch.setattr(xgboost, "ExtMemQuantileDMatrix", binned_outside)
    monkeypatch.setattr(xgboost.Booster, "inplace_predict", answer)
    monkeypatch.setattr(xgboost.Booster, "set_param", place)
    monkeypatch.setattr(devices, "answers", lambda device: number_of(device) < 2)
    return seen


def test_an_array_on_a_gpu_stays_there(gpu):
    table = OnGpu.of(X)
    model = GradientBoostingRegressor(3).fit(table, y)
    assert gpu.binned[0] is table
    assert gpu.trained == ["cuda"]
    assert model.n_features_in_ == 3
    found = model.predict(table)
    assert isinstance(found, OnGpu)
    np.testing.assert_array_equal(found.get(), model.predict(X))
    with pytest.raises(ValueError, match="4 features"):
        model.predict(OnGpu((200, 4)))
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[200, 9\]"):
        model.fit(table, y[:9])


@pytest.mark.parametrize("held_out", [True, False])
def test_targets_weights_and_groups_may_lie_on_a_gpu_too(held_out, gpu):
    labels, weights = (y > 0).astype(int), np.linspace(0.5, 2.0, len(y))
    groups = np.arange(len(y)) // 5

    def fitted(there):
        model = GradientBoosting(20, early_stopping=True, random_state=0)
        if held_out:
            return model.fit(*map(there, (X, labels, weights)), groups=there(groups))
        more = {"X_val": X[:50], "y_val": labels[:50], "sample_weight_val": weights[:50]}
        more = {name: there(value) for name, value in more.items()}
        return model.fit(*map(there, (X, labels, weights)), **more)

    found, expected = fitted(OnGpu.of), fitted(np.asarray)
    assert found.evals_result_ == expected.evals_result_
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


def test_the_gpu_that_the_table_lies_on_is_the_one_that_trains(gpu):
    """XGBoost refuses rows of one GPU on another."""
    table = OnGpu.of(X, 1)
    for device in ("auto", "cuda", "gpu", "cuda:1"):
        assert GradientBoostingRegressor(3, device=device).fit(table, y).device_ == "cuda:1"
    with pytest.raises(ValueError, match=r"GPU that X lies on, 'cuda:1', or 'auto'; got 'cuda:0'"):
        GradientBoostingRegressor(3, device="cuda:0").fit(table, y)
    assert GradientBoostingRegressor(3, device="cuda:0").fit(OnGpu.of(X), y).device_ == "cuda:0"


def test_on_the_cpu_an_array_of_a_gpu_comes_to_the_host(gpu):
    """It is asked about where it lies all the same."""
    model = GradientBoostingRegressor(3, device="cpu").fit(OnGpu.of(X), y)
    assert isinstance(gpu.binned[0], np.ndarray)
    for number in (0, 1):
        np.testing.assert_array_equal(model.predict(OnGpu.of(X, number)).get(), model.predict(X))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_booster_is_told_where_to_answer_when_that_changes_alone(device, gpu):
    """To be told takes XGBoost longer than to answer about a row."""
    model = GradientBoostingRegressor(3, device=device).fit(X, y)
    fitted = gpu.told
    for table, told in [(X, 0), (OnGpu.of(X), 1), (OnGpu.of(X), 1), (X, 2), (X, 2)]:
        model.predict(table)
        assert gpu.told - fitted == told


def test_infinity_on_a_gpu_is_named(monkeypatch, gpu):
    def refuse(table, **more):
        raise xgboost.core.XGBoostError("Input data contains `inf` or a value too large")

    monkeypatch.setattr(xgboost, "QuantileDMatrix", refuse)
    table = X.copy()
    table[7, 2] = -np.inf
    with pytest.raises(ValueError, match="got -inf in column 'x2'"):
        GradientBoostingRegressor(3).fit(OnGpu.of(table), y)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("method", ["predict", "shap_values"])
def test_infinity_on_a_gpu_is_named_when_it_is_asked_about_too(method, dtype, gpu):
    """XGBoost looks for it at fit alone; a row of the host was refused, one of the GPU was not."""
    model = GradientBoostingRegressor(3).fit(OnGpu.of(X), y)
    table = X.astype(dtype)
    table[3, 0] = np.nan
    model.predict(OnGpu.of(table))
    model.predict(OnGpu.of(np.arange(6).reshape(2, 3)))
    table[7, 2] = -np.inf
    for there in (OnGpu.of(table), OnGpu.of(table, 1), Cudf(pd.DataFrame(table))):
        with pytest.raises(ValueError, match="got -inf in column 'x2'"):
            getattr(model, method)(there)


def test_a_number_too_large_for_32_bits_is_named_on_a_gpu_too(gpu):
    model = GradientBoostingRegressor(3).fit(OnGpu.of(X), y)
    table = X.copy()
    table[7, 1] = 1e300
    with pytest.raises(ValueError, match=r"got 1e\+300 in column 'x1'"):
        model.predict(OnGpu.of(table))
    infinite = GradientBoostingRegressor(3, missing=np.inf).fit(X, y)
    table[7, 1] = np.inf
    np.testing.assert_array_equal(infinite.predict(OnGpu.of(table)).get(), infinite.predict(table))


def test_categories_are_looked_up_in_an_array_of_a_gpu_too(gpu):
    """Its numbers were taken for their codes."""
    years = pd.DataFrame({"x": X[:, 0], "year": pd.Categorical(2000 + np.arange(200) % 3)})
    model = GradientBoostingRegressor(5).fit(years, y + 3 * (np.arange(200) % 3))
    numbers = years.astype(float).to_numpy()
    np.testing.assert_array_equal(model.predict(OnGpu.of(numbers)), model.predict(years))


def test_a_model_of_the_gpu_is_explained_there(gpu, monkeypatch):
    """Whatever was asked of it before: a table of the host takes it to the CPU."""
    model = GradientBoostingRegressor(3).fit(X, y)
    explain, places = xgboost.Booster.predict, []

    def explained(booster, *given, **more):
        places.append(booster.attr("place"))
        return explain(booster, *given, **more)

    monkeypatch.setattr(xgboost.Booster, "predict", explained)
    for _ in range(2):
        model.predict(X)
        model.shap_values(X)
    assert places == ["cuda", "cuda"]


@pytest.mark.parametrize("text", [False, True])
def test_a_frame_of_cudf_stays_on_the_gpu_unless_it_holds_text(text, gpu):
    frame = pd.DataFrame(X, columns=["device", "b", "c"])
    frame = frame.assign(c=np.where(X[:, 2] > 0, "up", "down")) if text else frame
    table = Cudf(frame)
    assert not hasattr(table, "__cuda_array_interface__")
    model = GradientBoostingRegressor(5).fit(table, y)
    assert gpu.trained == ["cuda"]
    assert (gpu.binned[0] is table) is not text
    assert model.feature_names_in_.tolist() == ["device", "b", "c"]
    found = model.predict(table)
    np.testing.assert_array_equal(on_host(found), model.predict(frame))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(Cudf(frame.rename(columns={"b": "e"})))


def batches():
    """Yield rows in pieces, some with missing values."""
    for begin in range(0, 200, 60):
        yield X[begin : begin + 60], y[begin : begin + 60]


def test_batches_are_brought_to_the_gpu(gpu, tmp_path):
    """XGBoost trains no GPU on external memory that was binned on the host."""
    given = {"early_stopping": True, "refit": True, "random_state": 0, "cache_dir": tmp_path}
    model = GradientBoostingRegressor(20, **given).fit(batches())
    assert model.device_ == "cuda"
    assert set(gpu.trained) == {"cuda"}
    assert all(lies_on_gpu(part["data"]) for parts in gpu.external for part in parts)
    gpu.external.clear()
    on_cpu = GradientBoostingRegressor(20, device="cpu", **given).fit(batches())
    assert not any(lies_on_gpu(part["data"]) for parts in gpu.external for part in parts)
    np.testing.assert_array_equal(model.predict(X), on_cpu.predict(X))


def test_batches_need_cupy_on_a_gpu(gpu, monkeypatch):
    monkeypatch.setattr(devices, "has_cupy", lambda: False)
    with pytest.warns(ResourceWarning, match="cupy is needed .* Training on the CPU") as warned:
        assert GradientBoostingRegressor(3).fit(batches()).device_ == "cpu"
    assert warned[0].filename == __file__
    with pytest.raises(ImportError, match=r"cupy is needed .* device='cuda'"):
        GradientBoostingRegressor(3, device="cuda").fit(batches())


def test_batches_fall_back_when_the_gpus_memory_is_too_small(gpu, monkeypatch, tmp_path):
    """What XGBoost says then speaks of its cache, and is no fault of cache_dir's."""
    make, tried = xgboost.ExtMemQuantileDMatrix, []

    def full(reader, **more):
        tried.append((reader.job.device, more["max_bin"]))
        if reader.job.device != "cpu":
            raise xgboost.core.XGBoostError(f"{FULL} in EllpackCacheStreamPolicy, write")
        return make(reader, **more)

    monkeypatch.setattr(xgboost, "ExtMemQuantileDMatrix", full)
    with pytest.warns(ResourceWarning, match="too small for 200 rows x 3 columns") as warned:
        model = GradientBoostingRegressor(3, cache_dir=tmp_path).fit(batches())
    assert tried == [("cuda", 256), ("cuda", 64), ("cpu", 256)]
    assert len(warned) == 2
    assert model.device_ == "cpu"
    with pytest.raises(MemoryError, match="200 rows x 3 columns with max_bin=256"):
        GradientBoostingRegressor(3, device="cuda", cache_dir=tmp_path).fit(batches())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["array", "frame", "on the GPU"])
@pytest.mark.parametrize("n_failures", [2, 3])
def test_a_table_goes_the_ways_out_whole(kind, n_failures, gpu, monkeypatch, tmp_path):
    """In blocks of rows on the GPU, and by way of the host to the CPU."""
    monkeypatch.setattr(external, "BLOCK_ROWS", 60)
    train, failed = xgboost.train, []

    def full(parameters, *arguments, **more):
        failed.append(parameters["device"])
        if len(failed) <= n_failures:
            raise xgboost.core.XGBoostError(FULL)
        return train(parameters, *arguments, **more)

    expected = GradientBoostingRegressor(3, device="cpu", max_bin=[64, 256][n_failures - 2])
    expected = expected.fit(X, y).predict(X)
    monkeypatch.setattr(xgboost, "train", full)
    table = {"array": X, "frame": pd.DataFrame(X), "on the GPU": OnGpu.of(X)}[kind]
    gpu.binned.clear()
    with pytest.warns(ResourceWarning, match="too small"):
        model = GradientBoostingRegressor(3, cache_dir=tmp_path).fit(table, y)
    assert [len(part["data"]) for part in gpu.external[0]] == [60, 60, 60, 20]
    assert isinstance(gpu.binned[-1], np.ndarray) or n_failures == 2
    np.testing.assert_array_equal(model.predict(X), expected)
    assert not list(tmp_path.iterdir())


def test_without_cupy_external_memory_is_no_way_out(small_gpu, monkeypatch):
    seen = small_gpu(2)
    monkeypatch.setattr(memory, "has_cupy", lambda: False)
    with pytest.warns(ResourceWarning) as warned:
        GradientBoostingRegressor(3).fit(X, y)
    assert [str(one.message).rpartition(". ")[2] for one in warned] == [
        "Trying max_bin=64.",
        "Training on the CPU.",
    ]
    assert seen == [("cuda", 256, False), ("cuda", 64, False), ("cpu", 256, False)]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_seeds", [1, 2])
def test_answers_on_a_gpu_stay_there_and_labels_come_home(n_classes, n_seeds, gpu):
    labels = np.digitize(y, [0.0, 1.0][: n_classes - 1]) + 5
    model = GradientBoostingClassifier(5, device="cpu", n_seeds=n_seeds, subsample=0.5)
    model.fit(X, labels)
    table = OnGpu.of(X)
    expected, chances = model.predict(X), model.predict_proba(X)
    found = model.predict_proba(table)
    assert isinstance(found, OnGpu)
    np.testing.assert_array_equal(found.numbers, chances)
    np.testing.assert_array_equal(model.predict(table), expected)


@pytest.mark.parametrize("quantiles", [None, [0.1, 0.9]])
@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2.0, len(y))])
def test_a_score_is_a_number_of_the_host_wherever_rows_and_targets_lie(
    quantiles, weights, gpu, monkeypatch
):
    values = GradientBoostingRegressor(5, device="cpu", quantiles=quantiles).fit(X, y)
    classes = GradientBoostingClassifier(5, device="cpu").fit(X, y > 0)
    expected = values.score(X, y, weights), classes.score(X, y > 0, weights)
    monkeypatch.setattr(np, "sort", lambda answers, axis: answers)  # cupy's, by its own protocol
    rows = OnGpu.of(X)
    heavy = None if weights is None else OnGpu.of(weights)
    found = values.score(rows, OnGpu.of(y), heavy), classes.score(rows, y > 0, heavy)
    assert found == expected
    assert values.score(rows, y, weights) == expected[0]
    assert classes.score(rows, OnGpu.of(y > 0), weights) == expected[1]


def test_without_cupy_it_says_what_to_install(monkeypatch):
    """XGBoost takes and gives arrays on a GPU by cupy, whatever library they are of."""

    def ask(*given, **more):
        raise ModuleNotFoundError("No module named 'cupy'")

    model = GradientBoostingRegressor(3, device="cpu").fit(X, y)
    monkeypatch.setattr(xgboost.Booster, "inplace_predict", ask)
    monkeypatch.setattr(xgboost.Booster, "set_param", lambda booster, given: None)
    with pytest.raises(ImportError, match=r"cupy is needed .* X.cpu\(\).numpy\(\)"):
        model.predict(OnGpu(X.shape))
    monkeypatch.setattr(devices, "answers", lambda device: True)
    monkeypatch.setattr(xgboost, "QuantileDMatrix", ask)
    with pytest.raises(ImportError, match="cupy is needed"):
        model.set_params(device="auto").fit(OnGpu(X.shape), y)


@pytest.mark.parametrize("n_failures", [2, 3])
def test_a_full_disk_on_the_way_leads_to_the_cpu(small_gpu, n_failures, monkeypatch, tmp_path):
    """External memory was the second way out; without space for it there is the third."""
    from ensembles.gradient_boosting import external

    def full(folder, needed):
        raise OSError("cache_dir must have 9 MiB free")

    monkeypatch.setattr(external, "_check_space", full)
    seen = small_gpu(n_failures)
    with pytest.warns(ResourceWarning, match="too small") as warned:
        model = GradientBoostingRegressor(3, cache_dir=tmp_path).fit(X, y)
    assert seen[-1] == ("cpu", 256, False)
    assert [str(one.message).rpartition(". ")[2] for one in warned] == [
        "Trying max_bin=64.",
        "Trying external memory.",
        "Training on the CPU.",
    ]
    assert model.device_ == "cpu"
    assert not list(tmp_path.iterdir())
