"""The state: which results are current. `store.py` is the seam, `folder.py` the local back end."""
