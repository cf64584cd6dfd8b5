"""Evaluation: from a checkpoint and a file of jets to a file of predictions."""
