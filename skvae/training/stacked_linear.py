"""Linear layers of many networks as one product, with the bits of each alone."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

CACHE_LINE = 64  # bytes; where torch's own allocations begin


class Batched(NamedTuple):
    """Which products of stacked layers have, as one batch, the bits of each alone."""

    output: bool
    of_input: bool
    of_weight: bool


# Without a bound: tracing, which cannot try, must find what was found before it.
@cache
def measured(n_nets: int, n_rows: int, n_inputs: int, n_outputs: int) -> Batched:
    """Find out by trying: small products are summed in another order when batched.

    So are those of matrices that begin at another place of a cache line than a matrix
    alone does. Which ones depends on the library of linear algebra and on the processor,
    and not on the numbers.
    """
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(n_nets, n_rows, n_inputs, generator=draws)
    weight = torch.randn(n_nets, n_outputs, n_inputs, generator=draws)
    bias = torch.randn(n_nets, n_outputs, generator=draws)
    gradient = torch.randn(n_nets, n_rows, n_outputs, generator=draws)
    turned = gradient.transpose(1, 2)
    return Batched(
        torch.equal(outputs(x, weight, bias, True), outputs(x, weight, bias, False)),
        torch.equal(product(gradient, weight, True), product(gradient, weight, False)),
        torch.equal(product(turned, x, True), product(turned, x, False)),
    )


def outputs(x: Tensor, weight: Tensor, bias: Tensor, batched: bool) -> Tensor:
    """Return the outputs of each layer."""
    turned = weight.transpose(1, 2)
    if batched:
        return torch.baddbmm(bias[:, None], x, turned)
    each = zip(bias, as_alone(x), as_alone(turned), strict=True)
    return torch.stack([torch.addmm(*layer) for layer in each])


def product(a: Tensor, b: Tensor, batched: bool) -> Tensor:
    """Return the product of each pair of matrices."""
    if batched:
        return torch.bmm(a, b)
    pairs = zip(as_alone(a), as_alone(b), strict=True)
    return torch.stack([torch.mm(*pair) for pair in pairs])


def as_alone(matrices: Tensor) -> list[Tensor]:
    """Return each matrix as it is alone: at the start of a cache line."""
    each = list(matrices)
    if each[0].numel() * matrices.element_size() % CACHE_LINE:
        return [matrix.clone() for matrix in each]
    return each


class StackedLinear(torch.autograd.Function):
    """Rows (k, n, p) times weights (k, q, p), and biases (k, q).

    ``vmap`` would make other products of ``nn.functional.linear``, whose last bits are
    those of another order of summation.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return outputs(x, weight, bias, measured(*x.shape, weight.shape[1]).output)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        batched = measured(*x.shape, weight.shape[1])
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = product(gradient, weight, batched.of_input)
        of_weight = product(gradient.transpose(1, 2), x, batched.of_weight)
        return of_x, of_weight, gradient.sum(1)


class Linear(torch.autograd.Function):
    """``nn.functional.linear``, which below ``vmap`` is a ``StackedLinear``."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.nn.functional.linear(x, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(inputs[0], inputs[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        return gradient @ weight, gradient.t() @ x, gradient.sum(0)

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Any:
        x, weight, bias = (
            value.expand(info.batch_size, *value.shape) if dim is None else value
            for value, dim in zip((x, weight, bias), in_dims, strict=True)
        )
        return StackedLinear.apply(x, weight, bias), 0


class StackedLinearLayers(TorchFunctionMode):
    """Take ``Linear`` for the linear layers of rows, wherever a network has one."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        rows = func is torch.nn.functional.linear and not kwargs and len(args) == 3
        if rows and args[0].ndim == 2 and args[2] is not None:
            return Linear.apply(*args)
        return func(*args, **(kwargs or {}))
