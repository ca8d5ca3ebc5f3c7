"""PyTorch: `nn.LSTM`, time-major, and the usual training loop; with torch's default threads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from experiments.benchmarks.contestant import Layer, Size


def lstm(size: Size, xs: Any, device: str) -> Layer:
    """The layer; the forward pass alone does not record for autograd."""
    put, wait = _device(device)
    module = put(torch.nn.LSTM(size.X, size.H))
    inputs = put(torch.from_numpy(np.array(xs))).requires_grad_()
    params = list(module.parameters())

    def forward() -> Any:
        with torch.inference_mode():
            return wait(module(inputs)[0])

    def gradients() -> Any:
        loss = module(inputs)[0].square().mean()
        *of_params, of_inputs = torch.autograd.grad(loss, [*params, inputs])
        return wait((of_params, of_inputs))

    return Layer(forward, gradients)


def loop(size: Size, steps: int, device: str) -> Callable[[], Any]:
    """`steps` steps of Adam on the adding problem, in a Python loop."""
    put, wait = _device(device)
    layer, readout = put(torch.nn.LSTM(2, size.H)), put(torch.nn.Linear(size.H, 1))
    optimizer = torch.optim.Adam([*layer.parameters(), *readout.parameters()], 1e-3, fused=True)
    where = next(readout.parameters()).device
    half = size.T // 2

    def batch() -> tuple[Any, Any]:
        values = torch.rand(size.T, size.B, device=where)
        marks = torch.zeros_like(values)
        first = torch.randint(0, half, (1, size.B), device=where)
        second = torch.randint(half, size.T, (1, size.B), device=where)
        marks.scatter_(0, first, 1.0).scatter_(0, second, 1.0)
        return torch.stack([values, marks], -1), (values * marks).sum(0)[:, None]

    def run() -> Any:
        for _ in range(steps):
            inputs, targets = batch()
            loss = torch.nn.functional.mse_loss(readout(layer(inputs)[0][-1]), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return wait(loss)

    return run


def tutorial_tanh(size: Size, steps: int, device: str) -> Callable[[], Any]:
    """An epoch of `steps` batches of a layer and a linear one, whose data are on the device."""
    put, wait = _device(device)
    layer = put(torch.nn.LSTM(size.X, size.H, batch_first=True))
    readout = put(torch.nn.Linear(size.H, 1))
    optimizer = torch.optim.Adam([*layer.parameters(), *readout.parameters()], 1e-3, fused=True)
    whole = put(torch.randn(steps * size.B, size.T + 1, size.X))
    xs, targets = whole[:, :-1].contiguous(), whole[:, -1, :1].contiguous()

    def run() -> Any:
        for rows in torch.randperm(len(xs), device=xs.device).split(size.B):
            predicted = readout(layer(xs[rows])[0][:, -1])
            loss = torch.nn.functional.mse_loss(predicted, targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return wait(loss)

    return run


def _device(device: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """(function that moves an object to the device, function that waits for a result)."""
    if device == "cpu":
        return lambda thing: thing, lambda result: result
    if not torch.cuda.is_available():
        raise RuntimeError("this torch sees no GPU")

    def wait(result: Any) -> Any:
        torch.cuda.synchronize()
        return result

    return lambda thing: thing.detach().cuda() if torch.is_tensor(thing) else thing.cuda(), wait
