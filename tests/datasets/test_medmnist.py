import numpy as np
import pytest

from skvae.datasets import load_medmnist


def write(path, shape, n_labels=1, split="train"):
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=shape).astype(np.uint8)
    labels = rng.integers(2, size=(shape[0], n_labels)).astype(np.uint8)
    np.savez(path, **{f"{split}_images": images, f"{split}_labels": labels})
    return images, labels


def test_grey_images_get_a_channel(tmp_path):
    images, labels = write(tmp_path / "set.npz", (5, 28, 30))
    data = load_medmnist(tmp_path / "set.npz")
    np.testing.assert_array_equal(data.images, images[:, None])
    np.testing.assert_array_equal(data.target, labels[:, 0])
    assert data.images.dtype == np.uint8
    assert data.target.dtype == np.int64
    assert data.target.shape == (5,)


def test_colours_come_first(tmp_path):
    images, _ = write(tmp_path / "set.npz", (5, 28, 30, 3))
    loaded, _ = load_medmnist(tmp_path / "set.npz", return_X_y=True)
    assert loaded.shape == (5, 3, 28, 30)
    np.testing.assert_array_equal(loaded[:, 2], images[..., 2])


def test_volumes_get_a_channel(tmp_path):
    images, _ = write(tmp_path / "set.npz", (5, 28, 28, 28))
    loaded, _ = load_medmnist(str(tmp_path / "set.npz"), "train", return_X_y=True)
    np.testing.assert_array_equal(loaded, images[:, None])


def test_several_labels_an_image_stay_a_table(tmp_path):
    _, labels = write(tmp_path / "set.npz", (5, 28, 28), n_labels=14)
    np.testing.assert_array_equal(load_medmnist(tmp_path / "set.npz").target, labels)


def test_unknown_split(tmp_path):
    expected = r"Got split='tset', but load_medmnist takes one of train, val, test\."
    with pytest.raises(ValueError, match=expected):
        load_medmnist(tmp_path / "set.npz", "tset")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_medmnist(tmp_path / "none.npz")


def test_a_file_without_the_split(tmp_path):
    write(tmp_path / "set.npz", (5, 28, 28))
    expected = "train_images, train_labels, but .* has val_images and val_labels too"
    with pytest.raises(ValueError, match=expected):
        load_medmnist(tmp_path / "set.npz", "val")


def test_a_file_of_one_array(tmp_path):
    np.save(tmp_path / "set.npy", np.zeros(3))
    with pytest.raises(ValueError, match="holds one array"):
        load_medmnist(tmp_path / "set.npy")


def test_pickled_objects_are_not_loaded(tmp_path):
    labels = np.array([[{}]], dtype=object)
    images = np.zeros((1, 28, 28))
    np.savez(tmp_path / "set.npz", train_images=images, train_labels=labels)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        load_medmnist(tmp_path / "set.npz")


def test_numbers_of_images_and_labels_must_agree(tmp_path):
    arrays = {"train_images": np.zeros((3, 28, 28)), "train_labels": np.zeros((2, 1))}
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(ValueError, match="with 3 images and 2 labels in its train split"):
        load_medmnist(tmp_path / "set.npz")


def test_images_of_another_layout(tmp_path):
    write(tmp_path / "set.npz", (5, 28))
    with pytest.raises(ValueError, match=r"images of shape \(5, 28\)"):
        load_medmnist(tmp_path / "set.npz")


@pytest.mark.parametrize(
    ("file", "split", "shape", "n_positive"),
    [
        ("pneumoniamnist/pneumoniamnist.npz", "train", (4708, 1, 28, 28), None),
        ("pneumoniamnist/pneumoniamnist.npz", "val", (524, 1, 28, 28), None),
        ("pneumoniamnist/pneumoniamnist.npz", "test", (624, 1, 28, 28), 390),
        ("adrenalmnist3d/adrenalmnist3d.npz", "test", (298, 1, 28, 28, 28), 69),
    ],
)
def test_real_files(real_data, file, split, shape, n_positive):
    images, target = load_medmnist(real_data / file, split, return_X_y=True)
    assert images.shape == shape
    assert target.shape == shape[:1]
    assert set(target) == {0, 1}
    if n_positive is not None:
        assert target.sum() == n_positive
