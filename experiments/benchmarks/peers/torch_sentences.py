"""PyTorch on sentences of several lengths: packed or padded, and the usual training loop."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from experiments.benchmarks.peers.torch import _device
from experiments.benchmarks.sentences import Corpus

IGNORED = -100
"""The target of padding, which the loss leaves out."""


def loop(corpus: Corpus, device: str, *, packed: bool = True) -> Callable[[], Any]:
    """An update of Adam on each batch of a corpus.

    Args:
        corpus: batches and sizes.
        device: "cpu" or "gpu".
        packed: whether sentences are packed; else the backward direction reads their padding first.
    """
    put, wait = _device(device)
    kind = Classifier if corpus.name == "TREC" else Translator
    network = put(kind(corpus, packed=packed))
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, fused=True)
    batches = [
        {
            # Packing reads lengths on the host.
            name: a if name.endswith("lengths") else put(a)
            for name, a in ((name, torch.from_numpy(np.array(a))) for name, a in batch.items())
        }
        for batch in corpus.batches
    ]
    for batch in batches:
        if "after" in batch:
            batch["after"] = without_padding(batch["after"], batch["lengths"])

    def run() -> Any:
        for batch in batches:
            loss = network(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return wait(loss)

    return run


def without_padding(after: Any, lengths: Any) -> Any:
    """The words to write [B, T], `IGNORED` beyond the lengths [B]."""
    real = torch.arange(after.shape[1]) < lengths[:, None]
    return torch.where(real.to(after.device), after.long(), IGNORED)


class Classifier(torch.nn.Module):
    """A bidirectional LSTM, the maximum over its steps, a linear readout; returns the loss."""

    def __init__(self, corpus: Corpus, *, packed: bool = True) -> None:
        super().__init__()
        self.packed, units = packed, corpus.units
        self.embedding = torch.nn.Embedding(corpus.tokens, units)
        self.lstm = torch.nn.LSTM(units, units, batch_first=True, bidirectional=True)
        self.readout = torch.nn.Linear(2 * units, corpus.outputs)

    def forward(self, batch: dict[str, Any]) -> Any:
        """The cross entropy of a batch."""
        tokens, lengths = batch["tokens"], batch["lengths"]
        h, _ = _encoded(self.lstm, self.embedding(tokens), lengths if self.packed else None)
        h = h.masked_fill(_absent(lengths, h)[..., None], -torch.inf)
        return torch.nn.functional.cross_entropy(self.readout(h.amax(1)), batch["labels"].long())


class Translator(torch.nn.Module):
    """An encoder-decoder with attention as `h' W m`; returns the loss."""

    def __init__(self, corpus: Corpus, *, packed: bool = True) -> None:
        super().__init__()
        self.packed, units = packed, corpus.units
        self.read = torch.nn.Embedding(corpus.tokens, units)
        self.written = torch.nn.Embedding(corpus.outputs, units)
        self.encoder = torch.nn.LSTM(units, units, batch_first=True, bidirectional=True)
        self.decoder = torch.nn.LSTM(units, units, batch_first=True)
        self.keys = torch.nn.Linear(2 * units, units, bias=False)
        self.joined = torch.nn.Linear(3 * units, units, bias=False)
        self.readout = torch.nn.Linear(units, corpus.outputs)

    def forward(self, batch: dict[str, Any]) -> Any:
        """The cross entropy of a batch, a mean over words."""
        lengths = batch["source_lengths"]
        xs = self.read(batch["source"])
        memory, (h, c) = _encoded(self.encoder, xs, lengths if self.packed else None)
        own = self.written(batch["before"])
        states, _ = self.decoder(own, (h[1:].contiguous(), c[1:].contiguous()))
        scores = states @ self.keys(memory).transpose(1, 2)
        scores = scores.masked_fill(_absent(lengths, memory)[:, None], -torch.inf)
        context = scores.softmax(-1) @ memory
        joined = torch.tanh(self.joined(torch.cat([context, states], -1)))
        logits = self.readout(joined).flatten(0, 1)
        after = batch["after"].flatten()
        return torch.nn.functional.cross_entropy(logits, after, ignore_index=IGNORED)


def _encoded(lstm: Any, xs: Any, lengths: Any | None) -> tuple[Any, Any]:
    """Outputs [B, T, H] and last states; without lengths padding is read like words."""
    if lengths is None:
        return lstm(xs)
    packed = pack_padded_sequence(xs, lengths, batch_first=True, enforce_sorted=False)
    outputs, last = lstm(packed)
    return pad_packed_sequence(outputs, batch_first=True)[0], last


def _absent(lengths: Any, h: Any) -> Any:
    """[B, T] True at padding of h [B, T, H], on its device."""
    return (torch.arange(h.shape[1]) >= lengths[:, None]).to(h.device)
