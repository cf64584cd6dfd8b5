"""From base.yaml, the named files and the flags to one checked configuration."""
