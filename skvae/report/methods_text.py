"""The methods of a study in sentences, each made of what its record holds, or absent."""

from collections.abc import Callable, Mapping
from typing import Any

from skvae.report import methods_of_arms
from skvae.report.canvas import averaged
from skvae.report.confounding import compared_frames
from skvae.report.literature import LITERATURE
from skvae.report.methods_of_arms import Sentences, rarest_share
from skvae.report.number_format import count
from skvae.report.record import POSSIBLE_LEAK, Record
from skvae.report.score_names import is_share, score_name
from skvae.statistics.columns import attribute_columns

__all__ = ["methods_markdown", "methods_sentences"]

_RULES = {
    "youden": "the largest sum of sensitivity and specificity (Youden)",
    "sensitivity": "a wanted sensitivity",
    "specificity": "a wanted specificity",
}


def methods_sentences(record: Record) -> list[tuple[str, str]]:
    """Return the methods by paragraph: its anchor, such as `methods-splits`, and its text.

    Of what the record does not hold, nothing is said.
    """
    if not record.design:
        return []
    writers: tuple[Callable[[Record], Sentences], ...] = (
        _design,
        _inputs,
        methods_of_arms.arms,
        methods_of_arms.within_folds,
        methods_of_arms.networks,
        methods_of_arms.tuning,
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
    several = len(record.arms) > 1
    how = "nested cross-validation (Varma and Simon 2006)"
    yield (
        "design",
        f"{count(len(record.arms), 'pipeline')} ({', '.join(record.arms)}) "
        f"{'were compared' if several else 'was judged'} by "
        f"{how if record.is_nested else 'cross-validation'} on "
        f"{count(cohort['n_samples'], 'row')} of {count(cohort['n_patients'], 'patient')}.",
    )
    by = {"classes": "class", "number": "quarter of the outcome", "event": "event"}
    times = "" if n_repeats == 1 else f", repeated {n_repeats} times with other folds"
    within = f"; {settings['inner']} inner folds were drawn in the training part of each"
    yield (
        "splits",
        f"There were {n_folds} outer folds{times}{within if record.has_inner_folds else ''}"
        f". Folds were stratified by {by[result.kind]}"
        f"{', and were the same for all pipelines' if several else ''}. "
        f"{_together(record)} The seed of the folds was {settings['random_state']}.",
    )
    blind = any(arm.get("blind_cv") for arm in record.arms.values())
    suspected = any(note.startswith(POSSIBLE_LEAK) for note in record.notes)
    if cohort["has_groups"] and not blind and not suspected:
        yield (
            "leaks",
            "Every step of a pipeline that learns was fitted on the training part of a "
            "fold alone. The test part of an outer fold took no part in any choice.",
        )


def _together(record: Record) -> str:
    """Say which splits keep the rows of a patient on one side."""
    if not record.cohort["has_groups"]:
        return "Each row counted as a patient of its own."
    blind = [name for name, arm in record.arms.items() if arm.get("blind_cv")]
    splits = "every split, outer and inner" if record.has_inner_folds else "every split"
    if blind:
        splits = "every outer split"
        splits += ", and of the inner ones" if record.has_inner_folds else ""
        splits += f", but not within {', '.join(blind)}, which split rows"
    return f"All rows of a patient were on the same side of {splits}."


def _inputs(record: Record) -> Sentences:
    cohort = record.cohort
    parts = [
        f"{name} ({_shaped(block['shape'])})"
        for name, block in cohort["inputs"].items()
        if not block.get("names_files")
    ]
    parts += [
        f"{name} (scans in files)"
        for name, block in cohort["inputs"].items()
        if block.get("names_files")
    ]
    yield "inputs", f"The inputs of a row were {'; '.join(parts)}."
    if "classes" in cohort:
        positive = cohort["positive"]
        which = f" Probabilities are of the class {positive}." if positive else ""
        yield "outcome", f"The outcome was a class ({_of_classes(cohort)}).{which}"
        yield (
            "imbalance",
            f"{_imbalance(cohort)}; {_weighting(record)}{_resampling(record)}.",
        )
    elif "n_events" in cohort:
        yield (
            "outcome",
            f"The outcome was the time to an event ({count(cohort['n_events'], 'event')}).",
        )
    else:
        yield "outcome", "The outcome was a number."
    images = [b["shape"] for b in cohort["inputs"].values() if len(b["shape"]) > 2]
    if len(images) == 1 and images[0][0] == 1:
        yield "one-image", "There was one type of image, with one channel."
    features = [b for name, b in cohort["inputs"].items() if name != "clinical"]
    if features and all(len(b["shape"]) > 2 or b.get("names_files") for b in features):
        yield "learned-from-images", "All features but clinical ones are of the images."
    yield from _named_features(record)
    if record.about:
        yield "about", record.about
    if record.notes:
        yield "read", f"What was read: {'; '.join(record.notes)}."


def _named_features(record: Record) -> Sentences:
    """Count the columns whose names say what they are, where a software's names do."""
    tables = [
        block
        for name, block in record.cohort["inputs"].items()
        if name != "clinical" and len(block["shape"]) == 1
    ]
    n_named = sum(
        sum(counts.values())
        for block in tables
        for counts in block.get("feature_classes", {}).values()
    )
    if not n_named:
        return
    n_columns = sum(block["shape"][0] for block in tables)
    yield (
        "named-features" if n_named == n_columns else "some-named-features",
        f"Of {count(n_columns, 'column')} of features, {n_named:,} have names as "
        "PyRadiomics gives them (van Griethuysen et al. 2017), which tell the type of "
        "image and the class of a feature.",
    )


def _of_classes(cohort: Mapping[str, Any]) -> str:
    """Return how many rows each class has."""
    counts = ", ".join(f"{label}: {n:,}" for label, n in cohort["classes"].items())
    return f"{counts} rows"


def _imbalance(cohort: Mapping[str, Any]) -> str:
    share = f"{100 * rarest_share(cohort):.0f} % of the rows"
    alike = len(set(cohort["classes"].values())) == 1
    return f"Each class had {share}" if alike else f"The rarest class had {share}"


def _shaped(shape: list[int]) -> str:
    if len(shape) == 1:
        return count(shape[0], "column")
    return f"{' x '.join(map(str, shape))} values"


def _weighting(record: Record) -> str:
    weighted = {
        step["class"]
        for step in record.steps
        if step.get("params", {}).get("class_weight") is not None
    }
    keys = {key for arm in record.arms.values() for part in arm["grid"] for key in part}
    if any(key.endswith(("class_weight", "sample_weight")) for key in keys):
        return "class weights were searched, as said below"
    if not weighted:
        return "no step was given class weights"
    return f"classes were weighted in {', '.join(sorted(weighted))}"


def _resampling(record: Record) -> str:
    """Say what drew rows, where that is known: not of pipelines within other objects."""
    drawn = {s["class"] for s in record.steps if s.get("module") == "imblearn"}
    return f", rows were drawn by {', '.join(sorted(drawn))} in each fold" if drawn else ""


def _scores(record: Record) -> Sentences:
    names = [score_name(name) for name in record.settings["scoring"]]
    further = f" Further scores: {', '.join(names[1:])}." if names[1:] else ""
    how = {
        "mean": " A patient's prediction was the mean of those of his or her rows.",
        "max": " A patient's prediction was that of the most suspicious row.",
    }
    by_patient = how.get(record.settings["aggregate"], "")
    yield (
        "scores",
        f"The score was the {names[0]}, its mean over the outer folds.{further}"
        f"{by_patient}",
    )
    several = len(record.arms) > 1
    what = "means and of differences, and p-values," if several else "means"
    scale = "; those of means are computed on the scale of the logit"
    yield (
        "intervals",
        f"95 % intervals of {what} are those of the resampled t test with the correction "
        "for overlapping training parts (Nadeau and Bengio 2003), with patients as the "
        f"units{scale if is_share(record.result.scoring) else ''}.",
    )
    if several:
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
            f"The threshold of each fold was chosen by {_RULES.get(rule, rule)} on "
            "predictions of its inner folds, without its test part; intervals of "
            f"sensitivity and specificity are {_interval_of_shares(record)}.",
        )


