"""The same as ``salt submit slurm``: python submit/submit_slurm.py --config configs/GN2.yaml [options]."""

import sys

from salt_core.cli import main

if __name__ == "__main__":
    sys.exit(main(["submit", "slurm", *sys.argv[1:]]))
