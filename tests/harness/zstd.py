"""zstd, by the library that the gateway needs as well: Python has none of its own before 3.14."""
import ctypes

_lib = ctypes.CDLL("libzstd.so.1")
for _name, _result, _arguments in (("ZSTD_compressBound", ctypes.c_size_t, [ctypes.c_size_t]),
                                   ("ZSTD_isError", ctypes.c_uint, [ctypes.c_size_t]),
                                   ("ZSTD_compress", ctypes.c_size_t,
                                    [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int])):
    getattr(_lib, _name).restype = _result
    getattr(_lib, _name).argtypes = _arguments


def compress(data, level=3):
    """One frame."""
    out = ctypes.create_string_buffer(_lib.ZSTD_compressBound(len(data)))
    size = _lib.ZSTD_compress(out, len(out), data, len(data), level)
    if _lib.ZSTD_isError(size):
        raise ValueError(f"{len(data)} bytes could not be packed at level {level}")
    return out.raw[:size]


class Frames:
    """As zlib.compressobj(): a frame for each piece, whole at once."""

    def compress(self, data):
        return compress(data)

    def flush(self, _mode=None):
        return b""
