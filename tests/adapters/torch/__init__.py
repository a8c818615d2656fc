"""PyTorch behind our converter and our launcher; run in its own environment (.venvs/torch)."""
