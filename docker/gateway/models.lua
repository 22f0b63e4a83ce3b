-- lua.grpc_model: which model a buffered gRPC request names, '' when that cannot be told beyond doubt.
-- Protocol Buffers let a field come twice and the last one counts; HAProxy's own `ungrpc` takes the first. Whoever
-- names two models, or none in the part that was read, gets no model and so no backend.

local function varint(text, at)
    local number, shift = 0, 0
    while shift < 35 do
        local byte = text:byte(at)
        if not byte then return nil end
        number = number + (byte % 128) * 2 ^ shift
        at, shift = at + 1, shift + 7
        if byte < 128 then return math.floor(number), at end
    end
end

local function skip(text, kind, at)
    local length
    if kind == 0 then
        length, at = varint(text, at)
        return at
    elseif kind == 1 then
        return at + 8
    elseif kind == 2 then
        length, at = varint(text, at)
        return length and at + length
    elseif kind == 5 then
        return at + 4
    end
end

local function model(message)
    local at, name = 1, nil
    while at <= #message do
        local tag, begin = varint(message, at)
        if not tag then return '' end
        local after = skip(message, tag % 8, begin)
        if not after or after > #message + 1 then return '' end
        if tag // 8 == 1 then
            if name or tag % 8 ~= 2 then return '' end
            local length, first = varint(message, begin)
            name = message:sub(first, first + length - 1)
        end
        at = after
    end
    return name or ''
end

core.register_fetches('grpc_model', function(txn)
    local body = txn.f:req_body()
    -- one uncompressed message: a flag byte of 0, four bytes of length, and nothing after it
    if not body or #body < 5 or body:byte(1) ~= 0 or string.unpack('>I4', body, 2) ~= #body - 5 then
        return ''
    end
    return model(body:sub(6))
end)
