"""The views of the Profile page: each draws one thing of a run from the shards finished so far."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from avss_core.activations import merge_profiles
from avss_core.activations.features import feature_frame
from avss_core.activations.magnitudes import magnitude_frame, quantile_frame
from avss_core.activations.massive import FACTOR, massive_activations, massive_shares
from avss_core.activations.moments import SiteMoments
from avss_core.figures.curves import block_curve
from avss_core.figures.heatmap import feature_heatmap, statistics_heatmap
from avss_core.figures.labels import Statistic, statistic_of
from avss_core.figures.magnitudes import magnitude_histogram
from avss_core.figures.massive import massive_map
from avss_core.figures.stability import stability_curve
from avss_core.figures.style import under_title
from avss_core.importance import Epsilon
from avss_core.importance.avss import chosen_moments, lowest_first
from avss_core.importance.stability import STABLE, lowest_count, set_stability
from avss_core.jobs.results import profile_shards
from avss_core.runs import Run
from pages.parts.engine import score_table, store
from pages.parts.profile_authors import draw_authors
from pages.parts.run_words import model_and_text
from pages.parts.score_settings import ScoreSettings
from pages.parts.show import offer_csv, show_figure

CURVES = {
    "AVSS": ("avss", "avss_share", "avss_cumulative"),
    "Variance": ("variance", "std", "variance_share"),
    "Sparsity": ("sparsity", "sparsity_share", "sparsity_deviation"),
    "Norms": ("l1", "l2", "frobenius"),
}
FEATURE_STATISTICS = (
    Statistic("mean", "Mean", "μ", None, "activation units", "Mean of the feature over tokens.", "neither"),
    Statistic(
        "std", "Standard deviation", "σ", None, "activation units", "Spread of the feature over tokens.", "neither"
    ),
    Statistic("mean_abs", "Mean magnitude", "|a|", None, "activation units", "Mean of |a| over tokens.", "neither"),
)
MASSIVE_SHARE = Statistic(
    "share",
    "Massive activations",
    "",
    None,
    "share of activations",
    f"Share of |a| > {FACTOR:g} × the block's median.",
    "neither",
    band="bounds of the histogram",
)


@st.cache_resource(show_spinner=False, max_entries=4)
def merged_moments(run_id: str, units_finished: int, site: str, skip_first_token: bool) -> SiteMoments:
    """One site's moments of what is finished of a run."""
    del units_finished
    return chosen_moments(merge_profiles(profile_shards(store(), run_id)), site, skip_first_token)


@st.cache_data(show_spinner=False, max_entries=512)
def stability_after(
    run_id: str, numbers: tuple[int, ...], share: float, site: str, epsilon: Epsilon, skip: bool
) -> float:
    """The stability of the lowest blocks after these shards, the first that are finished by number.

    Kept under the numbers and not under how many they are: shards finish in any order.
    """
    return set_stability(profile_shards(store(), run_id)[: len(numbers)], share, site, epsilon, skip)


def draw_curves(columns: tuple[str, ...], run: Run, finished: int, settings: ScoreSettings) -> None:
    """Statistics by block, with their bands."""
    table = _table(run, finished, settings)
    for column in columns:
        _show(block_curve(table, column), table, f"{column}-{settings.site}", run, settings)
        st.caption(f"{statistic_of(column).meaning} {statistic_of(column).direction}{_open(table, column)}")


def draw_heatmap(run: Run, finished: int, settings: ScoreSettings) -> None:
    """Block × statistic, as in the papers' figure 1."""
    table = _table(run, finished, settings)
    _show(statistics_heatmap(table), table, f"heatmap-{settings.site}", run, settings)


def draw_magnitudes(run: Run, finished: int, settings: ScoreSettings) -> None:
    """The distribution of |a| in some blocks, and its quantiles in all."""
    moments = _moments(run, finished, settings)
    last = moments.n_blocks - 1
    blocks = st.multiselect(
        "Blocks", range(moments.n_blocks), [0, last], max_selections=5, key="magnitude-blocks", persist_state="session"
    )
    frame = magnitude_frame(moments)
    table = _table(run, finished, settings)
    epsilon = None if settings.epsilon.relative else settings.epsilon.value
    if blocks:
        shown = frame[frame["block"].isin(blocks)]
        figure = magnitude_histogram(shown, blocks, epsilon)
        _show(figure, shown, f"magnitudes-{settings.site}", run, settings)
        silent = ", ".join(f"block {b}: {table['sparsity'].iloc[b]:.2%}" for b in blocks)
        st.caption(f"What lies left of ε is the sparsity S, equation (4): {silent}.")
    with st.expander("Quantiles of |a|"):
        wide = quantile_frame(moments).pivot(index="block", columns="quantile", values="magnitude")
        st.dataframe(wide.rename(columns=lambda q: f"{q:.1%}"))


