"""For all tests: on a busy machine, slowness alone is never a failure."""

from hypothesis import HealthCheck, settings

settings.register_profile("proxenia", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("proxenia")
