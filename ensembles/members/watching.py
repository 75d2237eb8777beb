"""End a worker process soon after the one that it works for."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from functools import cache
from time import sleep
from typing import Any

WATCH = 1.0
"""Seconds between a worker's looks after its parent."""


def under_watch(caller: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Do a piece of work for the process ``caller``, and end with it where it is the parent."""
    if os.name == "posix" and os.getpid() != caller:
        _end_with(caller, os.getpid())
    return function(*arguments)


@cache
def _end_with(caller: int, process: int) -> None:
    """Let this worker process end soon after the one that started it, once and for all.

    A parent that is killed cannot tell joblib's workers to stop: they would work on what they have,
    and then wait for more. Processes that something else started, such as dask, are left alone. A
    thread asks, since the system's own signal (PR_SET_PDEATHSIG) comes already when that thread of
    the parent ends which happened to start the worker.
    """
    worker = multiprocessing.current_process()
    of_loky = "loky" in type(worker).__module__  # whose parent, if it is not the caller, has died
    of_pool = "PoolWorker" in worker.name and os.getppid() == caller
    if of_loky or of_pool:
        threading.Thread(target=_wait_for_end_of, args=(caller,), daemon=True).start()


def _wait_for_end_of(parent: int) -> None:
    while os.getppid() == parent:
        sleep(WATCH)
    os._exit(1)
