"""How Feast 0.67 serializes what the online store holds (entity key serialization version 3); a test reads it back."""

import struct

STRING = 2  # feast.types.ValueType.STRING
WHOLE = {"Int32": ("<2Ii", 3), "Int64": ("<2Iq", 4)}  # of feast.types.ValueType too
TEXT, BOOL, NULL = 2, 7, 19  # field numbers of feast.types.Value
INTEGERS = (3, 4, 8)  # int32, int64, unix_timestamp
FLOATS = {5: "<d", 6: "<f"}
DOUBLE, DOUBLE_VALUE = 5 << 3 | 1, struct.Struct("<d")  # the tag of field 5 with 8 bytes


def entity_keys(declared: dict):
    """A function from the text of a key to the bytes in which Feast serializes it.

    ``declared``: ``key``, the name of the entity's join key, and ``key_type``, its type (String without). A whole
    number is text in digits, as ``RequestRules.refuse_keys`` proves it to be.
    """
    name, kind = declared["key"].encode(), declared.get("key_type", "String")
    head = struct.pack("<3I", 1, STRING, len(name)) + name

    def of_text(value: str) -> bytes:
        text = value.encode()
        return head + struct.pack("<2I", STRING, len(text)) + text

    def of_number(value: str) -> bytes:
        return head + whole.pack(number, whole.size - 8, int(value))

    if kind == "String":
        return of_text
    form, number = WHOLE[kind]
    whole = struct.Struct(form)
    return of_number


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
