"""The outside world of the demo and the tests: suppliers, a payment provider, a carrier and a mail server, simulated.

Each is a real network service with books of its own that outlive a restart. They read the wire formats by code of their
own, never by the connectors', so that they can judge them. They are commanded over HTTP (`world.World`); without
commands they behave like partners that keep their word.
"""
