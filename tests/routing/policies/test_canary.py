"""canary: a share for the newest version."""

import pytest

from headrace.errors import InvalidInput
from headrace.routing import Traffic, allocate
from headrace.routing.policies.canary import Canary
from headrace.testing.policy_cases import PolicyCases


class TestCanary(PolicyCases):
    """The conformance suite, with a share that is no round number of cells."""

    @pytest.fixture
    def policy(self):
        """A third."""
        return Canary(share=1 / 3)


def test_by_hand():
    """The newest version after the champion has the share; versions between them have none."""
    assert Canary(share=0.25).tables(Traffic((1, 2, 3), 1), 0) == {"all": {1: 0.75, 3: 0.25}}


def test_nothing_newer():
    """A champion that is the newest answers everything."""
    assert Canary(share=0.25).tables(Traffic((1, 2), 2), 0) == {"all": {2: 1.0}}


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), True, "0.1", None])
def test_bad_shares(share):
    """A share is a number from 0 to 1."""
    with pytest.raises(InvalidInput, match="share"):
        Canary(share=share)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.5])
def test_growing_moves_no_more_than_it_grows(share):
    """From one share to a larger one only units of the champion move, and only as many as it takes."""
    traffic = Traffic((1, 2), 1)
    before = allocate(Canary(share=share), traffic, 0, salt="late")["all"]
    after = allocate(Canary(share=share + 0.1), traffic, 0, salt="late")["all"]
    assert before.moved(after) == pytest.approx(0.1, abs=2**-31)
    units = PolicyCases.unit_ids(3_000)
    one, other = before.choose_all(units), after.choose_all(units)
    assert (other[one == 2] == 2).all()
