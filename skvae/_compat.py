"""The one shim for what is private or experimental in scikit-learn."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from sklearn.base import _fit_context
from sklearn.callback import CallbackSupportMixin, ProgressBar
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _check_method_params as rows_of_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _check_y as check_regression_targets

__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "begin_fit",
    "check_feature_names_in",
    "check_regression_targets",
    "check_sample_weight",
    "fit_context",
    "may_stop",
    "routed_fit_params",
    "rows_of_params",
    "shown_with_documentation",
    "take_rows",
]


Method = TypeVar("Method", bound=Callable[..., Any])


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]:
    """Validate the parameters before a method runs, whose types stay known."""
    wrap: Callable[[Method], Method] = _fit_context(
        prefer_skip_nested_validation=prefer_skip_nested_validation
    )
    return wrap


def begin_fit(estimator: Any, n_epochs: int, X: Any) -> Callable[..., Any]:
    """Tell the callbacks that a fit begins; return how to tell them of an epoch.

    The returned function opens the task of an epoch and returns another, which closes
    it with the attributes that a fitted copy needs, and says whether to stop. Called
    with ``end=True`` it closes the fit itself.
    """
    context = estimator._init_callback_context(max_subtasks=n_epochs)
    context.call_on_fit_task_begin(estimator=estimator, X=X)

    def epoch(*, end: bool = False) -> Callable[..., bool]:
        task = context if end else context.subcontext(task_name="epoch")
        if not end:
            task.call_on_fit_task_begin(estimator=estimator, X=X)

        def close(attributes: Callable[[], dict[str, Any]] | None = None) -> bool:
            return task.call_on_fit_task_end(
                estimator=estimator, X=X, reconstruction_attributes=attributes
            )

        return close

    return epoch


def routed_fit_params(search: Any, params: dict[str, Any]) -> Any:
    """Return what a search hands to its estimator's fit, and to the split of its folds."""
    return search._get_routed_params_for_fit(params)


def may_stop(estimator: Any) -> bool:
    """Whether a callback is set that could end a fit early: all but progress bars."""
    callbacks = getattr(estimator, "_skl_callbacks", [])
    return any(not isinstance(callback, ProgressBar) for callback in callbacks)


def shown_with_documentation(show: Callable[..., Any], *args: Any, doc_link: str) -> Any:
    """Return the parameters or attributes of an estimator, as HTML shows them.

    scikit-learn shows what a docstring says of each only where the class has a page on
    the web; where there is none, the links that lead nowhere are taken out again.
    """
    shown = show(*args, doc_link=doc_link or "#")
    if not doc_link:
        shown._html_repr = partial(_without_links, shown._html_repr)
    return shown


def _without_links(html: Callable[[], str]) -> str:
    return re.sub(r'\s(rel="noreferrer"|target="_blank"|href="#[^"]*")', "", html())
