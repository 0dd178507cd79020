"""Thresholds: which groups are beyond what the field takes for good, by more than chance.

Owns the presets and who uses them. Imports of smsdata only errors and analysis.core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from smsdata.analysis.core.provenance import derived
from smsdata.analysis.core.statistics import rate, wilson
from smsdata.errors import UsageError


@dataclass(frozen=True)
class Alarm:
    """A threshold the field uses: the share of ``count`` in ``of`` beyond ``threshold`` rings.

    Attributes
    ----------
    name, level : str
        What it is about, and what it asks for: "look", "warn" or "act".
    count, of : str
        Columns of counts.
    above : bool
        Whether it rings above the threshold, else below.
    threshold : float
        A share, 0 to 1.
    source : str
        Who uses it.
    fresh : bool
        Whether it rings for groups that are not mature too, since its counts are of messages that are.
    """

    name: str
    level: str
    count: str
    of: str
    above: bool
    threshold: float
    source: str
    fresh: bool = False


_GATEWAY = "Burst SMS help: average of accounts that delete hard bounces"
_SILENT = "own choice: the gateway gives up after 72 hours, so that nothing should be pending after 73"
_RESELLERS = (
    "common to CRM resellers of SMS (e.g. Relentless, Stack): e-mail at the first, suspension at the second"
)

ALARMS = (
    Alarm("delivery", "look", "delivered", "settled", above=False, threshold=0.95, source=_GATEWAY),
    Alarm("delivery", "warn", "delivered", "settled", above=False, threshold=0.92, source=_RESELLERS),
    Alarm("delivery", "act", "delivered", "settled", above=False, threshold=0.875, source=_RESELLERS),
    Alarm("opt-outs", "warn", "optouts", "delivered", above=True, threshold=0.02, source=_RESELLERS),
    Alarm("opt-outs", "act", "optouts", "delivered", above=True, threshold=0.03, source=_RESELLERS),
    Alarm("receipts", "look", "overdue", "aged", above=True, threshold=0.01, source=_SILENT, fresh=True),
    Alarm("receipts", "act", "overdue", "aged", above=True, threshold=0.05, source=_SILENT, fresh=True),
)
"""Presets. Delivery 92% and 87.5% are error rates of 8% and 12.5%. Where receipts are missing, a delivery
rate is that of the others, and may look perfect."""


def alarms(rates: pd.DataFrame, presets: Sequence[Alarm] = ALARMS) -> pd.DataFrame:
    """Tell which groups are beyond the thresholds the field uses, by more than chance.

    There is no ``mature_only``: `delivery_rate` has it. Of fresh groups only the alarm of receipts rings,
    which counts mature messages alone.

    Parameters
    ----------
    rates : DataFrame
        What `delivery_rate` gave, or any frame with the columns of counts that a preset names.
    presets : sequence of Alarm
        Those whose columns are missing in ``rates`` are left out.

    Returns
    -------
    DataFrame
        One row per group and alarm: all columns of ``rates``, then ``alarm``, ``level`` (str), ``value``,
        ``threshold`` (float64), ``source`` (str). An alarm rings if the whole 95% Wilson interval lies
        beyond the threshold, with the effective size where the frame has a ``design_effect``, and the frame's
        own interval of that rate, which is wider for few numbers or days; groups known to be immature ring
        none but that of receipts, which counts mature messages alone. No rows if none rings.

    Raises
    ------
    UsageError
        If the frame has the counts of no preset.

    References
    ----------
    Each preset names its own in ``source``. Interval: Brown, Cai & DasGupta 2001.

    Examples
    --------
    >>> import pandas as pd
    >>> rates = pd.DataFrame({"sender": ["ACME", "tiny"], "delivered": [800, 9], "settled": [1000, 10]})
    >>> alarms(rates)[["sender", "alarm", "level", "value", "threshold"]]
      sender     alarm level  value  threshold
    0   ACME  delivery  look    0.8      0.950
    1   ACME  delivery  warn    0.8      0.920
    2   ACME  delivery   act    0.8      0.875
    """
    usable = [alarm for alarm in presets if {alarm.count, alarm.of} <= set(rates.columns)]
    if not usable:
        raise UsageError(
            "alarms: the frame has no counts that a preset needs; give what delivery_rate returned."
        )
    rung = [_rung(rates, alarm) for alarm in usable]
    frame = pd.concat(rung).sort_index(kind="stable").reset_index(drop=True)
    return derived(
        frame,
        rates,
        helper="alarms",
        formula="the whole 95% Wilson interval of count / of lies beyond the threshold",
        numerator="the count that the preset names: " + _columns_named(usable, "count"),
        denominator="the count that the preset divides by: " + _columns_named(usable, "of"),
    )


def _columns_named(presets: Sequence[Alarm], what: str) -> str:
    return ", ".join(dict.fromkeys(getattr(alarm, what) for alarm in presets))


def _rung(rates: pd.DataFrame, alarm: Alarm) -> pd.DataFrame:
    effect = rates["design_effect"].fillna(1.0) if "design_effect" in rates else 1.0
    low, high = wilson(rates[alarm.count], rates[alarm.of], effect=effect)
    share = rate(rates[alarm.count], rates[alarm.of])
    if {"rate", "low", "high"} <= set(rates.columns):
        own = np.isclose(rates["rate"], share)
        low = np.where(own, np.fmin(low, rates["low"]), low)
        high = np.where(own, np.fmax(high, rates["high"]), high)
    beyond = low > alarm.threshold if alarm.above else high < alarm.threshold
    if "mature" in rates and not alarm.fresh:
        beyond &= rates["mature"].fillna(value=False).to_numpy(bool)
    return rates[beyond].assign(
        alarm=alarm.name,
        level=alarm.level,
        value=share[beyond],
        threshold=alarm.threshold,
        source=alarm.source,
    )
