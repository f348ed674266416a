"""Several data sets at once."""

from __future__ import annotations

import numpy as np
import pytest

from irtbridge.data.responses import Responses
from irtbridge.inference.vi import ViSettings
from irtbridge.plugin.stack import Stackable
from irtbridge.testing.conformance.base import OneBackend
from irtbridge.testing.conformance.checks import means_are_the_references
from irtbridge.testing.conformance.prepared import SHORT, small_responses


def _with_one_missing(responses: Responses) -> Responses:
    codes = responses.values.copy()
    codes[0, 0] = -1
    return Responses.from_codes(codes, n_categories=responses.n_categories)


class Stacks(OneBackend):
    """Several data sets at once."""

    def need_stack(self, what: str) -> None:
        """Leave a test out where the backend does not compute `what` for several data sets at once."""
        if what not in self.load().stacks:
            pytest.skip(f"{self.backend} does not stack {what}")

    @pytest.mark.parametrize("particles", [1, 3])
    def test_stacked_vi_is_vi_of_each(self, particles: int) -> None:
        self.need_stack("vi")
        program, _ = self.run_nuts()
        programs = [program, program.bind(_with_one_missing(small_responses()))]
        settings = ViSettings(steps=50, draws=20, particles=particles)
        assert isinstance(program, Stackable)
        stacked = program.stack(programs).vi(settings, [4, 5])
        for one, draws, seed in zip(programs, stacked, (4, 5), strict=True):
            alone = one.vi(settings, seed)
            for name in ("z", "log_q", "elbo"):
                np.testing.assert_allclose(getattr(draws, name), getattr(alone, name), rtol=1e-6, atol=1e-8)

    def test_stacked_nuts_draws_from_each_posterior(self) -> None:
        """As for NUTS alone: z-tests of 8 posterior means for each of two data sets, Bonferroni at 1e-4."""
        self.need_stack("nuts")
        program, _ = self.run_nuts()
        first = small_responses()
        other = Responses.from_codes(np.where(first.observed, 1 - first.values, -1), n_categories=first.n_categories)
        programs = [program, program.bind(other)]
        assert isinstance(program, Stackable)
        stacked = program.stack(programs).nuts(SHORT, [3, 4])
        for one, draws in zip(programs, stacked, strict=True):
            assert draws.z.shape == (2, SHORT.draws, program.dim)
            assert all(np.shape(value) == (2, SHORT.draws) for value in draws.stats.values())
            means_are_the_references(one, draws, 4.5)
