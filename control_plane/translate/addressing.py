"""How an application names a resource: by host, by path, or by header.

Envoy makes the cluster's name of the host by itself (``http.egress_manager``). What it cannot do by itself is
lower the case of a host, and take a resource from a path or a header; the few lines of Lua below do, for the
requests that need it. They run in the listener for our own applications only, read nothing but three headers,
and write nothing but these; when they fail, the host decides, as without them.
"""

from envoy.config.core.v3 import base_pb2
from envoy.extensions.filters.http.lua.v3 import lua_pb2

from control_plane.translate.names import CLUSTER_HEADER, IMPORT_PREFIX, RESOURCE_HEADER

FILTER = "envoy.filters.http.lua"

# A path names a resource only where the host cannot: a resource's host has a dot and is no address.
_SOURCE = f"""\
local function plain(host)
  return not host:find(".", 1, true) or host:match("^%d+%.%d+%.%d+%.%d+$") or host:sub(1, 1) == "["
end

local function to(headers, host)
  headers:replace("{CLUSTER_HEADER}", "{IMPORT_PREFIX}" .. host)
  headers:replace(":authority", host)
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local named = headers:get("{RESOURCE_HEADER}")
  if named then
    local name, organisation = named:lower():match("^([a-z0-9-]+)@([a-z0-9._-]+)$")
    -- A name that says nothing must not fall back to the host, which somebody else chose.
    to(headers, name and name .. "." .. organisation or "?")
    return
  end
  local host = headers:get(":authority") or ""
  if plain(host) then
    local path = headers:get(":path") or ""
    local organisation, name, rest = path:match("^/([a-z0-9._-]+)/([a-z0-9-]+)(.*)$")
    if organisation and (rest == "" or rest:find("^[/?]")) then
      to(headers, name .. "." .. organisation)
      headers:replace(":path", rest:sub(1, 1) == "/" and rest or "/" .. rest)
    end
  elseif host:find("%u") then
    to(headers, host:lower())
  end
end
"""


def naming() -> lua_pb2.Lua:
    """The filter; it stands before everything that routes."""
    return lua_pb2.Lua(default_source_code=base_pb2.DataSource(inline_string=_SOURCE))
