"""DataFrame in, plotly Figure out: pure functions, one file a figure; `labels` has the words for every statistic."""

from avss_core.figures.agreement import ablation_scatter, agreement_matrix, rank_heatmap
from avss_core.figures.before_after import before_after
from avss_core.figures.curves import block_curve, curve_grid
from avss_core.figures.heatmap import feature_heatmap, statistics_heatmap
from avss_core.figures.labels import STATISTICS, Statistic, statistic_of
from avss_core.figures.magnitudes import magnitude_histogram
from avss_core.figures.massive import massive_map
from avss_core.figures.overlay import overlay
from avss_core.figures.retained import retained_curve
from avss_core.figures.strip import network_strip

__all__ = [
    "STATISTICS",
    "Statistic",
    "ablation_scatter",
    "agreement_matrix",
    "before_after",
    "block_curve",
    "curve_grid",
    "feature_heatmap",
    "magnitude_histogram",
    "massive_map",
    "network_strip",
    "overlay",
    "rank_heatmap",
    "retained_curve",
    "statistic_of",
    "statistics_heatmap",
]
