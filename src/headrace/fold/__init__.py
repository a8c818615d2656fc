"""Fold: what we know about rows, as one accumulator over Arrow batches."""

from headrace.fold._contract import ROW_ID, Fold, Groups, Rows, State, decode, encode, grow

__all__ = ["ROW_ID", "Fold", "Groups", "Rows", "State", "decode", "encode", "grow"]
