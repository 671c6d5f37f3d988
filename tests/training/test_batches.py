import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skvae.training.batches import Batches, ResidentColumn, StreamedColumn, fits
from skvae.training.data import Data


@pytest.fixture
def numbered():
    """Return a function that makes rows of six that carry their number."""

    def make(n_rows):
        return np.arange(n_rows, dtype=np.float32)[:, None] + np.zeros(6, np.float32)

    return make


def rows_of(batches):
    """Row numbers, batch by batch."""
    return [batch.x[:, 0].int().tolist() for batch in batches]


def order_of(batches):
    """Row numbers of a whole epoch."""
    return [row for rows in rows_of(batches) for row in rows]


def shuffled(data, batch_size=4, index=None):
    index = np.arange(len(data)) if index is None else index
    return Batches(data, index, batch_size, "cpu", torch.Generator().manual_seed(0))


@given(n_rows=st.integers(1, 300), batch_size=st.integers(1, 40))
def test_cuts_cover_all_rows_once_in_batches_of_the_asked_size(n_rows, batch_size):
    batches = Batches(Data(np.zeros((n_rows, 1))), np.arange(n_rows), batch_size, "cpu")
    cuts = list(batches.cuts(n_rows))
    covered = [row for start, stop in cuts for row in range(start, stop)]
    assert covered == list(range(n_rows))
    sizes = [stop - start for start, stop in cuts]
    assert sizes[:-1] == [batch_size] * (len(sizes) - 1)
    assert sizes[-1] <= batch_size + 1
    if n_rows > 1 and batch_size > 1:
        assert sizes[-1] > 1
    assert len(batches) == len(sizes)


def test_batches_of_one_row_stay_of_one_row(numbered):
    batches = shuffled(Data(numbered(5)), batch_size=1)
    assert [len(rows) for rows in rows_of(batches)] == [1] * 5


@pytest.mark.parametrize(
    ("n_rows", "sizes"), [(9, [4, 5]), (8, [4, 4]), (10, [4, 4, 2]), (3, [3]), (1, [1])]
)
def test_a_last_row_joins_the_batch_before(numbered, n_rows, sizes):
    batches = shuffled(Data(numbered(n_rows)))
    assert [len(rows) for rows in rows_of(batches)] == sizes
    assert len(batches) == len(sizes)


def test_every_epoch_takes_each_row_once_in_an_order_of_its_own(numbered):
    batches = shuffled(Data(numbered(30)))
    first, second = (order_of(batches) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(30))
    assert first != second != list(range(30))
    assert first == order_of(shuffled(Data(numbered(30))))


def test_only_the_rows_of_the_index_are_taken(numbered):
    index = np.array([3, 5, 8, 13, 21])
    found = order_of(shuffled(Data(numbered(30)), index=index))
    assert sorted(found) == index.tolist()


def test_without_a_generator_the_rows_come_in_their_own_order(numbered):
    batches = Batches(Data(numbered(10)), np.arange(10), 4, "cpu")
    assert rows_of(batches) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize("streamed", [False, True])
def test_columns_keep_to_their_rows(numbered, map_file, stream_maps, streamed):
    x = map_file(numbered(50)) if streamed else numbered(50)
    number = np.arange(50)
    data = Data(
        x,
        y=number,
        mask=number[:, None],
        attributes=-number[:, None].astype(float),
        sample_weight=10.0 * number,
        groups=number,
    )
    batches = shuffled(data)
    assert batches.streamed == streamed
    for batch in batches:
        rows = batch.x[:, 0].double()
        assert torch.equal(batch.y.double(), rows)
        assert torch.equal(batch.mask[:, 0].double(), rows)
        assert torch.equal(batch.attributes[:, 0], -rows)
        assert torch.equal(batch.sample_weight, 10 * rows)


@pytest.mark.parametrize("n_rows", [5, 16, 32, 40, 50])
def test_a_streamed_epoch_takes_each_row_once(numbered, map_file, stream_maps, n_rows):
    batches = shuffled(Data(map_file(numbered(n_rows))))
    assert batches.streamed
    first, second = (order_of(batches) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(n_rows))
    assert first != second != list(range(n_rows))
    assert first == order_of(shuffled(Data(map_file(numbered(n_rows)))))


@pytest.mark.parametrize("n_rows", [15, 16, 17, 33, 49])
def test_a_streamed_epoch_has_the_batches_of_a_resident_one(
    numbered, map_file, stream_maps, n_rows
):
    streamed = shuffled(Data(map_file(numbered(n_rows))))
    sizes = [len(rows) for rows in rows_of(streamed)]
    assert sizes == [len(rows) for rows in rows_of(shuffled(Data(numbered(n_rows))))]
    assert len(streamed) == len(sizes)


def test_a_window_stays_within_its_chunks_of_neighbours(numbered, map_file, stream_maps):
    batches = shuffled(Data(map_file(numbered(64))))
    windows = [sorted(window.tolist()) for window in batches.windows()]
    assert [len(window) for window in windows] == [16] * 4
    for window in windows:
        assert all(row + 1 in window for row in window if row % 2 == 0)
    assert windows[0] != list(range(16))


