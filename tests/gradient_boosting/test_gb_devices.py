"""Devices: what is chosen, and what happens when a GPU's memory is too small."""

import numpy as np
import pytest
import xgboost

from ensembles import GradientBoostingClassifier, GradientBoostingRegressor
from ensembles.gradient_boosting import boosting, devices

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
            external = getattr(job.settings, "external", False)
            seen.append((job.device, job.settings.max_bin, external))
            if len(seen) <= n_failures:
                raise xgboost.core.XGBoostError(FULL)
            settings = job.settings
            return grow(boosting.replace(job, device="cpu", settings=settings), *arguments)

        monkeypatch.setattr(boosting, "_grow_all", failing)
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


def test_another_error_is_no_reason_to_fall_back(monkeypatch):
    def failing(*arguments):
        raise xgboost.core.XGBoostError("something else")

    monkeypatch.setattr(boosting, "_grow_all", failing)
    monkeypatch.setattr(devices, "answers", lambda device: True)
    with pytest.raises(xgboost.core.XGBoostError, match="something else"):
        GradientBoostingRegressor(3).fit(X, y)


def test_external_memory_gives_the_same_trees(tmp_path):
    plain = GradientBoostingRegressor(5, random_state=0, cache_dir=tmp_path).fit(X, y)
    settings = boosting.SimpleNamespace(**vars(plain), external=True, extra={}, n_cells=600)
    job = boosting.Job(settings, plain._objective, plain._columns, None, "cpu", [0])
    _, (grown,) = boosting.grow(job, boosting.Rows(X, y, None), None, 5)
    np.testing.assert_array_equal(grown.booster.inplace_predict(X), plain.predict(X))
    assert not list(tmp_path.iterdir())


class OnGpu:
    """An array that claims to lie on a GPU, and must not be touched by anyone but XGBoost."""

    __cuda_array_interface__ = {"version": 3}  # noqa: RUF012

    def __init__(self, shape):
        self.shape = shape

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("brought to the host")


def test_an_array_on_a_gpu_stays_there(monkeypatch):
    given = []

    def matrix(table, **more):
        given.append(table)
        return xgboost.DMatrix(X, more["label"])

    monkeypatch.setattr(boosting.xgboost, "QuantileDMatrix", matrix)
    table = OnGpu((200, 3))
    model = GradientBoostingRegressor(3).fit(table, y)
    assert given[0] is table
    assert model.n_features_in_ == 3
    asked = []
    monkeypatch.setattr(
        xgboost.Booster, "inplace_predict", lambda self, table, **more: asked.append(table) or y
    )
    model.predict(table)
    assert asked[0] is table
    with pytest.raises(ValueError, match="4 features"):
        model.predict(OnGpu((200, 4)))


class Answers:
    """What cupy's arrays can do, of numbers that must not come to the host unasked."""

    __cuda_array_interface__ = {"version": 3}  # noqa: RUF012

    def __init__(self, shape, dtype=np.float32):
        self.numbers = np.empty(shape, dtype)
        self.shape, self.dtype, self.ndim = self.numbers.shape, self.numbers.dtype, len(shape)

    @classmethod
    def of(cls, numbers):
        made = cls(numbers.shape, numbers.dtype)
        made.numbers[...] = numbers
        return made

    def __array__(self, dtype=None, copy=None):
        raise TypeError("brought to the host unasked")

    def __len__(self):
        return len(self.numbers)

    def __setitem__(self, key, value):
        self.numbers[key] = value.numbers

    def __gt__(self, value):
        return Answers.of(self.numbers > value)

    def __rsub__(self, value):
        return Answers.of(value - self.numbers)

    def __add__(self, other):
        return Answers.of(self.numbers + getattr(other, "numbers", other))

    __radd__ = __add__

    def __truediv__(self, value):
        return Answers.of(self.numbers / value)

    def astype(self, dtype):
        return Answers.of(self.numbers.astype(dtype))

    def argmax(self, axis):
        return Answers.of(self.numbers.argmax(axis))

    def get(self):
        return self.numbers


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_seeds", [1, 2])
def test_answers_on_a_gpu_stay_there_and_labels_come_home(n_classes, n_seeds, monkeypatch):
    labels = np.digitize(y, [0.0, 1.0][: n_classes - 1]) + 5
    model = GradientBoostingClassifier(5, device="cpu", n_seeds=n_seeds, subsample=0.5)
    model.fit(X, labels)
    expected, chances = model.predict(X), model.predict_proba(X)
    ask = xgboost.Booster.inplace_predict
    monkeypatch.setattr(
        xgboost.Booster,
        "inplace_predict",
        lambda self, table, **more: Answers.of(ask(self, X, **more)),
    )
    found = model.predict_proba(OnGpu(X.shape))
    assert isinstance(found, Answers)
    np.testing.assert_array_equal(found.numbers, chances)
    np.testing.assert_array_equal(model.predict(OnGpu(X.shape)), expected)


