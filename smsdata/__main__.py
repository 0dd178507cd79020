"""``python -m smsdata`` is the command line."""

from smsdata.cli import main

main()
