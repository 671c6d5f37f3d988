"""Which items of the three lists a report answers, by which of its parts.

A part is named by its id in the page, or by `file:NAME`; one that ends in a star stands
for all that begin so. Of several rules of an item the first holds whose parts are all
there. What an author still has to say makes an item `part`.
"""

from dataclasses import dataclass

__all__ = ["RULES", "Rule"]


@dataclass(frozen=True)
class Rule:
    """What answers an item.

    Attributes
    ----------
    status : str
        `"yes"` or `"part"`.
    needs : tuple of str
        Parts of the report, all of which must be there; the first is linked to.
    missing : str
        What the author adds, where the status is `"part"`.
    """

    status: str
    needs: tuple[str, ...]
    missing: str = ""


def _yes(needs: str) -> Rule:
    return Rule("yes", tuple(needs.split()))


def _part(needs: str, missing: str) -> Rule:
    return Rule("part", tuple(needs.split()), missing)


_FILL = "Complete the items that ask, and hand the list in."
_PUBLISH = "Say where it is published."
_REFERENCE = "Say how, when and by whom the outcome was determined."
_BEFORE = "Add those who were not in the data that were read, with the criteria."
_CHARACTERISTICS = "Add dates, demographics, key predictors and treatments."
_SOFTWARE = "Confirm the software; add its version, and how far it follows the IBSI."
_MEASURED = "Add how and when the inputs were measured."

_CLEAR = {
    "7": [_part("file:clear.md", _FILL)],
    "9": [
        _part("methods-dimension", "Say whether the size was planned."),
        _part("methods-size", "Say whether the size was planned."),
    ],
    "12": [_part("figure-flow methods-arms", "Draw the steps of the pipeline.")],
    "15": [
        _yes("methods-splits methods-leaks guard-patients"),
        _part("methods-splits", "Say that each row is a patient of its own."),
    ],
    "17": [_part("methods-clinical", "Define each of the columns.")],
    "18": [_part("methods-outcome", _REFERENCE)],
    "21": [
        _yes("methods-loading"),
        _part("methods-about", "Add what was done to the images before."),
    ],
    "22": [_part("methods-loading", "Add the spacing of the scans as they were.")],
    "24": [
        _yes("methods-named-features table-features"),
        _part("methods-inputs", "Name the types of images and filters."),
    ],
    "25": [
        _yes("methods-learned-from-images methods-arms table-versions methods-networks"),
        _part("methods-arms", "Add what extracted the columns of the table."),
    ],
    "26": [
        _yes("methods-named-features table-features"),
        _part("methods-arms", "Name the classes of hand-crafted features."),
    ],
    "27": [_yes("methods-inputs methods-arms methods-tuning")],
    "28": [
        _yes("methods-learned-from-images methods-networks file:provenance.json"),
        _part("file:provenance.json", "Add the settings of the extraction."),
    ],
    "29": [_yes("methods-missing")],
    "30": [_yes("methods-imbalance")],
    "31": [_part("table-stability", "Say who drew the masks or made the repeated scans.")],
    "32": [_yes("methods-scaling")],
    "33": [_yes("methods-reduction")],
    "34": [_yes("methods-arms table-versions")],
    "35": [_yes("methods-tuning file:provenance.json")],
    "36": [_part("table-confounders", "Say what else may confound, and what follows.")],
    "37": [_yes("methods-tuning")],
    "38": [_yes("methods-external table-external"), _yes("methods-splits table-headline")],
    "39": [_part("methods-scores figure-*", "Add the reason for the choice.")],
    "40": [_yes("table-headline methods-intervals")],
    "41": [_yes("table-headline methods-comparison")],
    "42": [
        _yes("methods-combined methods-clinical methods-comparison table-headline"),
        _part(
            "methods-clinical methods-comparison table-headline",
            "Compare with both together.",
        ),
        _part(
            "methods-volume methods-comparison table-headline",
            "Compare with clinical data, and with both.",
        ),
    ],
    "43": [
        _yes("figure-importance"),
        _part("figure-traversal-*", "Say what drives the scores."),
    ],
    "45": [_part("figure-flow", _BEFORE)],
    "46": [_part("figure-chosen", "Add statistics of the features.")],
    "47": [_yes("table-headline figure-roc"), _yes("table-headline figure-observed")],
    "48": [
        _yes("methods-combined methods-clinical methods-comparison table-headline"),
        _part(
            "methods-clinical methods-comparison table-headline",
            "Compare with both together.",
        ),
        _part(
            "methods-volume methods-comparison table-headline",
            "Compare with clinical data, and with both.",
        ),
    ],
    "55": [_part("file:study.toml", _PUBLISH), _part("file:provenance.json", _PUBLISH)],
    "56": [_part("methods-software", _PUBLISH)],
}

