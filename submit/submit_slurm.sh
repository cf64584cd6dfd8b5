#!/bin/bash
# The same as `salt submit slurm`, kept for compatibility: submit/submit_slurm.sh [options], or through sbatch.
# Without options it submits configs/GN2.yaml.
[ $# -gt 0 ] || set -- --config configs/GN2.yaml
exec python -m salt_core submit slurm "$@"
