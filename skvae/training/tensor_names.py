"""Which tensor of one network is which of another, by their names."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import accumulate, pairwise

import numpy as np

from skvae.networks.unet import encoder_name
from skvae.networks.vgg import block_names

Mapped = str | Mapping[str, str] | Callable[[str], str | None]
# Whether a tensor of the source can be copied to one of the target, given their names.
Fits = Callable[[str, str], bool]

_PREFIXES = re.compile(
    r"^(module|_orig_mod|model|network|backbone|encoder|features)[._](?=.)"
)
# Checkpoints of DenseNet from before 2018 say norm.1 for norm1.
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d)")
_VGG_INDEX = re.compile(r"^(\d+)(?=\.)")
_SECOND_FEATURE = re.compile(r"(^|features[._])1\.weight$")


def counterparts(
    new: Collection[str],
    old: Collection[str],
    mapping: Mapped,
    fits: Fits,
) -> dict[str, str]:
    """Return how tensors of the source (``old``) are called in the target (``new``).

    Raises
    ------
    ValueError
        If a mapping has a key that names nothing, or takes two tensors to one.
    """
    if mapping == "auto":
        return _matched(new, old, fits)
    if isinstance(mapping, Mapping):
        _refuse_unknown(mapping, old)
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


def _refuse_unknown(mapping: Mapping[str, str], old: Collection[str]) -> None:
    known = {part for name in old for part in accumulate(name.split("."), "{}.{}".format)}
    for key in mapping:
        if key not in known:
            ((_, nearest, _),) = nearest_names(sorted(known), [key])
            raise ValueError(
                f"Got a mapping with the key {key!r}, which is no module or tensor of the "
                f"source; the nearest name there is {nearest!r}."
            )


def _renamed(name: str, mapping: Mapping[str, str]) -> str:
    """Replace the longest part of a name, up to a dot, that the mapping has."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        head = ".".join(parts[:n])
        if head in mapping:
            return ".".join([mapping[head], *parts[n:]])
    return name


def _matched(new: Collection[str], old: Collection[str], fits: Fits) -> dict[str, str]:
    """Match names that are equal, spelled otherwise, of a level, or ends of each other."""
    found = {name: name for name in old if name in new}
    left, free = _left(new, old, found)
    ours, theirs = _spellings(new, free), _spellings(old, left)
    for spelling, names in theirs.items():
        others = ours.get(spelling, [])
        if len(names) == len(others) == 1:
            found[names[0]] = others[0]
    left, free = _left(new, old, found)
    found |= _unambiguous((n, other) for n in left if (other := encoder_name(n)) in free)
    left, free = _left(new, old, found)
    return found | _unambiguous(
        (name, other)
        for name in left
        for other in free
        if f".{other}".endswith(f".{name}") or f".{name}".endswith(f".{other}")
        if fits(name, other)
    )


def _left(
    new: Iterable[str], old: Iterable[str], found: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """Return the names of the source, and of the target, that have found no other."""
    taken = set(found.values())
    return [n for n in old if n not in found], [n for n in new if n not in taken]


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    pairs = list(pairs)
    n_names = Counter(name for name, _ in pairs)
    n_others = Counter(other for _, other in pairs)
    return {name: other for name, other in pairs if n_names[name] == n_others[other] == 1}


def _spellings(state: Collection[str], names: Iterable[str]) -> dict[str, list[str]]:
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


def nearest_names(
    new: Collection[str], old: Collection[str]
) -> list[tuple[str, str, float]]:
    """Return the most similar name of the target for each of the source, and how much so.

    That is the share of letters and pairs of letters in common: Dice's coefficient.
    """
    if not new or not old:
        return []
    parts = [{*name, *pairwise(name)} for name in (*old, *new)]
    column = {part: i for i, part in enumerate(set().union(*parts))}
    has = np.zeros((len(parts), len(column)), np.float32)
    for row, present in zip(has, parts, strict=True):
        row[[column[part] for part in present]] = 1
    ours, theirs = has[: len(old)], has[len(old) :]
    alike = 2 * ours @ theirs.T / (ours.sum(axis=1, keepdims=True) + theirs.sum(axis=1))
    names = list(new)
    return [
        (name, names[row.argmax()], float(row.max()))
        for name, row in zip(old, alike, strict=True)
    ]
