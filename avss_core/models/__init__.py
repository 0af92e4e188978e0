"""Which network. `load.py` and `blocks.py` need torch and are imported by name; what is here is not."""

from avss_core.models.spec import ModelSpec

__all__ = ["ModelSpec"]
