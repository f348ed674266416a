"""Say a Bayesian item response model once; fit it with Pyro, TensorFlow Probability or your own backend.

>>> import irtbridge as irt
>>> print(irt.two_pl())
2pl
ability[person] ~ Normal(0, 1)
discrimination[item] ~ LogNormal(0, 0.5)
difficulty[item] ~ Normal(0, 2)
response[person, item] ~ binary(ability=ability, discrimination=discrimination, location=difficulty)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from irtbridge.adaptive.simulate import simulate_adaptive
    from irtbridge.adaptive.test import AdaptiveTest
    from irtbridge.assess.comparison.anova import anova
    from irtbridge.assess.comparison.compare import compare
    from irtbridge.assess.factors.parallel_analysis import parallel_analysis
    from irtbridge.assess.factors.rotation import Rotation, rotate
    from irtbridge.assess.fairness.dif import dif
    from irtbridge.assess.fairness.linking import Link, link
    from irtbridge.assess.items.andersen import andersen
    from irtbridge.bank.item_bank import ItemBank
    from irtbridge.calibration.calibrate import calibrate
    from irtbridge.data.hold_out import HoldOut, hold_out
    from irtbridge.data.load import load_dataset, load_responses
    from irtbridge.data.named import dataset_names
    from irtbridge.data.responses import Responses
    from irtbridge.errors import IRTBridgeError, IRTBridgeWarning, Unsupported
    from irtbridge.fitting import fit
    from irtbridge.fitting.cross_validation import cross_validate
    from irtbridge.fitting.fitted import Fit
    from irtbridge.fitting.generalization import evaluate
    from irtbridge.fitting.loading import load_fit
    from irtbridge.fitting.regularisation import RegularisationPath, regularisation_path
    from irtbridge.inference.gibbs import GibbsSettings
    from irtbridge.inference.nuts import NutsSettings
    from irtbridge.inference.vi import ViSettings
    from irtbridge.many import fit_many, seed_of
    from irtbridge.model.catalogue import (
        MODELS,
        beta_irt,
        bifactor,
        build_model,
        four_pl,
        generalized_partial_credit,
        graded,
        lfm,
        m2pl,
        nominal,
        one_pl,
        ordered_beta,
        partial_credit,
        poisson_counts,
        rating_scale,
        sequential,
        testlet,
        three_pl,
        two_pl,
    )
    from irtbridge.model.simulate import (
        simulate_parameters,
        simulate_parameters_like,
        simulate_responses,
        simulate_responses_like,
    )
    from irtbridge.model.spec import ModelSpec
    from irtbridge.model.variable import Variable
    from irtbridge.plugin.backend import Backend
    from irtbridge.plugin.entry_points import backend_names
    from irtbridge.plugin.loading import load_backend
    from irtbridge.plugin.program import Program
    from irtbridge.plugin.stack import Stack
    from irtbridge.results.check import Check
    from irtbridge.results.draws import Draws, Timings
    from irtbridge.results.verdict import Verdict

_HOME = {
    "adaptive.simulate": ("simulate_adaptive",),
    "adaptive.test": ("AdaptiveTest",),
    "assess.comparison.anova": ("anova",),
    "assess.comparison.compare": ("compare",),
    "assess.factors.parallel_analysis": ("parallel_analysis",),
    "assess.factors.rotation": ("Rotation", "rotate"),
    "assess.fairness.dif": ("dif",),
    "assess.fairness.linking": ("Link", "link"),
    "assess.items.andersen": ("andersen",),
    "calibration.calibrate": ("calibrate",),
    "bank.item_bank": ("ItemBank",),
    "data.hold_out": ("HoldOut", "hold_out"),
    "data.load": ("load_dataset", "load_responses"),
    "data.named": ("dataset_names",),
    "data.responses": ("Responses",),
    "errors": ("IRTBridgeError", "IRTBridgeWarning", "Unsupported"),
    "fitting": ("fit",),
    "fitting.cross_validation": ("cross_validate",),
    "fitting.fitted": ("Fit",),
    "fitting.generalization": ("evaluate",),
    "fitting.loading": ("load_fit",),
    "fitting.regularisation": ("RegularisationPath", "regularisation_path"),
    "inference.gibbs": ("GibbsSettings",),
    "inference.nuts": ("NutsSettings",),
    "inference.vi": ("ViSettings",),
    "many": ("fit_many", "seed_of"),
    "model.catalogue": (
        "MODELS",
        "bifactor",
        "beta_irt",
        "build_model",
        "four_pl",
        "generalized_partial_credit",
        "graded",
        "lfm",
        "m2pl",
        "nominal",
        "one_pl",
        "ordered_beta",
        "partial_credit",
        "poisson_counts",
        "rating_scale",
        "testlet",
        "sequential",
        "three_pl",
        "two_pl",
    ),
    "model.simulate": (
        "simulate_parameters",
        "simulate_parameters_like",
        "simulate_responses",
        "simulate_responses_like",
    ),
    "model.spec": ("ModelSpec",),
    "model.variable": ("Variable",),
    "plugin.backend": ("Backend",),
    "plugin.entry_points": ("backend_names",),
    "plugin.loading": ("load_backend",),
    "plugin.program": ("Program",),
    "plugin.stack": ("Stack",),
    "results.check": ("Check",),
    "results.draws": ("Draws", "Timings"),
    "results.verdict": ("Verdict",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "MODELS",
    "AdaptiveTest",
    "Backend",
    "Check",
    "Draws",
    "Fit",
    "GibbsSettings",
    "HoldOut",
    "IRTBridgeError",
    "IRTBridgeWarning",
    "ItemBank",
    "Link",
    "ModelSpec",
    "NutsSettings",
    "Program",
    "RegularisationPath",
    "Responses",
    "Rotation",
    "Stack",
    "Timings",
    "Unsupported",
    "Variable",
    "Verdict",
    "ViSettings",
    "andersen",
    "anova",
    "backend_names",
    "beta_irt",
    "bifactor",
    "build_model",
    "calibrate",
    "compare",
    "cross_validate",
    "dataset_names",
    "dif",
    "evaluate",
    "fit",
    "fit_many",
    "four_pl",
    "generalized_partial_credit",
    "graded",
    "hold_out",
    "lfm",
    "link",
    "load_backend",
    "load_dataset",
    "load_fit",
    "load_responses",
    "m2pl",
    "nominal",
    "one_pl",
    "ordered_beta",
    "parallel_analysis",
    "partial_credit",
    "poisson_counts",
    "rating_scale",
    "regularisation_path",
    "rotate",
    "seed_of",
    "sequential",
    "simulate_adaptive",
    "simulate_parameters",
    "simulate_parameters_like",
    "simulate_responses",
    "simulate_responses_like",
    "testlet",
    "three_pl",
    "two_pl",
]


def __getattr__(name: str) -> Any:
    # Loaded on first use: `irtbridge --help` must not wait for ArviZ and pandas.
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'irtbridge' has no attribute {name!r}")
    return getattr(import_module(f"irtbridge.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
