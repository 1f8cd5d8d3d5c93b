"""llama.cpp's HTTP server with a model of a few hundred tokens that is made here: it answers everything with " hello
world!". usage: _llama_child.py <folder>; prints {"url"}, ends when standard input closes.

The model is a row of embeddings that are unit vectors, layers that add nothing, and an output matrix that says which
token follows which: whatever came last, the sentence begins; within it each piece has the next one behind it."""
import json
import math
import os
import struct
import sys

import xllamacpp

SENTENCE = ["\u2581hel", "lo", "\u2581wor", "ld", "!"]
TOKENS = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + SENTENCE
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
TYPES = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * len(SENTENCE)
END = 2
SIZE = 320  # of an embedding: at least one number a token, whole heads of 64
TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:"


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


FORMS = {"u32": (4, lambda value: struct.pack("<I", value)), "i32": (5, lambda value: struct.pack("<i", value)),
         "f32": (6, lambda value: struct.pack("<f", value)), "text": (8, text)}


def entry(name, form, value):
    number, pack = FORMS[form]
    if isinstance(value, list):
        packed = struct.pack("<IIQ", 9, number, len(value)) + b"".join(pack(item) for item in value)
    else:
        packed = struct.pack("<I", number) + pack(value)
    return text(name) + packed


def rows(ones):
    """A matrix with a one wherever `ones` says, by row."""
    matrix = bytearray(4 * SIZE * len(ones))
    for row, columns in enumerate(ones):
        for column in columns:
            struct.pack_into("<f", matrix, 4 * (row * SIZE + column), 1.0)
    return bytes(matrix)


def tensors():
    first = len(TOKENS) - len(SENTENCE)
    next_of = {token: token + 1 for token in range(first, len(TOKENS) - 1)}
    next_of[len(TOKENS) - 1] = END
    before = [[token for token in range(len(TOKENS)) if next_of.get(token, first) == row] for row in range(len(TOKENS))]
    nothing = {"attn_q": (SIZE, SIZE), "attn_k": (SIZE, SIZE), "attn_v": (SIZE, SIZE), "attn_output": (SIZE, SIZE),
               "ffn_gate": (SIZE, 32), "ffn_up": (SIZE, 32), "ffn_down": (32, SIZE)}
    one = struct.pack("<f", 1.0) * SIZE
    return [("token_embd", (SIZE, len(TOKENS)), rows([[token] for token in range(len(TOKENS))])),
            ("output", (SIZE, len(TOKENS)), rows(before)),
            ("output_norm", (SIZE,), one), ("blk.0.attn_norm", (SIZE,), one), ("blk.0.ffn_norm", (SIZE,), one),
            *((f"blk.0.{name}", shape, bytes(4 * math.prod(shape))) for name, shape in nothing.items())]


def write_model(path):
    meta = [entry("general.architecture", "text", "llama"), entry("llama.context_length", "u32", 256),
            entry("llama.embedding_length", "u32", SIZE), entry("llama.block_count", "u32", 1),
            entry("llama.feed_forward_length", "u32", 32), entry("llama.attention.head_count", "u32", SIZE // 64),
            entry("llama.rope.dimension_count", "u32", 64), entry("llama.vocab_size", "u32", len(TOKENS)),
            entry("llama.attention.layer_norm_rms_epsilon", "f32", 1e-5),
            entry("tokenizer.ggml.model", "text", "llama"),
            entry("tokenizer.ggml.tokens", "text", TOKENS), entry("tokenizer.ggml.token_type", "i32", TYPES),
            entry("tokenizer.ggml.scores", "f32", [0.0 if form != NORMAL else -1.0 for form in TYPES]),
            entry("tokenizer.ggml.unknown_token_id", "u32", 0), entry("tokenizer.ggml.bos_token_id", "u32", 1),
            entry("tokenizer.ggml.eos_token_id", "u32", END), entry("tokenizer.chat_template", "text", TEMPLATE)]
    head, data = b"", b""
    made = tensors()
    for name, shape, values in made:
        head += text(name + ".weight") + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", 0, len(data))
        data += values + bytes(-len(values) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(made), len(meta)) + b"".join(meta) + head
    with open(path, "wb") as out:
        out.write(head + bytes(-len(head) % 32) + data)


def main():
    path = os.path.join(sys.argv[1], "tiny.gguf")
    write_model(path)
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = 256
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.warmup = False
    params.port = 0
    params.verbosity = 0
    server = xllamacpp.Server(params)
    print(json.dumps({"url": server.listening_address}), flush=True)
    sys.stdin.read()


main()
