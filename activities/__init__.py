"""One step each: call the ledger, or call a connector. No decisions, those are in `domain/` and `workflows/`.

Workflows import these modules for their typed names, so nothing here imports a driver or a connector at import time:
each method imports the part of the ledger it calls, and gets its connectors from the `World` built at start-up.
"""
