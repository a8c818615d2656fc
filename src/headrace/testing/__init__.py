"""Testing: the conformance suites every member of a kind passes, and the table strategies they draw from."""
