"""`python pipelines/report.py` is `matsweep report`."""

import sys

from matsweep.cli import main

if __name__ == "__main__":
    sys.exit(main(["report", *sys.argv[1:]]))
