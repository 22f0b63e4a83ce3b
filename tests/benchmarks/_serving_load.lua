-- wrk's script: the lines of a file as bodies of POST requests, in turn; the last line printed is what was measured.
local sent, turn = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    sent[#sent + 1] = wrk.format("POST", nil, {["Content-Type"] = "application/json"}, line)
  end
end

function request()
  turn = turn % #sent + 1
  return sent[turn]
end

function done(summary, latency)
  local e = summary.errors
  print(string.format('{"answered": %d, "seconds": %.6f, "failed": %d, "p50": %.3f, "p99": %.3f}',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
