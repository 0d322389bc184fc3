"""The audit as a log whose past cannot change unnoticed, and compared with a partner's (pure).

Records, hash chain, Merkle tree and heads; crossings, record sets and their comparison.
"""
