"""A live bar over the arms and outer folds of a study."""

import time
from types import TracebackType
from typing import Any, Self

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["StudyProgress", "duration"]


class StudyProgress:
    """Show how far a study is, and the mean score of the arm at work.

    On a terminal this is one bar; elsewhere, such as in a log file, it is one line
    for each arm and outer fold.

    Parameters
    ----------
    tasks : list
        What will be done, in order; each has `arm` and `fold`.
    scoring : str
        Name of the score.
    show : bool
        Whether to show anything.
    console : rich.console.Console, default=None
        Where to; standard error by default, so that standard output stays clean.
    """

    def __init__(
        self, tasks: list[Any], scoring: str, *, show: bool, console: Console | None = None
    ) -> None:
        self._scores: dict[str, list[float]] = {task.arm.name: [] for task in tasks}
        self._seconds: dict[str, list[float]] = {name: [] for name in self._scores}
        self._begun = time.monotonic()
        self._n_folds = len(tasks) // len(self._scores)
        self._scoring = scoring
        self._console = console or Console(stderr=True)
        self._show = show
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not (show and self._console.is_terminal),
        )
        self._width = max(len(name) for name in self._scores)
        self._task = self._bar.add_task(
            self._description(tasks[0].arm.name), total=len(tasks)
        )

    def __enter__(self) -> Self:
        """Start the bar."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the bar as it stands."""
        if not self._bar.disable:  # below rich 14.3, one that was never shown ends a line
            self._bar.stop()

    def advance(self, row: dict[str, Any], timing: dict[str, Any]) -> None:
        """Take note of one arm on one outer fold.

        Parameters
        ----------
        row : dict
            Its row of the scores.
        timing : dict
            Its row of the timings.
        """
        self._scores[row["arm"]].append(row["score"])
        self._seconds[row["arm"]].append(timing["fit_seconds"])
        unfinished = [n for n, done in self._scores.items() if len(done) < self._n_folds]
        at_work = unfinished[0] if unfinished else row["arm"]
        self._bar.update(self._task, advance=1, description=self._description(at_work))
        if self._show and not self._console.is_terminal:
            n_done = sum(map(len, self._scores.values()))
            self._console.print(
                f"{n_done}/{self._n_folds * len(self._scores)}  "
                f"{self._description(row['arm'])}  last fit {timing['fit_seconds']:.1f} s"
                f"{self._remaining()}",
                highlight=False,
                soft_wrap=True,
            )

    def _remaining(self) -> str:
        """Say how long the rest may take: each arm as long as it has, or as the mean."""
        if not any(len(done) < self._n_folds for done in self._scores.values()):
            return ""
        overall = np.mean([s for seconds in self._seconds.values() for s in seconds])
        rest = sum(
            (self._n_folds - len(done)) * np.mean(self._seconds[name] or [overall])
            for name, done in self._scores.items()
        )
        work = sum(map(sum, self._seconds.values()))
        # Fits that were read from disk took no time now; workers share what is left.
        pace = (time.monotonic() - self._begun) / work if work else 0.0
        return f"  left about {duration(rest * pace)}"

    def _description(self, arm: str) -> str:
        scores = self._scores[arm]
        mean = f"{np.mean(scores):.3f}" if scores else "  ..."
        name = escape(f"{arm:<{self._width}}")
        return f"{name}  fold {len(scores)}/{self._n_folds}  mean {self._scoring} {mean}"


def duration(seconds: float) -> str:
    """Say how long something takes, in the unit that a reader thinks in.

    Parameters
    ----------
    seconds : float
        How long.

    Returns
    -------
    str
        Seconds, minutes or hours.

    Examples
    --------
    >>> duration(80), duration(600), duration(9000)
    ('80 s', '10 min', '2.5 h')
    """
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
