"""What is wrong, as a value: one bad object never stops the others."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with one subject.

    ``subject`` names the object (``node lb-1@luebeck.example``), ``code`` is stable and documented
    (``node_without_endpoints``), ``detail`` is one sentence of expected and got, ``hint`` the next step.
    """

    subject: str
    code: str
    detail: str
    hint: str = ""


class InvalidValueError(ValueError):
    """A value that breaks a rule of the model; ``code`` is stable and part of the API."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
