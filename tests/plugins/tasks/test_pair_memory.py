"""How much memory the pairs of long jets take; a process of its own tells its peak."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = r'''
import re
import sys
from pathlib import Path

import numpy as np
import torch

from salt_core import Layout, Packed
from salt_core.nn.dense import Dense
from salt_plugins.tasks.vertexing.pairs import PairNet



def peak():
    """Return the most memory that this program has had, in kB; a parent's does not count."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


torch.set_num_threads(1)
length, recompute = int(sys.argv[1]), sys.argv[2] == "recompute"
net = PairNet(Dense(256, 1, [128, 64], context_size=128), recompute)
packed = Packed(torch.randn(100 * length, 128, requires_grad=True), Layout.of(np.full(100, length)))
before = peak()
net(packed, torch.randn(100, 128)).sum().backward()
print(peak() - before)
'''


def peak_of(length, way):
    """Return what a step of 100 jets of so many constituents takes, in MB."""
    # Freed memory is given back at once, so that the peak is what is held and not what was cut up.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "262144"}
    command = [sys.executable, "-c", SCRIPT, str(length), way]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return int(done.stdout) / 1000


@pytest.mark.full
@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries do not give memory back on request")
def test_pairs_that_are_recomputed_take_the_same_memory_however_long_the_jets():
    short, long = (peak_of(length, "recompute") for length in (50, 150))
    kept = peak_of(150, "kept")
    assert long < 1.3 * short
    assert kept > 5 * long
