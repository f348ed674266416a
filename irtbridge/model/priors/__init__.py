"""The prior vocabulary: what each prior means, its log density and a sampler, in NumPy and SciPy.

A prior's argument is a number, an array, the name of another variable of the same spec (then the model is
hierarchical), or a linear predictor of covariates. The functions here are the reference that every backend is held to.
"""

from irtbridge.model.priors.base import Argument, Prior
from irtbridge.model.priors.correlations import LKJCholesky
from irtbridge.model.priors.elementwise import Beta, Gamma, HalfNormal, LogNormal, Normal, TruncatedNormal, Uniform
from irtbridge.model.priors.exactly import Exactly
from irtbridge.model.priors.predictor import Predictor
from irtbridge.model.priors.reading import PRIORS, as_prior
from irtbridge.model.priors.vectors import MAX_TRIES, DecreasingNormal, MultivariateNormal, OrderedNormal, increasing

__all__ = [
    "MAX_TRIES",
    "PRIORS",
    "Argument",
    "Beta",
    "DecreasingNormal",
    "Exactly",
    "Gamma",
    "HalfNormal",
    "LKJCholesky",
    "LogNormal",
    "MultivariateNormal",
    "Normal",
    "OrderedNormal",
    "Predictor",
    "Prior",
    "TruncatedNormal",
    "Uniform",
    "as_prior",
    "increasing",
]
