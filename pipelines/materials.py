"""`python pipelines/materials.py` is `matsweep materials`."""

import sys

from matsweep.cli import main

if __name__ == "__main__":
    sys.exit(main(["materials", *sys.argv[1:]]))
