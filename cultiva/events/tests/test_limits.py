from cultiva.events.limits import Buckets


def test_a_key_may_send_two_seconds_worth_at_once_and_then_its_rate() -> None:
    now = [0.0]
    buckets = Buckets(clock=lambda: now[0])
    assert [buckets.take("a", 5) for _request in range(11)] == [0] * 10 + [1]
    now[0] = 0.2
    assert [buckets.take("a", 5) for _request in range(2)] == [0, 1]
    assert buckets.take("b", 5) == 0
    now[0] = 60
    assert [buckets.take("a", 5) for _request in range(11)] == [0] * 10 + [1]


def test_the_wait_is_told_in_whole_seconds() -> None:
    now = [0.0]
    buckets = Buckets(clock=lambda: now[0])
    assert [buckets.take("slow", 1), buckets.take("slow", 1), buckets.take("slow", 1)] == [0, 0, 1]
    assert buckets.take("never", 0) == 0
    assert buckets.take("never", 0) == 60
