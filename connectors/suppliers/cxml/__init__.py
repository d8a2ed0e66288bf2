"""Suppliers who speak cXML: orders out by HTTPS POST, confirmations and ship notices in by our webhook door.

`connector` joins `codec` and `posting`; `profile` holds one partner's habits; `order_writing` writes OrderRequest;
`documents` reads XML safely; `confirmations`, `ship_notices` and `status_updates` say what a document means;
`responses` holds the word that each side owes the other at once. Sources: the cXML reference guide and its DTDs, by
element and attribute.
"""
