"""``python main.py`` is ``salt``, for a checkout that is not installed."""

import sys

from salt_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
