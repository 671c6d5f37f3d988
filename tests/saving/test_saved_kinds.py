"""Every kind comes back from its file with the same features, bit for bit."""

import json
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import safetensors
import torch
from contract import KINDS, OTHER, TRAINED, Tiny, fitted, given, labels, one_step, small
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

import skvae
from skvae.exceptions import ModelFileWarning
from skvae.networks import densenet121
from skvae.networks.densenet import DenseNet
from skvae.saving.model_files import load_described
from skvae.study import SelectBlock
from skvae.study.arm_features import flatten
from skvae.tensor_file import TensorFile

pytestmark = [
    pytest.mark.filterwarnings("ignore::skvae.exceptions.PosteriorCollapseWarning"),
    pytest.mark.filterwarnings("ignore::skvae.exceptions.EmptyOrganWarning"),
    pytest.mark.filterwarnings("ignore::skvae.exceptions.ModelFileWarning"),
]

# Of each array that these methods give, every bit.
READ = ("transform", "predict", "predict_proba", "score_samples", "reconstruct")


NAMES = ("rows", "images")


def saved(kind, name):
    """Return a fitted estimator all of whose parts a file can have."""
    if kind is not skvae.PixelClassifier:
        return fitted(kind, name)
    X = given(kind, name)
    return small(kind, classifier=LogisticRegression()).fit(X, labels(kind, X))


def round_trip(estimator, folder, **options):
    """Return the estimator as its file has it; the same file, saved again."""
    path, again = folder / "first.skvae", folder / "again.skvae"
    digest = skvae.save(estimator, path)
    loaded = skvae.load(path, sha256=digest, **options)
    assert type(loaded) is type(estimator)
    skvae.save(estimator, again)
    assert again.read_bytes() == path.read_bytes()
    return loaded


def assert_same(one, other, X):
    for method in READ:
        if hasattr(one, method):
            found, expected = getattr(other, method)(X), getattr(one, method)(X)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_comes_back(kind, name, tmp_path):
    X, estimator = given(kind, name), saved(kind, name)
    asked = {"network": Tiny} if kind is skvae.LayerExtractor else {}
    loaded = round_trip(estimator, tmp_path, **asked)
    assert_same(estimator, loaded, X)
    np.testing.assert_array_equal(
        loaded.get_feature_names_out(), estimator.get_feature_names_out()
    )
    if not asked:
        assert repr(loaded) == repr(estimator)
        assert getattr(loaded, "history_", 0) == getattr(estimator, "history_", 0)
        # What was loaded is no less than what was saved.
        skvae.save(loaded, tmp_path / "loaded.skvae")
        first = (tmp_path / "first.skvae").read_bytes()
        assert (tmp_path / "loaded.skvae").read_bytes() == first


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_file_has_what_belongs_to_single_rows_of_the_training(kind, tmp_path):
    X, columns = given(kind, "rows")[:37], {}
    if kind is skvae.AttriVAE:
        columns = {"attributes": X[:, :2]}
    classifier = (
        {"classifier": LogisticRegression()} if kind is skvae.PixelClassifier else {}
    )
    estimator = small(kind, **classifier).fit(
        X, labels(kind, given(kind, "rows"))[:37], **columns
    )
    skvae.save(estimator, tmp_path / "model.skvae")
    with TensorFile(tmp_path / "model.skvae") as file:
        assert not [name for name, e in file.entries.items() if 37 in e.shape]


