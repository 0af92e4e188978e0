"""Read what a healing has left in the store so far: its loss curve, its trials, its outcome. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pandas as pd

from avss_core.errors import CutError, RunError
from avss_core.jobs.requests.heal import HealRequest, Part
from avss_core.pruning.healing.apart import Apart, apart_of
from avss_core.pruning.healing.healed_files import HealedFiles
from avss_core.runs import Run, Store
from avss_core.tasks import Evaluation
from avss_core.tasks.perplexity_table import summarise

# In the order in which they are evaluated and shown, with their names for people.
NETWORKS = {
    "unpruned": "unpruned",
    "pruned": "pruned",
    "maps": "pruned + maps",
    "trained": "pruned + training",
    "control": "unpruned + same training",
}
# Which network each is measured against: the whole one that was given the same.
BESIDE = {"pruned": "unpruned", "maps": "unpruned", "trained": "control"}


@dataclass(frozen=True, eq=False)
class HealResult:
    """A finished healing.

    evaluations: perplexity on held-out text by network (the keys of `NETWORKS`; only those that there are). apart: for
    "pruned", "maps" and "trained" the ratio of its perplexity to that of the whole model that was given the same.
    maps, training: what `HealedFiles` tells (None: not asked for). trials, losses: as frames, for figures.
    """

    request: HealRequest
    n_blocks: int
    evaluations: dict[str, Evaluation]
    apart: dict[str, Apart]
    maps: dict[str, Any] | None
    training: dict[str, Any] | None
    trials: pd.DataFrame = field(repr=False)
    losses: pd.DataFrame = field(repr=False)

    @property
    def kept(self) -> tuple[int, ...]:
        """The blocks that stay."""
        return tuple(block for block in range(self.n_blocks) if block not in self.request.removed)

    @property
    def maps_help(self) -> bool:
        """Whether the maps alone are offered: they help on the documents held out of the calibration text, by which
        they were chosen, and on the text that all networks are judged on."""
        if self.maps is None or not self.maps["helps"]:
            return False
        return self.evaluations["maps"].value < self.evaluations["pruned"].value

    @property
    def adapters_need_maps(self) -> bool:
        """Whether training began from the maps: its adapters without them are not the network that was judged."""
        return self.training is not None and self.maps is not None and self.maps["helps"]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON types."""
        return {
            "removed": list(self.request.removed),
            "kept": list(self.kept),
            "evaluations": {name: each.to_dict() for name, each in self.evaluations.items()},
            "apart": {
                name: {"beside": self.beside(name), "ratio": each.ratio, "low": each.low, "high": each.high}
                for name, each in self.apart.items()
            },
            "maps": None
            if self.maps is None
            else {
                **self.maps,
                "offered": self.maps_help,
                "needed": self.adapters_need_maps,
                "trials": _rows(self.trials),
            },
            "training": self.training,
            "losses": _rows(self.losses),
        }

    def table(self) -> pd.DataFrame:
        """One row a network: perplexity and × apart, each with its 95 % interval."""
        rows = []
        for name, each in self.evaluations.items():
            apart = self.apart.get(name)
            ends = (None, None, None) if apart is None else (apart.ratio, apart.low, apart.high)
            values = dict(zip(("apart", "apart_low", "apart_high"), ends, strict=True))
            beside = NETWORKS[self.beside(name)] if apart is not None else ""
            measured = {"value": each.value, "low": each.low, "high": each.high, "documents": each.n}
            rows.append({"network": NETWORKS[name], **measured, "beside": beside, **values})
        return pd.DataFrame(rows)

    def sentences(self) -> list[str]:
        """What was done, for people."""
        told = [about["sentence"] for about in (self.maps, self.training) if about is not None]
        if self.adapters_need_maps:
            told.append("The adapters were trained on top of the maps; without those they give another network.")
        return told

    def beside(self, name: str) -> str:
        """Which network `name` is measured against: the unpruned one as it was, where training left it so."""
        wanted = BESIDE[name]
        return wanted if wanted in self.evaluations else "unpruned"


def heal_request(store: Store, run_id: str) -> HealRequest:
    """What a healing was asked for; RunError when the run is of another kind."""
    run = store.run(run_id)
    if run.kind != HealRequest.kind:
        raise RunError(f"Run {run.id} is a run of kind {run.kind}, not a healing; `avss runs list` shows the kinds.")
    return HealRequest.from_dict(run.spec)


