"""Where to compute."""

import torch


def resolve_device(device: str) -> str:
    """Turn ``"auto"`` into the best device there is, and check any other name.

    Raises
    ------
    ValueError
        If the device does not exist on this machine.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        holds_values = not torch.zeros(1, device=device).is_meta
    except (RuntimeError, AssertionError, NotImplementedError, ImportError):
        holds_values = False
    if not holds_values:
        raise ValueError(
            f"Got device={device!r}, but torch cannot compute on it here; expected 'auto', "
            "'cpu', 'cuda', 'cuda:0', ... or 'mps'."
        )
    return device