_METRICS = {
    "1": [_part("file:clear.md", _FILL)],
    "11": [
        _yes("methods-loading"),
        _part("methods-about", "Add what was done to the images before, and why."),
    ],
    "12": [
        _part("methods-named-features table-features", _SOFTWARE),
        _part("methods-some-named-features table-features", _SOFTWARE),
    ],
    "13": [
        _yes("methods-learned-from-images methods-networks file:provenance.json"),
        _part("methods-arms", "Add how the columns of the table were extracted."),
    ],
    "14": [_part("table-stability", "Say which features were left out for it.")],
    "15": [_part("methods-reduction", "Say how columns that say the same were removed.")],
    "16": [
        _yes("methods-dimension"),
        _part("methods-size", "Say what keeps so many features from overfitting."),
    ],
    "18": [
        _yes("methods-splits methods-leaks guard-patients guard-once"),
        _part("methods-splits guard-once", "Say that each row is a patient of its own."),
    ],
    "19": [_part("table-confounders", "Say what else may confound, and what follows.")],
    "20": [
        _yes("figure-roc figure-confusion figure-loss"),
        _yes("figure-roc figure-confusion methods-no-networks"),
        _part("figure-roc", "Add the confusion matrix, and the loss curves of networks."),
        _part("figure-observed", "Add the loss curves of networks."),
    ],
    "21": [_yes("table-headline methods-intervals")],
    "22": [_yes("figure-calibration table-calibration")],
    "23": [_part("methods-one-image", "Say that there is no other type of image.")],
    "24": [
        _yes("methods-clinical methods-comparison table-headline"),
        _part(
            "methods-volume methods-comparison table-headline",
            "Compare with clinical data.",
        ),
    ],
    "25": [_yes("methods-simple methods-comparison table-headline")],
    "26": [
        _part(
            "table-headline methods-splits",
            "Outer folds are unseen, but cross-validated; a hold-out counts more.",
        )
    ],
    "27": [_yes("table-external methods-external")],
    "29": [_part("methods-software file:provenance.json", _PUBLISH)],
}

_TRIPOD = {
    "7": [_part("methods-missing methods-scaling", "Add the checks of quality.")],
    "9a": [_part("methods-arms", "Add the reasons for the choice.")],
    "9b": [_part("methods-inputs", _MEASURED)],
    "10": [
        _part("methods-dimension", "Say how the size of the study was arrived at."),
        _part("methods-size", "Say how the size of the study was arrived at."),
    ],
    "11": [_yes("methods-missing")],
    "12a": [_yes("methods-splits methods-design")],
    "12b": [_yes("methods-arms methods-scaling")],
    "12c": [_part("methods-arms methods-tuning methods-splits", "Add the rationale.")],
    "12e": [
        _yes("methods-scores figure-roc figure-calibration figure-decision-curve"),
        _part("methods-scores table-headline", "Add plots of calibration and utility."),
    ],
    "12g": [_yes("methods-external file:provenance.json")],
    "13": [_yes("methods-imbalance")],
    "15": [
        _yes("methods-threshold methods-outcome"),
        _part("methods-outcome", "Add the thresholds of any classification."),
    ],
    "16": [_part("table-external", "Name the differences between the cohorts.")],
    "18f": [_part("methods-software", _PUBLISH)],
    "20a": [_part("figure-flow table-outcomes", _BEFORE)],
    "20b": [_part("table-outcomes", _CHARACTERISTICS)],
    "20c": [
        _part(
            "table-outcomes table-external",
            "Compare demographics and predictors of the cohorts too.",
        )
    ],
    "21": [_yes("table-splits table-outcomes figure-flow")],
    "22": [_part("file:provenance.json", "Publish the fitted model: skvae fit.")],
    "23a": [_part("table-headline", "Add key subgroups.")],
}

RULES: dict[str, dict[str, list[Rule]]] = {
    "clear": _CLEAR,
    "metrics": _METRICS,
    "tripod_ai": _TRIPOD,
}
