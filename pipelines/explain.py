"""`python pipelines/explain.py` is `matsweep explain`."""

import sys

from matsweep.cli import main

if __name__ == "__main__":
    sys.exit(main(["explain", *sys.argv[1:]]))