def healing_of(store: Store, run_id: str, removed: tuple[int, ...]) -> Run:
    """The finished healing of a cut, by its id or the beginning of it.

    Raises RunError when there is none, it is of another kind or not done, CutError when it healed another cut.
    """
    run, healed = store.run(run_id), heal_request(store, run_id).removed
    if run.status != "done":
        raise RunError(f"The healing run {run.id} is {run.status}; finish it first.")
    if healed != tuple(sorted(removed)):
        raise CutError(
            f"The healing run {run.id} healed the cut {list(healed)}, not {sorted(removed)}; name the cut that it "
            "healed."
        )
    return run


def healed_files(store: Store, run_id: str) -> HealedFiles:
    """Where maps and adapters of a healing lie: in the folder of the run, which goes when the run is deleted."""
    return HealedFiles(store.folder / run_id)


def losses_so_far(store: Store, run_id: str) -> pd.DataFrame:
    """One row a training step: number, tokens, seconds, learning_rate, pruned_…, control_…, curve; empty at first.

    Training that had to begin again draws a new curve (`curve`: when it began, ns); only rows of the newest are given.
    """
    frames = [frame for frame in _frames(store, run_id, "train") if len(frame)]
    if not frames:
        return pd.DataFrame()
    rows = pd.concat(frames, ignore_index=True)
    return rows[rows["curve"] == rows["curve"].max()].sort_values("number", ignore_index=True)


def trials_of(store: Store, run_id: str) -> pd.DataFrame:
    """One row a shrinkage and stretch, as `Trial.to_dict`; empty while the maps are not fitted."""
    frames = _frames(store, run_id, "maps")
    return frames[0] if frames else pd.DataFrame()


def heal_result(store: Store, run_id: str) -> HealResult:
    """The outcome of a healing; RunError when it is not done, or is no healing."""
    run, request = store.run(run_id), heal_request(store, run_id)
    scores, files = scores_of(store, run.id), healed_files(store, run.id)
    apart = {
        name: apart_of(scores.get(beside, scores["unpruned"]), scores[name])
        for name, beside in BESIDE.items()
        if name in scores
    }
    evaluations = {name: summarise(scores[name]) for name in NETWORKS if name in scores}
    about = files.about_maps(), files.about_training()
    trials, losses = trials_of(store, run.id), losses_so_far(store, run.id)
    return HealResult(request, int(run.facts["blocks"]), evaluations, apart, *about, trials, losses)


def scores_of(store: Store, run_id: str) -> dict[str, pd.DataFrame]:
    """By network: document, nll (nats, summed), tokens (predicted) on held-out text; RunError when not done."""
    run = store.run(run_id)
    frames = _frames(store, run.id, "evaluate")
    if run.status != "done" or not frames:
        raise RunError(f"Run {run.id} is {run.status}, so nothing is healed yet; finish it first.")
    rows = frames[0].groupby("network", sort=False)
    return {str(name): table.drop(columns="network").reset_index(drop=True) for name, table in rows}


def finished_healings(store: Store, model: str) -> list[Run]:
    """Every finished healing of a model (the identity of its spec), newest first."""
    runs = store.runs(HealRequest.kind, limit=None)
    return [run for run in runs if run.status == "done" and run.facts.get("model_identity") == model]


def _frames(store: Store, run_id: str, what: str) -> list[pd.DataFrame]:
    """The finished units of one sort, by number."""
    parts: tuple[Part, ...] = heal_request(store, run_id).parts()
    units = [unit for unit in store.units(run_id) if unit.number < len(parts) and parts[unit.number].what == what]
    try:
        paths = [store.path_of(unit.file) for unit in units]
        return [_read(str(path), path.stat().st_mtime_ns).copy() for path in paths]
    except FileNotFoundError as error:
        raise RunError(f"A file of run {run_id} is gone ({error}); delete the run and heal again.") from error


@lru_cache(maxsize=256)  # a page that follows a training asks for all its steps every two seconds
def _read(path: str, changed: int) -> pd.DataFrame:
    del changed
    return pd.read_parquet(path)


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict(orient="records")]
