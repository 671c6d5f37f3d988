import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from skvae import cli
from skvae.images import ImageLoader
from skvae.study.configuration import StudyConfig
from skvae.study.default_arms import default_arms
from skvae.study.run_study import run_study
from skvae.study.scan_tables import names_scans
from skvae.study.study_inputs import study_inputs

N = 24


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Write a folder of patients; the lesions of ill ones are larger. One mask is empty."""
    root = tmp_path_factory.mktemp("scans")
    rng = np.random.default_rng(0)
    for i in range(N):
        folder = root / f"P{i:02d}"
        folder.mkdir()
        values = rng.normal(-800, 20, (12, 14, 16)).astype(np.int16)
        mask = np.zeros(values.shape, np.uint8)
        length = 4 + 2 * (i % 2) + int(rng.integers(0, 4))
        mask[3:9, 4:9, 3 : 3 + length] = i != 5
        values[mask > 0] += 700
        for name, array in (("ct", values), ("seg", mask)):
            sitk.WriteImage(sitk.GetImageFromArray(array), str(folder / f"{name}.nrrd"))
    return root


@pytest.fixture
def cases(scans, tmp_path, capsys):
    """List them by the command line, and add what is known of them."""
    path = tmp_path / "cases.csv"
    told = ["manifest", str(scans), "--image", "*/ct.nrrd", "--mask", "*/seg.nrrd"]
    assert cli.main([*told, "--output", str(path)]) == 0
    assert f"{N} cases" in capsys.readouterr().out
    frame = pd.read_csv(path)
    assert frame["PatientID"].tolist() == [f"P{i:02d}" for i in range(N)]
    frame = frame.assign(ill=np.arange(N) % 2, age=60.0 + np.arange(N) % 5)
    frame.to_csv(path, index=False)
    return path


def config(path, **options):
    return StudyConfig(data=str(path), target="ill", clinical=("age",), **options)


def test_scans_and_clinical_columns_of_one_manifest(cases):
    inputs = study_inputs(config(cases))
    assert list(inputs.X) == ["images", "volume", "clinical"]
    assert len(inputs.y) == N - 1
    assert inputs.failed[["case", "reason"]].iloc[0, 1] == "the mask is empty"
    assert "P05" in inputs.failed["case"].iloc[0]
    assert inputs.notes[0] == "patients are those of the column PatientID"
    assert list(inputs.groups[:2]) == ["P00", "P01"]
    volumes = inputs.X["volume"]["volume_mm3"].to_numpy()
    assert volumes[0] in (120, 150, 180, 210)
    arms = default_arms(inputs.X)
    assert list(arms) == ["volume", "clinical", "pca", "autoencoder", "vae"]
    steps = [name for name, _ in arms["pca"][0].steps]
    assert steps == ["select", "load", "features", "scale", "classify"]


def test_a_study_of_scans(cases, tmp_path):
    settings = config(
        cases,
        arms=("volume", "pca", "volume+pca"),
        size=(12, 14, 16),
        spacing_mm=(1.0,),
        window=(-1000.0, 0.0),
        n_components=(2,),
        outer=(3, 1),
        inner=2,
        jobs=1,
    )
    result = run_study(settings, study_inputs(settings), tmp_path / "out")
    mean = result.summary().set_index("arm")["mean"]
    assert mean["volume"] > 0.7
    assert mean["volume+pca"] > 0.7
    assert StudyConfig.of({}, file=tmp_path / "out" / "study.toml").spacing_mm == (1.0,)
    # Crops were kept beside the checkpoints, and are gone.
    assert not (tmp_path / "out" / "networks").exists()


def test_a_changed_voxel_is_a_change_of_the_study(scans, cases, tmp_path):
    settings = config(cases, arms=("volume",), outer=(2, 1), inner=2, jobs=1)
    run_study(settings, study_inputs(settings), tmp_path / "out")
    path = str(scans / "P07" / "ct.nrrd")
    image = sitk.ReadImage(path)
    try:
        sitk.WriteImage(image + 1, path)
        with pytest.raises(ValueError, match=r"a change of X\['images'\]"):
            run_study(settings, study_inputs(settings), tmp_path / "out", resume=True)
    finally:
        sitk.WriteImage(image, path)


def test_images_alone(scans, tmp_path):
    rows = [(str(scans / f"P{i:02d}" / "ct.nrrd"), i % 2) for i in range(6)]
    path = tmp_path / "images.csv"
    pd.DataFrame(rows, columns=["image", "ill"]).to_csv(path, index=False)
    inputs = study_inputs(StudyConfig(data=str(path), target="ill", clinical=()))
    assert list(inputs.X) == ["images"]
    load = default_arms(inputs.X)["pca"][0].named_steps["load"]
    assert isinstance(load, ImageLoader)
    assert load.crop == "center"


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("Image,Mask,grade", "a.nrrd,b.nrrd,1", True),
        ("image,grade", "a.nrrd,1", True),
        ("Image,Mask,original_shape_Sphericity,grade", "a.nrrd,b.nrrd,.5,1", False),
        ("a,b,grade", "1,2,1", False),
    ],
)
def test_what_is_a_list_of_scans(tmp_path, header, row, expected):
    path = tmp_path / "table.csv"
    path.write_text(f"{header}\n{row}\n")
    assert names_scans(str(path)) is expected


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--image", "*/mr.nrrd"], "Got image='*/mr.nrrd', but"),
        (["--image", "*/ct.nrrd", "--mask", "*/none.nrrd"], "finds 0 masks for 'P00/ct"),
    ],
)
def test_what_a_folder_lacks_is_named(scans, capsys, more, message):
    assert cli.main(["manifest", str(scans), *more]) == 2
    assert message in capsys.readouterr().err
    assert not (scans / "cases.csv").exists()
