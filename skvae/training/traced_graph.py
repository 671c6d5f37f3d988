"""What of a traced gradient has no effect, taken out of it."""

from collections.abc import Callable
from typing import Any

import torch
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

ATEN = torch.ops.aten
# These write a tensor of their own, element by element; their twins write the first one.
IN_PLACE = {
    ATEN.mul.Tensor: ATEN.mul_.Tensor,
    ATEN.mul.Scalar: ATEN.mul_.Scalar,
    ATEN.add.Tensor: ATEN.add_.Tensor,
    ATEN.sub.Tensor: ATEN.sub_.Tensor,
    ATEN.div.Tensor: ATEN.div_.Tensor,
}
# Their outputs are memory of their own, whatever their inputs are.
OWN_MEMORY = {
    *IN_PLACE,
    ATEN.baddbmm.default,
    ATEN.bmm.default,
    ATEN.exp.default,
    ATEN.relu.default,
    ATEN.pow.Tensor_Scalar,
    ATEN.neg.default,
    ATEN.threshold_backward.default,
}


def traced(function: Callable[..., Any], *inputs: Any) -> Callable[..., Any]:
    """Trace a function, and take out what changes no number of its results.

    It is then called without gradients: ``detach`` is nothing, nor is a power of 1 or what
    nobody reads. What nobody reads any more is written over, which spares memory.
    """
    module = make_fx(function)(*inputs)
    graph = module.graph
    for node in list(graph.nodes):
        same = node.target is ATEN.detach.default or is_first_power(node)
        if same and isinstance(node.args[0], Node):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
    graph.eliminate_dead_code()
    write_over(module)
    graph.lint()
    module.recompile()
    return module


def is_first_power(node: Node) -> bool:
    """Whether a node is x to the power of 1."""
    return node.target is ATEN.pow.Tensor_Scalar and node.args[1] == 1.0


def write_over(module: GraphModule) -> None:
    """Let a node write its result over its input, where that is read by none after it."""
    order = {node: place for place, node in enumerate(module.graph.nodes)}
    for node in module.graph.nodes:
        if node.target not in IN_PLACE or not isinstance(node.args[0], Node):
            continue
        (source, *others) = node.args
        free = source.target in OWN_MEMORY and all(
            order[user] <= order[node] and owns(user) for user in source.users
        )
        if free and source not in others and alike(source, node):
            node.target = IN_PLACE[node.target]


def owns(node: Node) -> bool:
    """Whether the result of a node is no view of its input."""
    return node.target in OWN_MEMORY or node.target in {
        *IN_PLACE.values(),
        ATEN.sum.dim_IntList,
        ATEN.sum.default,
    }


def alike(a: Node, b: Node) -> bool:
    """Whether two results have one shape and dtype."""
    one, other = a.meta.get("val"), b.meta.get("val")
    if one is None or other is None:
        return False
    return bool(one.shape == other.shape and one.dtype == other.dtype)
