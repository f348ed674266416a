"""Rules that choose the next item, one file each; `SELECTIONS` has them by name."""

from __future__ import annotations

from irtbridge.adaptive.selection.a_stratified import AStratified
from irtbridge.adaptive.selection.bandit import Bandit
from irtbridge.adaptive.selection.base import SELECTIONS, Selection, build_selection
from irtbridge.adaptive.selection.kl import KullbackLeibler
from irtbridge.adaptive.selection.max_info import MaxInfo
from irtbridge.adaptive.selection.mpwi import PosteriorWeighted
from irtbridge.adaptive.selection.random import Random
from irtbridge.adaptive.selection.randomesque import Randomesque
from irtbridge.adaptive.selection.shadow import Shadow
from irtbridge.adaptive.selection.sympson_hetter import SympsonHetter
from irtbridge.adaptive.selection.thompson import Thompson

__all__ = [
    "SELECTIONS",
    "AStratified",
    "Bandit",
    "KullbackLeibler",
    "MaxInfo",
    "PosteriorWeighted",
    "Random",
    "Randomesque",
    "Selection",
    "Shadow",
    "SympsonHetter",
    "Thompson",
    "build_selection",
]