def _interval_of_shares(record: Record) -> str:
    rows = record.predicted_by(record.result.reference)
    once = not rows.duplicated(["repeat", "group"]).any()
    return "Wilson's (Wilson 1927)" if once else "from a bootstrap of whole patients"


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
    searched = "searched and fitted" if record.is_searched else "fitted"
    text = (
        f"Each pipeline was {searched} once more on all rows, and predicted "
        f"{count(outside['n_samples'], 'row')} of "
        f"{count(outside['n_patients'], 'patient')} of another cohort once"
    )
    if "classes" in outside:
        text += f" ({_of_classes(outside)})"
    elif "n_events" in outside:
        text += f" ({count(outside['n_events'], 'event')})"
    text += "."
    if "ci_low" in record.result.external():
        text += " Intervals and tests there are DeLong's (DeLong et al. 1988)."
    yield "external", text


def _confounders(record: Record) -> Sentences:
    compared = compared_frames(record)
    if compared is None:
        return
    _, covariates, _ = compared
    unordered = attribute_columns(covariates, len(covariates)).is_class
    parts = []
    if (~unordered).any():
        names = ", ".join(map(str, covariates.columns[~unordered]))
        parts.append(
            f"by rank with {names}, with intervals of Fisher's transformation (Bonett and "
            "Wright 2000)"
        )
    if unordered.any():
        names = ", ".join(map(str, covariates.columns[unordered]))
        parts.append(f"by the correlation ratio of ranks with {names}")
    over = averaged(record.result, "their mean")
    yield (
        "confounders",
        f"Out-of-fold scores{over}{',' if over else ''} were correlated, patient by "
        f"patient, {' and '.join(parts)}; p-values are after Holm's correction.",
    )


def _software(record: Record) -> Sentences:
    versions = ", ".join(f"{k} {v}" for k, v in record.design["versions"].items())
    again = f" `{record.command}` runs it again." if record.command else ""
    yield "software", f"Software: {versions}.{again}"


def methods_markdown(record: Record) -> str:
    """Return the methods for a manuscript, with the literature that they name."""
    sentences = methods_sentences(record)
    if not sentences:
        return "# Methods\n\nThis result does not say how it was made.\n"
    text = "\n\n".join(paragraph for _, paragraph in sentences)
    cited = [f"- {whole}" for name, whole in LITERATURE.items() if name in text]
    return "\n\n".join(["# Methods", text, "## References", "\n".join(cited)]) + "\n"
