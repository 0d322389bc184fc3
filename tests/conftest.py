"""Keeps a loop that nobody closes from being made.

Without a decision, asyncio makes a loop for the main thread the first time that the test plugin asks for the
present one (Python 3.11), and its end is a warning in whatever test happens to run then.
"""

import asyncio

asyncio.set_event_loop(None)
