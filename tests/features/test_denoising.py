import numpy as np
import pytest
import torch
from contract import small
from sklearn.datasets import load_digits

from skvae import Autoencoder, DenoisingAutoencoder
from skvae.features.denoising import CORRUPTIONS, Corrupted, by_block
from skvae.networks.blocks import LinearCode
from skvae.networks.builder import Builder
from skvae.networks.dense import DenseAutoencoder
from skvae.networks.holes import WithHoles
from skvae.objectives.batch import Batch
from skvae.objectives.reconstruction import SquaredError


def draw(kind, shape):
    generator = torch.Generator().manual_seed(0)
    return {"normal": torch.randn, "uniform": torch.rand}[kind](shape, generator=generator)


def corrupt(name, x, level):
    corruption = CORRUPTIONS[name]
    noise = draw(corruption.kind, x.shape)
    if corruption.in_blocks:
        noise = by_block(noise)
    return corruption.corrupt(x, noise, level)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_level_zero_changes_nothing(corruption):
    x = draw("normal", (6, 2, 9, 7))
    torch.testing.assert_close(corrupt(corruption, x, 0.0), x)


def test_gaussian_noise_has_the_standard_deviation_of_the_level():
    x = torch.full((400, 50), 2.0)
    added = corrupt("gaussian", x, 0.3) - x
    assert added.std() == pytest.approx(0.3, rel=0.02)
    assert added.mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("level", [0.1, 0.5])
def test_masking_zeroes_that_share(level):
    x = torch.ones(400, 50)
    masked = corrupt("masking", x, level)
    assert set(masked.unique().tolist()) == {0.0, 1.0}
    assert (masked == 0).float().mean() == pytest.approx(level, abs=0.01)


