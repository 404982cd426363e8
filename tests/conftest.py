"""What every test starts with."""

import os

os.environ["DO_NOT_TRACK"] = "true"
