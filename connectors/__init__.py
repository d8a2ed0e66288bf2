"""The outside world: supplier, payment, message and fulfilment connectors. Nothing else knows a wire format."""
