"""All ways to score a block. To add one: a file in `methods/`, its line here, and what it needs in `passes/`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from avss_core.activations.site_names import check_sites
from avss_core.corpora.did_you_mean import did_you_mean
from avss_core.errors import ModelError, SettingError
from avss_core.importance.lrp.methods import ALPHA_BETA, ATTNLRP, LRP
from avss_core.importance.method import Asks, Method
from avss_core.importance.methods import (
    ablation,
    angular,
    avss,
    avss_script,
    block_influence,
    cim,
    gbis,
    magnitude,
    random,
    shapley,
    sparsity,
    taylor,
    variance,
)
from avss_core.models.heads import names_classifier, names_masked_model

# Cheap to dear.
METHODS: tuple[Method, ...] = (
    random.METHOD,
    magnitude.METHOD,
    avss.METHOD,
    avss_script.METHOD,
    variance.METHOD,
    sparsity.METHOD,
    block_influence.METHOD,
    angular.METHOD,
    gbis.METHOD,
    taylor.METHOD,
    LRP,
    ATTNLRP,
    ALPHA_BETA,
    cim.METHOD,
    ablation.METHOD,
    shapley.METHOD,
)

NAMES = tuple(method.name for method in METHODS)
ORACLE = ablation.METHOD.name
SITE_MARK = "@"
DEFAULT_SITE = "residual"


@dataclass(frozen=True)
class Chosen:
    """A method as it was asked for: `avss` at the site `residual`, or `avss@update`."""

    method: Method
    site: str = DEFAULT_SITE

    @property
    def name(self) -> str:
        """The shortest text that names it."""
        return self.method.name if self.site == DEFAULT_SITE else f"{self.method.name}{SITE_MARK}{self.site}"


def method_named(name: str) -> Method:
    """The method of that name; SettingError when there is none."""
    found = next((method for method in METHODS if method.name == name), None)
    if found is None:
        hint = did_you_mean(name, NAMES)
        raise SettingError(f"There is no method {name!r} to score blocks by{hint} The methods are {', '.join(NAMES)}.")
    return found


def choose(text: str) -> Chosen:
    """Read `NAME` or `NAME@SITE`; SettingError for an unknown method or site, or a site where there are none."""
    name, mark, site = text.strip().partition(SITE_MARK)
    method = method_named(name)
    if not mark:
        return Chosen(method)
    if not method.has_sites:
        with_sites = ", ".join(other.name for other in METHODS if other.has_sites)
        raise SettingError(f"{method.pretty_name} is not measured at a site ({text!r}); only {with_sites} are.")
    check_sites((site,))
    return Chosen(method, site)


def fitting(predicts_next_token: bool, has_head: bool, classifies: bool = False) -> tuple[Method, ...]:
    """The methods that can be had from a network that does, or does not, have these."""
    able = {
        Asks.NOTHING: True,
        Asks.LOSS: has_head,
        Asks.PREDICTION: predicts_next_token or classifies,
        Asks.NEXT_TOKEN: predicts_next_token,
    }
    return tuple(method for method in METHODS if able[method.asks])


def fitting_facts(facts: Mapping[str, Any]) -> tuple[Method, ...]:
    """The methods that can be had from the network that a run's facts describe; by default it predicts tokens."""
    predicts, architecture = bool(facts.get("predicts_next_token", True)), str(facts.get("architecture", ""))
    classifier = names_classifier(architecture)
    has_head = predicts or classifier or names_masked_model(architecture)
    return fitting(predicts, has_head, classifier and facts.get("classes", 2) > 1)


def check_fits(asked: Iterable[Chosen], able: Collection[Method], architecture: str) -> None:
    """Raise ModelError, in one sentence, when a chosen method asks for what the network does not have.

    able: what `fitting` says of the network; architecture: the name of its class.
    """
    for chosen in asked:
        if chosen.method not in able:
            raise ModelError(
                f"{chosen.method.pretty_name} asks for {chosen.method.asks}, which {architecture} is not; "
                f"leave {chosen.name} out, or use another model."
            )