@pytest.mark.parametrize("quantiles", [None, [0.1, 0.9]])
@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2.0, len(y))])
def test_a_score_is_a_number_of_the_host_wherever_rows_and_targets_lie(
    quantiles, weights, monkeypatch
):
    values = GradientBoostingRegressor(5, device="cpu", quantiles=quantiles).fit(X, y)
    classes = GradientBoostingClassifier(5, device="cpu").fit(X, y > 0)
    expected = values.score(X, y, weights), classes.score(X, y > 0, weights)
    ask = xgboost.Booster.inplace_predict

    def ask_on_gpu(self, table, **more):
        return Answers.of(ask(self, X, **more))

    monkeypatch.setattr(xgboost.Booster, "inplace_predict", ask_on_gpu)
    monkeypatch.setattr(np, "sort", lambda answers, axis: answers)  # cupy's, by its own protocol
    rows = OnGpu(X.shape)
    heavy = None if weights is None else Answers.of(weights)
    found = values.score(rows, Answers.of(y), heavy), classes.score(rows, y > 0, heavy)
    assert found == expected
    assert values.score(rows, y, weights) == expected[0]
    assert classes.score(rows, Answers.of(y > 0), weights) == expected[1]


def test_without_cupy_it_says_what_to_install(monkeypatch):
    """XGBoost hands its answers on a GPU over as cupy's arrays, whatever it was asked with."""

    def ask(self, table, **more):
        raise ModuleNotFoundError("No module named 'cupy'")

    model = GradientBoostingRegressor(3, device="cpu").fit(X, y)
    monkeypatch.setattr(xgboost.Booster, "inplace_predict", ask)
    with pytest.raises(ImportError, match=r"cupy is needed .* X.cpu\(\).numpy\(\)"):
        model.predict(OnGpu(X.shape))


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


@pytest.mark.gpu
@pytest.mark.skipif(NO_GPU, reason="no CUDA device answers XGBoost")
def test_a_gpu_trains_about_the_same_model():
    import pickle

    labels = (y > 0).astype(int)
    on_gpu = GradientBoostingClassifier(50, device="cuda", random_state=0).fit(X, labels)
    on_cpu = GradientBoostingClassifier(50, device="cpu", random_state=0).fit(X, labels)
    assert on_gpu.device_ == "cuda"
    assert np.abs(on_gpu.predict_proba(X) - on_cpu.predict_proba(X)).mean() < 0.05
    again = pickle.loads(pickle.dumps(on_gpu))
    np.testing.assert_allclose(again.predict_proba(X), on_gpu.predict_proba(X), atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(NO_GPU, reason="no CUDA device answers XGBoost")
def test_fits_on_a_gpu_warn_of_nothing_and_repeat(recwarn):
    models = [GradientBoostingRegressor(30, device="cuda").fit(X, y) for _ in range(2)]
    assert not recwarn.list
    for model in models:
        model.predict(X)
    assert not recwarn.list


@pytest.mark.gpu
@pytest.mark.skipif(NO_GPU, reason="no CUDA device answers XGBoost")
def test_a_cupy_array_is_trained_on_and_asked_about_where_it_lies(recwarn):
    cupy = pytest.importorskip("cupy")
    table = cupy.asarray(X)
    model = GradientBoostingRegressor(10, device="cuda").fit(table, y)
    assert isinstance(model.predict(table), cupy.ndarray)
    np.testing.assert_allclose(model.predict(table).get(), model.predict(X), atol=1e-5)
    assert not recwarn.list
