"""Ctrl-C, which comes between any two steps of a program."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["noticed", "uninterrupted"]


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back for a moment in which something is half done.

    It comes when the moment is over. Only the main thread is interrupted by it, and only
    there something is done; what else handles the signal is left as it is.

    Examples
    --------
    >>> done = []
    >>> try:
    ...     with uninterrupted():
    ...         signal.raise_signal(signal.SIGINT)
    ...         done.append("all of it")
    ... except KeyboardInterrupt:
    ...     print(done)
    ['all of it']
    """
    pressed: list[Any] = []
    with _handled(lambda before, *call: pressed.append((before, call))):
        yield
    for before, call in pressed[:1]:
        before(*call)


@contextmanager
def noticed() -> Iterator[list[Any]]:
    """Tell Ctrl-C from a KeyboardInterrupt that somebody raises.

    Yields
    ------
    list
        It has an entry when Ctrl-C was pressed, which interrupts as ever.

    Examples
    --------
    >>> with noticed() as pressed:
    ...     try:
    ...         raise KeyboardInterrupt
    ...     except KeyboardInterrupt:
    ...         print(bool(pressed))
    False
    """
    pressed: list[Any] = []

    def handle(before: Callable[..., Any], *call: Any) -> None:
        pressed.append(call)
        before(*call)

    with _handled(handle):
        yield pressed


@contextmanager
def _handled(handle: Callable[..., Any]) -> Iterator[None]:
    """Let a function have Ctrl-C, and what had it before, where that can be replaced."""
    before = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or not callable(before):
        yield
        return
    signal.signal(signal.SIGINT, lambda *call: handle(before, *call))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
