"""PyTorch: modules of a project, fitted by one process or several, written into the model's graph."""
