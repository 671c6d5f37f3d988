"""Images of which nearly all is an offset that they share."""

import numpy as np

from skvae.exceptions import warn_caller

# At forty deviations, a U-Net normalised by groups learned nothing, one without
# normalisation little (Dice .37 instead of .92); at ten, groups lost .04.
MOST_DEVIATIONS = 20
N_IMAGES, N_PIXELS = 8, 32


def warn_of_offset(x: np.ndarray, name: str) -> None:
    """Warn where a channel is further from 0 than a network can make good.

    Parameters
    ----------
    x : ndarray of shape (n_samples, channels, *spatial)
        Images, of which a few are looked at, and of each axis a few pixels.
    name : str
        Of the estimator, for messages.
    """
    if x.ndim < 3:
        return
    rows = range(0, len(x), max(1, -(-len(x) // N_IMAGES)))
    pixels = (slice(None), *(slice(None, None, -(-n // N_PIXELS)) for n in x.shape[2:]))
    some = [np.asarray(x[row])[pixels].reshape(x.shape[1], -1) for row in rows]
    channels = np.concatenate(some, axis=1, dtype=np.float64)
    mean, deviation = channels.mean(axis=1), channels.std(axis=1)
    far = np.abs(mean) > MOST_DEVIATIONS * deviation
    # A channel that is constant says nothing in any units.
    for channel in np.flatnonzero(far & (deviation > 0))[:1]:
        warn_caller(
            f"Got X whose channel {channel} has a mean of {mean[channel]:.4g} and a "
            f"deviation of {deviation[channel]:.3g}: {name} may learn nothing from images "
            "that are so far from 0. Subtract the mean, or scale them to about [0, 1]."
        )
