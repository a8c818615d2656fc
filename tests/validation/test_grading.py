"""How grave a finding is: severities by code, stages, environments, shared domains, and what becomes of new values."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import UnknownName
from headrace.schema import Feature, Schema
from headrace.schema._feature import DISTANCES
from headrace.validation import validate
from headrace.validation._distances import MEASURES
from tests.validation.spans import judge, of_spans


def _severity(feature: Feature, **options) -> list[tuple[str, str]]:
    found = validate(Dataset.from_arrow(pa.table({"c": ["x", "z", None]})), Schema((feature,), **options))
    return [(item.code, item.severity) for item in found.items if item.feature == "c"]


@pytest.mark.parametrize(
    ("stage", "severity"),
    [("production", "error"), ("beta", "warning"), ("alpha", "info"), ("planned", "info"), ("deprecated", "info")],
)
def test_stages(stage, severity):
    """Only in production does a finding withhold the data; the message says why it is less."""
    feature = Feature("c", "text", domain=("x",), stage=stage)
    assert _severity(feature) == [("domain", severity)]
    if stage != "production":
        (item,) = [one for one in judge({"c": ["z", None]}, feature).items if one.code == "domain"]
        assert item.message.endswith(f"{severity} instead of error, stage {stage}")


def test_a_planned_feature_may_be_missing():
    """It is told, and nothing is withheld."""
    assert judge({"a": [1, None]}, Feature("a", "integer"), Feature("soon", "text", stage="planned")).ok


def test_severities_of_features_come_before_those_of_the_schema():
    """By feature and code, else by code, else by the stage."""
    feature = Feature("c", "text", domain=("x",), severity={"domain": "warning"}, stage="debug")
    assert _severity(feature, severity={"domain": "error"}) == [("domain", "warning")]
    assert _severity(Feature("c", "text", domain=("x",), stage="debug"), severity={"domain": "error"}) == [
        ("domain", "error")
    ]
    data = Dataset.from_arrow(pa.table({"c": ["x"], "new": [1]}))
    assert not validate(data, Schema((Feature("c", "text"),), severity={"new_column": "error"})).ok


def test_an_unknown_code_is_answered_with_the_nearest():
    """A severity or tolerance that no check would ever read is a mistake."""
    for options in ({"severity": {"domian": "info"}}, {"tolerance": {"domian": 0.1}}):
        with pytest.raises(UnknownName, match="did you mean 'domain'"):
            judge({"c": ["x"]}, Feature("c", "text", **options))
    assert judge({"c": ["x"]}, Feature("c", "text", severity={"drift_scale": "warning"})).ok


def test_presence_by_environment():
    """Half may be null at serving, none in training; the environment need not be named anywhere else."""
    feature = Feature("c", "text", min_present=1.0, min_present_in={"serving": 0.5, "night": 0.9})
    data = {"c": ["x", None]}
    assert not judge(data, feature).ok and judge(data, feature, environment="serving").ok
    assert not judge(data, feature, environment="night").ok


def test_a_shared_domain_is_the_domain():
    """Two columns, one list; the message counts its values."""
    schema = Schema(
        (Feature("a", "text", domain_from="codes"), Feature("b", "text", domain_from="codes")), domains={"codes": ["x"]}
    )
    found = validate(Dataset.from_arrow(pa.table({"a": ["x", None], "b": ["x", "z"]})), schema)
    assert [item.name for item in found.errors] == ["domain:b"]


@pytest.mark.parametrize("is_shared", [False, True])
def test_new_values_that_join(is_shared):
    """A warning; the accepted data carry the wider domain, after what was listed; the schema itself is as it was."""
    options = {"domain_from": "d"} if is_shared else {"domain": ("x", "a")}
    schema = Schema(
        (Feature("c", "text", new_values="add", **options),), domains={"d": ("x", "a")} if is_shared else {}
    )
    found = validate(Dataset.from_arrow(pa.table({"c": ["z", "x", None, "m", "z"]})), schema)
    (item,) = [one for one in found.items if one.code == "domain"]
    assert item.severity == "warning" and "'z', 'm'" in item.message
    assert found.accepted.schema.domain_of("c") == ("x", "a", "m", "z") and schema.domain_of("c") == ("x", "a")
    assert validate(found.accepted, found.accepted.schema).summary.startswith("nothing wrong")


def test_new_values_that_are_set_aside():
    """Unasked: such rows go to the quarantined, and nothing else does."""
    feature = Feature("c", "text", domain=("x",), new_values="quarantine")
    other = Feature("n", "integer", min_present=1.0)
    found = judge({"c": ["z", "x", None], "n": [1, 2, 3]}, feature, other)
    assert found.ok and found.num_quarantined == 1
    assert found.quarantined.to_arrow()["c"].to_pylist() == ["z"]
    assert not judge({"c": ["z", "x"], "n": [1, None]}, feature, other).ok


def test_the_schema_says_what_is_sensitive():
    """Values are not shown, and the accepted data keep their own roles."""
    feature = Feature("c", "text", domain=("x",), is_sensitive=True)
    (item,) = judge({"c": ["secret", "x", None]}, feature).errors
    assert item.rows[0].value is None and "secret" not in item.message
    assert judge({"c": ["x", None]}, feature).accepted.roles.sensitive == ()


def test_drift_of_what_the_schema_says_is_sensitive_is_hidden():
    """Neither the factor nor what was typical before is told; the digest of what is accepted does not change."""
    before = of_spans({"1": {"pay": [float(at % 97) + 1 for at in range(3000)]}})
    data = of_spans(
        {
            "1": {"pay": [float(at % 97) + 1 for at in range(3000)]},
            "2": {"pay": [100.0 * (at % 97 + 1) for at in range(3000)]},
        }
    )
    told = {}
    for is_sensitive in (False, True):
        schema = Schema((Feature("pay", "number", is_sensitive=is_sensitive),))
        (item,) = validate(data, schema, previous=before).errors
        told[is_sensitive] = (item.code, item.value, item.before)
    assert told[False][:2] == ("drift_scale", 100.0) and told[False][2] is not None
    assert told[True] == ("drift_scale", None, None)
    plain = Schema((Feature("pay", "number", is_sensitive=True),))
    assert validate(before, plain).accepted.roles == before.roles


def test_thresholds_have_the_names_that_validation_measures_by():
    """What a schema may say of drift and skew is what is measured, all of it; a threshold given makes an error."""
    assert set(DISTANCES) == set(MEASURES)
    values = [float(at % 97) for at in range(3000)]
    before = of_spans({"1": {"x": values}})
    data = of_spans({"1": {"x": values}, "2": {"x": [value * value / 97 for value in values]}})
    told = {}
    for limit in (0.05, 5.0):
        schema = Schema((Feature("x", "number", max_drift={"wasserstein": limit}),))
        told[limit] = validate(data, schema, previous=before).ok
    assert told == {0.05: False, 5.0: True}
