"""What the benchmarks share: what GN2 reads, two sides in processes of their own, and the machine's description."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

LABELS = {"jets": ["flavour_label"], "tracks": ["ftagTruthOriginLabel", "ftagTruthVertexIndex"]}
VARIABLES = {
    "jets": ["pt_btagJes", "eta_btagJes"],
    "tracks": [
        "d0",
        "z0SinTheta",
        "dphi",
        "deta",
        "qOverP",
        "IP3D_signed_d0_significance",
        "IP3D_signed_z0_significance",
        "phiUncertainty",
        "thetaUncertainty",
        "qOverPUncertainty",
        "numberOfPixelHits",
        "numberOfSCTHits",
        "numberOfInnermostPixelLayerHits",
        "numberOfNextToInnermostPixelLayerHits",
        "numberOfInnermostPixelLayerSharedHits",
        "numberOfInnermostPixelLayerSplitHits",
        "numberOfPixelSharedHits",
        "numberOfPixelSplitHits",
        "numberOfSCTSharedHits",
    ],
}


class Worker:
    """One side, in a process of its own, perhaps with another Python.

    Parameters
    ----------
    python : Path or str
        The interpreter.
    arguments : str
        Its script, which calls `answer`, and the script's arguments.
    """

    def __init__(self, python, *arguments):
        here = Path(__file__).resolve().parent
        # Nothing is imported from the folder that this is started in; salt-ml sees nothing of ours.
        path = [here] if Path(python) != Path(sys.executable) else [here, here.parent]
        environment = os.environ | {
            "PYTHONSAFEPATH": "1",
            "PYTHONWARNINGS": "ignore",
            "PYTHONPATH": os.pathsep.join(map(str, path)),
        }
        if Path(python) == Path(sys.executable):
            environment.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # as the command line of ours does
        self.process = subprocess.Popen(
            [str(python), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, *request):
        """Send a request, a name and its arguments, and wait for its answer."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the worker {self.process.args[0]} ended; see its error above")
        return json.loads(line)

    def end(self):
        """Let the process end."""
        self.process.stdin.close()
        self.process.wait()


def answer(prepare):
    """Answer the requests of `Worker` on standard input until it is closed.

    Parameters
    ----------
    prepare : callable
        Makes the side ready and returns what answers a request, by its name.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not stand among the answers
    handlers = prepare()
    for line in sys.stdin:
        request, *arguments = json.loads(line)
        answers.write(json.dumps(handlers[request](*arguments)) + "\n")
        answers.flush()


def describe_machine():
    """Print the command, the machine and what else runs on it."""
    # Not above: salt-ml's side imports this file, too.
    from salt_core.nn.attention_kernel import is_compiled

    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    print("command:", shlex.join([Path(sys.executable).name, *sys.argv]))
    print(f"machine: {platform.platform()}, {cpu[0].partition(':')[2].strip()}, {os.cpu_count()} CPUs")
    print(f"load average at the start: {os.getloadavg()[0]:.2f}")
    print(f"attention on a processor: {'compiled' if is_compiled() else 'by operations of PyTorch'}")
