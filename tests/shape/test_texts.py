"""What ships names no machine of its makers, and not where packages are fetched from."""

import re

# Put together here so that this file does not name them either.
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("rubygems", "org"),
    )
]
PATHS = re.compile(r"(?<![\w.~-])/(?:work|root|tmp/w|home/\w+|Users/\w+)/")


def test_no_file_names_a_package_registry(shipped: dict[str, str]) -> None:
    named = [(name, host) for name, text in shipped.items() for host in HOSTS if host in text]

    assert shipped
    assert not named


def test_no_file_names_a_directory_of_one_machine(shipped: dict[str, str]) -> None:
    named = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in shipped.items()
        for number, line in enumerate(text.splitlines(), 1)
        if PATHS.search(line)
    ]

    assert not named


def test_no_file_carries_a_private_key(shipped: dict[str, str]) -> None:
    header = re.compile("-----BEGIN (?:[A-Z]+ )?PRIVATE" + " KEY-----\n[A-Za-z0-9+/=\n]{64,}")

    assert not [name for name, text in shipped.items() if header.search(text)]
