"""A prior's arguments that rest on other variables, lined up with the variable that they are of."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from irtbridge.plugin import Layout


class Arguments:
    """The arguments of a variable's prior that rest on other variables.

    Parameters
    ----------
    layout : Layout
        The model over the data's shape.
    name : str
        The variable.
    like : Tensor
        Has the dtype and the device.
    """

    def __init__(self, layout: Layout, name: str, like: Tensor) -> None:
        self.references = layout.spec[name].prior.references()
        lined_up = [argument for argument in self.references if argument != "scale_tril"]
        matrices = {argument: layout.matrix(name, argument) for argument in lined_up}
        self.matrices = {k: like.new_tensor(matrix) for k, matrix in matrices.items() if matrix is not None}
        self.places = {argument: layout.aligned(name, argument) for argument in lined_up}

    def of(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors that broadcast against the variable's full array; a `scale_tril` is a matrix."""
        given = {}
        for argument, name in self.references.items():
            value = values[name]
            if argument in self.matrices:
                value = self.matrices[argument] @ value
            if argument in self.places:
                order, shape = self.places[argument]
                value = value.permute(order).reshape(shape)
            given[argument] = value
        return given
