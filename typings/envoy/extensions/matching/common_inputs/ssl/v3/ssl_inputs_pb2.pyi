from udpa.annotations import status_pb2 as _status_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class UriSanInput(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DnsSanInput(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SubjectInput(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
