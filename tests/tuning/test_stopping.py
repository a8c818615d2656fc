"""When a trial has fallen behind: hand examples of both rules."""

import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.tuning import Asha, Median
from headrace.tuning.stopping import stopping_of

FIVE = [dict.fromkeys(range(20), loss) for loss in (1.0, 2.0, 3.0, 4.0, 5.0)]


def test_the_median_of_those_that_got_so_far():
    """Worse than the middle one at this step ends; as good as it goes on; what it once reached counts."""
    assert Median().is_behind({12: 3.1}, FIVE)
    assert not Median().is_behind({12: 3.0}, FIVE)
    assert not Median().is_behind({5: 2.9, 12: 9.0}, FIVE)


def test_the_median_needs_steps_and_others():
    """Too early, or too few that got to this step: it goes on."""
    assert not Median().is_behind({9: 99.0}, FIVE)
    assert not Median().is_behind({12: 99.0}, FIVE[:4])
    assert not Median().is_behind({12: 99.0}, [*FIVE[:4], {3: 1.0}])


def test_asha_judges_at_its_steps_alone():
    """After 10, 30, 90 steps; of the six there, itself among them, two go on."""
    assert Asha().is_behind({9: 3.5}, FIVE)
    assert not Asha().is_behind({9: 1.5}, FIVE)
    assert not Asha().is_behind({9: 99.0, 10: 99.0}, FIVE)
    assert not Asha().is_behind({29: 99.0}, FIVE), "none of the others got there"


def test_asha_lets_the_first_go_on():
    """Alone there is nobody to be behind; the second must be better than the first."""
    assert not Asha().is_behind({9: 5.0}, [])
    assert Asha().is_behind({9: 5.0}, FIVE[:1])
    assert not Asha().is_behind({9: 0.5}, FIVE[:1])


def test_rules_by_name():
    """As users type them."""
    assert stopping_of("median") == Median() and stopping_of("asha") == Asha() and stopping_of(None) is None
    with pytest.raises(UnknownName, match="did you mean 'median'"):
        stopping_of("meridian")
    for wrong in (lambda: Median(min_finished=0), lambda: Asha(eta=1), lambda: Asha(min_step=True)):
        with pytest.raises(InvalidInput, match="expected a whole number >="):
            wrong()
