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
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"Got device={device!r}, but torch cannot use it here ({error}); "
            "expected 'auto', 'cpu', 'cuda', 'cuda:0', ... or 'mps'."
        ) from error
    return device
