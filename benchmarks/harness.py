"""What the benchmark scripts share: fair timing, a csv with versions, a bar plot.

Every script measures against a peer in the same run. Timings are CPU seconds of one
thread; the order of the competitors changes with every repetition, and a ratio is the
median of the ratios within the repetitions, so that a machine that slows down for a
while slows both sides of a pair.
"""

import csv
import math
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import gettempdir
from typing import Any, NamedTuple

import numpy as np
import torch
from filelock import FileLock
from matplotlib.figure import Figure
from threadpoolctl import threadpool_limits

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("skvae", "torch", "numpy", "scikit-learn", "skorch", "pythae")
SHORTEST = 0.05
LABEL_BOX = {"facecolor": "white", "edgecolor": "none", "pad": 1}
OURS, OTHERS, MARK = "#0072B2", "#999999", "#D55E00"

Row = dict[str, Any]


class Panel(NamedTuple):
    """Bars of one comparison; names with ``ours`` in them should reach the ``mark``."""

    title: str
    names: Sequence[str]
    values: Sequence[float]
    label: str
    mark: float | None = None
    log: bool = False
    ours: str = "skvae"


def one_thread() -> None:
    """Bind torch and the BLAS libraries of numpy to one thread."""
    torch.set_num_threads(1)
    threadpool_limits(1)


def alternate(
    competitors: Mapping[str, Callable[[], Any]], n_repetitions: int
) -> dict[str, list[float]]:
    """CPU seconds of each competitor, in an order that changes with every repetition.

    A first round warms up and says how many calls make a repetition long enough.
    """
    rng = np.random.default_rng(0)
    n_calls = {}
    for name, call in competitors.items():
        call()
        n_calls[name] = math.ceil(SHORTEST / max(cpu_seconds(call), 1e-6))
    seconds: dict[str, list[float]] = {name: [] for name in competitors}
    for _ in range(n_repetitions):
        for name in rng.permutation(list(competitors)):
            seconds[name].append(cpu_seconds(competitors[name], n_calls[name]))
    return seconds


def cpu_seconds(call: Callable[[], Any], n_calls: int = 1) -> float:
    """CPU seconds of a call, averaged over several."""
    start = time.process_time()
    for _ in range(n_calls):
        call()
    return (time.process_time() - start) / n_calls


def ratio(reference: Sequence[float], seconds: Sequence[float]) -> float:
    """Speed as a share of the reference's: median of the ratios, pair by pair."""
    return float(np.median(np.divide(reference, seconds)))


def speeds(
    seconds: Mapping[str, Sequence[float]], reference: str, n_samples: int
) -> list[Row]:
    """Return a row per competitor: its median time, its throughput and its share."""
    return [
        {
            "competitor": name,
            "cpu_seconds": round(float(np.median(times)), 6),
            "samples_per_second": round(n_samples / float(np.median(times))),
            "share": round(ratio(seconds[reference], times), 3),
            "n_repetitions": len(times),
        }
        for name, times in seconds.items()
    ]


def environment() -> Row:
    """Versions, threads and machine: without them a number says nothing."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = ""
    return versions | {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "n_cores": os.cpu_count(),
        "n_threads": torch.get_num_threads(),
    }


def write_csv(name: str, rows: Iterable[Row]) -> None:
    """Write rows, each with the environment, to ``results/<name>.csv``."""
    RESULTS.mkdir(exist_ok=True)
    write_rows(RESULTS / f"{name}.csv", [row | environment() for row in rows])


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as they are, with the fields that any of them has."""
    fields = list(dict.fromkeys(field for row in rows for field in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(rows)


def update_csv(name: str, rows: Iterable[Row], keys: Sequence[str]) -> list[Row]:
    """Write rows to ``results/<name>.csv`` in place of those with the same keys.

    All other rows stay, so that the parts of a long benchmark may run one by one, and
    side by side. Returns all.
    """
    rows = [row | environment() for row in rows]
    path = RESULTS / f"{name}.csv"
    with FileLock(Path(gettempdir()) / f"{name}.csv.lock"):
        kept = []
        if path.exists():
            with path.open(newline="") as file:
                kept = list(csv.DictReader(file))

        def key(row: Row) -> tuple[str, ...]:
            return tuple(str(row.get(name, "")) for name in keys)

        new = {key(row) for row in rows}
        rows = sorted([row for row in kept if key(row) not in new] + rows, key=key)
        write_rows(path, rows)
    return rows


def print_table(rows: Sequence[Row]) -> None:
    """Print rows with aligned columns."""
    fields = list(dict.fromkeys(field for row in rows for field in row))
    table = [fields, *([str(row.get(field, "")) for field in fields] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def plot(name: str, panels: Sequence[Panel]) -> None:
    """Draw a panel of horizontal bars per comparison to ``results/<name>.png``."""
    n_bars = [len(panel.names) for panel in panels]
    figure = Figure(
        figsize=(8, 0.9 * len(panels) + 0.32 * sum(n_bars)), layout="constrained"
    )
    all_axes = figure.subplots(len(panels), squeeze=False, height_ratios=n_bars)[:, 0]
    for axes, panel in zip(all_axes, panels, strict=True):
        names, values = list(panel.names)[::-1], list(panel.values)[::-1]
        colours = [OURS if panel.ours in name else OTHERS for name in names]
        bars = axes.barh(names, values, color=colours)
        axes.bar_label(bars, fmt="%.3g", padding=4, bbox=LABEL_BOX)
        axes.margins(x=0.15)
        if panel.log:
            axes.set_xscale("log")
        if panel.mark is not None:
            axes.axvline(panel.mark, color=MARK, linestyle="--", linewidth=1.2)
            axes.set_title("mark to reach", loc="right", fontsize="small", color=MARK)
        axes.set_title(panel.title, loc="left", fontsize="medium")
        axes.set_xlabel(panel.label)
        axes.spines[["top", "right"]].set_visible(False)
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(RESULTS / f"{name}.png", dpi=120)
