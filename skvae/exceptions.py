"""Errors and warnings that skvae raises, for users to catch or filter."""

import contextlib
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import joblib
import sklearn
from sklearn.exceptions import ConvergenceWarning

__all__ = [
    "CacheWarning",
    "ConstantCodeWarning",
    "EmptyOrganWarning",
    "MissingDependencyError",
    "ModelFileWarning",
    "NonFiniteLossError",
    "PosteriorCollapseWarning",
    "PretrainingLostWarning",
]

_NUMBERS = re.compile(r"\[[^\]]*\]|\d[\d.e+-]*")
# A warning names the line of the user, whatever lies between: here, `fit` is decorated.
INSIDE = (
    *(
        str(Path(found.__file__).parent)
        for found in (sys.modules["skvae"], sklearn, joblib)
    ),
    contextlib.__file__,
)


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of what the first frame outside of skvae and scikit-learn has asked for.

    Parameters
    ----------
    message : str
        What is to be said.
    category : type of Warning, default=UserWarning
        Its class.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(INSIDE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def listed_briefly(parts: Sequence[str], most: int = 3) -> str:
    """Return the first parts and how many more there are: one warning, not 900.

    Parameters
    ----------
    parts : sequence of str
        What is to be said, each of one thing.
    most : int, default=3
        How many are said in full.

    Returns
    -------
    text : str
        Joined by commas.

    Examples
    --------
    >>> from skvae.exceptions import listed_briefly
    >>> listed_briefly(["'a' is constant", "'b' is constant"], most=1)
    "'a' is constant, and 1 more"
    """
    more = [f"and {len(parts) - most} more"] if len(parts) > most else []
    return ", ".join([*parts[:most], *more])


@contextlib.contextmanager
def said_once() -> Iterator[None]:
    """Keep what a loop warns of, and say each kind once behind it.

    Messages that differ in numbers alone are of one kind, of which the first is said.

    Yields
    ------
    None
        Nothing.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    kinds: dict[tuple[type[Warning], str], list[str]] = {}
    for warned in caught:
        text = str(warned.message)
        kinds.setdefault((warned.category, without_numbers(text)), []).append(text)
    for (category, _), texts in kinds.items():
        more = f" (and {len(texts) - 1} more alike)" if len(texts) > 1 else ""
        warn_caller(f"{texts[0]}{more}", category)


def without_numbers(text: str) -> str:
    """Return a message that is the same whatever numbers it tells.

    Parameters
    ----------
    text : str
        The message.

    Returns
    -------
    text : str
        With a sign for each number or array.

    Examples
    --------
    >>> from skvae.exceptions import without_numbers
    >>> without_numbers("scores are non-finite: [nan 0.5] in 3 of 5 folds")
    'scores are non-finite: # in # of # folds'
    """
    return _NUMBERS.sub("#", text)


class NonFiniteLossError(ValueError):
    """Training met a loss that is NaN or infinite; no fitted network came of it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skvae import Autoencoder
    >>> from skvae.exceptions import NonFiniteLossError
    >>> try:
    ...     Autoencoder(2, learning_rate_init=1e30).fit(load_iris().data)
    ... except NonFiniteLossError as error:
    ...     print(str(error).split(".")[0])
    The loss ...
    """


class MissingDependencyError(ImportError):
    """An optional package is needed; the message names the extra that installs it.

    Examples
    --------
    >>> from skvae.exceptions import MissingDependencyError
    >>> issubclass(MissingDependencyError, ImportError)
    True
    """


class CacheWarning(UserWarning):
    """A memory or checkpoint lost what it held, or could not keep it; results are right.

    Examples
    --------
    Where a lost entry is no news, as of a folder that others clean up:

    >>> import warnings
    >>> from skvae.exceptions import CacheWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", CacheWarning)
    """


class ModelFileWarning(UserWarning):
    """A model file has less than its estimator had, or was saved with other versions.

    Examples
    --------
    >>> import tempfile
    >>> import warnings
    >>> import skvae
    >>> from sklearn.datasets import load_iris
    >>> model = skvae.Autoencoder(2, max_iter=1, memory=tempfile.mkdtemp())
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     path = tempfile.mkdtemp() + "/model.skvae"
    ...     digest = skvae.save(model.fit(load_iris().data), path)
    >>> [warned.category.__name__ for warned in caught]
    ['ModelFileWarning']
    """


class ConstantCodeWarning(ConvergenceWarning):
    """No unit of an autoencoder's code varies over the training rows.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from skvae import Autoencoder
    >>> X = 1e6 + np.random.default_rng(0).normal(size=(50, 3))  # not scaled
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     model = Autoencoder(2, max_iter=1, random_state=0).fit(X)
    >>> [warned.category.__name__ for warned in caught]
    ['ConstantCodeWarning']
    """


class PosteriorCollapseWarning(ConvergenceWarning):
    """No latent unit of a variational autoencoder carries information about its input.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.datasets import load_iris
    >>> from skvae import VAEFeatureExtractor
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     vae = VAEFeatureExtractor(2, beta=100, max_iter=20, random_state=0)
    ...     vae = vae.fit(load_iris().data)
    >>> vae.active_units_, [warned.category.__name__ for warned in caught]
    (0, ['PosteriorCollapseWarning'])
    """


class PretrainingLostWarning(ConvergenceWarning):
    """Fine-tuning began with steps so large that the pretrained encoder was destroyed.

    Examples
    --------
    A search should leave out what destroys its own pretraining:

    >>> import warnings
    >>> from skvae.exceptions import PretrainingLostWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", PretrainingLostWarning)
    """


class EmptyOrganWarning(UserWarning):
    """The first stage of a cascade found no organ; the second one takes the whole image.

    Examples
    --------
    >>> import warnings
    >>> from skvae.exceptions import EmptyOrganWarning
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", EmptyOrganWarning)  # rather than a whole image
    """
