import numpy as np
import pandas as pd
import pytest

from skvae.datasets import read_features

DIAGNOSTICS = {
    "diagnostics_Versions_PyRadiomics": "v3.0.1",
    "diagnostics_Configuration_Settings": "{'minimumROIDimensions': 2, 'binWidth': 25}",
    "diagnostics_Image-original_Spacing": "(1.0, 1.0, 2.0)",
    "diagnostics_Image-original_Mean": 102.5,
    "diagnostics_Mask-original_VoxelNum": 251,
}
# A name of each kind, as pyradiomics 3.0.1 writes them, and as collections do.
PYRADIOMICS = [
    "original_shape_Elongation",
    "original_shape2D_PixelSurface",
    "original_firstorder_10Percentile",
    "original_glcm_Imc1",
    "log-sigma-1-0-mm-3D_firstorder_Mean",
    "wavelet-LLH_glrlm_RunEntropy",
    "wavelet-HH_gldm_SmallDependenceEmphasis",
    "square_glszm_ZoneEntropy",
    "squareroot_ngtdm_Busyness",
    "logarithm_firstorder_Mean",
    "exponential_firstorder_Mean",
    "gradient_firstorder_Mean",
    "lbp-2D_firstorder_Mean",
    "lbp-3D-m1_firstorder_Mean",
    "lbp-3D-k_firstorder_Mean",
    "T1_original_shape_Sphericity",
    "log.sigma.3.0.mm.3D_glcm_Contrast",
    "wavelet.LLH_firstorder_Mean",
]


def pyradiomics(n=4):
    """Return a frame of results as the extractor of PyRadiomics gives them."""
    rows = []
    for i in range(n):
        features = {
            name: float(i + j) if j < 2 else np.array(float(i + j))
            for j, name in enumerate(PYRADIOMICS)
        }
        rows.append({"Image": f"/data/im{i}.nii.gz", "Mask": f"/data/ma{i}.nii.gz"})
        rows[-1] |= {"PatientID": f"P{i:03d}", "Outcome": i % 2} | DIAGNOSTICS | features
    return pd.DataFrame(rows)


def column(frame, name):
    return frame.set_index("column")["reason"][name]


def test_features_of_pyradiomics_are_known_by_name():
    frame = pyradiomics()
    assert sum(map(pd.api.types.is_numeric_dtype, frame[PYRADIOMICS].dtypes)) == 2
    data = read_features(frame, target="Outcome", id="PatientID")
    assert data.kind == "PyRadiomics"
    assert data.features.columns.tolist() == PYRADIOMICS
    assert set(data.features.dtypes) == {np.dtype(float)}
    expected = np.arange(4)[:, None] + np.arange(len(PYRADIOMICS))
    np.testing.assert_array_equal(data.features, expected)
    assert data.features.index.tolist() == ["P000", "P001", "P002", "P003"]
    assert data.target.tolist() == [0, 1, 0, 1]
    assert data.groups.tolist() == data.features.index.tolist()


def test_what_is_no_feature_is_dropped_and_said():
    frame = pyradiomics().assign(age=50.0, original=1, Label=1)
    data = read_features(frame, target="Outcome", clinical=["age"])
    dropped = data.dropped["column"].tolist()
    assert dropped == ["Image", "Mask", "PatientID", *DIAGNOSTICS, "original", "Label"]
    for name in DIAGNOSTICS:
        assert column(data.dropped, name) == "diagnostics of PyRadiomics"
    assert column(data.dropped, "Image") == column(data.dropped, "Label") == "metadata"
    assert column(data.dropped, "PatientID") == "identifier"
    assert "clinical= would keep it" in column(data.dropped, "original")
    assert data.clinical.columns.tolist() == ["age"]
    assert data.groups is None


def csv_of(frame, path, *more):
    text = "".join(part.to_csv(index=False) for part in (frame, *more))
    path.write_text(text)
    return path


def test_rows_without_a_feature_are_failed_cases(tmp_path):
    frame = pyradiomics()
    frame.loc[2, [*DIAGNOSTICS, *PYRADIOMICS]] = None  # as its command line leaves them
    frame["Outcome"] = frame["Outcome"].astype(object).where(frame.index != 1)
    path = csv_of(frame, tmp_path / "out.csv")
    data = read_features(path, target="Outcome", id="PatientID", positive="0")
    assert data.features.index.tolist() == ["P000", "P003"]
    assert data.failed.to_numpy().tolist() == [
        ["P001", "no outcome"],
        ["P002", "no feature has a value"],
    ]
    assert data.target.tolist() == [0, 1]
    assert data.positive == 0


