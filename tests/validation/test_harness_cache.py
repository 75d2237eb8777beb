"""Finished folds on disk: killed anywhere, the run goes on; what is not intact is not trusted."""

import json
import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import time
import types
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, make_scorer
from sklearn.model_selection import KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ensembles import cross_validate
from ensembles.validation import fingerprint as fingerprints
from ensembles.validation.fingerprint import _VERSIONS, fingerprint
from ensembles.validation.storing import Entry

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs the rights of POSIX files")

X, y = make_classification(60, 4, random_state=0)


class Logged(ClassifierMixin, BaseEstimator):
    """Notes every fit that it begins in a file."""

    def __init__(self, log, seconds=0.0, seed=0):
        self.log = log
        self.seconds = seconds
        self.seed = seed

    def fit(self, X, y):
        with Path(self.log).open("a") as log:
            log.write("fit\n")
        time.sleep(self.seconds)
        self.classes_, self.counts_ = np.unique(y, return_counts=True)
        self.bias_ = X.mean() + self.seed
        return self

    def predict_proba(self, X):
        odds = 1 / (1 + np.exp(-X[:, 0] - self.bias_))
        return np.column_stack([1 - odds, odds])

    def predict(self, X):
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


@pytest.fixture
def log(tmp_path):
    return str(tmp_path / "log")


def n_fits(log):
    path = Path(log)
    return path.read_text().count("fit") if path.exists() else 0


def finished(folder):
    index = Path(folder) / "index.jsonl"
    return (
        sum(bool(line.strip()) for line in index.read_text().splitlines()) if index.exists() else 0
    )


