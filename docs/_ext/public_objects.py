"""The pages of the API reference, made of the lists of public names."""

import inspect
import re
from importlib import import_module

# Public module -> its rooms, each a title and the names in it; what no room names is
# listed under the last title. So a new name is on the page without being told here.
ROOMS = {
    "skvae": {
        "Features": (
            "Autoencoder VAEFeatureExtractor AttriVAE SparseAutoencoder "
            "DenoisingAutoencoder ConvolutionalSparseAutoencoder LayerExtractor "
            "StableFeatures"
        ),
        "Prediction": (
            "AutoencoderClassifier AutoencoderRegressor "
            "SequenceClassifier SequenceRegressor"
        ),
        "Segmentation": (
            "UNetSegmenter SegNetSegmenter CascadeSegmenter PixelClassifier LesionCrop "
            "MaskStratifiedKFold cross_val_predict_masks calibrate_masks MaskCalibration "
            "dice_scores involvement"
        ),
        "Training, weights and files": "",
    },
    "skvae.inspection": {
        "Traversals and interpolations": (
            "latent_traversal latent_interpolation closed_loop LatentTraversal "
            "LatentTraversalDisplay"
        ),
        "Units and attributes": (
            "attribute_correlation AttributeCorrelation AttributeCorrelationDisplay "
            "UnitAttributeDisplay"
        ),
        "Layers": "layer_probe LayerProbe LayerProbeDisplay rank_layers LayerRanking",
        "Stability": "feature_stability FeatureStability FeatureStabilityDisplay",
        "Attention": "attention_map AttentionMapDisplay",
        "Masks": "segmentation_table SegmentationDisplay",
        "Scores of disentanglement": "",
    },
    "skvae.study": {
        "Studies": (
            "nested_cv NestedCVResult default_arms Blocks SelectBlock "
            "RepeatedStratifiedGroupKFold learning_curve permutation_null layer_map Flow"
        ),
        "Statistics": (
            "corrected_interval corrected_ttest bayesian_correlated_ttest holm "
            "delong_interval delong_test averaged_curve calibration decision_curve "
            "choose_threshold threshold_metrics concordance_index "
            "intraclass_correlation riley_sample_size"
        ),
        "Figures": "",
    },
    "skvae.images": {"Scans in": ""},
    "skvae.search": {"Searches": ""},
    "skvae.datasets": {"Phantoms, cohorts and files": ""},
    "skvae.networks": {"Networks that published weights fit": ""},
    "skvae.exceptions": {"Errors and warnings": ""},
}
# Public, and in no list: `from skvae import *` leaves them out.
UNLISTED = {"skvae": ["SKOPS_TRUSTED"]}
# What is no class or function has no docstring of its own.
VALUES = {
    "skvae.SKOPS_TRUSTED": (
        "Names of the types and functions of skvae that files of skops have of its models.",
        """>>> import skvae
>>> "skvae.features.vae.VAEFeatureExtractor" in skvae.SKOPS_TRUSTED
True""",
    )
}


def public_names(module):
    """Return the names that a module lists."""
    return [*import_module(module).__all__, *UNLISTED.get(module, [])]


def rooms(module):
    """Yield titles with the names below them; the last takes what is left."""
    left = public_names(module)
    *titles, last = ROOMS[module]
    for title in titles:
        names = ROOMS[module][title].split()
        left = [name for name in left if name not in names]
        yield title, names
    yield last, left


def summary(found):
    """Return the first line of a docstring, without its markup."""
    text = (inspect.getdoc(found) or "").partition("\n\n")[0].replace("\n", " ")
    return re.sub(r"([|*])", r"\\\1", text)


def own_methods(kind):
    """Return the public methods that are not scikit-learn's or Python's own."""
    names = []
    for name, member in inspect.getmembers(kind):
        whole = inspect.isroutine(member) or isinstance(member, property)
        home = getattr(inspect.unwrap(member), "__module__", None) if whole else None
        if isinstance(member, property):
            home = member.fget.__module__
        if not name.startswith("_") and str(home).startswith("skvae"):
            names.append(name)
    return names


def page(module, name):
    """Return the page of one object."""
    found = getattr(import_module(module), name)
    title = f"{module}.{name}"
    lines = [title, "=" * len(title), "", f".. currentmodule:: {module}", ""]
    if inspect.isclass(found):
        lines.append(f".. autoclass:: {name}")
        if issubclass(found, BaseException):
            lines.append("   :show-inheritance:")
        elif methods := own_methods(found):
            lines.append(f"   :members: {', '.join(methods)}")
    elif callable(found):
        lines.append(f".. autofunction:: {name}")
    else:
        text, example = VALUES[title]
        lines += [f".. py:data:: {name}", "", f"   {text}", "", example]
    return "\n".join([*lines, ""])


def index():
    """Return the page that names all, by room."""
    lines = ["API reference", "=" * 13, ""]
    lines += [
        "Every public object, by the module that it is imported from. Whatever is not here "
        "may change from one version to the next.",
        "",
    ]
    for module in ROOMS:
        lines += [module, "-" * len(module), "", f"{summary(import_module(module))}", ""]
        for title, names in rooms(module):
            lines += [
                title,
                "^" * len(title),
                "",
                ".. list-table::",
                "   :widths: 40 60",
                "   :class: names",
                "",
            ]
            for name in names:
                text = VALUES.get(f"{module}.{name}", (None,))[0]
                text = text or summary(getattr(import_module(module), name))
                lines += [
                    f"   * - :doc:`{name} <{module}.{name}>`",
                    f"     - {text}",
                ]
            lines.append("")
    lines += [".. toctree::", "   :hidden:", ""]
    for module in ROOMS:
        short = f"{module}.".removeprefix("skvae.")
        for _, names in rooms(module):
            lines += [f"   {short}{name} <{module}.{name}>" for name in names]
    return "\n".join([*lines, ""])


def write_pages(folder):
    """Write a page for each object, and their list; unchanged pages are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"index.rst": index()}
    for module in ROOMS:
        pages |= {f"{module}.{n}.rst": page(module, n) for n in public_names(module)}
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.glob("*.rst"):
        if path.name not in pages:
            path.unlink()
