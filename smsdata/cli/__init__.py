"""The command line: options, exit codes, questions and printing; the work is done elsewhere.

Owns every word that a terminal shows. Imports anything below; only `__main__` imports it. Read in this order:
`app` (what all commands share), `completing` (what a shell offers after a tab), `simulate` (demo, simulate),
`twin` (twin-check), `sync` (sync, plan, tables, verify), `status`, `export`, `reporting` (report), `accounts`
(many accounts), `listen` (listen, ingest-callbacks), `hygiene` (clean, undo, audit), `forgetting` (forget,
retain), `config`. A new command is one function in the file of its family.
"""

# A command is known once its file is imported, and help lists commands in the order of these imports.
# isort: off
from smsdata.cli import simulate, twin, sync, status, export, reporting, accounts, listen, hygiene
from smsdata.cli import forgetting, config

# isort: on
from smsdata.cli.app import main

__all__ = [
    "accounts",
    "config",
    "export",
    "forgetting",
    "hygiene",
    "listen",
    "main",
    "reporting",
    "simulate",
    "status",
    "sync",
    "twin",
]
