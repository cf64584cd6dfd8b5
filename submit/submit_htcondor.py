"""The same as ``salt submit htcondor``: python submit/submit_htcondor.py --config configs/GN2.yaml [options]."""

import sys

from salt_core.cli import main

if __name__ == "__main__":
    sys.exit(main(["submit", "htcondor", *sys.argv[1:]]))
