"""single: the champion answers."""

import pytest

from headrace.routing import Traffic
from headrace.routing.policies.single import Single
from headrace.testing.policy_cases import PolicyCases


class TestSingle(PolicyCases):
    """The conformance suite."""

    @pytest.fixture
    def policy(self):
        """It has no parameters."""
        return Single()


def test_by_hand():
    """The version served, not the newest."""
    assert Single().tables(Traffic((1, 2), 1, ("a", "b")), 0) == {"a": {1: 1.0}, "b": {1: 1.0}}