def in_a_process(work, wait=None):
    """Do the work in a process of its own, killed once ``wait`` is over; True if it was done."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(error, file=sys.stderr, flush=True)
            os._exit(1)
    if wait is not None:
        wait()
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return status == 0


@pytest.mark.filterwarnings("ignore:This process")  # fork beside threads, from Python 3.12
@pytest.mark.filterwarnings("ignore:cache_dir .* lines of its index are torn")
def test_killed_anywhere_it_ends_as_if_it_had_not_been(tmp_path, log):
    folder = tmp_path / "cache"
    rng = np.random.default_rng(0)

    def work():
        cross_validate(Logged(log, 0.02), X, y, cv=KFold(10), cache_dir=folder)

    def wait():
        """Until it has done two folds more, or is about to, and a random while."""
        enough, deadline = n_fits(log) + 2, time.monotonic() + 20
        while n_fits(log) < enough and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.04))

    for _ in range(4):
        before, fits = finished(folder), n_fits(log)
        if in_a_process(work, wait):
            break
        assert n_fits(log) - fits <= finished(folder) - before + 1  # the one that it died in
    before, fits = finished(folder), n_fits(log)
    assert 0 < before < 10
    result = cross_validate(Logged(log, 0.02), X, y, cv=KFold(10), cache_dir=folder)
    assert n_fits(log) - fits == 10 - before
    whole = cross_validate(Logged(log + "2", 0.02), X, y, cv=KFold(10))
    np.testing.assert_array_equal(result.oof_prediction_, whole.oof_prediction_)
    np.testing.assert_array_equal(result["test_score"], whole["test_score"])
    assert not list(folder.glob("*.part"))


@pytest.mark.filterwarnings("ignore:This process")
@pytest.mark.parametrize("call", ["replace", "fsync", "open"])
@pytest.mark.parametrize("after", [False, True])
def test_killed_while_a_fold_is_written(tmp_path, log, call, after):
    folder = tmp_path / "cache"

    def dies_in_the_third():
        original, calls = getattr(os, call), []

        def dying(*given, **named):
            calls.append(given)
            if len(calls) == 3 and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            done = original(*given, **named)
            if len(calls) == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        setattr(os, call, dying)
        cross_validate(Logged(log), X, y, cv=KFold(6), cache_dir=folder)

    assert not in_a_process(dies_in_the_third)
    before, fits = finished(folder), n_fits(log)
    result = cross_validate(Logged(log), X, y, cv=KFold(6), cache_dir=folder)
    assert n_fits(log) - fits == 6 - before
    whole = cross_validate(Logged(log), X, y, cv=KFold(6))
    np.testing.assert_array_equal(result.oof_prediction_, whole.oof_prediction_)
    assert not list(folder.glob("*.part"))


def test_only_what_is_new_is_computed(tmp_path, log):
    def run(model=None, **given):
        before = n_fits(log)
        model = Logged(log) if model is None else model
        result = cross_validate(model, X, y, cache_dir=tmp_path / "c", random_state=0, **given)
        return n_fits(log) - before, result

    fits, first = run()
    assert fits == 5
    again, second = run()
    assert again == 0
    np.testing.assert_array_equal(first.oof_prediction_, second.oof_prediction_)
    np.testing.assert_array_equal(first.fit_times_, second.fit_times_)
    assert run(n_repeats=3)[0] == 10
    assert run(Logged(log, seed=1))[0] == 5
    scored = run(scoring=["neg_log_loss", "accuracy"], X_test=X[:7])
    assert scored[0] == 0
    fresh = cross_validate(
        Logged(log), X, y, random_state=0, scoring=["neg_log_loss", "accuracy"], X_test=X[:7]
    )
    np.testing.assert_array_equal(scored[1]["test_neg_log_loss"], fresh["test_neg_log_loss"])
    np.testing.assert_array_equal(scored[1]["train_accuracy"], fresh["train_accuracy"])
    np.testing.assert_array_equal(scored[1].test_prediction_, fresh.test_prediction_)
    assert run({"old": Logged(log), "new": Logged(log, seed=2)})[0] == 5
    assert run(refit=True)[0] == 1
    assert run(refit=True)[0] == 0


def test_other_scorers_judge_the_rows_that_a_stopped_model_learned_from(tmp_path):
    model = HistGradientBoostingClassifier(max_iter=8, min_samples_leaf=5, random_state=0)
    given = {"early_stopping": "nested", "validation_fraction": 0.3, "random_state": 0}
    cross_validate(model, X, y, cache_dir=tmp_path, **given)
    stored = cross_validate(model, X, y, cache_dir=tmp_path, scoring="neg_log_loss", **given)
    alone = cross_validate(model, X, y, scoring="neg_log_loss", **given)
    np.testing.assert_array_equal(stored["train_score"], alone["train_score"])
    np.testing.assert_array_equal(stored["test_score"], alone["test_score"])


def test_a_scorer_of_another_class_is_another_scorer(tmp_path, log):
    plain = make_scorer(accuracy_score)

    class Doubled(type(plain)):
        def _score(self, *given, **more):
            return 2 * super()._score(*given, **more)

    doubled = Doubled(accuracy_score, 1, {}, "predict")
    one, other = (
        cross_validate(Logged(log), X, y, scoring=scorer, cache_dir=tmp_path)["test_score"]
        for scorer in (plain, doubled)
    )
    np.testing.assert_array_equal(2 * one, other)
    assert n_fits(log) == 5


def test_other_data_other_rows_and_other_weights_are_other_folds(tmp_path, log):
    def fits(X, y, **given):
        before = n_fits(log)
        cross_validate(Logged(log), X, y, cache_dir=tmp_path / "c", **given)
        return n_fits(log) - before

    assert fits(X, y) == 5
    changed = X.copy()
    changed[17, 2] += 1e-9
    assert fits(changed, y) == 5
    assert fits(X, 1 - y) == 5
    assert fits(X, y, cv=3) == 3
    assert fits(X, y) == 0


class Importing(Logged):
    """Imports a module that nothing had asked for, as libraries do that frames are handed to."""

    def fit(self, X, y):
        sys.modules["polars"] = pl
        return super().fit(X, y)


@pytest.mark.parametrize("model", [Logged, Importing])
def test_what_else_is_imported_is_nothing_to_a_fold(tmp_path, log, monkeypatch, model):
    for imported in (False, True, False):
        monkeypatch.delitem(sys.modules, "polars", raising=False)
        if imported:
            monkeypatch.setitem(sys.modules, "polars", pl)
        cross_validate(model(log), X, y, cache_dir=tmp_path / "c")
        assert n_fits(log) == 5


def test_other_versions_are_other_folds(tmp_path, log, monkeypatch):
    def n_new():
        before = n_fits(log)
        cross_validate(Logged(log), X, y, cache_dir=tmp_path / "c")
        return n_fits(log) - before

    assert (n_new(), n_new()) == (5, 0)
    monkeypatch.setitem(_VERSIONS, "numpy", "0.0.1")
    assert (n_new(), n_new()) == (5, 0)
    known = fingerprints._installed
    monkeypatch.setattr(fingerprints, "_installed", lambda name: f"{known(name)}.1")
    assert (n_new(), n_new()) == (5, 0)


class Column(Logged):
    """Says other things of a frame than of an array."""

    def fit(self, X, y):
        self.named_ = hasattr(X, "columns")
        return super().fit(np.asarray(X), y)

    def predict_proba(self, X):
        said = super().predict_proba(np.asarray(X))
        return 1 - said if self.named_ else said


def test_steps_set_to_other_output_are_other_folds(tmp_path, log):
    """``set_output`` is no parameter: from a cache came what the other had said."""
    plain = make_pipeline(StandardScaler(), Column(log))
    frames = make_pipeline(StandardScaler(), Column(log)).set_output(transform="pandas")
    one = cross_validate(plain, X, y, cache_dir=tmp_path)
    other = cross_validate(frames, X, y, cache_dir=tmp_path)
    assert n_fits(log) == 10
    np.testing.assert_allclose(one.oof_prediction_, other.oof_prediction_[:, ::-1])
    with sklearn.config_context(transform_output="pandas"):
        again = cross_validate(plain, X, y, cache_dir=tmp_path)
    np.testing.assert_array_equal(again.oof_prediction_, other.oof_prediction_)


def test_who_asks_for_other_metadata_is_another_estimator(tmp_path):
    """As with output: fits with weights and without are not each other's."""
    weights = {"sample_weight": np.linspace(0.01, 5, len(y))}

    def run(scaled, weighted, **given):
        scaler = StandardScaler().set_fit_request(sample_weight=scaled)
        model = LogisticRegression().set_fit_request(sample_weight=weighted)
        model.set_score_request(sample_weight=True)
        pipeline = make_pipeline(scaler, model)
        return cross_validate(pipeline, X, y, params=weights, **given).oof_prediction_

    with sklearn.config_context(enable_metadata_routing=True):
        for asked in ((False, True), (True, False), (True, True)):
            stored = run(*asked, cache_dir=tmp_path)
            np.testing.assert_array_equal(stored, run(*asked))


