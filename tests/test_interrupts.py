import signal
import threading

import pytest

from skvae.interrupts import noticed, uninterrupted


def press():
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_comes_once_behind_what_is_not_interrupted():
    done, before = [], signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with uninterrupted():
            press()
            done.append(1)
            with uninterrupted():  # within another
                press()
                done.append(2)
            done.append(3)
        done.append(4)
    assert done == [1, 2, 3]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_within_goes_its_way():
    with pytest.raises(KeyError), uninterrupted():
        raise KeyError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_is_told_from_what_is_raised():
    with noticed() as pressed, pytest.raises(KeyboardInterrupt):
        raise KeyboardInterrupt
    assert not pressed
    with noticed() as pressed, pytest.raises(KeyboardInterrupt):
        press()
    assert pressed
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_and_other_handlers_are_left_alone():
    found = []

    def inside():
        with uninterrupted(), noticed():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        inside()
        assert found[1] == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_of_the_caller_is_called():
    called = []
    before = signal.signal(signal.SIGINT, lambda *call: called.append(call[0]))
    try:
        with uninterrupted():
            press()
            assert not called
        assert called == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)
