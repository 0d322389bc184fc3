"""What schemathesis loads beside its own: from where it sends, and what it was answered.

Wrong credentials come from a loopback address of their own each, as those of strangers do. So each is judged
by itself, and not by the limit on the failures of one address (which has tests of its own). No case may
revoke or replace the one token that all cases are sent with: those that would are aimed at another.
"""

import atexit
import json
import os
from collections import Counter
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import requests
import schemathesis
from requests.adapters import HTTPAdapter

GOOD = f"Bearer {os.environ['CASES_TOKEN']}"
NAME = os.environ["CASES_TOKEN_NAME"]
ANSWERS = Path(os.environ["CASES_ANSWERS"])

_answers: Counter[str] = Counter()
_strangers = count(2)
_lock = Lock()


class _FromElsewhere(HTTPAdapter):
    """Sends from an address of the loopback network that nobody else sends from."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - as urllib3 has it
        number = next(_strangers)
        address = f"127.1.{number >> 8 & 255}.{number & 255}"
        super().init_poolmanager(*arguments, **options, source_address=(address, 0))


class _Counting(HTTPAdapter):
    """Counts what is answered, by whether the credentials were good."""

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:  # noqa: ANN401 - as requests has it
        good = request.headers.get("Authorization") == GOOD
        if good:
            answer = super().send(request, *arguments, **options)
        else:
            answer = _FromElsewhere().send(request, *arguments, **options)
        with _lock:
            _answers[f"{'good' if good else 'wrong'} {answer.status_code}"] += 1
        return answer


requests.sessions.HTTPAdapter = _Counting  # type: ignore[attr-defined]  # what every session sends with


@schemathesis.hook
def before_call(_context: object, case: schemathesis.Case[Any], _options: dict[str, Any]) -> None:
    """Spare the token."""
    if "/tokens/" in case.path and (case.path_parameters or {}).get("name") == NAME:
        case.path_parameters["name"] = f"{NAME}-2"


@atexit.register
def _tell() -> None:
    ANSWERS.write_text(json.dumps(_answers), encoding="utf-8")
