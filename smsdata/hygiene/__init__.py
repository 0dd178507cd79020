"""List hygiene as a transaction: plan, apply, verify, undo. The only code that changes an account.

::

    plan = hygiene.plan(store)                        # what should leave which list, and why; changes nothing
    hygiene.apply(plan, client, store)                # a dry run: every check, no change
    report = hygiene.apply(plan, client, store, dry_run=False)
    hygiene.undo(report.run, client, store, dry_run=False)

`contact` makes the calls, `plan` decides, `apply` and `undo` carry out, `runs` keeps what was done, `ledger`
checks imports against it, `evidence` tells who opted out.
"""

from smsdata.hygiene.applying import apply, beyond_caps, cap
from smsdata.hygiene.changes import ListId, one_list
from smsdata.hygiene.evidence import opted_out
from smsdata.hygiene.planning import RULES, advice, load, plan, plan_optouts, summary
from smsdata.hygiene.run_journal import Report
from smsdata.hygiene.suppressions import check
from smsdata.hygiene.undoing import undo

__all__ = [
    "RULES",
    "ListId",
    "Report",
    "advice",
    "apply",
    "beyond_caps",
    "cap",
    "check",
    "load",
    "one_list",
    "opted_out",
    "plan",
    "plan_optouts",
    "summary",
    "undo",
]
