"""A gRPC client and server of another language than ours, on raw messages. See grpc.test.ts.

grpc_peer.py serve                 prints its port, serves until it is killed
grpc_peer.py call PORT CODING      makes every kind of call, prints what it saw as JSON
"""

import json
import sys
import time
from concurrent import futures

import grpc

SERVICE = "shop.Talk"
LARGE = "x" * 300_000
PAUSE_SECS = 0.1


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(text):
    data = text.encode()
    return b"\x0a" + varint(len(data)) + data + b"\x10\x07"


def decode(message):
    at, length, shift = 1, 0, 0
    while True:
        byte = message[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return message[at : at + length].decode()


def one(text, context):
    context.set_trailing_metadata((("x-sum-bin", b"\x00\xff\x10"), ("x-note", "done")))
    if text == "no":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: 100%")
    return text if text == LARGE else f"re {text}"


def up(texts, _context):
    return "+".join(texts)


def down(text, _context):
    for number in range(5):
        time.sleep(PAUSE_SECS)
        yield f"{text}{number}"


def both(texts, _context):
    for text in texts:
        yield f"re {text}"


def slow(_text, context):
    deadline = time.monotonic() + 60
    while context.is_active() and time.monotonic() < deadline:
        time.sleep(0.01)
    return "too late"


KINDS = {
    "One": (grpc.unary_unary_rpc_method_handler, one),
    "Up": (grpc.stream_unary_rpc_method_handler, up),
    "Down": (grpc.unary_stream_rpc_method_handler, down),
    "Both": (grpc.stream_stream_rpc_method_handler, both),
    "Slow": (grpc.unary_unary_rpc_method_handler, slow),
}


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(8), compression=grpc.Compression.Gzip)
    handlers = {
        name: make(handle, request_deserializer=decode, response_serializer=encode)
        for name, (make, handle) in KINDS.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


def call(port, coding):
    compression = grpc.Compression.Gzip if coding == "gzip" else grpc.Compression.NoCompression
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", compression=compression)
    path = lambda name: f"/{SERVICE}/{name}"
    how = {"request_serializer": encode, "response_deserializer": decode}
    metadata = (("x-token-bin", b"\x01\x02\xfe"), ("x-plain", "value"))
    seen = []

    def note(name, sent, received, status, details=""):
        seen.append({"method": name, "sent": sent, "received": received, "status": status, "details": details or ""})

    unary = channel.unary_unary(path("One"), **how)
    for text in ("hi", "no", LARGE):
        try:
            answer, done = unary.with_call(text, metadata=metadata, timeout=20)
            note("One", [text], [answer], done.code().name)
        except grpc.RpcError as error:
            note("One", [text], [], error.code().name, error.details())
    texts = ["a", "b", "c"]
    note("Up", texts, [channel.stream_unary(path("Up"), **how)(iter(texts), metadata=metadata)], "OK")
    note("Down", ["x"], list(channel.unary_stream(path("Down"), **how)("x", metadata=metadata)), "OK")

    answers = []

    def spaced():
        for count, text in enumerate(("p", "q", "r"), 1):
            yield text
            while len(answers) < count:
                time.sleep(0.005)
            time.sleep(PAUSE_SECS)

    for answer in channel.stream_stream(path("Both"), **how)(spaced(), metadata=metadata):
        answers.append(answer)
    note("Both", ["p", "q", "r"], answers, "OK")
    try:
        channel.unary_unary(path("Slow"), **how)("wait", timeout=1.5)
    except grpc.RpcError as error:
        note("Slow", ["wait"], [], error.code().name)
    cancelled = channel.unary_unary(path("Slow"), **how).future("cancel")
    time.sleep(1)
    cancelled.cancel()
    note("Slow", ["cancel"], [], "CANCELLED")
    try:
        channel.unary_unary(path("Nowhere"), **how)("lost")
    except grpc.RpcError as error:
        note("Nowhere", ["lost"], [], error.code().name)
    time.sleep(0.2)
    channel.close()
    print(json.dumps(seen))


if sys.argv[1] == "serve":
    serve()
else:
    call(int(sys.argv[2]), sys.argv[3])
