"""Measure a network: one forward pass, moments that merge."""

from avss_core.activations.moments import Profile, SiteMoments, merge_profiles

__all__ = ["Profile", "SiteMoments", "merge_profiles"]
