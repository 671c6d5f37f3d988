import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skvae import CascadeSegmenter, UNetSegmenter, dice_scores, involvement
from skvae.datasets import make_infected_lungs
from skvae.exceptions import EmptyOrganWarning
from skvae.training.caching import n_trainings

LUNGS = make_infected_lungs(24, size=32, random_state=0)
X, Y = LUNGS.images, LUNGS.masks
TRAIN, TEST = slice(16), slice(16, None)
NET = {"depth": 2, "width": 4, "batch_size": 4, "learning_rate_init": 0.01}
HASTY = UNetSegmenter(**NET | {"batch_size": 8}, n_convolutions=1, max_iter=2)
SHARED = {"random_state": 0, "n_threads": 1, "device": "cpu"}
WITHOUT_ORGAN = pytest.mark.filterwarnings(
    "ignore::skvae.exceptions.EmptyOrganWarning"
)  # of networks that have hardly learned


def cascade(**parameters):
    return CascadeSegmenter(
        **{"stage1": HASTY, "stage2": HASTY, "cv": 2} | SHARED | parameters
    )


@pytest.fixture(scope="module")
def lungs_net():
    """Return a first stage that finds lungs."""
    net = UNetSegmenter(**NET | SHARED, max_iter=15)
    return FrozenEstimator(net.fit(X[TRAIN], Y[TRAIN] > 0))


@pytest.fixture(scope="module")
def fitted(lungs_net):
    second = UNetSegmenter(**NET, max_iter=15)
    return cascade(stage1=lungs_net, stage2=second).fit(X[TRAIN], Y[TRAIN])


