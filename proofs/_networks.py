"""The network that `parallel` fits, in a module of its own: every rank imports it."""

from typing import Any

import torch
from torch import nn


class Table(nn.Module):
    """Three layers with all that makes replicas differ where they are not careful: dropout and a running mean."""

    def __init__(self, num_features: int, hidden: int = 64, is_plain: bool = False) -> None:
        super().__init__()
        self.first = nn.Linear(num_features, hidden)
        self.norm: Any = nn.Identity() if is_plain else nn.BatchNorm1d(hidden)
        self.dropout: Any = nn.Identity() if is_plain else nn.Dropout(0.1)
        self.second = nn.Linear(hidden, hidden)
        self.third = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """One number a row."""
        x = self.dropout(self.norm(torch.relu(self.first(rows))))
        return self.last(x + self.third(torch.relu(self.second(x))))
