"""UN/EDIFACT: ORDERS and ORDCHG written; ORDRSP, DESADV, CONTRL and some others read; CONTRL sent where it is owed.

One profile of the standard, which docs/suppliers/edifact.md describes; what one partner means is in `EdifactPartner`.
"""
