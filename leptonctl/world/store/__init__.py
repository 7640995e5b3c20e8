"""The store: what was built. `store.py` owns the paths, `objects.py` the seam, `folder.py` the local back end."""
