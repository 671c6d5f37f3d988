"""Weights of one network copied into another, with a row of account for every tensor."""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from skvae.torch_settings import own_settings
from skvae.training.tensor_names import Mapped, counterparts, nearest_names

COPIED = "copied"
ADAPTED = "adapted: rgb summed"
NO_COUNTERPART = "skipped: no counterpart"
OTHER_SHAPE = "skipped: shape"
UNFILLED = "unfilled"
STRICTNESS = ("any", "all", "none")
N_NEAREST = 5

# Given the names of a tensor in source and target: its status, if they belong together.
Fitting = Callable[[str, str], str]


class TransferRow(NamedTuple):
    """What became of one tensor.

    Attributes
    ----------
    source, target : str
        Its name in either network; empty where it has none.
    source_shape, target_shape : tuple of int or None
        Its shape in either network.
    status : str
        ``"copied"``, ``"adapted: rgb summed"``, ``"skipped: no counterpart"``,
        ``"skipped: shape"`` or ``"unfilled"``.
    """

    source: str
    source_shape: tuple[int, ...] | None
    target: str
    target_shape: tuple[int, ...] | None
    status: str


@dataclass(frozen=True)
class TransferReport:
    """What became of every tensor of both networks; prints as a table.

    Parameters
    ----------
    rows : tuple of TransferRow
        The source's tensors in their order, then the target's that stay unfilled.
        ``pandas.DataFrame(report.rows)`` has a column per field.
    """

    rows: tuple[TransferRow, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Number of tensors of each status.

        Returns
        -------
        counts : dict of str to int
            Only of statuses that occur.
        """
        return dict(Counter(row.status for row in self.rows))

    def __str__(self) -> str:
        lines = [("source", "", "target", "", "status")]
        for row in self.rows:
            shapes = (_shape(row.source_shape), _shape(row.target_shape))
            lines.append((row.source, shapes[0], row.target, shapes[1], row.status))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        ]
        summary = ", ".join(f"{n} {status}" for status, n in self.counts.items())
        return "\n".join([*(line.rstrip() for line in table), summary])


@own_settings()
def transfer_weights(
    target: nn.Module, source: Any, mapping: Mapped = "auto", strict: str = "any"
) -> TransferReport:
    """Copy weights into a network, by name, and tell what became of every tensor.

    Parameters
    ----------
    target : torch.nn.Module
        The network to fill; it is changed in place.
    source : module, state dict, path or fitted estimator
        Where the weights come from. A path ends in ``.safetensors``, or is a file of
        ``torch.save``, which is read with ``weights_only=True``.
    mapping : "auto", dict or callable, default="auto"
        How a tensor of the source is called in the target. A dict renames modules or
        tensors (``{"features.0": "block1_conv1"}``), and leaves other names as they
        are; a callable takes a name and returns the new one, or ``None`` to skip it.
        ``"auto"`` takes equal names first, then the same names under other prefixes
        (``module.``, ``backbone.``, ``encoder.``, ``features.``, ...) or in another
        spelling (VGG's ``features.0`` is ``block1_conv1``, old DenseNets' ``norm.1``
        is ``norm1``), then the blocks of an autoencoder of images as the levels of a
        `UNetSegmenter`, then names of which one ends with the other and whose shapes
        agree; never a guess between two.
    strict : {"any", "all", "none"}, default="any"
        When to raise, and change nothing: if no tensor fits, if any tensor of either
        network is left, or never.

    Returns
    -------
    report : TransferReport
        A row per tensor.

    Raises
    ------
    ValueError
        As ``strict`` says, with the nearest names in the message; if a key of the
        mapping names nothing in the source; if a tensor of either network that would
        be copied holds no values (``device="meta"``); if one of the source has entries
        that are NaN or infinite.

    Notes
    -----
    The kernels of a first convolution that expects red, green and blue are summed where
    the target has one channel: on grey images, the result is what it was on three equal
    channels.

    Examples
    --------
    >>> from torch import nn
    >>> encoder = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    >>> classifier = nn.ModuleDict({"encoder": encoder, "head": nn.Linear(3, 2)})
    >>> pretrained = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 4))
    >>> print(transfer_weights(classifier, pretrained))
    source            target                    status
    0.weight  (3, 4)  encoder.0.weight  (3, 4)  copied
    0.bias    (3,)    encoder.0.bias    (3,)    copied
    2.weight  (4, 3)                            skipped: no counterpart
    2.bias    (4,)                              skipped: no counterpart
                      head.weight       (2, 3)  unfilled
                      head.bias         (2,)    unfilled
    2 copied, 2 skipped: no counterpart, 2 unfilled
    """
    if strict not in STRICTNESS:
        raise ValueError(f"Got strict={strict!r}, but expected one of {STRICTNESS}.")
    new, old = target.state_dict(), read_state(source)
    fitting = _fitting(target, new, old)
    renamed = counterparts(new, old, mapping, lambda n, o: fitting(n, o) != OTHER_SHAPE)
    rows = [_row(name, renamed.get(name), new, old, fitting) for name in old]
    filled = {row.target for row in rows if row.status in (COPIED, ADAPTED)}
    rows += [
        TransferRow("", None, name, tuple(value.shape), UNFILLED)
        for name, value in new.items()
        if name not in filled
    ]
    report = TransferReport(tuple(rows))
    _refuse(report, strict, new, old)
    _refuse_weightless(report, new, old)
    _refuse_non_finite(report, old)
    with torch.no_grad():
        for row in rows:
            if row.status in (COPIED, ADAPTED):
                value = old[row.source]
                summed = value.sum(dim=1, keepdim=True) if row.status == ADAPTED else value
                new[row.target].copy_(summed)
    return report


def read_state(source: Any) -> dict[str, Tensor]:
    """Return the named tensors of a module, a state dict, a file or a fitted estimator."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        source = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(source, Mapping) and isinstance(source.get("state_dict"), Mapping):
            source = source["state_dict"]
    source = getattr(source, "network_", source)
    if isinstance(source, nn.Module):
        source = source.state_dict()
    state = getattr(source, "state", source)
    entries = state.items() if isinstance(state, Mapping) else ()
    others = [repr(k) for k, v in entries if not isinstance(v, Tensor | np.ndarray)]
    if others or not isinstance(state, Mapping):
        held = f" with {', '.join(others[:N_NEAREST])}, no tensors" if others else ""
        raise ValueError(
            f"Got source of type {type(source).__name__}{held}, but expected a "
            "torch.nn.Module, a state dict, the path of one, or a fitted estimator of "
            "skvae."
        )
    return {name: torch.as_tensor(value) for name, value in state.items()}


