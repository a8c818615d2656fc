"""Suites that the package ships for others' tests show their values when an assertion fails, as our own do."""

import pytest

for _suite in (
    "check_cases",
    "codec_cases",
    "engine_cases",
    "fold_laws",
    "metric_cases",
    "op_cases",
    "policy_cases",
    "searcher_cases",
    "sharing_cases",
    "source_cases",
    "store_cases",
    "stream_cases",
    "trainer_cases",
):
    pytest.register_assert_rewrite(f"headrace.testing.{_suite}")
