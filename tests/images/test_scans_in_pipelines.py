"""Scans from files through the kinds that read images, under folds of patients."""

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from sklearn import config_context
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline

from skvae import AttriVAE, CascadeSegmenter, LesionCrop, UNetSegmenter, dice_scores
from skvae.images import ImageLoader, usable_cases

N = 24


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Write lesions of two sizes; the age of some patients is not known."""
    folder = tmp_path_factory.mktemp("lesions")
    rng = np.random.default_rng(0)
    rows = []
    for i in range(N):
        values = rng.normal(-800, 20, (8, 16, 16)).astype(np.int16)
        mask = np.zeros(values.shape, np.uint8)
        length = 4 + 4 * (i % 2)
        row, column = rng.integers(1, 7, 2)
        mask[2:6, row : row + length, column : column + length] = 1
        values[mask > 0] += 800
        names = [str(folder / f"{i}-{part}.nii.gz") for part in ("ct", "seg")]
        for array, name in zip((values, mask), names, strict=True):
            sitk.WriteImage(sitk.GetImageFromArray(array), name)
        rows.append((*names, i // 2, i % 2, np.nan if i % 5 == 0 else 50.0 + i))
    return pd.DataFrame(rows, columns=["Image", "Mask", "PatientID", "large", "age"])


@pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning")
def test_attributes_of_the_manifest_may_be_missing(manifest):
    usable, _ = usable_cases(manifest)
    attributes = usable[["volume_mm3", "age"]]
    assert attributes["age"].isna().sum() == 5
    loader = ImageLoader(window="lung", crop="mask", margin_mm=1, size=(6, 10, 10))
    vae = AttriVAE(
        3, channels=(4,), hidden_layer_sizes=(8,), max_iter=30, random_state=0, layer="mean"
    )
    with config_context(enable_metadata_routing=True):
        vae.set_fit_request(attributes=True)
        pipeline = make_pipeline(loader, vae, LogisticRegression())
        found = cross_validate(
            pipeline,
            usable,
            usable["large"],
            cv=GroupKFold(3),
            params={"attributes": attributes, "groups": usable["PatientID"]},
            return_estimator=True,
        )
    assert found["test_score"].mean() > 0.9
    names = list(found["estimator"][0].named_steps["attrivae"].attribute_names_)
    assert names == ["volume_mm3", "age"]


def test_segment_crop_features_outcome_from_files(manifest):
    loader = ImageLoader(window="lung", size=(8, 16, 16))
    with_masks = ImageLoader(window="lung", size=(8, 16, 16), mask_mode="channel")
    masks = with_masks.fit_transform(manifest)[:, 1].astype(int)
    unet = UNetSegmenter(
        depth=2, width=4, n_convolutions=1, max_iter=15, batch_size=4, random_state=0
    )
    crop = LesionCrop(unet, size=(6, 10, 10))
    rows = ImageRows()
    with config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(loader, crop, rows, LogisticRegression())
        found = cross_validate(
            pipeline,
            manifest,
            manifest["large"],
            cv=GroupKFold(3),
            params={"masks": masks, "groups": manifest["PatientID"]},
        )
    assert found["test_score"].mean() > 0.9


@pytest.fixture(scope="module")
def organs(tmp_path_factory):
    """Write organs (label 1) with a lesion (2) of two sizes, and a twin outside of it."""
    folder = tmp_path_factory.mktemp("organs")
    rng = np.random.default_rng(1)
    rows = []
    for i in range(16):
        values = rng.normal(-900, 10, (8, 24, 24)).astype(np.int16)
        mask = np.zeros(values.shape, np.uint8)
        row, column = rng.integers(2, 5, 2)
        mask[1:7, row : row + 14, column : column + 14] = 1
        values[mask == 1] = rng.normal(-600, 10, (mask == 1).sum())
        length = 3 + 3 * (i % 2)
        at = row + rng.integers(2, 7), column + rng.integers(2, 7)
        mask[2:6, at[0] : at[0] + length, at[1] : at[1] + length] = 2
        values[2:6, 20:24, 20:24] = -100
        values[mask == 2] = -100
        names = [str(folder / f"{i}-{part}.nrrd") for part in ("ct", "seg")]
        for array, name in zip((values, mask), names, strict=True):
            sitk.WriteImage(sitk.GetImageFromArray(array), name)
        rows.append((*names, i // 2, i % 2))
    return pd.DataFrame(rows, columns=["Image", "Mask", "PatientID", "large"])


def test_a_cascade_on_volumes_from_files(organs):
    loader = ImageLoader(window="lung", size=(8, 24, 24))
    region = ImageLoader(window="lung", size=(8, 24, 24), mask_mode="channel")
    organ, lesion = (
        region.set_params(label=label).fit_transform(organs)[:, 1] for label in (1, 2)
    )
    masks, images = (organ + 2 * lesion).astype(int), organs[["Image"]]
    net = UNetSegmenter(
        depth=2,
        width=4,
        n_convolutions=1,
        max_iter=15,
        batch_size=4,
        learning_rate_init=0.01,
    )
    cascade = CascadeSegmenter(
        stage1=net,
        stage2=net,
        margin=1,
        stage1_for_training="truth",
        random_state=0,
        n_threads=1,
    )
    both = make_pipeline(loader, cascade).fit(images[:12], masks[:12])
    found = both.predict(images[12:])
    assert dice_scores(masks[12:], found, labels=[2]).min() > 0.8
    assert (found[:, :, 20:, 20:][masks[12:, :, 20:, 20:] == 0] != 2).all()
    # Its lesions to crops, features and an outcome, learned within the folds of patients.
    crop = LesionCrop(cascade, label=2, size=(6, 8, 8))
    with config_context(enable_metadata_routing=True):
        scores = cross_validate(
            make_pipeline(loader, crop, ImageRows(), LogisticRegression()),
            images,
            organs["large"],
            cv=GroupKFold(2),
            params={"masks": masks, "groups": organs["PatientID"]},
        )
    assert scores["test_score"].min() == 1


class ImageRows:
    """Mean and largest value of each image: enough to tell large from small."""

    def fit(self, X, y=None):
        return self

    def fit_transform(self, X, y=None):
        return self.transform(X)

    def transform(self, X):
        return 10 * X.reshape(len(X), -1).mean(axis=1, keepdims=True)

    def get_params(self, deep=True):
        return {}

    def set_params(self):
        return self
