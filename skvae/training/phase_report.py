"""What a phase of training changed, and what it left alone."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

from skvae.training.data import update_with
from skvae.training.host import on_host
from skvae.training.recipe import Phase

HASH_LENGTH = 16


def begin_report(phase: Phase, module: nn.Module) -> dict[str, Any]:
    """Begin the row of a phase; its ``n_epochs`` and ``<part>_after`` come later."""
    sizes = {True: 0, False: 0}
    for parameter in module.parameters():
        sizes[parameter.requires_grad] += parameter.numel()
    return {
        "phase": phase.name,
        "n_epochs": 0,
        "n_trainable": sizes[True],
        "n_frozen": sizes[False],
        **hashes(module.state_dict(), "before"),
    }


def hashes(state: Mapping[str, Tensor | np.ndarray], when: str) -> dict[str, str]:
    """Hash the weights and buffers of each part: ``encoder.down...`` is the encoder's."""
    digests: dict[str, Any] = {}
    for name in sorted(state):
        value = np.atleast_1d(on_host(state[name]))
        digest = digests.setdefault(name.partition(".")[0], hashlib.sha256())
        digest.update(f"{name} {value.shape} {value.dtype}".encode())
        update_with(digest, value)
    return {f"{part}_{when}": d.hexdigest()[:HASH_LENGTH] for part, d in digests.items()}
