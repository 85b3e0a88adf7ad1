"""`python pipelines/validate.py` is `matsweep validate`."""

import sys

from matsweep.cli import main

if __name__ == "__main__":
    sys.exit(main(["validate", *sys.argv[1:]]))
