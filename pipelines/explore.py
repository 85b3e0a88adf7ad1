"""`python pipelines/explore.py` is `matsweep explore`."""

import sys

from matsweep.cli import main

if __name__ == "__main__":
    sys.exit(main(["explore", *sys.argv[1:]]))
