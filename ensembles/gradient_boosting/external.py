"""External memory: quantile matrices that XGBoost keeps on disk, and the folder they lie in.

The folder is gone when `fit` returns, however it returns.
"""

from __future__ import annotations

import errno
import gc
import os
import shutil
import tempfile
import traceback
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from ensembles.gradient_boosting.boosting import Job, Rows, unnamed
from ensembles.gradient_boosting.columns import opened
from ensembles.gradient_boosting.gpu import brought_to, lies_on_gpu, take_rows
from ensembles.gradient_boosting.memory import out_of_memory
from ensembles.gradient_boosting.spool import Pages

__all__ = ["Reader", "external_matrix", "external_matrix_of", "named_on_failure", "own_folder"]


@contextmanager
def own_folder(cache_dir: Any) -> Iterator[Path]:
    """Make a folder, and see to it that nothing of it stays."""
    if cache_dir is not None and not Path(cache_dir).is_dir():
        raise ValueError(f"cache_dir must be a folder that is there; got {cache_dir!r}.")
    folder = Path(tempfile.mkdtemp(prefix="gradient-boosting-", dir=cache_dir))
    try:
        yield folder
    except BaseException as error:
        _let_go(error)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _let_go(error: BaseException | None) -> None:
    """Free the matrices that an error's frames hold: each removes its own cache files."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    gc.collect()


@contextmanager
def named_on_failure(folder: Path) -> Iterator[None]:
    """Name the folder when XGBoost fails to write to it or to read from it."""
    try:
        yield
    except xgboost.core.XGBoostError as error:
        text = str(error).lower()
        if not out_of_memory(error) and any(
            word in text for word in ("no space", "write", "fo->", "open", "i/o", "cache")
        ):
            raise OSError(
                f"cache_dir must be a folder to write to; in {folder.parent}: {error}"
            ) from error
        raise


# ---------------------------------------------------------------------------------------------
# What is handed to XGBoost


class Reader(xgboost.DataIter):
    """Hand the batches of a spool, or some rows of each, to XGBoost, as often as it asks."""

    def __init__(
        self, job: Job, pages: Pages, cache: Path, picked: Sequence[NDArray[np.bool_]] | None = None
    ) -> None:
        self.job, self.pages, self.picked = job, pages, picked
        self.sizes = pages.spool.sizes if picked is None else [int(one.sum()) for one in picked]
        self.folder, self.dense = pages.spool.folder, pages.dense
        self.n_rows, self.n_batches = sum(self.sizes), len(self.sizes)
        self.k = 0
        super().__init__(cache_prefix=str(cache), on_host=False)

    def reset(self) -> None:
        """Begin again."""
        self.k = 0

    def next(self, input_data: Callable[..., Any]) -> bool:
        """Hand over the next batch that has rows."""
        while self.k < self.n_batches and not self.sizes[self.k]:
            self.k += 1
        if self.k == self.n_batches:
            return False
        rows = None if self.picked is None else self.picked[self.k]
        hand_over(self.job, input_data, *self.pages.read(self.k, rows))
        self.k += 1
        return True


def hand_over(
    job: Job, input_data: Callable[..., Any], table: Any, values: Any, weights: Any
) -> None:
    """Give some rows to XGBoost, with the names and types that it knows the columns by.

    On a GPU they are given as an array that lies there.
    """
    if job.device != "cpu" and not lies_on_gpu(table):
        table = brought_to(job.device, opened(table))
    input_data(
        data=table,
        label=values,
        weight=weights,
        feature_names=job.names,
        feature_types=job.columns.types,
    )


BLOCK_ROWS = 262_144


class Blocks(xgboost.DataIter):
    """Hand a table that is in memory to XGBoost in blocks of rows.

    On a GPU, XGBoost keeps their codes in the memory of the host.
    """

    def __init__(self, job: Job, rows: Rows, cache: Path) -> None:
        self.job, self.rows, self.begin = job, rows, 0
        self.folder, self.dense, self.n_rows = cache.parent, False, len(rows)
        self.n_batches = 1 + len(rows) // BLOCK_ROWS
        super().__init__(cache_prefix=str(cache))

    def reset(self) -> None:
        """Begin again."""
        self.begin = 0

    def next(self, input_data: Callable[..., Any]) -> bool:
        """Hand over the next block."""
        if self.begin >= len(self.rows):
            return False
        block = np.arange(self.begin, min(self.begin + BLOCK_ROWS, len(self.rows)))
        self.begin += BLOCK_ROWS
        weights = None if self.rows.weights is None else self.rows.weights[block]
        table = take_rows(self.rows.table, block)
        hand_over(self.job, input_data, table, self.rows.values[block], weights)
        return True


# ---------------------------------------------------------------------------------------------
# Matrices


def external_matrix(job: Job, reader: Reader | Blocks, reference: Any = None) -> Any:
    """Bin what a reader hands over into a matrix on disk, with the bins of ``reference``."""
    if job.device == "cpu" or not reader.on_host:
        _check_space(reader.folder, _cache_bytes(job, reader))
    matrix = xgboost.ExtMemQuantileDMatrix(
        reader,
        missing=job.settings.missing,
        nthread=job.threads,
        max_bin=job.settings.max_bin,
        ref=reference,
        enable_categorical=True,
    )
    return unnamed(matrix)


def _cache_bytes(job: Job, reader: Reader | Blocks) -> int:
    """Bound what XGBoost will write: it keeps the codes twice, by row and by column.

    Codes by row take 4 bytes each where some are missing; each batch carries all of the bins. The
    files of XGBoost 3.2 came to 80 % of this and more, never to all of it, with few missing.
    """
    n_rows, n_columns, max_bin = reader.n_rows, len(job.columns.names), job.settings.max_bin
    width = 1 if max_bin <= 256 else 2 if max_bin <= 65_536 else 4
    by_row = width if reader.dense else 4
    most = max([max_bin, *(len(one) for one in job.columns.levels if one is not None)])
    bins = n_columns * min(most, n_rows)
    cells = n_rows * n_columns
    whole = cells * (by_row + width) + cells // 8 + 8 * n_rows
    return (whole + reader.n_batches * (8 * bins + 4096)) * 21 // 20


def _check_space(folder: Path, needed: int) -> None:
    """Refuse before XGBoost writes its cache: a disk that is full then ends the whole process.

    A trial file shows what the free space alone does not: quotas and limits on the size of a file.
    """
    free = shutil.disk_usage(folder).free
    text = f"cache_dir must have {needed / 2**20:,.1f} MiB free for XGBoost's cache; "
    if needed > free:
        raise OSError(
            errno.ENOSPC, f"{text}{folder.parent} has {free / 2**20:,.1f} MiB, too little"
        )
    trial = folder / "trial"
    try:
        with open(trial, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, needed)
    except AttributeError:  # there is none on macOS and Windows
        return
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            return
        raise OSError(error.errno, f"{text}{folder.parent}: {error.strerror}") from error
    finally:
        trial.unlink(missing_ok=True)


def external_matrix_of(job: Job, rows: Rows, reference: Any = None) -> Any:
    """Bin rows into a matrix on disk, in a folder that lives as long as the matrix."""
    folder = tempfile.mkdtemp(prefix="gradient-boosting-", dir=job.settings.cache_dir)
    try:
        matrix = external_matrix(job, Blocks(job, rows, Path(folder) / "cache"), reference)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(matrix, shutil.rmtree, folder, ignore_errors=True)
    return matrix
