"""For all tests: no loop that nobody closes, and on a busy machine slowness alone is never a failure.

Without a decision, asyncio makes a loop for the main thread the first time that the test plugin asks for the
present one (Python 3.11), and its end is a warning in whatever test happens to run then.
"""

import asyncio

from hypothesis import HealthCheck, settings

asyncio.set_event_loop(None)

settings.register_profile("proxenia", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("proxenia")
