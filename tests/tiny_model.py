"""A language model of 110 kB with random weights, in the GGUF format that llama.cpp loads.

One layer, one token per byte. It writes nonsense, but at temperature 0 always the same nonsense,
and it likes to close what it has opened, so that an answer held to a JSON schema comes to an end.
"""

import random
import struct
from collections.abc import Sequence
from pathlib import Path

CONTEXT = 16_384

_WIDTH, _HIDDEN = 32, 64
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
_TOKENS = ["<unk>", "<s>", "</s>", *_BYTES]
_UNKNOWN, _CONTROL, _BYTE = 2, 3, 6
"""Kinds of tokens, as GGUF numbers them."""

_TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"

_LIKED = {'"': 1.8, "}": 1.6, "]": 1.6, "n": 1.4, " ": -1.8, "\n": -1.8, "\t": -1.8}

_UINT32, _INT32, _FLOAT32, _STRING, _ARRAY = 4, 5, 6, 8, 9
"""Types of values, as GGUF numbers them."""

Value = str | int | float | Sequence[str] | Sequence[int] | Sequence[float]


def write_tiny_model(path: Path, *, seed: int = 0) -> Path:
    """Write the model to a file; returns `path`."""
    tensors = _tensors(random.Random(seed))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(_FACTS))
    head += b"".join(_string(name) + _value(value) for name, value in _FACTS.items())
    data = b""
    for name, (shape, numbers) in tensors.items():
        head += _string(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}QIQ", *shape, 0, len(data))
        data += struct.pack(f"<{len(numbers)}f", *numbers)
    path.write_bytes(head + b"\0" * (-len(head) % 32) + data)
    return path


_FACTS: dict[str, Value] = {
    "general.architecture": "llama",
    "llama.context_length": CONTEXT,
    "llama.embedding_length": _WIDTH,
    "llama.block_count": 1,
    "llama.feed_forward_length": _HIDDEN,
    "llama.attention.head_count": 2,
    "llama.attention.head_count_kv": 2,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.rope.dimension_count": _WIDTH // 2,
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": _TOKENS,
    "tokenizer.ggml.scores": [0.0] * len(_TOKENS),
    "tokenizer.ggml.token_type": [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * len(_BYTES)],
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.unknown_token_id": 0,
    "tokenizer.chat_template": _TEMPLATE,
}

Tensor = tuple[tuple[int, ...], list[float]]


def _tensors(rng: random.Random) -> dict[str, Tensor]:
    def noise(*shape: int) -> Tensor:
        count = shape[0] * shape[1]
        return shape, [rng.gauss(0, 0.02) for _ in range(count)]

    ones = ((_WIDTH,), [1.0] * _WIDTH)
    embedding, output = noise(_WIDTH, len(_TOKENS)), noise(_WIDTH, len(_TOKENS))
    for token in range(len(_TOKENS)):
        embedding[1][token * _WIDTH] = 1.0
    for char, liking in _LIKED.items():
        # The first dimension is the same for every input, so this is a bias.
        output[1][_TOKENS.index(f"<0x{ord(char):02X}>") * _WIDTH] = liking
    return {
        "token_embd.weight": embedding,
        "output_norm.weight": ones,
        "output.weight": output,
        "blk.0.attn_norm.weight": ones,
        "blk.0.ffn_norm.weight": ones,
        **{
            f"blk.0.attn_{part}.weight": noise(_WIDTH, _WIDTH) for part in ("q", "k", "v", "output")
        },
        "blk.0.ffn_gate.weight": noise(_WIDTH, _HIDDEN),
        "blk.0.ffn_up.weight": noise(_WIDTH, _HIDDEN),
        "blk.0.ffn_down.weight": noise(_HIDDEN, _WIDTH),
    }


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: Value) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _string(value)
    if isinstance(value, float):
        return struct.pack("<If", _FLOAT32, value)
    if isinstance(value, int):
        return struct.pack("<II", _UINT32, value)
    kind, items = _items(value)
    return struct.pack("<IIQ", _ARRAY, kind, len(value)) + items


def _items(values: Sequence[str] | Sequence[int] | Sequence[float]) -> tuple[int, bytes]:
    if isinstance(values[0], str):
        return _STRING, b"".join(_string(str(value)) for value in values)
    if isinstance(values[0], float):
        return _FLOAT32, struct.pack(f"<{len(values)}f", *values)
    return _INT32, struct.pack(f"<{len(values)}i", *values)
