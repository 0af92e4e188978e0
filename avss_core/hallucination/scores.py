"""Equations (9)–(12), (40), (21) of arXiv 2411.10069, for any number of resamples at once. No torch.

Every array is (…, B), a value a block. What is not a number (a group without answers) stays so.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from avss_core.errors import SettingError
from avss_core.hallucination.question_sums import GroupMoments
from avss_core.importance.avss import derived_columns, shares

Floats = NDArray[np.float64]
Reading = Literal["product", "sum", "ratio"]
READINGS: tuple[Reading, ...] = get_args(Reading)
# Formulas that the papers leave open, or whose print is not legible, as they are read here; x~ is (8) of x.
HCS_FORMULAS: dict[Reading, str] = {"product": "HSAV~ · HSS~", "sum": "HSAV~ + HSS~", "ratio": "HSAV / HSS"}
EAVSS_FORMULA, STABLE_FORMULA, PROPENSITY_FORMULA = "AVSS~ · HCS~", "AVSS~ / (HCS~ + 1/M)", "σ² / (1 − S)"


def check_reading(reading: str) -> Reading:
    """The reading of that name; SettingError when there is none."""
    for known in READINGS:
        if known == reading:
            return known
    raise SettingError(f"There is no reading {reading!r} of HCS; the readings are {', '.join(READINGS)}.")


def our_readings(reading: Reading) -> str:
    """What in the scores is our reading, in a sentence for pages and reports."""
    return (
        f"Our reading: HCS = {HCS_FORMULAS[reading]}, EAVSS = {EAVSS_FORMULA}, EAVSS-stable = {STABLE_FORMULA}, "
        f"H = {PROPENSITY_FORMULA}; x~ is x over its sum over the M blocks."
    )


def known_shares(values: Floats) -> Floats:
    """Each value over the sum along the last axis, nan where a value is not known."""
    return np.where(np.isnan(values).any(axis=-1, keepdims=True), np.nan, shares(values))


def contribution(hsav: Floats, hss: Floats, reading: Reading, n: Floats | float) -> Floats:
    """(11) HCS, whose formula is not legible in our source, in one of three readings (ours).

    product: HSAV~ · HSS~, each over its sum over blocks. sum: HSAV~ + HSS~. ratio: HSAV / HSS, where HSS = 0 counts as
    1/N. Higher: the block differs more between made-up and truthful answers.
    """
    if reading == "product":
        return known_shares(hsav) * known_shares(hss)
    if reading == "sum":
        return known_shares(hsav) + known_shares(hss)
    return hsav / np.where(hss == 0, 1.0 / n, hss)


def propensity(variance: Floats, sparsity: Floats, n: Floats | float) -> Floats:
    """(21, 32) H = σ² / (1 − S), our reading: high variance from few active units. 1 − S = 0 counts as 1/N."""
    active = 1.0 - sparsity
    return variance / np.where(active <= 0, 1.0 / n, active)


def score_arrays(
    made_up: GroupMoments, truthful: GroupMoments, every: GroupMoments, reading: Reading
) -> dict[str, Floats]:
    """All scores of the blocks from the moments of made-up, truthful, and all answers, each column (R, B).

    (9) hsav = |σ²_h − σ²_t|, (10) hss = |S_h − S_t|, (11) hcs, (12) eavss = AVSS~ · HCS~, (40) eavss_stable =
    AVSS~ / (HCS~ + 1/M), each with its share and cumulative share as (8) and (9) of AVSS; (21) propensity. AVSS and
    propensity are those of all answers together. (11), (12), (40), (21) are our readings.
    """
    hsav, hss = np.abs(made_up.variance - truthful.variance), np.abs(made_up.sparsity - truthful.sparsity)
    avss = derived_columns(every.variance, every.sparsity, every.n)
    hcs = contribution(hsav, hss, reading, every.n)
    hcs_share = known_shares(hcs)
    eavss = avss["avss_share"] * hcs_share
    stable = avss["avss_share"] / (hcs_share + 1.0 / hsav.shape[-1])
    found = {
        "variance": every.variance,
        "sparsity": every.sparsity,
        "variance_hallucinated": made_up.variance,
        "variance_truthful": truthful.variance,
        "sparsity_hallucinated": made_up.sparsity,
        "sparsity_truthful": truthful.sparsity,
        "avss_share": avss["avss_share"],
        "hsav": hsav,
        "hss": hss,
        "propensity": propensity(every.variance, every.sparsity, every.n),
    }
    normalised = {"hsav": hsav, "hss": hss, "hcs": hcs, "eavss": eavss, "eavss_stable": stable}
    for name, values in normalised.items():
        share = known_shares(values)
        found |= {name: values, f"{name}_share": share, f"{name}_cumulative": np.cumsum(share, axis=-1)}
    return found
