"""A traced function, without what changes no number of its results."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch._guards import TracingContext, tracing
from torch._subclasses import FakeTensorMode
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

# What stays of an input from call to call: its numbers, or only where they lie.
Stays = Literal["values", "memory", "nothing"]

ATEN = torch.ops.aten
# These write a tensor of their own, element by element; their twins write the first one.
IN_PLACE = {
    ATEN.mul.Tensor: ATEN.mul_.Tensor,
    ATEN.mul.Scalar: ATEN.mul_.Scalar,
    ATEN.add.Tensor: ATEN.add_.Tensor,
    ATEN.sub.Tensor: ATEN.sub_.Tensor,
    ATEN.div.Tensor: ATEN.div_.Tensor,
    ATEN.relu.default: ATEN.relu_.default,
}
# Their outputs are memory of their own, whatever their inputs are.
OWN_MEMORY = {
    *IN_PLACE,
    ATEN.baddbmm.default,
    ATEN.bmm.default,
    ATEN.exp.default,
    ATEN.pow.Tensor_Scalar,
    ATEN.neg.default,
    ATEN.threshold_backward.default,
}
# The same memory in another shape.
VIEWS = {
    ATEN.expand.default,
    ATEN.permute.default,
    ATEN.select.int,
    ATEN.slice.Tensor,
    ATEN.squeeze.dim,
    ATEN.t.default,
    ATEN.transpose.int,
    ATEN.unsqueeze.default,
    ATEN.view.default,
}
# These read the shape of a tensor alone.
FILLED = {
    ATEN.ones_like.default: ATEN.ones.default,
    ATEN.zeros_like.default: ATEN.zeros.default,
}


class Traced:
    """A function of tensors as its trace, in two parts.

    ``prepare`` computes what is the same in each call, once; ``run`` the rest. It is called
    without gradients: ``detach`` is nothing, nor is a power of 1 or what nobody reads.
    What nobody reads any more is written over, which spares memory.

    Parameters
    ----------
    function : callable
        Takes tensors, returns a list of them.
    inputs : sequence of Tensor
        What it is traced with.
    stays : sequence of {"values", "memory", "nothing"}
        What stays of each input from call to call; those of which something does come
        first.
    """

    def __init__(
        self,
        function: Callable[..., list[Tensor]],
        inputs: Sequence[Tensor],
        stays: Sequence[Stays],
    ) -> None:
        # One mode of all values, which would each make their own.
        with tracing(TracingContext(FakeTensorMode())):
            module = make_fx(function)(*inputs)
        simplify(module.graph)
        fixed = what_stays(module.graph, stays)
        self.first, self.rest = parted(module, fixed)

    def prepare(self, standing: Sequence[Tensor]) -> list[Tensor]:
        """Return what is the same in each call, of the inputs of which something stays."""
        return list(self.first(*standing))

    def run(self, prepared: Sequence[Tensor], moving: Sequence[Tensor]) -> list[Tensor]:
        """Return the results."""
        return list(self.rest(*prepared, *moving))


def simplify(graph: Graph) -> None:
    """Take out what is nothing without gradients."""
    for node in list(graph.nodes):
        same = node.target is ATEN.detach.default or is_first_power(node)
        if same and isinstance(node.args[0], Node):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif node.target in FILLED:
            value = node.meta["val"]
            node.target = FILLED[node.target]
            node.args = (list(value.shape),)
            node.kwargs = {"dtype": value.dtype, "device": value.device}
    graph.eliminate_dead_code()


def is_first_power(node: Node) -> bool:
    """Whether a node is x to the power of 1."""
    return node.target is ATEN.pow.Tensor_Scalar and node.args[1] == 1.0


def what_stays(graph: Graph, stays: Sequence[Stays]) -> set[Node]:
    """Return the nodes whose results are the same in each call.

    Those of inputs whose memory stays are their views: other results would be of numbers
    that were.
    """
    given = iter(stays)
    moving = written_to(graph)
    found: dict[Node, Stays] = {}
    for node in graph.nodes:
        if node.op == "placeholder":
            found[node] = next(given)
        elif node.op == "output":
            break
        elif node in moving or is_drawn(node):
            found[node] = "nothing"
        else:
            found[node] = stay_of(node, {found[other] for other in node.all_input_nodes})
    return {node for node, stay in found.items() if stay != "nothing"}


def stay_of(node: Node, inputs: set[Stays]) -> Stays:
    """Return what stays of a result."""
    if inputs <= {"values"}:
        return "values"
    return "memory" if inputs == {"memory"} and node.target in VIEWS else "nothing"


def written_to(graph: Graph) -> set[Node]:
    """Return the nodes that write to their input, and whatever that is a view of."""
    found = set()
    for node in graph.nodes:
        if (
            isinstance(node.target, torch._ops.OpOverload)
            and node.target._schema.is_mutable
        ):
            found.add(node)
            source = node.args[0]
            while source.target in VIEWS:
                found.add(source)
                source = source.args[0]
            found.add(source)
    return found


def is_drawn(node: Node) -> bool:
    """Whether the result of a node is random."""
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


def parted(module: GraphModule, fixed: set[Node]) -> tuple[GraphModule, GraphModule]:
    """Return the graph of what stays, and that of the rest, which takes its results."""
    first, rest = Graph(), Graph()
    before: dict[Node, Node] = {}
    after: dict[Node, Node] = {}
    handed = []
    for node in module.graph.nodes:
        if node in fixed:
            before[node] = first.node_copy(node, before.__getitem__)
            if any(user not in fixed for user in node.users):
                handed.append(before[node])
                after[node] = rest.placeholder(node.name)
                after[node].meta = dict(node.meta)
    first.output(tuple(handed))
    for node in module.graph.nodes:
        if node.op == "output":
            # Whoever takes a result may change it.
            (results,) = node.args
            rest.output(
                tuple(
                    rest.call_function(ATEN.clone.default, (after[result],))
                    if result in fixed
                    else after[result]
                    for result in results
                )
            )
        elif node not in fixed:
            after[node] = rest.node_copy(node, after.__getitem__)
    write_over(rest)
    rest.lint()
    return GraphModule(module, first), GraphModule(module, rest)


def write_over(graph: Graph) -> None:
    """Let a node write its result over its input, where that is read by none after it."""
    order = {node: place for place, node in enumerate(graph.nodes)}
    for node in graph.nodes:
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
