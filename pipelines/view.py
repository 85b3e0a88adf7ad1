"""`python pipelines/view.py` is `matsweep view`."""

import sys

from matsweep.cli import main

if __name__ == "__main__":
    sys.exit(main(["view", *sys.argv[1:]]))
