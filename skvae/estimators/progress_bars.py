"""Progress bars over the epochs of a fit and the windows of images, for ``verbose``."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def epoch_bar(
    name: str, n_epochs: int, verbose: bool
) -> Iterator[Callable[[Mapping[str, Any], int], None]]:
    """Yield a function that takes the last row of the history and how many it has."""
    if not verbose:
        yield lambda row, n_done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
    )
    with Progress(*columns) as progress:
        task = progress.add_task(name, total=n_epochs, loss="")

        def move(row: Mapping[str, Any], n_done: int) -> None:
            shown = "valid_loss" if "valid_loss" in row else "loss"
            progress.update(task, completed=n_done, loss=f"{shown} {row[shown]:.4g}")

        yield move


@contextmanager
def window_bar(name: str, n_windows: int, verbose: bool) -> Iterator[Callable[[int], None]]:
    """Yield a function that takes a number of windows and moves the bar by it."""
    if not verbose:
        yield lambda n_done: None
        return
    from rich.progress import Progress

    with Progress() as progress:
        task = progress.add_task(f"{name}: windows", total=n_windows)
        yield lambda n_done: progress.advance(task, n_done)
