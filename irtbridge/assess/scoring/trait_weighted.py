"""WLE of several traits: where the score function, less the bias of order 1/n of its root, is 0.

Items depend on the abilities through ``u_j = D a_j . theta``. With ``I = sum_j I_j a_j a_j'`` Firth's (1993) modified
score function is::

    g = l' + 1/2 sum_j J_j (a_j' I^-1 a_j) a_j,    I_j = sum_k P_k'^2 / P_k,    J_j = sum_k P_k' P_k'' / P_k

derivatives by u_j. Of one trait it is Warm's (1989), of several Wang's (2015); where log odds are linear in the
abilities it is the derivative of ``l + 1/2 log det I``, the likelihood times Jeffreys' prior.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from irtbridge.assess.scoring.score_function import OFFSETS, STEP, check_weighted, information_and_third
from irtbridge.assess.scoring.trait_scores import Target, climb, reported, targets
from irtbridge.data.responses import Responses
from irtbridge.model.layout import Layout

Array = NDArray[np.float64]
MOST_STEPS, LONGEST, CONVERGED = 50, 0.5, 1e-9  # of Newton's method; a step is at most half a unit of each ability


def trait_weighted(layout: Layout, params: Mapping[str, Array], responses: Responses) -> tuple[Array, Array]:
    """As `point_scores`, of several traits: WLE and its standard error, shape (person, trait).

    Raises
    ------
    StatisticError
        Responses are numbers.
    """
    check_weighted(layout)
    parts = []
    starts = targets(layout, params, responses, prior=True)
    for start, target in zip(starts, targets(layout, params, responses, prior=False), strict=True):
        at = climb(start)[0]
        parts.append(reported(target, *_root(target, at), unbounded=True))
    score, se = map(np.concatenate, zip(*parts, strict=True))
    return score, se


def modified_score(target: Target, abilities: Array) -> Array:
    """The function g (person, trait)."""
    slopes, answered = target.slopes, target.values != -1
    each = np.stack([target.log_probs(abilities, k * STEP) for k in OFFSETS], axis=1)
    information, third = (np.where(answered, part, 0.0) for part in information_and_third(each))
    inverse = np.linalg.pinv(np.einsum("ni,ia,ib->nab", information, slopes, slopes, optimize=True), hermitian=True)
    leverage = np.einsum("ia,nab,ib->ni", slopes, inverse, slopes, optimize=True)
    return np.asarray(target.derivatives(abilities)[1] + 0.5 * (third * leverage) @ slopes)


def _root(target: Target, at: Array) -> tuple[Array, Array]:
    """Where g is 0, and minus its derivatives there, by Newton's method; steps are halved where g grows."""
    value, curvature = _with_derivatives(target, at)
    share = np.ones(len(at))
    for _ in range(MOST_STEPS):
        step = np.einsum("nab,nb->na", np.linalg.pinv(curvature), value)
        step *= (share * LONGEST / np.maximum(np.abs(step).max(axis=1), LONGEST))[:, None]
        tried = at + step
        if np.abs(step).max() < CONVERGED:
            break
        there = _with_derivatives(target, tried)
        nearer = np.linalg.norm(there[0], axis=1) <= np.linalg.norm(value, axis=1)
        at = np.where(nearer[:, None], tried, at)
        value = np.where(nearer[:, None], there[0], value)
        curvature = np.where(nearer[:, None, None], there[1], curvature)
        share = np.where(nearer, np.minimum(1.0, 2 * share), share / 4)
    return at, curvature


def _with_derivatives(target: Target, at: Array) -> tuple[Array, Array]:
    """The function g (person, trait), and minus its derivatives (person, trait, trait)."""
    units = STEP * np.eye(at.shape[1])
    columns = [(modified_score(target, at - unit) - modified_score(target, at + unit)) / (2 * STEP) for unit in units]
    return modified_score(target, at), np.stack(columns, axis=-1)
