"""Damage at random, a process that is killed, a disk that is full: nothing is lost."""

import errno
import itertools
import json
import os
import random
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from forged_models import forge, opened, small_model

import skvae

HOSTILE = [None, True, -1, 0, 10**9, 1e308, "", "__class__", "../x", [], {}, [[]], "nan"]
MOST_MILLISECONDS = 50


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.skvae"
    skvae.save(small_model()[0], path)
    return path


def flipped(data, draw):
    data = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 8])):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data)


def cut(data, draw):
    return data[: draw.randrange(len(data))]


def longer(data, draw):
    place = draw.randrange(len(data) + 1)
    return data[:place] + draw.randbytes(draw.randrange(1, 9)) + data[place:]


def without(data, draw):
    place = draw.randrange(len(data))
    return data[:place] + data[place + draw.randrange(1, 17) :]


def overwritten(data, draw):
    place, n = draw.randrange(len(data)), draw.randrange(1, 65)
    return data[:place] + draw.randbytes(n) + data[place + n :]


def swapped(data, draw):
    one, other = sorted(draw.sample(range(len(data) - 8), 2))
    if other - one < 8:
        return data
    parts = data[:one], data[other : other + 8], data[one + 8 : other], data[one : one + 8]
    return b"".join(parts) + data[other + 8 :]


MUTATIONS = [flipped, cut, longer, without, overwritten, swapped]


def refused_mutants(model, path, n_mutants):
    """Load files with damage, all refused; return the milliseconds of each."""
    data, draw, milliseconds = model.read_bytes(), random.Random(0), []
    skvae.load(model)
    for _ in range(n_mutants):
        mutant = draw.choice(MUTATIONS)(data, draw)
        if mutant == data:
            continue
        path.write_bytes(mutant)
        begin = time.process_time()
        with pytest.raises(ValueError, match="Got path="):
            skvae.load(path)
        milliseconds.append(1e3 * (time.process_time() - begin))
    return milliseconds


def test_damaged_files_are_refused(model, tmp_path):
    assert len(refused_mutants(model, tmp_path / "mutant.skvae", 200)) > 190


@pytest.mark.nightly
def test_ten_thousand_damaged_files_are_refused_at_once(model, tmp_path, record_property):
    found = refused_mutants(model, tmp_path / "mutant.skvae", 10_000)
    record_property("refused", len(found))
    record_property("median_ms", round(float(np.median(found)), 2))
    record_property("longest_ms", round(max(found), 1))
    assert np.quantile(found, 0.999) < MOST_MILLISECONDS


def leaves(value, place=()):
    """Yield the places of all values in a description."""
    if place:
        yield place
    if not isinstance(value, dict | list):
        return
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(each, (*place, key))


def forged_mutants(model, path, n_mutants):
    """Load files in which one value is hostile and all hashes are right."""
    description, _ = opened(model)
    places, draw = list(leaves(description)), random.Random(0)
    n_loaded, n_named, longest = 0, 0, 0.0
    for _ in range(n_mutants):
        *place, last = draw.choice(places)
        value = json.loads(json.dumps(draw.choice(HOSTILE)))

        def change(description, arrays, place=place, last=last, value=value):
            for key in place:
                description = description[key]
            description[last] = value

        forge(path, model, change)
        begin = time.process_time()
        try:
            skvae.load(path)
            n_loaded += 1
        except ValueError as error:
            n_named += str(path) in str(error)
        longest = max(longest, time.process_time() - begin)
    assert n_loaded + n_named == n_mutants
    return n_loaded, longest


@pytest.mark.filterwarnings("ignore::skvae.exceptions.ModelFileWarning")
def test_a_forged_value_is_refused_in_a_sentence_or_loaded(model, tmp_path):
    n_loaded, longest = forged_mutants(model, tmp_path / "forged.skvae", 200)
    assert n_loaded < 100  # such as of another loss in the history
    assert longest < 1


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore::skvae.exceptions.ModelFileWarning")
def test_many_forged_values_are_refused_in_a_sentence_or_loaded(
    model, tmp_path, record_property
):
    n_loaded, longest = forged_mutants(model, tmp_path / "forged.skvae", 3000)
    record_property("loaded", n_loaded)
    record_property("longest_ms", round(1e3 * longest, 1))


def saving_all_the_time(path, estimators):
    """Save in a forked process, which computes nothing; return its number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there are other threads
        child = os.fork()
    if child:
        return child
    try:
        for estimator in itertools.cycle(estimators):
            skvae.save(estimator, path)
    finally:
        os._exit(1)


def killed_while_saving(path, n_kills):
    """Kill processes that save all the time; return how many files could not be read."""
    X = small_model()[1]
    one, other = skvae.load(path), skvae.load(path).set_params(verbose=True)
    expected, n_unreadable, draw = one.transform(X), 0, random.Random(0)
    for _ in range(n_kills):
        child = saving_all_the_time(path, [one, other])
        time.sleep(draw.uniform(0.01, 0.1))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
        try:
            np.testing.assert_array_equal(skvae.load(path).transform(X), expected)
        except ValueError:
            n_unreadable += 1
    return n_unreadable


def test_killed_processes_leave_whole_files(model, tmp_path):
    path = tmp_path / "model.skvae"
    path.write_bytes(model.read_bytes())
    assert killed_while_saving(path, 5) == 0


@pytest.mark.nightly
def test_a_hundred_killed_processes_leave_whole_files(model, tmp_path, record_property):
    path = tmp_path / "model.skvae"
    path.write_bytes(model.read_bytes())
    n_unreadable = killed_while_saving(path, 100)
    record_property("unreadable", n_unreadable)
    assert n_unreadable == 0


def test_what_a_killed_process_left_goes_a_day_later(tmp_path):
    path, estimator = tmp_path / "model.skvae", small_model()[0]
    tokens = {"model": "0" * 16, "model-later": "1" * 16, "other": "2" * 16}
    left = [tmp_path / f".{k.partition('-')[0]}-{v}.skvae" for k, v in tokens.items()]
    for file in left:
        file.touch()
    day_before = time.time() - 90_000
    os.utime(left[0], (day_before, day_before))
    os.utime(left[2], (day_before, day_before))
    skvae.save(estimator, path)
    assert set(tmp_path.iterdir()) == {path, left[1], left[2]}


def test_ctrl_c_when_a_file_is_begun_leaves_nothing_new(model, tmp_path, monkeypatch):
    path, begin = tmp_path / "model.skvae", Path.touch
    path.write_bytes(model.read_bytes())
    estimator = skvae.load(path).set_params(verbose=True)

    def pressed(*args, **options):
        begin(*args, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "touch", pressed)
        with pytest.raises(KeyboardInterrupt):
            skvae.save(estimator, path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == model.read_bytes()


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(call, model, tmp_path, monkeypatch):
    path = tmp_path / "model.skvae"
    path.write_bytes(model.read_bytes())
    estimator = skvae.load(path).set_params(verbose=True)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if call == "write":
        # A file may be no longer than this: as of a disk that is nearly full.
        import resource

        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                skvae.save(estimator, path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, before)
    else:
        monkeypatch.setattr(os, call, full)
        with pytest.raises(OSError, match="No space left"):
            skvae.save(estimator, path)
        monkeypatch.undo()
    assert path.read_bytes() == model.read_bytes()
    assert list(tmp_path.iterdir()) == [path]
