"""Flags in flags: what the inner block hears, the outer one hears; what the outer has heard is meant for the inner."""

import os
import signal

from fpd_bench.runs.folder.stop_signals import stop_flag


def test_a_signal_in_an_inner_block_is_known_outside():
    with stop_flag() as outer:
        with stop_flag() as inner:
            os.kill(os.getpid(), signal.SIGINT)
        assert inner.requests == outer.requests == 1 and outer.signal == signal.SIGINT


def test_a_signal_before_an_inner_block_stops_it_too():
    with stop_flag() as outer:
        os.kill(os.getpid(), signal.SIGTERM)
        with stop_flag() as inner:
            assert inner and inner.signal == signal.SIGTERM
        assert outer.requests == 1


def test_flags_that_follow_each_other_have_nothing_in_common():
    with stop_flag():
        os.kill(os.getpid(), signal.SIGTERM)
    with stop_flag() as other:
        assert not other and other.signal == 0
