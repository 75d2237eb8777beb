"""Calling: XGBoost's answers by its documented C interface, without the Python before and after.

``Booster.inplace_predict`` tries ten kinds of tables, and makes a class to read each answer by: for
one row that takes as long as a hundred trees.
"""

from __future__ import annotations

import ctypes
import json
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xgboost.libpath import find_lib_path

__all__ = ["answers_of"]

TAKEN_AS_THEY_ARE = frozenset(map(np.dtype, ("float32", "float64", "int32", "int64")))
ONE_BLOCK = 64
"""Rows that XGBoost hands to one thread at a time."""


def answers_of(
    booster: Any, table: Any, margin: bool, n_rounds: int, missing: float
) -> NDArray[np.float32] | None:
    """Return what ``inplace_predict`` on the CPU would, to the bit.

    None where the table is no plain array, and where XGBoost fails, as it does for numbers that lie
    between two words: ``inplace_predict`` knows what to do, or says what is wrong.
    """
    if type(table) is not np.ndarray or table.dtype not in TAKEN_AS_THEY_ARE:
        return None
    shape, n_axes = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
    numbers = ctypes.POINTER(ctypes.c_float)()
    ask = _ask_alone if len(table) <= ONE_BLOCK else _predict()
    failed = ask(
        booster.handle,
        json.dumps(table.__array_interface__).encode(),
        _question(margin, n_rounds, missing),
        None,
        ctypes.byref(shape),
        ctypes.byref(n_axes),
        ctypes.byref(numbers),
    )
    return None if failed else _copied(numbers, shape[: n_axes.value])


def _ask_alone(*question: Any) -> int:
    """Ask without waking threads that would have nothing to do, and be waited for.

    OpenMP keeps their number for each thread that asks: nobody else's answers nor fits see it.
    """
    openmp = _openmp()
    if openmp is None:
        return int(_predict()(*question))
    number, set_number = openmp
    before = number()
    set_number(1)
    try:
        return int(_predict()(*question))
    finally:
        set_number(before)


@cache
def _openmp() -> tuple[Any, Any] | None:
    """Return how the library's own OpenMP tells and takes the number of threads, where in reach."""
    library = ctypes.PyDLL(find_lib_path()[0])
    try:
        return library.omp_get_max_threads, library.omp_set_num_threads
    except AttributeError:
        return None


@cache
def _predict() -> Any:
    """Return the function of the library that xgboost has loaded."""
    function = ctypes.CDLL(find_lib_path()[0]).XGBoosterPredictFromDense
    address, text = ctypes.c_void_p, ctypes.c_char_p
    function.argtypes = (address, text, text, address, address, address, address)
    return function


@lru_cache(maxsize=64)
def _question(margin: bool, n_rounds: int, missing: float) -> bytes:
    asked = {
        "type": int(margin),
        "training": False,
        "iteration_begin": 0,
        "iteration_end": n_rounds,
        "missing": missing,
        "strict_shape": False,
        "cache_id": 0,
    }
    return json.dumps(asked).encode()


def _copied(numbers: Any, shape: list[int]) -> NDArray[np.float32]:
    """Copy numbers out of a buffer that the thread's next question will overwrite."""
    answers = np.empty(shape, dtype=np.float32)
    ctypes.memmove(answers.ctypes.data, numbers, answers.nbytes)
    return answers
