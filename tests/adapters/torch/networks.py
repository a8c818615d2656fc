"""Modules as a user's project has them."""

import torch
from torch import nn
from torch.nn import functional


class Small(nn.Module):
    """Two layers."""

    def __init__(self, num_features: int, hidden: int = 16) -> None:
        super().__init__()
        self.inner = nn.Linear(num_features, hidden)
        self.outer = nn.Linear(hidden, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """One number a row."""
        return self.outer(torch.relu(self.inner(rows)))


class Rich(nn.Module):
    """Most of what tables ask for: an embedding, norms, dropout, residuals, gates."""

    def __init__(self, num_features: int, hidden: int = 24) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 4)
        self.first = nn.Linear(num_features - 1 + 4, hidden)
        self.batch_norm = nn.BatchNorm1d(hidden)
        self.layer_norm = nn.LayerNorm(hidden)
        self.dropout = nn.Dropout(0.2)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """One number a row, flat."""
        codes = (rows[:, 1].long() + 3).clamp(0, 6)
        x = torch.cat([self.table(codes), rows[:, :1], rows[:, 2:]], dim=1)
        x = self.dropout(torch.relu(self.batch_norm(self.first(x))))
        x = x + functional.gelu(self.layer_norm(self.second(x)))
        x = functional.silu(x) + torch.tanh(x).mean(dim=1, keepdim=True)
        return self.last(x).squeeze(1)


class Activations(nn.Module):
    """One of each."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.inner = nn.Linear(num_features, 8)
        self.layers = nn.ModuleList(
            [
                nn.ReLU(),
                nn.ReLU6(),
                nn.LeakyReLU(0.1),
                nn.ELU(),
                nn.SELU(),
                nn.CELU(1.5),
                nn.GELU(),
                nn.GELU(approximate="tanh"),
                nn.SiLU(),
                nn.Mish(),
                nn.Softplus(),
                nn.Softsign(),
                nn.Tanh(),
                nn.Sigmoid(),
                nn.Hardtanh(),
                nn.Hardswish(),
                nn.Hardsigmoid(),
                nn.LogSigmoid(),
                nn.Softmax(dim=1),
                nn.Identity(),
            ]
        )
        self.outer = nn.Linear(8 * len(self.layers), 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """All of them side by side."""
        x = self.inner(rows) * 3
        return self.outer(torch.cat([layer(x) for layer in self.layers], dim=1))


class Arithmetic(nn.Module):
    """What people write between layers."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.query = nn.Linear(1, 4)
        self.shift = nn.Parameter(torch.ones(num_features) * 0.1)
        self.register_buffer("scale", torch.linspace(0.5, 2.0, num_features))
        self.norm = nn.BatchNorm1d(num_features)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Attention over the features, gates, logs, powers, choices."""
        x = (rows - self.shift) / self.scale
        tokens = self.query(x.unsqueeze(2))
        weights = torch.softmax(tokens @ tokens.transpose(1, 2) / 2.0, dim=-1)
        mixed = (weights @ tokens).reshape(rows.shape[0], -1)
        gate = torch.where(x > 0, x.abs().log1p(), -(x.exp()))
        x = self.norm(gate) * torch.sqrt(x**2 + 1.0) + torch.sin(x).clamp(-0.5, 0.5) + torch.maximum(x, gate)
        last = x[:, -1] * 0.1 + x.max(dim=1, keepdim=True).values[:, 0] + torch.exp(-x.pow(2)).sum(dim=1)
        return last + mixed.mean(dim=1) + (x < 0).float().sum(1) + x.amax(1) - x.amin(1) + x[:, 1:3].mean(1)


def crossing(num_features: int) -> nn.Module:
    """A factory; its rows see one another."""

    class Crossing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(num_features, 1)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return self.inner(rows - rows.mean(dim=0))

    return Crossing()


class Sorting(nn.Module):
    """A layer that cannot be written into a model."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.order = Order()
        self.outer = nn.Linear(num_features, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Sorted features."""
        return self.outer(self.order(rows))


class Order(nn.Module):
    """Sorts a row."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Sorted."""
        return torch.sort(rows, dim=1).values


class Wide(nn.Module):
    """Answers too much."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.inner = nn.Linear(num_features, 3)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Three numbers a row."""
        return self.inner(rows)


class Branching(nn.Module):
    """Its way depends on values."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.inner = nn.Linear(num_features, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Two ways."""
        return self.inner(rows) if rows.sum() > 0 else self.inner(-rows)


class Raising(nn.Module):
    """Fails on some rows."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.inner = nn.Linear(num_features, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Not in training."""
        if self.training:
            raise RuntimeError("out of luck")
        return self.inner(rows)


class Empty(nn.Module):
    """Nothing to fit."""

    def __init__(self, num_features: int) -> None:
        super().__init__()

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """The first feature."""
        return rows[:, 0]


def not_a_module(num_features: int) -> int:
    """A factory of the wrong thing."""
    return num_features


def huber(answer: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """A loss of one's own."""
    return functional.huber_loss(answer, label, reduction="none")


def mean_loss(answer: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """One number for all rows, which is too few."""
    return functional.mse_loss(answer, label)
