"""The methods of a study in sentences, each made of what its record holds, or not at all."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from skvae.report.headline import score_name
from skvae.report.number_format import count
from skvae.report.record import Record
from skvae.report.steps_in_words import arm_in_words, grid_in_words, kinds_of_steps
from skvae.statistics.sample_size import riley_sample_size

__all__ = ["LITERATURE", "methods_markdown", "methods_sentences"]

LITERATURE = {
    "Varma and Simon 2006": "S. Varma and R. Simon (2006). Bias in error estimation when "
    "using cross-validation for model selection. BMC Bioinformatics 7, 91.",
    "Nadeau and Bengio 2003": "C. Nadeau and Y. Bengio (2003). Inference for the "
    "generalization error. Machine Learning 52, 239-281.",
    "Holm 1979": "S. Holm (1979). A simple sequentially rejective multiple test procedure. "
    "Scandinavian Journal of Statistics 6, 65-70.",
    "Benavoli et al. 2017": "A. Benavoli, G. Corani, J. Demšar and M. Zaffalon (2017). Time "
    "for a change: a tutorial for comparing multiple classifiers through Bayesian analysis. "
    "Journal of Machine Learning Research 18 (77), 1-36.",
    "DeLong et al. 1988": "E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson (1988). "
    "Comparing the areas under two or more correlated receiver operating characteristic "
    "curves: a nonparametric approach. Biometrics 44, 837-845.",
    "Wilson 1927": "E. B. Wilson (1927). Probable inference, the law of succession, and "
    "statistical inference. Journal of the American Statistical Association 22, 209-212.",
    "Van Calster et al. 2019": "B. Van Calster, D. J. McLernon, M. van Smeden, L. Wynants "
    "and E. W. Steyerberg (2019). Calibration: the Achilles heel of predictive analytics. "
    "BMC Medicine 17, 230.",
    "Vickers and Elkin 2006": "A. J. Vickers and E. B. Elkin (2006). Decision curve "
    "analysis: a novel method for evaluating prediction models. Medical Decision Making 26, "
    "565-574.",
    "Riley et al. 2020": "R. D. Riley, J. Ensor, K. I. E. Snell et al. (2020). Calculating the "
    "sample size required for developing a clinical prediction model. BMJ 368, m441.",
    "Bonett and Wright 2000": "D. G. Bonett and T. A. Wright (2000). Sample size "
    "requirements for estimating Pearson, Kendall and Spearman correlations. Psychometrika "
    "65, 23-28.",
}
_RULES = {
    "youden": "the largest sum of sensitivity and specificity (Youden)",
    "sensitivity": "a wanted sensitivity",
    "specificity": "a wanted specificity",
}
_LEAST_PER_FEATURE = 10
Sentences = Iterator[tuple[str, str]]


def methods_sentences(record: Record) -> list[tuple[str, str]]:
    """Return the methods, paragraph by paragraph.

    Parameters
    ----------
    record : Record
        What the report is made of.

    Returns
    -------
    list of (str, str)
        The anchor of each paragraph, such as `methods-splits`, and its text; nothing of
        what the record does not hold.
    """
    if not record.design:
        return []
    writers: tuple[Callable[[Record], Sentences], ...] = (
        _design,
        _inputs,
        _arms,
        _within_folds,
        _networks,
        _tuning,
        _scores,
        _thresholds,
        _curves,
        _external,
        _confounders,
        _software,
    )
    return [(f"methods-{key}", text) for writer in writers for key, text in writer(record)]


def _design(record: Record) -> Sentences:
    settings, cohort, result = record.settings, record.cohort, record.result
    n_folds, n_repeats = settings["outer"]
    times = "" if n_repeats == 1 else f", repeated {n_repeats} times with other folds"
    yield (
        "design",
        f"{count(len(record.arms), 'pipeline')} ({', '.join(record.arms)}) were compared by "
        f"nested cross-validation (Varma and Simon 2006) on "
        f"{count(cohort['n_samples'], 'row')} of {count(cohort['n_patients'], 'patient')}.",
    )
    by = {"classes": "class", "number": "quarter of the outcome", "event": "event"}
    together = (
        "All rows of a patient were on the same side of every split, outer and inner."
        if cohort["has_groups"]
        else "Each row counted as a patient of its own."
    )
    yield (
        "splits",
        f"There were {n_folds} outer folds{times}, and {settings['inner']} inner folds within "
        f"the training part of each; folds were stratified by {by[result.kind]}, and were the "
        f"same for all pipelines. {together} The seed of the folds was "
        f"{settings['random_state']}.",
    )
    if cohort["has_groups"]:
        yield (
            "leaks",
            "Every step that learns was fitted on the training part of a fold alone. The test "
            "part of an outer fold took no part in any choice.",
        )


def _inputs(record: Record) -> Sentences:
    cohort = record.cohort
    parts = [
        f"{name} of shape {' x '.join(map(str, block['shape']))}"
        for name, block in cohort["inputs"].items()
        if not block.get("names_files")
    ]
    parts += [
        f"{name}, scans in files"
        for name, block in cohort["inputs"].items()
        if block.get("names_files")
    ]
    yield "inputs", f"The inputs of a row were {'; '.join(parts)}."
    if "classes" in cohort:
        counts = ", ".join(f"{label}: {n}" for label, n in cohort["classes"].items())
        positive = cohort["positive"]
        which = f" Probabilities are of the class {positive}." if positive else ""
        yield "outcome", f"The outcome was a class ({counts}).{which}"
        yield (
            "imbalance",
            f"The rarest class had {100 * _rarest(cohort):.0f} % of the rows; "
            f"{_weighting(record)}{_resampling(record)}.",
        )
    elif "n_events" in cohort:
        yield "outcome", f"The outcome was the time to an event ({cohort['n_events']} events)."
    else:
        yield "outcome", "The outcome was a number."
    images = [b["shape"] for b in cohort["inputs"].values() if len(b["shape"]) > 2]
    if len(images) == 1 and images[0][0] == 1:
        yield "one-image", "There was one type of image, with one channel."
    if record.notes:
        yield "read", f"What was read: {'; '.join(record.notes)}."


def _rarest(cohort: Mapping[str, Any]) -> float:
    return float(min(cohort["classes"].values()) / cohort["n_samples"])


def _weighting(record: Record) -> str:
    weighted = {
        step["class"]
        for step in record.steps
        if step.get("params", {}).get("class_weight") is not None
    }
    if not weighted:
        return "classes were not weighted"
    return f"classes were weighted in {', '.join(sorted(weighted))}"


def _resampling(record: Record) -> str:
    """Say what drew rows, where that is known: not of pipelines within other objects."""
    drawn = {s["class"] for s in record.steps if s.get("module") == "imblearn"}
    return f", rows were drawn by {', '.join(sorted(drawn))} in each fold" if drawn else ""


def _arms(record: Record) -> Sentences:
    listed = ". ".join(f"{name}: {arm_in_words(arm)}" for name, arm in record.arms.items())
    yield "arms", f"The pipelines, step by step. {listed}."
    kinds = kinds_of_steps(record.steps)
    if record.result.reference in record.arms:
        yield "reference", f"The others were compared with {record.result.reference}."
    yield from _simple_arms(record)
    if "baseline" in kinds:
        yield "baseline", "One pipeline predicts the same for all rows: what chance scores."


def _simple_arms(record: Record) -> Sentences:
    """Name the pipelines that reviewers want to see beside the others."""
    found: dict[str, list[str]] = {"simple": [], "volume": [], "clinical": [], "combined": []}
    for name, arm in record.arms.items():
        for kind in _kinds_of_arm(name, arm):
            found[kind].append(name)
    words = {
        "simple": "Classical models of simple features, without a network: {}.",
        "volume": "Volume alone: {}.",
        "clinical": "Clinical columns alone: {}.",
        "combined": "Clinical columns with others: {}.",
    }
    for kind, names in found.items():
        if names:
            yield kind, words[kind].format(", ".join(names))


def _kinds_of_arm(name: str, arm: Mapping[str, Any]) -> Iterator[str]:
    steps = arm["steps"]
    kinds = kinds_of_steps(steps)
    if "classical" in kinds and "network" not in kinds:
        yield "simple"
    if name == "volume" or any(s["params"].get("func") == "log_volume" for s in _full(steps)):
        yield "volume"
    blocks = {s["params"].get("block") for s in _full(steps) if s["class"] == "SelectBlock"}
    if "clinical" in blocks:
        yield "clinical" if len(blocks) == 1 else "combined"


def _full(steps: Any) -> list[Mapping[str, Any]]:
    return [step for step in steps if "params" in step]


def _within_folds(record: Record) -> Sentences:
    kinds = kinds_of_steps(record.steps)
    n_missing = [b.get("n_missing") for b in record.cohort["inputs"].values()]
    known = [n for n in n_missing if n is not None]
    if "missing" in kinds and any(known):
        yield (
            "missing",
            f"{sum(known):,} values were missing; {', '.join(kinds['missing'])} filled them "
            "within each fold.",
        )
    elif len(known) == len(n_missing) and known and not any(known):
        yield "missing", "No value of the inputs was missing."
    if "scaling" in kinds:
        names = ", ".join(kinds["scaling"])
        yield "scaling", f"Columns were scaled within each fold ({names})."
    reduced = kinds.get("reduction", []) + kinds.get("network", [])
    if reduced:
        yield (
            "reduction",
            f"Dimensions were reduced within each fold by {', '.join(reduced)}, which learn "
            "few features of many columns or voxels.",
        )
    yield from _dimension(record)
    if "loading" in kinds:
        yield "loading", "Scans were read and prepared by the step ImageLoader, as said above."


def _dimension(record: Record) -> Sentences:
    """Compare the number of patients with that of features, where these are few."""
    n_features = _largest_code(record)
    counts = record.cohort.get("classes", {})
    if n_features is None or len(counts) != 2:
        return
    n_rarest = min(_patients_of_classes(record))
    if n_rarest < _LEAST_PER_FEATURE * n_features:
        return
    needed = riley_sample_size(n_features, _rarest(record.cohort))
    yield (
        "dimension",
        f"Models that reduce saw {n_features} features at the most, for each of which there "
        f"were {n_rarest / n_features:.0f} patients of the rarer class; {needed:,} patients "
        "are the least that is advised for so many predictors (Riley et al. 2020).",
    )


def _largest_code(record: Record) -> int | None:
    """Return the largest size of what reduces; None where nothing does."""
    sizes = []
    for arm in record.arms.values():
        for step in arm["steps"]:
            sizes.append(step.get("params", {}).get("n_components"))
        for grid in arm["grid"]:
            for key, values in grid.items():
                sizes += values if key.endswith("n_components") else []
    known = [int(n) for n in sizes if isinstance(n, int)]
    return max(known, default=None)


def _patients_of_classes(record: Record) -> Any:
    frame = record.predicted_by(record.result.reference)
    return frame.groupby("y")["group"].nunique()


def _networks(record: Record) -> Sentences:
    networks = {
        f"{name}: {step['class']}": step["changed"]
        for name, arm in record.arms.items()
        for step in arm["steps"]
        if step.get("stages")
    }
    if not networks:
        yield "no-networks", "No pipeline has a step of this package that trains a network."
        return
    listed = ". ".join(
        f"{name} with {', '.join(f'{k} {_short(v)}' for k, v in changed.items())}"
        for name, changed in networks.items()
    )
    yield (
        "networks",
        f"Networks. {listed}. All other settings were the defaults of skvae "
        f"{record.design['versions'].get('skvae', '')}; all settings are in provenance.json.",
    )


def _short(value: Any) -> str:
    return " x ".join(map(str, value)) if isinstance(value, list) else str(value)


def _tuning(record: Record) -> Sentences:
    score = next(iter(record.settings["scoring"]))
    listed = ". ".join(
        f"{name}, {grid_in_words(arm)}" for name, arm in record.arms.items() if arm["grid"]
    )
    if listed:
        yield (
            "tuning",
            f"In each outer fold, the configuration of the highest mean {score_name(score)} "
            "over the inner folds was fitted on the whole training part, and predicted the "
            f"test part once. What was searched: {listed}.",
        )


def _scores(record: Record) -> Sentences:
    names = [score_name(name) for name in record.settings["scoring"]]
    further = f" Further scores: {', '.join(names[1:])}." if names[1:] else ""
    how = record.settings["aggregate"]
    by_patient = f" The {how} of a patient's rows was his prediction." if how else ""
    yield "scores", f"The score was {names[0]}, the mean over the outer folds.{further}{by_patient}"
    yield (
        "intervals",
        "95 % intervals of means and of differences, and p-values, are those of the "
        "resampled t test with the correction for overlapping training parts (Nadeau and "
        "Bengio 2003), with patients as the units; intervals of shares are computed on the "
        "scale of the logit.",
    )
    if len(record.arms) > 1:
        yield (
            "comparison",
            "Differences are paired by fold; p-values are given before and after Holm's "
            "correction for the number of comparisons (Holm 1979). Worse, equal and better "
            "are probabilities of the correlated Bayesian t test, with differences up to "
            ".02 counted as equal (Benavoli et al. 2017).",
        )


def _thresholds(record: Record) -> Sentences:
    rule = record.settings["threshold"]
    if rule and record.has_thresholds:
        yield (
            "threshold",
            f"The threshold of each fold was chosen by {_RULES.get(rule, rule)} on predictions "
            "of its inner folds, before its test part was predicted; intervals of "
            "sensitivity and specificity are Wilson's (Wilson 1927), or from a bootstrap of "
            "patients where these have several rows.",
        )


def _curves(record: Record) -> Sentences:
    if not record.has_probabilities:
        return
    yield (
        "calibration",
        "Calibration (curve, slope, intercept) and Brier scores are of the out-of-fold "
        "probabilities (Van Calster et al. 2019).",
    )
    yield (
        "decision",
        "Net benefit is that of decision curves (Vickers and Elkin 2006) of the same "
        "probabilities.",
    )


def _external(record: Record) -> Sentences:
    outside = record.design.get("external")
    if outside is None or record.result.external_scores.empty:
        return
    text = (
        f"Each pipeline was searched and fitted once more on all rows, and predicted "
        f"{count(outside['n_samples'], 'row')} of "
        f"{count(outside['n_patients'], 'patient')} of another cohort once."
    )
    if "ci_low" in record.result.external():
        text += " Intervals and tests there are DeLong's (DeLong et al. 1988)."
    yield "external", text


def _confounders(record: Record) -> Sentences:
    if record.covariates is None:
        return
    names = ", ".join(map(str, record.covariates.columns))
    yield (
        "confounders",
        f"Out-of-fold scores, their mean over the repeats, were correlated by rank with "
        f"{names}, patient by patient, with intervals of Fisher's transformation (Bonett "
        "and Wright 2000) and Holm's correction.",
    )


def _software(record: Record) -> Sentences:
    versions = ", ".join(f"{k} {v}" for k, v in record.design["versions"].items())
    again = f" `{record.command}` runs it again." if record.command else ""
    yield "software", f"Software: {versions}.{again}"


def methods_markdown(record: Record) -> str:
    """Return the methods for a manuscript, with the literature that they name.

    Parameters
    ----------
    record : Record
        What the report is made of.

    Returns
    -------
    str
        Markdown.
    """
    sentences = methods_sentences(record)
    if not sentences:
        return "# Methods\n\nThis result does not say how it was made.\n"
    text = "\n\n".join(paragraph for _, paragraph in sentences)
    cited = [f"- {whole}" for name, whole in LITERATURE.items() if name in text]
    return "\n\n".join(["# Methods", text, "## References", "\n".join(cited)]) + "\n"
