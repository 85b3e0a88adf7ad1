"""Time at which this process began to read the package's sources: it imports this module first."""

import time

BEGUN = time.time()  # s
