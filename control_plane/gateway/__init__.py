"""The agent beside each Envoy: writes its bootstrap, runs it, renews its certificate and ships its logs.

Nothing here is on the path of a request. A killed agent leaves Envoy serving; the next one takes it over
again.
"""
