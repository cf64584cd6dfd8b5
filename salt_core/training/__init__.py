"""Training: the Lightning module, the schedule, the run directory and the command's flow."""
