"""TLS in front of a PostgreSQL that has none: ``tls_front.py PORT PAIR SOCKET``."""

import asyncio
import ssl
import sys

SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # PostgreSQL, "message formats"
PIECE = 1 << 16


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes of one direction, until its end."""
    try:
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main(port: int, pair: str, socket: str) -> None:
    """Serve until the process is ended."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
                writer.close()
                return
            writer.write(b"S")
            await writer.start_tls(context)
            behind, ahead = await asyncio.open_unix_connection(socket)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
            return
        await asyncio.gather(carry(reader, ahead), carry(behind, writer))

    async with await asyncio.start_server(serve, "127.0.0.1", port) as server:
        await server.serve_forever()


asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
