"""The packages of the extra `study`, for tables and figures, imported when needed."""

from importlib import import_module
from types import ModuleType

from skvae.exceptions import MissingDependencyError

__all__ = ["import_extra"]


def import_extra(module: str) -> ModuleType:
    """Import a module of the extra `study`, or say how to install it.

    Parameters
    ----------
    module : str
        Dotted name, such as `"matplotlib.figure"`.

    Returns
    -------
    module
        The imported module.

    Examples
    --------
    >>> from skvae.extras import import_extra
    >>> import_extra("no_such_package.figure")
    Traceback (most recent call last):
    skvae.exceptions.MissingDependencyError: This needs no_such_package: pip install
    "skvae[study]"
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f'This needs {module.partition(".")[0]}: pip install "skvae[study]"'
        ) from error
