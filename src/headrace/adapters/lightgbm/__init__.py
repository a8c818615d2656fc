"""LightGBM: gradient-boosted trees, grown leaf by leaf."""
