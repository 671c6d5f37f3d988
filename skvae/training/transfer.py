"""Weights of one network copied into another, with a row of account for every tensor."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from skvae.networks.vgg import block_names

COPIED = "copied"
ADAPTED = "adapted: rgb summed"
NO_COUNTERPART = "skipped: no counterpart"
OTHER_SHAPE = "skipped: shape"
UNFILLED = "unfilled"
STRICTNESS = ("any", "all", "none")
N_NEAREST = 5

Mapped = str | Mapping[str, str] | Callable[[str], str | None]

_PREFIXES = re.compile(
    r"^(module|_orig_mod|model|network|backbone|encoder|features)[._](?=.)"
)
# Checkpoints of DenseNet from before 2018 say norm.1 for norm1.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d)")
_VGG_INDEX = re.compile(r"^(\d+)(?=\.)")
_SECOND_FEATURE = re.compile(r"(^|features[._])1\.weight$")


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
        is ``norm1``), then names of which one ends with the other and whose shapes
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
        As ``strict`` says; the message has the nearest names.

    Notes
    -----
    The kernels of a first layer that expects red, green and blue are summed where the
    target has one channel: on grey images, the result is what it was on three equal
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
    renamed = _counterparts(new, old, mapping)
    rows = [_row(name, old[name], renamed.get(name), new) for name in old]
    filled = {row.target for row in rows if row.status in (COPIED, ADAPTED)}
    rows += [
        TransferRow("", None, name, tuple(value.shape), UNFILLED)
        for name, value in new.items()
        if name not in filled
    ]
    report = TransferReport(tuple(rows))
    _refuse(report, strict, new, old)
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
    if not isinstance(state, Mapping) or not all(
        isinstance(value, Tensor | np.ndarray) for value in state.values()
    ):
        raise ValueError(
            f"Got source of type {type(source).__name__}, but expected a torch.nn.Module, "
            "a state dict, the path of one, or a fitted estimator of skvae."
        )
    return {name: torch.as_tensor(value) for name, value in state.items()}


def _row(
    name: str, value: Tensor, found: str | None, new: Mapping[str, Tensor]
) -> TransferRow:
    shape = tuple(value.shape)
    if found is None or found not in new:
        return TransferRow(name, shape, "", None, NO_COUNTERPART)
    wanted = tuple(new[found].shape)
    status = OTHER_SHAPE
    if shape == wanted:
        status = COPIED
    elif _fits(shape, wanted):
        status = ADAPTED
    return TransferRow(name, shape, found, wanted, status)


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a tensor can be copied: as it is, or summed over red, green and blue."""
    if shape == wanted:
        return True
    return len(shape) > 2 and shape[1] == 3 and wanted == (shape[0], 1, *shape[2:])


def _counterparts(
    new: Mapping[str, Tensor], old: Mapping[str, Tensor], mapping: Mapped
) -> dict[str, str]:
    if mapping == "auto":
        return _matched(new, old)
    if isinstance(mapping, Mapping):
        rename: Callable[[str], str | None] = lambda name: _renamed(name, mapping)  # noqa: E731
    elif callable(mapping):
        rename = mapping
    else:
        raise ValueError(
            f"Got mapping={mapping!r}, but expected 'auto', a dict or a callable."
        )
    found = {name: other for name in old if (other := rename(name)) is not None}
    twice = [name for name, n in Counter(found.values()).items() if n > 1 and name in new]
    if twice:
        sources = [name for name, other in found.items() if other == twice[0]]
        raise ValueError(
            f"Got a mapping that takes {' and '.join(sources)} to {twice[0]}; expected one "
            "tensor for each."
        )
    return found


def _renamed(name: str, mapping: Mapping[str, str]) -> str:
    """Replace the longest part of a name, up to a dot, that the mapping has."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        head = ".".join(parts[:n])
        if head in mapping:
            return ".".join([mapping[head], *parts[n:]])
    return name


def _matched(new: Mapping[str, Tensor], old: Mapping[str, Tensor]) -> dict[str, str]:
    """Match names that are equal, then those spelled otherwise, then by their ends."""
    found = {name: name for name in old if name in new}
    left = [name for name in old if name not in found]
    free = [name for name in new if name not in found]
    ours, theirs = _spellings(new, free), _spellings(old, left)
    for spelling, names in theirs.items():
        others = ours.get(spelling, [])
        if len(names) == len(others) == 1:
            found[names[0]] = others[0]
    taken = set(found.values())
    left = [name for name in left if name not in found]
    free = [name for name in free if name not in taken]
    return found | _matched_by_end(new, old, free, left)


def _matched_by_end(
    new: Mapping[str, Tensor],
    old: Mapping[str, Tensor],
    free: Iterable[str],
    left: Iterable[str],
) -> dict[str, str]:
    pairs = [
        (name, other)
        for name in left
        for other in free
        if f".{other}".endswith(f".{name}") or f".{name}".endswith(f".{other}")
        if _fits(tuple(old[name].shape), tuple(new[other].shape))
    ]
    n_names = Counter(name for name, _ in pairs)
    n_others = Counter(other for _, other in pairs)
    return {name: other for name, other in pairs if n_names[name] == n_others[other] == 1}


def _spellings(state: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, list[str]]:
    """Group names by a spelling that prefixes, VGG's indices and old names share."""
    # The second of VGG's features is a batch norm, with weights, or a ReLU without.
    batch_norm = any(_SECOND_FEATURE.search(name) for name in state)
    blocks = block_names(batch_norm=batch_norm)
    spellings: dict[str, list[str]] = {}
    for name in names:
        spelling = name
        while _PREFIXES.match(spelling):
            spelling = _PREFIXES.sub("", spelling)
        spelling = _OLD_DENSENET.sub(r"\1\2", spelling)
        spelling = _VGG_INDEX.sub(
            lambda match: blocks.get(int(match[1]), match[1]), spelling
        )
        spellings.setdefault(spelling, []).append(name)
    return spellings


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
            f"the target; the nearest names are {_nearest(new, old)}. Say with mapping= "
            "which belong together; nothing was changed."
        )


def _nearest(new: Mapping[str, Tensor], old: Mapping[str, Tensor]) -> str:
    pairs = []
    for name in list(old)[:N_NEAREST]:
        others = get_close_matches(name, new, n=1, cutoff=0.0)
        pairs += [f"{name!r} -> {other!r}" for other in others]
    return ", ".join(pairs) or "none"


def _shape(shape: tuple[int, ...] | None) -> str:
    return "" if shape is None else str(shape)
