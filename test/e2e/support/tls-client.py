"""HTTP clients of Python for the TLS tests: python3 tls-client.py KIND PORT LOAD COUNT SIZE. Prints one line for each answer:
its id and the SHA-256 of its body. KIND: requests (one connection), fresh (one each), asyncio (memory BIOs)."""
import asyncio
import hashlib
import ssl
import sys

kind, port, load, count, size = sys.argv[1], *map(int, sys.argv[2:6])
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SHIFTS = 4093


def make_text(length):
    text = bytearray(length)
    state = 2463534242
    for i in range(length):
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        text[i] = LETTERS[state & 63]
    return bytes(text)


TEXT = make_text(size + SHIFTS)


def body_of(ident):
    shift = int(ident) % SHIFTS
    return (ident.encode() + b":" + TEXT[shift : shift + size])[:size]


def told(ident, body):
    print(ident, hashlib.sha256(body).hexdigest(), flush=True)


IDS = [f"{load:03d}{n:09d}" for n in range(count)]
HEADERS = {"Content-Type": "text/plain"}


def with_requests(is_fresh):
    import requests

    requests.packages.urllib3.disable_warnings()
    session = requests.Session()
    session.verify = False
    # a bundle of the environment would win
    session.trust_env = False
    for ident in IDS:
        if is_fresh:
            session.close()
        told(ident, session.post(f"https://127.0.0.1:{port}/echo/{ident}", data=body_of(ident), headers=HEADERS).content)


async def one_connection(ids):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    for ident in ids:
        body = body_of(ident)
        head = f"POST /echo/{ident} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        answer = await reader.readuntil(b"\r\n\r\n")
        length = [line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if length:
            told(ident, await reader.readexactly(int(length[0].split(b":")[1])))
            continue
        chunks = b""
        while True:
            size_line = await reader.readline()
            chunk = await reader.readexactly(int(size_line, 16))
            await reader.readline()
            if not chunk:
                break
            chunks += chunk
        told(ident, chunks)
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass


async def with_asyncio():
    await asyncio.gather(*(one_connection(IDS[lane::8]) for lane in range(8)))


if kind == "asyncio":
    asyncio.run(with_asyncio())
else:
    with_requests(kind == "fresh")
