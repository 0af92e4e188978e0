"""How each kind of request is carried out in a worker. All of it needs torch: `registry.py` lists the kinds."""
