"""`python pipelines/calibrate.py` is `matsweep calibrate`."""

import sys

from matsweep.cli import main

if __name__ == "__main__":
    sys.exit(main(["calibrate", *sys.argv[1:]]))
