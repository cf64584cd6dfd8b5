"""Run the benchmarks one after the other, and end with one table of what they found.

Usage::

    python benchmarks/run_all.py --data FOLDER --salt-python PATH_OF_PYTHON_WITH_SALT_ML [--only step fit]

The folder holds ttbar_train.h5, ttbar_val.h5, ttbar_test.h5, norm_dict.yaml and class_dict.yaml. It takes
about half an hour; leave the machine idle otherwise. It ends with an error where a benchmark does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from common import describe_machine

HERE = Path(__file__).resolve().parent

#: The line of each benchmark's output that goes into the table, by what it holds.
RESULTS = ("times faster", "median ", "times per constituent", "share of the rate", "anonymous memory")


def benchmarks(data, salt_python):
    """List the benchmarks: name, script and its arguments."""
    dicts = ["--norm-dict", data / "norm_dict.yaml", "--class-dict", data / "class_dict.yaml"]
    theirs = ["--salt-python", salt_python]
    train = ["--jets", data / "ttbar_train.h5", *dicts, *theirs]
    test = ["--jets", data / "ttbar_test.h5", *dicts, *theirs]
    both = ["--train", data / "ttbar_train.h5", "--val", data / "ttbar_val.h5", *dicts]
    return {
        "step": ("train_step.py", *train),
        "step-bf16": ("train_step.py", *train, "--precision", "bf16-mixed"),
        "step-demo": ("train_step.py", *train, "--size", "demo"),
        "fit": ("fit.py", *both, *theirs),
        "loading": ("loading.py", *train),
        "evaluation": ("evaluate_salt_ml.py", *test, "--size", "full"),
        "evaluation-demo": ("evaluate_salt_ml.py", *test),
        "tokens": ("tokens.py",),
        "scaling": ("scaling.py", *both),
        "startup": ("startup.py",),
    }


def run(script, *arguments):
    """Run one benchmark and show what it prints; return its exit status and the lines for the table."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), str(HERE)])}
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            if any(result in line for result in RESULTS) and "median step" not in line:
                lines.append(line.strip())
    return process.returncode, lines


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the samples and dicts")
    parser.add_argument("--salt-python", type=Path, required=True, help="python with salt-ml 0.13")
    parser.add_argument("--only", nargs="+", help="names of benchmarks; all by default")
    return parser.parse_args()


def main():
    """Run them and print the table."""
    args = parse()
    describe_machine()
    found = benchmarks(args.data.resolve(), args.salt_python.absolute())
    unknown = sorted(set(args.only or ()) - set(found))
    if unknown:
        sys.exit(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(found)}")
    results = {name: run(*found[name]) for name in args.only or found}
    print("\n| benchmark | bounds | result |\n| --- | --- | --- |")
    for name, (status, lines) in results.items():
        print(f"| {name} | {'hold' if status == 0 else 'do not hold'} | {'; '.join(lines)} |")
    sys.exit(int(any(status for status, _ in results.values())))


if __name__ == "__main__":
    main()
