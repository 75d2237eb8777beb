"""Sources: data larger than memory and data larger than a machine."""

import errno
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xgboost
from scipy import sparse
from sklearn.metrics import log_loss

from ensembles import GradientBoosting, GradientBoostingClassifier, GradientBoostingRegressor
from ensembles.gradient_boosting import batches as reading
from ensembles.gradient_boosting import devices, external, memory, partitions, sources

rng = np.random.default_rng(0)
N = 1500
FRAME = pd.DataFrame(
    {
        "a": rng.normal(size=N),
        "city": rng.choice(["Rome", "Oslo", "Bern"], N),
        "count": rng.integers(0, 40, N),
    }
)
FRAME.loc[::13, "a"] = np.nan
FRAME.loc[::17, "city"] = None
VALUE = FRAME["a"].fillna(0) + (FRAME["city"] == "Oslo") * 2.0
LABEL = pd.Series(np.where(VALUE + 0.3 * rng.normal(size=N) > 0.7, "yes", "no"), name="label")
WEIGHT = pd.Series(rng.uniform(0.2, 3, N), name="weight")
SMALL = {"n_estimators": 12, "learning_rate": 0.3, "random_state": 0}


def batches(*, weights=False, size=400, order=None):
    """Yield pieces; ``order`` puts the levels in another order of appearance."""
    rows = np.arange(N) if order is None else order
    for begin in range(0, N, size):
        block = rows[begin : begin + size]
        piece = (FRAME.iloc[block], LABEL.iloc[block])
        yield (*piece, WEIGHT.iloc[block]) if weights else piece


@pytest.fixture
def parquet(tmp_path):
    path = tmp_path / "data.parquet"
    FRAME.assign(label=LABEL, weight=WEIGHT).to_parquet(path)
    return path


