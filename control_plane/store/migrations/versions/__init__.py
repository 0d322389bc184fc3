"""One file per revision, named ``v<revision>_<what>.py``."""
