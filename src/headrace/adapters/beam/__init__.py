"""Beam: folds on Apache Beam's runners."""
