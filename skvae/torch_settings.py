"""Torch's settings while skvae computes: its own, whatever its caller has set."""

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import Any, TypeVar, cast

import torch

__all__ = ["own_settings"]

Function = TypeVar("Function", bound=Callable[..., Any])

AUTOCAST = ("cpu", "cuda", "mps")
CPU = torch.device("cpu")
DTYPE = torch.float32
MATMUL_PRECISION = "highest"


class WholeProcess:
    """What torch has one of for all threads: ours while any of them computes.

    The first that comes remembers what there was, and the last that leaves sets it
    again; what another thread of the caller computes meanwhile, it does so under ours.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.n_inside = 0
        self.dtype, self.precision = DTYPE, MATMUL_PRECISION

    def enter(self) -> None:
        """Remember what the caller has set, and set ours."""
        with self.lock:
            self.n_inside += 1
            if self.n_inside > 1:
                return
            self.dtype = torch.get_default_dtype()
            self.precision = torch.get_float32_matmul_precision()
            if self.dtype != DTYPE:
                torch.set_default_dtype(DTYPE)
            if self.precision != MATMUL_PRECISION:
                torch.set_float32_matmul_precision(MATMUL_PRECISION)

    def leave(self) -> None:
        """Set again what the caller had set."""
        with self.lock:
            self.n_inside = max(0, self.n_inside - 1)
            if self.n_inside:
                return
            if self.dtype != DTYPE:
                torch.set_default_dtype(self.dtype)
            if self.precision != MATMUL_PRECISION:
                torch.set_float32_matmul_precision(self.precision)


PROCESS = WholeProcess()

# The lock may be held, and others be inside, by threads that do not outlive a fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=PROCESS.__init__)  # type: ignore[misc]


def are_own() -> bool:
    """Whether the caller has set nothing of what torch keeps per thread."""
    return (
        torch.is_grad_enabled()
        and not torch.is_inference_mode_enabled()
        and not any(map(torch.is_autocast_enabled, AUTOCAST))
        and torch.empty(0).device == CPU  # the default one; torch's own word takes 9 us
    )


def entered() -> ExitStack:
    """Turn off what the caller has set in this thread, until the stack is closed."""
    stack = ExitStack()
    if torch.is_inference_mode_enabled():
        stack.enter_context(torch.inference_mode(False))
    if not torch.is_grad_enabled():
        stack.enter_context(torch.enable_grad())
    for device in AUTOCAST:
        if torch.is_autocast_enabled(device):
            stack.enter_context(torch.autocast(device, enabled=False))
    if torch.empty(0).device != CPU:
        stack.enter_context(CPU)
    return stack


class own_settings:  # noqa: N801
    """Compute with gradients, in float32, on the CPU by default, and as exactly as can be.

    Inside, ``no_grad``, ``inference_mode``, ``autocast``, a default dtype or device and
    the precision of matrix products that the caller has set are off; torch keeps the
    former three, and the device, per thread. It takes some microseconds. It is a context
    or, called with a function, a decorator.

    Examples
    --------
    >>> with torch.no_grad():
    ...     with own_settings():
    ...         inside = torch.is_grad_enabled()
    ...     inside, torch.is_grad_enabled()
    (True, False)
    """

    def __enter__(self) -> None:
        self.before = None if are_own() else entered()
        PROCESS.enter()

    def __exit__(self, *exception: Any) -> None:
        PROCESS.leave()
        if self.before is not None:
            self.before.close()

    def __call__(self, function: Function) -> Function:
        @wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with own_settings():
                return function(*args, **kwargs)

        return cast(Function, inside)
