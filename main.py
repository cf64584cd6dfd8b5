"""``python main.py`` is the command ``salt``."""

import sys

from salt_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
