"""What reading had to guess, said in plain words."""

from __future__ import annotations

import warnings

from irtbridge.errors import IRTBridgeWarning


class Notes:
    """A list of plain sentences; those that may be wrong are also warned of.

    Attributes
    ----------
    texts : list of str
        All of them, in the order in which they were said.
    """

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._doubts: list[str] = []

    def say(self, text: str) -> None:
        """Note how something was read."""
        self.texts.append(text)

    def doubt(self, text: str) -> None:
        """Note something that may be wrong."""
        self.texts.append(text)
        self._doubts.append(text)

    def warn(self, stacklevel: int) -> None:
        """Warn of each doubt; `stacklevel` as in `warnings.warn`, counted from the caller."""
        for text in self._doubts:
            warnings.warn(text, IRTBridgeWarning, stacklevel=stacklevel + 1)
