"""The names of the sites, for those who need no torch."""

from __future__ import annotations

from avss_core.errors import SettingError

SITES = ("residual", "update", "mlp", "attention")


def check_sites(sites: tuple[str, ...]) -> None:
    """Raise SettingError for a site that does not exist, and for none at all."""
    if not sites:
        raise SettingError(f"No site was chosen; the sites are {', '.join(SITES)}.")
    for site in sites:
        if site not in SITES:
            raise SettingError(f"There is no site {site!r}; the sites are {', '.join(SITES)}.")