OPTIONS = {
    "a learned variance": (
        "VAEFeatureExtractor",
        "rows",
        {"kl_warmup": 0.5, "free_bits": 0.1},
    ),
    "probabilities": ("VAEFeatureExtractor", "images", {"likelihood": "bernoulli"}),
    "top k": ("SparseAutoencoder", "rows", {"sparsity": "topk", "k": 2}),
    "batch top k": ("SparseAutoencoder", "rows", {"sparsity": "batch_topk", "k": 2}),
    "jumps": ("SparseAutoencoder", "rows", {"sparsity": "jumprelu", "k": 2}),
    "L1": ("SparseAutoencoder", "rows", {"sparsity": "l1"}),
    "revived": ("SparseAutoencoder", "images", {"revival_weight": 0.1}),
    "an LSTM": ("SequenceRegressor", "images", {"rnn": "lstm", "pool_time": "attention"}),
    "an augmentation": (
        "Autoencoder",
        "images",
        {"augment": skvae.RandomAugment(flip=False)},
    ),
    "phases": (
        "AutoencoderClassifier",
        "rows",
        {"phases": (skvae.Phase(2), skvae.Phase(1))},
    ),
    "weights of classes": (
        "AutoencoderClassifier",
        "rows",
        {"class_weight": {0: 2.0, 1: 1}},
    ),
    "patches": ("UNetSegmenter", "images", {"patch_size": 4, "n_patches": 2}),
    "rules of parts": (
        "UNetSegmenter",
        "images",
        {"test_time_flips": (0,), "keep_largest": True, "min_size": 2},
    ),
    "levels of the decoder": (
        "UNetSegmenter",
        "images",
        {"deep_supervision": True, "tversky_beta": 0.7},
    ),
    "lists": ("VAEFeatureExtractor", "rows", {"layer": ["mean", "hidden_1"]}),
    "holes": ("VAEFeatureExtractor", "rows", {"missing": "mask"}),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_parameters_come_back(case, tmp_path):
    kind, name, parameters = OPTIONS[case]
    kind = getattr(skvae, kind)
    X = given(kind, name)
    estimator = small(kind, **parameters).fit(X, labels(kind, X))
    loaded = round_trip(estimator, tmp_path)
    assert_same(estimator, loaded, X)
    for parameter, value in parameters.items():
        assert getattr(loaded, parameter) == value


def test_attributes_and_their_maps_come_back(tmp_path):
    X = given(skvae.AttriVAE, "rows")
    estimator = small(skvae.AttriVAE).fit(X, X[:, 0] > 0.5, attributes=X[:, :2])
    loaded = round_trip(estimator, tmp_path)
    assert_same(estimator, loaded, X)
    for one, other in zip(estimator.attribute_maps_, loaded.attribute_maps_, strict=True):
        np.testing.assert_array_equal(other.units, one.units)
        np.testing.assert_array_equal(other.values, one.values)


def test_borrowed_weights_leave_their_report_and_no_path(tmp_path):
    X, kind = given(skvae.UNetSegmenter, "images"), skvae.UNetSegmenter
    y, source = labels(kind, X), fitted(kind, "images")
    torch.save(source.network_.module.state_dict(), tmp_path / "secret.pt")
    for weights in (str(tmp_path / "secret.pt"), FrozenEstimator(source)):
        borrowed = small(kind, encoder_weights=weights, freeze="encoder").fit(X, y)
        path = tmp_path / "model.skvae"
        skvae.save(borrowed, path)
        loaded = skvae.load(path)
        assert_same(borrowed, loaded, X)
        assert loaded.transfer_report_ == borrowed.transfer_report_
        assert b"secret" not in path.read_bytes()
        assert (loaded.encoder_weights is None) == isinstance(weights, str)


def test_published_networks_of_attributes_come_back(tmp_path):
    X = np.random.default_rng(0).random((16, 1, 24, 24), dtype=np.float32)
    estimator = skvae.AttriVAE.published(max_iter=1, batch_size=8, random_state=0)
    estimator.fit(X, np.arange(16) % 2, attributes=X[:, 0, 0, :2])
    assert_same(estimator, round_trip(estimator, tmp_path), X)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", TRAINED, ids=lambda kind: kind.__name__)
def test_every_parameter_comes_back(kind, tmp_path, record_property):
    n_saved, known = 0, kind().get_params(deep=False)
    for parameter in sorted(OTHER.keys() & known.keys() - {"image_shape"}):
        for name in NAMES:
            X = given(kind, name)
            try:
                estimator = one_step(kind, len(X), **{parameter: OTHER[parameter]})
                estimator.fit(X, labels(kind, X))
            except ValueError:
                continue  # of images alone, say
            loaded = round_trip(estimator, tmp_path)
            assert_same(estimator, loaded, X)
            assert repr(loaded) == repr(estimator)
            n_saved += 1
    record_property("saved", n_saved)
    assert n_saved > 20


def test_training_goes_on_as_if_it_had_not_stopped(tmp_path):
    X = given(skvae.VAEFeatureExtractor, "rows")
    vae = small(skvae.VAEFeatureExtractor, warm_start=True, dropout=0.3).fit(X)
    loaded = round_trip(vae, tmp_path)
    np.testing.assert_array_equal(
        loaded.partial_fit(X).transform(X), vae.partial_fit(X).transform(X)
    )


def test_clones_of_what_was_loaded_fit_alike(tmp_path):
    X = given(skvae.Autoencoder, "rows")
    autoencoder = fitted(skvae.Autoencoder, "rows")
    loaded = round_trip(autoencoder, tmp_path)
    np.testing.assert_array_equal(clone(loaded).fit(X).transform(X), loaded.transform(X))


def test_lesion_crops_and_blocks_come_back(tmp_path):
    X = np.zeros((6, 2, 12, 12), np.float32)
    X[:, 0] = np.random.default_rng(0).random((6, 12, 12))
    X[:, 1, 3:7, 4:9] = 1
    crop = skvae.LesionCrop(mask_channel=1).fit(X)
    np.testing.assert_array_equal(
        round_trip(crop, tmp_path).transform(X), crop.transform(X)
    )
    unet = small(skvae.UNetSegmenter)
    learned = skvae.LesionCrop(
        unet.set_params(max_iter=40, learning_rate_init=0.03), size=(6, 6)
    )
    learned.fit(X, masks=X[:, 1])
    found = round_trip(learned, tmp_path).transform(X)
    np.testing.assert_array_equal(found, learned.transform(X))
    block = SelectBlock("b").fit({"b": X[:, 0, 0]})
    assert list(round_trip(block, tmp_path).get_feature_names_out())[:2] == ["b_0", "b_1"]


def test_networks_of_ours_in_a_layer_extractor_need_no_code_of_others(tmp_path):
    X = given(skvae.Autoencoder, "rows")
    autoencoder = fitted(skvae.Autoencoder, "rows")
    extractor = skvae.LayerExtractor(FrozenEstimator(autoencoder), layer="hidden_1").fit(X)
    loaded = round_trip(extractor, tmp_path)
    np.testing.assert_array_equal(loaded.transform(X), extractor.transform(X))
    # Its weights are those of the parameter, once.
    size = (tmp_path / "first.skvae").stat().st_size
    skvae.save(autoencoder, tmp_path / "alone.skvae")
    assert size < 2 * (tmp_path / "alone.skvae").stat().st_size


@pytest.mark.parametrize("source", [densenet121, densenet121(1, 2)], ids=["code", "module"])
def test_published_networks_come_back_with_the_weights_of_the_file(source, tmp_path):
    X = given(skvae.LayerExtractor, "images")[:2].repeat(8, axis=2).repeat(8, axis=3)
    preprocess = "rgb" if source is densenet121 else None
    extractor = skvae.LayerExtractor(
        source, layer="features.norm5", preprocess=preprocess, random_state=0, device="cpu"
    ).fit(X)
    loaded = round_trip(extractor, tmp_path)
    assert type(loaded.network_.module) is DenseNet
    np.testing.assert_array_equal(loaded.transform(X), extractor.transform(X))


def test_a_foreign_network_is_asked_for_and_gets_the_weights_of_the_file(tmp_path):
    X = given(skvae.LayerExtractor, "rows")
    extractor = skvae.LayerExtractor(Tiny(), layer="code", device="cpu").fit(X)
    path = tmp_path / "tiny.skvae"
    with pytest.warns(ModelFileWarning, match=r"^LayerExtractor.model: no plain values"):
        skvae.save(extractor, path)
    with pytest.raises(ValueError, match="expected network=, the module"):
        skvae.load(path)
    with pytest.raises(ValueError, match=r"network has an array 0\.bias, which the file"):
        skvae.load(path, network=nn.Sequential(nn.Linear(12, 3)))
    other = Tiny()
    before = other.code.weight.clone()
    for network in (other, Tiny):
        loaded = skvae.load(path, network=network)
        np.testing.assert_array_equal(loaded.transform(X), extractor.transform(X))
    assert (other.code.weight == before).all()  # it has a copy of its own
    skvae.save(fitted(skvae.Autoencoder, "rows"), path)
    with pytest.raises(ValueError, match="expected network=None"):
        skvae.load(path, network=Tiny)


def test_another_process_writes_the_same_bytes_and_reads_the_same_features(tmp_path):
    code = (
        "import sys, warnings; sys.path.insert(0, sys.argv[1])\n"
        "import numpy as np, skvae\n"
        "from contract import fitted, given\n"
        "X = given(skvae.VAEFeatureExtractor, 'rows')\n"
        "skvae.save(fitted(skvae.VAEFeatureExtractor, 'rows'), sys.argv[2] + '/a.skvae')\n"
        "np.save(sys.argv[2] + '/z', skvae.load(sys.argv[2] + '/b.skvae').transform(X))\n"
    )
    X, vae = (
        given(skvae.VAEFeatureExtractor, "rows"),
        fitted(skvae.VAEFeatureExtractor, "rows"),
    )
    skvae.save(vae, tmp_path / "b.skvae")
    folder = str(pytest.__file__ and __file__.rpartition("/saving")[0])
    subprocess.run([sys.executable, "-c", code, folder, str(tmp_path)], check=True)
    assert (tmp_path / "a.skvae").read_bytes() == (tmp_path / "b.skvae").read_bytes()
    np.testing.assert_array_equal(np.load(tmp_path / "z.npy"), vae.transform(X))


def test_the_file_is_one_of_safetensors_with_the_values_of_the_network(tmp_path):
    vae = fitted(skvae.VAEFeatureExtractor, "rows")
    skvae.save(vae, tmp_path / "vae.skvae")
    with safetensors.safe_open(tmp_path / "vae.skvae", "np") as file:
        assert list(file.metadata()) == ["skvae"]
        names = set(file.keys())
        for name, value in vae.network_.state.items():
            found = file.get_tensor(f"network_.state.{name}")
            np.testing.assert_array_equal(found, value)
            names.discard(f"network_.state.{name}")
        manifest = json.loads(file.metadata()["skvae"].partition(" ")[2])
    assert names == {"kl_per_component_"}
    assert manifest["class"] == "VAEFeatureExtractor"
    assert manifest["schema"] == 1
    assert manifest["versions"]["skvae"] == skvae.__version__
    assert manifest["model"]["parameters"]["n_components"] == 3


def test_what_only_fit_reads_and_what_names_a_folder_is_left_out_with_one_warning(tmp_path):
    X = given(skvae.Autoencoder, "images")
    parameters = {
        "augment": lambda batch, _: batch,
        "random_state": np.random.RandomState(0),
    }
    estimator = small(skvae.Autoencoder, **parameters).fit(X)
    estimator.set_params(memory=str(tmp_path / "secret"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        skvae.save(estimator, tmp_path / "model.skvae")
    (warning,) = caught
    assert warning.category is ModelFileWarning
    assert warning.filename == __file__
    named = "Autoencoder.augment, Autoencoder.memory, Autoencoder.random_state: "
    assert str(warning.message).startswith(named)
    assert b"secret" not in (tmp_path / "model.skvae").read_bytes()
    loaded, manifest = load_described(tmp_path / "model.skvae")
    assert manifest["left_out"] == named[:-2].split(", ")
    assert (loaded.augment, loaded.memory, loaded.random_state) == (None, None, None)
    np.testing.assert_array_equal(loaded.transform(X), estimator.transform(X))


def test_a_model_of_a_gpu_computes_here(tmp_path):
    X = given(skvae.Autoencoder, "rows")
    autoencoder = small(skvae.Autoencoder).fit(X)
    # As a fit on a GPU would leave it.
    autoencoder.set_params(device="cuda").network_.device = "cuda:0"
    loaded = round_trip(autoencoder, tmp_path)
    assert (loaded.device, loaded.network_.device) == ("cuda", "cuda:0")
    np.testing.assert_array_equal(loaded.transform(X), autoencoder.transform(X))


def test_settings_of_torch_that_the_caller_has_made_do_not_matter(tmp_path):
    X, vae = (
        given(skvae.VAEFeatureExtractor, "rows"),
        fitted(skvae.VAEFeatureExtractor, "rows"),
    )
    digest = skvae.save(vae, tmp_path / "vae.skvae")
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"), torch.inference_mode():
            assert skvae.save(vae, tmp_path / "again.skvae") == digest
            loaded = skvae.load(tmp_path / "again.skvae")
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_array_equal(loaded.transform(X), vae.transform(X))


def test_threads_load_at_the_same_time(tmp_path):
    X, names = (
        given(skvae.VAEFeatureExtractor, "rows"),
        ["VAEFeatureExtractor", "Autoencoder"],
    )
    models = [fitted(getattr(skvae, name), "rows") for name in names]
    for name, model in zip(names, models, strict=True):
        skvae.save(model, tmp_path / f"{name}.skvae")
    expected = [model.transform(X) for model in models]

    def right(i):
        loaded = skvae.load(tmp_path / f"{names[i % 2]}.skvae")
        return bool((loaded.transform(X) == expected[i % 2]).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(right, range(40)))


def test_what_cannot_be_saved_is_said_in_a_sentence(tmp_path):
    path = tmp_path / "model.skvae"
    with pytest.raises(ValueError, match="Autoencoder, which is not fitted") as caught:
        skvae.save(skvae.Autoencoder(), path)
    assert isinstance(caught.value.__cause__, NotFittedError)
    with pytest.raises(TypeError, match="Got 3, expected an estimator"):
        skvae.save(3, path)
    autoencoder = fitted(skvae.Autoencoder, "rows")
    for name in ("model.bin", "nowhere/model.skvae"):
        with pytest.raises(ValueError, match="expected a file"):
            skvae.save(autoencoder, tmp_path / name)
    tree = fitted(skvae.PixelClassifier, "rows")
    with pytest.raises(ValueError, match=r"classifier_=DecisionTree.*SKOPS_TRUSTED"):
        skvae.save(tree, path)
    scaled = skvae.LayerExtractor(Tiny, layer="code", preprocess=lambda x: 2 * x).fit(
        given(skvae.LayerExtractor, "rows")
    )
    with pytest.raises(ValueError, match=r"network_\.preprocess=<function"):
        skvae.save(scaled, path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.nightly
def test_a_thousand_round_trips(tmp_path, record_property):
    cases = [(saved(kind, name), given(kind, name)) for kind in KINDS for name in NAMES]
    for name in NAMES:
        X = given(skvae.VAEFeatureExtractor, name)
        vae = small(skvae.VAEFeatureExtractor)
        flat = make_pipeline(FunctionTransformer(flatten), StandardScaler(), vae, Ridge())
        cases.append((flat.fit(X, X.reshape(len(X), -1)[:, 0]), X))
    seconds, path = [], tmp_path / "model.skvae"
    for i in range(1000):
        estimator, X = cases[i % len(cases)]
        asked = {"network": Tiny} if type(estimator) is skvae.LayerExtractor else {}
        begin = time.perf_counter()
        digest = skvae.save(estimator, path)
        loaded = skvae.load(path, **asked)
        seconds.append(time.perf_counter() - begin)
        assert skvae.save(estimator, path) == digest
        method = "transform" if hasattr(estimator, "transform") else "predict"
        expected = getattr(estimator, method)(X)
        np.testing.assert_array_equal(getattr(loaded, method)(X), expected)
    record_property("round_trips", len(seconds))
    record_property("median_ms", round(1e3 * float(np.median(seconds)), 1))
