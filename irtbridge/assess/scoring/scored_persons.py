"""Who is to be scored: the persons of a fit, or new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from irtbridge.assess.posterior import Posterior
from irtbridge.data.new_persons import read_new_persons
from irtbridge.data.notes import Notes
from irtbridge.data.responses import Responses
from irtbridge.errors import ConfigError
from irtbridge.model.layout import Layout
from irtbridge.model.others import layout_of_others, needed_of_persons


@dataclass(frozen=True, eq=False)
class Persons:
    """Persons to be scored: the model over them, and their responses."""

    posterior: Posterior
    layout: Layout
    responses: Responses
    new: bool

    @classmethod
    def of(cls, posterior: Posterior, data: Any, options: Mapping[str, Any], notes: Notes) -> Persons:
        """Those of a fit, or new ones, whose reading is noted."""
        known = posterior.responses
        if data is None:
            if options:
                raise ConfigError(f"data_options={dict(options)!r} say how to read data; give data too.")
            return cls(posterior, posterior.layout, known, False)
        new = read_new_persons(data, known, notes, beside=needed_of_persons(posterior.spec, known), options=options)
        return cls(posterior, layout_of_others(posterior.layout, known, new), new, True)

    @property
    def on_grid(self) -> bool:
        """Whether the abilities are integrated on a grid."""
        return self.layout.collapse is not None