def test_shuffles_without_a_random_state_are_found_again(tmp_path, log):
    for expected in (15, 0):
        before = n_fits(log)
        cross_validate(Logged(log), X, y, cache_dir=tmp_path / "c", n_repeats=3)
        assert n_fits(log) - before == expected
    for expected in (5, 0):
        before = n_fits(log)
        cross_validate(
            Logged(log, seed=9), X, y, cache_dir=tmp_path / "c", cv=KFold(5, shuffle=True)
        )
        assert n_fits(log) - before == expected


class Boom:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return os.abort, ()


@pytest.mark.parametrize("damage", ["torn", "flipped", "foreign", "swapped", "gone", "linked"])
def test_a_file_that_is_not_intact_is_reported_and_its_fold_computed_again(tmp_path, log, damage):
    folder = tmp_path / "cache"
    whole = cross_validate(Logged(log), X, y, cache_dir=folder)
    files = sorted(path for path in folder.iterdir() if len(path.name) == 64)
    assert len(files) == 5
    victim = files[0]
    content = victim.read_bytes()
    if damage == "torn":
        victim.write_bytes(content[:-20])
    elif damage == "flipped":
        victim.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    elif damage == "foreign":
        victim.write_bytes(pickle.dumps(Boom()))
    elif damage == "swapped":
        victim.write_bytes(files[1].read_bytes())
    elif damage == "linked":
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_bytes(content)
        victim.unlink()
        victim.symlink_to(elsewhere)
    else:
        victim.unlink()
    before = n_fits(log)
    with pytest.warns(
        UserWarning, match=r"not to be trusted.*fold \d of repeat 0 .*computed again"
    ):
        again = cross_validate(Logged(log), X, y, cache_dir=folder)
    assert n_fits(log) - before == 1
    np.testing.assert_array_equal(again.oof_prediction_, whole.oof_prediction_)
    cross_validate(Logged(log), X, y, cache_dir=folder)
    assert n_fits(log) - before == 1


