"""The HTTP door: orders in, supplier and carrier events in, customers' answers in, pages out. It decides nothing."""