@pytest.fixture
def cache(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    yield folder
    assert not list(folder.iterdir()), "cache files were left"


@pytest.mark.parametrize("weights", [False, True], ids=["unweighted", "weighted"])
def test_batches_teach_what_the_whole_teaches(weights, cache):
    model = GradientBoostingClassifier(cache_dir=cache, **SMALL)
    model.fit(batches(weights=weights))
    whole = GradientBoostingClassifier(**SMALL)
    whole.fit(FRAME, LABEL, WEIGHT if weights else None)
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.feature_names_in_.tolist() == ["a", "city", "count"]
    np.testing.assert_array_equal(model.predict_proba(FRAME), whole.predict_proba(FRAME))


def test_levels_and_classes_get_the_same_codes_in_any_order_of_appearance(cache):
    order = np.argsort(-FRAME["city"].map({"Rome": 2, "Oslo": 1, "Bern": 0}).fillna(3).to_numpy())
    model = GradientBoostingClassifier(cache_dir=cache, **SMALL).fit(batches(order=order))
    whole = GradientBoostingClassifier(**SMALL).fit(FRAME.iloc[order], LABEL.iloc[order])
    np.testing.assert_array_equal(model.predict_proba(FRAME), whole.predict_proba(FRAME))


NAMES = FRAME.assign(name=[f"n{i}" for i in (rng.random(N) ** 2 * 90).astype(int)])
"""A column of 90 names, of which the last ones have fewer rows than 20."""


def test_a_class_may_be_absent_from_the_first_batch(cache):
    rows = np.argsort(LABEL != "yes", kind="stable")
    pieces = list(batches(order=rows))
    assert set(pieces[0][1]) == {"yes"}
    model = GradientBoostingClassifier(cache_dir=cache, **SMALL).fit(pieces)
    whole = GradientBoostingClassifier(**SMALL).fit(FRAME.iloc[rows], LABEL.iloc[rows])
    np.testing.assert_array_equal(model.predict_proba(FRAME), whole.predict_proba(FRAME))


def test_names_of_few_rows_are_missing_in_batches_as_in_the_whole(cache):
    weights = np.where(np.arange(N) % 5, 1.0, 0.0)
    pieces = [(part.iloc[i::4], LABEL[i::4], weights[i::4]) for i, part in enumerate([NAMES] * 4)]
    given = SMALL | {"max_depth": 6, "early_stopping": False}
    model = GradientBoostingClassifier(cache_dir=cache, **given).fit(pieces)
    whole = GradientBoostingClassifier(**given).fit(NAMES, LABEL, weights)
    levels = whole._columns.levels[3].tolist()
    assert 0 < len(levels) < NAMES["name"].nunique()
    assert model._columns.levels[3].tolist() == levels
    np.testing.assert_array_equal(model.predict_proba(NAMES), whole.predict_proba(NAMES))


def test_a_parquet_file_is_a_table(parquet, cache, monkeypatch):
    monkeypatch.setattr(reading, "PARQUET_ROWS", 300)
    model = GradientBoosting(cache_dir=cache, **SMALL).fit(parquet, "label", "weight")
    whole = GradientBoosting(**SMALL).fit(FRAME, LABEL, WEIGHT)
    np.testing.assert_array_equal(model.predict_proba(FRAME), whole.predict_proba(FRAME))
    again = GradientBoosting(cache_dir=cache, **SMALL).fit(str(parquet), "label", "weight")
    np.testing.assert_array_equal(model.predict_proba(FRAME), again.predict_proba(FRAME))


def test_a_folder_of_parquet_files_is_one_table(tmp_path, cache):
    whole = FRAME.assign(label=LABEL)
    (tmp_path / "parts").mkdir()
    for i, begin in enumerate(range(0, N, 500)):
        whole.iloc[begin : begin + 500].to_parquet(tmp_path / "parts" / f"{i}.parquet")
    model = GradientBoosting(cache_dir=cache, **SMALL).fit(tmp_path / "parts", "label")
    expected = GradientBoosting(**SMALL).fit(FRAME, LABEL)
    np.testing.assert_array_equal(model.predict_proba(FRAME), expected.predict_proba(FRAME))


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrays", "list"])
def test_batches_come_in_any_container(kind, cache):
    whole = FRAME.assign(label=LABEL)
    if kind == "arrays":
        numbers = FRAME[["a", "count"]].to_numpy()
        source = ((numbers[i : i + 500], VALUE[i : i + 500]) for i in range(0, N, 500))
        model = GradientBoosting(cache_dir=cache, **SMALL).fit(source)
        expected = GradientBoosting(**SMALL).fit(numbers, VALUE)
        np.testing.assert_array_equal(model.predict(numbers), expected.predict(numbers))
        return
    pieces = [whole.iloc[i : i + 500] for i in range(0, N, 500)]
    source = (pl.from_pandas(piece) for piece in pieces) if kind == "polars" else iter(pieces)
    model = GradientBoosting(cache_dir=cache, **SMALL)
    model.fit(pieces if kind == "list" else source, "label")
    expected = GradientBoosting(**SMALL).fit(FRAME, LABEL)
    np.testing.assert_array_equal(model.predict_proba(FRAME), expected.predict_proba(FRAME))


HOLED = np.where(rng.random((N, 4)) < 0.6, 0.0, rng.normal(size=(N, 4)))
"""A table of zeros for the most part, which a sparse matrix does not store."""


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
def test_what_sparse_batches_do_not_store_is_missing_as_in_the_whole(kind, cache):
    table = sparse.coo_array(HOLED).asformat(kind)
    pieces = [sparse.csr_array(HOLED[i : i + 500]).asformat(kind) for i in range(0, N, 500)]
    source = ((piece, VALUE[i * 500 : i * 500 + 500]) for i, piece in enumerate(pieces))
    given = {"X_val": table, "y_val": VALUE}
    model = GradientBoosting(cache_dir=cache, **SMALL).fit(source, **given)
    expected = GradientBoosting(**SMALL).fit(table, VALUE, **given)
    assert model.evals_result_ == expected.evals_result_
    for asked in (table, HOLED):
        np.testing.assert_array_equal(model.predict(asked), expected.predict(asked))


def test_the_first_batch_says_what_zeros_are(cache):
    """As `fit` does for `predict`: zeros of a dense table are zeros in a sparse one too."""
    first, second = HOLED[:800], HOLED[800:]
    for mixed, whole in (
        ((first, sparse.csr_array(second)), HOLED),
        ((sparse.csr_array(first), second), sparse.csr_array(HOLED)),
    ):
        source = zip(mixed, (VALUE[:800], VALUE[800:]), strict=True)
        model = GradientBoosting(cache_dir=cache, **SMALL).fit(source)
        expected = GradientBoosting(**SMALL).fit(whole, VALUE)
        np.testing.assert_array_equal(model.predict(HOLED), expected.predict(HOLED))


def test_early_stopping_and_refitting_work_on_batches(parquet, cache):
    given = {"early_stopping": True, "cache_dir": cache, **SMALL, "n_estimators": 60}
    model = GradientBoostingClassifier(n_iter_no_change=5, **given).fit(batches())
    losses = model.evals_result_["validation"]["logloss"]
    assert model.best_score_ == min(losses)
    assert model.n_estimators_ == model.best_iteration_ + 1 < 60
    again = GradientBoostingClassifier(n_iter_no_change=5, refit=True, **given).fit(batches())
    assert again.n_estimators_ > model.n_estimators_
    latest = GradientBoostingClassifier(validation_split="latest", **given).fit(parquet, "label")
    assert latest.score(FRAME.assign(weight=WEIGHT), LABEL) > 0.8
    scored = GradientBoostingClassifier(scoring="roc_auc", **given)
    scored.fit(batches(), X_val=FRAME, y_val=LABEL)
    assert scored.best_score_ == max(scored.evals_result_["validation"]["roc_auc"])
    from sklearn.metrics import roc_auc_score

    assert scored.best_score_ == pytest.approx(
        roc_auc_score(LABEL, scored.predict_proba(FRAME)[:, 1]), abs=1e-6
    )


def test_the_latest_rows_of_batches_and_files_are_those_of_the_whole(tmp_path, cache):
    """Files come in the order of their names; and labels to judge by are not smoothed."""
    (tmp_path / "parts").mkdir()
    for begin in (1000, 0, 500):
        part = FRAME.assign(label=LABEL).iloc[begin : begin + 500]
        part.to_parquet(tmp_path / "parts" / f"{begin:04}.parquet")
    given = {"early_stopping": True, "validation_split": "latest", "validation_fraction": 0.4}
    given |= {"label_smoothing": 0.3, **SMALL}
    whole = GradientBoostingClassifier(**given).fit(FRAME, LABEL).evals_result_["validation"]
    for source, y in ((batches(), None), (tmp_path / "parts", "label")):
        model = GradientBoostingClassifier(cache_dir=cache, **given).fit(source, y)
        found = model.evals_result_["validation"]["logloss"]
        np.testing.assert_allclose(found, whole["logloss"], rtol=1e-5)


def test_a_batch_without_weights_weighs_one_a_row_beside_others(cache):
    pieces = [one[:2] if k == 1 else one for k, one in enumerate(batches(weights=True))]
    heavy = WEIGHT.where((WEIGHT.index < 400) | (WEIGHT.index >= 800), 1.0)
    model = GradientBoostingClassifier(cache_dir=cache, **SMALL).fit(pieces)
    whole = GradientBoostingClassifier(**SMALL).fit(FRAME, LABEL, heavy)
    np.testing.assert_array_equal(model.predict_proba(FRAME), whole.predict_proba(FRAME))


def test_class_weights_smoothing_and_objectives_work_on_batches(cache):
    given = {"class_weight": "balanced", "label_smoothing": 0.1, "cache_dir": cache, **SMALL}
    model = GradientBoostingClassifier(**given).fit(batches())
    whole = GradientBoostingClassifier(**given).fit(FRAME, LABEL)
    np.testing.assert_allclose(model.predict_proba(FRAME), whole.predict_proba(FRAME), rtol=1e-5)
    with pytest.raises(ValueError, match="y must lie in"):
        GradientBoostingRegressor(objective="gamma", cache_dir=cache).fit([(FRAME, -VALUE)])


# ---------------------------------------------------------------------------------------------
# Faults


def test_an_iterable_that_raises_leaves_nothing(cache):
    def failing():
        yield from batches(size=700)
        raise ConnectionError("gone")

    model = GradientBoostingClassifier(cache_dir=cache, **SMALL)
    with pytest.raises(ConnectionError, match="gone") as caught:
        model.fit(failing())
    assert "batch 3" in caught.value.__notes__[0]
    assert not hasattr(model, "boosters_")
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_a_truncated_parquet_file_is_named(share, parquet, cache):
    content = parquet.read_bytes()
    parquet.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"X must be a whole Parquet file; .*data.parquet"):
        GradientBoosting(cache_dir=cache, **SMALL).fit(parquet, "label")


