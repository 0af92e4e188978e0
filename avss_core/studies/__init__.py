"""Questions asked of everything below: does what the papers say hold? No torch here."""
