"""List hygiene as a transaction: plan, apply, verify, undo. The only code that changes an account.

::

    plan = hygiene.plan(store)                        # what should leave which list, and why; changes nothing
    hygiene.apply(plan, client, store)                # a dry run: every check, no change
    report = hygiene.apply(plan, client, store, dry_run=False)
    hygiene.undo(report.run, client, store, dry_run=False)

Owns every change that smsdata makes. May import `gateway`, `store`, `ingest.plan` (for the hours after which
a campaign is quiet), `analysis` (for the evidence) and what lies below. Read in this order::

    changes       one contact of one list: looked up, or changed; the only calls that change an account
    plan_file     what a plan is, its file, its summary
    planning      which rule fits which evidence
    run_journal   what a run did: its journal, the table suppressions, the report
    rereading     what is read of the account again
    caps          how much one plan may change, and what is refused outright
    second_look   what speaks against a change right before it is made
    withdrawals   who opted out where the store did not look
    applying      carry a plan out
    undoing       put back what a run removed
    backtesting   what today's rules would have removed earlier, and what came of it
    contact_countries  the country that a file names for each line
    contact_file  a file of contacts: encoding, separator, columns of phone numbers
    suppressions  check an import against what was removed
"""

from smsdata.analysis.opt_outs import opted_out
from smsdata.hygiene.applying import apply
from smsdata.hygiene.backtesting import Backtest, backtest
from smsdata.hygiene.caps import account_cap, beyond_caps, cap
from smsdata.hygiene.changes import ListId, one_list
from smsdata.hygiene.plan_file import RULES, advice, load, summary
from smsdata.hygiene.planning import plan, plan_optouts
from smsdata.hygiene.run_journal import HygieneReport
from smsdata.hygiene.suppressions import check
from smsdata.hygiene.undoing import undo

__all__ = [
    "RULES",
    "Backtest",
    "HygieneReport",
    "ListId",
    "account_cap",
    "advice",
    "apply",
    "backtest",
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


def __dir__() -> list[str]:
    """What completion offers: the public names, not the files that they lie in."""
    return [*__all__, "__doc__", "__file__", "__name__", "__path__"]