def test_streamed_rows_without_a_generator_come_in_their_own_order(
    numbered, map_file, stream_maps
):
    batches = Batches(Data(map_file(numbered(40))), np.arange(40), 8, "cpu")
    assert batches.streamed
    assert order_of(batches) == list(range(40))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("source", [np.uint8, np.float32, np.float64])
def test_rows_come_in_the_asked_dtype(numbered, dtype, source):
    x = numbered(7).astype(source)
    (batch,) = Batches(Data(x), np.arange(7), 7, "cpu", dtype=dtype)
    assert batch.x.dtype == dtype
    assert np.array_equal(batch.x.numpy(), x)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("writeable", [False, True])
def test_a_stray_write_to_a_batch_reaches_no_one(
    numbered, map_file, stream_maps, tmp_path, streamed, writeable
):
    x = map_file(numbered(12), "r+" if writeable else "r") if streamed else numbered(12)
    if not streamed:
        x.flags.writeable = writeable
    file = (tmp_path / "x.npy").read_bytes() if streamed else b""
    batches = shuffled(Data(x))
    for batch in batches:
        batch.x.fill_(-1.0)
    assert sorted(order_of(batches)) == list(range(12))
    assert np.array_equal(x, numbered(12))
    if streamed:
        assert (tmp_path / "x.npy").read_bytes() == file


def test_small_read_only_maps_are_copied_and_large_ones_streamed(
    numbered, map_file, monkeypatch
):
    x = map_file(numbered(12))
    assert fits(x, "cpu")
    column = ResidentColumn(x, "cpu")
    column.rows.fill_(-1.0)
    assert np.array_equal(x, numbered(12))
    monkeypatch.setattr("skvae.training.batches.RESIDENT_BYTES", x.nbytes - 1)
    assert not fits(x, "cpu")
    assert isinstance(
        Batches(Data(x), np.arange(12), 4, "cpu").columns["x"], StreamedColumn
    )


def test_an_array_in_memory_lies_on_the_cpu_without_a_copy(numbered, monkeypatch):
    monkeypatch.setattr("skvae.training.batches.RESIDENT_BYTES", 0)
    x = numbered(12)
    assert fits(x, "cpu")
    rows = ResidentColumn(x, "cpu").rows
    assert rows.data_ptr() == x.ctypes.data


def test_a_streamed_batch_holds_memory_of_its_own(numbered, map_file):
    column = StreamedColumn(map_file(numbered(12)), "cpu")
    rows = column.take(torch.tensor([3, 1]))
    assert rows[:, 0].tolist() == [3.0, 1.0]
    rows.fill_(0.0)
    assert column.array[3, 0] == 3.0


@pytest.mark.parametrize("shape", [(4,), (1, 3, 3)])
def test_rows_of_any_shape(shape):
    x = np.random.default_rng(0).normal(size=(9, *shape)).astype(np.float32)
    batches = list(Batches(Data(x), np.arange(9), 4, "cpu"))
    assert np.array_equal(torch.cat([batch.x for batch in batches]).numpy(), x)
    assert len(batches) == math.floor(9 / 4)


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    batch_size=st.integers(2, 20),
    seed=st.integers(0, 9),
)
def test_each_batch_has_the_shares_of_the_classes(sizes, batch_size, seed):
    # A stretch of the places holds its share of each class within one row; how long the
    # stretch of b rows is, depends on how all of the classes are rounded there.
    y = np.repeat(np.arange(-1, len(sizes) - 1), sizes)
    y = y[np.random.default_rng(seed).permutation(len(y))]
    x = np.arange(len(y), dtype=np.float32)[:, None]
    generator = torch.Generator().manual_seed(seed)
    batches = Batches(Data(x, y=y), np.arange(len(y)), batch_size, "cpu", generator)
    found = [batch.y.numpy() for batch in batches]
    assert sorted(order_of(batches)) == list(range(len(y)))
    for stratum, size in enumerate(sizes, start=-1):
        for labels in found:
            expected = len(labels) * size / len(y)
            assert abs((labels == stratum).sum() - expected) < 1 + len(sizes)


def test_a_rare_class_is_in_every_batch_that_has_room_for_it(numbered):
    y = np.zeros(400, dtype=np.int64)
    y[:50] = 1
    plain, stratified = (
        shuffled(Data(numbered(400)), 16),
        shuffled(Data(numbered(400), y=y), 16),
    )
    assert min((y[rows] == 1).sum() for rows in rows_of(plain)) == 0
    assert {int((y[rows] == 1).sum()) for rows in rows_of(stratified)} <= {1, 2, 3}


def test_the_rows_of_a_class_come_in_another_order_each_epoch(numbered):
    y = np.repeat([0, 1], 20)
    batches = shuffled(Data(numbered(40), y=y))
    first, second = order_of(batches), order_of(batches)
    assert first != second
    assert [r for r in first if r < 20] != [r for r in second if r < 20]


def test_numbers_are_no_strata(numbered):
    y = np.repeat([0.0, 1.0], 20).astype(np.float32)
    assert order_of(shuffled(Data(numbered(40), y=y))) == order_of(
        shuffled(Data(numbered(40)))
    )
