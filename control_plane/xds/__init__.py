"""Delta ADS: what finished resources become on the way to the gateways, and what the gateways answer."""