def test_a_torn_or_forged_index_is_reported(tmp_path, log):
    folder = tmp_path / "cache"
    cross_validate(Logged(log), X, y, cache_dir=folder)
    index = folder / "index.jsonl"
    lines = [line for line in index.read_text().splitlines() if line]
    forged = json.loads(lines[0])
    bomb = pickle.dumps(Boom())
    forged["size"] = len(bomb)  # without the checksum of the line that goes with it
    index.write_text("\n".join([json.dumps(forged), *lines[1:-1], lines[-1][:40]]))
    before = n_fits(log)
    with pytest.warns(UserWarning, match="2 of 5 lines of its index are torn"):
        cross_validate(Logged(log), X, y, cache_dir=folder)
    assert n_fits(log) - before == 2


@pytest.mark.parametrize(
    "line",
    [b"[" * 200_000, b'{"key": "k", "sha256": "s", "size": Infinity, "check": "c"}', b"\xff\x00"],
    ids=["nested", "infinite", "no text"],
)
def test_whatever_stands_in_an_index_is_a_torn_line_at_most(tmp_path, log, line):
    cross_validate(Logged(log), X, y, cache_dir=tmp_path)
    with (tmp_path / "index.jsonl").open("ab") as index:
        index.write(line + b"\n")
    with pytest.warns(UserWarning, match="1 of 6 lines of its index are torn"):
        cross_validate(Logged(log), X, y, cache_dir=tmp_path)
    assert n_fits(log) == 5


def test_an_index_that_names_another_fold_is_noticed(tmp_path, log):
    """Two folds exchanged in the index, with all checksums as they should be."""
    whole = cross_validate(Logged(log), X, y, cache_dir=tmp_path)
    index = tmp_path / "index.jsonl"
    one, other, *rest = map(Entry.parsed, filter(None, index.read_bytes().split(b"\n")))
    exchanged = [replace(one, key=other.key), replace(other, key=one.key), *rest]
    index.write_bytes(b"".join(entry.line() for entry in exchanged))
    with pytest.warns(UserWarning, match="is another fold than the index says") as told:
        again = cross_validate(Logged(log), X, y, cache_dir=tmp_path)
    assert len(told) == 2
    np.testing.assert_array_equal(again.oof_prediction_, whole.oof_prediction_)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
