"""A profile as one Parquet table: a row per site, block and group, so that any tool can read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from avss_core.activations.moments import LARGEST, Profile, SiteMoments

_SCALARS = ("mean", "m2", "abs_sum", "l2_sum")
_ALL = "*"  # the row that holds what is counted over all groups together


def write_profile(profile: Profile, path: Path) -> None:
    """Write `profile`; the file appears whole or not at all."""
    partial = path.with_suffix(".partial")
    pq.write_table(_to_table(profile), partial, compression="zstd")
    partial.replace(path)


def read_profile(path: Path | str) -> Profile:
    """Read what `write_profile` wrote."""
    table = pq.read_table(path)
    facts = json.loads(table.schema.metadata[b"avss"])
    sites = {site: _site_from(table.filter(pa.compute.equal(table["site"], site)), groups) for site, groups in facts["groups"].items()}
    return Profile(sites, facts["missing"])


def _to_table(profile: Profile) -> pa.Table:
    rows = [row for site, moments in profile.sites.items() for row in _rows(site, moments)]
    facts = {"groups": {site: list(m.groups) for site, m in profile.sites.items()}, "missing": profile.missing}
    return pa.Table.from_pylist(rows, schema=_SCHEMA).replace_schema_metadata({"avss": json.dumps(facts)})


_SCHEMA = pa.schema(
    [
        ("site", pa.string()),
        ("block", pa.int32()),
        ("group", pa.string()),
        ("tokens", pa.int64()),
        ("sequences", pa.int64()),
        *[(name, pa.float64()) for name in _SCALARS],
        ("frobenius_sum", pa.float64()),
        ("histogram", pa.list_(pa.int64())),
        ("feature_sum", pa.list_(pa.float64())),
        ("feature_abs_sum", pa.list_(pa.float64())),
        ("feature_square_sum", pa.list_(pa.float64())),
        ("largest", pa.list_(pa.struct([("magnitude", pa.float64()), *[(n, pa.int64()) for n in LARGEST.names[1:]]]))),
    ]
)


def _rows(site: str, moments: SiteMoments) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for block in range(moments.n_blocks):
        for g, group in enumerate(moments.groups):
            features = moments.feature_sums[block, g]
            rows.append(
                {
                    "site": site,
                    "block": block,
                    "group": group,
                    "tokens": int(moments.tokens[g]),
                    "sequences": int(moments.sequences[g]),
                    **{name: float(getattr(moments, name)[block, g]) for name in _SCALARS},
                    "frobenius_sum": float(moments.frobenius_sum[block, g]),
                    "histogram": moments.histogram[block, g],
                    "feature_sum": features[0],
                    "feature_abs_sum": features[1],
                    "feature_square_sum": features[2],
                }
            )
        found = moments.largest[block]
        rows.append(
            {
                "site": site,
                "block": block,
                "group": _ALL,
                "sequences": int(moments.sequences[-1]),
                "frobenius_sum": float(moments.frobenius_sum[block, -1]),
                "largest": [dict(zip(LARGEST.names, entry.tolist(), strict=True)) for entry in found],
            }
        )
    return rows


def _site_from(table: pa.Table, groups: list[str]) -> SiteMoments:
    n_blocks = table.num_rows // (len(groups) + 1)
    each = table.filter(pa.compute.not_equal(table["group"], _ALL))
    together = table.filter(pa.compute.equal(table["group"], _ALL))

    def grid(name: str) -> np.ndarray:
        return each[name].to_numpy().reshape(n_blocks, len(groups))

    def lists(name: str) -> np.ndarray:
        return pa.compute.list_flatten(each[name]).to_numpy().reshape(n_blocks, len(groups), -1)

    frobenius = together["frobenius_sum"].to_numpy()[:, None]
    entries = pa.compute.list_flatten(together["largest"]).combine_chunks()
    largest = np.zeros(len(entries), dtype=LARGEST)
    for name in LARGEST.names:
        largest[name] = entries.field(name).to_numpy()
    return SiteMoments(
        groups=tuple(groups),
        tokens=grid("tokens")[0].copy(),
        sequences=np.append(grid("sequences")[0], together["sequences"].to_numpy()[0]),
        **{name: grid(name) for name in _SCALARS},
        frobenius_sum=np.concatenate([grid("frobenius_sum"), frobenius], axis=1),
        histogram=lists("histogram"),
        feature_sums=np.stack([lists(n) for n in ("feature_sum", "feature_abs_sum", "feature_square_sum")], axis=2),
        largest=largest.reshape(n_blocks, -1),
    )
