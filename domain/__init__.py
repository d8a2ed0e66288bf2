"""Words and rules of the trade: pure functions over values. No clock, no I/O, no Temporal; `now` is an argument."""
