"""Which hosts several connections are for."""

from meeting_pipeline.adapters.media.pace import Gains

HOST, OTHER = "a.myqcloud.com", "b.myqcloud.com"


def test_nothing_is_expected_of_a_host_that_nobody_knows() -> None:
    gains = Gains()
    assert not gains.expects(HOST) and not gains.is_even(HOST)


def test_several_go_on_where_they_bring_more() -> None:
    gains = Gains()
    gains.one_brings(HOST, 5e6)
    gains.several_bring(HOST, 8e6)
    assert gains.expects(HOST) and not gains.expects(OTHER)


def test_one_is_left_alone_where_several_bring_no_more_time_and_again() -> None:
    gains = Gains()
    gains.one_brings(HOST, 9e6)
    gains.one_brings(HOST, 3e6)  # starved by the several of others
    for bytes_per_s in (2e6, 12e6, 9e6, 9e6, 9e6):
        gains.several_bring(HOST, bytes_per_s)
        assert gains.expects(HOST)
    gains.several_bring(HOST, 9e6)
    assert gains.is_even(HOST) and not gains.expects(HOST)


def test_several_without_one_to_compare_with_prove_nothing() -> None:
    gains = Gains()
    gains.several_bring(HOST, 1.0)
    assert not gains.is_even(HOST)
