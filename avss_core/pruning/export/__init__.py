"""Take a pruned model home. `folder.py` and `verify.py` need torch and are imported by name; what is here does not."""

from avss_core.pruning.export.cut_program import cut_program
from avss_core.pruning.export.mergekit import kept_stretches, passthrough_yaml, recipe
from avss_core.pruning.export.name import export_name
from avss_core.pruning.export.notes import Measured, Notes
from avss_core.pruning.export.snippet import Snippet
from avss_core.pruning.export.source import Source, source_of
from avss_core.pruning.export.zipped import zip_export

__all__ = [
    "Measured",
    "Notes",
    "Snippet",
    "Source",
    "cut_program",
    "export_name",
    "kept_stretches",
    "passthrough_yaml",
    "recipe",
    "source_of",
    "zip_export",
]
