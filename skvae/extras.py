"""The packages of the extras, for tables, figures and scans, imported when needed."""

from importlib import import_module
from types import ModuleType

from skvae.exceptions import MissingDependencyError

__all__ = ["import_extra"]


def import_extra(module: str, extra: str = "study") -> ModuleType:
    """Import a module of an extra, or say how to install it.

    Parameters
    ----------
    module : str
        Dotted name, such as `"matplotlib.figure"`.
    extra : str, default="study"
        Name of the extra that brings it.

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
            f'This needs {module.partition(".")[0]}: pip install "skvae[{extra}]"'
        ) from error
