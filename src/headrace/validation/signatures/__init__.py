"""Signatures: one file a kind of fault, found by name; the contract is `headrace.validation._signature.Signature`."""
