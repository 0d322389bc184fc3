"""Who may use which of our resources. Deny is the default; a grant only ever allows."""

import re
from dataclasses import dataclass, field
from typing import ClassVar

from control_plane.model.conditions import Conditions
from control_plane.model.identity import ObjectId, ResourceName, SpiffeId, TrustDomain, shown
from control_plane.model.node import MAX_TEXT, check_text
from control_plane.model.problem import InvalidValueError

_METHOD = re.compile(r"[A-Z]{1,16}\Z")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*\Z")
_TOOL = re.compile(r"[A-Za-z0-9_.:/-]{1,128}\Z")
MAX_CAPABILITIES = 64
MAX_TOOLS = 256


@dataclass(frozen=True, slots=True)
class Capability:
    """A part of a resource: these methods (empty: any) at this path and below it.

    With ``tools``, which only MCP resources have: calls of these tools, and what every session needs.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    methods: tuple[str, ...] = ()
    path: str = "/"
    tools: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for method in self.methods:
            if not _METHOD.match(method):
                raise InvalidValueError(
                    "bad_method", f"expected an HTTP method in capitals, got {shown(method)}"
                )
        segments = self.path.split("/")
        if len(self.path) > MAX_TEXT or not _PATH.match(self.path) or {".", ".."} & set(segments):
            raise InvalidValueError(
                "bad_path", f"expected an absolute path without '.', '..' and escapes, got {shown(self.path)}"
            )
        if len(self.tools) > MAX_TOOLS:
            raise InvalidValueError("too_many_tools", f"expected at most {MAX_TOOLS}, got {len(self.tools)}")
        for tool in self.tools:
            if not _TOOL.match(tool):
                raise InvalidValueError(
                    "bad_tool",
                    f"expected a tool's name (letters, digits, '_', '.', ':', '/', '-'), got {shown(tool)}",
                )


@dataclass(frozen=True, slots=True)
class Grant:
    """``subject`` may use ``resource`` (ours), as far as ``capabilities`` say (empty: all of it).

    ``subject`` is an organisation (``luebeck.example``), one identity (``spiffe://luebeck.example/gateway/1``)
    or a path prefix (``spiffe://luebeck.example/gateway/*``). A ``shadow`` grant allows nothing: what it
    would have allowed is counted.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    id: ObjectId
    resource: ResourceName
    subject: str
    capabilities: tuple[Capability, ...] = ()
    enabled: bool = True
    shadow: bool = False
    conditions: Conditions = field(default_factory=Conditions)
    approved_by: str = ""  # who gave the approval that the conditions name

    def __post_init__(self) -> None:
        if self.subject.startswith("spiffe://"):
            SpiffeId.check(self.subject.removesuffix("/*"))
        else:
            TrustDomain.check(self.subject)
        check_text("who approved", self.approved_by)
        if self.approved_by and self.conditions.approval is None:
            raise InvalidValueError("bad_approval", "expected an approval's name in the conditions, got none")
        if len(self.capabilities) > MAX_CAPABILITIES:
            raise InvalidValueError("too_many_capabilities", f"expected at most {MAX_CAPABILITIES}")

    @property
    def key(self) -> str:
        """The grant's id; it is the policy id that audit rows carry."""
        return self.id

    @property
    def organisation(self) -> TrustDomain:
        """The partner that this grant is about."""
        return TrustDomain(self.subject.removeprefix("spiffe://").partition("/")[0])

    def covers(self, identity: SpiffeId) -> bool:
        """Whether the subject includes ``identity``; prefixes end at a path segment."""
        if identity.trust_domain != self.organisation:
            return False
        if not self.subject.startswith("spiffe://"):
            return True
        if self.subject.endswith("/*"):
            return identity.startswith(self.subject[:-1])
        return identity == self.subject