@pytest.mark.parametrize("put", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
@pytest.mark.parametrize("what", ["a fold", "the index"])
def test_what_is_no_file_is_noticed_and_not_waited_for(tmp_path, log, put, what):
    """A run that opened a pipe waited for somebody to write; a folder for an index ended it."""
    folder = tmp_path / "cache"
    whole = cross_validate(Logged(log), X, y, cache_dir=folder)
    names = [path.name for path in folder.iterdir() if len(path.name) == 64]
    victim = folder / (names[0] if what == "a fold" else "index.jsonl")
    victim.unlink()
    put(victim)
    with pytest.warns(UserWarning, match=r"not to be trusted: .* is no plain file"):
        again = cross_validate(Logged(log), X, y, cache_dir=folder)
    np.testing.assert_array_equal(again.oof_prediction_, whole.oof_prediction_)
    before = n_fits(log)
    cross_validate(Logged(log), X, y, cache_dir=folder)
    assert n_fits(log) == before


def test_what_others_can_write_to_is_refused(tmp_path, log):
    folder = tmp_path / "cache"
    cross_validate(Logged(log), X, y, cache_dir=folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    victim = next(path for path in folder.iterdir() if len(path.name) == 64)
    victim.chmod(0o666)
    before = n_fits(log)
    with pytest.warns(UserWarning, match="can be written to by others"):
        cross_validate(Logged(log), X, y, cache_dir=folder)
    assert n_fits(log) - before == 1
    (folder / "index.jsonl").chmod(0o620)
    with pytest.warns(UserWarning, match="index.jsonl can be written to by others"):
        cross_validate(Logged(log), X, y, cache_dir=folder)
    assert n_fits(log) - before == 6
    cross_validate(Logged(log), X, y, cache_dir=folder)
    assert n_fits(log) - before == 6
    folder.chmod(0o777)
    with pytest.raises(ValueError, match="cache_dir must be a folder to which nobody else"):
        cross_validate(Logged(log), X, y, cache_dir=folder)
    with pytest.raises(ValueError, match="cache_dir must be a folder; got"):
        cross_validate(Logged(log), X, y, cache_dir=log)
    assert n_fits(log) - before == 6


@pytest.mark.filterwarnings("ignore:This process")
@pytest.mark.parametrize("limit", [500, 1300, 1500])  # in a fold's file, and in the index
def test_a_full_disk_ends_the_cache_and_not_the_run(tmp_path, log, limit):
    folder, found = tmp_path / "cache", tmp_path / "found"
    small = cross_validate(Logged(log), X, y, cache_dir=folder)

    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = cross_validate(Logged(log, seed=3), X, y, cache_dir=folder)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        told = [str(warning.message) for warning in caught]
        found.write_text(json.dumps([told, result["test_score"].tolist()]))

    assert in_a_process(work)
    told, scores = json.loads(found.read_text())
    assert len(told) == 1
    assert "cannot be written to" in told[0]
    assert scores == cross_validate(Logged(log, seed=3), X, y)["test_score"].tolist()
    assert not list(folder.glob("*.part"))
    again = cross_validate(Logged(log), X, y, cache_dir=folder)
    np.testing.assert_array_equal(again.oof_prediction_, small.oof_prediction_)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 KiB, where this process may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "none", str(disk)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no command to mount a small file system")
    if done.returncode:
        pytest.skip(f"no small file system can be mounted: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_disk_that_is_really_full_ends_the_cache_and_not_the_run(small_disk, log, n_jobs):
    whole = cross_validate(Logged(log), X, y, cv=KFold(10))
    folder = small_disk / "cache"
    with (
        pytest.warns(UserWarning, match=r"cannot be written to \(the disk is full\)") as told,
        joblib.parallel_config("threading"),
    ):
        result = cross_validate(Logged(log), X, y, cv=KFold(10), cache_dir=folder, n_jobs=n_jobs)
    assert len(told) == 1
    np.testing.assert_array_equal(result.oof_prediction_, whole.oof_prediction_)
    np.testing.assert_array_equal(result["test_score"], whole["test_score"])
    assert not list(folder.glob("*.part"))
    kept, fits = finished(folder), n_fits(log)
    assert 0 < kept < 10
    with pytest.warns(UserWarning, match="the disk is full"):  # and what was kept is whole
        again = cross_validate(Logged(log), X, y, cv=KFold(10), cache_dir=folder)
    assert n_fits(log) - fits == 10 - kept
    np.testing.assert_array_equal(again.oof_prediction_, whole.oof_prediction_)


def test_a_model_that_cannot_be_pickled_is_told_of(tmp_path):
    model = make_pipeline(FunctionTransformer(lambda X: X), GaussianNB())
    with pytest.warns(UserWarning, match="cannot be kept in cache_dir") as told:
        result = cross_validate(model, X, y, cache_dir=tmp_path / "c")
    assert len(told) == 5
    np.testing.assert_array_equal(
        result.oof_prediction_, cross_validate(model, X, y).oof_prediction_
    )


def plus_one(X):
    return X + 1


def edited(body):
    """A function of the same name and another body, as after a cell was edited."""
    space = {"__name__": "__main__", "np": np}
    exec(f"def step(X):\n    return {body}\n", space)
    return space["step"]


def test_a_fingerprint_knows_contents_and_code():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None], "c": pd.Categorical(["u", "v"])})
    table = np.arange(12.0).reshape(3, 4)
    things = [
        table,
        table.astype(np.float32),
        table.T.copy(),
        table + 1e-12,
        csr_matrix(table),
        frame,
        frame.rename(columns={"a": "z"}),
        frame.assign(b=["x", "y"]),
        frame.set_index("a"),
        pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
        pl.DataFrame({"a": [1, 2], "b": ["x", "z"]}),
        pl.DataFrame({"a": [1, 3], "b": ["x", "y"]}, schema_overrides={"a": pl.Int32}),
        [1, 2],
        (1, 2),
        {"a": 1, "b": 2},
        {1, 2},
        np.array(["a", None], dtype=object),
        LogisticRegression(),
        LogisticRegression(C=2),
        make_pipeline(GaussianNB()),
        FrozenEstimator(GaussianNB().fit(X, y)),
        FrozenEstimator(GaussianNB().fit(X + 1, y)),
        np.random.RandomState(0),
        np.random.RandomState(1),
        np.random.default_rng(0),
        plus_one,
        edited("X + 1"),
        edited("X + 2"),
        edited("np.log(X)"),
        edited("[x for x in X if x > 1]"),
        edited("[x for x in X if x > 2]"),
        make_scorer(accuracy_score),
    ]
    words = [fingerprint(thing) for thing in things]
    assert len(set(words)) == len(words)
    assert [fingerprint(thing) for thing in things] == words
    assert fingerprint(table.copy(order="F")) == fingerprint(table)
    assert fingerprint({"b": 2, "a": 1}) == fingerprint({"a": 1, "b": 2})
    assert fingerprint(np.repeat(table, 2, axis=1)[:, ::2]) == fingerprint(table)
    assert fingerprint(edited("X + 1")) == fingerprint(edited("X + 1"))


