"""A progress bar over the epochs of one fit, for ``verbose``."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def epoch_bar(
    name: str, n_epochs: int, verbose: bool
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield a function that takes the last row of the history and moves the bar."""
    if not verbose:
        yield lambda row: None
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

        def move(row: Mapping[str, Any]) -> None:
            shown = "valid_loss" if "valid_loss" in row else "loss"
            progress.update(task, advance=1, loss=f"{shown} {row[shown]:.4g}")

        yield move