def test_a_parquet_file_damaged_inside_is_named(parquet, cache):
    content = bytearray(parquet.read_bytes())
    content[20 : len(content) // 2] = os.urandom(len(content) // 2 - 20)
    parquet.write_bytes(content)
    with pytest.raises(ValueError, match="X must be a whole Parquet file"):
        GradientBoosting(cache_dir=cache, **SMALL).fit(parquet, "label")


@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_full_disk_is_said_and_leaves_nothing(after, cache, monkeypatch):
    saved = []

    def save(path, array, keep=np.save):
        if len(saved) == after:
            raise OSError(errno.ENOSPC, "No space left on device")
        saved.append(path)
        keep(path, array)

    monkeypatch.setattr(np, "save", save)
    with pytest.raises(OSError, match="No space left") as caught:
        GradientBoostingClassifier(cache_dir=cache, **SMALL).fit(batches())
    assert "cache_dir" in caught.value.__notes__[0]


def test_too_little_space_for_xgboosts_cache_is_seen_before(cache, monkeypatch):
    monkeypatch.setattr(
        external.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 100})
    )
    with pytest.raises(OSError, match=r"cache_dir must have .* MiB free"):
        GradientBoostingClassifier(cache_dir=cache, **SMALL).fit(batches())


LIMITED = """
import os, resource, sys
import numpy as np
from ensembles import GradientBoostingRegressor

folder, n_batches, largest = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if largest:
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
rng = np.random.default_rng(0)
batches = (rng.normal(size=(10_000, 10)).astype(np.float32) for _ in range(n_batches))
model = GradientBoostingRegressor(3, cache_dir=folder, n_jobs=1, early_stopping=False)
try:
    model.fit((X, X[:, 0]) for X in batches)
    print("trained")
except OSError as error:
    print("OSError", error, *getattr(error, "__notes__", []))
assert not os.listdir(folder), os.listdir(folder)
"""


def limited(folder, n_batches, largest=0):
    """Train in a process of its own, which XGBoost would end: return what it says."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(folder), str(n_batches), str(largest)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="files are limited as Linux does")
def test_a_real_limit_of_files_is_an_error_and_not_the_end_of_the_process(cache):
    """XGBoost 3.2 calls std::terminate when it cannot write: the notebook's kernel is gone."""
    pytest.importorskip("resource")
    assert "batch 0 was written" in limited(cache, 3, 300_000)
    assert "cache_dir must have 1.0 MiB free" in limited(cache, 3, 600_000)
    assert "trained" in limited(cache, 3, 2_000_000)


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root mounts a disk to fill up"
)
def test_a_real_full_disk_is_an_error_and_not_the_end_of_the_process(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)])
    if mounted.returncode:
        pytest.skip("this container does not let root mount a disk")
    try:
        assert "trained" in limited(disk, 2)
        assert "cache_dir must have 1.3 MiB free" in limited(disk, 4)
        assert "was written to" in limited(disk, 5)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(("missing", "mark"), [(0.0, np.nan), (0.3, np.nan), (0.3, -9.0)])
@pytest.mark.parametrize("max_bin", [16, 256, 1000])
@pytest.mark.parametrize("shape", [(2000, 1), (300, 60), (25, 4)])
def test_the_space_that_is_asked_for_is_what_xgboost_takes(
    shape, max_bin, missing, mark, monkeypatch
):
    """One that is too small would let XGBoost run into a full disk."""
    make, seen = external.external_matrix, []

    def watched(job, reader, reference=None):
        matrix = make(job, reader, reference)
        files = [one for one in reader.folder.iterdir() if one.suffix != ".npy"]
        seen.append((sum(one.stat().st_size for one in files), external._cache_bytes(job, reader)))
        return matrix

    monkeypatch.setattr(sources, "external_matrix", watched)
    draw = np.random.default_rng(0)
    tables = [draw.normal(size=shape).astype(np.float32) for _ in range(3)]
    for table in tables:
        table[draw.random(shape) < missing] = mark
    model = GradientBoostingRegressor(1, max_bin=max_bin, missing=mark, early_stopping=False)
    model.fit([(table, draw.normal(size=len(table))) for table in tables])
    written, bound = seen[0]
    headers = 3 * 4096
    assert 0.5 * (bound - 2 * headers) < written <= bound


def test_a_fault_while_xgboost_trains_leaves_nothing(cache, monkeypatch):
    def fail(*arguments, **keywords):
        raise xgboost.core.XGBoostError("Check failed: fo->Write: No space left on device")

    monkeypatch.setattr(xgboost, "train", fail)
    with pytest.raises(OSError, match="cache_dir must be a folder to write to"):
        GradientBoostingClassifier(cache_dir=cache, **SMALL).fit(batches())


def test_an_interrupt_leaves_nothing(cache):
    def interrupted():
        yield FRAME, LABEL
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GradientBoostingClassifier(cache_dir=cache, **SMALL).fit(interrupted())