def test_what_code_finds_by_name_is_known():
    """Tables, and functions of modules that were edited, were passed over."""
    inner, helpers = types.ModuleType("helpers.inner"), types.ModuleType("helpers")
    helpers.inner, inner.helpers = inner, helpers
    space = {"__name__": "__main__", "helpers": helpers, "np": np}
    exec("def step(X):\n    return helpers.inner.clean(X) + helpers.by + np.log(OF)\n", space)
    exec("class Model:\n    of = None\n    def fit(self, X, y):\n        pass\n", space)
    step, model = space["step"], space["Model"]
    seen = []
    for found in (1.0, 2.0):
        for place, name, thing in (
            (helpers, "by", found),
            (helpers, "by", np.array([found])),
            (inner, "clean", edited(f"X + {found}")),
            (space, "OF", np.array([found])),
            (space, "OF", pd.Series([found])),
            (space, "OF", pl.DataFrame([found])),
            (space, "OF", csr_matrix([[found]])),
            (space, "np", np.ma if found == 1 else np),
            (model, "of", (found, 1)),
            (model, "of", {"at": found}),
            (model, "of", np.array([found])),
            (model, "of", accuracy_score if found == 1 else log_loss),
        ):
            if isinstance(place, dict):
                place[name] = thing
            else:
                setattr(place, name, thing)
            seen.append(fingerprint(step, model()))
            assert fingerprint(step, model()) == seen[-1]
    assert len(set(seen)) == len(seen)


class Secretive(float):
    """A number that looks like every other."""

    def __repr__(self):
        return "a number"


def test_things_that_look_the_same_are_not():
    assert fingerprint(Secretive(1)) != fingerprint(Secretive(2))
    assert fingerprint(Secretive(1)) == fingerprint(Secretive(1)) != fingerprint(1.0)
    one, other = (LogisticRegression(C=Secretive(C)) for C in (1, 2))
    assert repr(one) == repr(other)
    assert fingerprint(one) != fingerprint(other)


def test_an_edited_class_is_another_estimator():
    def made(body):
        space = {"__name__": "__main__", "BaseEstimator": BaseEstimator}
        exec(f"class Model(BaseEstimator):\n    def fit(self, X, y):\n        {body}\n", space)
        return space["Model"]()

    assert fingerprint(made("return self")) == fingerprint(made("return self"))
    assert fingerprint(made("return self")) != fingerprint(made("self.x_ = 1; return self"))


