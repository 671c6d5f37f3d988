"""Where the fits of a study are computed: here, or by the workers of a cluster."""

from collections.abc import Iterator
from contextlib import contextmanager

import joblib

from skvae.extras import import_extra

__all__ = ["on_cluster"]

SECONDS_TO_ANSWER = 10


@contextmanager
def on_cluster(address: str) -> Iterator[None]:
    """Have joblib compute on the workers of dask; without an address, here.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``"tcp://10.0.0.1:8786"``; empty for this machine.

    Raises
    ------
    MissingDependencyError
        Where distributed is missing.
    ValueError
        If no scheduler answers.
    """
    if not address:
        yield
        return
    distributed = import_extra("distributed", "cluster")
    try:
        client = distributed.Client(address, timeout=SECONDS_TO_ANSWER)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"Got cluster={address!r}, expected the address of a scheduler of dask such as "
            f"tcp://10.0.0.1:8786: {error}"
        ) from error
    with client, joblib.parallel_config("dask"):
        yield
