"""`python pipelines/merge.py` is `matsweep merge`."""

import sys

from matsweep.cli import main

if __name__ == "__main__":
    sys.exit(main(["merge", *sys.argv[1:]]))
