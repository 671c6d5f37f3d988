"""The steps of pipelines in words, as far as they are known; else by their names."""

from ast import literal_eval
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

__all__ = ["KINDS", "arm_in_words", "grid_in_words", "kinds_of_steps"]

Params = Mapping[str, Any]


def _impute(p: Params) -> str:
    how = {"most_frequent": "most frequent value", "constant": "constant"}
    strategy = str(p.get("strategy", "mean"))
    return f"missing values replaced by the {how.get(strategy, strategy)}"


def _scale(p: Params) -> str:
    done = [("with_mean", "centred"), ("with_std", "scaled to unit variance")]
    words = [word for key, word in done if p.get(key, True)]
    return f"columns {' and '.join(words) or 'as they are'}"


def _sized(what: str, key: str) -> Callable[[Params], str]:
    def words(p: Params) -> str:
        return f"{what} ({key} {p[key]})" if p.get(key) is not None else what

    return words


def _network(what: str) -> Callable[[Params], str]:
    sized = _sized(what, "n_components")

    def words(p: Params) -> str:
        n_networks, text = p.get("n_networks", 1), sized(p)
        if n_networks != 1:
            text += f", {n_networks} networks of it"
        if p.get("cross_fit"):
            text += f", cross-fitted in {p['cross_fit']} folds"
        return f"{text}, missing values masked" if p.get("missing") == "mask" else text

    return words


def _columns(p: Params) -> str:
    named = p["columns"] if isinstance(p["columns"], list) else [p["columns"]]
    what = "column" if len(named) == 1 else "columns"
    return f"the {what} {', '.join(map(str, named))}"


def _function(p: Params) -> str:
    names = {"log_volume": "the logarithm of the number of voxels of the mask"}
    name = p.get("func")
    known = names | {"flatten": "voxels as columns", "log1p": "the logarithm of 1 + x"}
    return known.get(str(name), f"the function {name}")


def _selected(p: Params) -> str:
    by = str(p.get("score_func") or "f_classif")
    test = "an F test" if by in ("f_classif", "f_regression") else by
    return _sized(f"the best columns by {test}", "k")(p)


def _varying(p: Params) -> str:
    least = p.get("threshold") or 0
    return f"columns of a variance up to {least} dropped" if least else "constants dropped"


def _guess(p: Params) -> str:
    if p.get("strategy", "prior") in ("prior", "most_frequent"):
        return "the shares of the classes for every row"
    return f"classes guessed ({p['strategy']})"


_WORDS: Mapping[str, Callable[[Params], str]] = {
    "SelectBlock": lambda p: f"the input {p.get('block')}",
    "Columns": _columns,
    "SimpleImputer": _impute,
    "StandardScaler": _scale,
    "FunctionTransformer": _function,
    "OneHotEncoder": lambda p: "classes as columns of 0 and 1",
    "VarianceThreshold": _varying,
    "SelectKBest": _selected,
    "PCA": _sized("principal components", "n_components"),
    "ImagePCA": _sized("principal components of the voxels", "n_components"),
    "Autoencoder": _network("an autoencoder"),
    "VAEFeatureExtractor": _network("a variational autoencoder"),
    "AttriVAE": _network("an attribute-regularised variational autoencoder"),
    "ImageLoader": lambda p: _loader(p),
    "LogisticRegression": _sized("logistic regression", "C"),
    "Ridge": _sized("ridge regression", "alpha"),
    "DummyClassifier": _guess,
    "DummyRegressor": lambda p: "the mean for every row",
}
# Parameters that these words tell, or that change nothing of what is said.
_SAID = {
    "SelectBlock": {"block"},
    "Columns": {"columns"},
    "SimpleImputer": {"strategy"},
    "StandardScaler": {"with_mean", "with_std"},
    "FunctionTransformer": {"func"},
    "OneHotEncoder": {"handle_unknown", "sparse_output"},
    "VarianceThreshold": {"threshold"},
    "SelectKBest": {"k", "score_func"},
    "PCA": {"n_components", "random_state", "svd_solver"},
    "ImagePCA": {"n_components", "random_state"},
    "LogisticRegression": {"C", "max_iter"},
    "Ridge": {"alpha"},
    "DummyClassifier": {"strategy"},
}
# What words tell as a number behind them, and leave out where there is none.
_SIZES = {"C", "alpha", "n_components", "k"}
KINDS = {
    "missing": {"SimpleImputer", "KNNImputer", "IterativeImputer"},
    "scaling": {"StandardScaler", "MinMaxScaler", "RobustScaler", "QuantileTransformer"},
    "reduction": {"PCA", "ImagePCA", "SelectKBest"},
    "loading": {"ImageLoader"},
    "baseline": {"DummyClassifier", "DummyRegressor"},
    "classical": {
        "LogisticRegression",
        "Ridge",
        "LinearRegression",
        "RandomForestClassifier",
        "RandomForestRegressor",
        "SVC",
        "SVR",
    },
}


