"""The outcome in a table: classes or numbers, what is missing, which class is positive."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.extras import import_extra

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["column_of_numbers", "positive_class", "settled_outcome", "usable_outcome"]

# A column of whole numbers with more values than these is an amount, not a class.
_MOST_CLASSES = 10


def column_of_numbers(values: "Series") -> tuple["Series", "Series"]:
    """Return numbers from a column of any type, and what is there but is no number.

    Parameters
    ----------
    values : Series
        The column.

    Returns
    -------
    numbers : Series
        Float64, with NaN for what is missing or no number.
    bad : Series
        What is no number, alone.
    """
    pd = import_extra("pandas")
    # In a frame of PyRadiomics' results, most numbers are arrays of no dimension.
    plain = values.map(
        lambda v: v.item() if isinstance(v, np.ndarray) and v.size == 1 else v
    )
    plain = plain.where(plain.astype(str).str.strip() != "")
    numbers = pd.to_numeric(plain, errors="coerce").astype(np.float64)
    return numbers, plain[numbers.isna() & plain.notna()]


def _plain(value: Any) -> Any:
    # In a frame of PyRadiomics' results, most numbers are arrays of no dimension.
    is_number = isinstance(value, np.ndarray) and value.size == 1
    return value.item() if is_number else value


def usable_outcome(table: "DataFrame", target: str) -> "Series":
    """Return the outcome of each row, missing where it says nothing.

    Parameters
    ----------
    table : DataFrame
        The table.
    target : str
        Column of the outcome.

    Returns
    -------
    Series
        Of numbers or truth values; or of text, of which nothing but spaces is missing.

    Raises
    ------
    ValueError
        Where most values are numbers and some are text.
    """
    pd = import_extra("pandas")
    values = table[target]
    if pd.api.types.is_bool_dtype(values):
        return values
    if pd.api.types.is_numeric_dtype(values):
        return values.astype(np.float64).replace([np.inf, -np.inf], np.nan)
    numbers, bad = column_of_numbers(values)
    n_numbers = int(numbers.notna().sum())
    if n_numbers > len(bad):
        if len(bad):
            raise ValueError(
                f"Got target={target!r} with {n_numbers} numbers, but {bad.iloc[0]!r} in "
                f"row {bad.index[0]}; expected numbers or classes, and nothing where the "
                "outcome is missing."
            )
        if not {bool, np.bool_} & set(map(type, values)):
            return numbers.replace([np.inf, -np.inf], np.nan)
    text = values.astype(object).where(values.notna()).map(_text, na_action="ignore")
    return text.where(text != "")


def _text(value: Any) -> Any:
    return str(value).strip()


def settled_outcome(target: "Series") -> "Series":
    """Return classes as text, bool or int, and numbers as float.

    Parameters
    ----------
    target : Series
        As `usable_outcome` returns it, without what is missing.

    Returns
    -------
    Series
        The outcome.
    """
    pd = import_extra("pandas")
    if pd.api.types.is_bool_dtype(target) or set(target) <= {"True", "False"}:
        return target.astype(str).eq("True")
    if not pd.api.types.is_numeric_dtype(target):
        return target.astype(str)
    whole = (target == target.round()).all()
    return target.astype(np.int64 if whole and target.nunique() <= _MOST_CLASSES else float)


def positive_class(outcome: "Series", positive: Any) -> Any:
    """Return the class that probabilities are of.

    Parameters
    ----------
    outcome : Series
        As `settled_outcome` returns it.
    positive : object
        The class as named, or its text, which is all that a command line knows; None for
        the second of two.

    Returns
    -------
    object
        The class; None unless there are two.

    Raises
    ------
    ValueError
        Where it is none of two classes.
    """
    classes = [] if outcome.dtype == float else sorted(set(outcome.tolist()))
    if positive is None:
        return classes[-1] if len(classes) == 2 else None
    found = [c for c in classes if c == positive or str(c) == str(positive)]
    if len(classes) != 2 or not found:
        listed = ", ".join(map(repr, classes[:10])) if classes else "numbers"
        raise ValueError(
            f"Got positive={positive!r}, expected one of two classes; the outcome has "
            f"{listed}."
        )
    return found[0]
