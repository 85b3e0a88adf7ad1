"""`python pipelines/characterize.py` is `matsweep characterize`."""

import sys

from matsweep.cli import main

if __name__ == "__main__":
    sys.exit(main(["characterize", *sys.argv[1:]]))
