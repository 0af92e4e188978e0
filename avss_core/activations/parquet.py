"""A profile as one Parquet table: a row per site, block and group, so that any tool can read it.

One more row per site and block, of group `*` and without `tokens`, holds what is counted over all groups together.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from avss_core.activations.moments import LARGEST, N_LARGEST, Profile, SiteMoments

_ALL = "*"
_SCALARS = ("mean", "m2", "abs_sum", "l2_sum")
_FEATURES = ("feature_sum", "feature_abs_sum", "feature_square_sum")
_LARGEST = ("magnitude", "document", "position", "feature")


def write_profile(profile: Profile, path: Path) -> None:
    """Write `profile`; the file appears whole or not at all."""
    facts = {"groups": {site: list(m.groups) for site, m in profile.sites.items()}, "missing": profile.missing}
    table = pa.concat_tables([_table_of(site, moments) for site, moments in profile.sites.items()])
    partial = path.with_suffix(".partial")
    told = table.replace_schema_metadata({"avss": json.dumps(facts)})
    # Hardly a number occurs twice: without a dictionary the file is smaller, and written in a third of the time.
    pq.write_table(told, partial, compression="zstd", use_dictionary=False)
    partial.replace(path)


def read_profile(path: Path | str) -> Profile:
    """Read what `write_profile` wrote."""
    table = pq.read_table(path)
    facts = json.loads(table.schema.metadata[b"avss"])
    sites = {
        site: _moments_from(table.filter(pa.compute.equal(table["site"], site)), tuple(groups))
        for site, groups in facts["groups"].items()
    }
    return Profile(sites, facts["missing"])


def _table_of(site: str, moments: SiteMoments) -> pa.Table:
    n_blocks, n_groups = moments.mean.shape
    n_rows = n_blocks * (n_groups + 1)

    def every(values: NDArray[np.generic]) -> pa.Array:
        """(B, G+1): a value in every row."""
        return pa.array(values.reshape(n_rows))

    def each(values: NDArray[np.generic]) -> pa.Array:
        """(B, G): null in the rows of all groups together."""
        padded = np.concatenate([values, np.zeros((n_blocks, 1), dtype=values.dtype)], axis=1).reshape(n_rows)
        return pa.array(padded, mask=np.arange(n_rows) % (n_groups + 1) == n_groups)

    def lists(values: NDArray[np.generic]) -> pa.Array:
        """(B, G, n): an empty list in the rows of all groups together."""
        sizes = np.tile([values.shape[2]] * n_groups + [0], n_blocks)
        return pa.ListArray.from_arrays(np.append(0, np.cumsum(sizes)).astype(np.int32), pa.array(values.ravel()))

    columns = {
        "site": pa.array([site] * n_rows),
        "block": pa.array(np.repeat(np.arange(n_blocks), n_groups + 1)),
        "group": pa.array([*moments.groups, _ALL] * n_blocks),
        "tokens": each(np.tile(moments.tokens, (n_blocks, 1))),
        "sequences": every(np.tile(moments.sequences, (n_blocks, 1))),
        **{name: each(getattr(moments, name)) for name in _SCALARS},
        "frobenius_sum": every(moments.frobenius_sum),
        "histogram": lists(moments.histogram),
        **{name: lists(moments.feature_sums[:, :, k]) for k, name in enumerate(_FEATURES)},
        **{f"largest_{name}": lists(moments.largest[name]) for name in _LARGEST},
    }
    return pa.table(columns)


def _moments_from(table: pa.Table, groups: tuple[str, ...]) -> SiteMoments:
    n_groups = len(groups)
    n_blocks = table.num_rows // (n_groups + 1)

    def every(name: str) -> NDArray[Any]:
        return table[name].to_numpy().reshape(n_blocks, n_groups + 1)

    of_groups = table.filter(pa.compute.is_valid(table["tokens"]))

    def each(name: str) -> NDArray[Any]:
        return of_groups[name].to_numpy().reshape(n_blocks, n_groups).copy()

    def lists(name: str) -> NDArray[Any]:
        return pa.compute.list_flatten(of_groups[name]).to_numpy().reshape(n_blocks, n_groups, -1)

    largest = np.zeros((n_blocks, n_groups, N_LARGEST), dtype=LARGEST)
    for name in _LARGEST:
        largest[name] = lists(f"largest_{name}")
    return SiteMoments(
        groups=groups,
        tokens=each("tokens")[0],
        sequences=every("sequences")[0].copy(),
        **{name: each(name) for name in _SCALARS},
        frobenius_sum=every("frobenius_sum").copy(),
        histogram=lists("histogram"),
        feature_sums=np.stack([lists(name) for name in _FEATURES], axis=2),
        largest=largest,
    )
