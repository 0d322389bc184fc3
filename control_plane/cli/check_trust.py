"""What ``proxenia check --trust`` says: certificates that must not work, offered to our running gateways."""

from typing import Any

from control_plane.cli.text import clean, coloured, table


def trust_text(document: dict[str, Any]) -> str:
    """Each gateway, and by what each forged certificate was refused."""
    return "\n\n".join(_gateway(gateway) for gateway in document["gateways"])


def _gateway(gateway: dict[str, Any]) -> str:
    name, offered = clean(gateway["id"]), gateway["offered"]
    if not gateway["sound"]:
        word = coloured("nothing proven", "red")
        return f"{name}: {word}: a good certificate was not let in ({clean(gateway['control'])})"
    wrong = [one for one in offered if not one["refused"] and not one["limit"]]
    limits = [one for one in offered if not one["refused"] and one["limit"]]
    word = coloured("LET THROUGH", "red") if wrong else coloured("ok", "green")
    refused = len(offered) - len(wrong) - len(limits)
    head = f"{name}: {word}: {refused} of {len(offered)} forged certificates refused, a good one let in"
    rows = [[one["name"], _verdict(one), one["by"]] for one in offered]
    notes = sorted({one["limit"] for one in limits})
    return "\n".join([head, table(["CERTIFICATE", "REFUSED", "BY"], rows), *map(clean, notes)])


def _verdict(one: dict[str, Any]) -> str:
    if one["refused"]:
        return "yes"
    return "no (known limit)" if one["limit"] else "NO"
