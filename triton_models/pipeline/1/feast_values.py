"""How Feast 0.67 serializes what the online store holds (entity key serialization version 3); a test reads it back."""

import struct

STRING = 2  # feast.types.ValueType.STRING
TEXT, BOOL, NULL = 2, 7, 19  # field numbers of feast.types.Value
INTEGERS = (3, 4, 8)  # int32, int64, unix_timestamp
FLOATS = {5: "<d", 6: "<f"}
DOUBLE, DOUBLE_VALUE = 5 << 3 | 1, struct.Struct("<d")  # the tag of field 5 with 8 bytes


def entity_key(join_key: str, value: str) -> bytes:
    """The key of one string entity, as Feast serializes it."""
    name, text = join_key.encode(), value.encode()
    return struct.pack("<3I", 1, STRING, len(name)) + name + struct.pack("<2I", STRING, len(text)) + text


def decode(value: bytes):
    """A scalar ``ValueProto``: one set field, whose number says the type; None when it is null or not set."""
    if not value:
        return None
    if value[0] == DOUBLE:  # most features are
        return DOUBLE_VALUE.unpack_from(value, 1)[0]
    tag, offset = _varint(value, 0)
    field = tag >> 3
    if field in FLOATS:
        return struct.unpack_from(FLOATS[field], value, offset)[0]
    number, offset = _varint(value, offset)
    if field == TEXT:
        return value[offset : offset + number].decode()
    if field in INTEGERS:
        return number - (1 << 64) if number >> 63 else number
    if field in (BOOL, NULL):
        return bool(number) if field == BOOL else None
    raise ValueError(f"the online store holds a value of Feast type {field}; only scalars can be served")


def timestamp(value: bytes) -> float:
    """Epoch seconds of a serialized ``google.protobuf.Timestamp``: field 1 seconds, field 2 nanoseconds."""
    parts, offset = {1: 0, 2: 0}, 0
    while offset < len(value):
        tag, offset = _varint(value, offset)
        parts[tag >> 3], offset = _varint(value, offset)
    return parts[1] + parts[2] / 1e9


def _varint(value: bytes, offset: int):
    shift = number = 0
    while True:
        byte = value[offset]
        offset += 1
        number |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return number, offset
        shift += 7
