"""XGBoost: gradient-boosted trees."""
