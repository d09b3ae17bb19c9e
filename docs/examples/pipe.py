#!/usr/bin/env python3
"""Pipes images from Python into DataElixir and back, with the standard library alone.

Usage: pipe.py DENOISER [OPTION...]      (reads nothing, makes 120 images itself; replace `images` by yours)

A thread feeds NDJSON lines into the tool, {"id", "label", "image": base64 of a PNG}, while this one takes the settled
lines from it; either side waits for the other, so neither has to fit into memory.
"""

import base64
import json
import os
import random
import shlex
import struct
import subprocess
import sys
import threading
import zlib

TOOL = shlex.split(os.environ.get("DATAELIXIR", "npx dataelixir"))


def png(width, height, rgb):
    """A PNG file of 8-bit RGB rows."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + rgb[y * width * 3 : (y + 1) * width * 3] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def images():
    """Samples as (id, label, PNG): squares whose colour is their class."""
    draw = random.Random(1)
    for number in range(120):
        label = number % 10
        colour = bytes((25 * label, 250 - 25 * label, draw.randrange(256)))
        yield f"square-{number}", label, png(32, 32, colour * 32 * 32)


def feed(stdin):
    try:
        for name, label, image in images():
            line = {"id": name, "label": label, "image": base64.b64encode(image).decode(), "from": "pipe.py"}
            stdin.write(json.dumps(line) + "\n")
        stdin.close()
    except BrokenPipeError:
        pass  # the tool has ended; its exit code says why


def main(denoiser, *options):
    command = [*TOOL, "purify", "-", "--output-path", "-", "--dataset-classes", "10", "--denoiser-path", denoiser]
    tool = subprocess.Popen([*command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    threading.Thread(target=feed, args=(tool.stdin,), daemon=True).start()
    settled = [json.loads(line) for line in tool.stdout]
    code = tool.wait()
    if code == 0:
        print(json.dumps({"settled": len(settled), "first": settled[0]["id"] if settled else None}))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
