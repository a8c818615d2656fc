"""Every policy that can be found by name passes the suite, without a line here for each."""

import headrace
from headrace import lookup
from headrace.testing.policy_cases import PolicyCases


class TestEveryPolicy(PolicyCases):
    """All of them, with their defaults."""


def test_found_by_both_names():
    """As users type them."""
    assert {"canary", "single"} <= set(lookup.names("policy"))
    assert headrace.Canary(share=0.5) == lookup.find("policy", "canary")(share=0.5)
