"""The logistic factor model by hand in torch: embeddings, mini-batches of observed responses, Adam with a cosine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

# Better than 2^16 with 0.05 and 2^18 with 0.1, tried with 8 to 16 epochs; no others were.
BATCH, RATE = 2**16, 0.02
CHUNK = 2**20


class Factors(nn.Module):
    """``logit P = u . v + z``, in single precision."""

    def __init__(self, persons: int, items: int, factors: int) -> None:
        super().__init__()
        self.persons, self.items = nn.Embedding(persons, factors), nn.Embedding(items, factors)
        self.intercepts = nn.Embedding(items, 1)
        for part, scale in ((self.persons, factors**-0.5), (self.items, 0.5), (self.intercepts, 0.01)):
            nn.init.normal_(part.weight, 0, scale)

    def forward(self, person: Tensor, item: Tensor) -> Tensor:
        return (self.persons(person) * self.items(item)).sum(1) + self.intercepts(item)[:, 0]

    def penalty(self) -> Tensor:
        return 0.5 * torch.stack([part.square().sum() for part in self.parameters()]).sum()


def descend(
    person: NDArray[np.int64], item: NDArray[np.int64], right: NDArray[np.int8], shape: tuple[int, int], factors: int,
    epochs: int, seed: int,
) -> Iterator[tuple[float, float]]:  # fmt: skip
    """Processor seconds so far, and the penalised loss of a response, after each epoch."""
    torch.manual_seed(seed)
    people, items, answers = (torch.as_tensor(each) for each in (person, item, right.astype(np.float32)))
    begin, count = time.process_time(), len(right)
    model = Factors(*shape, factors)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * -(-count // BATCH))
    loss_of, seconds = nn.functional.binary_cross_entropy_with_logits, 0.0
    for _ in range(epochs):
        for rows in torch.randperm(count).split(BATCH):
            optimiser.zero_grad()
            loss = loss_of(model(people[rows], items[rows]), answers[rows]) + model.penalty() / count
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        seconds += time.process_time() - begin
        yield seconds, _whole_loss(model, people, items, answers)
        begin = time.process_time()


def _whole_loss(model: Factors, people: Tensor, items: Tensor, answers: Tensor) -> float:
    total, loss_of = 0.0, nn.functional.binary_cross_entropy_with_logits
    with torch.no_grad():
        for start in range(0, len(answers), CHUNK):
            rows = slice(start, start + CHUNK)
            total += loss_of(model(people[rows], items[rows]), answers[rows], reduction="sum").item()
        return (total + model.penalty().item()) / len(answers)