@pytest.mark.parametrize(
    ("X", "y", "more", "rule"),
    [
        ("nothing.parquet", "label", {}, "no|none"),
        (lambda: iter([FRAME]), None, {}, "y must be the name"),
        (lambda: iter([FRAME]), "labl", {}, "y must name a column"),
        (lambda: iter([]), "label", {}, "at least one row"),
        (lambda: iter([3]), "label", {}, "DataFrames"),
        (lambda: iter([(FRAME,)]), None, {}, "tuple of 1"),
        (lambda: iter([(FRAME, LABEL[:3])]), None, {}, "as many rows|inconsistent"),
        (lambda: iter([(FRAME, LABEL), (FRAME[["a"]], LABEL)]), None, {}, "feature"),
        (
            lambda: iter([(FRAME, LABEL), (FRAME.assign(a="x"), LABEL)]),
            None,
            {},
            "one kind of value",
        ),
        (lambda: iter([(FRAME.assign(a=np.inf), LABEL)]), None, {}, "column 'a'"),
        (lambda: iter([(FRAME, LABEL)]), None, {"groups": [1]}, "groups must be None"),
        (
            lambda: iter([(FRAME, LABEL)]),
            None,
            {"X_val": FRAME, "y_val": np.full(N, "?")},
            "classes",
        ),
    ],
)
def test_a_source_given_amiss_is_told_so(X, y, more, rule, cache):
    with pytest.raises((ValueError, FileNotFoundError), match=rule):
        GradientBoostingClassifier(cache_dir=cache, **SMALL).fit(
            X() if callable(X) else X, y, **more
        )


def test_the_cache_goes_where_it_is_told(tmp_path):
    with pytest.raises(ValueError, match="cache_dir must be a folder that is there"):
        GradientBoostingClassifier(cache_dir=tmp_path / "no", **SMALL).fit(batches())


def test_a_column_may_be_empty_in_the_first_batch(cache):
    first, second = FRAME.iloc[:500].assign(city=None), FRAME.iloc[500:]
    model = GradientBoostingClassifier(cache_dir=cache, **SMALL)
    model.fit([(first, LABEL.iloc[:500]), (second, LABEL.iloc[500:])])
    together = pd.concat([first, second])
    whole = GradientBoostingClassifier(**SMALL).fit(together, LABEL)
    np.testing.assert_array_equal(model.predict_proba(FRAME), whole.predict_proba(FRAME))


@pytest.mark.parametrize("kind", [object, "str"])
def test_a_column_of_nothing_in_the_first_batch_may_hold_numbers_or_text_later(kind, cache):
    """Text and objects of which none is there were taken for categories, and numbers were lost."""
    nothing = FRAME[:400].assign(a=pd.Series([None] * 400, dtype=kind))
    whole = FRAME.copy()
    whole.loc[:399, "a"] = np.nan
    given = SMALL | {"cache_dir": cache}
    pieces = [(nothing, VALUE[:400]), (FRAME[400:], VALUE[400:])]
    model = GradientBoostingRegressor(**given).fit(pieces)
    expected = GradientBoostingRegressor(**given).fit(whole, VALUE)
    np.testing.assert_array_equal(model.predict(FRAME), expected.predict(FRAME))
    pieces = [(nothing, VALUE[:400])] * 2
    model = GradientBoostingRegressor(**given).fit(pieces)
    text = nothing.assign(a="new")
    np.testing.assert_array_equal(model.predict(text), model.predict(nothing))


@pytest.mark.parametrize("which", ["training", "validation"])
def test_a_metric_of_ranked_lists_is_refused_where_batches_have_weights(which, cache):
    """XGBoost speaks of the sizes of groups."""
    model = GradientBoostingClassifier(scoring="ndcg", cache_dir=cache, **SMALL)
    training = batches(weights=which == "training")
    held_out = batches(weights=which == "validation")
    with pytest.raises(ValueError, match=r"must not rank all rows as one list.*got 'ndcg'"):
        model.fit(training, eval_set=[(held_out, None)])
    model.fit(batches(), eval_set=[(batches(), None)])
    assert len(model.evals_result_["validation_0"]["ndcg"]) == 12


@pytest.mark.parametrize("weights", ["none", "some", "all"])
def test_weights_of_classes_are_scaled_with_those_of_rows_in_batches_too(weights, cache):
    """All together have a mean of 1; those of classes were left out of it."""
    given = SMALL | {
        "normalize_weights": True,
        "class_weight": {"yes": 70.0},
        "min_child_weight": 3,
    }
    pieces, column = [], []
    for k, (table, labels, weight) in enumerate(batches(weights=True)):
        heavy = weights == "all" or (weights == "some" and k == 1)
        pieces.append((table, labels, weight) if heavy else (table, labels))
        column.append(weight if heavy else 1.0 + 0.0 * weight)
    whole = GradientBoostingClassifier(**given).fit(FRAME, LABEL, pd.concat(column))
    model = GradientBoostingClassifier(cache_dir=cache, **given).fit(pieces)
    np.testing.assert_allclose(model.predict_proba(FRAME), whole.predict_proba(FRAME), atol=1e-5)


def test_a_batch_may_weigh_nothing(cache):
    """It is other batches that the model learns from."""
    model = GradientBoostingClassifier(cache_dir=cache, **SMALL)
    heavy = [(piece, label, np.ones(len(label))) for piece, label in batches()]
    light = [(*heavy[0][:2], np.zeros(len(heavy[0][1])))]
    found = model.fit(light + heavy[1:]).predict_proba(FRAME)
    expected = GradientBoostingClassifier(cache_dir=cache, **SMALL).fit(heavy[1:])
    np.testing.assert_array_equal(found, expected.predict_proba(FRAME))
    with pytest.raises(ValueError, match="at least one row of positive weight"):
        model.fit(light)


def test_record_batches_of_arrow_are_frames(parquet, cache):
    import pyarrow.parquet as pq

    given = {"cache_dir": cache, **SMALL}
    model = GradientBoostingClassifier(**given).fit(parquet, "label", sample_weight="weight")
    with pq.ParquetFile(parquet) as file:
        streamed = GradientBoostingClassifier(**given)
        streamed.fit(file.iter_batches(500), "label", sample_weight="weight")
    tables = GradientBoostingClassifier(**given)
    tables.fit([(pq.read_table(parquet, columns=list(FRAME)), LABEL, WEIGHT)])
    for other in (streamed, tables):
        np.testing.assert_array_equal(other.predict_proba(FRAME), model.predict_proba(FRAME))


