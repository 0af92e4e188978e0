"""Options that belong together as one parameter of a command: the shell still sees each as an option of its own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_type_hints

from avss_core.commands import options as o
from avss_core.corpora.spec import CorpusSpec
from avss_core.models.spec import ModelSpec


@dataclass(frozen=True)
class ModelOptions:
    """Which model, and how to hold it."""

    model: o.Model = "default"
    revision: o.Revision = None
    device: o.Device = "auto"
    dtype: o.Dtype = "auto"
    allow_pickle: o.AllowPickle = False
    trust_remote_code: o.TrustRemoteCode = False

    @property
    def spec(self) -> ModelSpec:
        """The model that the options name."""
        return o.model_spec(
            self.model, self.revision, self.dtype, self.device, self.allow_pickle, self.trust_remote_code
        )


@dataclass(frozen=True)
class TextOptions:
    """Which text is profiled, and how it is cut."""

    corpus: o.CorpusName = "sample:essays"
    column: o.Column = "text"
    config: o.Config = None
    split: o.Split = None
    length: o.Length = 512
    max_tokens: o.MaxTokens = None
    all_documents: o.AllDocuments = False

    @property
    def spec(self) -> CorpusSpec:
        """The text to profile: a part of it, unless all documents are wanted."""
        return o.corpus_spec(
            self.corpus, self.column, self.config, self.split, self.length, self.max_tokens, self.all_documents
        )

    @property
    def evaluated_part(self) -> str:
        """The part to evaluate on: the documents that are held out, unless all are wanted."""
        return "all" if self.all_documents else "evaluate"

    @property
    def judged_on(self) -> str:
        """What a command says of the text that its cuts are judged on."""
        return "all documents, also those that choose or train" if self.all_documents else "held-out documents"


@dataclass(frozen=True)
class ScoreOptions:
    """What a score depends on beside the activations."""

    site: o.Site = "residual"
    epsilon: o.EpsilonText = "0.01"
    skip_first_token: o.SkipFirstToken = False


def in_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command have groups of options (dataclasses like those above) as parameters.

    Each field becomes an option of its own; a default of the parameter gives the defaults of its fields. The
    parameters have to be keyword-only, so that a group needs no default.
    """
    asked = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, type[Any]] = {
        name: each.annotation
        for name, each in asked.items()
        if isinstance(each.annotation, type) and is_dataclass(each.annotation)
    }
    flat: list[inspect.Parameter] = []
    for name, each in asked.items():
        flat += _options_of(groups[name], each.default) if name in groups else [each]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        made = {
            name: group(**{field.name: values.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**made, **values)

    signature = inspect.Signature(flat)
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in flat}
    return run


def _options_of(group: type[Any], default: object) -> list[inspect.Parameter]:
    source = None if default is inspect.Parameter.empty else default  # the group may refuse its own defaults
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default if source is None else getattr(source, field.name),
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]
