"""Random search: independent draws that depend only on (seed, trial, parameter name).

Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012).
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

from trimtab.apis.v1alpha1.search import Search, SearchParameter


def suggest(search: Search, *, seed: int, index: int) -> dict[str, str]:
    """Values of trial ``index`` (from 1), as the texts that args and params.json get.

    The draw of one parameter does not depend on the others, so adding a dimension leaves the rest as it was.
    """
    return {p.name: _draw(p, _generator(seed, index, p.name)) for p in search.parameters}


def _generator(seed: int, index: int, name: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}/{index}/{name}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def _draw(parameter: SearchParameter, generator: np.random.Generator) -> str:
    if parameter.type == "categorical":
        return parameter.values[int(generator.integers(len(parameter.values)))]
    low, high = float(parameter.min or "0"), float(parameter.max or "0")
    if parameter.type == "int":
        return str(_draw_int(int(low), int(high), parameter.scale == "log", generator))
    return _shown(_draw_double(low, high, parameter.scale == "log", generator), low, high)


def _shown(value: float, low: float, high: float) -> str:
    """Nine digits are enough for a search, but rounding may not leave the range."""
    text = f"{value:.9g}"
    return text if low <= float(text) <= high else repr(value)


def _draw_double(low: float, high: float, log: bool, generator: np.random.Generator) -> float:
    if log:
        value = math.exp(generator.uniform(math.log(low), math.log(high)))
    else:
        value = float(generator.uniform(low, high))
    return min(high, max(low, value))


def _draw_int(low: int, high: int, log: bool, generator: np.random.Generator) -> int:
    """Uniform over the integers; on a log scale each integer gets the mass of [k - 0.5, k + 0.5)."""
    if not log:
        return int(generator.integers(low, high + 1))
    return min(high, max(low, round(_draw_double(max(0.5, low - 0.5), high + 0.5, True, generator))))
