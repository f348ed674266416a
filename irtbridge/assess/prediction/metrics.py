"""How good predictions of held-out responses are, over plain arrays.

Of categories a prediction is a probability for each, of numbers their mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
TINY = 1e-15  # the least probability that a logarithm is taken of, as in scikit-learn's log_loss before 1.5


def category_metrics(codes: Codes, probs: Array) -> dict[str, float]:
    """Metrics of predicted categories.

    Parameters
    ----------
    codes : ndarray of int, shape (entry,)
        The responses.
    probs : ndarray, shape (entry, category)
        Their predicted probabilities; 0 where an item lacks the category.

    Returns
    -------
    dict
        ``auc``: area under the receiver operating characteristic, of two categories; of more, and where all responses
        are alike, NaN. ``log_loss``: mean of - log p(response). ``brier``: mean of half the squared distance of the
        probabilities from the response (Brier 1950), which is (p - y)^2 of two categories. ``accuracy``: share of
        responses in their most probable category. ``rmse``: of the expected code. ``slope`` and ``intercept`` of
        calibration (Cox 1958): logistic regression of the response on the log odds of its prediction, 1 and 0 where
        predictions mean what they say, slope below 1 where they are too extreme; of more than two categories, of
        whether the code is k or greater, for all k together.
    """
    from sklearn.metrics import accuracy_score, roc_auc_score

    own = np.take_along_axis(probs, codes[:, None], axis=1)[:, 0]
    indicators = codes[:, None] == np.arange(probs.shape[1])
    both = probs.shape[1] == 2 and len(np.unique(codes)) == 2
    return {
        "auc": float(roc_auc_score(codes, probs[:, 1])) if both else float("nan"),
        "log_loss": float(-np.log(np.maximum(own, TINY)).mean()),
        "brier": float(np.sum((probs - indicators) ** 2, axis=1).mean() / 2),
        "accuracy": float(accuracy_score(codes, probs.argmax(axis=1))),
        **number_metrics(codes.astype(float), probs @ np.arange(probs.shape[1])),
        **calibration(*_cumulative(codes, probs)),
    }


def number_metrics(values: Array, mean: Array) -> dict[str, float]:
    """Root mean squared error of predicted means, ``rmse``."""
    return {"rmse": float(np.sqrt(np.mean((values - mean) ** 2)))}


def calibration(events: NDArray[np.bool_], probs: Array) -> dict[str, float]:
    """Slope and intercept of a logistic regression of events on the log odds of their predictions (Cox 1958).

    NaN where it has none: all events alike, or told apart without error.
    """
    from sklearn.linear_model import LogisticRegression

    log_odds = special.logit(np.clip(probs, TINY, 1 - 1e-12))
    inside = (log_odds[events], log_odds[~events])
    apart = not all(map(len, inside)) or inside[0].min() >= inside[1].max() or inside[0].max() <= inside[1].min()
    if apart:
        return {"slope": float("nan"), "intercept": float("nan")}
    found = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(log_odds[:, None], events)
    return {"slope": float(found.coef_[0, 0]), "intercept": float(found.intercept_[0])}


def coverage(observed: Array, lower: Array, upper: Array) -> float:
    """Share of what was observed that lies in its interval; NaN of nothing."""
    return float(np.mean((observed >= lower) & (observed <= upper))) if len(observed) else float("nan")


def _cumulative(codes: Codes, probs: Array) -> tuple[NDArray[np.bool_], Array]:
    """Whether each code is k or greater, and its probability, for all k that an item has."""
    at_least = np.cumsum(probs[:, :0:-1], axis=1)[:, ::-1]
    there = probs[:, 1:] > 0
    events = codes[:, None] >= np.arange(1, probs.shape[1])
    return events[there], np.minimum(at_least[there], 1.0)
