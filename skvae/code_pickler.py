"""Pickles in which functions count by what they do, to tell edited ones from the old."""

import io
import pickle
from inspect import unwrap
from types import CodeType, FunctionType
from typing import Any

__all__ = ["CodePickler", "code_pickle", "described"]


class CodePickler(pickle.Pickler):
    """Pickle functions that users write with their code.

    They pickle by their names, which they keep when they are edited; so do classes whose
    instances are called. What these call in turn counts by its name.
    """

    def persistent_id(self, item: Any) -> Any:
        """Return what stands for a function or class; None for all other things."""
        call = vars(item).get("__call__") if isinstance(item, type) else item
        if not isinstance(call, FunctionType) or str(item.__module__).startswith("skvae."):
            return None
        if "<" in item.__qualname__:
            return None  # does not pickle: its name does not find it
        # What a decorator such as torch.no_grad wraps, if that is a function.
        written = unwrap(call, stop=wraps_no_function)
        found = described(written.__code__), written.__defaults__, written.__kwdefaults__
        return item.__module__, item.__qualname__, *found


def code_pickle(value: Any) -> bytes:
    """Return a pickle that is the same for equal values, in each process.

    Parameters
    ----------
    value : object
        Made of values, classes and functions.

    Returns
    -------
    bytes
        To hash, not to load.

    Raises
    ------
    TypeError
        If something of it does not pickle.

    Examples
    --------
    >>> code_pickle((1, len)) == code_pickle((1, len)) != code_pickle((1, sum))
    True
    """
    pickled = io.BytesIO()
    pickler = CodePickler(pickled, protocol=4)
    # Without the memo, which would tell equal values from the same value met twice.
    pickler.fast = True
    try:
        pickler.dump(value)
    except (pickle.PicklingError, AttributeError) as error:
        raise TypeError(str(error)) from error
    return pickled.getvalue()


def wraps_no_function(function: Any) -> bool:
    """Whether a function is no decorator's, or wraps something else."""
    return not isinstance(getattr(function, "__wrapped__", None), FunctionType)


def described(code: CodeType) -> tuple[Any, ...]:
    """Return what a function's code says, the same in each process."""
    constants = [
        described(value)
        if isinstance(value, CodeType)
        # A set prints in another order each time.
        else repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)
        for value in code.co_consts
    ]
    return code.co_code, code.co_names, constants
