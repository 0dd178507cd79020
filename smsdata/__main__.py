"""``python -m smsdata`` is the command line."""

from smsdata.cli.app import main

main()
