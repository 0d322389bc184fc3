"""Answers about what is in force, from memory."""

from datetime import datetime
from typing import Protocol

from control_plane.model.authorization import Answer, Asked
from control_plane.model.explanation import Explanation, Facts, Question


class Judging(Protocol):
    """What the running core says of a request that was not sent yet, or that failed."""

    def authorize(self, resource: str, asked: Asked, *, now: datetime) -> Answer:
        """What the gateways would do with it; ``resource`` is ``name@organisation``."""

    def explain(self, question: Question, facts: Facts) -> Explanation:
        """What stops it, and what would change that."""
