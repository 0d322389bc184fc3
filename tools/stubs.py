"""Write typings/: type stubs for the Envoy messages that this code base imports (`make stubs`).

``xds-protos`` ships none, and without them mypy takes every misspelt field for granted. Each compiled module
carries its file descriptor; protoc makes stubs from a set of those, so no .proto file is needed.

    tools/stubs.py [MODULE …]      further modules to include, such as envoy.config.tap.v3.common_pb2
"""

import ast
import importlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

ROOT = Path(__file__).resolve().parent.parent
SEARCHED = ("control_plane", "tests", "bench")
NOT_OURS = "google/protobuf/"  # types-protobuf has these, by hand and better


def imported_messages() -> set[str]:
    """Names of all protobuf modules that any file of ours imports."""
    found: set[str] = set()
    for folder in SEARCHED:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.update(_modules(ast.parse(path.read_text(), str(path))))
    return {name for name in found if name.endswith("_pb2")}


def _modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def with_dependencies(modules: Iterable[str]) -> dict[str, FileDescriptor]:
    """The descriptors of ``modules`` and of all that they import, by file name; imported ones first."""
    files: dict[str, FileDescriptor] = {}

    def add(descriptor: FileDescriptor) -> None:
        for dependency in descriptor.dependencies:
            add(dependency)
        files.setdefault(descriptor.name, descriptor)

    for name in sorted(modules):
        add(importlib.import_module(name).DESCRIPTOR)
    return files


def write_stubs(files: dict[str, FileDescriptor], target: Path) -> int:
    """Replace what is in ``target`` by stubs for ``files``; how many there are."""
    protos = FileDescriptorSet()
    for descriptor in files.values():
        proto = FileDescriptorProto()
        descriptor.CopyToProto(proto)
        protos.file.append(proto)
    wanted = sorted(name for name in files if not name.startswith(NOT_OURS))
    with tempfile.TemporaryDirectory() as scratch:
        descriptors = Path(scratch, "descriptors")
        descriptors.write_bytes(protos.SerializeToString())
        fresh = Path(scratch, "typings")
        fresh.mkdir()
        protoc = [sys.executable, "-m", "grpc_tools.protoc"]
        subprocess.run(
            [*protoc, f"--descriptor_set_in={descriptors}", f"--pyi_out={fresh}", *wanted], check=True
        )
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(fresh, target)
    return len(wanted)


def main() -> None:
    """Rebuild typings/ from what is imported now."""
    roots = imported_messages() | set(sys.argv[1:])
    if not roots:
        sys.exit("tools/stubs.py: expected modules named *_pb2 imported in one of " + ", ".join(SEARCHED))
    count = write_stubs(with_dependencies(roots), ROOT / "typings")
    print(f"typings: {count} stubs for {len(roots)} imported modules and what they need")


if __name__ == "__main__":
    main()