@WITHOUT_ORGAN
def test_folds_of_patients_are_the_same_under_metadata_routing():
    columns = {"groups": np.arange(16) // 2, "sample_weight": np.linspace(1, 2, 16)}
    plain = cascade().fit(X[TRAIN], Y[TRAIN], **columns)
    with config_context(enable_metadata_routing=True):
        routed = cascade().fit(X[TRAIN], Y[TRAIN], **columns)
    np.testing.assert_array_equal(
        routed.predict_proba(X[TEST]), plain.predict_proba(X[TEST])
    )


def test_it_finds_lesions_as_well_as_one_network_and_says_how_much_they_cover(fitted):
    one = UNetSegmenter(**NET | SHARED, max_iter=15).fit(X[TRAIN], Y[TRAIN])
    dice = [
        dice_scores(Y[TEST], each.predict(X[TEST]), labels=[2]).mean()
        for each in (one, fitted)
    ]
    found, expected = fitted.quantify(X[TEST]), involvement(Y[TEST])
    assert dice[1] >= max(dice[0] - 0.01, 0.4)
    assert fitted.roundtrip_dice_ >= 0.95
    assert np.abs(found.fraction - expected.fraction).mean() <= 0.15


def test_probabilities_are_those_of_the_stages(fitted):
    lungs = fitted.stage1_.predict_proba(X[TEST])[:, 1]
    probability = fitted.predict_proba(X[TEST])
    assert probability.shape == (8, 3, 32, 32)
    for image, lung, (outside, healthy, lesion) in zip(
        X[TEST], lungs, probability, strict=True
    ):
        box = []
        for found, least in zip(np.nonzero(lung > 0.5), fitted.crop_size_, strict=True):
            first, last = max(found.min() - 4, 0), min(found.max() + 5, 32)
            missing = max(least - (last - first), 0)
            first = min(max(first - missing // 2, 0), 32 - (last - first + missing))
            box.append(slice(first, max(first + least, last)))
        _, organ, inner = fitted.stage2_.predict_proba(image[None, :, *box])[0]
        np.testing.assert_allclose(outside, 1 - lung, rtol=1e-4, atol=1e-6)
        expected = np.zeros((32, 32))
        expected[tuple(box)] = inner / (organ + inner)
        np.testing.assert_allclose(lesion, lung * expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(healthy, lung * (1 - expected), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [None, 24, (20, 40)])
def test_no_lesion_lies_outside_of_the_organ_or_the_box(lungs_net, size):
    model = cascade(stage1=lungs_net, size=size).fit(X[TRAIN], Y[TRAIN])
    probability = model.predict_proba(X[TEST])
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)
    predicted = model.predict(X[TEST])
    np.testing.assert_array_equal(predicted, probability.argmax(axis=1))
    outside = lungs_net.predict(X[TEST]) == 0
    assert not (predicted[outside] == 2).any()
    assert predicted.dtype == Y.dtype


def test_resampling_to_a_coarse_grid_shows_in_the_ceiling(lungs_net):
    ceilings = [
        cascade(stage1=lungs_net, size=size).fit(X[TRAIN], Y[TRAIN]).roundtrip_dice_
        for size in (None, 64, 8)
    ]
    assert ceilings[0] == 1
    assert ceilings[1] > 0.95
    assert ceilings[2] < 0.8


def test_the_ceiling_counts_what_the_first_stage_cuts_off():
    # A first stage that knows half of each organ: the rest lies outside of the box.
    half = np.zeros_like(Y)
    half[:, :, :16] = Y[:, :, :16] > 0
    net = UNetSegmenter(**NET | SHARED, max_iter=15).fit(X[TRAIN], half[TRAIN])
    model = cascade(stage1=FrozenEstimator(net), margin=0).fit(X[TRAIN], Y[TRAIN])
    assert model.roundtrip_dice_ < 0.95


@WITHOUT_ORGAN
def test_the_second_stage_learns_from_boxes_of_images_that_the_first_has_not_seen(
    monkeypatch,
):
    # Each image is known by its number, which is written into its first pixel.
    images = X[:12].copy()
    images[:, 0, 0, 0] = np.arange(12)
    groups = np.repeat([5, 7, 3, 9], 3)
    trained, read = [], []
    fit, predict_proba = UNetSegmenter.fit, UNetSegmenter.predict_proba

    def numbers(x):
        return frozenset(np.stack(list(x))[:, 0, 0, 0].astype(int).tolist())

    def spy_fit(self, X, y, **columns):
        if np.shape(X)[1:] == images.shape[1:]:
            trained.append((id(self), numbers(X)))
            keep.append(self)
        return fit(self, X, y, **columns)

    def spy_predict(self, X):
        read.append((id(self), numbers(X)))
        return predict_proba(self, X)

    keep = []  # so that no two of them have one id
    monkeypatch.setattr(UNetSegmenter, "fit", spy_fit)
    monkeypatch.setattr(UNetSegmenter, "predict_proba", spy_predict)
    # With margins as large as the image, stage 2 sees images whole; it comes last.
    cascade(margin=32, cv=4).fit(images, Y[:12], groups=groups)
    everything = frozenset(range(12))
    assert trained[0][1] == trained[-1][1] == everything
    assert len(read) == 4
    of = dict(trained)
    assert frozenset().union(*(seen for _, seen in read)) == everything
    for which, seen in read:
        assert not seen & of[which]
        assert {groups[i] for i in seen} & {groups[i] for i in of[which]} == set()

    # In sample, the first stage reads what it has learned from; the truth needs none.
    for way, n_reads in (("insample", 1), ("truth", 0)):
        read.clear()
        cascade(margin=32, stage1_for_training=way).fit(images, Y[:12])
        assert len(read) == n_reads


def test_where_the_first_stage_finds_nothing_the_whole_image_is_searched(fitted):
    black = np.zeros_like(X[:2])
    assert not (fitted.stage1_.predict(black) == 1).any()
    both = np.concatenate([black, X[TEST][:1]])
    with pytest.warns(EmptyOrganWarning, match="No organ is found in 2 of 3 images"):
        probability = fitted.predict_proba(both)
    whole = fitted.stage2_.predict_proba(black)
    np.testing.assert_allclose(probability[:2], whole, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-5)
    # Also image by image, of a list of unequal sizes.
    sizes = [*X[TEST][:2], black[0], X[0, :, :28]]
    with pytest.warns(EmptyOrganWarning, match="in 1 of 4 images"):
        fitted.predict(sizes)
    strict = pickle.loads(pickle.dumps(fitted)).set_params(on_empty="raise")
    n_read, read = [], strict.stage1_.predict_proba
    strict.stage1_.predict_proba = lambda X: n_read.append(len(X)) or read(X)
    with pytest.raises(ValueError, match="no organ is found in the image 2"):
        strict.predict(sizes)
    # The fourth image is not looked at any more.
    assert n_read == [1, 1, 1]


def test_what_cropping_leaves_of_images_without_a_mask_does_not_count(lungs_net):
    hidden = Y.copy().astype(int)
    hidden[2 : TRAIN.stop] = -1
    few = cascade(stage1=lungs_net, size=8).fit(X[TRAIN], hidden[TRAIN])
    alone = cascade(stage1=lungs_net, size=8).fit(X[:2], hidden[:2])
    assert few.roundtrip_dice_ < 0.9
    assert few.roundtrip_dice_ == pytest.approx(alone.roundtrip_dice_, abs=0.1)


def test_a_masked_input_is_zero_outside_of_the_organ(lungs_net, monkeypatch):
    seen = []
    fit = UNetSegmenter.fit
    monkeypatch.setattr(
        UNetSegmenter, "fit", lambda self, x, y, **c: seen.append(x) or fit(self, x, y, **c)
    )
    cascade(stage1=lungs_net, mask_input=True, margin=32).fit(X[TRAIN], Y[TRAIN])
    outside = lungs_net.predict(X[TRAIN]) == 0
    np.testing.assert_array_equal(seen[0][:, 0], np.where(outside, 0, X[TRAIN][:, 0]))


def test_fields_are_the_same_as_labels(lungs_net):
    fields = np.zeros(Y.shape, dtype=[("organ", "u1"), ("lesion", "u1")])
    fields["organ"], fields["lesion"] = Y == 1, Y == 2
    whole = np.zeros(len(Y), dtype=[(name, "u1", (32, 32)) for name in ("organ", "lesion")])
    whole["organ"], whole["lesion"] = Y > 0, Y == 2
    model = cascade(stage1=lungs_net)
    expected = clone(model).fit(X[TRAIN], Y[TRAIN])
    for y in (fields, whole):
        found = clone(model).fit(X[TRAIN], y[TRAIN])
        np.testing.assert_array_equal(found.predict(X[TEST]), expected.predict(X[TEST]))
        score = expected.score(X[TEST], Y[TEST])
        assert found.score(X[TEST], y[TEST]) == pytest.approx(score)
    assert np.isfinite(cross_val_score(model, X, fields, cv=2)).all()


def test_a_label_means_the_same_whichever_others_there_are(lungs_net):
    # In fields, a lesion is a part of the organ, also where the organ's mask has none.
    fields = np.zeros(Y.shape, dtype=[("organ", "u1"), ("lesion", "u1")])
    fields["lesion"] = Y > 0
    model = cascade(stage1=lungs_net).fit(X[TRAIN], fields[TRAIN])
    assert model.classes_.tolist() == [0, 1, 2]
    assert set(np.unique(model.predict(X[TEST]))) == {0, 2}
    found, true = model.quantify(X[TEST]), involvement(fields[TEST])
    np.testing.assert_array_equal(found.fraction, true.fraction)
    assert found.n_lesion.min() > 0
    kinds = np.array([0, 1, 7])[Y]
    model = cascade(stage1=lungs_net).fit(X[TRAIN], kinds[TRAIN])
    expected, found = involvement(model.predict(X[TEST])), model.quantify(X[TEST])
    np.testing.assert_array_equal(found.n_lesion, expected.n_lesion)
    # There is no telling an organ without its label, nor one that has no surroundings.
    for labels in ((0, 2, 2), (1, 1, 2), (0, 5, 7)):
        message = f"labels {min(labels)}, {max(labels)}, but CascadeSegmenter expects 0 for"
        with pytest.raises(ValueError, match=message.replace("0, 7", "0, 5, 7")):
            cascade(stage1=lungs_net).fit(X[TRAIN], np.array(labels)[Y[TRAIN]])


def test_several_kinds_of_lesions_and_pixels_that_do_not_count(lungs_net):
    y = Y.astype(int)
    y[(Y == 2) & (np.arange(32) > 16)] = 3
    y[:, :3] = 255
    model = cascade(stage1=lungs_net, ignore_label=255).fit(X[TRAIN], y[TRAIN])
    assert model.classes_.tolist() == [0, 1, 2, 3]
    assert model.stage2_.classes_.tolist() == [0, 1, 2, 3]
    assert model.predict_proba(X[TEST]).shape == (8, 4, 32, 32)
    dice = dice_scores(y[TEST], model.predict(X[TEST]), labels=[1, 2, 3], ignore_label=255)
    assert model.score(X[TEST], y[TEST]) == pytest.approx(dice.mean())


def test_without_lesions_the_organ_is_found_once_more(lungs_net):
    second = UNetSegmenter(**NET, max_iter=15)
    model = cascade(stage1=lungs_net, stage2=second).fit(X[TRAIN], Y[TRAIN] > 0)
    assert model.classes_.tolist() == [False, True]
    assert model.score(X[TEST], Y[TEST] > 0) > 0.85
    assert model.quantify(X[TEST]).fraction.tolist() == [0] * 8


@WITHOUT_ORGAN
def test_lists_of_unequal_sizes(lungs_net):
    sizes = [(32, 32), (29, 32), (32, 27), (30, 28)] * 4
    images = [x[:, :h, :w] for x, (h, w) in zip(X, sizes, strict=False)]
    masks = [y[:h, :w] for y, (h, w) in zip(Y, sizes, strict=False)]
    for model in (cascade(), cascade(stage1=lungs_net, size=24)):
        model.fit(images, masks)
        assert [each.shape for each in model.predict(images)] == sizes
        proba = model.predict_proba(images[:3])
        assert [p.shape for p in proba] == [(3, *size) for size in sizes[:3]]
        assert model.transform(images).shape == (16, 16)
        assert 0 <= model.score(images, masks) <= 1
        assert model.quantify(images).severity.shape == (16,)


@WITHOUT_ORGAN
def test_volumes_and_signals():
    rng = np.random.default_rng(0)
    for shape in ((8, 1, 7, 9, 8), (8, 2, 33)):
        images = rng.random(shape, dtype=np.float32)
        masks = np.digitize(images[:, 0], [0.4, 0.8])
        model = cascade(image_shape=shape[1:], margin=1, size=6).fit(images, masks)
        assert model.predict(images).shape == masks.shape
        assert model.predict_proba(images).shape == (8, 3, *shape[2:])
        flat = cascade(image_shape=shape[1:], margin=1, size=6)
        flat.fit(images.reshape(8, -1), masks.reshape(8, -1))
        np.testing.assert_array_equal(
            flat.predict(images.reshape(8, -1)), model.predict(images).reshape(8, -1)
        )


@WITHOUT_ORGAN
def test_scikit_learn_takes_cascades_everywhere(tmp_path):
    memory = str(tmp_path)
    grid = {"stage2__max_iter": [1, 2]}
    search = GridSearchCV(cascade(memory=memory), grid, cv=KFold(2)).fit(X, Y)
    # Per fold, and for the refit, a first stage and two of it out of fold; per fold two
    # second stages.
    assert n_trainings(memory) == 2 * (1 + 2 + 2) + 1 + 2 + 1
    alone = cross_val_score(cascade().set_params(**search.best_params_), X, Y, cv=KFold(2))
    assert search.best_score_ == pytest.approx(alone.mean())
    groups = np.repeat(np.arange(6), 4)
    scores = cross_val_score(
        cascade(), X, Y, cv=GroupKFold(3), groups=groups, params={"groups": groups}
    )
    assert scores.shape == (3,)
    direct = cascade().fit(X, Y)
    pipeline = make_pipeline(FunctionTransformer(), cascade()).fit(X, Y)
    assert pipeline.score(X, Y) == direct.score(X, Y)
    copied = pickle.loads(pickle.dumps(direct))
    np.testing.assert_array_equal(copied.predict(X), direct.predict(X))
    assert copied.transform(X).shape == (24, len(direct.get_feature_names_out()))


def test_stages_take_what_they_leave_open_and_keep_the_rest():
    own = UNetSegmenter(**NET, max_iter=1, n_threads=2, random_state=5)
    model = cascade(stage1=own, stage1_for_training="truth").fit(X[:4], Y[:4])
    assert model.stage1_.n_threads == 2
    assert model.stage1_.random_state == 5
    assert model.stage2_.n_threads == 1
    assert model.stage2_.random_state is not None
    assert own.get_params() == UNetSegmenter(**own.get_params()).get_params()
    assert not hasattr(own, "network_")


@pytest.mark.parametrize(
    ("parameters", "y", "message"),
    [
        ({}, None, "requires y to be passed, but the target y is None"),
        ({}, np.stack([Y == 1, Y == 2], axis=1), "but CascadeSegmenter expects a label of"),
        ({"size": (8, 8, 8)}, Y, r"Got size=\(8, 8, 8\) for images of 2 spatial axes"),
        ({"cv": [([0, 1, 2], [3])]}, Y, "cross_val_predict only works for partitions"),
        ({"stage1": FrozenEstimator(KFold())}, Y, "but expected a segmenter of skvae"),
        ({"stage1": FrozenEstimator(UNetSegmenter())}, Y, "is not fitted yet"),
        ({"stage1_for_training": "fold"}, Y, "'stage1_for_training' parameter of Cascade"),
    ],
)
@WITHOUT_ORGAN
def test_what_does_not_fit_is_named_and_changes_nothing(parameters, y, message):
    model = cascade(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)
    assert not hasattr(model, "classes_")


def test_fitted_stages_come_frozen(lungs_net, fitted):
    with pytest.raises(ValueError, match=r"expected FrozenEstimator\(stage1\) to keep"):
        cascade(stage1=lungs_net.estimator).fit(X, Y)
    three = UNetSegmenter(**NET | SHARED, max_iter=1).fit(X[:4], 3 * Y[:4])
    with pytest.raises(ValueError, match="labels up to 2 that do not overlap"):
        cascade(stage1=lungs_net, stage2=FrozenEstimator(three)).fit(X, Y)
    both = {"stage1": lungs_net, "stage2": FrozenEstimator(fitted.stage2_)}
    again = clone(cascade(**both)).fit(X[TRAIN], Y[TRAIN])
    np.testing.assert_array_equal(again.predict(X[TEST]), fitted.predict(X[TEST]))
