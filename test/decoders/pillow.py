# Decodes images with Pillow for test/decoders/main.ts: a path a line on stdin; on stdout JSON, with its length in four bytes
# before it, and, where that says width and height, the pixels as RGB after it. Pixels are those of `convert("RGB")`, as they are stored: transparency is
# dropped and no color profile is applied. One thing is done here, because Pillow cuts values off there: gray of 16 bits
# is rounded to 8.

import json
import struct
import sys
import warnings

from PIL import Image

warnings.simplefilter("ignore")
Image.MAX_IMAGE_PIXELS = 1 << 27


def rgb(image):
    image.load()
    if image.mode.startswith("I;16"):
        values = image.convert("I").tobytes()
        count = image.size[0] * image.size[1]
        numbers = memoryview(values).cast("i")
        image = Image.frombytes("L", image.size, bytes((numbers[i] * 255 + 32767) // 65535 for i in range(count)))
    elif image.mode == "I" and image.format == "PNG":
        numbers = memoryview(image.tobytes()).cast("i")
        image = Image.frombytes("L", image.size, bytes((value * 255 + 32767) // 65535 for value in numbers))
    elif image.mode in ("I", "F"):
        raise ValueError(f"mode {image.mode} has no 8 bits")
    return image.convert("RGB")


for line in sys.stdin:
    try:
        with Image.open(line[:-1]) as image:
            mode = image.mode
            pixels = rgb(image)
        head, body = {"width": pixels.width, "height": pixels.height, "mode": mode}, pixels.tobytes()
    except Exception as error:
        head, body = {"error": f"{type(error).__name__}: {error}"}, b""
    text = json.dumps(head).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(text)) + text + body)
    sys.stdout.buffer.flush()
