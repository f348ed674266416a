"""How long a csv takes to read and check, beside pandas alone: ``python -m benchmarks.reading``.

With ``persons=100000``, ``items=100``, ``repeats=5``, ``seed=1``. Processor seconds, the least of some repeats.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.words import print_study
from irtbridge.data.load import load_responses

DEFAULTS: dict[str, Any] = {"persons": 100_000, "items": 100, "repeats": 5, "seed": 1}


def compare(settings: dict[str, Any]) -> pd.DataFrame:
    """Seconds of `pandas.read_csv` and `load_responses`, and their ratio."""
    codes = np.random.default_rng(settings["seed"]).integers(2, size=(settings["persons"], settings["items"]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "responses.csv"
        pd.DataFrame(codes).add_prefix("item").to_csv(path, index=False)
        alone = _least(lambda: pd.read_csv(path), settings["repeats"])
        whole = _least(lambda: load_responses(path), settings["repeats"])
    return pd.DataFrame({"pandas": [alone], "load_responses": [whole], "ratio": [whole / alone]})


def _least(read: Callable[[], object], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        read()
        seconds.append(time.process_time() - start)
    return min(seconds)


def main(words: Sequence[str]) -> int:
    """Measure and print."""
    return print_study(compare, words, DEFAULTS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
