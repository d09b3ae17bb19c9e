"""Reads a dataset with Python's standard library alone: python3 read_dataset.py FORMAT PATH

Prints one JSON object a sample, {"label", "shape": [height, width, channels], "pixels": base64}, in the order of the
dataset. Images are PNG of 8 bits, gray or RGB, as the tests let them be written.
"""

import base64
import json
import pathlib
import pickle
import re
import struct
import sys
import tarfile
import zipfile
import zlib


def png(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, []
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", body[:10])
        if kind == b"IDAT":
            parts.append(body)
        at += 12 + length
    assert depth == 8 and color in (0, 2)
    channels = 3 if color == 2 else 1
    raw, stride = zlib.decompress(b"".join(parts)), width * channels
    rows, above = [], bytearray(stride)
    for y in range(height):
        row = bytearray(raw[y * (stride + 1) + 1 : (y + 1) * (stride + 1)])
        unfilter(raw[y * (stride + 1)], row, above, channels)
        rows.append(row)
        above = row
    return [height, width, channels], b"".join(rows)


def unfilter(kind, row, above, channels):
    for i in range(len(row)):
        left = row[i - channels] if i >= channels else 0
        corner = above[i - channels] if i >= channels else 0
        up = above[i]
        guess = left + up - corner
        paeth = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
        row[i] = (row[i] + [0, left, up, (left + up) // 2, paeth][kind]) & 255


def array(data):
    """Of numpy's format, version 1: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html"""
    assert data[:8] == b"\x93NUMPY\x01\x00"
    (length,) = struct.unpack("<H", data[8:10])
    header = data[10 : 10 + length].decode("latin1")
    assert (10 + length) % 64 == 0 and "'fortran_order': False" in header
    shape = [int(n) for n in re.search(r"\(([^)]*)\)", header).group(1).split(",") if n.strip()]
    return re.search(r"'descr': '([^']*)'", header).group(1), shape, data[10 + length :]


def pictures(shape, pixels):
    size = len(pixels) // shape[0]
    dimensions = shape[1:] if len(shape) == 4 else [*shape[1:], 1]
    return [(dimensions, pixels[i * size : (i + 1) * size]) for i in range(shape[0])]


def class_folders(path, below=""):
    folders = sorted(folder.name for folder in path.iterdir() if folder.is_dir())
    for label, name in enumerate(folders):
        for file in sorted((path / name / below).iterdir()):
            yield label, *png(file.read_bytes())


def backdoorbench(path):
    with zipfile.ZipFile(path / "attack_result.pt") as archive:
        state = pickle.loads(archive.read("archive/data.pkl"))["bd_train"]["bd_data_container"]
    for _, item in sorted(state["data_dict"].items()):
        yield item["other_info"][0], *png(pathlib.Path(item["path"]).read_bytes())


def webdataset(path):
    samples = {}
    for shard in sorted(path.glob("*.tar")):
        with tarfile.open(shard) as archive:
            for member in archive:
                key, _, ending = member.name.partition(".")
                samples.setdefault(key, {})[ending] = archive.extractfile(member).read()
    for sample in samples.values():
        yield int(sample["cls"]), *png(sample["png"])


def ndjson(path):
    for shard in sorted(path.glob("*.ndjson")):
        for line in shard.read_text("utf8").splitlines():
            sample = json.loads(line)
            yield sample["label"], *png(base64.b64decode(sample["image"]))


def npz(path):
    for shard in sorted(path.glob("*.npz")):
        with zipfile.ZipFile(shard) as archive:
            assert archive.testzip() is None
            arrays = {name: array(archive.read(name)) for name in archive.namelist()}
        kind, shape, pixels = arrays["images.npy"]
        label_kind, (count,), labels = arrays["labels.npy"]
        assert (kind, label_kind, count) == ("|u1", "<i8", shape[0])
        for label, image in zip(struct.unpack(f"<{count}q", labels), pictures(shape, pixels)):
            yield label, *image


def idx(path):
    def read(pattern):
        (file,) = path.glob(pattern)
        data = file.read_bytes()
        assert data[:3] == b"\x00\x00\x08"
        shape = list(struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]]))
        return shape, data[4 + 4 * data[3] :]

    (shape, pixels), (_, labels) = read("*-images-*"), read("*-labels-*")
    for label, image in zip(labels, pictures(shape, pixels)):
        yield label, *image


def cifar_binary(path):
    channels, height, width = json.loads((path / "dataset.json").read_text())["shape"]
    area = height * width
    for shard in sorted(path.glob("*.bin")):
        data = shard.read_bytes()
        for at in range(0, len(data), 1 + channels * area):
            planes = data[at + 1 : at + 1 + channels * area]
            pixels = bytes(planes[i % channels * area + i // channels] for i in range(len(planes)))
            yield data[at], [height, width, channels], pixels


READERS = {
    "class-folders": class_folders,
    "tiny-imagenet": lambda path: class_folders(path, "images"),
    "backdoorbench": backdoorbench,
    "webdataset": webdataset,
    "ndjson": ndjson,
    "npz": npz,
    "idx": idx,
    "cifar-binary": cifar_binary,
}

if __name__ == "__main__":
    for label, shape, pixels in READERS[sys.argv[1]](pathlib.Path(sys.argv[2])):
        print(json.dumps({"label": label, "shape": shape, "pixels": base64.b64encode(pixels).decode()}))