def test_two_runs_share_a_folder(tmp_path, log):
    folder = tmp_path / "cache"
    pids = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            try:
                cross_validate(Logged(log, 0.01), X, y, cv=KFold(10), cache_dir=folder)
                os._exit(0)
            except BaseException:
                os._exit(1)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0]
    before = n_fits(log)
    cross_validate(Logged(log, 0.01), X, y, cv=KFold(10), cache_dir=folder)
    assert n_fits(log) == before


@pytest.mark.parametrize("n_rounds", [3])
def test_threads_of_one_process_share_a_folder(tmp_path, log, n_rounds):
    """They wrote into one half-written file, and swept each other's away."""
    for number in range(n_rounds):
        folder = tmp_path / f"cache{number}"

        def run(seed, folder=folder):
            cross_validate(Logged(log, seed=seed), X, y, cv=KFold(10), cache_dir=folder)

        with warnings.catch_warnings(), ThreadPoolExecutor(4) as pool:
            warnings.simplefilter("error")
            list(pool.map(run, range(4)))
        before = n_fits(log)
        for seed in range(4):
            run(seed)
        assert n_fits(log) == before
        assert not list(folder.glob("*.part"))


def test_a_folder_that_cannot_be_opened_is_used_without_a_lock(tmp_path, log, monkeypatch):
    opened = os.open

    def denied(path, *given, **named):
        if Path(path) == tmp_path:
            raise PermissionError(13, "Permission denied")
        return opened(path, *given, **named)

    monkeypatch.setattr(os, "open", denied)
    for _ in range(2):
        cross_validate(Logged(log), X, y, cache_dir=tmp_path)
    assert n_fits(log) == 5


def test_what_an_earlier_process_of_the_same_number_left_is_swept_away(tmp_path, log):
    """As in a container, where every first process is number 1."""
    own = tmp_path / f"{socket.gethostname()}.{os.getpid()}.abcdef.0.part"
    elsewhere = tmp_path / f"another-machine.{os.getpid()}.abcdef.0.part"
    own.touch()
    elsewhere.touch()
    cross_validate(Logged(log), X, y, cache_dir=tmp_path)
    assert not own.exists()
    assert elsewhere.exists()


class Interrupted(Logged):
    """Interrupted once, as by Ctrl-C, when three fits have begun."""

    def fit(self, X, y):
        fitted, once = super().fit(X, y), Path(f"{self.log}.once")
        if n_fits(self.log) >= 3 and not once.exists():
            once.touch()
            raise KeyboardInterrupt
        return fitted


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_an_interrupted_run_goes_on_where_it_was(tmp_path, log, n_jobs):
    folder = tmp_path / "cache"
    run = {"cv": KFold(8), "n_jobs": n_jobs, "cache_dir": folder}
    with joblib.parallel_config("threading"), pytest.raises(KeyboardInterrupt):
        cross_validate(Interrupted(log, 0.02), X, y, **run)
    kept, before = finished(folder), n_fits(log)
    assert kept < 8
    assert not list(folder.glob("*.part"))
    with joblib.parallel_config("threading"):
        result = cross_validate(Interrupted(log, 0.02), X, y, **run)
    assert n_fits(log) - before == 8 - kept
    whole = cross_validate(Logged(str(tmp_path / "other")), X, y, cv=KFold(8))
    np.testing.assert_array_equal(result.oof_prediction_, whole.oof_prediction_)


class Wanderer(Logged):
    """Works in a folder of its own."""

    def fit(self, X, y):
        os.chdir(Path(self.log).parent)
        return super().fit(X, y)


def test_a_folder_is_where_it_was_when_the_run_began(tmp_path, log, monkeypatch):
    (tmp_path / "start").mkdir()
    monkeypatch.chdir(tmp_path / "start")
    cross_validate(Wanderer(log), X, y, cv=KFold(5), cache_dir="cache")
    assert finished(tmp_path / "start" / "cache") == 5
    monkeypatch.setenv("HOME", str(tmp_path))
    cross_validate(Logged(log), X, y, cv=KFold(5), cache_dir="~/kept")
    assert finished(tmp_path / "kept") == 5
