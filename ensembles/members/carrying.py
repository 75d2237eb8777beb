"""Carry a function, and the tables that it looks at, to worker processes: in one file, once a run.

joblib sends a function with every task, and maps numpy's arrays alone: a frame of text would be
pickled, sent and held anew for each fold. Here tasks carry the name of a folder, which is there
while the run is, and which its owner alone can look into.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import sleep
from typing import Any

from joblib.externals.loky.backend import resource_tracker
from joblib.externals.loky.backend.reduction import get_loky_pickler
from joblib.parallel import BACKENDS

from ensembles.members.mapping import n_bytes, read, write
from ensembles.members.reducing import holds_polars

SHARED_MEMORY, ROOM = "/dev/shm", 2 << 30
"""Where joblib maps arrays if there is so much room, in bytes, and nothing else was named."""

KEPT = 1 << 26
"""Bytes up to which a worker keeps what it has read for its next task.

What is larger is mapped anew, which costs nothing but for Python's own objects: joblib ends workers
that have grown by 300 MB, which it takes for a leak.
"""

LOOK = 1.0
"""Seconds between a worker's looks whether the run is over."""


@contextmanager
def carried(function: Callable[..., Any], pool: Any) -> Iterator[Callable[..., Any]]:
    """Yield what to call in the place of a function: itself, or by a file while the context lasts.

    Parameters
    ----------
    pool : joblib.Parallel
        By its backend it is known whether workers are processes of this machine. Threads share the
        function, and other backends have their own ways of sending it.

    Raises
    ------
    ValueError
        When it holds a table of polars and workers would be forked.
    """
    _refuse_forked_polars(function, pool)
    folder = _carried_in(function, pool)
    if folder is None:
        yield function
        return
    try:
        yield partial(_call, str(folder))
    finally:
        _remove(folder)


def _refuse_forked_polars(function: Callable[..., Any], pool: Any) -> None:
    """Refuse what would never end: a fork leaves behind the threads that polars waits for."""
    pools = isinstance(pool._backend, BACKENDS.get("multiprocessing", ()))
    forks = pools and multiprocessing.get_start_method() == "fork"
    if forks and "polars" in sys.modules and holds_polars(function):
        raise ValueError(
            "joblib's backend must be 'loky' or 'threading' for tables of polars, which hangs in "
            "processes that were forked; got 'multiprocessing', whose start method is 'fork' "
            "(multiprocessing.set_start_method changes it)."
        )


def _carried_in(function: Callable[..., Any], pool: Any) -> Path | None:
    """The folder that holds the function; None where it is to be sent as it is."""
    pickler, settings = _pickler_of(pool._backend), _settings_of(pool)
    if pickler is None or settings.get("max_nbytes", 0) is None:  # nothing is to be mapped
        return None
    fault: Exception | None = None
    for root in _roots(settings.get("temp_folder")):
        try:
            return _written(function, root, pickler)
        except OSError as error:  # no room, or no right to write there
            fault = error
        except Exception:  # joblib says better what cannot be pickled
            return None
    warnings.warn(
        f"tables could not be laid out for worker processes, and are sent to them with every task: "
        f"{fault}. Name a folder that has room: joblib.parallel_config(temp_folder=...).",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


def _pickler_of(backend: Any) -> Any:
    """What tasks of a backend are pickled with; None where it does not start processes here."""
    if isinstance(backend, BACKENDS.get("loky", ())):
        return get_loky_pickler()._loky_pickler_cls
    return pickle.Pickler if isinstance(backend, BACKENDS.get("multiprocessing", ())) else None


def _settings_of(pool: Any) -> dict[str, Any]:
    """What joblib was told of its maps; it was called otherwise before joblib 1.5."""
    known = vars(pool)
    return known.get("_backend_kwargs") or known.get("_backend_args") or {}


def _roots(named: str | None) -> list[str]:
    """Folders to try, as joblib does: the one that was named, or else shared memory and a disk."""
    named = named or os.environ.get("JOBLIB_TEMP_FOLDER")
    if named:
        return [os.path.abspath(os.path.expanduser(named))]
    roomy = False
    with suppress(OSError, AttributeError):  # Windows has neither
        found = os.statvfs(SHARED_MEMORY)
        roomy = found.f_bsize * found.f_bavail > ROOM
    return [*([SHARED_MEMORY] if roomy else []), tempfile.gettempdir()]


def _written(function: Callable[..., Any], root: str, pickler: Any) -> Path:
    os.makedirs(root, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"joblib_ensembles_{os.getpid()}_", dir=root))
    try:
        resource_tracker.register(str(folder), "folder")  # removes it should we be killed
        write(function, folder, pickler)
    except BaseException:
        _remove(folder)
        raise
    return folder


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():  # Windows cannot remove what is mapped, and leaves it to the tracker
        resource_tracker.unregister(str(folder), "folder")


# ---------------------------------------------------------------------------------------------
# In the worker

_KEPT: dict[str, Callable[..., Any]] = {}


def _call(folder: str, *arguments: Any) -> Any:
    return _function_in(folder)(*arguments)


def _function_in(folder: str) -> Callable[..., Any]:
    if folder in _KEPT:
        return _KEPT[folder]
    function: Callable[..., Any] = read(Path(folder))
    if n_bytes(Path(folder)) <= KEPT:
        _KEPT[folder] = function
        threading.Thread(target=_forget_after_run, args=(folder,), daemon=True).start()
    return function


def _forget_after_run(folder: str) -> None:
    while os.path.exists(folder):
        sleep(LOOK)
    _KEPT.pop(folder, None)
