"""When this process began to read the package's sources: the package imports this module first."""

import time

BEGUN = time.time()  # s
