"""What arrays and polars' frames are pickled as, so that the memory that they stand on is left out.

Those that pickle leaves out by itself, pandas' among them, are left to it.
"""

from __future__ import annotations

import mmap
import os
import pickle
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.members.learners import libraries_of


def aware_of_tables(pickler: Any) -> Any:
    """Make a pickler of another one that reduces tables first."""
    otherwise: Callable[..., Any] = getattr(pickler, "reducer_override", lambda *_: NotImplemented)

    class AwareOfTables(pickler):
        def reducer_override(self, thing: Any) -> Any:
            reduced = reduced_table(thing)
            return otherwise(self, thing) if reduced is NotImplemented else reduced

    return AwareOfTables


def reduced_table(thing: Any) -> Any:
    """Return what a table is made of, as ``__reduce__`` does; NotImplemented for anything else."""
    kind = type(thing)
    if kind is np.ndarray or kind is np.memmap:
        return _of_array(thing)
    return _of_polars(thing) if _is_polars(kind) else NotImplemented


def _is_polars(kind: type) -> bool:
    library = kind.__module__.partition(".")[0]
    return library == "polars" and kind.__name__ in ("DataFrame", "Series")


class _Found(Exception):
    pass


class _Looking(pickle.Pickler):
    """Stops at a table of polars, and passes over others, which would be gone through whole."""

    def reducer_override(self, thing: Any) -> Any:
        if _is_polars(type(thing)):
            raise _Found
        libraries = libraries_of(type(thing))  # type: ignore[arg-type]
        return (tuple, ()) if libraries & {"numpy", "pandas"} else NotImplemented


class _Nowhere:
    def write(self, content: Any) -> int:
        return len(content)


def holds_polars(thing: Any) -> bool:
    """Tell whether a table of polars is among what a thing is pickled as."""
    try:
        _Looking(_Nowhere(), protocol=5, buffer_callback=lambda _: False).dump(thing)
    except _Found:
        return True
    except Exception:  # what cannot be pickled joblib says better
        return False
    return False


# ---------------------------------------------------------------------------------------------
# Arrays


def _of_array(array: NDArray[Any]) -> Any:
    """Of a map of the user's file its place; of an array with gaps one without them."""
    behind = _map_behind(array)
    if behind is not None and array.size:
        return _place_in(behind, array)
    plain = np.asarray(array)
    if plain.dtype.kind in "mM":  # whose memory numpy lends to nobody
        return np.ndarray.view, (plain.view(np.int64), plain.dtype)
    if not plain.dtype.hasobject and not plain.flags.forc:
        plain = np.array(plain, order="K")
    return NotImplemented if plain is array else plain.__reduce_ex__(5)


def _map_behind(array: Any) -> Any:
    """The map of a file that an array is a view of, where another process can open it as well."""
    while isinstance(array, np.ndarray) and not isinstance(array.base, mmap.mmap):
        array = array.base
    file = getattr(array, "filename", None)
    there = file is not None and os.path.exists(file) and array.mode != "c"
    return array if there else None


def _place_in(behind: Any, array: NDArray[Any]) -> Any:
    """Where in a file an array lies: its bytes from ``start`` on, the first cell after ``skipped``.

    Cells before the first are those that a negative stride leads to.
    """
    reach = [(size - 1) * step for size, step in zip(array.shape, array.strides, strict=True)]
    skipped = -sum(step for step in reach if step < 0)
    extent = sum(map(abs, reach)) + array.itemsize
    first = array.__array_interface__["data"][0] - behind.__array_interface__["data"][0]
    path, start = os.path.abspath(behind.filename), behind.offset + first - skipped
    mode = "r" if behind.mode == "r" else "r+"
    view = (array.shape, array.dtype, array.strides, type(array))
    return _view_of_file, (path, mode, start, extent, skipped, view)


def _view_of_file(path: str, mode: Any, start: int, extent: int, skipped: int, view: Any) -> Any:
    shape, dtype, strides, kind = view
    whole = np.memmap(path, np.uint8, mode, start, (extent,))
    return np.ndarray(shape, dtype, whole.data, skipped, strides).view(kind)


# ---------------------------------------------------------------------------------------------
# polars


def _of_polars(table: Any) -> Any:
    """Of a frame or a Series the Arrow columns that it stands on, or else an Arrow file."""
    frame = table if hasattr(table, "get_columns") else table.to_frame()
    made_of = _arrow_of(frame) or _file_of(frame)
    if made_of is None:
        return NotImplemented
    build, memory = made_of
    return (build if frame is table else partial(_series, build)), (memory,)


def _series(build: Callable[[Any], Any], memory: Any) -> Any:
    return build(memory).to_series()


def _arrow_of(frame: Any) -> Any:
    """The columns as they lie in memory; None without pyarrow, or where it does not know them.

    None as well of a few rows of a larger frame, behind which all of its memory lies.
    """
    try:
        columns = frame.to_arrow(**_newest_arrow())
        same = _from_arrow(columns).schema == frame.schema
        whole = columns.get_total_buffer_size() <= 2 * frame.estimated_size() + (1 << 18)
    except Exception:
        return None
    return (_from_arrow, columns) if same and whole else None


def _from_arrow(columns: Any) -> Any:
    import polars as pl

    return pl.from_arrow(columns, rechunk=False)


def _file_of(frame: Any) -> Any:
    """Arrow's own file; None of columns of Python's objects, which it cannot hold."""
    file = BytesIO()
    try:
        frame.write_ipc(file, compression="uncompressed", **_newest_arrow())
    except Exception:
        return None
    return _from_file, pickle.PickleBuffer(file.getbuffer())


def _from_file(content: Any) -> Any:
    import polars as pl

    return pl.read_ipc(bytes(content))


def _newest_arrow() -> dict[str, Any]:
    """Text as polars holds it, which older Arrow does not know; polars 1.0 has no word for it."""
    import polars as pl

    return {"compat_level": pl.CompatLevel.newest()} if hasattr(pl, "CompatLevel") else {}
