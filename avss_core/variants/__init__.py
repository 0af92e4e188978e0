"""A model run with blocks left out. `trie.py`, `tail.py`, `physical.py` need torch and are imported by name."""

from avss_core.variants.plan import count_block_runs, count_block_runs_naive
from avss_core.variants.variant import Variant

__all__ = ["Variant", "count_block_runs", "count_block_runs_naive"]
