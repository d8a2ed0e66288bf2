"""Suppliers who exchange CSV files: orders out, and answers, ship notices and receipts in, one line of an order a row.

`connector` joins the codec to a transport; `profile` holds one partner's habits; `order_files` writes; `tables` makes
rows of bytes, whatever a spreadsheet did to them; `answers` says what the rows mean. docs/suppliers/csv.md has the
columns.
"""
