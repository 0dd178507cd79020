"""What the notebooks' check needs: no progress bars, and matplotlib's fonts looked up before a kernel starts.

Building the font cache takes seconds on a new machine and says so on stderr, which would fail a cell.
"""

import os

import matplotlib.font_manager  # noqa: F401

os.environ["SMSDATA_PROGRESS"] = "0"
