"""The exporters: one file each, found by name; the contract is `headrace.orchestration.exporting`."""
