"""Every searcher that can be found by name passes the suite, without a line here for each."""

import headrace
from headrace import lookup
from headrace.testing.searcher_cases import SearcherCases


class TestEverySearcher(SearcherCases):
    """All of them, with their defaults."""


def test_found_by_both_names():
    """As users type them."""
    assert {"gaussian_process", "optuna", "random"} <= set(lookup.names("searcher"))
    assert headrace.Optuna(num_random=3) == lookup.find("searcher", "optuna")(num_random=3)
    assert headrace.GaussianProcess.__name__ in dir(headrace)