def draw_massive(run: Run, finished: int, settings: ScoreSettings) -> None:
    """Where the activations are that tower over all others of their block."""
    moments = _moments(run, finished, settings)
    massive = massive_activations(moments)
    across = st.segmented_control(
        "Across",
        ["position", "feature"],
        default="position",
        key="across",
        wrap=True,
        persist_state="session",
        required=True,
    )
    figure = massive_map(massive, "feature" if across == "feature" else "position", n_blocks=moments.n_blocks)
    _show(figure, massive, f"massive-{settings.site}", run, settings)
    shares = massive_shares(moments)
    _show(block_curve(shares, MASSIVE_SHARE), shares, f"massive-share-{settings.site}", run, settings)
    st.caption(
        f"Massive: above {FACTOR:g} times the block's median |a| (our reading). The map shows those among the 32 "
        "largest activations of each block; the curve counts all of them. Its band holds every share that the "
        "histogram allows, for the median as well as for the count."
    )


def draw_features(run: Run, finished: int, settings: ScoreSettings) -> None:
    """Block × feature for one statistic."""
    frame = feature_frame(_moments(run, finished, settings))
    names = [statistic.name for statistic in FEATURE_STATISTICS]
    chosen = st.segmented_control(
        "Statistic", names, default=names[1], key="feature-statistic", wrap=True, persist_state="session", required=True
    )
    statistic = FEATURE_STATISTICS[names.index(chosen or names[1])]
    _show(feature_heatmap(frame, statistic), frame, f"features-{statistic.column}-{settings.site}", run, settings)


def draw_stability(run: Run, finished: int, settings: ScoreSettings) -> None:
    """Whether the blocks that a cut would remove are settled."""
    share = st.select_slider("Lowest share of blocks", [0.1, 0.17, 0.25, 0.33, 0.5], 0.25, format_func="{:.0%}".format)
    asked = (share, settings.site, settings.epsilon, settings.skip_first_token)
    numbers = tuple(unit.number for unit in store().units(run.id))[:finished]
    frame = pd.DataFrame(
        [{"shards": k, "stability": stability_after(run.id, numbers[:k], *asked)} for k in range(1, len(numbers) + 1)]
    )
    _show(stability_curve(frame), frame, f"stability-{settings.site}", run, settings)
    table = _table(run, finished, settings)
    lowest = sorted(lowest_first(table["avss"])[: lowest_count(share, len(table))])
    st.caption(
        f"The lowest {len(lowest)} blocks by AVSS now: {', '.join(map(str, lowest))}. Stable means: the same set in "
        f"{STABLE:.0%} of 400 resamples of the shards. It says that the ranking is settled, not that it is right."
    )


def draw_table(run: Run, finished: int, settings: ScoreSettings) -> None:
    """All numbers."""
    table = _table(run, finished, settings)
    st.dataframe(table, hide_index=True)
    offer_csv(table, f"scores-{settings.site}")


def _table(run: Run, finished: int, settings: ScoreSettings) -> pd.DataFrame:
    table = score_table(run.id, finished, settings.site, settings.epsilon, settings.skip_first_token)
    if table["floored"].any():
        blocks = ", ".join(str(block) for block in table.loc[table["floored"], "block"])
        st.warning(
            f"S < 1/N in block {blocks}: less than one activation is below ε there, so S is floored at 1/N (our "
            "reading). "
            "A larger ε tells more."
        )
    return table


def _show(figure: go.Figure, data: pd.DataFrame, name: str, run: Run, settings: ScoreSettings) -> None:
    show_figure(under_title(figure, f"{model_and_text(run)}: {settings.words}"), data, name)


def _open(table: pd.DataFrame, column: str) -> str:
    """How far the histogram leaves the sparsity open, in a sentence; nothing for what is exact."""
    if column != "sparsity":
        return ""
    width = table["sparsity_max"] - table["sparsity_min"]
    if not (width > 0).any():
        return " ε is an edge of the histogram, so S is exact."
    return f" Read off the histogram, S is off by at most {width.max():.2g} (block {table['block'][width.idxmax()]})."


def _moments(run: Run, finished: int, settings: ScoreSettings) -> SiteMoments:
    return merged_moments(run.id, finished, settings.site, settings.skip_first_token)


View = Callable[[Run, int, ScoreSettings], None]


def _curves(columns: tuple[str, ...]) -> View:
    return lambda run, finished, settings: draw_curves(columns, run, finished, settings)


VIEWS: dict[str, View] = {
    **{name: _curves(columns) for name, columns in CURVES.items()},
    "All statistics": draw_heatmap,
    "Magnitudes": draw_magnitudes,
    "Massive": draw_massive,
    "Features": draw_features,
    "Stability": draw_stability,
    "Authors' script": draw_authors,
    "Table": draw_table,
}
