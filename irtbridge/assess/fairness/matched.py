"""Groups of matched persons: counts of categories by stratum and group, and what says that one group does better."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Matched:
    """Responses to one item of two groups whose persons are matched by a score.

    Attributes
    ----------
    counts : ndarray, shape (stratum, group, category)
        The reference group, then the focal one; strata in which either is empty are left out.
    """

    counts: Array

    @classmethod
    def of(cls, scores: Array, focal: NDArray[np.bool_], codes: NDArray[np.int64], weights: Array) -> Matched:
        """From persons: matching score, whether of the focal group, category and how many each stands for."""
        values, stratum = np.unique(scores, return_inverse=True)
        counts = np.zeros((len(values), 2, int(codes.max()) + 1))
        np.add.at(counts, (stratum, focal.astype(int), codes), weights)
        return cls(counts[counts.sum(axis=2).min(axis=1) > 0])

    @property
    def totals(self) -> Array:
        """Persons, shape (stratum, group)."""
        return np.asarray(self.counts.sum(axis=2))

    @property
    def means(self) -> Array:
        """Mean category code, shape (stratum, group)."""
        return np.asarray(self.counts @ np.arange(self.counts.shape[2]) / self.totals)

    def chi2(self, correct: bool) -> float:
        """Mantel's (1963) chi-squared of one degree of freedom; of two categories that of Mantel & Haenszel (1959).

        Parameters
        ----------
        correct : bool
            Subtract 1/2 from the difference, for continuity.
        """
        codes, n = np.arange(self.counts.shape[2]), self.totals
        everybody, size = self.counts.sum(axis=1), n.sum(axis=1)
        mean, square = everybody @ codes / size, everybody @ codes**2 / size
        difference = np.sum(n[:, 0] * (self.means[:, 0] - mean))
        variance = np.sum(n[:, 0] * n[:, 1] * (square - mean**2) / np.maximum(size - 1, 1))
        away = max(0.0, abs(difference) - 0.5) if correct else difference
        return float(away**2 / variance) if variance > 0 else float("nan")

    def nominal_chi2(self) -> tuple[float, int]:
        """Generalised Mantel-Haenszel chi-squared for categories without an order (Somes 1986), and its df."""
        n, everybody = self.totals, self.counts.sum(axis=1)
        size = n.sum(axis=1)
        expected = n[:, :1] * everybody / size[:, None]
        share = everybody / size[:, None]
        spread = np.einsum("sk,kl->skl", share, np.eye(share.shape[1])) - np.einsum("sk,sl->skl", share, share)
        factor = n[:, 0] * n[:, 1] / np.maximum(size - 1, 1)
        variance = np.einsum("s,skl->kl", factor, spread)
        difference = np.sum(self.counts[:, 0] - expected, axis=0)
        df = int(np.count_nonzero(everybody.sum(axis=0))) - 1
        return float(difference @ np.linalg.pinv(variance) @ difference), df

    def log_odds(self) -> tuple[float, float]:
        """Common log odds ratio of higher categories, reference to focal, and its standard error.

        Of two categories Mantel & Haenszel's, with the variance of Robins, Breslow & Greenland (1986), which is that of
        Phillips & Holland (1987); of more Liu & Agresti's (1996) of all cumulative odds, with the variance of the pairs
        of persons that it sums over.
        """
        k, size = self.counts.shape[2], self.totals.sum(axis=1)
        more = np.maximum(np.subtract.outer(np.arange(k), np.arange(k)), 0)  # by how many steps the first is higher
        up = np.einsum("sk,kl,sl->s", self.counts[:, 0], more, self.counts[:, 1]) / size
        down = np.einsum("sk,lk,sl->s", self.counts[:, 0], more, self.counts[:, 1]) / size
        if up.sum() == 0 or down.sum() == 0:
            return float("nan"), float("nan")
        ratio = up.sum() / down.sum()
        variance = self._two(up, down, ratio) if k == 2 else self._several(more - ratio * more.T)
        return float(np.log(ratio)), float(np.sqrt(variance) / up.sum())

    def _two(self, up: Array, down: Array, ratio: float) -> float:
        size = self.totals.sum(axis=1)
        agree = (self.counts[:, 0, 1] + self.counts[:, 1, 0]) / size
        return float(np.sum((up + ratio * down) * (agree + ratio * (1 - agree))) / 2)

    def _several(self, kernel: Array) -> float:
        """Variance of the sum of a kernel (category, category) over pairs of persons of one stratum, mean 0."""
        reference, focal = self.counts[:, 0], self.counts[:, 1]
        by_reference, by_focal = focal @ kernel.T, reference @ kernel
        twice = np.einsum("sk,kl,sl->s", reference, kernel**2, focal)
        each = np.sum(reference * by_reference**2, axis=1) + np.sum(focal * by_focal**2, axis=1) - twice
        return float(np.sum(each / self.totals.sum(axis=1) ** 2))

    def standardised(self) -> float:
        """Mean difference of codes, focal less reference, weighted as the focal group is (Dorans & Kulick 1986).

        Of two categories STD P-DIF, of more the standardised mean difference (Dorans & Schmitt 1991).
        """
        weights = self.totals[:, 1]
        return float(weights @ (self.means[:, 1] - self.means[:, 0]) / weights.sum())

    def breslow_day(self) -> tuple[float, int]:
        """Chi-squared of equal odds ratios in all strata (Breslow & Day 1980), of two categories, and its df."""
        odds = np.exp(self.log_odds()[0])
        right = self.counts[:, :, 1].sum(axis=1)
        open_ = (right > 0) & (right < self.totals.sum(axis=1))
        chi2, some = 0.0, int(open_.sum())
        for (reference, focal), of, wrong in zip(
            self.totals[open_], right[open_], self.counts[open_, 0, 1], strict=True
        ):
            at = _expected(odds, reference, focal, of)
            parts = np.array([at, reference - at, of - at, focal - of + at])
            chi2 += (wrong - at) ** 2 * np.sum(1 / parts)
        return float(chi2), some - 1

    def __len__(self) -> int:
        return len(self.counts)


def _expected(odds: float, reference: float, focal: float, right: float) -> float:
    """Right answers in the reference group of a stratum with this odds ratio and its margins."""
    low, high = max(0.0, right - focal), min(reference, right)

    def excess(at: float) -> float:
        return at * (focal - right + at) - odds * (reference - at) * (right - at)

    return float(optimize.brentq(excess, low, high))


def ets_class(log_odds: Array, se: Array) -> NDArray[np.str_]:
    """A (negligible), B or C (large), of Educational Testing Service (Zieky 1993), by delta = -2.35 log odds.

    C: delta is 1.5 or more in size, and significantly more than 1; A: less than 1, or not significantly other than 0;
    at 5 %. Empty where there is no odds ratio.
    """
    delta, error = 2.35 * np.abs(log_odds), 2.35 * se
    large = (delta >= 1.5) & ((delta - 1) / error > stats.norm.ppf(0.95))
    small = (delta < 1) | (delta / error < stats.norm.ppf(0.975))
    return np.where(np.isnan(delta), "", np.where(large, "C", np.where(small, "A", "B")))
