"""What a keyword does when somebody texts it: joins a list, answers, forwards.

The rules stand in the rows of get-keywords, and where no keyword fits in those of the number that was texted
(what edit-number-options sets). Imports the parts that a rule changes: sending, contacts, outbox.
"""

from __future__ import annotations

from smsdata.simulator.contacts import Refused
from smsdata.simulator.inbox import Reply, is_stop
from smsdata.simulator.outbox import Outbox, reply_parameters
from smsdata.simulator.seed_data import Record, people_of
from smsdata.simulator.sending import Sending
from smsdata.simulator.state import AccountState

_IN_FORCE = frozenset({"active", "open"})


class KeywordRules:
    """Acts on inbound messages.

    Parameters
    ----------
    state, sending, outbox
        What a rule changes.

    Attributes
    ----------
    on : bool
        Off by default: a history stays what its seed makes of it.
    emails : list of (int, str, str)
        What was forwarded by e-mail: instant, address, text. Nothing is sent anywhere.

    Examples
    --------
    >>> from smsdata.simulator import Account
    >>> account = Account(campaigns=0, singles=0, inbound=0)
    >>> account.keyword_rules.on = True
    >>> reply_id = account.inbound(447700900999, "JOIN")
    >>> reply_id = account.inbound(447700900999, "Join me")
    >>> [send.text for send in account.sends], account.keyword_rules.emails[0][1:]
    (['Welcome!', 'You are in.'], ('owner@example.com', 'JOIN'))
    """

    def __init__(self, state: AccountState, sending: Sending, outbox: Outbox) -> None:
        self.on = False
        self.emails: list[tuple[int, str, str]] = []
        self._state, self._sending, self._outbox = state, sending, outbox
        state.inbox.heard.append(self._act)

    def rule_for(self, longcode: str, text: str) -> Record | None:
        """The row whose rule a message to a number falls under: a keyword's, else the number's own."""
        word = text.split()[0].upper() if text.split() else ""
        for row in self._state.keywords:
            if row["keyword"].upper() == word and row["number"] == longcode and row["status"] in _IN_FORCE:
                return row
        return next((row for row in self._state.numbers if row["owned"] and row["number"] == longcode), None)

    def _act(self, reply: Reply) -> None:
        rule = self.rule_for(reply.longcode, reply.text) if self.on and not is_stop(reply.text) else None
        if rule is None:
            return
        answer = rule.get("welcome_message")
        if rule.get("list_id"):
            answer = self._join(rule, reply.msisdn)
        if answer:
            self._say(reply.longcode, reply.msisdn, answer)
        self._forward(rule, reply)

    def _join(self, rule: Record, msisdn: int) -> str | None:
        """Put somebody on the list of a rule; gives what to answer."""
        person = people_of([msisdn])[0]
        try:
            self._state.contacts.add_member(rule["list_id"], msisdn, person.first_name, person.last_name)
        except Refused as refused:
            is_there = refused.code == "KEY_EXISTS"
            told: str | None = rule.get("member_message") or rule.get("members_message")
            return told if is_there else None
        welcome: str | None = rule.get("welcome_message")
        return welcome

    def _forward(self, rule: Record, reply: Reply) -> None:
        more = (("keyword", str(rule.get("keyword") or "")),)
        self._outbox.fire("forward", rule.get("forward_url"), reply_parameters(reply) + more)
        if rule.get("forward_sms"):
            self._say(reply.longcode, int(rule["forward_sms"]), reply.text)
        if rule.get("forward_email"):
            self.emails.append((self._state.now, rule["forward_email"], reply.text))

    def _say(self, sender: str, msisdn: int, text: str) -> None:
        self._sending.order(people_of([msisdn]), text, sender=sender, type="keyword", single=True)