def test_an_appended_run_is_aligned_and_its_cases_are_not_read_twice(tmp_path):
    frame = pyradiomics(6)
    first, second = frame[:3], frame[3:][frame.columns[::-1]]
    path = csv_of(first, tmp_path / "out.csv", second)
    data = read_features(path, target="Outcome", id="PatientID")
    expected = np.arange(6)[:, None] + np.arange(len(PYRADIOMICS))
    np.testing.assert_array_equal(data.features, expected)
    assert "repeated on line 5" in data.notes[0]
    path = csv_of(first, tmp_path / "out.csv", first)
    message = r"the same PatientID twice: P000, P001, P002; expected one row for each"
    with pytest.raises(ValueError, match=message):
        read_features(path, target="Outcome", id="PatientID")
    with pytest.raises(
        ValueError, match=r"PyRadiomics without id and the same Image twice"
    ):
        read_features(path, target="Outcome")


def test_two_lesions_of_a_patient_need_the_group():
    frame = pyradiomics(4)
    frame["Image"], frame["Mask"], frame["Label"] = "im.nii", "ma.nii", [1, 2, 1, 2]
    frame["PatientID"] = ["a", "a", "b", "b"]
    with pytest.raises(ValueError, match="PatientID has several rows, without group"):
        read_features(frame, target="Outcome", id="PatientID")
    frame["Image"] = ["a.nii", "a.nii", "b.nii", "b.nii"]
    with pytest.raises(ValueError, match="Image has several rows, without group"):
        read_features(frame, target="Outcome")
    frame.loc[1, PYRADIOMICS] = None
    data = read_features(frame, target="Outcome", id="PatientID", group="PatientID")
    assert data.groups.tolist() == ["a", "b", "b"]
    assert data.failed["case"].tolist() == ["a, Label 2"]
    frame["Label"] = 1
    with pytest.raises(ValueError, match="the same PatientID twice: a, b"):
        read_features(frame, target="Outcome", id="PatientID", group="PatientID")


def mirp(modality="mr", labels=("region_1", "region_1", "region_1")):
    """Return a frame as mirp 2.7 gives it; its 27 columns of metadata come first."""
    text = ["study_date", "study_description", "series_description", "series_instance_uid"]
    frame = pd.DataFrame({"sample_name": [f"im{i}" for i in range(len(labels))]})
    frame["image_file_name"] = frame["sample_name"] + ".nii.gz"
    frame[[f"image_{name}" for name in ("directory", *text)]] = None
    frame["image_modality"] = modality
    frame[["image_measurement_unit", "image_pet_suv_type"]] = None
    frame["image_mask_label"] = labels
    mask = ["file_name", "directory", "series_description", "series_instance_uid"]
    frame[[f"image_mask_{name}" for name in mask]] = None
    frame["image_settings_id"] = None
    frame[[f"image_voxel_size_{axis}" for axis in "xyz"]] = [1.0, 1.0, 2.0]
    frame[["image_noise_level", "image_noise_iteration_id"]] = None
    frame["image_rotation_angle"] = 0.0
    frame[[f"image_translation_{axis}" for axis in "xyz"]] = 0.0
    frame[["image_mask_randomise_id", "image_mask_adapt_size"]] = [None, 0.0]
    assert frame.shape[1] == 27
    frame["ivh_v10"] = 0.97
    frame["ivh_i10"] = [754.0, 1001.0, 670.0]
    frame["ivh_i90"] = [276.0, 1001.0, 213.0]
    frame["ivh_diff_i10_i90"] = frame["ivh_i10"] - frame["ivh_i90"]
    frame["log_s_2.0_ivh_i10"] = [790.0, 918.0, 1001.0]
    frame["ngl_dc_energy_d1_a0.0_3d_fbn_n32"] = [0.1, 0.2, 0.3]
    return frame.assign(y=[0, 1, 1])


def test_all_metadata_of_mirp_are_dropped_numbers_too():
    data = read_features(mirp(), target="y", id="sample_name")
    assert data.kind == "MIRP"
    assert data.features.columns.tolist() == mirp().columns[27:-1].tolist()
    assert set(data.dropped["reason"]) == {"metadata of MIRP"}
    assert len(data.dropped) == 26


