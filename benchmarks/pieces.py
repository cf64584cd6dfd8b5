"""What a training step is made of: its matrix products, timed alone, and the share of each kind of operation."""

from __future__ import annotations

import statistics
import time
from collections import Counter

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

ATEN = torch.ops.aten
#: Those of weights; the many small ones of attention are no part of them.
PRODUCTS = {ATEN.mm.default, ATEN.addmm.default}

#: Kinds of operations by parts of their names; the first that fits counts.
KINDS = {
    "matrix products": ("aten::mm", "aten::addmm", "gemm"),
    "attention": ("scaled_dot_product", "softmax", "bmm", "_short", "_attend"),
    "norms": ("norm",),
    "activations": ("clamp_min", "threshold", "relu", "gelu", "silu"),
    "copies, casts and joins": ("copy", "cat", "stack", "memcpy"),
    "zeros": ("fill", "zero"),
    "sums, as for biases": ("aten::sum",),
    "additions and products": ("aten::add", "aten::mul", "aten::div", "aten::sub"),
    "gathers and scatters": ("index", "scatter", "gather", "repeat"),
    "losses": ("nll", "cross_entropy", "bitwise", "logical"),
    "optimiser": ("adam", "foreach"),
}


class Recorded(TorchDispatchMode):
    """Counts the matrix products of what runs inside, by operation and by form of the operands."""

    def __init__(self):
        super().__init__()
        self.calls = Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation in PRODUCTS:
            self.calls[operation, tuple((tuple(x.shape), x.stride(), x.dtype) for x in args)] += 1
        return operation(*args, **(kwargs or {}))


def products(step, device, repeats=7):
    """Time the matrix products of one `step` alone, on random numbers in the same form.

    Returns
    -------
    dict
        ``seconds`` of all of them; ``flops`` of the step; ``rate`` of a large product in flop/s, of the type
        of most of them.
    """
    with FlopCounterMode(display=False) as counted:
        step()
    with Recorded() as recorded:
        step()
    seconds = 0.0
    for (operation, forms), number in recorded.calls.items():
        operands = [filled(*form, device) for form in forms]
        seconds += number * timed(
            lambda operation=operation, operands=operands: operation(*operands), repeats, device
        )
    ((_, forms), _) = recorded.calls.most_common(1)[0]
    return {"seconds": seconds, "flops": counted.get_total_flops(), "rate": large_rate(forms[-1][2], device)}


def filled(shape, strides, dtype, device):
    """Make a tensor of random numbers that lies in memory as another one."""
    tensor = torch.empty_strided(shape, strides, dtype=dtype, device=device)
    return (
        tensor.copy_(torch.randn(shape)) if 0 not in strides else torch.randn(shape, device=device).to(dtype)
    )


def large_rate(dtype, device, size=4096):
    """Return the rate of the product of two large square matrices, in flop/s."""
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    return 2 * size**3 / timed(lambda: a @ b, 5, device)


def timed(run, repeats, device):
    """Return the median seconds of `run`, which is warmed up once."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        run()
        wait(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def wait(device):
    """Wait until a GPU has done what it was given."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def attributed(step, device, steps=3):
    """Return the seconds of a step that each kind of operation takes, and ``everything else``."""
    on_gpu = torch.device(device).type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    wait(device)
    start = time.perf_counter()
    with profile(activities=activities) as watched:
        for _ in range(steps):
            step()
        wait(device)
        total = time.perf_counter() - start
    seconds = dict.fromkeys(KINDS, 0.0)
    for event in watched.key_averages():
        spent = event.self_device_time_total if on_gpu else event.self_cpu_time_total
        kind = kind_of(event.key.lower())
        if kind is not None:
            seconds[kind] += spent / 1e6 / steps
    seconds["everything else"] = total / steps - sum(seconds.values())
    return seconds


def kind_of(name):
    """Return the kind of an operation; None where none fits."""
    if "autograd::" in name or "backward0" in name or "optimizer." in name:
        return None
    return next((kind for kind, parts in KINDS.items() if any(part in name for part in parts)), None)
