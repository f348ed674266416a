"""What is kept of fits, and which of them are shown."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]
"""A fit as JSON: what it was of, how long it took, how well it went; or the error that ended it."""
