"""The benchmark of the memory that lists of all users take still runs."""

from benchmarks.inference_memory import grown_mb


def test_the_lists_of_a_few_users_take_some_memory_at_most():
    assert 0 <= grown_mb(20) < 100
