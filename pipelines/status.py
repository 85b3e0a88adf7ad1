"""`python pipelines/status.py` is `matsweep status`."""

import sys

from matsweep.cli import main

if __name__ == "__main__":
    sys.exit(main(["status", *sys.argv[1:]]))
