"""What rules share that restrict another rule's choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from irtbridge.adaptive.pool import Pool
from irtbridge.adaptive.selection.base import SELECTIONS, Selection, build_selection
from irtbridge.adaptive.state import Ints, State
from irtbridge.errors import ConfigError, Unsupported


@dataclass(frozen=True)
class Wrapping(Selection):
    """A rule that restricts what another one gives.

    Parameters
    ----------
    rule : str or Selection
        That scores the items.
    """

    rule: str | Selection = "max_info"

    def __post_init__(self) -> None:
        object.__setattr__(self, "rule", build_selection(self.rule))

    @property
    def inner(self) -> Selection:
        """The rule that scores the items."""
        return build_selection(self.rule)

    def scores(self, pool: Pool, state: State) -> Any:
        return self.inner.scores(pool, state)

    def best(self, pool: Pool, state: State, scores: Any) -> Ints:
        return self.inner.best(pool, state, scores)

    def check(self, pool: Pool) -> None:
        if type(self).best is not Wrapping.best and _chooses(self.inner):
            raise ConfigError(
                f"{self.name} chooses by the scores of its rule, and {self.inner.name} chooses otherwise; take "
                "rule='max_info', say."
            )
        self.inner.check(pool)

    def admit(self, pool: Pool, state: State) -> None:
        self.inner.admit(pool, state)


def check_portable(rule: Selection, backend: str) -> None:
    """Raise `Unsupported` where a rule, or one that it wraps, computes with NumPy's functions alone; names the others.

    Parameters
    ----------
    rule : Selection
    backend : str
        Whose arrays it would be given.
    """
    if not rule.portable:
        able = (name for name, each in sorted(SELECTIONS.items()) if each.portable)
        raise Unsupported(
            backend, f"selection={rule.name!r} (it has {', '.join(able)})", ("NumPy, which is without backend=",)
        )
    if isinstance(rule, Wrapping):
        check_portable(rule.inner, backend)


def _chooses(rule: Selection) -> bool:
    """Whether a rule chooses otherwise than by the largest score."""
    if isinstance(rule, Wrapping) and type(rule).best is Wrapping.best:
        return _chooses(rule.inner)
    return type(rule).best is not Selection.best