def _row(
    name: str,
    found: str | None,
    new: Mapping[str, Tensor],
    old: Mapping[str, Tensor],
    fitting: Fitting,
) -> TransferRow:
    shape = tuple(old[name].shape)
    if found is None or found not in new:
        return TransferRow(name, shape, "", None, NO_COUNTERPART)
    return TransferRow(name, shape, found, tuple(new[found].shape), fitting(name, found))


def _fitting(
    target: nn.Module, new: Mapping[str, Tensor], old: Mapping[str, Tensor]
) -> Fitting:
    """Return what says whether a tensor can be copied: as it is, or summed over rgb."""
    kernels = (n for n, v in old.items() if n.endswith("weight") and v.ndim > 2)
    first = next(kernels, None)
    # The kernels of a grouped convolution have one channel, but its input may have more.
    grouped = {
        f"{name}.weight"
        for name, module in target.named_modules()
        if getattr(module, "groups", 1) != 1
    }

    def fitting(name: str, other: str) -> str:
        shape, wanted = tuple(old[name].shape), tuple(new[other].shape)
        if shape == wanted:
            return COPIED
        rgb = name == first and shape[1] == 3 and other not in grouped
        return ADAPTED if rgb and wanted == (shape[0], 1, *shape[2:]) else OTHER_SHAPE

    return fitting


def _refuse(
    report: TransferReport,
    strict: str,
    new: Mapping[str, Tensor],
    old: Mapping[str, Tensor],
) -> None:
    counts = report.counts
    n_fitting = counts.get(COPIED, 0) + counts.get(ADAPTED, 0)
    if strict == "all" and n_fitting < len(report.rows):
        left = [row for row in report.rows if row.status not in (COPIED, ADAPTED)]
        listed = ", ".join(f"{r.source or r.target} ({r.status})" for r in left[:N_NEAREST])
        raise ValueError(
            f"Got strict='all', but {len(left)} of {len(report.rows)} tensors are left: "
            f"{listed}{', ...' if len(left) > N_NEAREST else ''}. Nothing was changed."
        )
    if strict == "any" and n_fitting == 0:
        raise ValueError(
            f"None of the {len(old)} tensors of the source fits one of the {len(new)} of "
            f"the target; {_why(report, new, old)}; nothing was changed."
        )


def _why(
    report: TransferReport, new: Mapping[str, Tensor], old: Mapping[str, Tensor]
) -> str:
    pairs = [(r.source, r.target) for r in report.rows if r.status == OTHER_SHAPE]
    n_unequal = len(pairs)
    if not pairs:
        nearest = sorted(nearest_names(new, old), key=lambda found: -found[2])
        pairs = [(name, other) for name, other, _ in nearest]
    listed = ", ".join(
        f"{name!r} {tuple(old[name].shape)} -> {other!r} {tuple(new[other].shape)}"
        for name, other in pairs[:N_NEAREST]
    )
    if n_unequal:
        return f"{n_unequal} have a counterpart of another shape: {listed}"
    return (
        f"the nearest names are {listed or 'none'}. Say with mapping= which belong together"
    )


def _refuse_weightless(
    report: TransferReport, new: Mapping[str, Tensor], old: Mapping[str, Tensor]
) -> None:
    for row in report.rows:
        if row.status not in (COPIED, ADAPTED):
            continue
        for which, name, tensor in (
            ("target", row.target, new[row.target]),
            ("source", row.source, old[row.source]),
        ):
            if tensor.is_meta:
                raise ValueError(
                    f"Got a {which} whose tensor {name} is on device='meta', which holds "
                    "no values; expected one on a real device, as a target is after "
                    "network.to_empty(device='cpu'). Nothing was changed."
                )


def _shape(shape: tuple[int, ...] | None) -> str:
    return "" if shape is None else str(shape)


def _refuse_non_finite(report: TransferReport, old: Mapping[str, Tensor]) -> None:
    for row in report.rows:
        value = old.get(row.source)
        if row.status not in (COPIED, ADAPTED) or value is None:
            continue
        if value.is_floating_point() and not value.isfinite().all():
            raise ValueError(
                f"Got a source whose tensor {row.source} has entries that are NaN or "
                "infinite; expected finite weights. Nothing was changed."
            )
