from udpa.annotations import status_pb2 as _status_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class CelExpressionConfig(_message.Message):
    __slots__ = ("enable_string_conversion", "enable_string_concat", "enable_string_functions")
    ENABLE_STRING_CONVERSION_FIELD_NUMBER: _ClassVar[int]
    ENABLE_STRING_CONCAT_FIELD_NUMBER: _ClassVar[int]
    ENABLE_STRING_FUNCTIONS_FIELD_NUMBER: _ClassVar[int]
    enable_string_conversion: bool
    enable_string_concat: bool
    enable_string_functions: bool
    def __init__(self, enable_string_conversion: _Optional[bool] = ..., enable_string_concat: _Optional[bool] = ..., enable_string_functions: _Optional[bool] = ...) -> None: ...
