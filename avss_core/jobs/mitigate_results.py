"""Read what contrastive training left in the store: its loss curve, its adapter, what it changed. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from avss_core.errors import RunError
from avss_core.hallucination.asking_again import AskingAgain
from avss_core.hallucination.confidence_table import confidence_rows
from avss_core.hallucination.contrast import MIN_ANSWERS
from avss_core.hallucination.honesty import HonestyChange, Judged, honesty_change
from avss_core.hallucination.labels import paired_labels
from avss_core.hallucination.mitigation import CHOICES, MitigationSettings
from avss_core.jobs.answers_results import read_answers
from avss_core.jobs.confidence_results import finished_confidence
from avss_core.jobs.hand_labels import hand_labels_for
from avss_core.jobs.honesty_results import judged_answers
from avss_core.jobs.requests import ConfidenceRequest
from avss_core.jobs.requests.mitigate import MitigateRequest
from avss_core.pruning.healing.apart import Apart, apart_of
from avss_core.readable import from_to
from avss_core.runs import Run, Store

TRAINING = 0  # the unit that trains
ADAPTER = "adapter"
EAVSS = "EAVSS"  # what the papers call the model that was trained on the blocks of highest HCS


@dataclass(frozen=True, eq=False)
class Mitigated:
    """A finished training, judged on held-out questions.

    blocks: those that learned. truthful, made_up: how many answers there were to learn from. enough: whether there were
    enough of each to compare the blocks by. before, after: answers to the same held-out questions. change: H_model and
    the hallucination rate, with intervals over questions in pairs. fluency: perplexity on plain text after, over before
    (× 1: nothing lost). confidence: rows of `confidence_rows` for the sequence probability of "before" and "after".
    estimators: all rows of `confidence_rows` on these questions, and one for the sequence probability of the trained
    model, whose name is `trained_name`.
    """

    request: MitigateRequest
    blocks: tuple[int, ...]
    truthful: int
    made_up: int
    enough: bool
    before: Judged
    after: Judged
    change: HonestyChange
    fluency: Apart
    confidence: list[dict[str, Any]] = field(repr=False)
    estimators: list[dict[str, Any]] = field(repr=False)
    losses: pd.DataFrame = field(repr=False)

    @property
    def helps(self) -> bool | None:
        """Whether the hallucination rate fell by more than chance; None when its interval holds 0, or there is none."""
        if self.change.rate_change_high < 0:
            return True
        return False if self.change.rate_change_low > 0 else None

    @property
    def sentence(self) -> str:
        """What came of it, for people."""
        verdict = {True: "It helps", False: "It makes things worse", None: "It does not help beyond chance"}[self.helps]
        c, chosen = self.change, self.request.settings
        doubt = ""
        if not self.enough and chosen.blocks is None and chosen.choice != "random":
            doubt = (
                f" The blocks were chosen by {self.truthful} truthful and {self.made_up} made-up answers with tokens; "
                f"fewer than {MIN_ANSWERS} of a kind do not tell which blocks are prone."
            )
        ends = from_to(100 * c.rate_change_low, 100 * c.rate_change_high, "+.1f")
        return (
            f"{verdict}: the hallucination rate on {c.questions} held-out questions goes from {c.rate_before:.1%} to "
            f"{c.rate_after:.1%} (change {100 * c.rate_change:+.1f} points, 95 % {ends}); perplexity on plain text "
            f"becomes {self.fluency.ratio:.3f} ×.{doubt}"
        )

    def to_dict(self) -> dict[str, Any]:
        """All of it but answers as JSON types."""
        return {
            "choice": self.request.settings.choice if self.request.settings.blocks is None else "named",
            "blocks": list(self.blocks),
            "truthful": self.truthful,
            "made_up": self.made_up,
            "enough": self.enough,
            "helps": self.helps,
            "sentence": self.sentence,
            "change": self.change.to_dict(),
            "fluency": self.fluency.to_dict(),
            "confidence": self.confidence,
            "estimators": self.estimators,
            "losses": self.losses.to_dict(orient="records"),
        }


def losses_so_far(store: Store, run_id: str) -> pd.DataFrame:
    """The columns of `ContrastStep`, one row a step of the newest training of a run; empty at first."""
    request = mitigate_request(store, run_id)
    curve = range(1, 1 + request.loss_units)
    frames = [_read(store, unit.file) for unit in store.units(run_id) if unit.number in curve]
    if not frames:
        return pd.DataFrame()
    rows = pd.concat(frames, ignore_index=True)
    return rows[rows["curve"] == rows["curve"].max()].sort_values("number", ignore_index=True)


def mitigate_request(store: Store, run_id: str) -> MitigateRequest:
    """What was asked for; RunError when the run is of another kind."""
    run = store.run(run_id)
    if run.kind != MitigateRequest.kind:
        raise RunError(f"Run {run.id} is a run of kind {run.kind}, not a mitigation; `avss runs list` shows the kinds.")
    return MitigateRequest.from_dict(run.spec)


def adapter_folder(store: Store, run_id: str) -> Path:
    """Where the trained adapter of a run lies, as `peft.PeftModel.from_pretrained` reads it for the unpruned model."""
    return store.folder / run_id / ADAPTER


def trained_name(settings: MitigationSettings) -> str:
    """What the trained model is called beside the estimators: EAVSS is training on the blocks of highest HCS."""
    if settings.blocks is not None:
        return "trained (named blocks)"
    return EAVSS if settings.choice == "highest" else f"trained ({CHOICES[settings.choice]})"


def mitigated(
    store: Store,
    run_id: str,
    judge: str | None = None,
    seed: int = 0,
    q: float = 0.5,
    p: float = 0.5,
    asked: AskingAgain | None = None,
) -> Mitigated:
    """The outcome of a finished training; judge: of the held-out answers (None: the one it learned from).

    q, p: of acc@q and cov@p. asked: how the untrained model was asked again about the held-out answers; while it was
    not, the estimators that need it say so. Labels by hand count as `paired_labels` says.
    Raises RunError when it is not done, is of another kind, or the answers before it are gone.
    """
    run, request = store.run(run_id), mitigate_request(store, run_id)
    if run.status != "done":
        raise RunError(f"Run {run.id} is {run.status}, so there is nothing to compare yet; finish it first.")
    about, fluency = _about(store, run), _unit(store, run, (run.n_units or 0) - 1)
    frames = judged_answers(store, request.held_out).frame, _after(store, run, request)
    by_hand = hand_labels_for(store, request.held_out)
    labels = paired_labels(*frames, judge or request.judge, by_hand)
    before, after = (Judged(*pair) for pair in zip(frames, labels, strict=True))
    by_network = {name: rows.drop(columns="network") for name, rows in fluency.groupby("network")}
    again = finished_confidence(store, ConfidenceRequest.of(request.held_out, asked))
    trained = trained_name(request.settings)
    others = {trained: (after.frame, after.labels)}
    estimators = confidence_rows(before.frame, before.labels, again, q, p, seed, others=others)
    by_name = {row["estimator"]: row for row in estimators}
    return Mitigated(
        request=request,
        blocks=tuple(int(block) for block in about["blocks"]),
        truthful=int(about["truthful"]),
        made_up=int(about["made_up"]),
        enough=bool(about["enough"]),
        before=before,
        after=after,
        change=honesty_change(before, after, "the training", request.site, request.epsilon, seed=seed),
        fluency=apart_of(by_network["before"], by_network["after"]),
        confidence=[
            {**by_name["sequence_probability"], "estimator": "before"},
            {**by_name[trained], "estimator": "after"},
        ],
        estimators=estimators,
        losses=losses_so_far(store, run.id),
    )


def _after(store: Store, run: Run, request: MitigateRequest) -> pd.DataFrame:
    first, last = 1 + request.loss_units, (run.n_units or 0) - 1
    paths = [store.path_of(unit.file) for unit in store.units(run.id) if first <= unit.number < last]
    return read_answers(paths, range(int(run.facts["blocks"])))


def _about(store: Store, run: Run) -> dict[str, Any]:
    return {str(name): value for name, value in _unit(store, run, TRAINING).iloc[0].items()}


def _unit(store: Store, run: Run, number: int) -> pd.DataFrame:
    file = next((unit.file for unit in store.units(run.id) if unit.number == number), None)
    if file is None:
        raise RunError(f"A part of run {run.id} is gone from the store; delete the run and train again.")
    return _read(store, file)


def _read(store: Store, file: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(store.path_of(file))
    except FileNotFoundError as error:
        raise RunError(f"The file {store.path_of(file)} is gone; delete the run and train again.") from error
