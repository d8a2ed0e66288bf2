"""Suppliers who have a mailbox and a browser, and nothing else: the order goes out as a mail, the answer is a page.

`connector.py` is the connector, `mails.py` writes a mail, `sending.py` hands it over, `links.py` signs the link in it,
`form.py` reads what the page behind the link posts. The page itself is the gateway's.
"""