def test_an_error_says_in_which_batch_it_was_found(cache):
    pieces = [(piece.copy(), label) for piece, label in batches()]
    pieces[2][0].loc[pieces[2][0].index[5], "a"] = np.inf
    with pytest.raises(ValueError, match="got inf in column 'a'") as caught:
        GradientBoostingClassifier(cache_dir=cache, **SMALL).fit(pieces)
    assert caught.value.__notes__ == ["Found in batch 2 (counted from 0)."]


def test_derivatives_are_held_to_differences_on_batches_too(cache):
    def wrong(y, p):
        return y - p, np.ones_like(p)

    model = GradientBoostingRegressor(2, objective=wrong, check_gradient=True, cache_dir=cache)
    with pytest.raises(ValueError, match="objective must return the hessian"):
        model.fit([(FRAME, VALUE)])


def test_labels_that_the_model_gone_on_from_does_not_know_are_named(cache):
    start = GradientBoostingClassifier(2).fit(FRAME, LABEL)
    pieces = [(piece, label.where(label == "no", "maybe")) for piece, label in batches()]
    with pytest.raises(ValueError, match="y must hold classes that init_model holds"):
        GradientBoostingClassifier(2, cache_dir=cache).fit(pieces, init_model=start)
    with pytest.raises(ValueError, match="labels of validation rows must hold classes that y"):
        GradientBoostingClassifier(2, cache_dir=cache).fit(
            list(batches()), X_val=pieces[0][0], y_val=pieces[0][1]
        )


def test_what_is_not_in_memory_is_not_taken_for_a_number(parquet):
    model = GradientBoostingClassifier(2).fit(FRAME, LABEL)
    with pytest.raises(ValueError, match=r"X must be a table that is in memory; got the path"):
        model.predict(str(parquet))
    with pytest.raises(ValueError, match=r"X must be a table that is in memory; got the path"):
        model.fit(FRAME, LABEL, X_val=parquet, y_val="label")
    with pytest.raises(ValueError, match=r"LazyFrame: call its collect\(\)"):
        model.fit(pl.from_pandas(FRAME).lazy(), LABEL)


# ---------------------------------------------------------------------------------------------
# Dask

DASK_NOISE = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    import logging
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                processes=False,
                dashboard_address=None,
                silence_logs=logging.ERROR,
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client


def collections(*tables, npartitions=3):
    import dask.dataframe as dd

    return [dd.from_pandas(table, npartitions=npartitions, sort=False) for table in tables]


@DASK_NOISE
def test_dask_without_a_client_says_what_to_start():
    pytest.importorskip("distributed")
    X, y = collections(FRAME, LABEL)
    with pytest.raises(ValueError, match=r"dask.distributed.Client"):
        GradientBoostingClassifier(**SMALL).fit(X, y)