def _loader(p: Params) -> str:
    parts = []
    if p.get("spacing_mm"):
        parts.append(f"resampled to a spacing of {p['spacing_mm']} mm (z, y, x)")
    if p.get("window"):
        parts.append(f"intensities cut to {p['window']}")
    if p.get("normalize"):
        parts.append(f"normalised by {p['normalize']}")
    if p.get("crop"):
        parts.append(f"cropped around the {p['crop']} to {p.get('size')} voxels")
    if p.get("mask_mode") not in (None, "none"):
        parts.append(f"mask as {p['mask_mode']}")
    return f"scans read from their files ({'; '.join(parts) or 'as they are'})"


def step_in_words(step: Mapping[str, Any], searched: Sequence[str] = ()) -> str:
    """Say what a step does.

    Parameters
    ----------
    step : mapping
        Its `class` and `params`.
    searched : sequence of str, default=()
        Parameters that were searched: their values are those of no fold.

    Returns
    -------
    str
        In words where the class is known, else with what was changed of its defaults.
    """
    kind = step["class"]
    said = _SAID.get(kind, set())
    # Words that would tell the value of something else than a size say too much.
    if kind not in _WORDS or (set(searched) & said) - _SIZES:
        changes = {k: f"{k}={v!r}" for k, v in step.get("changed", {}).items()}
        changes |= {k: f"{k} searched" for k in searched}
        return f"{kind}({', '.join(changes.values())})"
    params = {k: v for k, v in step.get("params", {}).items() if k not in searched}
    changes = step.get("changed", {}) if kind in _SAID else {}
    more = [f"{k} {v}" for k, v in changes.items() if k not in said | set(searched)]
    more += [f"{k} searched" for k in searched]
    return " with ".join([_WORDS[kind](params), *([", ".join(more)] if more else [])])


def searched_in(arm: Mapping[str, Any], step: Mapping[str, Any]) -> list[str]:
    """Return which parameters of a step the grid of its arm searches.

    Parameters
    ----------
    arm : mapping
        Its `grid`.
    step : mapping
        Its `name` and `params`.

    Returns
    -------
    list of str
        Their names, in the order of the grid.
    """
    prefix = f"{step['name']}__" if step.get("name") else ""
    keys = dict.fromkeys(key for part in arm["grid"] or [] for key in part)
    mine = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
    return [key for key in mine if key.partition("__")[0] in step.get("params", {})]


def arm_in_words(arm: Mapping[str, Any]) -> str:
    """Say what an arm does, step by step.

    Parameters
    ----------
    arm : mapping
        Its `steps` and `grid`.

    Returns
    -------
    str
        The steps in order; those of a union beside one another.
    """
    arm = {"grid": []} | dict(arm)
    parts = [
        (branch, ", then ".join(_of_arm(arm, step) for step in steps))
        for branch, steps in groupby(arm["steps"], lambda step: step.get("branch", ""))
    ]
    text = parts[0][1] if parts else ""
    for (before, _), (branch, words) in pairwise(parts):
        text += f"; beside it {words}" if before and branch else f"; then {words}"
    return text


def _of_arm(arm: Mapping[str, Any], step: Mapping[str, Any]) -> str:
    if any(step.get("name") in part for part in arm["grid"]):
        return f"a step that was searched ({step['name']})"
    return step_in_words(step, searched_in(arm, step))


def grid_in_words(arm: Mapping[str, Any]) -> str:
    """Say what is searched in an arm.

    Parameters
    ----------
    arm : mapping
        Its `grid` and `n_configurations`.

    Returns
    -------
    str
        Parameters with their values.
    """
    if not arm["grid"]:
        return "nothing is searched"
    parts = [
        "; ".join(
            f"{key} of {', '.join(map(in_words, values))}" for key, values in grid.items()
        )
        for grid in arm["grid"]
    ]
    n = arm["n_configurations"]
    return f"{n} configurations: {' or '.join(parts)}"


def in_words(value: Any) -> str:
    """Return a value of a grid as readers write it, such as several layers.

    Parameters
    ----------
    value : object
        The value, or the text of a list that a csv file holds.

    Returns
    -------
    str
        Its text; parts of a list are joined by a plus.

    Examples
    --------
    >>> from skvae.report.steps_in_words import in_words
    >>> in_words(["hidden_1", "code"]), in_words("('hidden_1', 'code')"), in_words(0.1)
    ('hidden_1 + code', 'hidden_1 + code', '0.1')
    """
    if isinstance(value, str) and value[:1] in ("[", "("):
        try:
            value = literal_eval(value)
        except (ValueError, SyntaxError):
            return str(value)
    if isinstance(value, list | tuple):
        return " + ".join(map(str, value))
    return str(value)


def kinds_of_steps(steps: Any) -> dict[str, list[str]]:
    """Sort the classes of steps by what they do.

    Parameters
    ----------
    steps : iterable of mapping
        Steps.

    Returns
    -------
    dict of str to list of str
        Names of classes by `missing`, `scaling`, `reduction`, `loading`, `baseline`,
        `classical`, `network` and `masking`, of networks that leave out what is missing;
        kinds that are not there are left out.
    """
    found: dict[str, list[str]] = {}
    for step in steps:
        kinds = [kind for kind, classes in KINDS.items() if step["class"] in classes]
        if step.get("stages"):
            kinds.append("network")
        if step.get("params", {}).get("missing") == "mask":
            kinds.append("masking")
        for kind in kinds:
            names = found.setdefault(kind, [])
            if step["class"] not in names:
                names.append(step["class"])
    return found
