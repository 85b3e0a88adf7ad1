"""`python pipelines/export.py` is `matsweep export`."""

import sys

from matsweep.cli import main

if __name__ == "__main__":
    sys.exit(main(["export", *sys.argv[1:]]))