@DASK_NOISE
def test_dask_frames_are_trained_where_they_lie(client):
    X, y, weight = collections(FRAME, LABEL, WEIGHT)
    model = GradientBoosting(class_weight="balanced", **SMALL).fit(X, y, sample_weight=weight)
    whole = GradientBoosting(class_weight="balanced", **SMALL).fit(FRAME, LABEL, WEIGHT)
    for name in ("classes_", "feature_names_in_", "n_features_in_", "task_", "device_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(whole, name))
    differ = np.abs(model.predict_proba(FRAME) - whole.predict_proba(FRAME))
    assert differ.mean() < 0.02
    answers = model.predict_proba(X).compute()
    np.testing.assert_array_equal(answers, model.predict_proba(FRAME))
    np.testing.assert_array_equal(model.predict(X).compute(), model.predict(FRAME))


@DASK_NOISE
def test_dask_finds_names_of_few_rows_over_all_partitions(client):
    model = GradientBoosting(**SMALL).fit(*collections(NAMES, LABEL))
    levels = GradientBoosting(**SMALL).fit(NAMES, LABEL)._columns.levels[3].tolist()
    assert 0 < len(levels) < NAMES["name"].nunique()
    assert model._columns.levels[3].tolist() == levels


@DASK_NOISE
def test_dask_stops_early(client):
    X, y = collections(FRAME, LABEL)
    given = {**SMALL, "n_estimators": 100, "n_iter_no_change": 4}
    model = GradientBoostingClassifier(early_stopping=True, **given).fit(X, y)
    losses = model.evals_result_["validation"]["logloss"]
    assert model.best_score_ == min(losses)
    assert model.n_estimators_ == model.best_iteration_ + 1 < 100
    given_rows = GradientBoostingClassifier(scoring="auc", **given).fit(X, y, X_val=X, y_val=y)
    assert given_rows.best_score_ == max(given_rows.evals_result_["validation"]["auc"])
    with pytest.raises(ValueError, match="scoring must be a metric of XGBoost"):
        GradientBoostingClassifier(scoring="f1", **given).fit(X, y)


@DASK_NOISE
def test_dask_answers_where_the_rows_lie_whatever_is_asked(client):
    (X,) = collections(FRAME)
    numbers = FRAME[["a", "count"]].to_numpy()
    three = GradientBoostingClassifier(3).fit(FRAME, FRAME["count"] % 3)
    array = GradientBoostingClassifier(3).fit(numbers, FRAME["count"] % 3)
    import dask.array as da

    blocks = da.from_array(numbers, chunks=(600, 1))
    for name in ("decision_function", "shap_values", "apply", "predict_log_proba"):
        whole, asked = getattr(three, name)(FRAME), getattr(three, name)(X)
        assert isinstance(asked, da.Array)
        assert asked.shape == whole.shape
        np.testing.assert_array_equal(asked.compute(), whole)
        asked = getattr(array, name)(blocks)
        assert asked.shape == getattr(array, name)(numbers).shape
        np.testing.assert_array_equal(asked.compute(), getattr(array, name)(numbers))
    with pytest.raises(ValueError, match="X must be a table that is in memory"):
        next(three.staged_predict(X))


@DASK_NOISE
@pytest.mark.filterwarnings("ignore:.*metadata:UserWarning")
def test_dask_data_given_amiss_are_told_so(client):
    X, y, weight = collections(FRAME, LABEL, WEIGHT)
    model = GradientBoostingClassifier(**SMALL)
    with pytest.raises(ValueError, match="at least one row of positive weight"):
        model.fit(X, y, sample_weight=weight * 0)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        model.fit(X, y.map(lambda _: None, meta=("label", object)))
    (value,) = collections(VALUE)
    wrong = GradientBoostingRegressor(
        2, objective=lambda y, p: (y - p, np.ones_like(p)), check_gradient=True
    )
    with pytest.raises(ValueError, match="objective must return the hessian"):
        wrong.fit(X, value)


@DASK_NOISE
def test_dask_partitions_may_be_empty(client):
    X, y, value = collections(FRAME, LABEL, VALUE)
    some = X["count"] < 0
    keep = X.assign(first=X.index < 600)["first"]  # none of the last partition
    for model, target in (
        (GradientBoostingClassifier(**SMALL), y),
        (GradientBoostingRegressor(**SMALL), value),
    ):
        fitted = model.fit(X[keep], target[keep])
        answers = target.compute()
        whole = type(model)(**SMALL).fit(FRAME[:600], answers[:600])
        assert abs(fitted.score(FRAME, answers) - whole.score(FRAME, answers)) < 0.02
        assert fitted.predict(X[keep]).shape == (600,)
        with pytest.raises(ValueError, match="X must have at least one row"):
            model.fit(X[some], target[some])


@DASK_NOISE
def test_dask_goes_on_with_the_classes_there_are(client):
    three = FRAME["count"] % 3
    start = GradientBoostingClassifier(3).fit(FRAME, three)
    X, y = collections(FRAME[three < 2], three[three < 2])
    model = GradientBoostingClassifier(3, class_weight="balanced").fit(X, y, init_model=start)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.n_estimators_ == 6


@DASK_NOISE
def test_dask_arrays_of_values(client):
    import dask.array as da

    numbers = FRAME[["a", "count"]].to_numpy()
    X = da.from_array(numbers, chunks=(600, 1))
    y = da.from_array(VALUE.to_numpy(), chunks=600)
    model = GradientBoostingRegressor(**SMALL).fit(X, y)
    assert model.score(numbers, VALUE) > 0.5
    np.testing.assert_array_equal(model.predict(X).compute(), model.predict(numbers))
    with pytest.raises(ValueError, match="must be dask collections"):
        GradientBoostingRegressor(**SMALL).fit(X, VALUE)
    with pytest.raises(ValueError, match="partitions"):
        GradientBoostingRegressor(**SMALL).fit(X, y.rechunk(500))


@DASK_NOISE
def test_dask_objects_are_numbers_or_text_as_in_the_whole(client, monkeypatch):
    import dask

    monkeypatch.setitem(dask.config.config, "dataframe", {"convert-string": False})
    counts, days = FRAME["count"].astype(object), pd.Series(pd.date_range("2020", periods=N))
    few = counts.where(counts < 35, None)
    frame = FRAME.assign(count=few)
    (X, y), model = collections(frame, VALUE), GradientBoosting(**SMALL)
    assert model.fit(X, y)._columns.levels[2] is None
    np.testing.assert_allclose(
        model.predict(frame), GradientBoosting(**SMALL).fit(frame, VALUE).predict(frame), atol=0.1
    )
    mixed = FRAME.assign(count=counts.where(FRAME.index < 700, "many"))
    for table, told in (
        (mixed, "one kind of value in a column; 'count'"),
        (FRAME.assign(count=days.astype(object)), "column 'count' of type Timestamp"),
    ):
        with pytest.raises(ValueError, match=told):
            GradientBoosting(**SMALL).fit(*collections(table, VALUE))


@DASK_NOISE
def test_dask_arrays_may_have_sparse_blocks(client):
    da = pytest.importorskip("dask.array")
    X = da.from_array(HOLED, chunks=(500, 4)).map_blocks(sparse.csr_matrix)
    y = da.from_array(VALUE.to_numpy(), chunks=500)
    model = GradientBoosting(**SMALL).fit(X, y)
    whole = sparse.csr_matrix(HOLED)
    expected = GradientBoosting(**SMALL).fit(whole, VALUE)
    np.testing.assert_allclose(model.predict(whole), expected.predict(whole), atol=0.05)
    answers = model.predict(X).compute()
    np.testing.assert_array_equal(answers, model.predict(whole))
    assert np.abs(model.predict(np.where(HOLED == 0, np.nan, HOLED)) - answers).max() == 0


@DASK_NOISE
def test_dask_averages_seeds(client):
    X, y = collections(FRAME, LABEL, npartitions=1)
    given = {**SMALL, "subsample": 0.5}
    two = GradientBoostingClassifier(n_seeds=2, **given).fit(X, y)
    one = GradientBoostingClassifier(**given).fit(X, y)
    first, second = two.boosters_
    assert first.save_raw() == one.booster_.save_raw() != second.save_raw()
    alone = [_of_booster(two, booster, FRAME) for booster in two.boosters_]
    np.testing.assert_allclose(two.predict_proba(FRAME), np.mean(alone, axis=0), atol=1e-7)
    np.testing.assert_array_equal(two.predict_proba(X).compute(), two.predict_proba(FRAME))
    further = GradientBoostingClassifier(n_seeds=2, **given).fit(X, y, init_model=two)
    assert [b.num_boosted_rounds() for b in further.boosters_] == [2 * SMALL["n_estimators"]] * 2


def _of_booster(model, booster, frame):
    from copy import copy

    single = copy(model)
    single.boosters_ = [booster]
    return single.predict_proba(frame)


@DASK_NOISE
@pytest.mark.parametrize(("npartitions", "apart"), [(1, 1e-5), (3, 0.02)])
def test_dask_weights_may_be_scaled_to_a_mean_of_one(client, npartitions, apart):
    """A penalty that is heavy for weights of one is nothing for weights of a thousand."""
    tables = FRAME, LABEL, WEIGHT * 1000
    X, y, weight = collections(*tables, npartitions=npartitions)
    given = {**SMALL, "reg_lambda": 100.0, "class_weight": {"no": 1.0, "yes": 3.0}}
    whole = GradientBoostingClassifier(normalize_weights=True, **given).fit(*tables)
    expected = whole.predict_proba(FRAME)
    judged = {"X_val": X, "y_val": y, "sample_weight_val": weight}
    scaled = GradientBoostingClassifier(normalize_weights=True, **given)
    scaled.fit(X, y, sample_weight=weight, **judged)
    assert np.abs(scaled.predict_proba(FRAME) - expected).mean() < apart
    unscaled = GradientBoostingClassifier(**given).fit(X, y, sample_weight=weight)
    assert np.abs(unscaled.predict_proba(FRAME) - expected).mean() > 0.05


@DASK_NOISE
def test_dask_judges_by_labels_that_are_not_smoothed(client):
    X, y = collections(FRAME, LABEL)
    given = {**SMALL, "label_smoothing": 0.3, "validation_split": "latest"}
    model = GradientBoostingClassifier(early_stopping=True, **given).fit(X, y)
    last = round(0.1 * N)
    lost = log_loss(LABEL[-last:], model.predict_proba(FRAME[-last:]))
    np.testing.assert_allclose(model.best_score_, lost, rtol=1e-5)
    model.fit(X, y, X_val=X, y_val=y)
    np.testing.assert_allclose(
        model.best_score_, log_loss(LABEL, model.predict_proba(FRAME)), rtol=1e-5
    )


@DASK_NOISE
def test_dask_refits_with_more_rounds_and_goes_on_from_those_there_are(client):
    X, y = collections(FRAME, LABEL)
    given = {**SMALL, "n_estimators": 60, "n_iter_no_change": 4, "validation_fraction": 0.4}
    given |= {"early_stopping": True, "validation_split": "latest"}
    found = GradientBoostingClassifier(**given).fit(X, y)
    assert found.n_estimators_ < 60
    again = GradientBoostingClassifier(refit=True, **given).fit(X, y)
    assert again.n_estimators_ == round(found.n_estimators_ / 0.6)
    further = GradientBoostingClassifier(**given).fit(X, y, init_model=found)
    last = round(0.4 * N)
    lost = log_loss(LABEL[-last:], further.predict_proba(FRAME[-last:]))
    assert further.n_estimators_ == further.best_iteration_ + 1 > found.n_estimators_
    np.testing.assert_allclose(further.best_score_, lost, rtol=1e-5)


def test_batches_hold_out_rows_of_their_own():
    settings = SimpleNamespace(validation_split="random", validation_fraction=0.5)
    halves = (settings, SimpleNamespace(sizes=[200, 200]))
    first, second = sources._held_out(SimpleNamespace(_seed=0), *halves)
    assert 60 < np.sum(first != second) < 140


def test_partitions_hold_out_rows_of_their_own():
    first, second = (partitions._drawn(200, seed=0, k=k, fraction=0.5) for k in (0, 1))
    assert 60 < np.sum(first != second) < 140


@DASK_NOISE
def test_dask_balances_classes_by_the_rows_of_all_partitions(client):
    n_each = LABEL.value_counts()
    by_hand = {label: N / (2 * n_each[label]) for label in ("no", "yes")}
    X, y = collections(FRAME, LABEL)
    found, expected = (
        GradientBoostingClassifier(class_weight=given, **SMALL).fit(X, y).predict_proba(FRAME)
        for given in ("balanced", by_hand)
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


@DASK_NOISE
def test_dask_holds_out_the_latest_rows(client):
    X, y = collections(FRAME, LABEL)
    given = {**SMALL, "n_estimators": 60, "n_iter_no_change": 4, "validation_fraction": 0.4}
    model = GradientBoostingClassifier(early_stopping=True, validation_split="latest", **given).fit(
        X, y
    )
    n_held_out = round(0.4 * len(FRAME))  # the last partition, and some of the one before
    last = model.predict_proba(FRAME[-n_held_out:])
    assert model.best_score_ == pytest.approx(log_loss(LABEL[-n_held_out:], last), rel=1e-5)


@DASK_NOISE
def test_dask_partitions_may_hold_classes_of_no_weight_alone(client):
    places = np.arange(N)
    label = pd.Series(np.where(places < N // 2, 0, 1 + (FRAME["count"] > 20)))
    X, y = collections(FRAME, label)
    weights = {0: 0.0, 1: 1.0, 2: 1.0}
    model = GradientBoostingClassifier(class_weight=weights, **SMALL).fit(X, y)
    assert model.classes_.tolist() == [0, 1, 2]
    assert (model.predict(FRAME) > 0).all()


@DASK_NOISE
def test_dask_targets_may_come_in_one_column(client):
    X, y, value = collections(FRAME, LABEL.to_frame(), VALUE.to_frame("value"))
    model = GradientBoostingClassifier(**SMALL).fit(X, y, X_val=X, y_val=y)
    assert model.classes_.tolist() == ["no", "yes"]
    column = value.to_dask_array(lengths=True)
    for targets in (value, column):
        assert GradientBoostingRegressor(**SMALL).fit(X, targets).predict(FRAME).shape == (N,)


TABLE = FRAME[["a", "count"]].fillna(0.0)


@pytest.mark.parametrize(("scale", "way"), [(1e-4, "Multiply"), (1e20, "Divide")])
def test_targets_too_small_or_large_for_squared_errors_are_pointed_out_in_batches(scale, way):
    values = scale * VALUE.to_numpy()
    pieces = [(TABLE.iloc[i::5], values[i::5]) for i in range(5)]
    with pytest.warns(UserWarning, match=f"y ranges over .* {way} y or") as warned:
        GradientBoostingRegressor(2).fit(pieces)
    assert warned[0].filename == __file__
    GradientBoostingRegressor(2, objective="absolute").fit(pieces)


def test_parts_of_one_value_each_have_the_spread_of_the_whole():
    pieces = [(TABLE.iloc[i::5], np.full(N // 5, float(i))) for i in range(5)]
    GradientBoostingRegressor(2).fit(pieces)
    with pytest.warns(UserWarning, match=r"y ranges over 0\.0004 in rows"):
        GradientBoostingRegressor(2).fit([(table, 1e-4 * y) for table, y in pieces])


def test_weights_that_sum_to_one_are_pointed_out_in_a_parquet_file(parquet, tmp_path):
    light = FRAME.assign(label=LABEL, weight=WEIGHT / WEIGHT.sum())
    light.to_parquet(tmp_path / "light.parquet")
    with pytest.warns(UserWarning, match=r"sums to 1 over 1500 rows.*normalize_weights=True"):
        GradientBoosting(**SMALL).fit(tmp_path / "light.parquet", "label", "weight")
    GradientBoosting(**SMALL).fit(parquet, "label", "weight")


def test_scales_are_pointed_out_in_dask_collections(client):
    X, y, weight = collections(TABLE, VALUE * 1e-4, WEIGHT / WEIGHT.sum())
    with pytest.warns(UserWarning, match="y ranges over") as warned:
        GradientBoostingRegressor(2).fit(X, y)
    assert __file__ in [one.filename for one in warned]
    with pytest.warns(UserWarning, match="sums to 1 over 1500 rows"):
        GradientBoostingRegressor(2, objective="absolute").fit(X, y, weight)


def test_a_start_that_the_objective_cannot_take_is_refused_whatever_the_source(client):
    wrong = GradientBoostingRegressor(2, objective="poisson", base_score=-1.0)
    counts = FRAME["count"]
    with pytest.raises(ValueError, match=r"base_score must lie in \(0"):
        wrong.fit([(TABLE, counts)])
    with pytest.raises(ValueError, match=r"base_score must lie in \(0"):
        wrong.fit(*collections(TABLE, counts))
    with pytest.raises(ValueError, match="base_score must be a number or one for each of the 1"):
        GradientBoostingRegressor(2, base_score=[1.0, 2.0]).fit([(TABLE, counts)])


def test_amounts_of_zero_alone_are_refused_whatever_the_source(client):
    """XGBoost starts tweedie from the logarithm of the mean and answers NaN."""
    nothing, some = VALUE * 0.0, VALUE.abs()
    model = GradientBoostingRegressor(2, objective="tweedie")
    pieces = [(TABLE[:750], nothing[:750]), (TABLE[750:], nothing[750:])]
    both = np.column_stack([some, nothing])
    for given in ((TABLE, nothing), (pieces,), collections(TABLE, nothing), (TABLE, both)):
        with pytest.raises(ValueError, match="y must hold a number above 0"):
            model.fit(*given)
    model.fit([(TABLE[:750], nothing[:750]), (TABLE[750:], some[750:])])
    model.set_params(base_score=1e-6).fit(TABLE, nothing)
    np.testing.assert_allclose(model.predict(TABLE), 1e-6, rtol=1e-3)


def test_dask_lets_seeds_that_stopped_apart_end_level(client):
    X, y = collections(TABLE, LABEL)
    given = SMALL | {"n_estimators": 8, "n_seeds": 2, "subsample": 0.5, "warm_start": True}
    model = GradientBoostingClassifier(**given).fit(X, y)
    model.boosters_[1] = model.boosters_[1][:5]
    model.fit(X, y)
    assert [one.num_boosted_rounds() for one in model.boosters_] == [8, 8]


@DASK_NOISE
@pytest.mark.parametrize("refit", [False, True])
def test_dask_falls_back_when_the_gpus_memory_is_too_small(client, monkeypatch, refit):
    """Fewer bins, then the CPU: partitions are not binned to disk."""
    from xgboost import dask as dxgb

    X, y = collections(TABLE, LABEL)
    given = SMALL | {"early_stopping": True, "refit": refit, "validation_split": "latest"}
    expected = GradientBoostingClassifier(device="cpu", **given).fit(X, y)
    train, tried, bins = dxgb.train, [], []
    make = dxgb.DaskQuantileDMatrix

    def full(client, parameters, *arguments, **more):
        tried.append((parameters["device"], parameters["max_bin"]))
        if parameters["device"] != "cpu":
            raise xgboost.core.XGBoostError("cudaErrorMemoryAllocation: out of memory")
        return train(client, parameters, *arguments, **more)

    def binned(*arguments, **more):
        bins.append(more["max_bin"])
        return make(*arguments, **more)

    monkeypatch.setattr(dxgb, "train", full)
    monkeypatch.setattr(dxgb, "DaskQuantileDMatrix", binned)
    monkeypatch.setattr(devices, "answers", lambda device: True)
    monkeypatch.setattr(memory, "has_cupy", lambda: True)
    with pytest.warns(ResourceWarning, match="too small for 1,500 rows x 2 columns") as warned:
        model = GradientBoostingClassifier(**given).fit(X, y)
    told = [one for one in warned if one.category is ResourceWarning and "GPU" in str(one.message)]
    assert [str(one.message).rpartition(". ")[2] for one in told] == [
        "Trying max_bin=64.",
        "Training on the CPU.",
    ]
    assert tried[:3] == [("cuda", 256), ("cuda", 64), ("cpu", 256)]
    assert bins[:6] == [256, 256, 64, 64, 256, 256]
    assert model.device_ == "cpu"
    np.testing.assert_array_equal(model.predict_proba(TABLE), expected.predict_proba(TABLE))
    with pytest.raises(MemoryError, match="1,500 rows x 2 columns with max_bin=256"):
        GradientBoostingClassifier(device="cuda", **given).fit(X, y)