def test_salt_and_pepper_are_the_extremes_in_equal_shares():
    x = torch.full((400, 50), 0.5)
    x[0, 0], x[0, 1] = -1.0, 2.0
    spoilt = corrupt("salt_and_pepper", x, 0.4)
    assert set(spoilt.unique().tolist()) == {-1.0, 0.5, 2.0}
    assert (spoilt == -1).float().mean() == pytest.approx(0.2, abs=0.01)
    assert (spoilt == 2).float().mean() == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    "shape", [(200, 30), (50, 3, 21), (30, 2, 10, 13), (10, 1, 9, 8, 5)]
)
def test_blocks_are_dropped_whole_and_in_all_channels(shape):
    dropped = corrupt("dropout_blocks", torch.ones(shape), 0.3) == 0
    images = dropped if len(shape) > 2 else dropped[:, None]
    assert (images == images[:, :1]).all()
    for corner in np.ndindex(*[-(-n // 4) for n in images.shape[2:]]):
        block = images[(slice(None), 0, *(slice(4 * i, 4 * i + 4) for i in corner))]
        flat = block.flatten(1)
        assert (flat == flat[:, :1]).all()
    assert dropped.float().mean() == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_blocks_have_the_size_asked_for(size):
    noise = by_block(draw("uniform", (50, 10)), size)
    for start in range(0, 10, size):
        block = noise[:, start : start + size]
        assert (block == block[:, :1]).all()
    assert len(noise.unique()) == 50 * -(-10 // size)


def test_swapped_entries_are_drawn_from_their_column():
    x = torch.arange(2000.0).reshape(500, 4)  # no value is there twice
    swapped = corrupt("swapping", x, 0.4)
    moved = swapped != x
    assert moved.float().mean() == pytest.approx(0.4, abs=0.03)
    assert (swapped % 4 == x % 4).all()
    rows = (swapped[moved] // 4).long()
    # From all rows alike: a fifth of the draws is from each fifth of them.
    shares = torch.bincount(rows // 100, minlength=5) / len(rows)
    torch.testing.assert_close(shares, torch.full((5,), 0.2), atol=0.05, rtol=0)
    assert torch.equal(corrupt("swapping", x[:1], 1.0), x[:1])


def network_of(corruption, **options):
    body = Builder(
        DenseAutoencoder, n_features=8, n_components=2, bottleneck=Builder(LinearCode)
    )
    return Corrupted(body=body, corruption=corruption, level=0.5, **options)


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_only_corrupted_entries_count(corruption):
    network = network_of(corruption, only_corrupted=True, block_size=3)
    x = draw("normal", (40, 8))
    trace = network(x, {"corrupted": draw(network.noise_kinds()["corrupted"], x.shape)})
    touched, counted = trace["corrupted"] != x, trace["counted"] > 0
    assert (counted | ~touched).all()
    assert counted.sum() - touched.sum() <= 4  # it may get the value that it has
    error = (trace["reconstruction"] - x).square() * trace["counted"]
    torch.testing.assert_close(SquaredError()(trace, Batch(x)), error.sum(dim=1) / 2)
    assert (network(x)["counted"] == 1).all()
    assert "counted" not in network_of(corruption)(x)


def test_what_is_shown_and_known_teaches_nothing_where_only_masks_count():
    network = WithHoles(
        body=Builder(
            Corrupted,
            body=Builder(
                DenseAutoencoder,
                n_features=8,
                n_components=2,
                bottleneck=Builder(LinearCode),
            ),
            corruption="masking",
            level=0.5,
            only_corrupted=True,
        ),
        sample_shape=(8,),
    )
    x, noise = draw("normal", (40, 8)), draw("uniform", (40, 8))
    holes = x.where(x > -0.5, torch.nan)
    trace = network(holes, {"corrupted": noise})
    counted = (noise < 0.5) & (x > -0.5)
    trace["reconstruction"].retain_grad()
    SquaredError()(trace, Batch(holes)).sum().backward()
    assert torch.equal(trace["reconstruction"].grad != 0, counted)


@pytest.mark.parametrize("corruption", ["swapping", "dropout_blocks"])
def test_masks_alone_teach_to_fill_in(corruption):
    digits = (load_digits().data / 16).astype(np.float32)
    denoiser = DenoisingAutoencoder(
        16,
        corruption=corruption,
        counted="corrupted",
        block_size=8,
        max_iter=15,
        random_state=0,
        n_threads=1,
    ).fit(digits[:1300])
    masked = digits[1300:].copy()
    masked[:, 24:32] = 0
    error = np.square(denoiser.denoise(masked) - digits[1300:])[:, 24:32].mean()
    assert error < 0.8 * digits[1300:, 24:32].var(axis=0).mean()


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_the_input_is_corrupted_only_with_noise_and_never_in_place(corruption):
    body = Builder(
        DenseAutoencoder, n_features=8, n_components=2, bottleneck=Builder(LinearCode)
    )
    network = Corrupted(body=body, corruption=corruption, level=0.5)
    x = draw("normal", (5, 8))
    before = x.clone()
    assert torch.equal(network(x)["corrupted"], x)
    kind = network.noise_kinds()["corrupted"]
    trace = network(x, {"corrupted": draw(kind, x.shape)})
    assert not torch.equal(trace["corrupted"], x)
    assert torch.equal(x, before)


def test_it_denoises_better_than_a_plain_autoencoder():
    digits = (load_digits().data / 16).astype(np.float32)
    rng = np.random.default_rng(0)
    train, test = digits[:1300], digits[1300:]
    noisy = test + 0.3 * rng.normal(size=test.shape).astype(np.float32)
    common = {"max_iter": 25, "random_state": 0, "n_threads": 1}
    denoiser = DenoisingAutoencoder(32, corruption_level=0.3, **common).fit(train)
    plain = Autoencoder(32, **common).fit(train)
    before = np.square(noisy - test).mean()
    after = np.square(denoiser.denoise(noisy) - test).mean()
    assert after < 0.35 * before
    assert after < np.square(plain.reconstruct(noisy) - test).mean()


def test_a_share_above_one_is_refused(rows):
    with pytest.raises(
        ValueError, match=r"corruption_level=2\.0, but with corruption='masking'"
    ):
        small(DenoisingAutoencoder, corruption="masking", corruption_level=2.0).fit(rows)


def test_several_networks_count_every_entry_where_nothing_is_corrupted(rows):
    denoiser = small(
        DenoisingAutoencoder, n_networks=2, corruption="masking", counted="corrupted"
    ).fit(rows)
    error = np.square(denoiser.reconstruct(rows) - rows).sum(axis=1)
    np.testing.assert_allclose(denoiser.score_samples(rows), -error / 2, rtol=1e-4)
