"""Responses as a file for another process: NumPy's npz without pickle, in which labels of any text stay as they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from irtbridge.data.files import write_atomic
from irtbridge.data.kinds import CATEGORIES
from irtbridge.data.responses import Responses


def write_responses(path: Path, responses: Responses) -> Path:
    """Write responses, with all that belongs to them, whole or not at all.

    Parameters
    ----------
    path : Path
        Ends in ``.npz``.
    responses : Responses
        What is written.

    Raises
    ------
    ResultsError
        The path cannot be written.
    """
    values = responses.values
    if responses.kind == CATEGORIES:
        values = values.astype(np.min_scalar_type(-responses.max_categories))
    others = responses.described() | {"notes": list(responses.notes)}
    # NumPy's own text cuts zero characters off at the end.
    text = np.frombuffer(json.dumps(others).encode(), np.uint8)
    return write_atomic(path, lambda target: np.savez(target, values=values, others=text))


def read_responses(path: Path) -> Responses:
    """Read responses from a file of `write_responses`."""
    with np.load(path, allow_pickle=False) as stored:
        return Responses.from_dict(json.loads(stored["others"].tobytes()) | {"values": stored["values"]})
