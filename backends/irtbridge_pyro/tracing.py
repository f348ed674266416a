"""A log density as graphs of tensor operations, traced from the model once and run without it.

`TracedDensity` traces each function when it is first asked for. A traced graph loses
its idle operations (`_without_identities`, `_with_places`) and is compiled to TorchScript or, on a GPU, recorded as a
CUDA graph (`Replayed`).
"""

# mypy: allow-untyped-calls, no-warn-return-any
from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch._inductor  # make_fx loads it when first called; here it counts as an import, not as compiling
from numpy.typing import NDArray
from torch import Tensor
from torch._guards import TracingContext, tracing
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import GraphModule, Node, map_arg
from torch.fx.experimental.proxy_tensor import make_fx

Function = Callable[..., Any]
JIT_WARMUP = 3  # TorchScript optimises its graph in the first runs


class TracedDensity:
    """Functions of a point (dim,) and further arguments, each made when it is first asked for.

    Parameters
    ----------
    density : callable
        The log density, a scalar.
    inputs : tuple of Tensor
        A point and the other arguments, of the shapes to trace for.
    rows : int
        How many points `values` and `traced_values` take at once.
    jit : bool
        Whether to trace at all.
    cheaper : callable
        The same density, or another way to it that serves many points better, without a gradient.
    isolated : callable
        Context to trace in.
    """

    def __init__(
        self,
        density: Function,
        inputs: tuple[Tensor, ...],
        rows: int,
        jit: bool,
        cheaper: Function,
        isolated: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.inputs, self.rows, self.jit, self.isolated = inputs, rows, jit, isolated
        self._density, self._cheaper = density, cheaper
        self._of_one, self._stacked = _gradient_and_value(density), dict[Any, Function]()

    @cached_property
    def gradient(self) -> Function:
        """Gradient and value."""
        with self.isolated():
            return _compiled(self._graph, self.inputs) if self.jit else self._of_one

    @cached_property
    def _graph(self) -> GraphModule:
        return _as_graph(self._of_one, self.inputs)

    @cached_property
    def _value(self) -> Any:
        with self.isolated():
            return _second_output(self._graph) if self.jit else self._density

    @cached_property
    def value(self) -> Function:
        """The density without its gradient, shape ()."""
        with self.isolated():
            return _compiled(self._value, self.inputs) if self.jit else self._value

    @cached_property
    def values(self) -> Function:
        """Values (rows,) at several points (rows, dim)."""
        of_one = self._value if self._cheaper is self._density else self._cheaper
        return torch.func.vmap(of_one, (0, *(None for _ in self.inputs[1:])))

    @cached_property
    def traced_values(self) -> Function:
        """`values`, sooner at each call and later at the first."""
        point, *others = self.inputs
        inputs = point.expand(self.rows, -1).clone(), *others
        with self.isolated():
            return _compiled(_as_graph(self.values, inputs), inputs) if self.jit else self.values

    def stacked(self, inputs: tuple[Tensor, ...]) -> Function:
        """`gradient` for inputs with one more axis, traced for their shapes when first asked for."""
        shapes = tuple(part.shape for part in inputs)
        if shapes not in self._stacked:
            many = torch.func.vmap(self._of_one)
            with self.isolated():
                self._stacked[shapes] = _compiled(_as_graph(many, inputs), inputs) if self.jit else many
        return self._stacked[shapes]


def _gradient_and_value(density: Callable[..., Tensor]) -> Callable[..., tuple[Tensor, Tensor]]:
    def gradient(z: Tensor, *arguments: Tensor) -> tuple[Tensor, Tensor]:
        return torch.func.grad_and_value(density)(z, *arguments)

    return gradient


def _as_graph(function: Function, inputs: tuple[Tensor, ...]) -> GraphModule:
    """The tensor operations that a function does."""
    # One mode for the shapes of all operations: make_fx would make one for each, which takes a third of its time.
    with torch.no_grad(), tracing(TracingContext(FakeTensorMode(allow_fallback_kernels=True))):
        return _with_places(_without_identities(make_fx(function)(*inputs))).eval()


def _second_output(graph: GraphModule) -> GraphModule:
    """The part of a graph with two outputs that the second one needs."""
    part = copy.deepcopy(graph.graph)
    output = next(node for node in part.nodes if node.op == "output")
    part.output(output.args[0][1])
    part.erase_node(output)
    part.eliminate_dead_code()
    return GraphModule(graph, part).eval()


def _compiled(graph: GraphModule, inputs: tuple[Tensor, ...]) -> Function:
    """A graph as TorchScript, or as it is where TorchScript's shape analysis fails on it; on a GPU launched at once."""
    with torch.no_grad():
        try:
            compiled: Function = torch.jit.freeze(torch.jit.trace(graph, inputs, check_trace=False))
            for _ in range(JIT_WARMUP):
                compiled(*inputs)
        except RuntimeError:
            compiled = graph
        return Replayed(compiled, inputs) if inputs[0].is_cuda and not _waits(compiled, inputs) else compiled


def _waits(function: Function, inputs: tuple[Tensor, ...]) -> bool:
    """Whether an operation of a function waits for the GPU, which cannot be recorded."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        function(*inputs)
    except RuntimeError:
        return True
    finally:
        torch.cuda.set_sync_debug_mode(before)
    return False


class Replayed:
    """A function whose operations are recorded once, as a CUDA graph, and launched together at each call.

    Launching them one by one takes longer than computing them where data are small.

    Parameters
    ----------
    function : callable
        Of tensors on a GPU; no operation of it waits for the GPU.
    inputs : tuple of Tensor
        Arguments, of the shapes to record for.
    """

    def __init__(self, function: Function, inputs: tuple[Tensor, ...]) -> None:
        self.inputs = [part.clone() for part in inputs]
        aside, here = torch.cuda.Stream(), torch.cuda.current_stream()
        aside.wait_stream(here)
        with torch.cuda.stream(aside):
            # Libraries allocate their workspaces at the first call, which cannot be recorded.
            for _ in range(JIT_WARMUP):
                function(*self.inputs)
        here.wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.outputs = function(*self.inputs)

    def __call__(self, *arguments: Tensor) -> Any:
        for own, given in zip(self.inputs, arguments, strict=True):
            own.copy_(given)
        self.graph.replay()
        # The next call overwrites the outputs.
        return self.outputs.clone() if isinstance(self.outputs, Tensor) else [part.clone() for part in self.outputs]


def _without_identities(graph: GraphModule) -> GraphModule:
    """Drop products with 1 and sums with 0, left behind by distributions and plates: each is a pass over the data."""
    aten = torch.ops.aten
    neutral = {aten.mul.Tensor: 1, aten.mul.Scalar: 1, aten.div.Tensor: 1, aten.add.Tensor: 0, aten.sub.Tensor: 0}
    for node in graph.graph.nodes:
        value = node.args[1] if node.target in neutral else None
        if isinstance(value, (int, float)) and value == neutral[node.target] and _same_dtype(node, node.args[0]):
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)
    graph.recompile()
    return graph


def _with_places(graph: GraphModule) -> GraphModule:
    """Turn constant masks among indices into whole numbers, so that no call has to count what they select."""
    aten = torch.ops.aten
    for node in graph.graph.nodes:
        if node.target in (aten.index.Tensor, aten.index_put.default, aten.index_put_.default):
            node.update_arg(1, [place for index in node.args[1] for place in _places(graph, node, index)])
    graph.recompile()
    return graph


def _places(graph: GraphModule, user: Node, index: Node | None) -> list[Node | None]:
    """An index as indices without masks: as many as it has dimensions if it is a mask."""
    if index is None or index.meta["val"].dtype != torch.bool or not _is_constant(index):
        return [index]
    places: list[Node | None] = []
    for dim, numbers in enumerate(_constant(graph, index).nonzero().unbind(1)):
        name = f"_{user.name}_{index.name}_{dim}"
        graph.register_buffer(name, numbers)
        with graph.graph.inserting_before(user):
            places.append(graph.graph.get_attr(name))
    return places


def _is_constant(node: Node) -> bool:
    """Whether a node depends on no argument of its graph."""
    return node.op != "placeholder" and all(_is_constant(part) for part in node.all_input_nodes)


def _constant(graph: GraphModule, node: Node) -> Tensor:
    """The value of a node that depends on no argument of its graph, shape as the model has it."""
    if node.op == "get_attr":
        value: Tensor = getattr(graph, str(node.target))
        return value
    function: Any = node.target
    args, kwargs = map_arg((node.args, node.kwargs), lambda part: _constant(graph, part))
    return function(*args, **kwargs)


def _same_dtype(node: Node, other: Node) -> bool:
    return bool(node.meta["val"].dtype == other.meta["val"].dtype)


def to_numpy(tensor: Tensor) -> NDArray[np.float64]:
    """A tensor as a NumPy array of doubles."""
    return np.asarray(tensor.detach().cpu().numpy(), dtype=np.float64)
