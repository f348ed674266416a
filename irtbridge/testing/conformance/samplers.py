"""Draws, and the posterior that they are of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from irtbridge.inference.gibbs import GibbsSettings
from irtbridge.inference.nuts import NutsSettings
from irtbridge.inference.vi import ViSettings
from irtbridge.model import catalogue as models
from irtbridge.results.quiet_arviz import az
from irtbridge.testing.conformance.base import OneBackend
from irtbridge.testing.conformance.checks import labelled, means_are_the_references
from irtbridge.testing.conformance.prepared import SHORT, small_reference, small_responses


class Samplers(OneBackend):
    """Draws, and the posterior that they are of."""

    def test_nuts_keeps_the_draws_contract(self) -> None:
        self.need("nuts")
        program, draws = self.run_nuts()
        assert draws.z.shape == (2, SHORT.draws, program.dim)
        assert draws.z.dtype == np.float64
        assert draws.chain_method in ("sequential", "processes", "batched")
        assert {"diverging", "acceptance_rate", "step_size", "n_steps"} <= set(draws.stats)
        assert all(np.shape(value) == (2, SHORT.draws) for value in draws.stats.values())
        assert min(draws.timings.warmup, draws.timings.sampling) > 0
        accepted = np.asarray(draws.stats["acceptance_rate"])
        assert accepted.min() >= 0
        assert accepted.max() <= 1 + 1e-6
        idata = labelled(program, draws, {})
        assert dict(idata.posterior.sizes) == {"chain": 2, "draw": SHORT.draws, "person": 60, "item": 4}

    def test_nuts_draws_from_the_posterior(self) -> None:
        """Two-sided z-tests of 8 posterior means; Bonferroni at 1e-4, so one in 10,000 right samplers would fail."""
        self.need("nuts")
        program, draws = self.run_nuts()
        posterior = labelled(program, draws, {}).posterior[["discrimination", "difficulty"]]
        assert float(az.ess(posterior).to_array().min()) > 100
        means_are_the_references(program, draws, 4.4)

    def test_same_seed_same_draws(self) -> None:
        self.need("nuts")
        program, _ = self.run_nuts()
        settings = NutsSettings(chains=2, warmup=10, draws=10)
        first, again, other = (program.nuts(settings, seed).z for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)

    def test_nuts_goes_on_with_what_it_has_adapted_to(self) -> None:
        self.need("nuts")
        program, draws = self.run_nuts()
        if draws.adaptation is None:
            pytest.skip(f"{self.backend} does not keep what its chains have adapted to")
        more = program.resume_nuts(replace(SHORT, draws=10), draws.kept_adaptation, 4)
        assert more.z.shape == (2, 10, program.dim)
        assert more.adaptation is not None
        np.testing.assert_allclose(more.stats["step_size"], np.asarray(draws.stats["step_size"])[:, -1:].repeat(10, 1))
        again = program.resume_nuts(replace(SHORT, draws=10), draws.kept_adaptation, 4)
        np.testing.assert_array_equal(again.z, more.z)

    def test_gibbs_keeps_the_draws_contract(self) -> None:
        self.need("gibbs")
        program = self.load().compile(models.two_pl(), small_responses(), device=self.device)
        settings = GibbsSettings(chains=2, adapt=20, warmup=10, draws=10, thin=2)
        draws, again, other = (program.gibbs(settings, seed) for seed in (1, 1, 2))
        np.testing.assert_array_equal(draws.z, again.z)
        assert not np.array_equal(draws.z, other.z)
        assert draws.z.shape == (2, 10, program.dim)
        assert draws.z.dtype == np.float64
        assert draws.chain_method in ("sequential", "processes", "batched")
        assert all(np.shape(value) == (2, 10) for value in draws.stats.values())
        assert min(draws.timings.warmup, draws.timings.sampling) > 0
        if draws.adaptation is not None:
            more, same = (program.resume_gibbs(replace(settings, draws=4), draws.kept_adaptation, 4) for _ in "ab")
            assert more.z.shape == (2, 4, program.dim)
            np.testing.assert_array_equal(same.z, more.z)

    def test_gibbs_draws_from_the_posterior(self) -> None:
        """As for NUTS: z-tests of 8 posterior means, Bonferroni at 1e-4."""
        self.need("gibbs")
        program = self.load().compile(models.two_pl(), small_responses(), device=self.device)
        draws = program.gibbs(GibbsSettings(chains=2, adapt=500, warmup=200, draws=3000), 3)
        means_are_the_references(program, draws, 4.4)

    def test_vi_keeps_the_draws_contract(self) -> None:
        """The ELBO rises, and is that of the draws; means lie within 0.75 posterior SD of the reference.

        One draw's log density ratio has a standard deviation of at most 6 (half of 68 coordinates have variance 1), so
        the mean of 200 lies within 2.5 but for one in a million.
        """
        self.need("vi")
        program, _ = self.run_nuts()
        settings = ViSettings(steps=1500, draws=500)
        draws, again = program.vi(settings, 4), program.vi(settings, 4)
        np.testing.assert_array_equal(draws.z, again.z)
        assert draws.z.shape == (1, 500, program.dim)
        assert (draws.ess, draws.chain_method) == (500, "independent")
        assert draws.elbo is not None
        assert draws.elbo.shape == (1500,)
        assert draws.elbo[-100:].mean() > draws.elbo[:100].mean()
        if draws.log_q is not None:
            gap = program.value(draws.z[0]) - draws.log_q[0]
            assert abs(gap.mean() - draws.elbo[-200:].mean()) < 2.5
        reference, params = small_reference(), program.constrain(draws.z[0])
        for name in ("discrimination", "difficulty"):
            distance = (params[name].mean(axis=0) - reference.mean[name]) / reference.sd[name]
            assert np.abs(distance).max() < 0.75, (name, distance)
