"""One file a method. `avss_core.importance.registry` lists them."""
