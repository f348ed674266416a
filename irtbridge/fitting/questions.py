"""What is asked of a fit: a method for each question, which hands on to the room `irtbridge.assess`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from irtbridge.assess import person_fit
from irtbridge.assess.comparison import compare
from irtbridge.assess.curves import curves
from irtbridge.assess.factors.rotation import Rotation, rotated
from irtbridge.assess.fairness.person_groups import Group
from irtbridge.assess.items import item_fit, local_dependence, overall_fit, score_groups
from irtbridge.assess.items.andersen import Andersen, andersen
from irtbridge.assess.plots import Plots
from irtbridge.assess.posterior import Posterior
from irtbridge.assess.predict import DRAWS, Statistic
from irtbridge.assess.prediction.responses import predict_responses
from irtbridge.assess.predictive_check import predictive_check
from irtbridge.assess.scoring.reliability import conditional_se, reliability
from irtbridge.assess.scoring.scores import scores
from irtbridge.data.labels import Label
from irtbridge.fitting.dif import dif
from irtbridge.report.page import write_report
from irtbridge.results.quiet_arviz import az


class Questions:
    """The questions of a `Fit`, over what it has: its posterior, its labelled draws, its table of items."""

    idata: az.InferenceData
    provenance: dict[str, Any]

    @cached_property
    @abstractmethod
    def posterior(self) -> Posterior:
        """Draws of item parameters and abilities as arrays."""

    @abstractmethod
    def items(self, *, tidy: bool = False) -> pd.DataFrame:
        """One row per item; columns (parameter, statistic)."""

    def scores(self, data: Any = None, method: str = "eap", **options: Any) -> pd.DataFrame:
        """Abilities and standard errors of persons fitted or new; see `irtbridge.assess.scoring.scores.scores`."""
        return scores(self.posterior, data, method, **options)

    def rotate(self, method: str = "varimax", **options: Any) -> Rotation:
        """Factors of a point estimate in a simple structure; see `irtbridge.assess.factors.rotation.rotate`."""
        return rotated(self.posterior, method, **options)

    def reliability(self, **options: Any) -> pd.DataFrame:
        """Marginal and empirical reliability, omega, alpha; see `irtbridge.assess.scoring.reliability.reliability`."""
        return reliability(self.posterior, **options)

    def conditional_se(self, abilities: Any = None, **options: Any) -> pd.DataFrame:
        """Standard error by ability; see `irtbridge.assess.scoring.reliability.conditional_se`."""
        return conditional_se(self.posterior, abilities, **options)

    @property
    def plot(self) -> Plots:
        """Figures: ``fit.plot.items("N1")``, ``.information()``, ``.wright_map()``, ``.trace("difficulty")``, ..."""
        return Plots(self)

    def curves(self, what: str, items: str | Sequence[str] | None = None, **options: Any) -> pd.DataFrame:
        """Curves over ability with their posterior intervals: how items work, where the test measures well.

        `what` is ``category``, ``cumulative``, ``score``, ``information``, ``test_score``, ``test_information`` or
        ``standard_error``; options are trait, ability, draws, level: see `irtbridge.assess.curves.curves`.
        """
        return curves(self.posterior, what, items, **options)

    def loo(self) -> az.ELPDData:
        """Expected log predictive density of a new person; see `irtbridge.assess.comparison.compare.loo`."""
        return compare.loo(self)

    def waic(self) -> az.ELPDData:
        """The same by the widely applicable information criterion; see `irtbridge.assess.comparison.compare.waic`."""
        return compare.waic(self)

    def dif(
        self,
        group: Group = None,
        method: str = "model",
        *,
        anchors: Sequence[str] | None = None,
        purify: bool = False,
        alpha: float = 0.05,
        linking: str = "stocking-lord",
        draws: int = 400,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Differential item functioning: is each item the same in every group?

        Parameters
        ----------
        group : str, Series or array_like, optional
            A column of the data's ``person_data``, or each person's group; by default the data's own. The first group
            is the reference, which each other one is held against.
        method : str
            ``model``: the model is fitted again, by `laplace`, to each group by itself, and the groups are put on one
            scale by `linking`, draw by draw; see `irtbridge.assess.fairness.item_differences` for the table. ``lr``:
            likelihood-ratio tests under flat priors, each item freed in turn while all others hold the scale, which
            takes a fit for each item. ``mantel-haenszel`` and ``logistic``, by observed scores: `irtbridge.dif`.
        anchors : sequence of str, optional
            Of ``model``: items that are the same in all groups and hold them on one scale, instead of linking.
        purify : bool
            Link, or match, by the items that are not flagged.
        alpha : float
            An item is flagged where p is below it.
        linking : str
            As in `irtbridge.link`.
        draws, seed : int
            Draws of the model's posterior, and their seed.

        Raises
        ------
        UnknownName
            There is no such method.
        StatisticError
            Fewer than two groups, several traits, or anchors that are none of the items or all; of ``lr`` and anchors,
            difficulties that follow from covariates of the items (LLTM).
        DataError
            In a group nobody gave a category of an item.
        """
        return dif(
            self.posterior,
            self.provenance,
            group,
            method,
            anchors=anchors,
            purify=purify,
            alpha=alpha,
            linking=linking,
            draws=draws,
            seed=seed,
        )

    def item_fit(
        self, statistics: str | Iterable[str] | None = None, *, draws: int = item_fit.DRAWS, seed: int = 0
    ) -> pd.DataFrame:
        """S-X2, infit, outfit and PV-Q1, a row for each item; see `irtbridge.assess.items.item_fit.item_fit`."""
        return item_fit.item_fit(self.posterior, statistics, draws, seed)

    def item_residuals(
        self, groups: int = score_groups.GROUPS, *, draws: int = score_groups.DRAWS, seed: int = 0
    ) -> pd.DataFrame:
        """Mean responses by item and score group; see `irtbridge.assess.items.score_groups.item_residuals`."""
        return score_groups.item_residuals(self.posterior, groups, draws, seed)

    def local_dependence(self, *, draws: int = local_dependence.DRAWS, seed: int = 0) -> pd.DataFrame:
        """Q3 and LD X2 by pair of items, worst first; see `irtbridge.assess.items.local_dependence`."""
        return local_dependence.local_dependence(self.posterior, draws, seed)

    def overall_fit(self, statistic: str = "C2") -> pd.DataFrame:
        """M2 or C2 with RMSEA, SRMSR, CFI and TLI; see `irtbridge.assess.items.overall_fit.overall_fit`."""
        return overall_fit.overall_fit(self.posterior, statistic)

    def andersen(self, split: Group = "mean") -> Andersen:
        """Andersen's test that the items are the same in all groups; see `irtbridge.andersen`."""
        return andersen(self.posterior.responses, split, self.posterior.spec)

    def person_fit(self, draws: int = person_fit.DRAWS, seed: int = 0, alpha: float = 0.05) -> pd.DataFrame:
        """Outfit, infit, Zh, lz* and predictive p-value of each person; see `irtbridge.assess.person_fit`."""
        return person_fit.person_fit(self.posterior, draws, seed, alpha)

    def predictive_check(
        self,
        statistic: str | Statistic = "item_sum",
        by: str | None = None,
        draws: int = DRAWS,
        seed: int = 0,
    ) -> pd.DataFrame:
        """A statistic of the data beside those of replicated data; see `irtbridge.assess.predictive_check`."""
        return predictive_check(self.posterior, statistic, by, draws, seed)

    def predict(
        self,
        persons: Label | Sequence[Label] | None = None,
        items: str | Sequence[str] | None = None,
        draws: int = DRAWS,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Predicted responses of persons to items; see `irtbridge.assess.prediction.responses.predict_responses`."""
        return predict_responses(self.posterior, persons, items, draws, seed)

    def report(self, path: str | Path, others: Mapping[str, Questions] | None = None) -> Path:
        """Write one self-contained HTML page about the fit; see `irtbridge.report.page.write_report`.

        Parameters
        ----------
        path : str or Path
            The page.
        others : mapping of str to Fit, optional
            Fits of the same model to the same data by other backends or methods, to stand beside it.
        """
        return write_report({"this fit": self, **(others or {})}, Path(path))
