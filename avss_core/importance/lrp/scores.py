"""LRP importance of every block: the relevance that its update carries to the output.

R of the residual stream is conserved along depth, so ΣR cannot rank blocks (51, 52). What block ℓ writes,
u = h[ℓ+1] − h[ℓ], carries a part of the relevance at its output, R(u) = u · ∂f/∂h[ℓ+1]; the rest comes along the skip
connection. The score is Σ|R(u)|. Low scores are removed first.
Bach et al. 2015, https://doi.org/10.1371/journal.pone.0130140; Achtibat et al. 2024, https://arxiv.org/abs/2402.05602.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from avss_core.corpora.batches import Batch
from avss_core.errors import NumericalError
from avss_core.importance.lrp.absorbed import Absorbed
from avss_core.importance.lrp.causes import OTHER
from avss_core.importance.lrp.context import relevance_rules
from avss_core.importance.lrp.explained import Explained, explain_class, explain_logits, logits_to_explain
from avss_core.importance.lrp.result import LrpResult, merge_results
from avss_core.importance.lrp.settings import LrpSettings
from avss_core.models.load import LoadedModel
from avss_core.variants.calls import Calls, record_calls


def lrp_scores(
    model: LoadedModel,
    batches: Iterable[Batch],
    rule: str = "epsilon",
    attention: str = "conservative",
    epsilon: float = 1e-6,
    alpha: float = 1.0,
    explained: str = "tokens",
) -> LrpResult:
    """Relevance of every block's update on the text of `batches`; the settings are those of `LrpSettings`.

    One block at a time is run again with gradients, last to first, so memory is that of M + 1 hidden states and one
    block, whatever the depth. Costs two forward passes and a backward pass to the activations (with the αβ-rule, four
    times the work of the linear layers). float32 is advised: in bfloat16 the sums of R are off by rounding.
    Raises SettingError for settings out of range, ModelError for a model without such an output, CorpusError when no
    window has anything to explain, NumericalError when relevance is not finite.
    """
    settings = LrpSettings(rule, attention, epsilon, alpha, explained)
    results = (batch_relevance(model, batch.to(model.device), settings) for batch in batches)
    return merge_results([result for result in results if result is not None])


def batch_relevance(model: LoadedModel, batch: Batch, settings: LrpSettings) -> LrpResult | None:
    """The result of one batch; None when none of its windows has anything to explain."""
    logits = logits_to_explain(model, batch, settings.explained)
    if logits is not None and not len(logits.rows):
        return None
    calls = record_calls(model, batch)
    states = [calls.embeddings]
    for block in range(model.n_blocks):
        states.append(calls.run(block, states[-1]))
    with relevance_rules(model.network, settings) as absorbed:
        found = explain_class(model, states[-1], batch) if logits is None else explain_logits(model, states[-1], logits)
        return _down_the_blocks(batch, calls, states, found, absorbed, settings)


def _down_the_blocks(
    batch: Batch, calls: Calls, states: list[Tensor], found: Explained, absorbed: Absorbed, settings: LrpSettings
) -> LrpResult:
    blocks = len(states) - 1
    boundaries = [found.values, _total(_relevance(found.gradient, states[-1]))]  # from the output down
    accounts = [absorbed.take()]
    absolute = []
    gradient = found.gradient
    for block in reversed(range(blocks)):
        update = _relevance(gradient, states[block + 1] - states[block])
        absolute.append(_total(update.abs()))
        leaf = states[block].detach().requires_grad_()
        output = calls.output.unwrap(calls.blocks[block].run(leaf))
        (gradient,) = torch.autograd.grad(output, leaf, gradient)
        boundaries.append(_total(_relevance(gradient, leaf.detach())))
        accounts.append(absorbed.take())
    flow = torch.stack(boundaries[::-1]).cpu().numpy()  # (blocks + 2, sequences): h[0] … h[M], output
    _check_finite(flow, batch)
    return LrpResult(
        settings,
        *_by_document(batch, found.any.cpu().numpy(), flow, _stacked(absolute)),
        pd.DataFrame({"boundary": np.arange(blocks + 2), "relevance": flow.sum(axis=1)}),
        _account(flow.sum(axis=1), accounts[::-1]),
    )


def _relevance(gradient: Tensor, value: Tensor) -> Tensor:
    return gradient.double() * value.double()


def _total(relevance: Tensor) -> Tensor:
    """Sum over tokens and features: (sequences, tokens, hidden) -> (sequences,). Padding has none."""
    return relevance.sum(dim=(1, 2))


def _stacked(from_the_last: list[Tensor]) -> np.ndarray:
    return torch.stack(from_the_last[::-1]).cpu().numpy()


def _by_document(
    batch: Batch, counts: np.ndarray, flow: np.ndarray, absolute: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables `documents` and `blocks`: values of the sequences that count, summed over a document's windows."""
    windows = pd.DataFrame(
        {
            "document": [window.document for window in batch.windows],
            "tokens": [len(window) for window in batch.windows],
            "output": flow[-1],
            "input": flow[0],
        }
    )[counts]
    blocks = pd.DataFrame(
        {
            "document": np.tile(windows["document"], len(absolute)),
            "block": np.repeat(np.arange(len(absolute)), len(windows)),
            "absolute": absolute[:, counts].ravel(),
        }
    )
    return windows.groupby("document", as_index=False).sum(), blocks.groupby(
        ["document", "block"], as_index=False
    ).sum()


def _account(flow: np.ndarray, accounts: list[dict[str, float]]) -> pd.DataFrame:
    """What each stage (block, then the head) loses: by the causes that are known, and the rest of the difference."""
    rows = []
    for stage, account in enumerate(accounts):
        rest = float(flow[stage + 1] - flow[stage]) - sum(account.values())
        rows += [(stage, cause, relevance) for cause, relevance in {**account, OTHER: rest}.items()]
    return pd.DataFrame(rows, columns=["stage", "cause", "relevance"])


def _check_finite(flow: np.ndarray, batch: Batch) -> None:
    wrong = ~np.isfinite(flow).all(axis=0)
    if wrong.any():
        document = batch.windows[int(wrong.argmax())].document
        raise NumericalError(
            f"The relevance of document {document} is not finite; use --dtype float32, or a larger ε for the ε-rule."
        )
