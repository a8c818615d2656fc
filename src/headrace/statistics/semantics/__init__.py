"""Semantic types: what a column's values are about. One file each; the contract is `statistics/_contract.py`."""