def test_bins_beyond_the_last_are_missing_unless_intensities_have_a_unit():
    data = read_features(mirp(), target="y", id="sample_name")
    features = data.features.set_axis(range(3))
    assert features["ivh_i10"].isna().tolist() == [False, True, False]
    assert features["ivh_diff_i10_i90"].isna().tolist() == [False, True, False]
    assert features["ivh_diff_i10_i90"][0] == 478
    assert features["log_s_2.0_ivh_i10"].isna().tolist() == [False, False, True]
    assert features["ivh_v10"].tolist() == [0.97] * 3
    (note,) = data.notes
    assert note.startswith("4 columns ivh_i* hold bin numbers, not intensities")
    assert "4 values beyond the last bin" in note


@pytest.mark.parametrize("modality", ["ct", "pet", "rtdose"])
def test_bins_of_filtered_images_alone_where_intensities_have_a_unit(modality):
    data = read_features(mirp(modality), target="y", id="sample_name")
    assert data.features["ivh_i10"].tolist() == [754, 1001, 670]
    assert data.features["log_s_2.0_ivh_i10"].isna().sum() == 1
    assert data.notes[0].startswith("1 columns ivh_i*")


def test_mirp_tables_of_two_modalities_are_not_joined():
    both = pd.concat([mirp("ct"), mirp("pet")])
    with pytest.raises(ValueError, match=r"images of ct, pet.*one image_modality each"):
        read_features(both, target="y")


def test_a_region_of_mirp_has_two_names():
    frame = mirp(labels=("region_2", "2", "region_1")).assign(sample_name=["a", "a", "b"])
    options = {"target": "y", "id": "sample_name", "group": "sample_name"}
    with pytest.raises(ValueError, match="the same sample_name twice: a;"):
        read_features(frame, **options)
    frame["image_mask_label"] = ["region_2", "1", "region_1"]
    assert len(read_features(frame, **options).features) == 3


def test_cases_that_vanished_are_counted_against_the_manifest(tmp_path):
    expected = [["im3", "not in the table"], ["im4", "not in the table"]]
    manifest = tmp_path / "cases.csv"
    names = [f"im{i}" for i in range(5)]
    manifest.write_text("Image,sample_name\n" + "".join(f"x.nii,{n} \n" for n in names))
    for cases in (names, pd.Series(names), manifest, str(manifest)):
        data = read_features(mirp(), target="y", id="sample_name", cases=cases)
        assert data.failed.to_numpy().tolist() == expected
    with pytest.raises(ValueError, match=r"Got cases without id"):
        read_features(mirp(), target="y", cases=names)
    manifest.write_text("Sample_Name,x\nim0,1\n")
    with pytest.raises(ValueError, match=r"id='sample_name', but .*cases\.csv has no such"):
        read_features(mirp(), target="y", id="sample_name", cases=manifest)


def nyxus(**sizes):
    frame = pd.DataFrame(
        {
            "intensity_image": ["a.nii", "a.nii", "b.nii"],
            "mask_image": ["a.nii", "a.nii", "b.nii"],
            "ROI_label": np.array([1, 2, 1], dtype=np.uint32),
            "t_index": 0.0,
            "ENTROPY": [5.4, 0.0, 5.3],
            "MEAN": [1097.25, 1091.0, 1100.0],
        }
    )
    return frame.assign(**sizes, y=[0, 1, 1])


@pytest.mark.parametrize(
    "sizes",
    [
        {"AREA_PIXELS_COUNT": [100.0, 1.0, 90.0]},
        {"3VOXEL_VOLUME": [0.8, 0.0, 0.7]},
        {"3AREA": [60.0, 0.0, 50.0]},
    ],
)
def test_nyxus_gives_zeros_for_one_voxel(sizes):
    options = {"target": "y", "id": "intensity_image", "group": "intensity_image"}
    data = read_features(nyxus(**sizes), **options)
    assert data.kind == "Nyxus"
    assert data.features.columns.tolist() == ["ENTROPY", "MEAN", *sizes]
    assert data.dropped["column"].tolist() == ["mask_image", "ROI_label", "t_index"]
    assert data.failed.to_numpy().tolist() == [
        ["a.nii, ROI_label 2", "a region of at most one voxel"]
    ]
    assert len(data.notes) == 1
    assert "counts them from the minimum of the image" in data.notes[0]


def test_nyxus_without_a_size_is_said():
    data = read_features(nyxus(), target="y", group="intensity_image")
    assert len(data.features) == 3
    assert "regions of one voxel" in data.notes[1]
